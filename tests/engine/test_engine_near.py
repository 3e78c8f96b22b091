"""Where a follow-up runs."""

import asyncio

from journeyman.core.task import Task, TurnRequest
from journeyman.engine.activities import Run
from journeyman.engine.engine import Engine, open_engine
from journeyman.engine.submission import Sender, follow_up, submit
from journeyman.store import Store
from tests.engine.engine_parts import an_offer, doing, until, working

ADDRESS = "https://forge.test/shop.git"


async def test_a_follow_up_prefers_the_machine_that_has_the_workspace(engine: Engine, store: Store) -> None:
    ran: list[str] = []

    def on(machine: str) -> Run:
        async def work(attempt_id: str) -> None:
            task_id, turn, _ = attempt_id.split(".")
            await store.jobs.begin(task_id, int(turn), "m", machine)
            ran.append(machine)

        return doing(store, work)

    request = TurnRequest(prompt="x", repository=ADDRESS)
    async with working(engine, store, on("there"), an_offer("there", machine="there")):
        task = await submit(store, engine, request, Sender(), clock=lambda: 1.0)
        await asyncio.wait_for(engine.ended(task.id), 120)
    async with (
        open_engine(engine.where, "here") as other,  # a client has one worker
        working(other, store, on("here"), an_offer("here", machine="here")),
        working(engine, store, on("there"), an_offer("there", machine="there")),
    ):
        for number in range(2, 6):
            await follow_up(store, engine, task.id, request)
            await asyncio.wait_for(
                until(store, task.id, lambda now, n=number: (now.turn, now.status) == (n, "done")), 30
            )
    assert ran == ["there"] * 5


def is_done(turn: int, task: Task) -> bool:
    return (task.turn, task.status) == (turn, "done")
