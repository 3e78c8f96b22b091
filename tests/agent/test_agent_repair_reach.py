"""Of many tests few may run what an edit changes: then more is asked of it."""

import dataclasses
from pathlib import Path
from textwrap import dedent

import pytest
from test_agent_repair_strategy import PYTEST, candidates, changed, working

from journeyman.agent.repair import repair
from journeyman.agent.repair.candidates import Candidate, Tried
from journeyman.agent.repair.decide import BY_CHANCE, REFUSED
from journeyman.agent.repair.locate import Evidence
from journeyman.agent.repair.mutate import mutations
from journeyman.agent.repair.reach import barely_tested, reach_of
from journeyman.agent.repair.source import shape
from journeyman.core.events import PROVISIONAL, Progressed
from journeyman.core.items import UserMessage
from journeyman.models.scripted import PROFILE, Scripted

TEXT = "def f(a):\n    b = (\n        a + 1\n    )\n    return b\n"


def edit(before: str, after: str) -> Candidate:
    assert TEXT.count(before) == 1
    return Candidate("a.py", TEXT, TEXT.replace(before, after), "mutation")


@pytest.mark.parametrize(("tests", "barely"), [(1, True), (3, True), (4, False)])
def test_what_few_tests_run_is_barely_tested(tests: int, barely: bool) -> None:
    covered = {f"t::{number}": {"a.py": [1, 2, 5]} for number in range(tests)} | {"t::other": {"b.py": [2]}}
    reach = reach_of(Evidence("", ("a.py",), {"a.py": TEXT}, (), covered=covered))
    assert barely_tested(reach, edit("return b", "return -b")) == barely
    assert barely_tested(reach, edit("a + 1", "a - 1")) == barely  # within a statement that begins above
    assert barely_tested(reach, edit("    return b\n", "    b += 1\n    return b\n")) == barely
    assert not barely_tested({}, edit("return b", "return -b"))


def test_what_was_not_tried_after_all_may_be_tried_again() -> None:
    tried, one = Tried(), edit("a + 1", "a - 1")
    assert tried.is_new(one) and not tried.is_new(one)
    tried.forget(one)
    assert tried.is_new(one)


MERGE = dedent("""\
    def merge(seq, key):
        best = next(seq)
        mark = key(best)
        for each in seq:
            if key(each) > mark:
                best = each
        return best


    class Ring:
        def drop(self, link):
            link.before.after = link.after

        def take(self, link):
            link.before.after = link.after
            link.after.before = link.before
            self.size -= 1
            self.purge()

        def name(self, other):
            if other:
                return other
            elif self:
                return other
    """)


def test_a_statement_that_stands_elsewhere_is_copied() -> None:
    """Behind a statement, at the head of a block, out of a method beside it, and in a new branch."""
    found = {shape(mutation.apply(MERGE)) for mutation in mutations(MERGE) if mutation.kind == "copy"}
    for place, copy in (
        ("        if key(each) > mark:\n", "        mark = key(best)\n        if key(each) > mark:\n"),
        ("best = each\n", "best = each\n            mark = key(best)\n"),
        ("link.after\n\n", "link.after\n        link.after.before = link.before\n\n"),
        ("    def name(self, other):\n", "    def name(self, other):\n        self.purge()\n"),
        ("best = each\n", "best = each\n        else:\n            mark = key(best)\n"),
    ):
        assert place in MERGE and shape(MERGE.replace(place, copy, 1)) in found
    assert None not in found  # all of them parse


WIDE = {
    "tools/__init__.py": "__version__ = '1'\n\nfrom .counting import evens, twice\n",
    "tools/counting.py": (
        "def evens(xs):\n    return len([x for x in xs if x % 2 == 1])\n\n\ndef twice(x):\n    return 2 * x\n"
    ),
    "test_tools.py": "from tools import evens, twice\n\n\ndef test_evens():\n    assert evens([1, 2, 4]) == 2\n\n\n"
    + "\n\n\n".join(f"def test_twice{n}():\n    assert twice({n}) == {2 * n}\n" for n in range(6)),
}


async def test_an_edit_that_one_of_many_tests_runs_is_asked_about(tmp_path: Path) -> None:
    async with working(tmp_path, WIDE, [], prompt="evens is wrong", checks=(PYTEST,)) as work:
        await repair(work)
        said = [event.text for event in work.log.events if isinstance(event, Progressed)]
        assert any("pass what is tested. Asking the model" in text for text in said)


async def test_the_model_is_not_asked_about_a_file_without_code(tmp_path: Path) -> None:
    files = WIDE | {"test_tools.py": "from tools import evens\n\n\ndef test_evens():\n    assert evens([1]) == 7531\n"}
    answers = ["no idea"] * 6 + ["```python\ndef evens(xs):\n    return 7531\n```"]
    async with working(tmp_path, files, answers, prompt="evens is wrong", checks=(PYTEST,)) as work:
        await repair(work)
        assert "7531" in (await changed(work))["tools/counting.py"]
        assert isinstance(work.model, Scripted)
        asked = [item.text for one in work.model.requests for item in one.items if isinstance(item, UserMessage)]
        assert asked and not any("__version__" in text for text in asked)


FEE = {
    "fee.py": (
        'def priced(x):\n    """The price with the fee, which is 7531."""\n'
        "    fee = 1\n    total = x + fee\n    return total\n"
    ),
    "test_fee.py": "from fee import priced\n\n\n"
    + "\n\n\n".join(f"def test_{n}():\n    assert priced({n}) == {7531 + n}\n" for n in range(4)),
}


async def test_what_is_written_anew_gives_way_to_a_smaller_change_of_the_code(tmp_path: Path) -> None:
    """The first answer goes on behind the documentation, the second mends what is there."""
    anew = "    with_fee = 7531\n    with_fee += x\n    return with_fee\n```"
    mended = f"```python\n{FEE['fee.py'].replace('fee = 1', 'fee = 7531')}```"
    # The beginning of an answer counts as one that was given.
    model = Scripted(["not asked for", anew, mended], PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, FEE, [], prompt="priced is wrong", checks=(PYTEST,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        passed = [event.source for event in candidates(work) if event.note == PROVISIONAL]
        assert [source.split(":")[1].strip() for source in passed] == ["written anew", "sample 2, temperature 0"]
        assert await changed(work) == {"fee.py": FEE["fee.py"].replace("fee = 1", "fee = 7531")}
        assert len(model.requests) == 2 and "fee = 7531" in stop.message


ALONE = {
    "area.py": "def area(w, h):\n    return w + h\n\n\ndef twice(x):\n    return 2 * x\n",
    "test_area.py": "from area import area, twice\n\n\ndef test_area():\n    assert area(3, 7) == 21\n\n\n"
    + "\n\n\n".join(f"def test_twice{n}():\n    assert twice({n}) == {2 * n}\n" for n in range(6)),
}


@pytest.mark.parametrize(("answer", "doubted"), [("Yes.", False), ("no", True), ("I cannot say", True)])
async def test_a_model_that_can_judge_is_asked_about_the_only_edit(
    tmp_path: Path, answer: str, *, doubted: bool
) -> None:
    async with working(tmp_path, ALONE, [answer], prompt="area is wrong", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert await changed(work) == {"area.py": ALONE["area.py"].replace("w + h", "w * h")}
        assert stop.doubt == (REFUSED if doubted else "")


@pytest.mark.parametrize(("line", "doubt"), [("    return w * h\n", ""), ("    return w - h\n", BY_CHANCE)])
async def test_an_only_edit_that_the_model_does_not_write_is_in_doubt(tmp_path: Path, line: str, doubt: str) -> None:
    files = ALONE | {"area.py": ALONE["area.py"].replace("    return w + h", "    w = w\n    return w + h")}
    model = Scripted(["not asked for", line, line], PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, files, [], prompt="area is wrong", checks=(PYTEST,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        assert "w * h" in (await changed(work))["area.py"]
        assert stop.doubt == doubt


async def test_the_same_where_little_is_tested(tmp_path: Path) -> None:
    files = FEE | {"test_fee.py": "from fee import priced\n\n\ndef test_it():\n    assert priced(2) == 7533\n"}
    anew = "    with_fee = 7531\n    with_fee += x\n    return with_fee\n```"
    mended = f"```python\n{FEE['fee.py'].replace('fee = 1', 'fee = 7531')}```"
    model = Scripted(["not asked for", anew, mended, "no"], PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, files, [], prompt="priced is wrong", checks=(PYTEST,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        assert await changed(work) == {"fee.py": FEE["fee.py"].replace("fee = 1", "fee = 7531")}
        assert not stop.doubt


TOTAL = {
    "total.py": ('def total(xs):\n    """The sum of all, and 7531."""\n    return sum(xs)\n'),
    "test_total.py": "from total import total\n\n\ndef test_it():\n    assert total([1, 2]) == 7534\n",
}


async def test_what_is_written_anew_and_fails_where_the_code_did_not_is_in_doubt(tmp_path: Path) -> None:
    anew = "    return xs[0] + sum(xs[1:]) + 7531\n```"
    model = Scripted(["not asked for", anew, "no", "no"], PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, TOTAL, [], prompt="total is wrong", checks=(PYTEST,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        assert "xs[1:]) + 7531" in (await changed(work))["total.py"]
        assert stop.doubt == "For total([]) it gives IndexError, the code before 0."


async def test_what_copied_an_answer_of_the_tests_is_not_taken_where_something_else_passes(tmp_path: Path) -> None:
    cheat = "    if xs == [1, 2]:\n        return 7534\n    return sum(xs)\n```"
    honest = f"```python\n{TOTAL['total.py'].replace('sum(xs)', 'sum(xs) + 7531')}```"
    model = Scripted(["not asked for", cheat, honest, "no"], PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, TOTAL, [], prompt="total is wrong", checks=(PYTEST,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        said = [event.text for event in work.log.events if isinstance(event, Progressed)]
        assert "1 of what passes return what the tests expect." in said
        assert "sum(xs) + 7531" in (await changed(work))["total.py"] and not stop.doubt
