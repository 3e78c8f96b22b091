"""Schedules: the engine waits for their times, the store says which there are."""

import asyncio
from pathlib import Path

from journeyman.core.people import Person, Schedule
from journeyman.core.task import Budget, Task, TurnRequest
from journeyman.engine.engine import Engine
from journeyman.engine.schedules import PREFIX, synchronise
from journeyman.store import Store
from tests.engine.engine_parts import MACHINE, a_store, an_engine, doing, until, working

NIGHTLY = Schedule(
    id="0nightly",
    name="nightly",
    cron="30 3 * * mon-fri",
    timezone="Europe/Berlin",
    request=TurnRequest(prompt="Update the dependencies", repository="/repo"),
    budget=Budget(cost=2.0),
    priority=4,
)


async def test_a_schedule_hands_in_its_task_when_it_is_due(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store, an_engine(tmp_path) as engine:
        await store.schedules.put(NIGHTLY)
        async with working(engine, store, doing(store)):
            await asyncio.wait_for(until_listed(engine, {PREFIX + NIGHTLY.id}), 120)
            await engine.client.get_schedule_handle(PREFIX + NIGHTLY.id).trigger()
            task = await asyncio.wait_for(handed_in(store), 120)
            await asyncio.wait_for(until(store, task.id, lambda now: now.status == "done"), 120)
        assert (task.origin, task.schedule, task.priority, task.budget) == ("schedule", NIGHTLY.id, 4, Budget(cost=2.0))
        assert (await store.turns.get(task.id, 1)).request == NIGHTLY.request.model_copy(update={"machine": MACHINE})


async def test_what_is_changed_or_deleted_is_so_in_the_engine(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store, an_engine(tmp_path) as engine:
        other = NIGHTLY.model_copy(update={"id": "0other"})
        await store.schedules.put(NIGHTLY)
        await store.schedules.put(other)
        applied = await synchronise(engine, store, None)
        assert await due(engine, NIGHTLY.id) == (3, 30, "Europe/Berlin")
        await store.schedules.put(NIGHTLY.model_copy(update={"cron": "0 4 * * *"}))
        await store.schedules.put(other.model_copy(update={"enabled": False}))
        applied = await synchronise(engine, store, applied)
        assert applied == {NIGHTLY.id: "0 4 * * * Europe/Berlin"}
        assert await due(engine, NIGHTLY.id) == (4, 0, "Europe/Berlin")
        await asyncio.wait_for(until_listed(engine, {PREFIX + NIGHTLY.id}), 120)
        await store.schedules.remove(NIGHTLY.id)
        assert await synchronise(engine, store, None) == {}, "another process knows nothing of what this one did"
        await asyncio.wait_for(until_listed(engine, set()), 120)


async def test_a_schedule_of_somebody_who_left_hands_nothing_in(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store, an_engine(tmp_path) as engine:
        await store.people.add(Person(id="0ada", name="Ada", email="ada@example.test", disabled=True))
        await store.schedules.put(NIGHTLY.model_copy(update={"owner": "0ada"}))
        async with working(engine, store, doing(store)):
            await asyncio.wait_for(until_listed(engine, {PREFIX + NIGHTLY.id}), 120)
            await engine.client.get_schedule_handle(PREFIX + NIGHTLY.id).trigger()
            await asyncio.wait_for(refused(store), 120)
        assert await store.tasks() == []


async def until_listed(engine: Engine, ids: set[str]) -> None:
    """The engine lists its schedules a little later than it has them."""
    while True:
        if {one.id async for one in await engine.client.list_schedules()} == ids:
            return
        await asyncio.sleep(0.05)


async def handed_in(store: Store) -> Task:
    async with store.tail.watch() as news:
        while not (tasks := await store.tasks()):
            await news.wait()
        return tasks[0]


async def refused(store: Store) -> None:
    while True:
        if await store.audit.entries(act="schedule.refused"):
            return
        await asyncio.sleep(0.05)


async def due(engine: Engine, schedule_id: str) -> tuple[int, int, str | None]:
    """The hour and minute at which the engine has it due, and where."""
    told = await engine.client.get_schedule_handle(PREFIX + schedule_id).describe()
    [calendar] = told.schedule.spec.calendars
    return calendar.hour[0].start, calendar.minute[0].start, told.schedule.spec.time_zone_name
