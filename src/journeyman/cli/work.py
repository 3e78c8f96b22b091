"""`run`, `ask` and `resume`: attempts at work in this process, with somebody looking on."""

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.attempt.begin import Draft, Prepare
from journeyman.attempt.host import Host, Watch
from journeyman.attempt.run import run_attempt
from journeyman.core import folds
from journeyman.core.errors import JourneymanError, StoreError
from journeyman.core.events import Event, Finished, Stopped
from journeyman.core.evidence import Result, best
from journeyman.core.stream import Line, ThreadStream
from journeyman.core.task import Attempt, Status, Task

if TYPE_CHECKING:
    from journeyman.cli.live import Progress


@dataclass(frozen=True, slots=True)
class Ended:
    """How a task's turn came out: the chosen attempt, or the error that stopped all of them."""

    task: Task
    results: dict[str, Result]
    stops: dict[str, Stopped | None]
    chosen: str | None
    error: JourneymanError | None = None

    @property
    def result(self) -> Result | None:
        return self.results[self.chosen] if self.chosen else None

    @property
    def exit_code(self) -> int:
        return 1 if self.result is None else exit_code(self.result, self.stops[self.chosen or ""])


def exit_code(result: Result, stopped: Stopped | None) -> int:
    """0 when the checks pass or there was nothing to check, else 1."""
    if result.verdict == "verified":
        return 0
    finished = stopped is not None and stopped.reason == "finished"
    if result.verdict == "unchanged":
        return 0 if finished and all(run.passed for run in result.base_checks) else 1
    return 0 if finished and result.verdict in ("answered", "unverified") else 1


class JsonLines:
    """The stream of `--json`: one JSON object a line on stdout; several attempts are told apart by `attempt`."""

    def __init__(self, task_id: str, numbers: Sequence[int]) -> None:
        self._streams = {number: ThreadStream(task_id) for number in numbers}
        self._many = len(numbers) > 1

    def start(self) -> None:
        self._print(next(iter(self._streams.values())).start())

    def feed(self, number: int, events: Sequence[Event]) -> None:
        for event in events:
            self._print(self._streams[number].feed(event), number)

    def end(self, number: int, finished: Finished | None, stopped: Stopped | None, message: str = "") -> None:
        for other, stream in self._streams.items():
            if other != number:
                self._print(stream.close(), other)
        self._print(self._streams[number].end(finished, stopped, message), number)

    def _print(self, lines: Sequence[Line], number: int = 1) -> None:
        for line in lines:
            if self._many and "item" in line:
                item = line["item"] | {"id": f"{number}:{line['item']['id']}", "attempt": number}
                line = line | {"item": item}
            sys.stdout.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        sys.stdout.flush()


async def begin(host: Host, new: Draft, watcher: Callable[[Task, Sequence[Attempt]], "Watcher"]) -> Ended:
    """Store a new task and work it here."""
    task, attempts = new.task, new.attempts
    await host.store.create(task, attempts, new.firsts, turn=new.turn)
    return await work(host, task, attempts, watcher(task, attempts))


class Watcher:
    """Passes what happens to the terminal, to the JSON lines, or to both."""

    def __init__(self, json_lines: JsonLines | None, progress: "Progress | None") -> None:
        self.json_lines = json_lines
        self.progress = progress

    def watch(self, number: int) -> Watch:
        if self.progress is None:
            return Watch()
        progress = self.progress
        return Watch(
            on_delta=lambda delta: progress.delta(number, delta),
            on_retry=lambda message, wait: progress.retry(number, message, wait),
            on_progress=lambda text: progress.doing(number, text),
        )

    def feed(self, number: int, events: Sequence[Event]) -> None:
        if self.json_lines is not None:
            self.json_lines.feed(number, events)
        if self.progress is not None:
            self.progress.feed(number, events)


async def work(
    host: Host, task: Task, attempts: Sequence[Attempt], watcher: Watcher, prepare: Prepare | None = None
) -> Ended:
    """Work all attempts of a task's turn side by side and choose the best. What fails is kept and can be resumed;
    `prepare` writes the beginning of those that have none."""
    for attempt in attempts:
        if holder := await host.store.holder(attempt.id):
            raise StoreError(f"Task {task.id} is being worked on by {holder}; `journeyman show {task.id}` tells more.")
    await _set(host, task, "running")
    if watcher.json_lines is not None:
        watcher.json_lines.start()
    results: dict[str, Result] = {}
    stops: dict[str, Stopped | None] = {}
    errors: list[JourneymanError] = []

    async def one(attempt: Attempt) -> None:
        def listen(events: Sequence[Event]) -> None:
            watcher.feed(attempt.number, events)
            for event in events:
                if isinstance(event, Stopped):
                    stops[attempt.id] = event

        try:
            results[attempt.id] = await run_attempt(
                host, attempt.id, listener=listen, watch=watcher.watch(attempt.number), prepare=prepare
            )
        except JourneymanError as error:
            errors.append(error)
        if attempt.id in results and attempt.id not in stops:
            stops[attempt.id] = folds.stopped(await host.store.events(attempt.id))

    with watcher.progress or nullcontext():
        for attempt in attempts:
            if watcher.progress is not None:
                watcher.progress.add(attempt.number)
        try:
            await asyncio.gather(*(one(attempt) for attempt in attempts))
        except asyncio.CancelledError:
            await asyncio.shield(_set(host, task, "interrupted"))
            if watcher.json_lines is not None:
                watcher.json_lines.end(attempts[0].number, None, None, "interrupted")
            raise
    known = await host.store.attempts(task.id, task.turn) if len(results) > 1 else []
    crossed = [pair for attempt in known for pair in attempt.summary.crossed]
    opinions = [one for attempt in known for one in attempt.summary.opinions]
    chosen = best(results, crossed=crossed, opinions=opinions) if results else None
    return await end(host, task, attempts, watcher, Ended(task, results, stops, chosen, errors[0] if errors else None))


async def end(host: Host, task: Task, attempts: Sequence[Attempt], watcher: Watcher, ended: Ended) -> Ended:
    stop = ended.stops.get(ended.chosen or "")
    status: Status = "done" if ended.result is not None else "interrupted"
    if stop is not None and stop.reason in ("interrupted", "cancelled"):
        status = stop.reason
    await _set(host, task, status, ended.chosen, str(ended.error or ""))
    if watcher.json_lines is not None:
        number = next((one.number for one in attempts if one.id == ended.chosen), attempts[0].number)
        finished = Finished(result=ended.result) if ended.result is not None else None
        watcher.json_lines.end(number, finished, stop, str(ended.error or ""))
    return ended


async def _set(host: Host, task: Task, status: Status, chosen: str | None = None, reason: str = "") -> None:
    """How the task stands, and its newest turn; those of former versions have no row for it."""
    await host.store.update_task(task.id, status=status, chosen=chosen, reason=reason)
    for turn in await host.store.turns.all(task.id):
        if turn.number == task.turn:
            await host.store.turns.update(task.id, turn.number, status=status, chosen=chosen, reason=reason)
