"""OpenTelemetry, where the surroundings ask for it: traces and metrics go to a collector by OTLP over HTTP.

The variables are OpenTelemetry's own: OTEL_EXPORTER_OTLP_ENDPOINT turns it on, OTEL_SDK_DISABLED off again.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from journeyman import __version__
from journeyman.core.task import Attempt

if TYPE_CHECKING:
    from journeyman.attempt.spans import AttemptSpans
    from journeyman.core.events import AttemptStarted


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether there is somewhere to send to."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    names = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return any(environ.get(name) for name in names)


@contextmanager
def telemetry(environ: Mapping[str, str]) -> Generator[None]:
    """Send what happens in the body, to its end; nothing, and nothing is loaded, where nobody asks for it."""
    if not wanted(environ):
        yield
        return
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {"service.version": __version__}
    if not environ.get("OTEL_SERVICE_NAME"):
        named["service.name"] = "journeyman"
    resource = Resource.create(named)
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
    trace.set_tracer_provider(traces)
    metrics.set_meter_provider(meters)
    try:
        yield
    finally:
        traces.shutdown()
        meters.shutdown()


def observer(environ: Mapping[str, str]) -> "Callable[[Attempt, AttemptStarted | None], AttemptSpans] | None":
    """Makes spans of attempts, where somebody wants them."""
    if not wanted(environ):
        return None
    from opentelemetry import trace

    from journeyman.attempt.spans import AttemptSpans

    return lambda attempt, start: AttemptSpans(attempt, start, trace.get_tracer_provider())
