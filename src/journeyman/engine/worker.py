"""A worker: takes attempts from the engine and runs them, and looks after tasks that nobody has in hand."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from journeyman import __version__
from journeyman.core.errors import StoreError
from journeyman.core.people import Offer
from journeyman.engine.engine import Engine
from journeyman.engine.pulse import watched
from journeyman.engine.tend import tend
from journeyman.store.store import Store

if TYPE_CHECKING:
    from temporalio.worker import Worker

    from journeyman.engine.activities import Run
    from journeyman.engine.slots import Slots

BUILD = f"journeyman {__version__}"
"""What a worker's code is known by; without a name all modules are read anew to make one, which takes 0.1 s."""

TELL = 5.0
"""Seconds between two times that a worker says what it offers."""

GRACE = 60.0
"""Seconds that attempts have, when the worker ends, to come to the end of their step."""


@dataclass(frozen=True, slots=True)
class Duties:
    """What a worker does besides running attempts: `default_model` is what a task without a model gets, and
    `model_limits` bound the attempts of a model that run at a time, over all workers."""

    default_model: str = ""
    model_limits: Mapping[str, int] = field(default_factory=dict[str, int])


@asynccontextmanager
async def worker(
    engine: Engine, store: Store, run: "Run", offer: Offer, duties: Duties | None = None, *, grace: float = GRACE
) -> AsyncGenerator["Slots"]:
    """Run attempts with `run`, as many at a time as are offered, for as long as the body lasts.

    At the end nothing new is taken, and those that run are asked to stop at their step; those that have not within
    `grace` seconds are cancelled. Another worker goes on with them.
    """
    from journeyman.engine.slots import Slots

    slots = Slots(offer.slots)
    workers = _workers(engine, store, run, offer, duties or Duties(), slots, grace)
    await store.offers.put(offer)
    async with watched(), AsyncExitStack() as stack:
        for one in workers:
            await stack.enter_async_context(one)
        beside = [asyncio.create_task(_tell(store, offer, slots)), asyncio.create_task(tend(engine, store))]
        try:
            yield slots
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            await _told(store, offer.model_copy(update={"draining": True, "running": slots.running}))
            await asyncio.gather(*(one.shutdown() for one in workers))
            await _gone(store, offer)


def _workers(
    engine: Engine, store: Store, run: "Run", offer: Offer, duties: Duties, slots: "Slots", grace: float
) -> "list[Worker]":
    """One for the workflows, and one for each of the queues that attempts come from."""
    from temporalio.worker import (
        FixedSizeSlotSupplier,
        PollerBehaviorSimpleMaximum,
        UnsandboxedWorkflowRunner,
        Worker,
        WorkerTuner,
    )

    from journeyman.engine.activities import AttemptActivities
    from journeyman.engine.due import DueActivities
    from journeyman.engine.orders import QUEUE
    from journeyman.engine.routes import queues_of
    from journeyman.engine.turns import TurnActivities
    from journeyman.engine.workflow import ScheduleWorkflow, TaskWorkflow

    due = DueActivities(store, engine, time.time)
    looks = TurnActivities(store, engine.wake, duties.default_model, duties.model_limits)
    workflows = Worker(
        engine.client,
        task_queue=QUEUE,
        workflows=[TaskWorkflow, ScheduleWorkflow],
        activities=[looks.place_turn, looks.unsettled, looks.conclude_turn, due.hand_in_due],
        no_remote_activities=True,
        workflow_runner=UnsandboxedWorkflowRunner(),  # ours keeps the rules; a sandbox for each costs milliseconds
        max_cached_workflows=500,
        build_id=BUILD,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(4),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),  # how long a dead worker holds up a workflow
    )
    tuner = WorkerTuner.create_composite(
        workflow_supplier=FixedSizeSlotSupplier(2),
        activity_supplier=slots,
        local_activity_supplier=FixedSizeSlotSupplier(1),
        nexus_supplier=FixedSizeSlotSupplier(1),
    )
    attempts = AttemptActivities(run, slots)
    beats = timedelta(seconds=engine.heartbeat / 3)
    return [
        workflows,
        *(
            Worker(
                engine.client,
                task_queue=queue,
                activities=[attempts.run_attempt],
                tuner=tuner,
                build_id=BUILD,
                activity_task_poller_behavior=PollerBehaviorSimpleMaximum(2),
                graceful_shutdown_timeout=timedelta(seconds=grace),
                max_heartbeat_throttle_interval=beats,
                default_heartbeat_throttle_interval=beats,
            )
            for queue in queues_of(offer)
        ),
    ]


async def _tell(store: Store, offer: Offer, slots: "Slots") -> None:
    while True:
        await asyncio.sleep(TELL)
        await _told(store, offer.model_copy(update={"running": slots.running}))


async def _told(store: Store, offer: Offer) -> None:
    try:
        await store.offers.put(offer)
    except StoreError:
        return  # told again in a moment; whoever writes more than this tells the person


async def _gone(store: Store, offer: Offer) -> None:
    try:
        await store.offers.withdraw(offer.worker)
    except StoreError:
        return  # it is forgotten by itself
