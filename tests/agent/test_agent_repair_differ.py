"""Edits that pass all that is tested, told apart by inputs that are not."""

from pathlib import Path

import pytest
from test_agent_repair_strategy import PYTEST, changed, scripted_requests, working

from journeyman.agent.repair import repair
from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.differ import Behaviour, behaviour, changed_function, gives_for, literal_calls
from journeyman.agent.repair.inputs import inputs_of, variants
from journeyman.agent.repair.probe import Pytest
from journeyman.agent.repair.validate import ProbeTrials, goal_of
from journeyman.core.events import Progressed

BEFORE = "def top(xs):\n    '''The largest.\n\n    >>> top([1, 5])\n    5\n    '''\n    return xs[0]\n"
TESTS = "from top import top\n\n\ndef test_top():\n    assert top([1, 5]) == 5\n"


def edit(text: str) -> Candidate:
    return Candidate("top.py", BEFORE, BEFORE.replace("xs[0]", text), f"mutation: {text}", 0.5)


def test_inputs_are_like_the_known_ones() -> None:
    found = inputs_of(["[1, 2], 'ab'", "x, 'ab'", "[7], 'q'"], [3])
    assert found[:2] == ["[1, 2], 'ab'", "[7], 'q'"]
    assert {"[], 'ab'", "[2, 1], 'ab'", "[1, 2], 'ba'", "[1, 2], ''"} <= set(found)
    assert found == inputs_of(["[1, 2], 'ab'", "x, 'ab'", "[7], 'q'"], [3])
    assert all(text.startswith("[") and text.endswith("'") for text in found)
    assert inputs_of(["x", "*xs", "a=1", "1, ["]) == []


@pytest.mark.parametrize(
    ("value", "some"),
    [
        (5, [0, 4, 6]),
        (True, [False]),
        ("ab", ["", "ba", "AB", "abab"]),
        ([3, 1], [[], [1, 3], [3], [3, 2]]),
        ((1, 2), [(2, 2), (1, 3), (2, 1)]),
        ({1: "a"}, [{}, {1: ""}]),
        ({1, 2}, [set(), {1}]),
        (-1.5, [1.5, 0.0]),
        (None, []),
    ],
)
def test_variants_are_of_the_same_type(value: object, some: list[object]) -> None:
    found = list(variants(value))
    assert all(type(one) is type(value) for one in found)
    assert all(one in found for one in some)


def test_a_negative_number_only_where_there_is_one() -> None:
    assert all(one >= 0 for one in variants(3) if isinstance(one, int))
    assert any(one < 0 for one in variants(-3) if isinstance(one, int))


def test_calls_of_tests_and_docstrings() -> None:
    assert literal_calls("top", [TESTS, "no python (", "def f():\n    'top([2]) == 2'\n"]) == ["[1, 5]", "[2]"]


def test_the_function_that_all_edits_change() -> None:
    assert changed_function([edit("max(xs)"), edit("xs[1]")]) == "top"
    other = Candidate("top.py", BEFORE, BEFORE + "\n\ndef more():\n    return 1\n", "model")
    assert changed_function([edit("max(xs)"), other]) is None
    text = "class A:\n    def f(self):\n        return 1\n"
    assert changed_function([Candidate("a.py", text, text.replace("1", "2"), "model")]) is None


def test_what_parts_edits_most_evenly_comes_first() -> None:
    rows = (("a", "a", "a"), ("a", "b", "b"), ("a", "a", "b"), ("a", "a", "b"))
    known = Behaviour("top.py", "top", ("1", "2", "3"), rows)
    assert known.classes == [[0], [1], [2, 3]]
    assert known.splitting([0, 1, 2, 3]) == [1, 2]
    assert known.splitting([0, 2]) == [2]


async def test_edits_are_run_on_inputs_that_are_not_tested(tmp_path: Path) -> None:
    files = {"top.py": BEFORE, "test_top.py": TESTS}
    async with working(tmp_path, files, [], prompt="`top` is wrong", checks=(PYTEST,)) as work, work.layer() as layer:
        goal = goal_of(await work.run_check(layer, PYTEST, "base"))
        trials = ProbeTrials(Pytest("python", ("-q",), {}), goal, [layer], "@mark ")
        edits = [edit("max(xs)"), edit("sorted(xs)[-1]"), edit("xs[-1]"), edit("next(x for x in iter(lambda: 5, 0))")]
        known = await behaviour(trials, edits, [TESTS], ["top.py", "test_top.py"])
        assert known is not None
        assert known.classes[0] == [0, 1]
        assert len(known.classes) == 3
        at = known.inputs.index("[5, 1]")
        split = await gives_for(trials, edits, known, at, ["top.py"])
        assert split is not None
        assert (split.call, split.gives) == ("top([5, 1])", ("5", "5", "1", "5"))
        empty = await gives_for(trials, edits, known, known.inputs.index("[]"), ["top.py"])
        assert empty is not None
        assert empty.gives[:3] == ("ValueError", "IndexError", "IndexError")


async def test_edits_that_give_the_same_are_no_doubt(tmp_path: Path) -> None:
    files = {
        "tail.py": "def length(xs):\n    n = 0\n    for x in xs[1:]:\n        n += 1\n    return n\n",
        "test_tail.py": (
            "from tail import length\n\n\ndef test_length():\n    assert length([1, 2, 3]) == 3\n"
            "    assert length([]) == 0\n    assert length('a') == 1\n"
        ),
    }
    async with working(tmp_path, files, [], prompt="`length` is wrong", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert any("give the same for" in event.text for event in work.log.events if isinstance(event, Progressed))
        assert (stop.doubt, scripted_requests(work)) == ("", 0)
        assert stop.message.startswith("Repaired tail.py (for x in xs[1:]: → for x in xs")
        assert list(await changed(work)) == ["tail.py"]
