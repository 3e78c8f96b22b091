"""Looking after schedules, and after tasks that nobody has in hand.

They were stored by a process that died before it handed them over, are held by a worker that is dead, or were forgotten
by an engine that lost its state.
"""

import asyncio
import time

from journeyman.core.errors import JourneymanError
from journeyman.core.ids import Clock
from journeyman.engine.engine import Engine
from journeyman.engine.schedules import Applied, synchronise
from journeyman.store.holder import is_dead
from journeyman.store.store import Store

EVERY = 2.0
"""Seconds between two looks."""

LEFT = 3.0
"""Seconds after which a stored task that was not started is started here."""


async def tend(engine: Engine, store: Store, *, clock: Clock = time.time) -> None:
    """Look for ever. What fails now is tried again at the next look."""
    known = False
    handed_on: set[tuple[str, str]] = set()
    schedules: Applied | None = None
    while True:
        try:
            if not known:
                await restart(engine, store)
                known = True
            for task, turn in await store.jobs.unstarted(clock() - LEFT):
                await engine.start(task, turn)
            schedules = await synchronise(engine, store, schedules)
            await _gone(engine, store)
            orphans = set(await store.jobs.orphans())
            for task_id, attempt_id in orphans - handed_on:
                await engine.hand_on(task_id, attempt_id)
            handed_on = orphans
        except JourneymanError:
            handed_on, schedules = set(), None
        await asyncio.sleep(EVERY)


async def restart(engine: Engine, store: Store) -> None:
    """Make sure that the engine has all turns that it had: its state may be gone, or another's."""
    for job in await store.jobs.open():
        await engine.start(await store.task(job.task_id), job.turn)


async def _gone(engine: Engine, store: Store) -> None:
    """Hand on what was given to workers of this machine whose processes are no more, and which they may not have
    begun; and count on them no longer."""
    gone = [offer.worker for offer in await store.offers.all() if offer.holder and is_dead(offer.holder)]
    if not gone:
        return
    for task_id in await store.jobs.unheld():
        for attempt_id in await engine.in_flight(task_id):
            await engine.hand_on(task_id, attempt_id)
    for worker in gone:
        await store.offers.withdraw(worker)
