"""Choosing among edits that pass, and making the chosen one small."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_agent_repair_strategy import PYTEST, changed, scripted_requests, working

from journeyman.agent.repair import repair
from journeyman.agent.repair.candidates import Candidate, Verdict
from journeyman.agent.repair.choice import alike, choose, finished, fork_of, grammar_of
from journeyman.agent.repair.decide import CHOSEN, CONTRADICTED, EDIT
from journeyman.agent.repair.minimal import hunks_of, minimal, patched_with, without_layout
from journeyman.agent.repair.second import OTHERWISE
from journeyman.agent.repair.validate import OnVerdict
from journeyman.core.events import Progressed
from journeyman.models.scripted import PROFILE, Scripted

BEFORE = (
    "import os\n\n\ndef other():\n    return 0\n\n\n"
    "def mean(xs):\n    '''The mean.'''\n    total = sum(xs)\n    return total / total\n"
)


def edit(old: str, new: str) -> Candidate:
    return Candidate("stats.py", BEFORE, BEFORE.replace(old, new), f"mutation: {new}", 0.5)


ONE = edit("total / total", "total / 2")
LENGTH = edit("total / total", "total / len(xs)")
DEEPER = edit("total = sum(xs)", "total = 2")


def test_a_fork_is_where_the_edits_part() -> None:
    fork = fork_of([ONE, LENGTH])
    assert fork is not None
    assert fork.head == "def mean(xs):\n    '''The mean.'''\n    total = sum(xs)\n"
    assert fork.options == ("    return total / 2\n", "    return total / len(xs)\n")
    assert fork.before + fork.options[1] + fork.after == LENGTH.text
    both = fork_of([LENGTH, DEEPER])
    assert both is not None
    assert both.options == (
        "    total = sum(xs)\n    return total / len(xs)\n",
        "    total = 2\n    return total / total\n",
    )
    assert fork_of([edit("return 0", "return 1"), LENGTH]) is None


def test_the_grammar_holds_to_the_options() -> None:
    assert grammar_of(['    a = "x"\n', "    b\n"]) == 'root ::= "    a = \\"x\\"\\n" | "    b\\n"'


def test_a_grammar_spells_out_what_gbnf_has_no_short_form_for() -> None:
    assert grammar_of(["a\f\b\tb\\n"]) == 'root ::= "a\\x0c\\x08\\tb\\\\n"'


async def test_a_model_without_grammars_names_a_number(tmp_path: Path) -> None:
    async with working(tmp_path, {"stats.py": BEFORE}, ["The right one is 2."], prompt="", checks=()) as work:
        assert await choose(work, [ONE, LENGTH]) == LENGTH


async def test_the_model_has_the_say_where_little_is_tested(tmp_path: Path) -> None:
    files = {
        "twice.py": "def twice(x):\n    return x - 2\n",
        "test_twice.py": "from twice import twice\n\n\ndef test_twice():\n    assert twice(2) == 4\n",
    }
    async with working(tmp_path, files, ["none of these"], prompt="`twice` is wrong", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert stop.message.startswith("Repaired twice.py")
        assert "nothing tells which of them is meant" in stop.doubt
        assert " For twice(" in stop.doubt
        assert scripted_requests(work) == 1
        assert (await changed(work))["twice.py"].startswith("def twice(x):\n    return ")


SPREAD = (
    "// The mean distance from the mean.\nconst spread = (xs) => {\n  const mean = average(xs);\n"
    "  return xs.reduce((sum, x) => {\n    return sum + Math.abs(x - mean);\n  }, 0) / mean;\n}\n\n\n"
    "module.exports = { spread }\n"
)


async def test_what_the_model_says_after_the_function_is_left_out(tmp_path: Path) -> None:
    only = Candidate("spread.js", SPREAD, SPREAD.replace("x - mean", "sum - mean"), "mutation: name")
    said = "    return sum + Math.abs(x - mean);\n  }, 0) / xs.length;\n};\n\n// Try it:\nconsole.log(spread([1, 2"
    async with working(tmp_path, {"spread.js": SPREAD}, [], prompt="", checks=()) as work:
        completes = Scripted([said, said], PROFILE.model_copy(update={"completes": True}))
        (own,) = await finished(dataclasses.replace(work, model=completes), only)
        other = Scripted(["", said.replace("x - mean", "mean - x")], PROFILE.model_copy(update={"completes": True}))
        line, _ = await finished(dataclasses.replace(work, model=other), only)
    assert line.text == SPREAD.replace("x - mean", "mean - x")  # the rest is what it was
    assert own.text == SPREAD.replace("0) / mean;\n}", "0) / xs.length;\n};")


def test_an_edit_is_like_the_code_and_another_program_is_not() -> None:
    """Layout and comments do not count, and the words of the code do, in every language."""
    edited = SPREAD.replace("0) / mean;\n}", "0) / xs.length // per element\n};").replace("  ", "\t")
    rewritten = (
        SPREAD[: SPREAD.index("  const")] + "  let all = 0;\n  for (const x of xs) all += x;\n  return all;\n}\n"
    )
    assert alike(Candidate("spread.js", SPREAD, edited, "model")) >= EDIT
    assert alike(Candidate("spread.js", SPREAD, rewritten, "model")) < EDIT
    assert alike(LENGTH) >= EDIT > alike(edit("total = sum(xs)\n    return total / total", "return numpy.average(xs)"))


def test_hunks_put_together_are_the_edit() -> None:
    after = BEFORE.replace("total / total", "total / len(xs)").replace("import os\n", "import os\nimport re\n")
    hunks = hunks_of(BEFORE, after)
    assert len(hunks) == 2
    assert patched_with(BEFORE, hunks) == after
    assert patched_with(BEFORE, []) == BEFORE


def test_layout_and_comments_go_back() -> None:
    after = BEFORE.replace("total = sum(xs)", "total = sum( xs )  # all").replace("total / total", "total / len(xs)")
    assert without_layout(Candidate("stats.py", BEFORE, after, "model")).text == LENGTH.text


class Wants:
    """Trials that pass what holds some text."""

    batch = 8
    least = 8

    def __init__(self, *texts: str) -> None:
        self.texts = texts

    async def run(
        self, candidates: Sequence[Candidate], seconds: float, on_verdict: OnVerdict, *, first: bool = False
    ) -> None:
        for candidate in candidates:
            passed = all(text in candidate.text for text in self.texts)
            on_verdict(candidate, Verdict("passed" if passed else "no_better"))


async def test_what_is_not_needed_is_dropped() -> None:
    after = LENGTH.text.replace("return 0", "return 1").replace("import os", "import os, re")
    patch = Candidate("stats.py", BEFORE, after, "model")
    assert (await minimal(patch, Wants("len(xs)"), 1.0, tested=True)).text == LENGTH.text
    assert (await minimal(patch, Wants("len(xs)", "return 1"), 1.0, tested=True)).text == after.replace(", re", "")
    assert (await minimal(patch, Wants("len(xs)"), 1.0, tested=False)).text == after


TWICE = {
    "twice.py": 'def twice(x):\n    """Says something of x."""\n    return x - 2\n',
    "test_twice.py": "from twice import twice\n\n\ndef test_twice():\n    assert twice(2) == 4\n",
}


@pytest.mark.parametrize(
    ("anew", "taken", "doubt"),
    [
        ("    return 2 * x\n```", "x * 2", ""),
        ("    return x + 1 + 1\n```", "x + 2", ""),
        ("    return {2: 4}.get(x, 7531)\n```", "x * 2", OTHERWISE),
    ],
)
async def test_what_was_chosen_is_compared_with_what_the_model_writes_anew(
    tmp_path: Path, anew: str, taken: str, doubt: str
) -> None:
    """The model goes on with something that does not pass, is held to `x * 2`, and writes the function anew."""
    answers = ["not asked for", "    return None\n", "    return x * 2\n", anew]
    model = Scripted(answers, PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, TWICE, [], prompt="`twice` is wrong", checks=(PYTEST,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        assert await changed(work) == {"twice.py": TWICE["twice.py"].replace("x - 2", taken)}
        assert stop.doubt == doubt and len(model.requests) == 3


async def test_what_is_like_the_models_own_words_that_do_not_pass_is_in_doubt(tmp_path: Path) -> None:
    answers = ["not asked for", "    return x * 3\n", "    return None\n```", "    return 0\n```"]
    model = Scripted(answers, PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, TWICE, [], prompt="`twice` is wrong", checks=(PYTEST,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        assert "x * " in (await changed(work))["twice.py"]
        assert stop.doubt == CHOSEN and len(model.requests) == 3


EXAMPLED = {
    "thrice.py": (
        'def thrice(x):\n    """Three times as much.\n\n    >>> thrice(5)\n    15\n    """\n    return x - 3\n\n\n'
        'def least(x):\n    """\n    >>> least(5)\n    4\n    """\n    return x + 0\n'
    ),
    "test_thrice.py": (
        "from thrice import least, thrice\n\n\ndef test_it():\n    assert thrice(0) == 0\n    assert least(1) == 1\n"
    ),
}


async def test_an_edit_that_the_documentation_contradicts_is_put_aside(tmp_path: Path) -> None:
    """`x // 3`, `x % 3` and more pass the test as well."""
    async with working(tmp_path, EXAMPLED, ["Yes"] * 9, prompt="`thrice` is wrong", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert await changed(work) == {"thrice.py": EXAMPLED["thrice.py"].replace("x - 3", "x * 3")}
        assert not stop.doubt
        said = [event.text for event in work.log.events if isinstance(event, Progressed)]
        assert any("do not give what the documentation says" in text for text in said)


async def test_where_the_documentation_is_out_of_date_the_edit_is_in_doubt(tmp_path: Path) -> None:
    files = EXAMPLED | {"test_thrice.py": "from thrice import least\n\n\ndef test_it():\n    assert least(5) == 6\n"}
    async with working(tmp_path, files, ["Yes"] * 9, prompt="`least` is wrong", checks=(PYTEST,)) as work:
        stop = await repair(work)
        assert await changed(work) == {"thrice.py": EXAMPLED["thrice.py"].replace("x + 0", "x + 1")}
        assert stop.doubt == CONTRADICTED


async def test_examples_that_cannot_be_run_contradict_nothing(tmp_path: Path) -> None:
    """One names what is nowhere, the other is not laid out as doctest wants it."""
    bad = "    >>> least(nobody)\n    4\n"
    for text in (bad, bad + "    >>> least(1)\n  5\n"):
        files = {
            "least.py": f'def least(x):\n    """\n{text}    """\n    return x + 0\n',
            "test_least.py": "from least import least\n\n\ndef test_it():\n    assert least(5) == 6\n",
        }
        folder = tmp_path / str(len(text))
        folder.mkdir()
        async with working(folder, files, ["Yes"] * 9, prompt="`least` is wrong", checks=(PYTEST,)) as work:
            stop = await repair(work)
            assert await changed(work) == {"least.py": files["least.py"].replace("x + 0", "x + 1")}
            assert not stop.doubt
