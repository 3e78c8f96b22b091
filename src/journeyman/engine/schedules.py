"""Schedules: the store says which there are, the engine's own schedules wait for their times."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from journeyman.core.people import Schedule
from journeyman.engine.connection import told
from journeyman.engine.engine import Engine
from journeyman.engine.orders import QUEUE, ScheduleRef
from journeyman.store.store import Store

if TYPE_CHECKING:
    from temporalio.client import Schedule as EngineSchedule
    from temporalio.client import ScheduleUpdateInput

PREFIX = "schedule-"

LATE = timedelta(minutes=10)
"""What was missed while nothing ran is made up for when it is no older."""

Applied = Mapping[str, str]
"""When the engine's schedules are due, by the id of ours."""


async def synchronise(engine: Engine, store: Store, applied: Applied | None) -> Applied:
    """Make the engine's schedules those of the store; `applied` is what the last call returned, None at first."""
    wanted = {one.id: one for one in await store.schedules.all() if one.enabled}
    before = await _there(engine) if applied is None else applied
    with told(engine.where):
        for schedule_id in before.keys() - wanted.keys():
            await _remove(engine, schedule_id)
        for schedule_id, schedule in wanted.items():
            if before.get(schedule_id) != due(schedule):
                await _put(engine, schedule)
    return {schedule_id: due(schedule) for schedule_id, schedule in wanted.items()}


def due(schedule: Schedule) -> str:
    """When it is due, in a word that changes when that does."""
    return f"{schedule.cron} {schedule.timezone}"


async def _there(engine: Engine) -> Applied:
    with told(engine.where):
        return {
            one.id.removeprefix(PREFIX): ""
            async for one in await engine.client.list_schedules()
            if one.id.startswith(PREFIX)
        }


async def _put(engine: Engine, schedule: Schedule) -> None:
    from temporalio.client import ScheduleAlreadyRunningError, ScheduleUpdate

    made = _made(schedule)
    try:
        await engine.client.create_schedule(PREFIX + schedule.id, made)
    except ScheduleAlreadyRunningError:

        def changed(_: "ScheduleUpdateInput") -> ScheduleUpdate:
            return ScheduleUpdate(schedule=made)

        await engine.client.get_schedule_handle(PREFIX + schedule.id).update(changed)


async def _remove(engine: Engine, schedule_id: str) -> None:
    from temporalio.service import RPCError, RPCStatusCode

    try:
        await engine.client.get_schedule_handle(PREFIX + schedule_id).delete()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:  # another process was first
            raise


def _made(schedule: Schedule) -> "EngineSchedule":
    from temporalio import client

    from journeyman.engine.workflow import ScheduleWorkflow

    return client.Schedule(
        action=client.ScheduleActionStartWorkflow(
            ScheduleWorkflow.run,
            ScheduleRef(schedule_id=schedule.id),
            id=PREFIX + schedule.id,
            task_queue=QUEUE,
        ),
        spec=client.ScheduleSpec(cron_expressions=[schedule.cron], time_zone_name=schedule.timezone),
        policy=client.SchedulePolicy(overlap=client.ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=LATE),
    )
