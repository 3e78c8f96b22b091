"""Tasks that nobody has in hand, and attempts that do not get on."""

import asyncio
from pathlib import Path

import pytest

from journeyman.core.errors import StoreError
from journeyman.core.people import Offer
from journeyman.core.task import Attempt, Task, Turn, TurnRequest
from journeyman.engine import activities, tend
from journeyman.engine.engine import Engine
from journeyman.store import Store
from journeyman.testing.store import a_dead_process
from tests.engine.engine_parts import MACHINE, a_store, an_engine, an_offer, doing, hand_in, until, working


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tend, "EVERY", 0.1)
    monkeypatch.setattr(tend, "LEFT", 0.0)
    monkeypatch.setattr(activities, "PAUSE", 0.01)


async def put(store: Store, *, origin: str = "api", turn: bool = True) -> str:
    """A task that was stored and not handed over."""
    request = TurnRequest(prompt="x", repository="/repo", machine=MACHINE)
    task = Task.model_validate(
        {"id": "0left", "prompt": "x", "mode": "code", "repository": "/repo", "model": "", "created": 1.0}
        | {"origin": origin}
    )
    left = Turn(task_id=task.id, request=request, created=1.0) if turn else None
    await store.create(task, [Attempt(id=f"{task.id}.1.1", task_id=task.id)], turn=left)
    return task.id


async def test_what_was_stored_and_not_handed_over_is_found(engine: Engine, store: Store) -> None:
    task_id = await put(store)
    async with working(engine, store, doing(store)):
        await asyncio.wait_for(until(store, task_id, lambda task: task.status == "done"), 120)


async def test_a_task_of_a_terminal_is_left_to_it(store: Store) -> None:
    await put(store, origin="cli", turn=False)
    assert await store.jobs.unstarted(before=10.0) == []


async def test_an_engine_that_lost_its_state_is_told_again(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        async with an_engine(tmp_path / "one") as engine, working(engine, store, doing(store), an_offer(machine="x")):
            task = await hand_in(store, engine)
            await asyncio.wait_for(until(store, task.id, lambda now: bool(now.reason)), 120)
        async with an_engine(tmp_path / "two") as engine, working(engine, store, doing(store)):
            await asyncio.wait_for(until(store, task.id, lambda now: now.status == "done"), 120)


async def test_a_worker_whose_process_has_gone_is_not_counted_on(engine: Engine, store: Store) -> None:
    gone = an_offer("gone", machine="gone").model_copy(update={"holder": a_dead_process()})
    await store.offers.put(gone)
    async with working(engine, store, doing(store)):
        await asyncio.wait_for(only(store, an_offer()), 120)


async def only(store: Store, offer: Offer) -> None:
    while True:
        if [one.worker for one in await store.offers.all()] == [offer.worker]:
            return
        await asyncio.sleep(0.05)


async def test_an_attempt_that_does_not_get_on_is_given_up(engine: Engine, store: Store) -> None:
    tries = 0

    async def work(attempt_id: str) -> None:
        nonlocal tries
        tries += 1
        raise StoreError("The disk is full.")

    async with working(engine, store, doing(store, work)):
        task = await hand_in(store, engine)
        failed = await asyncio.wait_for(until(store, task.id, lambda now: now.status == "failed"), 120)
    assert failed.reason == "The disk is full."
    assert tries == activities.FAILURES
