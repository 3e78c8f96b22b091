"""Looking after schedules, and after tasks that nobody has in hand.

They were stored by a process that died before it handed them over, are held by a worker that is dead, or were forgotten
by an engine that lost its state.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from journeyman.core.errors import JourneymanError, UsageError
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
    schedules: Applied | None = None
    while True:
        try:
            if not known:
                await restart(engine, store)
                known = True
            for task, turn in await store.jobs.unstarted(clock() - LEFT):
                await engine.start(task, turn)
            schedules = await synchronise(engine, store, schedules)
            with alone(f"{engine.machine}.{engine.where.address}") as first:
                if first:
                    await hand_on(engine, store)
        except JourneymanError:
            schedules = None
        await asyncio.sleep(EVERY)


async def restart(engine: Engine, store: Store) -> None:
    """Make sure that the engine has all turns that it had: its state may be gone, or another's."""
    for job in await store.jobs.open():
        try:
            task = await store.task(job.task_id)
        except UsageError:  # it was deleted
            await store.jobs.drop(job.task_id, job.turn)
        else:
            await engine.start(task, job.turn)


async def hand_on(engine: Engine, store: Store) -> None:
    """Have another worker go on with what workers of this machine had whose processes are no more.

    They may have begun it, or not yet; and nobody counts on them any longer.
    """
    orphans = {task_id for task_id, _ in await store.jobs.orphans()}
    gone = [offer.worker for offer in await store.offers.all() if offer.holder and is_dead(offer.holder)]
    unheld = await store.jobs.unheld() if gone else []
    for task_id in dict.fromkeys([*orphans, *unheld]):
        for attempt_id in await engine.in_flight(task_id):
            await engine.hand_on(task_id, attempt_id)
    for worker in gone:
        await store.offers.withdraw(worker)


@contextmanager
def alone(place: str) -> Generator[bool]:
    """Whether no other process of the machine is at this now.

    An attempt is handed on by its name. If two did it at a time, the second one might take it from the worker that has
    it from the first.
    """
    if sys.platform != "linux":
        yield True
        return
    with socket.socket(socket.AF_UNIX) as name:
        try:
            name.bind(f"\0journeyman.tend.{place}")
        except OSError:  # whoever has it lets it go at the latest by ending
            yield False
        else:
            yield True
