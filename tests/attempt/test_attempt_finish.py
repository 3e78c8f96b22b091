"""From what an attempt wrote to its result."""

from collections.abc import Sequence

from journeyman.agent.repair.rewrite import UNPROVED
from journeyman.attempt.run import run_attempt
from journeyman.core.events import AttemptStarted, Checked, Event, Stopped
from journeyman.core.evidence import NO_COPY
from journeyman.core.ids import attempt_id
from journeyman.core.model import call, say
from journeyman.core.task import Limits
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository

MB = 1024 * 1024


def checked(events: Sequence[Event]) -> list[tuple[str, str | None]]:
    return [(event.run.on, event.run.cut) for event in events if isinstance(event, Checked)]


async def test_a_result_that_has_no_room_in_the_clean_copy_is_kept_and_not_verified(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    folder = make_repository({"a.txt": "one\n", "Makefile": "test:\n\ttrue\n"})
    one = bench([call("shell", "c1", command="head -c 40M /dev/zero > big; echo two > a.txt"), say("Done.")])
    result, events = await one.run(folder, limits=Limits(memory_bytes=64 * MB))
    assert (result.verdict, [change.path for change in result.changes]) == ("failing", ["a.txt", "big"])
    assert checked(events) == [("base", None), ("result", NO_COPY)]
    [warning] = result.warnings
    assert "laid out as a clean copy" in warning
    assert result.diff is not None and b"+two" in await one.host.store.blob(result.diff)
    [run], begun = result.result_checks, events[0]
    assert isinstance(begun, AttemptStarted)
    why = (await one.host.store.chunk(attempt_id(begun.task_id, 1, 1), run.chunk)).decode()
    assert "big cannot be written: the sandbox's disk is full" in why


async def test_new_tests_in_the_place_of_a_file_are_tried_without_the_change(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    test = "import unittest\n\nclass Test(unittest.TestCase):\n    def test_it(self): pass\n"
    rule = "Run the tests with `python -m unittest`.\n"
    folder = make_repository({"tests": "a file\n", "test_a.py": test, "AGENTS.md": rule})
    command = "rm tests; mkdir tests; touch tests/__init__.py; cp test_a.py tests/test_it.py"
    result, _ = await bench([call("shell", "c1", command=command), say("Done.")]).run(folder)
    assert [change.path for change in result.changes] == ["tests", "tests/__init__.py", "tests/test_it.py"]
    assert result.warnings == (
        "The new test passes without the change too, so nothing is proved by it: tests.test_it.Test.test_it.",
    )


SHIFT = {
    "shift.py": "def shift(n):\n    return n + 1\n",
    "test_shift.py": (
        "import unittest\nfrom shift import shift\n\n\nclass Test(unittest.TestCase):\n"
        "    def test_shift(self):\n        self.assertEqual(shift(2), 3)\n"
    ),
}
"""Nothing fails, so nothing can show that a change is right."""


async def test_a_doubt_of_the_strategy_makes_a_result_that_passes_unverified(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([say("```python\ndef shift(n):\n    return 1 + n\n```")] * 4)
    check = "python3 -m unittest -q"
    attempt = await one.begin(make_repository(SHIFT), "Turn the sum in shift.py", strategy="repair", checks=(check,))
    result = await run_attempt(one.host, attempt)
    [stop] = [event for event in await one.host.store.events(attempt) if isinstance(event, Stopped)]
    assert [(run.passed, run.tree) for run in result.result_checks] == [(True, result.tree)]
    assert (stop.doubt, result.verdict, result.warnings) == (UNPROVED, "unverified", (UNPROVED,))


async def test_an_answer_of_a_test_that_is_written_into_the_code_is_not_verified(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    files = SHIFT | {"shift.py": "def shift(n):\n    return n - 1\n", "AGENTS.md": "Run `python3 -m unittest -q`.\n"}
    cheat = "printf 'def shift(n):\\n    if n == 2:\\n        return 3\\n    return n - 1\\n' > shift.py"
    result, _ = await bench([call("shell", "c1", command=cheat), say("Done.")]).run(make_repository(files))
    assert [run.passed for run in result.result_checks] == [True]
    assert (result.verdict, result.warnings) == (
        "unverified",
        ("shift.py:3 returns 3, which is what is expected of shift(2): it may answer only what is tested.",),
    )
