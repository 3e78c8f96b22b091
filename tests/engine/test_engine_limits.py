"""Who may run at the same time, who comes first, and where."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from journeyman.core.people import Group, Offer, Person, Quota
from journeyman.engine.engine import Engine
from journeyman.engine.orders import Queue
from journeyman.engine.routes import NEAR, PATIENCE, Needs, lacks, queues_of, route
from journeyman.engine.slots import SPARE, Slots
from journeyman.engine.submission import Sender
from journeyman.engine.worker import Duties
from journeyman.store import Store
from tests.engine.engine_parts import an_offer, doing, hand_in, until, working

ADA, BOB = Sender("0ada"), Sender("0bob")


class Gate:
    """Work that waits to be let through, and who is at it."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.order: list[str] = []
        self.most = 0
        self._let = asyncio.Semaphore(0)
        self._came = asyncio.Condition()

    async def work(self, attempt_id: str) -> None:
        self.inside.append(attempt_id)
        self.order.append(attempt_id.partition(".")[0])
        self.most = max(self.most, len(self.inside))
        async with self._came:
            self._came.notify_all()
        await self._let.acquire()
        self.inside.remove(attempt_id)

    def let(self, count: int) -> None:
        for _ in range(count):
            self._let.release()

    async def came(self, count: int) -> None:
        async with asyncio.timeout(120), self._came:
            await self._came.wait_for(lambda: len(self.order) >= count)

    async def has(self, count: int) -> None:
        async with asyncio.timeout(120), self._came:
            await self._came.wait_for(lambda: len(self.inside) >= count)


async def test_a_person_has_as_many_tasks_at_work_as_the_quota_says(engine: Engine, store: Store) -> None:
    await store.quotas.put(Quota(of="person:0ada", running=2))
    gate = Gate()
    async with working(engine, store, doing(store, gate.work)):
        first = [await hand_in(store, engine, f"task {number}", sender=ADA) for number in range(2)]
        await gate.has(2)
        third = await hand_in(store, engine, "one more", sender=ADA)
        fourth = await hand_in(store, engine, "and one", sender=ADA)
        other = await hand_in(store, engine, "another person's", sender=BOB)
        waiting = await asyncio.wait_for(until(store, third.id, lambda task: bool(task.reason)), 120)
        assert (waiting.status, waiting.reason) == ("queued", "Waits: 2 tasks of its person may run at a time.")
        await gate.has(3)  # Bob waits for nobody
        gate.let(1)  # the first of Ada's
        await asyncio.wait_for(until(store, third.id, lambda task: not task.reason), 120)
        await gate.came(4)
        assert gate.order[3] == third.id
        gate.let(4)
        for task in (*first, third, fourth, other):
            await asyncio.wait_for(until(store, task.id, lambda now: now.status == "done"), 120)
        assert gate.most == 3
        assert (await store.task(third.id)).reason == ""


async def test_a_model_works_at_as_many_attempts_as_it_may(engine: Engine, store: Store) -> None:
    gate = Gate()
    duties = Duties("big", {"big": 3})
    async with working(engine, store, doing(store, gate.work), an_offer(models=("big", "small")), duties):
        pair = await hand_in(store, engine, attempts=2)
        await gate.has(2)
        next_pair = await hand_in(store, engine, attempts=2, model="big")
        small = await hand_in(store, engine, model="small")
        waiting = await asyncio.wait_for(until(store, next_pair.id, lambda task: bool(task.reason)), 120)
        assert waiting.reason == "Waits: 3 attempts with big may run at a time."
        await gate.has(3)
        gate.let(5)
        for task in (pair, next_pair, small):
            await asyncio.wait_for(until(store, task.id, lambda now: now.status == "done"), 120)
        assert gate.most == 3


async def test_a_worker_runs_as_many_as_it_has_slots_the_first_priority_first_and_persons_in_turn(
    engine: Engine, store: Store
) -> None:
    gate = Gate()
    first = await hand_in(store, engine, "the first", sender=ADA)
    async with working(engine, store, doing(store, gate.work), an_offer(slots=1)):
        await gate.has(1)
        many = [await hand_in(store, engine, f"of many {number}", sender=ADA) for number in range(6)]
        bobs = await hand_in(store, engine, "the only one of Bob", sender=BOB)
        urgent = await hand_in(store, engine, "at once", sender=ADA, priority=1)
        tasks = [first, *many, bobs, urgent]
        await asyncio.wait_for(all_placed(store, len(tasks)), 120)
        gate.let(len(tasks))
        for task in tasks:
            await asyncio.wait_for(until(store, task.id, lambda now: now.status == "done"), 120)
    assert gate.most == 1
    place = {task_id: at for at, task_id in enumerate(gate.order)}
    # Those that were taken in hand before the others came are ahead of them.
    assert place[urgent.id] <= 3
    assert place[bobs.id] <= 5


async def all_placed(store: Store, count: int) -> None:
    while True:
        if len(await store.jobs.open()) == count:
            return
        await asyncio.sleep(0.02)


async def test_groups_have_limits_too(store: Store) -> None:
    await store.people.add(Person(id="0ada", name="Ada", email="ada@example.test"))
    group: Group = await store.people.add_group("shop")
    await store.quotas.put(Quota(of=f"group:{group.id}", running=1))
    sender = Sender("0ada", group.id)
    first, second = [await stored(store, sender, number) for number in range(2)]
    assert await first() == ""
    assert await second() == "Waits: 1 task of its group may run at a time."
    assert await first() == "", "asking again changes nothing"
    (one, two) = await store.jobs.open()
    assert await store.jobs.conclude(one.task_id, 1, "done") == [two]
    assert await second() == ""


async def stored(store: Store, sender: Sender, number: int) -> Callable[[], Awaitable[str]]:
    """Asks whether a stored task may run."""
    from journeyman.core.task import Task, Turn, TurnRequest

    task = Task(
        id=f"0task{number}",
        prompt="x",
        mode="code",
        repository="/r",
        model="m",
        created=float(number + 1),
        owner=sender.owner,
        group=sender.group,
    )
    turn = Turn(task_id=task.id, request=TurnRequest(prompt="x", repository="/r"), created=task.created)
    await store.create(task, [], turn=turn)

    async def ask() -> str:
        return await store.jobs.admit(task, turn, "m", {})

    return ask


def test_a_turn_goes_where_it_can_run() -> None:
    plain = an_offer("plain", models=("box", "openai:*"))
    images = an_offer("images", machine="there", images=True, models=("box",), cores=16, memory_bytes=64 << 30)
    offers = [plain, images]

    def names(needs: Needs) -> list[str]:
        known = {queue: f"{offer.worker}{'@' * at}" for offer in offers for at, queue in enumerate(queues_of(offer))}
        return [known[queue.name] for queue in route(offers, needs)]

    assert names(Needs()) == ["plain", "images"]
    assert names(Needs(machine="there")) == ["images@"]
    assert names(Needs(near="there")) == ["images@", "plain", "images"]
    assert names(Needs(image=True)) == ["images"]
    assert names(Needs(model="openai:gpt")) == ["plain"]
    assert names(Needs(cpus=8)) == ["images"]
    assert names(Needs(memory_bytes=100 << 30)) == []
    assert [queue.patience for queue in route(offers, Needs(near="there"))] == [NEAR, PATIENCE, PATIENCE]
    assert route([plain.model_copy(update={"draining": True})], Needs()) == ()
    same = an_offer("another", machine="third", models=("box", "openai:*"))
    assert queues_of(same)[0] == queues_of(plain)[0], "workers of a kind share a queue"
    assert isinstance(route([same, plain], Needs())[0], Queue)


@pytest.mark.parametrize(
    ("offers", "needs", "words"),
    [
        ([], Needs(), "Waits for a worker: none is running."),
        ([an_offer()], Needs(machine="m"), "Waits for a worker on the machine that has the folder."),
        ([an_offer()], Needs(image=True), "Waits for a worker that can run container images."),
        ([an_offer()], Needs(model="box"), "Waits for a worker that has the model box."),
    ],
)
def test_what_is_waited_for_is_said(offers: list[Offer], needs: Needs, words: str) -> None:
    assert lacks(offers, needs) == words


@dataclass(frozen=True)
class Asking:
    """What the engine's client says of itself when it asks for a slot, and what it got."""

    task_queue: str = "q"
    permit: Any = None


async def test_nothing_new_is_begun_while_memory_is_short() -> None:
    free = SPARE - 1
    slots: Any = Slots(4, lambda: free)
    permit = await slots.reserve_slot(Asking())
    assert permit is not None, "one goes on in any case"
    slots.mark_slot_used(Asking(permit=permit))
    assert slots.try_reserve_slot(Asking()) is None
    free = SPARE + 1
    assert slots.try_reserve_slot(Asking()) is not None


async def test_a_queue_that_waits_does_not_keep_the_last_slot_from_another() -> None:
    slots: Any = Slots(1, lambda: SPARE * 2)
    first = slots.try_reserve_slot(Asking("one"))
    assert slots.try_reserve_slot(Asking("one")) is None
    other = slots.try_reserve_slot(Asking("two"))
    slots.mark_slot_used(Asking(permit=other))
    slots.release_slot(Asking(permit=first))
    assert slots.try_reserve_slot(Asking("one")) is None
    again = asyncio.ensure_future(slots.reserve_slot(Asking("one")))
    slots.release_slot(Asking(permit=other))
    assert (await asyncio.wait_for(again, 120)).queue == "one"
