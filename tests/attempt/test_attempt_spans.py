"""An attempt as spans: made of its events, without any content."""

import json
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext

from journeyman.attempt.spans import AttemptSpans
from journeyman.core.events import (
    AttemptStarted,
    Event,
    Opened,
    Progressed,
    Replied,
    Resumed,
    Retried,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.model import Profile, Reply, say
from journeyman.core.task import Attempt, Base, Limits
from journeyman.core.usage import Usage

START = AttemptStarted(
    task_id="0task",
    prompt="a prompt that is nobody's business",
    mode="code",
    model="big",
    profile=Profile(name="big"),
    strategy="loop",
    base=Base(repository="/r", tree="t"),
    limits=Limits(),
)


def reply(text: str, tokens: int) -> Reply:
    return say(text).model_copy(update={"usage": Usage(input_tokens=tokens, output_tokens=7, cost=0.5)})


def context(span: ReadableSpan) -> SpanContext:
    assert span.context is not None
    return span.context


def spans(*listened: tuple[str, Sequence[Event], float]) -> tuple[ReadableSpan, ...]:
    """What the exporter gets of attempts: id, events, and when their process stopped."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    for attempt, events, end in listened:
        made = AttemptSpans(Attempt(id=attempt, task_id="0task"), START, provider)
        for event in events:
            made([event])
        made.close(end)
    return exporter.get_finished_spans()


def test_steps_and_tools_are_below_the_attempt() -> None:
    events: list[Event] = [
        Opened(at=101.0, seconds=1.0, backend="bubblewrap", workspace="/r"),
        Replied(at=105.0, seconds=3.0, reply=reply("a secret answer", 40)),
        ToolStarted(at=105.0, call_id="c1", name="shell", summary="cat /etc/secret"),
        Progressed(at=105.5, text="x"),
        ToolReturned(at=106.0, call_id="c1", name="shell", content="a secret output", is_error=True),
        Retried(at=106.5, message="overloaded", wait=2.0),
        Stopped(at=107.0, reason="finished"),
    ]
    found = spans(("0task.1.1", events, 108.0))
    chat, tool, root = found
    assert [(span.name, (span.end_time or 0) - (span.start_time or 0)) for span in found] == [
        ("chat big", 3_000_000_000),
        ("execute_tool shell", 1_000_000_000),
        ("invoke_agent journeyman", 8_000_000_000),
    ]
    assert root.start_time == 100_000_000_000
    assert {span.parent.span_id for span in (chat, tool) if span.parent} == {context(root).span_id}
    told = dict(chat.attributes or {})
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"], told["journeyman.cost"]) == (
        40,
        7,
        0.5,
    )
    assert (tool.status.is_ok, dict(root.attributes or {})["journeyman.stop"]) == (False, "finished")
    assert [event.name for event in root.events] == ["retry"]
    text = json.dumps([json.loads(span.to_json()) for span in found])
    assert "secret" not in text and "nobody" not in text


def test_a_task_is_one_trace_whoever_works_it() -> None:
    first: list[Event] = [
        Opened(at=1.0, backend="b", workspace="/r"),
        ToolStarted(at=2.0, call_id="c1", name="shell"),
    ]
    second: list[Event] = [Resumed(at=9.0, holder="other"), Opened(at=10.0, backend="b", workspace="/r")]
    found = spans(("0task.1.1", first, 3.0), ("0task.1.1", second, 12.0), ("0task.1.2", first[:1], 5.0))
    assert [(span.name, span.end_time) for span in found] == [
        ("execute_tool shell", 3_000_000_000),
        ("invoke_agent journeyman", 3_000_000_000),
        ("invoke_agent journeyman", 12_000_000_000),
        ("invoke_agent journeyman", 5_000_000_000),
    ]
    assert len({context(span).trace_id for span in found}) == 1
    assert len({context(span).span_id for span in found}) == 4
    assert [dict(span.attributes or {}).get("journeyman.resumed") for span in found[1:]] == [False, True, False]


def test_nothing_is_sent_before_anything_happened() -> None:
    assert spans(("0task.1.1", [], 1.0)) == ()
