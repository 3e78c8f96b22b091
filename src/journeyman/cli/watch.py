"""A server's task, watched as if it ran here: the same events go through the same folds onto the same screen."""

import sys
import time
from collections.abc import Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from journeyman.cli.work import JsonLines, Watcher, exit_code
from journeyman.client.asynchronous import AsyncClient
from journeyman.core import folds
from journeyman.core.api.live import DraftPiece
from journeyman.core.api.tasks import AttemptLine, TaskView, TurnView
from journeyman.core.api.work import NumberedEvent
from journeyman.core.errors import UsageError
from journeyman.core.events import Event, Finished
from journeyman.core.task import Task
from journeyman.core.text import counted, decode, plain, sentence

if TYPE_CHECKING:
    from rich.console import Console

    from journeyman.cli.live import Progress

OVER = ("done", "failed", "cancelled", "interrupted")
"""Statuses of a turn that does nothing more until somebody says something."""

PAGE = 1000
"""Events that are asked for at once."""


@dataclass(slots=True)
class Watched:
    """A turn of a task with what has been seen of it."""

    view: TaskView
    turn: TurnView
    events: dict[str, list[Event]] = field(default_factory=dict[str, list[Event]])
    place: int = 0

    @property
    def over(self) -> bool:
        """Whether the turn has ended, and all of its events are here."""
        return self.turn.status in OVER and self.place >= self.view.task.seq

    def of(self, attempt: str) -> list[Event]:
        return self.events.setdefault(attempt, [])

    def number(self, attempt: str) -> int | None:
        return next((one.number for one in self.turn.attempts if one.id == attempt), None)

    @property
    def chosen(self) -> AttemptLine | None:
        """The attempt that is handed over, else the first that has a result."""
        wanted = [one for one in self.turn.attempts if one.id == self.turn.chosen]
        done = [one for one in self.turn.attempts if folds.result(self.of(one.id)) is not None]
        return next(iter(wanted or done), None)


def turn_of(view: TaskView, number: int | None = None) -> TurnView:
    """The turn with this number, else the newest. Raises `UsageError` where there is none."""
    turn = next((one for one in reversed(view.turns) if number in (None, one.number)), None)
    if turn is None:
        raise UsageError(f"Task {view.task.id} has {counted(len(view.turns), 'turn')}; there is no turn {number}.")
    return turn


def task_of(view: TaskView, turn: TurnView) -> Task:
    """The task as pages of results read it."""
    line = view.task
    return Task(
        id=line.id,
        prompt=turn.prompt,
        mode=turn.mode,
        repository=line.repository,
        model=turn.model,
        created=line.created,
        attempts=len(turn.attempts),
        status=turn.status,
        title=line.title,
        chosen=turn.chosen,
        turn=turn.number,
    )


async def watch(
    client: AsyncClient, view: TaskView, console: "Console", *, as_json: bool, number: int | None = None
) -> int:
    """Show a turn of a task until it has ended, and then its result. The exit code is that of `run`."""
    watched = Watched(view, turn_of(view, number))
    watcher = _watcher(client, watched, console, as_json)
    if watcher.json_lines is not None:
        watcher.json_lines.start()
    if watched.turn.status in OVER:
        await _catch_up(client, watched, watcher)
    else:
        with watcher.progress or nullcontext():
            await _follow(client, watched, watcher)
    return await _end(client, watched, watcher)


def _watcher(client: AsyncClient, watched: Watched, console: "Console", as_json: bool) -> Watcher:
    attempts = watched.turn.attempts
    if as_json:
        return Watcher(JsonLines(watched.view.task.id, [one.number for one in attempts] or [1]), None)
    from journeyman.cli.live import Progress

    progress = Progress(console, len(attempts))
    _add(progress, watched)

    def waiting(_why: str, _seconds: float) -> None:
        for one in watched.turn.attempts:
            progress.doing(one.number, f"waiting for the server at {client.address}")

    client.on_wait = waiting
    return Watcher(None, progress)


def _add(progress: "Progress", watched: Watched) -> None:
    now = time.time()
    for one in watched.turn.attempts:
        began = one.began or watched.turn.created
        progress.add(one.number, max(0.0, now - began), _doing(watched))


def _doing(watched: Watched) -> str:
    if watched.turn.status == "queued":
        return f"waiting: {watched.turn.reason}" if watched.turn.reason else "waiting for a worker"
    return "starting"


async def _follow(client: AsyncClient, watched: Watched, watcher: Watcher) -> None:
    redraws = watcher.progress is not None and watcher.progress.redraws
    told = client.live(watched.view.task.id) if redraws else client.events(watched.view.task.id)
    async with aclosing(told) as stream:
        async for change in stream:
            _take(watched, change, watcher)
            if watched.over:
                return


async def _catch_up(client: AsyncClient, watched: Watched, watcher: Watcher) -> None:
    """Read the events of a turn that has ended: of all attempts where each is told, else of the chosen one."""
    chosen = next((one for one in watched.turn.attempts if one.id == watched.turn.chosen), None)
    wanted = [chosen] if chosen is not None and watcher.json_lines is None else watched.turn.attempts
    for one in wanted:
        found = await events_of(client, watched.view.task.id, one)
        watched.events[one.id] = found
        if watcher.json_lines is not None:
            watcher.feed(one.number, found)


async def events_of(client: AsyncClient, task: str, attempt: AttemptLine) -> list[Event]:
    """All events of an attempt that there are by now."""
    found: list[Event] = []
    after: int | None = 0
    while after is not None:
        page = await client.attempt_events(task, attempt.name, after=after, limit=PAGE)
        found += [one.event for one in page.events]
        after = page.cursor
    return found


def _take(watched: Watched, change: TaskView | NumberedEvent | DraftPiece, watcher: Watcher) -> None:
    if isinstance(change, DraftPiece):
        number = watched.number(change.attempt)
        if number is not None and watcher.progress is not None:
            watcher.progress.piece(number, change)
        return
    if isinstance(change, TaskView):
        watched.view = change
        watched.turn = turn_of(change, watched.turn.number)
        if watcher.progress is not None and watched.turn.status == "queued":
            for one in watched.turn.attempts:
                watcher.progress.doing(one.number, _doing(watched))
        return
    watched.place = change.place
    number = watched.number(change.attempt)
    watched.of(change.attempt).append(change.event)
    if number is not None:
        watcher.feed(number, [change.event])


async def _end(client: AsyncClient, watched: Watched, watcher: Watcher) -> int:
    """The result page, or the last lines of the JSON stream."""
    chosen = watched.chosen
    events: Sequence[Event] = watched.of(chosen.id) if chosen is not None else ()
    result, stopped = folds.result(events), folds.stopped(events)
    reason = watched.turn.reason or watched.view.task.reason
    if watcher.json_lines is not None:
        finished = Finished(result=result) if result is not None else None
        watcher.json_lines.end(chosen.number if chosen else 1, finished, stopped, reason or watched.turn.status)
    if chosen is None or result is None:
        said = f": {reason}" if reason else ""
        print(plain(sentence(f"journeyman: the task is {watched.turn.status}{said}")), file=sys.stderr)
        return 1
    if watcher.json_lines is None:
        await show_result(client, watched.view, watched.turn, chosen, events)
    return exit_code(result, stopped)


async def show_result(
    client: AsyncClient, view: TaskView, turn: TurnView, attempt: AttemptLine, events: Sequence[Event]
) -> None:
    """The result page of an attempt, as `journeyman show` has it."""
    from rich.console import Console
    from rich.text import Text

    from journeyman.cli.page import Patch, Words, result_page

    result = folds.result(events)
    if result is None:
        raise UsageError(
            f"Task {view.task.id} has no result yet; `journeyman tasks watch {view.task.id}` waits for it."
        )
    patch = decode(await client.patch(view.task.id, attempt.name)) if result.diff else ""
    words = Words(f"{client.address}/tasks/{view.task.id}")
    console = Console()
    for part in result_page(task_of(view, turn), attempt, turn.attempts, result, events, patch, words):
        whole = isinstance(part, Patch) or (isinstance(part, Text) and not console.is_terminal)
        console.print(part, highlight=False, soft_wrap=whole)
