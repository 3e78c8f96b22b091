"""What people say to an attempt at work: taken once, at a step's boundary; a stop at once."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.attempt.run import run_attempt
from journeyman.core.errors import BudgetSpent, HandedOver
from journeyman.core.events import (
    CheckStarted,
    Event,
    Heard,
    Replied,
    Resumed,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Result
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest, Reply, call, say
from journeyman.core.people import Person, Quota
from journeyman.core.task import Budget, Limits, Message, MessageKind, Status
from journeyman.core.usage import Usage
from journeyman.models.script import Entry, Fault, Step
from journeyman.store import Store
from tests.attempt.conftest import Bench, MakeBench
from tests.conftest import MakeRepository

FILES = {"a.txt": "one\n"}
MANY = 3000


def task_of(attempt: str) -> str:
    return attempt.partition(".")[0]


async def tell(bench: Bench, attempt: str, kind: MessageKind, text: str = "", only: str | None = None) -> None:
    await bench.host.store.messages.add(Message(task_id=task_of(attempt), kind=kind, text=text, attempt=only))


def looking(number: int) -> Reply:
    return call("shell", f"c{number}", command=f"echo {number}")


def until_told(text: str) -> list[Entry]:
    """A model that goes on looking until it is told something."""

    def answer(request: ModelRequest) -> Reply:
        if any(isinstance(item, UserMessage) and item.text == text for item in request.items):
            return say("As you say.")
        return looking(len(request.items))

    return [answer] * MANY


async def seen(store: Store, attempt: str, kind: type[Event], after: int = 0) -> Event:
    """The first event of a kind, as soon as it is there."""
    async with store.tail.follow(task_of(attempt)) as follow:
        async for one in follow:
            if isinstance(one.event, kind) and one.event.seq > after:
                return one.event
    raise AssertionError


async def status_of(bench: Bench, attempt: str) -> Status:
    return (await bench.host.store.attempt(attempt)).status


def of(events: Sequence[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


async def test_a_message_is_told_at_the_end_of_a_step(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench(until_told("Rather so."))
    attempt = await one.begin(make_repository(FILES), limits=Limits(steps=MANY))
    running = asyncio.create_task(run_attempt(one.host, attempt))
    await seen(one.host.store, attempt, ToolReturned)
    await tell(one, attempt, "steer", "For another attempt.", only="other")
    await tell(one, attempt, "steer", "Rather so.")
    assert (await running).summary == "As you say."
    events = await one.host.store.events(attempt)
    [said] = [event for event in events if isinstance(event, Said)]
    assert (said.item, said.why, said.message) == (UserMessage(text="Rather so."), "steer", 2)
    before = events[events.index(said) - 1]
    assert isinstance(before, ToolReturned)


async def test_a_message_while_the_model_writes_its_last_words_is_answered(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """Also when the checks run already: the work goes on."""
    one = bench([say("Done."), say("That too.")])
    attempt = await one.begin(make_repository(FILES))
    await tell(one, attempt, "steer", "And that.")
    result = await run_attempt(one.host, attempt)
    events = await one.host.store.events(attempt)
    assert [event.message for event in events if isinstance(event, Said)] == [1]
    assert result.summary in ("Done.", "That too.")  # it was told before the first request, or after it


@pytest.mark.parametrize(("kind", "status"), [("interrupt", "interrupted"), ("cancel", "cancelled")])
async def test_a_command_is_stopped_at_once_and_its_work_is_kept(
    bench: MakeBench, make_repository: MakeRepository, kind: MessageKind, status: Status
) -> None:
    one = bench([call("shell", "c1", command="echo two > b.txt; sleep 1000")])
    attempt = await one.begin(make_repository(FILES))
    running = asyncio.create_task(run_attempt(one.host, attempt))
    await seen(one.host.store, attempt, ToolStarted)
    await until_there(one.host.folder(attempt) / "upper" / "b.txt")
    await tell(one, attempt, kind, "Wrong way.")
    result = await asyncio.wait_for(running, 120)
    events = await one.host.store.events(attempt)
    assert [event.kind for event in events][-4:] == ["tool_returned", "heard", "stopped", "finished"]
    [returned], [heard], [stopped] = of(events, ToolReturned), of(events, Heard), of(events, Stopped)
    assert isinstance(returned, ToolReturned) and isinstance(heard, Heard) and isinstance(stopped, Stopped)
    assert "may have run" in returned.content and returned.checkpoint is not None
    assert (heard.message, heard.what) == (1, kind)
    assert (stopped.reason, stopped.message) == (status, f"{status.capitalize()} by a person: Wrong way.")
    assert await status_of(one, attempt) == status
    assert [change.path for change in result.changes] == ["b.txt"]
    assert (result.verdict, result.warnings) == (
        "unverified",
        ("The work was stopped before its end, so the checks were not run on what there is.",),
    )
    assert await run_attempt(one.host, attempt) == result


async def until_there(path: Path) -> None:
    """Wait for a file that a command in the sandbox makes."""

    def look() -> None:
        while not path.exists():
            time.sleep(0.01)

    await asyncio.to_thread(look)


async def test_a_model_that_does_not_answer_is_not_waited_for(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([looking(1), Step(error=(Fault(kind="hang"),))])
    attempt = await one.begin(make_repository(FILES))
    running = asyncio.create_task(run_attempt(one.host, attempt))
    await seen(one.host.store, attempt, ToolReturned)
    await tell(one, attempt, "interrupt")
    result = await asyncio.wait_for(running, 120)
    assert (result.verdict, result.changes, await status_of(one, attempt)) == ("unchanged", (), "interrupted")


async def test_a_cancellation_from_without_ends_in_good_order_where_a_person_wished_it(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """The engine may be here before the message was seen."""
    one = bench([call("shell", "c1", command="echo two > b.txt; sleep 1000")] * 2)
    attempt = await one.begin(make_repository(FILES))
    running = asyncio.create_task(run_attempt(one.host, attempt))
    await until_there(one.host.folder(attempt) / "upper" / "b.txt")
    await tell(one, attempt, "cancel")
    running.cancel()
    result = await asyncio.wait_for(running, 120)
    assert ([change.path for change in result.changes], await status_of(one, attempt)) == (["b.txt"], "cancelled")
    assert [event.what for event in await one.host.store.events(attempt) if isinstance(event, Heard)] == ["cancel"]


async def test_a_cancellation_without_a_wish_leaves_the_attempt_to_be_resumed(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([call("shell", "c1", command="echo two > b.txt; sleep 1000"), say("Done.")])
    attempt = await one.begin(make_repository(FILES))
    running = asyncio.create_task(run_attempt(one.host, attempt))
    await seen(one.host.store, attempt, ToolStarted)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await status_of(one, attempt) == "interrupted"


async def test_an_attempt_that_was_cancelled_before_it_began_does_nothing(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([Step(error=(Fault(kind="hang"),))])
    attempt = await one.begin(make_repository(FILES))
    await tell(one, attempt, "cancel")
    result = await asyncio.wait_for(run_attempt(one.host, attempt), 120)
    assert (result.verdict, await status_of(one, attempt)) == ("unchanged", "cancelled")


async def test_a_process_that_is_to_end_leaves_the_attempt_at_its_step(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    leave = asyncio.Event()

    def asked(request: ModelRequest) -> Reply:
        leave.set()
        return call("shell", "c2", command="echo two >> a.txt")

    one = bench([looking(1), asked, looking(3), say("Done.")])
    attempt = await one.begin(make_repository(FILES))
    with pytest.raises(HandedOver):
        await run_attempt(replace(one.host, leave=leave), attempt)
    assert await status_of(one, attempt) == "queued"
    left = await one.host.store.events(attempt)
    assert isinstance(left[-1], ToolReturned) and left[-1].checkpoint is not None
    result = await run_attempt(one.host, attempt)
    events = await one.host.store.events(attempt)
    assert events[: len(left)] == left
    assert isinstance(events[len(left)], Resumed)
    assert [event.call_id for event in events if isinstance(event, ToolStarted)] == ["c1", "c2", "c3"]
    assert (result.summary, [change.added for change in result.changes]) == ("Done.", [1])


@pytest.mark.parametrize(("check", "on"), [("sleep 1000", "base"), ("test ! -e b.txt || sleep 1000", "result")])
async def test_a_process_that_is_to_end_does_not_wait_for_checks(
    bench: MakeBench, make_repository: MakeRepository, check: str, on: str
) -> None:
    leave = asyncio.Event()
    one = bench([call("shell", "c1", command="echo two > b.txt"), say("Done.")])
    attempt = await one.begin(make_repository(FILES), checks=(check,))
    running = asyncio.create_task(run_attempt(replace(one.host, leave=leave), attempt))
    async with one.host.store.tail.follow(task_of(attempt)) as follow:
        words = False  # the model's last words are there
        begun = False
        while not (words and begun):
            for each in await follow.next():
                begun |= isinstance(each.event, CheckStarted) and each.event.on == on
                words |= isinstance(each.event, Replied) and not each.event.reply.calls
    leave.set()
    with pytest.raises(HandedOver):
        await asyncio.wait_for(running, 120)
    assert await status_of(one, attempt) == "queued"


def dear(number: int) -> Reply:
    usage = Usage(input_tokens=300, output_tokens=100, cost=0.25)
    return looking(number).model_copy(update={"usage": usage})


@pytest.mark.parametrize("budget", [Budget(tokens=1000), Budget(cost=0.6)])
async def test_a_budget_that_is_spent_holds_the_work_until_it_is_raised(
    bench: MakeBench, make_repository: MakeRepository, budget: Budget
) -> None:
    one = bench([dear(1), dear(2), dear(3), say("Done.")])
    attempt = await one.begin(make_repository(FILES), budget=budget)
    store = one.host.store
    for _ in range(2):  # trying again without more changes nothing
        with pytest.raises(BudgetSpent, match="is used up"):
            await run_attempt(one.host, attempt)
        assert [event.reason for event in await store.events(attempt) if isinstance(event, Stopped)] == ["budget"]
    assert (len(one.model.requests), await status_of(one, attempt)) == (2, "interrupted")
    await store.update_task(task_of(attempt), budget=Budget(tokens=10_000))
    await tell(one, attempt, "approve")
    result: Result = await run_attempt(one.host, attempt)
    events = await store.events(attempt)
    assert (result.summary, len(one.model.requests)) == ("Done.", 4)
    assert [event.reason for event in events if isinstance(event, Stopped)] == ["budget", "finished"]
    assert [event.what for event in events if isinstance(event, Heard)] == ["approve"]


async def test_tasks_of_one_person_are_held_to_their_quota_together(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """Each was given all that was left when it was handed in."""
    folder, left = make_repository(FILES), Budget(tokens=2000)
    done = say("Done.").model_copy(update={"usage": Usage(input_tokens=1, cost=0.0)})
    one = bench([dear(1), dear(2), done])
    store = one.host.store
    await store.people.add(Person(id="ann", name="Ann", email="ann@example.org"))
    await store.quotas.put(Quota(of="person:ann", day=left))
    first, second = [await one.begin(folder, budget=left, owner="ann") for _ in range(2)]
    assert (await run_attempt(one.host, first)).summary == "Done."
    other = bench([dear(1), dear(2), dear(3), dear(4), say("Done.")])
    with pytest.raises(BudgetSpent, match=r"You have used 1,601 of 2,000 tokens today.*approve it when there is more"):
        await run_attempt(other.host, second)
    assert (len(other.model.requests), await status_of(other, second)) == (2, "interrupted")
    stops = [event for event in await store.events(second) if isinstance(event, Stopped)]
    assert [event.reason for event in stops] == ["budget"]


async def test_a_budget_of_money_needs_a_price(bench: MakeBench, make_repository: MakeRepository) -> None:
    free = looking(1).model_copy(update={"usage": Usage(input_tokens=3, output_tokens=1, cost=None)})
    one = bench([free, say("Done.")])
    attempt = await one.begin(make_repository(FILES), budget=Budget(cost=1))
    with pytest.raises(BudgetSpent, match="costs is not known"):
        await run_attempt(one.host, attempt)


async def test_the_repair_strategy_is_told_too(bench: MakeBench, make_repository: MakeRepository) -> None:
    """What a person adds becomes part of what is to be done."""
    one = bench([say("nothing")] * 100)
    folder = make_repository({"counting.py": "def evens(xs):\n    return [x for x in xs if x % 2 == 1]\n"})
    attempt = await one.begin(folder, "Mend evens in counting.py.", strategy="repair")
    await tell(one, attempt, "steer", "It counts the even ones.")
    await run_attempt(one.host, attempt)
    assert [event.message for event in await one.host.store.events(attempt) if isinstance(event, Said)] == [1]
    told = [item.text for request in one.model.requests for item in request.items if isinstance(item, UserMessage)]
    assert told and all("It counts the even ones." in text for text in told)
