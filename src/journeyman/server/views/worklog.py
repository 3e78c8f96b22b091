"""The work log: what an attempt did, entry by entry, as a fold over a stretch of its events."""

from collections.abc import Iterable, Sequence

from journeyman.core.api.work import (
    CallView,
    CandidateEntry,
    CheckEntry,
    NoteEntry,
    SaidEntry,
    StepEntry,
    WorkEntry,
)
from journeyman.core.events import (
    AttemptStarted,
    CandidateTried,
    Checked,
    Event,
    Opened,
    Progressed,
    Replied,
    RequestRefused,
    Resumed,
    Retried,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.items import Reasoning
from journeyman.core.model import Reply
from journeyman.core.text import clip
from journeyman.server.views.checks import run_view

CONTENT = 20_000
"""Characters of a call's arguments, and of what it returned, that an entry holds."""


def entries_of(events: Iterable[Event], before: int = 0) -> list[WorkEntry]:
    """The entries of a stretch of events; `before` counts the steps that came earlier.

    The stretch has no `orphans`.
    """
    entries: list[WorkEntry] = []
    calls: dict[str, int] = {}  # the place in `entries` of the step that a call belongs to
    steps = before
    running = 0  # the place of the step whose calls may still run
    for event in events:
        match event:
            case Replied():
                steps += 1
                running = len(entries)
                calls.update({call.call_id: len(entries) for call in event.reply.calls})
                entries.append(_step(event, steps))
            case ToolStarted() | ToolReturned():
                place = calls.get(event.call_id)
                if place is not None and isinstance(step := entries[place], StepEntry):
                    entries[place] = _with_call(step, event)
            case _:
                if isinstance(event, Stopped):
                    running = len(entries)
                entry = _entry(event)
                if entry is not None:
                    entries.append(entry)
    return [_closed(entry) if place < running else entry for place, entry in enumerate(entries)]


def orphans(events: Sequence[Event]) -> set[str]:
    """The calls in a stretch of events whose step began before it."""
    known = {call.call_id for event in events if isinstance(event, Replied) for call in event.reply.calls}
    return {event.call_id for event in events if isinstance(event, ToolStarted | ToolReturned)} - known


def unanswered(events: Iterable[Event]) -> set[str]:
    """The calls that a stretch of events asks for and does not see the end of."""
    waiting: set[str] = set()
    for event in events:
        match event:
            case Replied(reply=reply):
                waiting = {call.call_id for call in reply.calls}
            case ToolReturned(call_id=call_id):
                waiting.discard(call_id)
            case _:
                pass
    return waiting


def _step(event: Replied, number: int) -> StepEntry:
    reply = event.reply
    return StepEntry(
        seq=event.seq,
        at=event.at,
        number=number,
        seconds=event.seconds,
        text=reply.text,
        reasoning=_reasoning(reply),
        usage=reply.usage,
        calls=tuple(
            CallView(
                call_id=call.call_id,
                name=call.name,
                seq=event.seq,
                at=event.at,
                status="running",
                arguments=clip(call.arguments, CONTENT),
            )
            for call in reply.calls
        ),
    )


def _reasoning(reply: Reply) -> str:
    return "\n\n".join(item.text for item in reply.items if isinstance(item, Reasoning) and item.text.strip())


def _with_call(step: StepEntry, event: ToolStarted | ToolReturned) -> StepEntry:
    """The step with what an event says of one of its calls."""
    changed = [_call(call, event) if call.call_id == event.call_id else call for call in step.calls]
    return step.model_copy(update={"calls": tuple(changed)})


def _call(call: CallView, event: ToolStarted | ToolReturned) -> CallView:
    if isinstance(event, ToolStarted):
        started = {"seq": event.seq, "at": event.at, "name": event.name, "summary": event.summary}
        return call.model_copy(update={**started, "status": "running", "seconds": None})
    return call.model_copy(
        update={
            "status": "failed" if event.is_error else "completed",
            "seconds": max(event.at - call.at, 0.0),
            "content": clip(event.content, CONTENT),
            "detail": event.detail,
            "files": event.checkpoint is not None,
        }
    )


def _closed(entry: WorkEntry) -> WorkEntry:
    """A call that had not returned when the work went on, or stopped, was interrupted."""
    if not isinstance(entry, StepEntry):
        return entry
    calls = [
        call.model_copy(update={"status": "interrupted"}) if call.status == "running" else call for call in entry.calls
    ]
    return entry.model_copy(update={"calls": tuple(calls)})


def _entry(event: Event) -> WorkEntry | None:
    match event:
        case Said():
            return SaidEntry(seq=event.seq, at=event.at, why=event.why, text=event.item.text)
        case Checked(run=run):
            return CheckEntry(seq=event.seq, at=event.at, command=run.check.command, run=run_view(event))
        case CandidateTried():
            return CandidateEntry(
                seq=event.seq,
                at=event.at,
                source=event.source,
                diff=event.diff,
                outcome=event.outcome,
                note=event.note,
                seconds=event.seconds,
            )
        case _:
            text = _words(event)
            return NoteEntry(seq=event.seq, at=event.at, event=event.kind, text=text) if text else None


def _words(event: Event) -> str:
    """What there is to say of an event that has no entry of its own form; empty for nothing."""
    match event:
        case AttemptStarted():
            return " ".join(event.base.left_out)
        case Opened():
            what = f", {event.environment}" if event.environment else ""
            return f"The sandbox is open ({event.backend}{what})."
        case RequestRefused(refusal=refusal):
            return f"Refused: {refusal.method} {refusal.host}:{refusal.port}. {refusal.reason}"
        case Progressed(text=text):
            return text
        case Retried():
            return f"{event.message} Trying again in {event.wait:.0f} s."
        case Resumed():
            return "Another process went on with the work."
        case Stopped():
            return event.message or ("" if event.reason == "finished" else f"Stopped: {event.reason}.")
        case _:
            return ""
