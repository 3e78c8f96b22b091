"""The HTTP core of both wires: one client per model, streams, retries, errors."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from journeyman import __version__
from journeyman.core.errors import ModelError, RetryLater, Unreachable, UsageError
from journeyman.core.model import ModelRequest, Profile, Reply
from journeyman.core.text import one_line
from journeyman.models.prices import Prices
from journeyman.models.protocol import OnDelta, OnRetry
from journeyman.models.retry import Cut, Retries, with_retries
from journeyman.models.wire.connections import Connections
from journeyman.models.wire.failures import Peer, error_of, failure_of_body
from journeyman.models.wire.sse import EventParser, ServerEvent

if TYPE_CHECKING:
    import httpx

LAST_BYTES = 0.25
"""Seconds to wait for the end of a stream that has said all, so that its connection can be used again."""
ERROR_BYTES = 64 * 1024
"""How much of an error's body is read."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is. `base_url` ends before `/responses`; `idle` is the longest silence in seconds."""

    base_url: str
    key: str = ""
    key_name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    idle: float = 300.0
    connect: float = 15.0


class Reader(Protocol):
    """Folds one answer into a reply."""

    @property
    def done(self) -> bool: ...
    def event(self, name: str, data: bytes) -> None: ...
    def whole(self, value: dict[str, Any]) -> None: ...
    def reply(self) -> Reply: ...


class Wire(Protocol):
    """A format: how a request is written and an answer is read."""

    @property
    def path(self) -> str: ...
    @property
    def peer(self) -> Peer: ...
    def body(self, request: ModelRequest) -> bytes: ...
    def reader(self, on_delta: OnDelta | None) -> Reader: ...


class HttpModel:
    """A model behind one of the wires. Calls may run side by side; each has a connection while it streams.

    After `on_retry` the deltas of a reply begin anew.
    """

    def __init__(
        self,
        wire: Wire,
        profile: Profile,
        endpoint: Endpoint,
        *,
        prices: Prices,
        retries: Retries | None = None,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._wire = wire
        self._profile = profile
        self._url, self._headers = address_of(endpoint, wire.path)
        idle, connect = endpoint.idle, endpoint.connect
        self._timeouts = {"connect": connect, "read": idle, "write": idle, "pool": connect}
        self._idle = endpoint.idle
        self._connections = Connections(maker_of(self._url))
        self._prices = prices
        self._retries = retries or Retries()
        self._chance = chance
        self._clock = clock

    @property
    def profile(self) -> Profile:
        return self._profile

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply:
        body = self._wire.body(request)
        reply = await with_retries(lambda: self._once(body, on_delta), self._retries, self._chance, on_retry)
        cost = await self._prices.cost(reply.usage)
        return reply.model_copy(update={"usage": reply.usage.model_copy(update={"cost": cost})})

    async def close(self) -> None:
        self._prices.close()
        await self._connections.close()

    async def _once(self, body: bytes, on_delta: OnDelta | None) -> Reply:
        import httpx

        peer = self._wire.peer
        self._prices.begin()
        client, whole = self._connections.take(), False
        try:
            # made here and not by the client, which would merge and parse again what never changes
            extensions = {"timeout": self._timeouts}
            made = httpx.Request("POST", self._url, headers=self._headers, content=body, extensions=extensions)
            response = await client.send(made, stream=True)
            try:
                reply, whole = await self._read(response, on_delta)
            finally:
                await response.aclose()
            return reply
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            why = one_line(str(error)) or "no connection in time"
            raise Unreachable(
                f"Nobody answers at {peer.address} for {peer.model} ({why}). Is the server running, and base_url right?"
            ) from error
        except httpx.TimeoutException as error:
            raise RetryLater(f"{peer.model} at {peer.address} was silent for {self._idle:g} s.") from error
        except httpx.LocalProtocolError:
            # its text quotes the header, and with it the key
            raise ModelError(
                f"The request to {peer.address} cannot be written: a header or the key is wrong."
            ) from None
        except httpx.DecodingError as error:
            raise ModelError(f"The answer of {peer.address} cannot be unpacked: {one_line(str(error))}") from error
        except httpx.TransportError as error:
            raise Cut(f"The connection to {peer.address} was cut before {peer.model} had answered.") from error
        finally:
            await self._connections.give(client, whole)

    async def _read(self, response: "httpx.Response", on_delta: OnDelta | None) -> tuple[Reply, bool]:
        """The reply, and whether the answer was read to its end."""
        peer = self._wire.peer
        if response.status_code != 200:
            failure = failure_of_body(response.status_code, response.headers, await _start_of(response), self._clock())
            raise error_of(failure, peer)
        reader = self._wire.reader(on_delta)
        kind = response.headers.get("content-type", "")
        if kind.startswith(("application/json", "text/html")):
            return self._whole(reader, await response.aread(), kind), True
        parser = EventParser()
        chunks = response.aiter_bytes()
        async for chunk in chunks:
            for event in parser.feed(chunk):
                self._feed(reader, event)
            if reader.done:
                return reader.reply(), await _drain(chunks)
        for event in parser.end():
            with suppress(ValueError):  # half an event: the stream was cut
                reader.event(event.name, event.data)
        try:
            return reader.reply(), True
        except ValueError as error:
            raise Cut(f"The stream of {peer.address} ended before {peer.model} had answered.") from error

    def _feed(self, reader: Reader, event: ServerEvent) -> None:
        try:
            reader.event(event.name, event.data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._unreadable(event.data) from error

    def _whole(self, reader: Reader, body: bytes, kind: str) -> Reply:
        import json

        try:
            value = json.loads(body)
            reader.whole(cast("dict[str, Any]", value))
            return reader.reply()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if kind.startswith("text/html"):
                failure = failure_of_body(200, {}, body, self._clock())
                raise self._unreadable(failure.message.encode()) from error
            raise self._unreadable(body) from error

    def _unreadable(self, data: bytes) -> ModelError:
        peer = self._wire.peer
        start = one_line(data[:400].decode("utf-8", "replace"), 200)
        return ModelError(
            f"The answer of {peer.address} for {peer.model} cannot be read: {start!r}. "
            "Is base_url right, and does the server speak this wire?"
        )


@asynccontextmanager
async def open_http(
    endpoint: Endpoint,
    profile: Profile,
    wire: Wire,
    *,
    prices: Prices | None = None,
    retries: Retries | None = None,
    chance: Callable[[], float] = random.random,
    clock: Callable[[], float] = time.time,
) -> AsyncGenerator[HttpModel]:
    """A model at `endpoint`; its connections live as long as the context. Connects when the first request is sent."""
    prices = prices or Prices.of(profile)
    model = HttpModel(wire, profile, endpoint, prices=prices, retries=retries, chance=chance, clock=clock)
    try:
        yield model
    finally:
        await model.close()


def address_of(endpoint: Endpoint, path: str) -> tuple["httpx.URL", "httpx.Headers"]:
    """Where requests go, and the headers that they have in common; a `UsageError` says what cannot be right."""
    import httpx

    headers = {"content-type": "application/json", "accept": "text/event-stream", "accept-encoding": "identity"}
    headers |= {"user-agent": f"journeyman/{__version__}", **endpoint.headers}
    if endpoint.key:
        if not endpoint.key.isascii() or not endpoint.key.isprintable() or " " in endpoint.key:
            raise UsageError(f"The key in {endpoint.key_name or 'the settings'} holds characters that no key has.")
        headers["authorization"] = f"Bearer {endpoint.key}"
    try:
        base = httpx.URL(endpoint.base_url)
    except httpx.InvalidURL as error:
        raise UsageError(f"base_url {endpoint.base_url!r} is no address: {error}") from error
    if base.scheme not in ("http", "https") or not base.host:
        raise UsageError(
            f"base_url {endpoint.base_url!r} is no address: it starts with http:// or https:// and a host."
        )
    return base.copy_with(path=base.path.rstrip("/") + path), httpx.Headers(headers)


def maker_of(url: "httpx.URL") -> "Callable[[], httpx.AsyncClient]":
    """Makes clients for `url`, which share their certificates. Loopback is never reached through a proxy."""
    import httpx

    trust_env = not is_loopback(url.host)
    # plain HTTP needs no certificates, which take 20 ms to load
    verify = httpx.create_ssl_context(verify=url.scheme == "https", trust_env=trust_env)
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60.0)
    return lambda: httpx.AsyncClient(verify=verify, limits=limits, trust_env=trust_env)


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1", "[::1]") or host.startswith("127.")


async def _drain(chunks: AsyncIterator[bytes]) -> bool:
    """Reads what is left of an answer that has said all; False when its end does not come."""
    import httpx

    with suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(LAST_BYTES):
            async for _ in chunks:
                pass
            return True
    return False


async def _start_of(response: "httpx.Response") -> bytes:
    data = b""
    async for chunk in response.aiter_bytes():
        data += chunk
        if len(data) >= ERROR_BYTES:
            break
    return data
