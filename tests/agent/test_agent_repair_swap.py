"""New code in functions that are loaded already: the same verdicts as from nothing, or none."""

import importlib.util
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from test_agent_repair_probe import opened, outcomes, tried

from journeyman.agent.repair.probe import Trial
from journeyman.agent.repair.swap import Loaded, Text, key_of, swap

CODE = '''\
import functools

STEP = 2
TABLE = [n * STEP for n in range(3)]


def early():
    return 1


ONE = early()


def twice(x, times=2):
    """Twice."""
    return x * times


def logged(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner


@logged
def thrice(x):
    return 3 * x


def adder(n):
    def add(x):
        return x + n
    return add


class Box:
    size = 1

    def __init__(self, x):
        self.x = x

    @property
    def half(self):
        return self.x / 2

    @staticmethod
    def both(a, b): return (lambda x: x + 1)(a), (lambda x: x + 2)(b)


pairs = lambda a: (a, a)
first, second = (lambda x: x), (lambda x: x)
'''
NUMBERS = itertools.count()


@pytest.fixture
def module(tmp_path: Path) -> Iterator[ModuleType]:
    name = f"swapped{next(NUMBERS)}"
    file = tmp_path / f"{name}.py"
    file.write_text(CODE)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


def changes(module: ModuleType, before: str, after: str) -> Any:
    assert CODE.count(before) == 1 and module.__file__ is not None
    file = Path(module.__file__)
    loaded = Loaded(str(file.parent), {key_of(module.early.__code__), key_of(module.logged.__code__)})
    return loaded.changes({file.name: CODE.replace(before, after)})


@pytest.mark.parametrize(
    ("before", "after", "value"),
    [
        ("return x * times", "y = x\n    return y + times", "module.twice(5) == 7"),
        ("return 3 * x", "return 4 * x", "module.thrice(5) == 20"),
        ("return x + n", "return x - n", "module.adder(1)(5) == 4"),
        ("return self.x / 2", "return self.x // 2", "module.Box(5).half == 2"),
        ("self.x = x\n", "self.x = x + 1\n", "module.Box(5).half == 3"),
        ("x + 1)", "x + 7)", "module.Box.both(1, 1) == (8, 3)"),
        ("(a, a)", "(a, 1)", "module.pairs(5) == (5, 1)"),
        ("    return x * times\n", "    return x * times\n    return 1\n", "module.twice(5) == 10"),
    ],
)
def test_a_function_has_its_new_code_wherever_it_is_held(
    module: ModuleType, before: str, after: str, value: str
) -> None:
    found = changes(module, before, after)
    if before == "(a, a)":  # at the top level of the file and no definition
        assert found is None
        return
    swap(found)
    assert eval(value, {"module": module})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("STEP = 2", "STEP = 3"),
        ("times=2", "times=3"),
        ("@logged\n", ""),
        ("size = 1", "size = 2"),
        ("size = 1", "size = True"),
        ("    return 1\n", "    return 2\n"),
        ("return function(*args)", "return function(*args) + 1"),
        ("    @staticmethod\n", ""),
        ("(lambda x: x), ", "(lambda x: -x), "),
        ("def twice", "def twise"),
        ("return x + n", "return x"),
        ("return 3 * x", "return 3 * ("),
        ("import functools\n", "import functools\nimport os\n"),
    ],
)
def test_whatever_else_changes_begins_from_nothing(module: ModuleType, before: str, after: str) -> None:
    found = changes(module, before, after)
    if before == "return x + n":  # the function around it has another cell, and takes it along
        assert [function.__name__ for function, _ in found] == ["adder"]
    else:
        assert found is None


def test_lines_that_python_counts_otherwise_are_left_alone() -> None:
    with pytest.raises(ValueError, match="counted"):
        Text("def f():\r    return 1\n")
    assert Text("def f():\r\n    return '\x0c'\r\n").part("def f():\r\n    return 2\r\n") is not None


TESTS = """
import pytest
from code_under_test import TABLE, double, table


@pytest.mark.parametrize("x", [0, 1, 2])
def test_double(x):
    assert double(x) == x + x


def test_table():
    assert TABLE == [0, 2, 4]


def test_printed(capfd):
    print(double(1))
    assert capfd.readouterr().out == "2\\n"


def test_written():
    import subprocess, sys
    said = subprocess.check_output([sys.executable, "-c", "import code_under_test as c; print(c.double(2))"])
    assert said == b"4\\n"
"""
UNDER = """
def double(x):
    return 3 * x


def table(n):
    return [2 * x for x in range(n)]


TABLE = table(3)
"""
IDS = tuple(
    f"test_it.py::{name}"
    for name in ("test_double[0]", "test_double[1]", "test_double[2]", "test_table", "test_printed", "test_written")
)
BODIES = [
    "return 2 * x",
    "return x",
    "return 1 / 0",
    "return x + x",
    "while x: pass\n    return 0",
    "import os\n    os._exit(3)",
    "import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)",
    "print(x)\n    return 2 * x",
]


async def test_trials_come_to_the_same_both_ways(tmp_path: Path) -> None:
    texts = [UNDER.replace("return 3 * x", body) for body in BODIES]
    right = texts[0]
    texts[1:1] = [right.replace("2 * x for", "3 * x for"), right.replace("(n):", "(n=2):"), right + "\nTABLE = []\n"]
    trials = [Trial({"code_under_test.py": text}, IDS, stop=True) for text in texts]
    async with opened(tmp_path, {"code_under_test.py": UNDER, "test_it.py": TESTS}) as sandbox:
        cold = await tried(sandbox, *trials, warm=False)
        warm = await tried(sandbox, *trials)
        assert [record.number for record in warm] != [record.number for record in cold]  # those from nothing come last
        said = [{record.number: outcomes(record) for record in records} for records in (cold, warm)]
        assert said[0] == said[1] and len(said[0]) == len(texts)
        assert set(said[0][0].values()) == {"passed"} and "endless" in said[0][7].values()
        assert (await sandbox.read("code_under_test.py")).decode() == UNDER


async def test_a_thread_that_loading_starts_is_there_in_each_trial(tmp_path: Path) -> None:
    """A fork of what is loaded would wait for it for ever."""
    under = (
        "import queue\nimport threading\n\n\ndef double(x):\n    asked.put(x)\n    return answers.get()\n\n\n"
        "def serve():\n    while True:\n        answers.put(3 * asked.get())\n\n\n"
        "asked, answers, TABLE, table = queue.Queue(), queue.Queue(), [0, 2, 4], None\n"
        "threading.Thread(target=serve, daemon=True).start()\n"
    )
    texts = [under, under.replace("answers.get()", "answers.get() * 2 // 3"), *[f"{under}\n# {n}\n" for n in range(3)]]
    trials = [Trial({"code_under_test.py": text}, IDS[:3], stop=True) for text in texts]
    async with opened(tmp_path, {"code_under_test.py": under, "test_it.py": TESTS}) as sandbox:
        records = await tried(sandbox, *trials)
        assert set(outcomes(records[1]).values()) == {"passed"}
        assert all("failed" in outcomes(record).values() for at, record in enumerate(records) if at != 1)


async def test_the_first_that_passes_ends_it_here_too(tmp_path: Path) -> None:
    texts = [
        UNDER.replace("return 3 * x", body) for body in ("return x", "return 5", "return 2 * x", "return 7", "return 8")
    ]
    trials = [Trial({"code_under_test.py": text}, IDS, stop=True) for text in texts]
    async with opened(tmp_path, {"code_under_test.py": UNDER, "test_it.py": TESTS}) as sandbox:
        assert [record.number for record in await tried(sandbox, *trials, first=True)] == [0, 1, 2]


async def test_where_the_tests_cannot_be_collected_each_trial_does_it_itself(tmp_path: Path) -> None:
    """The code of the base cannot be loaded, or never ends while it is."""
    right = UNDER.replace("3 * x", "2 * x")
    for number, broken in enumerate(("TABLE = table(3)", "raise ValueError")):
        under = right.replace(broken, "raise ValueError") if number == 0 else right + "\nraise ValueError\n"
        folder = tmp_path / str(number)
        folder.mkdir()
        async with opened(folder, {"code_under_test.py": under, "test_it.py": TESTS}) as sandbox:
            trials = [Trial({"code_under_test.py": right + f"\n# {n}\n"}, IDS, stop=True) for n in range(5)]
            records = await tried(sandbox, *trials)
            assert [set(outcomes(record).values()) for record in records] == [{"passed"}] * 5
