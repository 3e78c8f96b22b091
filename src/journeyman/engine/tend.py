"""Looking after tasks that nobody has in hand: stored by a process that died before it handed them over, held by a
worker that is dead, or forgotten by an engine that lost its state."""

import asyncio
import time

from journeyman.core.errors import JourneymanError
from journeyman.core.ids import Clock
from journeyman.engine.engine import Engine
from journeyman.store.store import Store

EVERY = 2.0
"""Seconds between two looks."""

LEFT = 3.0
"""Seconds after which a stored task that was not started is started here."""


async def tend(engine: Engine, store: Store, *, clock: Clock = time.time) -> None:
    """Look for ever. What fails now is tried again at the next look."""
    known = False
    handed_on: set[tuple[str, str]] = set()
    while True:
        try:
            if not known:
                await restart(engine, store)
                known = True
            for task, turn in await store.jobs.unstarted(clock() - LEFT):
                await engine.start(task, turn)
            orphans = set(await store.jobs.orphans())
            for task_id, attempt_id in orphans - handed_on:
                await engine.hand_on(task_id, attempt_id)
            handed_on = orphans
        except JourneymanError:
            handed_on = set()
        await asyncio.sleep(EVERY)


async def restart(engine: Engine, store: Store) -> None:
    """Make sure that the engine has all turns that it had: its state may be gone, or another's."""
    for job in await store.jobs.open():
        await engine.start(await store.task(job.task_id), job.turn)
