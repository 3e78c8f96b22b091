"""The work log: what an attempt did, entry by entry, as a fold over a stretch of its events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

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
    Compacted,
    CrossChecked,
    Escalated,
    Event,
    Judged,
    Opened,
    Progressed,
    Published,
    PullRequestChanged,
    Replied,
    RequestRefused,
    Resumed,
    Retried,
    Said,
    SetUpFailed,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.items import Reasoning
from journeyman.core.model import Reply
from journeyman.core.text import clip
from journeyman.core.words import (
    compacted_words,
    crossed_words,
    escalated_words,
    judged_words,
    pull_request_words,
    set_up_words,
)
from journeyman.server.views.checks import run_view

CONTENT = 20_000
"""Characters of a call's arguments, and of what it returned, that an entry holds."""


@dataclass(slots=True)
class _Step:
    """A step while its calls come in: the fields of each by its id. `over`: the work went on, or stopped, after it."""

    event: Replied
    number: int
    calls: dict[str, dict[str, Any]]
    over: bool = False

    def entry(self) -> StepEntry:
        reply = self.event.reply
        return StepEntry(
            seq=self.event.seq,
            at=self.event.at,
            number=self.number,
            seconds=self.event.seconds,
            text=reply.text,
            reasoning=_reasoning(reply),
            usage=reply.usage,
            calls=tuple([self._call(fields) for fields in self.calls.values()]),
        )

    def _call(self, fields: dict[str, Any]) -> CallView:
        over = self.over and fields["status"] == "running"  # it had not returned by then
        return CallView(**(_interrupted(fields) if over else fields))


def entries_of(events: Iterable[Event], before: int = 0) -> list[WorkEntry]:
    """The entries of a stretch of events; `before` counts the steps that came earlier. The stretch has no `orphans`."""
    entries: list[WorkEntry | _Step] = []
    steps: dict[str, _Step] = {}  # by the calls that belong to them
    last: _Step | None = None
    count = before
    for event in events:
        match event:
            case Replied():
                count += 1
                _end(last)
                entries.append(last := _step(event, count))
                steps.update((call_id, last) for call_id in last.calls)
            case ToolStarted() | ToolReturned():
                if (step := steps.get(event.call_id)) is not None:
                    step.calls[event.call_id].update(_of_call(step.calls[event.call_id], event))
            case _:
                if isinstance(event, Stopped):
                    _end(last)
                if (entry := _entry(event)) is not None:
                    entries.append(entry)
    return [entry.entry() if isinstance(entry, _Step) else entry for entry in entries]


def at_most(events: Iterable[Event]) -> int:
    """How many entries a stretch of events has at most."""
    return sum(event.kind not in ("tool_started", "tool_returned", "check_started", "prepared") for event in events)


def _end(step: _Step | None) -> None:
    if step is not None:
        step.over = True


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


def _interrupted(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "status": "interrupted"}


def _step(event: Replied, number: int) -> _Step:
    calls = {
        call.call_id: {
            "call_id": call.call_id,
            "name": call.name,
            "seq": event.seq,
            "at": event.at,
            "status": "running",
            "arguments": clip(call.arguments, CONTENT),
        }
        for call in event.reply.calls
    }
    return _Step(event, number, calls)


def _reasoning(reply: Reply) -> str:
    return "\n\n".join(item.text for item in reply.items if isinstance(item, Reasoning) and item.text.strip())


def _of_call(fields: dict[str, Any], event: ToolStarted | ToolReturned) -> dict[str, Any]:
    """What an event says of a call."""
    if isinstance(event, ToolStarted):
        told = {"seq": event.seq, "at": event.at, "name": event.name, "summary": event.summary}
        return {**told, "status": "running", "seconds": None}
    return {
        "status": "failed" if event.is_error else "completed",
        "seconds": max(event.at - fields["at"], 0.0),
        "content": clip(event.content, CONTENT),
        "detail": event.detail,
        "files": event.checkpoint is not None,
    }


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
        case SetUpFailed():
            return set_up_words(event)
        case RequestRefused(refusal=refusal):
            return f"Refused: {refusal.method} {refusal.host}:{refusal.port}. {refusal.reason}"
        case Progressed(text=text):
            return text
        case Retried():
            return f"{event.message} Trying again in {event.wait:.0f} s."
        case Compacted():
            return compacted_words(event)
        case Escalated():
            return escalated_words(event)
        case CrossChecked():
            return crossed_words(event)
        case Judged():
            return judged_words(event)
        case Resumed():
            return "Another process went on with the work."
        case Stopped():
            return event.message or ("" if event.reason == "finished" else f"Stopped: {event.reason}.")
        case Published():
            return f"Pushed to the branch {event.branch} of {event.remote} (commit {event.commit[:12]})."
        case PullRequestChanged():
            return pull_request_words(event.pull_request)
        case _:
            return ""
