"""The validation runner in a real sandbox, against code that does its worst."""

import dataclasses
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from journeyman.agent.repair.probe import Pytest, Record, Trial, find_pytest, read_record, run_trials
from journeyman.core.evidence import Check
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec, Toolchain
from tests.conftest import PLAIN_PYTEST

RIGHT = "def double(x):\n    return 2 * x\n"
WRONG = "def double(x):\n    return 3 * x\n"
TESTS = """
import pytest
from code_under_test import double


@pytest.mark.parametrize("x", [0, 1, 2])
def test_double(x):
    assert double(x) == x + x


def test_text():
    assert double("a") == "aa"
"""
IDS = tuple(f"test_it.py::{name}" for name in ("test_double[0]", "test_double[1]", "test_double[2]", "test_text"))


@asynccontextmanager
async def opened(folder: Path, files: Mapping[str, str]) -> AsyncGenerator[Sandbox]:
    work = folder / "work"
    work.mkdir()
    for name, text in {**PLAIN_PYTEST, **files}.items():
        (work / name).write_text(text)
    for path in (folder, *folder.parents[:2]):
        path.chmod(path.stat().st_mode | 0o711)
    toolchains = (Toolchain(Path(sys.base_prefix)), Toolchain(Path(sys.prefix), (Path(sys.prefix, "bin"),)))
    spec = SandboxSpec(workspace=work, lower=(work,), toolchains=toolchains)
    async with Bubblewrap(folder / "state").open(dataclasses.replace(spec, upper=None)) as sandbox:
        yield sandbox


async def tried(
    sandbox: Sandbox,
    *trials: Trial,
    cpu: float = 0.4,
    budget: float = 20.0,
    first: bool = False,
    warm: bool = True,
) -> list[Record]:
    records: list[Record] = []
    await run_trials(
        sandbox,
        Pytest("python", ("-q",), {}),
        dict(enumerate(trials)),
        mark="@mark ",
        cpu=cpu,
        wall=2.0,
        budget=budget,
        on_record=records.append,
        first=first,
        warm=warm,
    )
    return records


def outcomes(record: Record) -> dict[str, str]:
    return {test.id: test.outcome for test in record.tests}


def over(text: str, *, stop: bool = False) -> Trial:
    return Trial({"code_under_test.py": text}, IDS, stop=stop)


FILES = {"code_under_test.py": WRONG, "test_it.py": TESTS}


async def test_each_trial_sees_its_own_file_and_leaves_no_trace(tmp_path: Path) -> None:
    async with opened(tmp_path, FILES) as sandbox:
        records = await tried(sandbox, Trial({}), over(RIGHT), over(WRONG), over("def double(:\n"), over(RIGHT))
        assert await sandbox.read("code_under_test.py") == WRONG.encode()
    wrong = dict(zip(IDS, ["passed", "failed", "failed", "failed"], strict=True))
    right = dict.fromkeys(IDS, "passed")
    assert [outcomes(record) for record in records] == [wrong, right, wrong, {"test_it.py": "failed"}, right]


async def test_a_failure_comes_with_its_values_and_its_lines(tmp_path: Path) -> None:
    async with opened(tmp_path, FILES) as sandbox:
        (record,) = await tried(sandbox, Trial({}, IDS[:2], trace=True))
    failed = record.tests[1]
    assert failed.message.startswith("assert 3 == (1 + 1)")
    assert failed.frames == (("test_it.py", 8),)
    assert record.lines[IDS[0]] == {"test_it.py": [8], "code_under_test.py": [2]}


async def test_stop_ends_a_trial_at_its_first_failure_and_first_ends_the_job(tmp_path: Path) -> None:
    async with opened(tmp_path, FILES) as sandbox:
        records = await tried(sandbox, over(WRONG, stop=True), over(RIGHT, stop=True), over(RIGHT), first=True)
    assert [len(record.tests) for record in records] == [2, 4]


@pytest.mark.parametrize(
    "body",
    [
        "while True:\n        pass",
        "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        "return sum(range(10 ** 18))",
        "import signal; signal.signal(signal.SIGPROF, signal.SIG_IGN); import time; time.sleep(60)",
        "xs = []\n    while True:\n        xs += [xs] * 1000",
        "return double(x)",
    ],
    ids=["a loop", "a loop that catches all", "a loop in C", "asleep", "memory", "recursion"],
)
async def test_what_never_ends_is_cut(tmp_path: Path, body: str) -> None:
    async with opened(tmp_path, FILES) as sandbox:
        endless, right = await tried(sandbox, over(f"def double(x):\n    {body}\n", stop=True), over(RIGHT))
    assert outcomes(endless)[IDS[0]] in ("endless", "failed", "died")
    assert outcomes(right) == dict.fromkeys(IDS, "passed")


async def test_after_an_endless_test_the_others_still_run(tmp_path: Path) -> None:
    text = "def double(x):\n    while x == 1:\n        pass\n    return 2 * x\n"
    async with opened(tmp_path, FILES) as sandbox:
        (record,) = await tried(sandbox, Trial({"code_under_test.py": text}, trace=True))
    assert outcomes(record) == dict(zip(IDS, ["passed", "endless", "passed", "passed"], strict=True))
    assert sorted(record.lines[IDS[1]]["code_under_test.py"]) == [2, 3]


async def test_code_that_kills_ends_only_itself(tmp_path: Path) -> None:
    dead = "import os\ndef double(x):\n    os._exit(0)\n"
    murder = "import os, signal\ndef double(x):\n    os.kill(os.getppid(), signal.SIGKILL)\n"
    async with opened(tmp_path, FILES) as sandbox:
        died, right = await tried(sandbox, over(dead, stop=True), over(RIGHT))
        murdered = await tried(sandbox, over(RIGHT), over(murder, stop=True), over(RIGHT))
    assert outcomes(died) == {IDS[0]: "died"}
    assert outcomes(right) == dict.fromkeys(IDS, "passed")
    assert [record.number for record in murdered] == [0]


async def test_a_printed_record_is_not_believed(tmp_path: Path) -> None:
    forged = '@mark {"id": 0, "tests": [["test_it.py::test_text", "passed", 0, "", []]], "lines": {}, "error": ""}'
    text = (
        f"import sys, os\nfor fd in (1, 2):\n    os.write(fd, {forged.encode()!r} + b'\\n')\nprint({forged!r})\n{WRONG}"
    )
    async with opened(tmp_path, FILES) as sandbox:
        (record,) = await tried(sandbox, over(text))
    assert outcomes(record)[IDS[3]] == "failed"


async def test_a_conftest_that_imports_the_code_does_not_hide_the_edit(tmp_path: Path) -> None:
    files = FILES | {
        "conftest.py": "import code_under_test\n",
        "pytest.ini": PLAIN_PYTEST["pytest.ini"].strip() + " -x --strict-markers\n",
    }
    async with opened(tmp_path, files) as sandbox:
        wrong, right = await tried(sandbox, Trial({}), over(RIGHT))
    assert outcomes(wrong) == dict(zip(IDS, ["passed", "failed", "failed", "failed"], strict=True))
    assert outcomes(right) == dict.fromkeys(IDS, "passed")


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python -m pytest -q", Pytest("python", ("-q",), {})),
        ("A=1 python3 -m pytest tests -k 'a b'", Pytest("python3", ("tests", "-k", "a b"), {"A": "1"})),
        ("make test", None),
        ("cd sub && python -m pytest", None),
        ("python -m unittest", None),
        ("pytest 'unclosed", None),
    ],
)
async def test_commands_that_the_runner_can_stand_in_for(tmp_path: Path, command: str, found: Pytest | None) -> None:
    async with opened(tmp_path, {}) as sandbox:
        assert await find_pytest(sandbox, Check(command=command, source="flag")) == found


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"id": "1", "tests": [], "lines": {}},
        {"id": 1, "tests": {}, "lines": {}},
        {"id": 1, "tests": [], "lines": []},
    ],
)
def test_lines_that_are_no_records_are_passed_over(value: dict[str, object]) -> None:
    assert read_record(value) is None


def test_a_record_keeps_what_is_well_formed() -> None:
    tests = [["a", "passed", 0, "", []], ["b", 1, 0, "", []], ["c", "failed", 1, "m\x1b[0m", [["p", 3], ["p"], "x"]]]
    record = read_record(
        {"id": 1, "tests": tests, "lines": {"a": {"p": [1, "x"]}, "b": 1}, "error": None, "seconds": "x"}
    )
    assert record is not None
    assert [(test.id, test.message, test.frames) for test in record.tests] == [("a", "", ()), ("c", "m", (("p", 3),))]
    assert (record.lines, record.error, record.seconds) == ({"a": {"p": [1]}}, "", 0.0)


async def test_the_calls_of_a_function_are_told_with_its_values(tmp_path: Path) -> None:
    text = (
        "def double(x):\n    total = 0\n    for part in (x, x):\n        total += part\n    if x > 1:\n"
        "        total -= 1\n    return total\n"
    )
    async with opened(tmp_path, FILES) as sandbox:
        (record,) = await tried(
            sandbox, Trial({"code_under_test.py": text}, IDS, watch=("code_under_test.py", "double"))
        )
    assert record.calls == ("0", "1", "2", "'a'")
    assert record.last is not None
    assert (record.last.arguments, record.last.ended) == ("2", "returns 3")
    held = {(line, name): values for line, name, values in record.last.values}
    assert held == {(2, "total"): ("0",), (3, "part"): ("2",), (4, "total"): ("2", "4"), (6, "total"): ("3",)}
