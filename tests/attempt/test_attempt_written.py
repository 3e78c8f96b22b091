"""A small model that writes blocks of code in its answer: they are edits and commands, and the checks answer."""

import shutil
from collections.abc import Sequence

import pytest

from journeyman.agent.repair import reproduce
from journeyman.attempt import checker
from journeyman.attempt.run import run_attempt
from journeyman.attempt.shown import TAKEN_BACK
from journeyman.checks.compare import endless_after
from journeyman.core.events import Checked, Event, Progressed, Replied, Said, ToolReturned
from journeyman.core.items import ToolCall, UserMessage
from journeyman.core.model import ModelRequest, Profile, Reply, say
from tests.attempt.conftest import MakeBench
from tests.conftest import PLAIN_PYTEST, MakeRepository

WRITER = Profile(name="scripted", small=True, tool_style="json")
CHECK = "python3 check.py"
FILES = {
    "sums.py": "def total(xs):\n    return sum(xs) + 1\n\n\ndef last(xs):\n    return xs[-1]\n",
    "check.py": "from sums import total\nassert total([1, 2]) == 3, total([1, 2])\n",
    "AGENTS.md": "Be brief.\n",
}
GOOD = "It adds one too many.\n\nsums.py\n```python\ndef total(xs):\n    return sum(xs)\n```\n"
WRONG = GOOD.replace("sum(xs)", "sum(xs) + 2")
PROMPT = "Mend `total` in sums.py."


def calls(events: Sequence[Event]) -> list[ToolCall]:
    return [call for event in events if isinstance(event, Replied) for call in event.reply.calls]


def told(events: Sequence[Event]) -> list[str]:
    return [event.item.text for event in events if isinstance(event, Said) and event.why == "checks"]


def words(request: ModelRequest) -> str:
    return "\n\n".join(item.text for item in request.items if isinstance(item, UserMessage))


async def test_it_is_shown_the_code_and_what_fails_and_its_block_is_the_edit(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([say(GOOD)])
    one.profile = WRITER
    result, events = await one.run(make_repository(FILES), prompt=PROMPT, checks=(CHECK,))
    assert (result.verdict, result.summary) == ("verified", GOOD)
    [request] = one.model.requests
    shown = words(request)
    assert len(request.items) == 1 and request.tools == () and request.temperature == 0.0
    assert "sums.py\n```python\ndef total(xs):\n    return sum(xs) + 1" in shown
    assert "AssertionError: 4" in shown and "Be brief." in shown and PROMPT in shown
    [call] = calls(events)
    assert (call.name, call.arguments) == (
        "edit",
        '{"path": "sums.py", "old": "    return sum(xs) + 1", "new": "    return sum(xs)"}',
    )


async def test_it_is_told_what_the_checks_say_until_they_pass(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    again = say("Then it is this.\n```python\ndef total(xs):\n    return sum(xs)\n```")
    one = bench([say(WRONG), say("I cannot see it."), again])
    one.profile = WRITER
    result, events = await one.run(make_repository(FILES), prompt=PROMPT, checks=(CHECK,))
    assert result.verdict == "verified" and [change.path for change in result.changes] == ["sums.py"]
    assert len(told(events)) == 2 and "AssertionError: 4" in told(events)[0]
    assert [request.temperature for request in one.model.requests] == [0.0, 0.5, 0.8]
    assert [len(request.items) for request in one.model.requests] == [1, 1, 1]
    assert len({request.seed for request in one.model.requests}) == 3
    assert PROMPT in told(events)[0] and "Be brief." in told(events)[0]


TWO = PLAIN_PYTEST | {
    "sums.py": FILES["sums.py"].replace("xs[-1]", "xs[0]"),
    "test_sums.py": (
        "from sums import last, total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n\n\n"
        "def test_last():\n    assert last([1, 2]) == 2\n"
    ),
}
PYTEST = "python3 -m pytest -q"


async def test_what_mends_nothing_is_taken_back_before_the_next_try(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    new = "lib/new.py\n```python\nONE = 1\n```\n"
    one = bench([say(f"{WRONG}\n{new}"), say(GOOD)])
    one.profile = WRITER
    result, events = await one.run(make_repository(FILES), prompt=PROMPT, checks=(CHECK,))
    assert result.verdict == "verified" and [change.path for change in result.changes] == ["sums.py"]
    assert "return sum(xs) + 1" in told(events)[0] and "return sum(xs) + 2" not in told(events)[0]
    assert [event.text for event in events if isinstance(event, Progressed)] == [TAKEN_BACK]


async def test_what_mends_something_and_breaks_nothing_is_kept(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    last = "sums.py\n```python\ndef last(xs):\n    return xs[-1]\n```\n"
    one = bench([say(GOOD), say(last)])
    one.profile = WRITER
    result, events = await one.run(make_repository(TWO), prompt="Mend sums.py.", checks=(PYTEST,))
    assert result.verdict == "verified" and len(result.comparison.fixed) == 2
    assert "return sum(xs)\n" in told(events)[0] and "test_last" in told(events)[0]
    assert "test_total" not in told(events)[0]


async def test_after_taking_back_the_log_knows_where_the_work_is(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """Another machine, which has the log alone, goes on from the base's files and not from those of the failed try."""
    crashes = iter([True, False])

    def crash(request: ModelRequest) -> Reply:
        if next(crashes):
            raise OSError("the power is cut")
        return say("I cannot see it.")

    one = bench([say(WRONG), crash, say("No."), say("No!")])
    one.profile = WRITER
    attempt = await one.begin(make_repository(FILES), PROMPT, checks=(CHECK,))
    with pytest.raises(OSError, match="power"):
        await run_attempt(one.host, attempt)
    shutil.rmtree(one.host.folder(attempt))
    result = await run_attempt(one.host, attempt)
    assert result.verdict == "unchanged" and result.changes == ()


async def test_an_answer_that_does_not_end_is_a_try_that_failed_but_for_its_whole_blocks(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    endless = say("It is\n```python\ndef total(xs):\n    return sum(xs)" + " + 0" * 50).model_copy(
        update={"stop": "length"}
    )
    cut = say(f"{GOOD}\nsums.py\n```python\ndef last(xs):\n    return").model_copy(update={"stop": "length"})
    one = bench([endless, cut])
    one.profile = WRITER
    result, events = await one.run(make_repository(FILES), prompt=PROMPT, checks=(CHECK,))
    assert result.verdict == "verified" and [call.name for call in calls(events)] == ["edit"]
    assert [len(request.items) for request in one.model.requests] == [1, 1]
    assert all(0 < (request.max_output_tokens or 0) < 2_000 for request in one.model.requests)


async def test_an_endless_loop_costs_seconds(
    bench: MakeBench, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "PATIENCE", 2.0)
    monkeypatch.setattr(checker, "TIMES", 1.0)
    endless = GOOD.replace("    return sum(xs)", "    while True:\n        pass")
    one = bench([say(endless), say(GOOD)])
    one.profile = WRITER
    result, events = await one.run(make_repository(FILES), prompt=PROMPT, checks=(CHECK,))
    assert result.verdict == "verified" and len(told(events)) == 1
    runs = [event.run for event in events if isinstance(event, Checked) and event.run.on == "result"]
    assert [(run.cut, run.check.timeout) for run in runs] == [("time", 600.0), (None, 600.0)]


async def test_a_test_that_never_ended_has_a_short_limit_on_the_result_too(
    bench: MakeBench, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "TEST_SECONDS", 0.3)
    files = PLAIN_PYTEST | {
        "count.py": "def down(n):\n    while n:\n        n += 1\n    return n\n",
        "test_count.py": "from count import down\n\n\ndef test_down():\n    assert down(3) == 0\n",
    }
    wrong = "count.py\n```python\ndef down(n):\n    while n:\n        n += 2\n    return n\n```"
    one = bench([say(wrong), say(wrong.replace("+= 2", "-= 1"))])
    one.profile = WRITER
    result, events = await one.run(make_repository(files), prompt="Mend count.py", checks=(PYTEST,))
    assert result.verdict == "verified" and result.comparison.fixed == ("test_count.py::test_down",)
    runs = [event.run for event in events if isinstance(event, Checked)]
    limits = [endless_after(test) for run in runs for test in run.failing]
    assert [run.on for run in runs] == ["base", "result", "result"]
    assert all(limit is not None and limit <= 10 for limit in limits) and len(limits) == 2  # of 60


async def test_a_path_that_is_made_up_is_the_one_file_that_has_the_function(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    folder = make_repository(FILES)
    for path in ("path/to/file.py", "check.py", f"{folder}/sums.py"):
        one = bench([say(GOOD.replace("sums.py", path))])
        one.profile = WRITER
        result, _ = await one.run(folder, prompt=PROMPT, checks=(CHECK,))
        assert [change.path for change in result.changes] == ["sums.py"], path


async def test_a_new_file_and_one_that_goes_with_it_are_written_at_once(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    answer = f"{GOOD}\nlib/new.py\n```python\nONE = 1\n```\n\nRun it:\n```bash\nrm -rf lib\n```\n"
    one = bench([say(answer)])
    one.profile = WRITER
    result, events = await one.run(make_repository(FILES), prompt=PROMPT, checks=(CHECK,))
    assert [(change.path, change.kind) for change in result.changes] == [("lib/new.py", "add"), ("sums.py", "update")]
    assert [call.name for call in calls(events)] == ["edit", "edit"]


async def test_a_block_of_bash_alone_is_a_command_whose_output_it_is_told(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([say("Let me look.\n```bash\ncat check.py\n```"), say(GOOD)])
    one.profile = WRITER
    result, events = await one.run(make_repository(FILES), prompt=PROMPT, checks=(CHECK,))
    assert result.verdict == "verified" and [call.name for call in calls(events)] == ["shell", "edit"]
    [returned] = [event for event in events if isinstance(event, ToolReturned) and event.name == "shell"]
    assert "assert total" in returned.content


async def test_a_block_cannot_reach_out_of_the_repository(bench: MakeBench, make_repository: MakeRepository) -> None:
    answer = "../out.py\n```python\nEVIL = 1\n```\n/etc/evil.py\n```python\nEVIL = 2\n```"
    one = bench([say(answer), say("Nothing then."), say("Nothing."), say("Nothing!"), say("No.")])
    one.profile = WRITER
    folder = make_repository(FILES)
    result, _ = await one.run(folder, prompt=PROMPT, checks=(CHECK,))
    assert not (folder.parent / "out.py").exists()
    assert all(not change.path.startswith(("/", "..")) for change in result.changes)


async def test_where_the_request_names_nothing_the_places_are_found(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    many = {f"part{number}.py": f"def part{number}():\n    return {number}\n" for number in range(50)}
    greet = 'def hello(who):\n    """Greet people by their name."""\n    return f"Hi {who}"\n'
    one = bench([say("It is friendlier.\n```python\ndef hello(who):\n    return f'Dear {who}'\n```")])
    one.profile = WRITER
    result, _ = await one.run(make_repository({**many, "words.py": greet}), prompt="Greet people in a friendlier way.")
    shown = words(one.model.requests[0])
    assert "words.py\n```python\ndef hello(who):" in shown and len(shown) < 4_000
    assert [change.path for change in result.changes] == ["words.py"] and result.verdict == "unverified"
