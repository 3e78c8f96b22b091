"""A conversation that comes near the end of the window: nothing that matters is lost, and it never goes round."""

import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from journeyman.agent.prompts import HANDOVER, SUMMARISE
from journeyman.attempt.run import run_attempt
from journeyman.core.errors import TooLong
from journeyman.core.events import Compacted, Event, Replied, Stopped, ToolReturned
from journeyman.core.items import DeveloperMessage, Item, ToolCall, ToolResult, UserMessage
from journeyman.core.model import ModelRequest, Profile, Reply, call, say
from journeyman.core.task import Message
from journeyman.models.script import Entry
from journeyman.models.scripted import Scripted
from tests.attempt.conftest import Bench, MakeBench
from tests.conftest import MakeRepository

SMALL = Profile(name="scripted", window=8_000, max_output=1_000)
FILLER = "x" * 6_000


def fact(number: int) -> str:
    return f"fact {number} is {number * 7919 % 100_003}"


def with_profile(bench: Bench, script: list[Entry], profile: Profile) -> Bench:
    """The bench with a model of this profile."""
    model = Scripted(script, profile)

    class Opened:
        async def __aenter__(self) -> Scripted:
            return model

        async def __aexit__(self, *_: object) -> None:
            pass

    return Bench(replace(bench.host, open_model=lambda name, tell: Opened()), model)


def is_summary(request: ModelRequest) -> bool:
    last = request.items[-1]
    return isinstance(last, UserMessage) and last.text.startswith(SUMMARISE[:40])


def playing(replies: Iterator[Reply], summary: str = "Went on.") -> list[Entry]:
    """A script that answers each request for a summary with the same, and all others in turn."""

    def play(request: ModelRequest) -> Reply:
        return say(summary) if is_summary(request) else next(replies)

    return [play] * 300


def texts(items: list[Item] | tuple[Item, ...]) -> str:
    return "\n".join(
        item.content if isinstance(item, ToolResult) else item.text
        for item in items
        if isinstance(item, UserMessage | DeveloperMessage | ToolResult)
    )


def compactions(events: list[Event]) -> list[Compacted]:
    return [event for event in events if isinstance(event, Compacted)]


def stop_of(events: list[Event]) -> Stopped:
    return next(event for event in events if isinstance(event, Stopped))


PINNED = range(30)
"""5 each in the request and in the rules, 3 in a folder's rules, 5 steers, 5 of the plan, 5 files, 2 failing checks."""
OTHERS = range(30, 50)


def long_work() -> Iterator[Reply]:
    """Plants the facts that are not in the request, with much else between them, and at last looks the others up."""
    steps = [{"step": fact(number), "status": "pending"} for number in range(18, 23)]
    yield call("update_plan", "plan", plan=steps)
    yield call("read", "deep", path="deep/x.txt")
    for number in range(23, 28):
        added = f"*** Begin Patch\n*** Add File: {fact(number)}.txt\n+made\n*** End Patch"
        yield call("apply_patch", f"file{number}", patch=added)
    for number in (28, 29):
        yield call("exec_command", f"fail{number}", cmd=f"false '{fact(number)}'")
    for number in OTHERS:
        yield call("exec_command", f"other{number}", cmd=f"echo '{fact(number)}'; seq -s' ' {number} 1050")
    queries = [(f"q{number}", json.dumps({"query": f"fact {number} is"})) for number in OTHERS]
    calls = [ToolCall(call_id=name, name="recall", arguments=text) for name, text in queries]
    yield Reply(items=tuple(calls[:10]), stop="calls")
    yield Reply(items=tuple(calls[10:]), stop="calls")
    yield say("Done.")


async def test_fifty_facts_over_five_compactions(bench: MakeBench, make_repository: MakeRepository) -> None:
    """What people, rules, plan, files and checks say is before the model's eyes; all else is found by looking it up."""
    rules = "\n".join(fact(number) for number in range(5, 10))
    below = "\n".join(fact(number) for number in range(10, 13))
    folder = make_repository({"AGENTS.md": rules, "deep/AGENTS.md": below, "deep/x.txt": "x\n"})
    one = with_profile(bench([]), playing(long_work()), SMALL)
    attempt = await one.begin(folder, "\n".join(fact(number) for number in range(5)))
    for number in range(13, 18):
        message = Message(task_id=attempt.partition(".")[0], kind="steer", text=fact(number))
        await one.host.store.messages.add(message)
    await run_attempt(one.host, attempt)
    events = await one.host.store.events(attempt)

    made = compactions(events)
    assert len(made) >= 5
    for compacted in made:
        assert compacted.after <= 0.7 * 7_000 < 0.9 * 7_000 < compacted.before + 1_000
    told = texts(made[4].items)
    assert [number for number in PINNED if fact(number) not in told] == []
    assert sum(fact(number) in told for number in OTHERS) <= 2  # those of the last steps
    found = {event.call_id: event.content for event in events if isinstance(event, ToolReturned)}
    assert [number for number in OTHERS if fact(number) not in found[f"q{number}"]] == []
    assert stop_of(events).reason == "finished"


async def test_every_call_keeps_its_result_and_the_beginning_stays(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    outputs = [call("exec_command", f"c{at}", cmd=f"echo {FILLER} {at}") for at in range(12)]
    one = with_profile(bench([]), playing(iter([*outputs, say("Done.")])), SMALL)
    _, events = await one.run(make_repository({"a.txt": "one\n"}))
    assert compactions(events)
    first = one.model.requests[0]
    for request in one.model.requests:
        assert list(request.items)[: len(first.items)] == list(first.items)
        asked = [item.call_id for item in request.items if isinstance(item, ToolCall)]
        assert asked == [item.call_id for item in request.items if isinstance(item, ToolResult)]
    named = [[tool.name for tool in request.tools] for request in one.model.requests]
    assert "recall" not in named[0] and named[-1] == [*named[0], "recall"]


async def test_a_window_that_cannot_hold_the_request_stops_with_the_reason(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = with_profile(bench([]), playing(iter(())), SMALL)
    _, events = await one.run(make_repository({"a.txt": "one\n"}), prompt="word " * 9_000)
    stop = stop_of(events)
    assert stop.reason == "context" and "window of 8,000 tokens is too small" in stop.message
    assert len(one.model.requests) <= 1 and not compactions(events)


async def test_steps_that_fill_the_window_anew_are_no_endless_row_of_summaries(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    tiny = Profile(name="scripted", window=6_500, max_output=500)
    outputs = (call("exec_command", f"c{at}", cmd=f"head -c 15000 /dev/zero | tr '\\0' {at % 10}") for at in range(99))
    one = with_profile(bench([]), playing(outputs), tiny)
    _, events = await one.run(make_repository({"a.txt": "one\n"}))
    assert stop_of(events).reason == "context"
    assert len(compactions(events)) <= 3


async def test_a_model_that_gives_no_summary_gets_an_outline_of_the_log(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    outputs = [call("exec_command", f"c{at}", cmd=f"echo {FILLER} {at}") for at in range(6)]
    one = with_profile(bench([]), playing(iter([*outputs, say("Done.")]), summary=" "), SMALL)
    _, events = await one.run(make_repository({"a.txt": "one\n"}))
    made = compactions(events)[0]
    assert (made.by, "1: echo xxx" in made.summary, stop_of(events).reason) == ("harness", True, "finished")
    handed = next(item for item in made.items if isinstance(item, DeveloperMessage))
    assert handed.text.startswith(HANDOVER)


@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_server_that_counts_otherwise_is_believed(
    bench: MakeBench, make_repository: MakeRepository, refusals: int
) -> None:
    """Its window is smaller than the profile says, so that it refuses requests that we think are short enough."""
    left = refusals

    def play(request: ModelRequest) -> Reply:
        nonlocal left
        if sum(isinstance(item, ToolResult) for item in request.items) == 2 and left:
            left -= 1
            raise TooLong("It is too long.")
        if is_summary(request):
            return say("So far, so good.")
        done = texts(tuple(request.items)).count("Chunk ID") + texts(tuple(request.items)).count("So far")
        return say("Done.") if done >= 3 else call("exec_command", f"c{done}", cmd=f"echo {done}")

    wide = Profile(name="scripted", window=100_000)
    one = with_profile(bench([]), [play] * 20, wide)
    _, events = await one.run(make_repository({"a.txt": "one\n"}))
    assert (len(compactions(events)), stop_of(events).reason) == (1, "finished")


SIZES = (0, 40, 400, 3_000, 9_000)
"""Characters of the outputs that steps see, by chance."""


@pytest.mark.parametrize("window", [3_500, 4_500, 6_000, 8_000, 16_000])
async def test_whatever_the_window_it_comes_to_an_end_and_forgets_nothing_that_is_pinned(
    bench: MakeBench, make_repository: MakeRepository, window: int
) -> None:
    """Sixty steps of all sizes: each summary leaves room, follows on a step, and keeps what people said before the
    model's eyes; where the window is too small for that, the work stops and says so."""
    chance = random.Random(window)
    outputs = (
        call("exec_command", f"c{at}", cmd=f"head -c {chance.choice(SIZES)} /dev/zero | tr '\\0' {at % 10}; echo {at}")
        for at in range(60)
    )
    small = Profile(name="scripted", window=window, max_output=window // 8)
    one = with_profile(bench([]), playing(itertools.chain(outputs, [say("Done.")])), small)
    rules = "\n".join(fact(number) for number in range(5))
    prompt = "\n".join(fact(number) for number in range(5, 10))
    _, events = await one.run(make_repository({"a.txt": "one\n", "AGENTS.md": rules}), prompt=prompt)

    room = window - min(window // 8, window // 4)
    made, stop = compactions(events), stop_of(events)
    assert stop.reason in ("finished", "context")
    assert stop.reason == "finished" or "too small" in stop.message
    assert window < 8_000 or (stop.reason, bool(made)) == ("finished", True)
    assert all(compacted.after <= 0.7 * room for compacted in made)
    kinds = [event.kind for event in events if isinstance(event, Compacted | Replied)]
    assert not any(first == second == "compacted" for first, second in pairwise(kinds))
    for request in one.model.requests:
        told = texts(tuple(request.items))
        assert [number for number in range(10) if fact(number) not in told] == []
