"""Where a follow-up runs, and a task whose needs only its repository names."""

import asyncio

from journeyman.core.environment import Environment, EnvironmentBase, EnvironmentUse
from journeyman.core.events import AttemptStarted
from journeyman.core.model import Profile
from journeyman.core.task import Base, Limits, Task, TurnRequest
from journeyman.engine.activities import Elsewhere, Run
from journeyman.engine.engine import Engine, open_engine
from journeyman.engine.submission import Sender, follow_up, submit
from journeyman.store import Store, this_process
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


async def test_an_image_that_only_the_repository_names_is_found_where_there_are_images(
    engine: Engine, store: Store
) -> None:
    """The first worker that looks into the repository learns of it, and leaves it to others."""
    image = EnvironmentUse(environment=Environment(name="e", base=EnvironmentBase(image="i")), source="repository")
    started = AttemptStarted(
        task_id="",
        prompt="x",
        mode="code",
        model="m",
        profile=Profile(name="m"),
        strategy="loop",
        base=Base(repository="/r", tree="0"),
        limits=Limits(),
        environment=image,
    )
    ran: list[str] = []

    async def without(attempt_id: str, drain: asyncio.Event) -> str:
        ran.append("without")
        async with store.claim(attempt_id, this_process()) as log:
            await log.append(started)
        raise Elsewhere("There is no container engine.")

    async def work(attempt_id: str) -> None:
        ran.append("images")

    request = TurnRequest(prompt="x", repository=ADDRESS)
    async with working(engine, store, without, an_offer("plain", machine="plain")):
        task = await submit(store, engine, request, Sender(), clock=lambda: 1.0)
        waits = "Waits for a worker that can run container images."
        await asyncio.wait_for(until(store, task.id, lambda now: now.reason == waits), 60)
        async with (
            open_engine(engine.where, "boats") as other,
            working(other, store, doing(store, work), an_offer("boats", machine="boats", images=True)),
        ):
            await asyncio.wait_for(until(store, task.id, lambda now: is_done(1, now)), 60)
    assert ran == ["without", "images"]
