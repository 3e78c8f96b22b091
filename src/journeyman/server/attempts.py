"""An attempt as its page shows it, read from the log: no more of it than what is shown."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from journeyman.checks.compare import describe
from journeyman.core import folds
from journeyman.core.api.work import (
    AttemptView,
    ChecksView,
    CommandPage,
    CommandView,
    Refused,
    ResultView,
    StepEntry,
    TestState,
    Timeline,
    WorkPage,
)
from journeyman.core.events import (
    AttemptStarted,
    Checked,
    CommandEnded,
    Event,
    Finished,
    Opened,
    RequestRefused,
    SetUpFailed,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Result
from journeyman.core.task import Attempt, Task
from journeyman.core.text import decode, plain
from journeyman.server.errors import ApiError
from journeyman.server.views.checks import checks_view
from journeyman.server.views.lines import attempt_line
from journeyman.server.views.timeline import timeline_of
from journeyman.server.views.worklog import at_most, entries_of, orphans, unanswered
from journeyman.store.pages import ChunkRow
from journeyman.store.store import Store

E = TypeVar("E", bound=Event)

FACTS = ("attempt_started", "opened", "request_refused", "stopped", "finished")
"""Events of which an attempt has few."""
PHASES: dict[str, str] = {"setup": "set-up", "maintenance": "maintenance"}
COMMANDS = ("set_up_failed", "opened", "tool_returned", "checked")
"""Events that may name an output."""
STRETCH = 120
"""Events that are read at once."""
MOST = 2**31 - 1
"""The largest number of an event: what a column of the database holds."""
SEARCHED = 1024 * 1024
"""Bytes of an output that words are looked for in."""
REPLIES = 10
"""Replies that are looked at for the last thing the model said."""


def _last(events: Sequence[Event], kind: type[E]) -> E | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)


async def attempt_view(store: Store, task: Task, attempt: Attempt, chosen: str | None) -> AttemptView:
    facts = await store.pages.of_kinds(attempt.id, FACTS)
    planned = await _event(store, attempt.id, attempt.summary.planned)
    start, stop, done = _last(facts, AttemptStarted), _last(facts, Stopped), _last(facts, Finished)
    answer = done.result.summary if done else ""
    if done is None:
        answer = folds.last_text(await store.pages.of_kinds(attempt.id, ("replied",), newest=REPLIES))
    view = AttemptView(
        attempt=attempt_line(attempt, chosen),
        opened=_last(facts, Opened),
        plan=folds.plan(planned),
        stop=stop.reason if stop else None,
        message=stop.message if stop else "",
        answer=answer,
        refusals=refused(facts),
        result=result_view(done.result) if done else None,
    )
    if start is None:
        return view.model_copy(update={"mode": task.mode, "model": task.model})
    return view.model_copy(
        update={
            "mode": start.mode,
            "model": start.model,
            "strategy": start.strategy,
            "base": start.base,
            "limits": start.limits,
            "checks": start.checks,
            "environment": start.environment,
        }
    )


async def _event(store: Store, attempt_id: str, seq: int | None) -> list[Event]:
    """The event with this number, if there is one."""
    return await store.pages.after(attempt_id, seq - 1, 1) if seq is not None else []


def refused(events: Sequence[Event]) -> tuple[Refused, ...]:
    return tuple(
        Refused(seq=event.seq, at=event.at, refusal=event.refusal)
        for event in events
        if isinstance(event, RequestRefused)
    )


def result_view(result: Result) -> ResultView:
    return ResultView(
        verdict=result.verdict,
        summary=result.summary,
        sentences=describe(result.base_checks, result.result_checks),
        changes=result.changes,
        comparison=result.comparison,
        warnings=result.warnings,
        citations=result.citations,
        usage=result.usage,
        seconds=result.seconds,
        tree=result.tree,
        has_patch=result.diff is not None,
        stages=result.stages,
        cost_alone=result.cost_alone,
        review=result.review,
    )


async def start_of(store: Store, attempt: Attempt) -> AttemptStarted:
    """The attempt's first event. Raises 409 while it has not begun."""
    found = await store.pages.of_kinds(attempt.id, ("attempt_started",), most=1)
    if (start := folds.started(found)) is None:
        raise ApiError(409, "not_ready", f"Attempt {attempt.turn}.{attempt.number} has not begun yet.")
    return start


async def result_of(store: Store, attempt: Attempt) -> Result:
    """Raises 409 while there is none."""
    found = await store.pages.of_kinds(attempt.id, ("finished",), newest=1)
    if (result := folds.result(found)) is None:
        raise no_result(attempt)
    return result


def no_result(attempt: Attempt) -> ApiError:
    name = f"{attempt.turn}.{attempt.number}"
    return ApiError(409, "not_ready", f"Attempt {name} has no result yet; it is {attempt.status}.")


async def checks_of(store: Store, attempt: Attempt, states: Sequence[TestState] = (), most: int = 1000) -> ChecksView:
    runs = [event for event in await store.pages.of_kinds(attempt.id, ("checked",)) if isinstance(event, Checked)]
    facts = await store.pages.of_kinds(attempt.id, ("attempt_started", "finished"))
    start, done = _last(facts, AttemptStarted), _last(facts, Finished)
    return checks_view(
        runs,
        base_tree=start.base.tree if start else None,
        tree=done.result.tree if done else None,
        states=states,
        most=most,
    )


# ---------------------------------------------------------------- the work log


async def work_page(store: Store, attempt: Attempt, *, before: int | None, after: int | None, limit: int) -> WorkPage:
    """At most `limit` entries: those before an event, those after one, or the newest."""
    if after is not None:
        events = await _stretch_after(store, attempt.id, after, limit)
    else:
        events = await _stretch_before(store, attempt.id, before if before is not None else MOST, limit)
    first = events[0].seq if events else (after or 0) + 1
    entries = entries_of(events, await store.pages.count(attempt.id, "replied", first))
    shown = entries[:limit] if after is not None else entries[-limit:]
    if after is not None and len(entries) > limit:
        last = entries[limit].seq - 1
    else:
        last = before - 1 if before is not None else events[-1].seq if events else first - 1
    return WorkPage(
        entries=tuple(shown),
        steps=attempt.summary.steps,
        before=shown[0].seq if shown and shown[0].seq > 1 else None,
        after=last if await store.pages.after(attempt.id, last, 1) else None,
    )


async def _stretch_before(store: Store, attempt_id: str, before: int, limit: int) -> list[Event]:
    """The last events before one that make `limit` entries: whole ones, with the outcome of each call. Calls of a step
    that began before them are told with that step."""
    events: list[Event] = []
    start = before
    while True:
        batch = await store.pages.before(attempt_id, start, STRETCH)
        events = [*batch, *events]
        if not batch or (at_most(events) >= limit and len(entries_of(events)) >= limit):
            break
        start = batch[0].seq
    strange = orphans(events)
    events = [
        event for event in events if not (isinstance(event, ToolStarted | ToolReturned) and event.call_id in strange)
    ]
    if waiting := unanswered(events):
        later = await store.pages.after(attempt_id, before - 1, STRETCH)
        events += [
            event for event in later if isinstance(event, ToolStarted | ToolReturned) and event.call_id in waiting
        ]
    return events


async def _stretch_after(store: Store, attempt_id: str, after: int, limit: int) -> list[Event]:
    """The first events after one that make `limit` entries: whole ones, with the outcome of each call."""
    events: list[Event] = []
    while True:
        last = events[-1].seq if events else after
        batch = await store.pages.after(attempt_id, last, STRETCH)
        events += batch
        if len(batch) < STRETCH or (at_most(events) > limit and _whole(events, limit)):
            return events


def _whole(events: Sequence[Event], limit: int) -> bool:
    """Whether there are more than `limit` entries, and all calls of the first ones have come to their end."""
    entries, waiting = entries_of(events), unanswered(events)
    if len(entries) <= limit:
        return False
    calls = (call for entry in entries[:limit] if isinstance(entry, StepEntry) for call in entry.calls)
    return not any(call.call_id in waiting for call in calls)


async def timeline(store: Store, attempt: Attempt, after: int, limit: int) -> Timeline:
    events = await store.pages.after(attempt.id, after, limit)
    steps = await store.pages.count(attempt.id, "replied", after + 1) if after else 0
    return timeline_of(events, steps, events[-1].seq if len(events) == limit else None)


# ---------------------------------------------------------------- the terminal


async def commands(store: Store, attempt: Attempt, after: int, limit: int, words: str = "") -> CommandPage:
    """The commands whose output is kept, in the order in which they ended; with `words`, of as many those that have
    them in what was run or in the first megabyte of what came of it, whatever their case."""
    events = await store.pages.of_kinds(attempt.id, COMMANDS, after=after, holding='"chunk":"', most=limit)
    views = [view for event in events for view in command_views(event)]
    rows = await store.pages.chunks(attempt.id, {view.chunk for view in views})
    sized = tuple(
        view.model_copy(update={"size": rows[view.chunk].size}) if view.chunk in rows else view for view in views
    )
    if words:
        sized = tuple([view for view in sized if await _has(store, view, rows.get(view.chunk), words.casefold())])
    return CommandPage(commands=sized, after=events[-1].seq if len(events) == limit else None)


async def _has(store: Store, view: CommandView, row: ChunkRow | None, words: str) -> bool:
    if words in view.command.casefold():
        return True
    if row is None:
        return False
    output = (await store.blob(row.blob))[:SEARCHED]
    return await asyncio.to_thread(lambda: words in plain(decode(output)).casefold())


def command_views(event: Event) -> Sequence[CommandView]:
    """The commands whose output an event names: one, but for the scripts that a sandbox was set up with."""
    if isinstance(event, Opened):
        return [
            CommandView(
                seq=event.seq,
                at=ran.at,
                origin="setup",
                command=f"# {PHASES[ran.phase]} of {ran.environment}",
                exit_code=0,  # else there would be no layers
                seconds=ran.seconds,
                chunk=ran.chunk,
            )
            for ran in event.setup
        ]
    one = command_view(event)
    return [] if one is None else [one]


def command_view(event: Event) -> CommandView | None:
    match event:
        case ToolReturned(detail=CommandEnded() as ended):
            return CommandView(
                seq=event.seq,
                at=event.at,
                origin="agent",
                command=ended.command,
                exit_code=ended.exit_code,
                cut=ended.cut,
                seconds=ended.seconds,
                chunk=ended.chunk,
                session=ended.session,
                notes=ended.notes,
            )
        case SetUpFailed():
            return CommandView(
                seq=event.seq,
                at=event.at,
                origin="setup",
                command=f"# {PHASES[event.phase]} of {event.environment}",
                exit_code=event.exit_code,
                cut=event.cut,
                seconds=event.seconds,
                chunk=event.chunk,
            )
        case Checked(run=run):
            return CommandView(
                seq=event.seq,
                at=event.at,
                origin="check",
                command=run.check.command,
                on=run.on,
                exit_code=run.exit_code,
                cut=run.cut,
                seconds=run.seconds,
                chunk=run.chunk,
            )
        case _:
            return None
