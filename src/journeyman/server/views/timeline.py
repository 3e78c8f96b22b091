"""Where an attempt's time went."""

from collections.abc import Iterable

from journeyman.core.api.work import Span, Timeline
from journeyman.core.events import (
    CandidateTried,
    Checked,
    CheckStarted,
    Compacted,
    Event,
    Opened,
    Replied,
    Resumed,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.text import one_line


def timeline_of(events: Iterable[Event], before: int = 0, after: int | None = None) -> Timeline:
    """The spans of a stretch of events, in the order in which they began; `before` counts the steps before it."""
    fold = _Fold(before)
    for event in events:
        fold.feed(event)
    spans = sorted((*fold.done, *fold.open.values()), key=lambda span: (span.start, span.seq))
    totals: dict[str, float] = {}
    for span in spans:
        if span.end is not None:
            totals[span.kind] = totals.get(span.kind, 0.0) + span.end - span.start
    return Timeline(spans=tuple(spans), totals=totals, after=after)


class _Fold:
    def __init__(self, steps: int) -> None:
        self.done: list[Span] = []
        self.open: dict[str, Span] = {}
        self._steps = steps
        self._last: float | None = None

    def feed(self, event: Event) -> None:
        match event:
            case Opened():
                self._add(Span(kind="open", label=event.backend, start=event.at - event.seconds, seq=event.seq), event)
            case Replied(reply=reply):
                self._steps += 1
                span = Span(
                    kind="model",
                    label=reply.model or "model",
                    start=event.at - event.seconds,
                    step=self._steps,
                    seq=event.seq,
                    cost=reply.usage.cost,
                    tokens=reply.usage.total_tokens,
                )
                self._add(span, event)
            case Compacted(usage=usage):
                span = Span(
                    kind="model",
                    label="summary of the conversation",
                    start=event.at - event.seconds,
                    step=self._steps,
                    seq=event.seq,
                    cost=usage.cost,
                    tokens=usage.total_tokens,
                )
                self._add(span, event)
            case ToolStarted():
                label = one_line(event.summary or event.name, 120)
                self.open[f"call:{event.call_id}"] = Span(
                    kind="tool", label=label, start=event.at, step=self._steps, seq=event.seq
                )
            case ToolReturned():
                self._close(f"call:{event.call_id}", event, failed=event.is_error)
            case CheckStarted():
                self.open[f"check:{event.on}:{event.check.command}"] = Span(
                    kind="check",
                    label=f"{event.on}: {one_line(event.check.command, 110)}",
                    start=event.at,
                    seq=event.seq,
                )
            case Checked(run=run):
                self._close(f"check:{run.on}:{run.check.command}", event, failed=not run.passed)
            case CandidateTried():
                label = one_line(f"{event.source}: {event.outcome}", 120)
                begun = event.at - event.seconds
                self._add(Span(kind="candidate", label=label, start=begun, step=self._steps, seq=event.seq), event)
            case Resumed() if self._last is not None:
                self._add(Span(kind="away", label="nobody was at work", start=self._last, seq=event.seq), event)
            case _:
                pass
        self._last = event.at

    def _add(self, span: Span, event: Event) -> None:
        self.done.append(span.model_copy(update={"end": event.at}))

    def _close(self, key: str, event: Event, *, failed: bool) -> None:
        span = self.open.pop(key, None)
        if span is not None:
            self.done.append(span.model_copy(update={"end": event.at, "failed": failed}))
