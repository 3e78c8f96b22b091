"""`worker`, and `run --engine`: attempts that the engine hands out, watched from here."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from journeyman.attempt.begin import Draft
from journeyman.attempt.host import Host
from journeyman.cli.door import Door
from journeyman.cli.tidying import tidying
from journeyman.cli.work import Ended, Watcher, end
from journeyman.core import folds
from journeyman.core.errors import JourneymanError
from journeyman.core.events import Replied, Stopped
from journeyman.core.evidence import Result, best
from journeyman.core.task import Attempt, Task

POLL = 0.3
"""Seconds between two looks at the log of an attempt that another process works."""


async def hand_over(door: Door, host: Host, new: Draft, watcher: Watcher) -> Ended:
    """Store a task, have the engine's workers do it, show what they write, and tell how it came out."""
    from journeyman.cli.crew import engine_of
    from journeyman.engine.submission import placed

    task, attempts = new.task, new.attempts
    async with engine_of(door) as engine:
        began = [attempt.model_copy(update={"began": task.created}) for attempt in attempts]
        request = placed(new.turn.request, engine.machine)
        turn = new.turn.model_copy(update={"request": request})
        await host.store.create(task, began, new.firsts, turn=turn)
        await engine.start(task, 1)
        if watcher.json_lines is not None:
            watcher.json_lines.start()
        waiting = asyncio.create_task(engine.ended(task.id))
        try:
            await _watch(host, attempts, watcher, waiting)
        except asyncio.CancelledError:
            waiting.cancel()
            await asyncio.shield(engine.stop(task.id, 1))
            raise
        return await _outcome(host, task, attempts, watcher, await waiting)


async def _watch(host: Host, attempts: Sequence[Attempt], watcher: Watcher, waiting: "asyncio.Task[Any]") -> None:
    if watcher.progress is not None:
        for attempt in attempts:
            watcher.progress.add(attempt.number)
        with watcher.progress:
            await _follow(host, attempts, watcher, waiting)
    else:
        await _follow(host, attempts, watcher, waiting)


async def _outcome(
    host: Host, task: Task, attempts: Sequence[Attempt], watcher: Watcher, outcomes: Sequence[Any]
) -> Ended:
    results: dict[str, Result] = {}
    stops: dict[str, Stopped | None] = {}
    for attempt in attempts:
        events = await host.store.events(attempt.id)
        if (result := folds.result(events)) is not None:
            results[attempt.id] = result
            stops[attempt.id] = folds.stopped(events)
    failed = next((outcome for outcome in outcomes if outcome.attempt_id not in results), None)
    error = (
        JourneymanError(failed.message or f"The attempt {failed.attempt_id} was {failed.status}.") if failed else None
    )
    known = await host.store.attempts(task.id, task.turn)
    crossed = [pair for attempt in known for pair in attempt.summary.crossed]
    opinions = [one for attempt in known for one in attempt.summary.opinions]
    chosen = best(results, crossed=crossed, opinions=opinions) if results else None
    return await end(host, task, attempts, watcher, Ended(task, results, stops, chosen, error))


async def _follow(host: Host, attempts: Sequence[Attempt], watcher: Watcher, until: "asyncio.Task[Any]") -> None:
    seen = {attempt.id: 0 for attempt in attempts}
    replied = dict(seen)
    progress = watcher.progress if watcher.progress is not None and watcher.progress.redraws else None
    async with AsyncExitStack() as stack:
        following = host.store.drafts.follow(attempts[0].task_id, lambda: None)
        onlooker = await stack.enter_async_context(following) if progress is not None else None
        while True:
            finished = until.done()
            for attempt in attempts:
                events = await host.store.events(attempt.id, seen[attempt.id])
                if events:
                    seen[attempt.id] = events[-1].seq
                    replied[attempt.id] = max(
                        (event.seq for event in events if isinstance(event, Replied)), default=replied[attempt.id]
                    )
                    watcher.feed(attempt.number, events)
                draft = onlooker.drafts.get(attempt.id) if onlooker is not None else None
                if progress is not None and draft is not None and draft.since >= replied[attempt.id]:
                    progress.draft(attempt.number, draft)
            if finished:
                return
            await asyncio.wait([until], timeout=POLL)


async def work_for_engine(door: Door, host: Host) -> int:
    """Take attempts from the engine until this process is told to end."""
    from journeyman.cli.crew import crew_of, default_model, engine_of
    from journeyman.cli.telemetry import telemetry
    from journeyman.cli.worker_child import settle
    from journeyman.engine.attempts import Attempts
    from journeyman.engine.worker import Duties, worker

    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    crew = crew_of(door, host)
    duties = Duties(default_model(door), crew.model_limits)
    async with AsyncExitStack() as stack:
        stack.enter_context(telemetry(door.environ))
        engine = await stack.enter_async_context(engine_of(door))
        await stack.enter_async_context(worker(engine, host.store, Attempts(crew), crew.offer, duties))
        await stack.enter_async_context(tidying(door, host.store))
        where = engine.where.address
        print(
            f"Working for the engine at {where}, up to {crew.offer.slots} attempts at a time. "
            f"Hand tasks over with: journeyman run --engine {where} …",
            flush=True,
        )
        settle()
        await told.wait()
        print("Ending: attempts under way stop at their step and go on elsewhere.", file=sys.stderr, flush=True)
    return 0
