"""Each attempt's new tests on the others' trees, and the choice that comes of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.clones import ground_of
from journeyman.attempt.host import ModelPlan
from journeyman.cli.work import Watcher, work
from journeyman.core import folds
from journeyman.core.evidence import Result, best
from journeyman.core.model import ModelRequest, Reply, call, say
from journeyman.core.ranking import scores
from journeyman.core.task import Crossed
from tests.attempt.conftest import PROFILE, Bench, MakeBench
from tests.conftest import PLAIN_PYTEST, MakeRepository

FILES = PLAIN_PYTEST | {
    "total.py": "def total(prices):\n    return prices[0]\n",
    "test_total.py": "from total import total\n\ndef test_one():\n    assert total([3]) == 3\n",
}
RIGHT = "def total(prices):\n    return sum(prices)\n"
WRONG = "def total(prices):\n    return prices[0] if len(prices) < 3 else sum(prices)\n"
REAL = "from total import total\n\ndef test_two():\n    assert total([1, 2]) == 3\n"
NARROW = "from total import total\n\ndef test_three():\n    assert total([1, 2, 3]) == 6\n"


def written(code: str, tests: str) -> list[Reply]:
    files = {"total.py": code, "test_more.py": tests}
    text = "; ".join(f"cat > {name} <<'END'\n{body}END\n" for name, body in files.items() if body)
    return [call("shell", "c1", command=text.replace("END\n; ", "END\n")), say("Done.")]


async def attempts(one: Bench, folder: Path, number: int) -> list[str]:
    order = Order("Mend total", "code", folder, ModelPlan("scripted", PROFILE), attempts=number)
    new = await draft(replace(order, checks=("python3 -m pytest -q",)), ground_of(one.host), one.host.clock)
    await one.host.store.create(new.task, new.attempts, new.firsts, turn=new.turn)
    ended = await work(one.host, new.task, new.attempts, Watcher(None, None))
    return [ended.chosen or "", *(attempt.id for attempt in new.attempts)]


async def test_the_right_attempt_wins_by_the_tests_that_the_wrong_one_fails(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """All three pass their own checks; the wrong one is the smallest change and the first."""
    scripts = {1: written(WRONG, NARROW), 2: written(RIGHT, REAL), 3: written(RIGHT + "\n# well\n", "")}

    def play(request: ModelRequest) -> Reply:
        number = int(request.cache_key.rpartition(".")[2])
        done = any(item.kind == "tool_result" for item in request.items)
        return scripts[number][1 if done else 0]

    one = bench([play] * 9)
    chosen, *ids = await attempts(one, make_repository(FILES), 3)
    results = {name: folds.result(await one.host.store.events(name)) for name in ids}
    assert [result.verdict for result in results.values() if result] == ["verified"] * 3
    assert [result.new_tests for result in results.values() if result] == [
        ("test_more.py::test_three",),
        ("test_more.py::test_two",),
        (),
    ]
    stored = await one.host.store.attempts(ids[0].partition(".")[0])
    pairs = {
        (pair.tests_of[-1], pair.on[-1]): (pair.passed, pair.failed) for row in stored for pair in row.summary.crossed
    }
    assert pairs == {("1", "2"): (1, 0), ("1", "3"): (1, 0), ("2", "1"): (0, 1), ("2", "3"): (1, 0)}
    assert chosen != ids[0]


def crossed(*pairs: tuple[str, str, int, int]) -> list[Crossed]:
    return [Crossed(tests_of=author, on=on, passed=passed, failed=failed) for author, on, passed, failed in pairs]


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        ([], {"a": 1.0, "b": 1.0, "c": 1.0}),
        # a and b are right and test well; c is wrong, and its test is wrong too.
        (
            [
                ("a", "b", 1, 0),
                ("a", "c", 0, 1),
                ("b", "a", 1, 0),
                ("b", "c", 0, 1),
                ("c", "a", 0, 1),
                ("c", "b", 0, 1),
            ],
            {"a": 2 / 3, "b": 2 / 3, "c": 0.0},
        ),
    ],
)
def test_tests_that_nobody_passes_count_less(pairs: list[tuple[str, str, int, int]], wanted: dict[str, float]) -> None:
    assert scores("abc", crossed(*pairs)) == pytest.approx(wanted)


def test_the_verdict_goes_before_the_tests_of_others() -> None:
    results = {"a": Result(verdict="verified", summary=""), "b": Result(verdict="failing", summary="")}
    assert best(results, crossed=crossed(("b", "a", 0, 3), ("a", "b", 3, 0))) == "a"
    both = {"a": Result(verdict="verified", summary=""), "b": Result(verdict="verified", summary="")}
    assert best(both, crossed=crossed(("b", "a", 0, 3), ("a", "b", 3, 0))) == "b"
