"""The workflow of a task: its turns, attempts and signals."""

import asyncio

import pytest

from journeyman.core.errors import HandedOver, StoreError, UsageError
from journeyman.core.task import Budget, TurnRequest
from journeyman.engine.engine import Engine
from journeyman.engine.orders import Ended
from journeyman.engine.submission import approve, follow_up, say
from journeyman.store import Store, this_process
from tests.engine.engine_parts import an_offer, doing, hand_in, until, working


async def test_attempts_run_side_by_side_and_each_has_its_own_end(engine: Engine, store: Store) -> None:
    both = asyncio.Barrier(2)
    failed_before: set[str] = set()

    async def work(attempt_id: str) -> None:
        if attempt_id.endswith("3"):
            raise UsageError("no such ref: nowhere")
        if attempt_id.endswith("4") and attempt_id not in failed_before:
            failed_before.add(attempt_id)
            raise StoreError("the database is locked")
        if not attempt_id.endswith("4"):
            await both.wait()

    async with working(engine, store, doing(store, work)):
        task = await hand_in(store, engine, attempts=4)
        ids = [f"{task.id}.1.{number}" for number in range(1, 5)]
        assert await asyncio.wait_for(engine.ended(task.id), 120) == (
            Ended(attempt_id=ids[0], status="done", outcome="verified"),
            Ended(attempt_id=ids[1], status="done", outcome="verified"),
            Ended(attempt_id=ids[2], status="failed", message="no such ref: nowhere"),
            Ended(attempt_id=ids[3], status="done", outcome="verified"),
        )
        assert failed_before == {ids[3]}
        stored = await store.task(task.id)
        assert (stored.status, stored.chosen) == ("done", ids[0])
        assert [one.status for one in await store.attempts(task.id)] == ["done", "done", "failed", "done"]


async def test_a_task_that_fails_says_why_and_can_be_tried_again(engine: Engine, store: Store) -> None:
    mended = False

    async def work(attempt_id: str) -> None:
        if not mended:
            raise UsageError("The key is missing.")

    async with working(engine, store, doing(store, work)):
        task = await hand_in(store, engine)
        await asyncio.wait_for(engine.ended(task.id), 120)
        failed = await store.task(task.id)
        assert (failed.status, failed.reason) == ("failed", "The key is missing.")
        mended = True
        await approve(store, engine, task.id, Budget(cost=5.0))
        await asyncio.wait_for(engine.ended(task.id), 120)
        done = await store.task(task.id)
        assert (done.status, done.reason, done.budget) == ("done", "", Budget(cost=5.0))
        with pytest.raises(UsageError, match="is at its end"):
            await approve(store, engine, task.id, Budget(cost=9.0))


async def test_follow_ups_are_worked_one_after_the_other(engine: Engine, store: Store) -> None:
    order: list[str] = []
    first, go_on = asyncio.Event(), asyncio.Event()

    async def work(attempt_id: str) -> None:
        order.append(attempt_id.partition(".")[2])
        first.set()
        await go_on.wait()

    async with working(engine, store, doing(store, work)):
        task = await hand_in(store, engine)
        await asyncio.wait_for(first.wait(), 120)
        more = TurnRequest(prompt="and the tests", repository="/repo")
        assert (await follow_up(store, engine, task.id, more, key="k")).number == 2
        assert (await follow_up(store, engine, task.id, more, key="k")).number == 2, "sent twice is the same"
        assert order == ["1.1"]
        go_on.set()
        await asyncio.wait_for(engine.ended(task.id), 120)
        assert order == ["1.1", "2.1"]
        assert (await follow_up(store, engine, task.id, more)).number == 3  # its workflow has ended: it begins anew
        await asyncio.wait_for(engine.ended(task.id), 120)
        assert order == ["1.1", "2.1", "3.1"]
        assert [turn.status for turn in await store.turns.all(task.id)] == ["done"] * 3
        stored = await store.task(task.id)
        assert (stored.turn, stored.status, stored.chosen) == (3, "done", f"{task.id}.3.1")
        assert await store.jobs.open() == []


async def test_a_cancelled_task_stops_in_good_order(engine: Engine, store: Store) -> None:
    running, in_order = asyncio.Event(), asyncio.Event()

    async def run(attempt_id: str, drain: asyncio.Event) -> str:
        if attempt_id.endswith("2"):
            return await doing(store)(attempt_id, drain)
        async with store.claim(attempt_id, this_process()) as log, store.tail.watch(log.task_id) as news:
            await log.set_status("running")
            running.set()
            while not await store.messages.after(log.task_id):
                await news.wait()
            await log.set_status("cancelled")
            in_order.set()
        return "cancelled"

    async with working(engine, store, run):
        task = await hand_in(store, engine, attempts=2)
        await asyncio.wait_for(running.wait(), 120)
        await say(store, engine, task.id, "cancel")
        ended = await asyncio.wait_for(engine.ended(task.id), 120)
        assert in_order.is_set()
        assert [one.outcome for one in ended] == ["cancelled", "verified"]
        assert [one.status for one in await store.attempts(task.id)] == ["cancelled", "done"]
        with pytest.raises(UsageError, match="is at its end"):
            await say(store, engine, task.id, "steer", "faster")


async def test_what_has_not_begun_is_cancelled_at_once(engine: Engine, store: Store) -> None:
    nobody = await hand_in(store, engine)
    async with working(engine, store, doing(store), an_offer(machine="elsewhere")):
        waiting = await asyncio.wait_for(until(store, nobody.id, lambda task: bool(task.reason)), 120)
        assert waiting.status == "queued"
        assert waiting.reason == "Waits for a worker on the machine that has the folder."
        await say(store, engine, nobody.id, "cancel")
        await asyncio.wait_for(engine.ended(nobody.id), 120)
    task = await store.task(nobody.id)
    assert (task.status, task.reason) == ("cancelled", "")
    assert [one.status for one in await store.attempts(task.id)] == ["cancelled"]


async def test_a_worker_that_ends_hands_its_attempts_over(engine: Engine, store: Store) -> None:
    steps: list[str] = []
    running = asyncio.Event()

    async def first(attempt_id: str, drain: asyncio.Event) -> str:
        running.set()
        await drain.wait()
        steps.append("first finished its step")
        raise HandedOver("This worker ends.")

    async def work(attempt_id: str) -> None:
        steps.append("second")

    async with working(engine, store, first):
        task = await hand_in(store, engine)
        await asyncio.wait_for(running.wait(), 120)
    assert steps == ["first finished its step"]
    assert [offer.worker for offer in await store.offers.all()] == []
    async with working(engine, store, doing(store, work), an_offer("two")):
        await asyncio.wait_for(engine.ended(task.id), 120)
    assert steps == ["first finished its step", "second"]
