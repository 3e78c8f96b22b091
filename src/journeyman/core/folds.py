"""State as pure functions of the event log. What resumes, what the model sees and what is shown all come from here."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from journeyman.core.environment import Refusal
from journeyman.core.events import (
    AttemptStarted,
    Checked,
    Compacted,
    Continued,
    Escalated,
    Event,
    Finished,
    Heard,
    Judged,
    Opened,
    PlanStep,
    PlanUpdated,
    Prepared,
    Replied,
    RequestRefused,
    Resumed,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import CheckRun, Result
from journeyman.core.items import Item, ToolCall, ToolResult
from journeyman.core.usage import Usage


def current(events: Iterable[Event]) -> Sequence[Event]:
    """The events that count for the stage of a cascade that is at work; without one all."""
    events = events if isinstance(events, Sequence) else list(events)
    for at in range(len(events) - 1, -1, -1):
        if isinstance(events[at], Escalated):
            return [*(event for event in events[:at] if isinstance(event, Continued)), *events[at + 1 :]]
    return events


def escalations(events: Iterable[Event]) -> tuple[Escalated, ...]:
    """What the earlier stages of a cascade have come to."""
    return tuple(event for event in events if isinstance(event, Escalated))


def started(events: Iterable[Event]) -> AttemptStarted | None:
    return next((event for event in events if isinstance(event, AttemptStarted)), None)


def opened(events: Iterable[Event]) -> Opened | None:
    """The last opening of the sandbox."""
    last: Opened | None = None
    for event in events:
        if isinstance(event, Opened):
            last = event
    return last


def refused(events: Iterable[Event]) -> tuple[Refusal, ...]:
    """The requests that the network policy did not let through."""
    return tuple(event.refusal for event in events if isinstance(event, RequestRefused))


def prepared(events: Iterable[Event]) -> Prepared | None:
    return next((event for event in current(events) if isinstance(event, Prepared)), None)


def conversation(events: Iterable[Event]) -> list[Item]:
    """The items of the next request; only ever extended at the end as events are added, until they are compacted."""
    items: list[Item] = []
    for event in current(events):
        if isinstance(event, Compacted):
            items = list(event.items)
        items.extend(items_of(event))
    return items


def items_of(event: Event) -> Sequence[Item]:
    """What one event adds to the conversation."""
    match event:
        case Continued(items=before):
            return before
        case Prepared(items=first):
            return first
        case Said(item=item):
            return (item,)
        case Replied(reply=reply):
            return reply.items
        case ToolReturned():
            return (
                ToolResult(
                    call_id=event.call_id,
                    content=event.content,
                    is_error=event.is_error,
                    freeform=event.freeform,
                ),
            )
        case _:
            return ()


def pending(events: Iterable[Event]) -> list[ToolCall]:
    """Calls of the last reply that have no outcome yet, in their order."""
    calls: dict[str, ToolCall] = {}
    for event in current(events):
        match event:
            case Replied(reply=reply):
                calls = {call.call_id: call for call in reply.calls}
            case ToolReturned(call_id=call_id):
                calls.pop(call_id, None)
            case _:
                pass
    return list(calls.values())


def interrupted(events: Iterable[Event]) -> list[ToolStarted]:
    """Calls that were started and never returned: after a crash they may or may not have run."""
    open_calls: dict[str, ToolStarted] = {}
    for event in current(events):
        match event:
            case ToolStarted(call_id=call_id):
                open_calls[call_id] = event
            case ToolReturned(call_id=call_id):
                open_calls.pop(call_id, None)
            case _:
                pass
    return list(open_calls.values())


def checkpoint(events: Iterable[Event]) -> tuple[str | None, bool]:
    """The manifest of the workspace as it was last kept, and whether that is all of its changes."""
    manifest: str | None = None
    complete = True
    for event in current(events):
        if isinstance(event, ToolReturned | Continued):
            manifest = event.checkpoint or manifest
            complete = event.checkpointed
        elif isinstance(event, Said) and (event.checkpoint or not event.checkpointed):
            manifest, complete = event.checkpoint or manifest, event.checkpointed
        elif isinstance(event, Finished) and event.stage is not None:
            manifest, complete = event.checkpoint, True
    return manifest, complete


def continued(events: Iterable[Event]) -> Continued | None:
    """What a follow-up turn goes on from; None in a task's first turn."""
    return next((event for event in events if isinstance(event, Continued)), None)


def steered(events: Iterable[Event]) -> tuple[str, ...]:
    """What people said to the attempt while it was at work."""
    said = (event for event in events if isinstance(event, Said) and event.why == "steer")
    return tuple(event.item.text for event in said)


def last_message(events: Iterable[Event]) -> int:
    """The number of the last message of a person that was taken; 0 before the first."""
    last = 0
    for event in events:
        if isinstance(event, Said | Heard) and event.message is not None:
            last = max(last, event.message)
    return last


def up_to(events: Sequence[Event], step: int) -> Sequence[Event]:
    """The events until a step (from 1) has ended: its calls have returned. All where it is the last one."""
    count, waiting = 0, set[str]()
    for at, event in enumerate(events):
        match event:
            case Replied(reply=reply):
                if count == step:
                    return events[:at]
                count += 1
                waiting = {call.call_id for call in reply.calls}
            case ToolReturned(call_id=call_id):
                waiting.discard(call_id)
            case _:
                continue
        if count == step and not waiting:
            return events[: at + 1]
    return events


def replies(events: Iterable[Event]) -> int:
    """The model's replies in all stages of a cascade: its steps as the log numbers them."""
    return sum(isinstance(event, Replied) for event in events)


def steps(events: Iterable[Event]) -> int:
    return sum(isinstance(event, Replied) for event in current(events))


def usage(events: Iterable[Event]) -> Usage:
    total = Usage()
    for event in events:
        if isinstance(event, Replied):
            total = total + event.reply.usage
        elif isinstance(event, Compacted | Judged):
            total = total + event.usage
    return total


def plan(events: Iterable[Event]) -> tuple[PlanStep, ...]:
    found: tuple[PlanStep, ...] = ()
    for event in current(events):
        if isinstance(event, Continued):
            found = event.plan
        if isinstance(event, ToolReturned) and isinstance(event.detail, PlanUpdated):
            found = event.detail.plan
    return found


def checks(events: Iterable[Event], on: str) -> tuple[CheckRun, ...]:
    """The latest run of each check on `on` ("base", "result" or "candidate"), in the order of their first run."""
    latest: dict[str, CheckRun] = {}
    for event in events:
        if isinstance(event, Checked) and event.run.on == on:
            latest[event.run.check.command] = event.run
    return tuple(latest.values())


def stopped(events: Iterable[Event]) -> Stopped | None:
    """The last stop; None while the strategy is at work or when it went on after an interruption."""
    last: Stopped | None = None
    for event in current(events):
        match event:
            case Stopped():
                last = event
            case Replied() | ToolStarted() | Said(why="steer" | "checks"):
                last = None
            case _:
                pass
    return last


def seconds(events: Sequence[Event], now: float) -> float:
    """How long the attempt has been worked on; the time between an interruption and going on does not count."""
    if not events:
        return 0.0
    away = sum(event.at - before.at for before, event in pairwise(events) if isinstance(event, Resumed))
    return now - events[0].at - away


def reopened(events: Iterable[Event]) -> bool:
    """Whether the sandbox was opened anew since the last step."""
    fresh = False
    for event in current(events):
        match event:
            case Opened():
                fresh = True
            case Replied() | ToolStarted() | ToolReturned() | Said(why="interrupted"):
                fresh = False
            case _:
                pass
    return fresh


def answered(events: Sequence[Event]) -> bool:
    """Whether the last thing said is the model's whole reply without a call: its final answer."""
    for event in reversed(current(events)):
        match event:
            case Replied(reply=reply):
                return not reply.calls and reply.stop != "length"
            case Said() | ToolReturned():
                return False
            case _:
                pass
    return False


def result(events: Iterable[Event]) -> Result | None:
    last: Result | None = None
    for event in events:
        if isinstance(event, Finished):
            last = event.result
    return last


def last_text(events: Iterable[Event]) -> str:
    """The text of the model's last reply that had any."""
    text = ""
    for event in current(events):
        if isinstance(event, Replied) and event.reply.text.strip():
            text = event.reply.text
    return text
