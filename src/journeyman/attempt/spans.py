"""An attempt as spans of OpenTelemetry, by the GenAI conventions: made of its events, as everything that is shown is.

All attempts of a task are in one trace, whose id is made of the task's. No content is sent: neither prompts nor
replies nor what commands write.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from journeyman.core.events import (
    AttemptStarted,
    Checked,
    Event,
    Finished,
    Opened,
    Replied,
    Resumed,
    Retried,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.task import Attempt

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider

NANO = 1_000_000_000


class AttemptSpans:
    """Listens to the log of an attempt, which began with `start` where it was begun before. Spans have the times of the
    events."""

    def __init__(self, attempt: Attempt, start: AttemptStarted | None, provider: "TracerProvider") -> None:
        from journeyman import __version__

        self._attempt = attempt
        self._tracer = provider.get_tracer("journeyman", __version__)
        self._root: Span | None = None
        self._tools: dict[str, tuple[Span, float]] = {}
        self._start = start

    def __call__(self, events: Sequence[Event]) -> None:
        for event in events:
            self._take(event)

    def close(self, at: float) -> None:
        """End what is open: the attempt stops here, and may go on elsewhere."""
        for span, _ in self._tools.values():
            span.end(_nano(at))
        self._tools.clear()
        if self._root is not None:
            self._root.end(_nano(at))
            self._root = None

    def _take(self, event: Event) -> None:
        root = self._root
        match event:
            case AttemptStarted():
                self._start = event
            case Resumed() | Opened() if root is None:
                self._begin(event)
            case Replied():
                self._chat(event)
            case ToolStarted():
                self._tools[event.call_id] = (self._tool(event), event.at)
            case ToolReturned() if event.call_id in self._tools:
                span, _ = self._tools.pop(event.call_id)
                if event.is_error:
                    _failed(span, "tool_error")
                span.end(_nano(event.at))
            case Checked():
                self._check(event)
            case Retried() if root is not None:
                root.add_event("retry", {"journeyman.wait": event.wait}, _nano(event.at))
            case Stopped() if root is not None:
                root.set_attribute("journeyman.stop", event.reason)
            case Finished() if root is not None:
                root.set_attribute("journeyman.verdict", event.result.verdict)
                self.close(event.at)
            case _:
                pass

    def _begin(self, event: Resumed | Opened) -> None:
        started = event.at - event.seconds if isinstance(event, Opened) else event.at
        self._root = self._tracer.start_span(
            "invoke_agent journeyman",
            self._parent(),
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "journeyman",
                "gen_ai.conversation.id": self._attempt.task_id,
                "journeyman.attempt": self._attempt.id,
                "journeyman.resumed": isinstance(event, Resumed),
            },
            start_time=_nano(started),
        )
        if (start := self._start) is not None:
            told = {"gen_ai.request.model": start.model, "journeyman.mode": start.mode}
            self._root.set_attributes({**told, "journeyman.strategy": start.strategy})

    def _chat(self, event: Replied) -> None:
        from opentelemetry.trace import SpanKind

        reply = event.reply
        model = self._start.model if self._start is not None else reply.model
        span = self._tracer.start_span(
            f"chat {model}",
            self._below(),
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": model,
                "gen_ai.response.model": reply.model or model,
                "gen_ai.response.finish_reasons": (reply.stop,),
                "gen_ai.usage.input_tokens": reply.usage.input_tokens,
                "gen_ai.usage.output_tokens": reply.usage.output_tokens,
                "gen_ai.usage.cache_read.input_tokens": reply.usage.cached_input_tokens,
                "journeyman.cost": reply.usage.cost or 0.0,
            },
            start_time=_nano(event.at - event.seconds),
        )
        span.end(_nano(event.at))

    def _tool(self, event: ToolStarted) -> "Span":
        return self._tracer.start_span(
            f"execute_tool {event.name}",
            self._below(),
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": event.name,
                "gen_ai.tool.call.id": event.call_id,
            },
            start_time=_nano(event.at),
        )

    def _check(self, event: Checked) -> None:
        run = event.run
        span = self._tracer.start_span(
            "check",
            self._below(),
            attributes={"journeyman.check.on": run.on, "journeyman.check.passed": run.passed},
            start_time=_nano(event.at - run.seconds),
        )
        span.end(_nano(event.at))

    def _below(self) -> "Context":
        from opentelemetry.trace import set_span_in_context

        return set_span_in_context(self._root) if self._root is not None else self._parent()

    def _parent(self) -> "Context":
        """The task, which no span of its own stands for: it has no end."""
        from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

        digest = hashlib.sha256(self._attempt.task_id.encode()).digest()
        trace, span = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
        context = SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        return set_span_in_context(NonRecordingSpan(context))


def _failed(span: "Span", kind: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))


def _nano(at: float) -> int:
    return int(at * NANO)
