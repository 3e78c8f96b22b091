"""`/metrics`, in the format of Prometheus: requests as they come, tasks and usage as they are stored."""

import time
from collections.abc import Callable, Iterator

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from journeyman import __version__
from journeyman.core.people import Offer
from journeyman.server.auth.gate import Gate
from journeyman.server.auth.guard import is_loopback
from journeyman.server.errors import ApiError
from journeyman.server.parts import Parts
from journeyman.store.usage import Totals

FRESH = 5.0
"""Seconds for which sums over the store are taken as they are."""
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STATUSES = ("queued", "running", "interrupted", "done", "failed", "cancelled")


class Requests:
    """ASGI middleware that counts. Operations are named as in the API's description, so there are not many."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._count = Counter(
            "journeyman_http_requests", "Requests answered.", ("operation", "method", "status"), registry=registry
        )
        self._seconds = Histogram(
            "journeyman_http_request_seconds",
            "Time to the first byte of an answer.",
            ("operation",),
            buckets=BUCKETS,
            registry=registry,
        )
        self._open = Gauge("journeyman_http_open_requests", "Requests being answered, streams too.", registry=registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, started = time.perf_counter(), False

        async def counted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and not started:
                started = True
                name = _operation(scope)
                self._count.labels(name, scope["method"][:10], str(message["status"])).inc()
                self._seconds.labels(name).observe(time.perf_counter() - began)
            await send(message)

        with self._open.track_inprogress():
            await self._app(scope, receive, counted)


def _operation(scope: Scope) -> str:
    endpoint = scope.get("endpoint")
    return getattr(endpoint, "__name__", "other") if scope.get("route") is not None else "other"


class _Stored(Collector):
    """What the store told last."""

    def __init__(self) -> None:
        self.totals = Totals({}, {})
        self.offers: list[Offer] = []

    def collect(self) -> Iterator[Metric]:
        tasks = GaugeMetricFamily("journeyman_tasks", "Tasks that are stored.", labels=["status"])
        for status in STATUSES:
            tasks.add_metric([status], self.totals.tasks.get(status, 0))
        yield tasks
        names = ("attempts", "tokens", "cost_dollars")
        told = ("Attempts of tasks that are stored.", "Tokens that they used.", "What these cost, where it is known.")
        for place, (name, words) in enumerate(zip(names, told, strict=True)):
            family = CounterMetricFamily(f"journeyman_{name}", words, labels=["model"])
            for model, sums in sorted(self.totals.models.items()):
                family.add_metric([model], sums[place])
            yield family
        alive = self.offers
        yield GaugeMetricFamily("journeyman_workers", "Workers that were heard of lately.", len(alive))
        yield GaugeMetricFamily(
            "journeyman_slots", "Attempts that they can work at a time.", sum(o.slots for o in alive)
        )
        yield GaugeMetricFamily("journeyman_slots_used", "Attempts that they work.", sum(o.running for o in alive))


class Metrics:
    """Answers `/metrics`."""

    def __init__(self, parts: Parts, gate: Gate, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._parts = parts
        self._gate = gate
        self._monotonic = monotonic
        self._stored = _Stored()
        self._read: float | None = None
        self.registry.register(self._stored)
        ProcessCollector(registry=self.registry)
        build = Gauge("journeyman_build_info", "The running version.", ("version",), registry=self.registry)
        build.labels(__version__).set(1)

    async def answer(self, request: Request) -> Response:
        """For this machine itself, for administrators and tokens of theirs."""
        if not _is_local(request):
            actor = await self._gate.identify(request)
            if actor.role != "admin":
                raise ApiError(403, "forbidden", "The metrics are for administrators.")
        now = self._monotonic()
        if self._read is None or now - self._read > FRESH:
            self._stored.totals = await self._parts.store.usage.totals()
            self._stored.offers = await self._parts.store.offers.all()
            self._read = now
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


def serve_metrics(app: FastAPI, metrics: Metrics) -> None:
    """Count the requests of `app`, and answer `/metrics`, before whatever else it has there."""

    async def metrics_page(request: Request) -> Response:
        """Figures for Prometheus."""
        return await metrics.answer(request)

    app.add_middleware(Requests, registry=metrics.registry)
    app.add_route("/metrics", metrics_page, methods=["GET"], include_in_schema=False)
    app.router.routes.insert(0, app.router.routes.pop())


def _is_local(connection: HTTPConnection) -> bool:
    """Whether a program of this machine asks for itself, and not a proxy for somebody."""
    forwarded = any(name in connection.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    return not forwarded and connection.client is not None and is_loopback(connection.client.host)
