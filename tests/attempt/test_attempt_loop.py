"""The loop: what bounds it, what it says to the model, and that its requests only grow at the end."""

import json
import time
from collections.abc import Sequence
from itertools import count, pairwise

from journeyman.core.events import Event, Opened, Replied, Said, Stopped, ToolReturned, ToolStarted
from journeyman.core.items import ToolCall
from journeyman.core.model import Profile, Reply, call, say
from journeyman.core.task import Limits
from journeyman.core.usage import Usage
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository

FILES = {"a.txt": "one\n", "b.txt": "two\n"}


def looking(number: int) -> Reply:
    return call("shell", f"c{number}", command=f"echo {number}")


def stop_of(events: Sequence[Event]) -> Stopped:
    return next(event for event in events if isinstance(event, Stopped))


async def test_a_run_reads_like_a_transcript(bench: MakeBench, make_repository: MakeRepository) -> None:
    result, events = await bench([looking(1), say("Done.")]).run(make_repository(FILES))
    kinds = [event.kind for event in events]
    assert kinds == [
        "attempt_started",
        "opened",
        "prepared",
        "replied",
        "tool_started",
        "tool_returned",
        "replied",
        "stopped",
        "finished",
    ]
    assert [event.seq for event in events] == list(range(1, 10))
    assert (result.verdict, result.summary) == ("unchanged", "Done.")


async def test_each_request_extends_the_one_before(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench([looking(1), call("read", "c2", path="a.txt"), looking(3), say("Done.")])
    await one.run(make_repository(FILES))
    requests = one.model.requests
    assert len(requests) == 4
    for before, after in pairwise(requests):
        assert (after.tools, after.instructions) == (before.tools, before.instructions)
        assert list(after.items)[: len(before.items)] == list(before.items)


async def test_instructions_and_tools_are_short(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench([say("Done.")])
    await one.run(make_repository(FILES))
    [request] = one.model.requests
    tools = json.dumps([tool.model_dump(exclude={"grammar"}) for tool in request.tools])
    assert (len(request.instructions) + len(tools)) / 4 < 1_400  # four characters a token; the bar is 1,500


async def test_the_steps_are_limited(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench([looking(number) for number in range(9)])
    _, events = await one.run(make_repository(FILES), limits=Limits(steps=3))
    assert stop_of(events) == Stopped(
        seq=stop_of(events).seq, at=stop_of(events).at, reason="steps", message="Stopped after 3 steps, the limit."
    )
    assert len(one.model.requests) == 3


async def test_tokens_and_money_are_limited(bench: MakeBench, make_repository: MakeRepository) -> None:
    dear = looking(1).model_copy(update={"usage": Usage(input_tokens=900, output_tokens=200, cost=0.30)})
    folder = make_repository(FILES)
    _, events = await bench([dear, dear]).run(folder, limits=Limits(tokens=1000))
    assert stop_of(events).reason == "tokens"
    _, events = await bench([dear, dear]).run(folder, limits=Limits(cost=0.25))
    assert stop_of(events).message == "Stopped after $0.30; the limit is $0.25."


async def test_the_time_is_limited_by_the_clock(bench: MakeBench, make_repository: MakeRepository) -> None:
    seconds = count(time.time(), 10.0)
    one = bench([looking(number) for number in range(99)], clock=lambda: next(seconds))
    _, events = await one.run(make_repository(FILES), limits=Limits(seconds=100))
    assert stop_of(events).reason == "time"


async def test_a_model_that_goes_in_circles_is_told_and_then_stopped(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    same = [call("shell", f"c{number}", command="cat a.txt") for number in range(9)]
    one = bench(same)
    _, events = await one.run(make_repository(FILES))
    assert [event.why for event in events if isinstance(event, Said)] == ["stuck"]
    assert stop_of(events).reason == "stuck"
    assert len(one.model.requests) == 5


async def test_steps_that_alternate_are_a_circle_and_the_person_reads_what_went_round(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    names = ["a.txt", "b.txt"] * 9
    one = bench([call("shell", f"c{at}", command=f"cat {name}") for at, name in enumerate(names)])
    _, events = await one.run(make_repository(FILES))
    assert [event.why for event in events if isinstance(event, Said)] == ["stuck"]
    assert (stop_of(events).reason, len(one.model.requests)) == ("stuck", 8)
    assert "cat a.txt" in stop_of(events).message and "cat b.txt" in stop_of(events).message


async def test_calls_that_fail_alike_are_a_circle_until_one_succeeds(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    missing = [call("read", f"c{at}", path=f"{at}.txt") for at in range(5)]
    one = bench([*missing, call("read", "d", path="a.txt"), *missing[:4], say("Done.")])
    _, events = await one.run(make_repository(FILES))
    told = [event.item.text for event in events if isinstance(event, Said)]
    assert len(told) == 1 and "the last 5 steps failed" in told[0]
    assert stop_of(events).reason == "finished"


async def test_polling_that_changes_is_no_circle(bench: MakeBench, make_repository: MakeRepository) -> None:
    polls = [call("shell", f"c{number}", command="echo x >> log; wc -l log") for number in range(8)]
    _, events = await bench([*polls, say("Done.")]).run(make_repository(FILES))
    assert stop_of(events).reason == "finished"


async def test_calls_that_only_read_run_side_by_side_and_are_answered_in_order(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    calls = tuple(
        ToolCall(call_id=f"c{name}", name="read", arguments=json.dumps({"path": name})) for name in ("a.txt", "b.txt")
    )
    one = bench([Reply(items=calls, stop="calls"), say("Done.")])
    _, events = await one.run(make_repository(FILES))
    assert [event.call_id for event in events if isinstance(event, ToolStarted)] == ["ca.txt", "cb.txt"]
    answers = {event.call_id: event.content for event in events if isinstance(event, ToolReturned)}
    assert answers == {"ca.txt": "1\tone", "cb.txt": "1\ttwo"}


async def test_a_reply_that_was_cut_is_asked_to_go_on(bench: MakeBench, make_repository: MakeRepository) -> None:
    cut = say("The first half").model_copy(update={"stop": "length"})
    result, events = await bench([cut, say("and the second.")]).run(make_repository(FILES))
    assert [event.why for event in events if isinstance(event, Said)] == ["limit"]
    assert result.summary == "and the second."


async def test_servers_of_one_command_are_there_for_the_next(bench: MakeBench, make_repository: MakeRepository) -> None:
    serve = call("shell", "c1", command="python3 -m http.server 8123 >/dev/null 2>&1 & sleep 1")
    fetch = "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8123/a.txt').read())\""
    _, events = await bench([serve, call("shell", "c2", command=fetch), say("Done.")]).run(make_repository(FILES))
    answers = {event.call_id: event.content for event in events if isinstance(event, ToolReturned)}
    assert "b'one\\n'" in answers["c2"]


async def test_the_log_says_what_the_sandbox_was(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    _, events = await bench([say("Done.")]).run(folder)
    opened = next(event for event in events if isinstance(event, Opened))
    assert (opened.backend, opened.workspace) == ("bubblewrap", str(folder))
    assert sum(isinstance(event, Replied) for event in events) == 1


async def test_a_small_model_in_the_loop_has_few_and_short_tools(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """Together with the instructions they stay under 500 tokens."""
    edits = [
        call("edit", "c1", path="a.txt", old="won", new="1"),
        call("edit", "c2", path="a.txt", old="one", new="1"),
        call("edit", "c3", path="deep/new.txt", old="", new="fresh\n"),
        call("edit", "c4", path="a.txt", old="", new="over\n"),
        call("edit", "c5", path="b.txt", old="two", new="two"),
    ]
    one = bench([*edits, say("Done.")])
    one.profile = Profile(name="scripted", small=True)
    result, events = await one.run(make_repository(FILES))
    request = one.model.requests[0]
    tools = json.dumps([tool.model_dump(exclude={"grammar"}) for tool in request.tools])
    assert [tool.name for tool in request.tools] == ["shell", "read", "edit"]
    assert (len(request.instructions) + len(tools)) / 4 < 500
    answers = {event.call_id: event.content for event in events if isinstance(event, ToolReturned)}
    assert answers["c1"].startswith("old is not in a.txt.")
    assert (answers["c2"], answers["c3"]) == ("update: a.txt +1 -1", "add: deep/new.txt +1 -0")
    assert answers["c4"].startswith("a.txt is there already")
    assert answers["c5"].startswith("old and new are the same")
    assert [(change.path, change.kind) for change in result.changes] == [("a.txt", "update"), ("deep/new.txt", "add")]
