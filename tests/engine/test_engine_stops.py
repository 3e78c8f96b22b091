"""A person stops a task: what was begun ends with a result and is chosen, wherever the attempt is just then."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import PendingActivityState

from journeyman.core.errors import JourneymanError, StoreError, UsageError
from journeyman.core.events import Finished, Progressed
from journeyman.core.evidence import READ_FROM_FILES, Result
from journeyman.core.task import Attempt, Task, Turn, TurnRequest
from journeyman.engine import activities
from journeyman.engine.activities import Busy
from journeyman.engine.connection import Where, connect
from journeyman.engine.engine import Engine, open_engine
from journeyman.engine.orders import ENDED
from journeyman.engine.submission import say, stop
from journeyman.engine.tend import alone, hand_on
from journeyman.store import Store, this_process
from journeyman.testing.store import a_dead_process
from tests.engine.engine_parts import MACHINE, a_store, an_engine, an_offer, doing, hand_in, until, working

STOPPED = Result(verdict="unverified", summary="So far.")


class Attempts:
    """Attempts that end when they hear a stop; `before` says what goes wrong before that in the so-many-th try."""

    def __init__(self, store: Store, *before: Exception | str) -> None:
        self.store = store
        self.before = list(before)
        self.tries = 0
        self.tried = asyncio.Event()

    async def __call__(self, attempt_id: str, drain: asyncio.Event) -> str:
        async with self.store.claim(attempt_id, this_process()) as log:
            await log.append(Progressed(text="did something"))
            self.tries += 1
            halts = [one for one in await self.store.messages.after(log.task_id) if one.kind in ("interrupt", "cancel")]
            if halts and not self.before:
                status = "cancelled" if halts[0].kind == "cancel" else "interrupted"
                assert await log.finish(Finished(result=STOPPED), status, halts[-1].number)
                return "unverified"
            failure = self.before.pop(0) if self.before else "hangs"
            self.tried.set()
            if isinstance(failure, Exception):
                await log.set_status("interrupted")
                raise failure
            try:
                await asyncio.Event().wait()
            finally:
                await log.set_status("interrupted")
        raise AssertionError


@pytest.mark.parametrize("failure", [Busy("another one has it"), StoreError("the database is locked")], ids=str)
async def test_an_attempt_that_waits_to_be_tried_again_ends_with_a_result(
    engine: Engine, store: Store, failure: Exception
) -> None:
    run = Attempts(store, failure)
    async with working(engine, store, run):
        task = await hand_in(store, engine)
        await asyncio.wait_for(run.tried.wait(), 120)
        await say(store, engine, task.id, "interrupt")
        await asyncio.wait_for(engine.ended(task.id), 120)
    stopped = await store.task(task.id)
    assert (stopped.status, stopped.chosen, stopped.reason) == ("interrupted", f"{task.id}.1.1", "")
    assert run.tries == 2


@pytest.fixture
async def beating(where: Where) -> AsyncGenerator[Engine]:
    """An engine whose workers hear of a cancellation sooner: it comes back with a heartbeat."""
    async with open_engine(where, MACHINE, heartbeat=9.0) as engine:
        yield engine


async def test_an_attempt_whose_end_takes_too_long_ends_with_a_result(
    beating: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try does not hear the stop at all, and is cancelled."""
    monkeypatch.setattr(activities, "ORDERLY", 0.1)
    async with a_store(tmp_path) as store, working(beating, store, run := Attempts(store, "hangs")):
        task = await hand_in(store, beating)
        await asyncio.wait_for(run.tried.wait(), 120)
        await say(store, beating, task.id, "cancel")
        await asyncio.wait_for(beating.ended(task.id), 120)
        stopped = await store.task(task.id)
    assert (stopped.status, stopped.chosen) == ("cancelled", f"{task.id}.1.1")


async def test_a_stopped_attempt_that_cannot_be_brought_to_its_end_says_why(
    beating: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activities, "PAUSE", 0.01)
    monkeypatch.setattr(activities, "ORDERLY", 0.1)
    failures = [StoreError("The disk is full.")] * activities.FAILURES
    async with a_store(tmp_path) as store, working(beating, store, run := Attempts(store, "hangs", *failures)):
        task = await hand_in(store, beating)
        await asyncio.wait_for(run.tried.wait(), 120)
        await say(store, beating, task.id, "interrupt")
        await asyncio.wait_for(beating.ended(task.id), 120)
        stopped = await store.task(task.id)
    assert (stopped.status, stopped.chosen, stopped.reason) == ("interrupted", None, "The disk is full.")


async def test_what_was_begun_ends_with_a_result_though_the_engine_knows_nothing_of_it(
    engine: Engine, store: Store
) -> None:
    task_id = f"0lost{os.urandom(4).hex()}"
    request = TurnRequest(prompt="x", repository="/repo", machine=MACHINE)
    task = Task(id=task_id, prompt="x", mode="code", repository="/repo", model="", created=1.0)
    turn = Turn(task_id=task_id, request=request, created=1.0)
    await store.create(task, [Attempt(id=f"{task_id}.1.1", task_id=task_id)], turn=turn)
    await store.jobs.begin(task_id, 1, "", MACHINE)
    async with store.claim(f"{task_id}.1.1", this_process()) as log:
        await log.append(Progressed(text="did something"))
    async with working(engine, store, Attempts(store)):
        await say(store, engine, task_id, "interrupt")
        stopped = await asyncio.wait_for(until(store, task_id, lambda now: now.status == "interrupted"), 120)
    assert stopped.chosen == f"{task_id}.1.1"


async def test_a_stop_that_comes_after_the_end_changes_nothing(engine: Engine, store: Store) -> None:
    async with working(engine, store, doing(store)):
        task = await hand_in(store, engine)
        running = await store.turns.get(task.id, 1)
        await asyncio.wait_for(engine.ended(task.id), 120)
        await stop(store, engine, task, running, "cancelled")
    done = await store.task(task.id)
    assert (done.status, done.chosen) == ("done", f"{task.id}.1.1")


async def test_what_is_said_between_the_result_and_the_end_of_the_turn_is_refused(engine: Engine, store: Store) -> None:
    has_result, go_on = asyncio.Event(), asyncio.Event()

    async def run(attempt_id: str, drain: asyncio.Event) -> str:
        async with store.claim(attempt_id, this_process()) as log:
            assert await log.finish(Finished(result=STOPPED), "done", 0)
        has_result.set()
        await go_on.wait()
        return "unverified"

    async with working(engine, store, run):
        task = await hand_in(store, engine)
        await asyncio.wait_for(has_result.wait(), 30)
        assert (await store.turns.get(task.id, 1)).status not in ENDED
        for kind in ("steer", "interrupt", "cancel"):
            with pytest.raises(UsageError, match="is at its end; hand in a follow-up to go on with it"):
                await say(store, engine, task.id, kind, "And that.")
        go_on.set()
        await asyncio.wait_for(engine.ended(task.id), 30)
    done = await store.task(task.id)
    assert (done.status, done.chosen, await store.messages.after(task.id)) == ("done", f"{task.id}.1.1", [])


async def test_trouble_at_a_stop_is_the_reason(engine: Engine, store: Store) -> None:
    trouble = f"{READ_FROM_FILES} The disk is gone."

    async def run(attempt_id: str, drain: asyncio.Event) -> str:
        async with store.claim(attempt_id, this_process()) as log:
            result = STOPPED.model_copy(update={"warnings": ("Not checked.", trouble)})
            await log.finish(Finished(result=result), "interrupted", 0)
        return "unverified"

    async with working(engine, store, run):
        task = await hand_in(store, engine)
        await asyncio.wait_for(engine.ended(task.id), 120)
    assert ((await store.task(task.id)).status, (await store.task(task.id)).reason) == ("interrupted", trouble)


async def test_a_dead_worker_is_noticed_though_a_person_has_stopped_the_turn(engine: Engine, store: Store) -> None:
    """The engine calls the attempt by another name then, and would wait for a heartbeat."""
    dead = replace(engine, client=await connect(engine.where, identity=a_dead_process()))
    began, go_on = asyncio.Event(), asyncio.Event()

    async def run(attempt_id: str, drain: asyncio.Event) -> str:
        began.set()
        await go_on.wait()
        return await doing(store)(attempt_id, drain)

    async with working(dead, store, run):
        task = await hand_in(store, engine)
        await asyncio.wait_for(began.wait(), 30)
        assert await engine.in_flight(task.id) == [f"{task.id}.1.1"]
        await say(store, engine, task.id, "interrupt")
        await asyncio.wait_for(cancelling(engine, task.id), 30)
        assert await engine.in_flight(task.id) == [f"{task.id}.1.1"]
        go_on.set()
        await asyncio.wait_for(engine.ended(task.id), 30)


async def cancelling(engine: Engine, task_id: str) -> None:
    while True:
        described = await engine.client.get_workflow_handle(task_id).describe()
        states = {one.state for one in described.raw_description.pending_activities}
        if PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED in states:
            return
        await asyncio.sleep(0.05)


async def test_a_live_worker_is_not_taken_an_attempt_from(engine: Engine, store: Store) -> None:
    """The log still names a dead process, since the worker that goes on has not claimed it yet."""
    began, go_on = asyncio.Event(), asyncio.Event()
    tries = 0

    async def run(attempt_id: str, drain: asyncio.Event) -> str:
        nonlocal tries
        tries += 1
        began.set()
        await go_on.wait()
        return await doing(store)(attempt_id, drain)

    async with working(engine, store, run):
        task = await hand_in(store, engine)
        await asyncio.wait_for(began.wait(), 120)
        async with store.claim(f"{task.id}.1.1", a_dead_process()):
            assert (task.id, f"{task.id}.1.1") in await store.jobs.orphans()
            await hand_on(engine, store)
        go_on.set()
        await asyncio.wait_for(engine.ended(task.id), 120)
    assert tries == 1


async def test_what_cannot_be_handed_on_while_the_engine_is_away_is_not_forgotten(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        async with an_engine(tmp_path / "engine") as engine:
            task = await hand_in(store, engine)
            assert await store.jobs.admit(task, await store.turns.get(task.id, 1), "", {}) == ""
        await store.offers.put(an_offer("gone").model_copy(update={"holder": a_dead_process()}))
        with pytest.raises(JourneymanError, match="did not do what it was asked"):
            await hand_on(engine, store)
        assert [offer.worker for offer in await store.offers.all()] == ["gone"], "the next look tries again"


def test_one_at_a_time_hands_on() -> None:
    place = os.urandom(8).hex()
    with alone(place) as first, alone(place) as second, alone(f"{place}.other") as other:
        assert (first, second, other) == (True, False, True)
    with alone(place) as again:
        assert again


async def test_a_deleted_task_that_is_still_in_hand_holds_nobody_up(engine: Engine, tmp_path: Path) -> None:
    """As a store may have it in which somebody looked at the task while it was deleted."""
    async with a_store(tmp_path) as store:
        with contextlib.closing(sqlite3.connect(tmp_path / "journeyman.sqlite", isolation_level=None)) as connection:
            connection.execute(
                "insert into job (task_id, turn, model, attempts, priority, created) values ('0gone', 1, '', 1, 3, 1.0)"
            )
        assert [job.task_id for job in await store.jobs.open()] == ["0gone"]
        async with working(engine, store, doing(store)):
            task = await hand_in(store, engine)
            await asyncio.wait_for(until(store, task.id, lambda now: now.status == "done"), 120)
        assert await store.jobs.open() == []
