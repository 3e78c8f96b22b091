"""An answer that the checks speak against is not taken at once: the model is told what they show, and goes on."""

from collections.abc import Sequence

import pytest

from journeyman.core.errors import Refused, Unreachable
from journeyman.core.events import Event, Said, Stopped
from journeyman.core.model import Profile, Reply, call, say
from journeyman.core.task import Limits
from journeyman.models.script import Entry
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository

CHECK = "grep -qx two a.txt || { echo it says $(cat a.txt); exit 3; }"
GOOD = "grep -qx one b.txt || { echo b is $(cat b.txt); exit 4; }"
FILES = {"a.txt": "one\n", "b.txt": "one\n"}
SMALL = Profile(name="scripted", small=True)


def sh(name: str, command: str) -> Reply:
    return call("shell", name, command=command)


def told(events: Sequence[Event]) -> list[str]:
    return [event.item.text for event in events if isinstance(event, Said) and event.why == "checks"]


def stops(events: Sequence[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, Stopped)]


async def test_a_failing_check_is_shown_to_the_model_which_mends_it(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([sh("c1", "echo three > a.txt"), say("Done."), sh("c2", "echo two > a.txt"), say("Two now.")])
    result, events = await one.run(make_repository(FILES), checks=(CHECK,))
    assert (result.verdict, result.summary) == ("verified", "Two now.")
    [text] = told(events)
    assert f"`{CHECK}` (exit code 3)\nit says three" in text and stops(events) == ["finished", "finished"]
    assert list(one.model.requests[2].items)[: len(one.model.requests[1].items)] == list(one.model.requests[1].items)


async def test_what_failed_before_is_told_once_and_what_the_change_broke_again(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """The second telling is for what it broke; the third round changes nothing, so its answer is taken."""
    folder = make_repository(FILES)
    one = bench([sh("c1", "echo 3 > a.txt"), say("Done."), sh("c2", "echo x > b.txt"), say("Again."), say("I cannot.")])
    result, events = await one.run(folder, checks=(CHECK, GOOD))
    assert (result.verdict, result.summary) == ("failing", "I cannot.")
    first, second = told(events)
    assert "b is x" not in first and "b is x" in second
    one = bench([sh("c1", "echo 3 > a.txt"), say("Done."), sh("c2", "echo 4 > a.txt"), say("That is not mine.")])
    result, events = await one.run(folder, checks=(CHECK, GOOD))
    assert (result.summary, len(told(events))) == ("That is not mine.", 1)


async def test_the_rounds_are_limited(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)

    def breaking() -> list[Entry]:
        return [entry for at in range(4) for entry in (sh(f"c{at}", f"echo {at} > b.txt"), say(f"Round {at}."))]

    result, events = await bench(breaking()).run(folder, checks=(GOOD,))
    assert (result.summary, len(told(events))) == ("Round 3.", 3)
    limits = Limits(check_rounds=0)
    result, events = await bench(breaking()).run(folder, checks=(GOOD,), limits=limits)
    assert (result.summary, told(events)) == ("Round 0.", [])


@pytest.mark.parametrize("error", [Refused("No more of this."), Unreachable("Nobody answers.")])
async def test_an_answer_stands_where_the_model_cannot_be_asked_again(
    bench: MakeBench, make_repository: MakeRepository, error: Refused | Unreachable
) -> None:
    one = bench([sh("c1", "echo three > a.txt"), say("It is three now."), error])
    result, events = await one.run(make_repository(FILES), checks=(CHECK,))
    assert (result.verdict, result.summary, stops(events)) == ("failing", "It is three now.", ["finished", "finished"])
    assert [change.path for change in result.changes] == ["a.txt"]


async def test_who_says_that_it_is_done_and_changed_nothing_is_told_so(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """Where a check fails; where all pass only a small model, since others may be right that nothing is to be done."""
    folder = make_repository(FILES)
    one = bench([say("I fixed it."), sh("c1", "echo two > a.txt"), say("Now it is.")])
    result, events = await one.run(folder, checks=(CHECK,))
    assert result.verdict == "verified" and "it says one" in told(events)[0]
    result, events = await bench([say("It is right already.")]).run(folder, checks=(GOOD,))
    assert (result.verdict, told(events)) == ("unchanged", [])
    one = bench([say("I fixed it."), sh("c1", "echo two > a.txt"), say("Now it is.")])
    one.profile = SMALL
    result, events = await one.run(folder)
    assert result.verdict == "unverified" and len(told(events)) == 1
