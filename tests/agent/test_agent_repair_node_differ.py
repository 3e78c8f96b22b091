"""On what edits of JavaScript differ that pass all that is tested."""

import dataclasses
import shutil
from pathlib import Path

import pytest
from test_agent_repair_strategy import changed, working

from journeyman.agent.repair import repair
from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.decide import CONTRADICTED
from journeyman.agent.repair.node_differ import changed_function, literal_calls
from journeyman.agent.repair.second import OTHERWISE
from journeyman.core.events import Progressed
from journeyman.core.evidence import Check
from journeyman.models.scripted import PROFILE, Scripted

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
NODE = Check(command="node --test", source="AGENTS.md", runner="node", timeout=60.0)

TWICE = {
    "twice.js": ("// Says something of x.\nfunction twice(x) {\n  return x - 2;\n}\n\nmodule.exports = { twice };\n"),
    "twice.test.js": (
        "const assert = require('node:assert');\nconst test = require('node:test');\n"
        "const { twice } = require('./twice');\n\ntest('it', () => {\n  assert.strictEqual(twice(2), 4);\n});\n"
    ),
}


def test_arguments_are_read_as_values() -> None:
    text = "f([1, -2.5], 'a\\'b', { a: 1, 'b c': [null] }, true);\n// f(3) => 4\nf(x); f(`a`); "
    text += 'it.f(0x10, ""); g(1); f(); function f(a) { return a; }'
    assert literal_calls("f", [text]) == [
        "[1, -2.5], \"a'b\", {'a': 1, 'b c': [None]}, True", "16, ''", "", "3",
    ]  # fmt: skip


def test_what_python_cannot_read_is_left_out() -> None:
    assert literal_calls("f", ["f('\\u{1F600}'); f('\\x'); f(" + "[" * 3000 + "]" * 3000 + "); f(1_0, 9n); f(2)"]) == [
        "2"
    ]


def test_the_function_that_all_change() -> None:
    text = "const a = (x) => {\n  return x;\n};\nfunction b(y) {\n  return y;\n}\n"

    def edit(old: str) -> Candidate:
        return Candidate("a.js", text, text.replace(old, f"{old} + 1"), "mutation")

    assert changed_function([edit("return x")]) == "a"
    assert changed_function([edit("return y"), dataclasses.replace(edit("return y"), text=text)]) == "b"
    assert changed_function([edit("return y"), edit("return x")]) is None


@pytest.mark.parametrize(
    ("anew", "taken", "doubt"),
    [
        ("  return x + 1 + 1;", "x + 2", ""),
        ("  return { 2: 4 }[x] ?? 7531;", "x * 2", OTHERWISE),
    ],
)
async def test_what_was_chosen_is_compared_with_what_the_model_writes_anew(
    tmp_path: Path, anew: str, taken: str, doubt: str
) -> None:
    """The model goes on with something that does not pass, is held to `x * 2`, and writes the function anew."""
    answers = [
        "not asked for",
        "  return null;\n",
        "  return x * 2;\n",
        f"{anew}\n",
    ]
    model = Scripted(answers, PROFILE.model_copy(update={"completes": True}))
    async with working(tmp_path, TWICE, [], prompt="`twice` is wrong", checks=(NODE,)) as work:
        stop = await repair(dataclasses.replace(work, model=model))
        assert await changed(work) == {"twice.js": TWICE["twice.js"].replace("x - 2", taken)}
        assert stop.doubt == doubt and len(model.requests) == 3


async def test_where_nothing_decides_an_input_is_told_on_which_two_differ(tmp_path: Path) -> None:
    async with working(tmp_path, TWICE, ["none of these"], prompt="`twice` is wrong", checks=(NODE,)) as work:
        stop = await repair(work)
        assert "nothing tells which of them is meant" in stop.doubt and " For twice(" in stop.doubt


async def test_an_edit_that_the_comments_contradict_is_put_aside(tmp_path: Path) -> None:
    text = TWICE["twice.js"].replace("Says something of x.", "twice(5) => 10")
    async with working(tmp_path, TWICE | {"twice.js": text}, ["2"] * 9, prompt="wrong", checks=(NODE,)) as work:
        stop = await repair(work)
        said = [event.text for event in work.log.events if isinstance(event, Progressed)]
        assert any("do not give what the documentation says" in one for one in said)
        assert stop.doubt != CONTRADICTED
        after = (await changed(work))["twice.js"]
        assert after.replace("x * 2", "x - 2").replace("x + x", "x - 2").replace("2 * x", "x - 2") == text
