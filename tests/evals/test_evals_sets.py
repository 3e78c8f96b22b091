"""Sets of all kinds, read from files; what is wrong with them is said."""

import json
from pathlib import Path
from typing import Any

import pytest

from journeyman.core.errors import UsageError
from journeyman.core.model import call, say
from journeyman.evals import laying, sets, swebench
from journeyman.evals.task import EvalTask, Grader
from journeyman.models.script_server import ScriptServer
from tests.conftest import Program, git, lay
from tests.evals.eval_sets import RIGHT, write_set

pytestmark = pytest.mark.timeout(300)  # the program is started many times, on a machine that may be busy
PYTHON = {
    "task_id": "Python/7",
    "prompt": 'def twice(n: int) -> int:\n    """ Twice n.\n    >>> twice(2)\n    4\n    """\n',
    "declaration": "def twice(n: int) -> int:\n",
    "canonical_solution": "    return 2 * n\n",
    "buggy_solution": "    return n * n\n",
    "entry_point": "twice",
    "test_setup": "",
    "test": "\n\ndef check(twice):\n    assert twice(3) == 6\n\ncheck(twice)",
    "example_test": "def check(twice):\n    assert twice(2) == 4\ncheck(twice)\n",
}
JAVASCRIPT = {
    "task_id": "JavaScript/7",
    "prompt": "// Twice n.\n// >>> twice(2)\n// 4\nconst twice = (n) => {\n",
    "declaration": "\nconst twice = (n) => {\n",
    "canonical_solution": "  return 2 * n;\n}\n",
    "buggy_solution": "  return n * n;\n}\n",
    "entry_point": "twice",
    "test": "const testTwice = () => { console.assert(twice(3) === 6) }\n\ntestTwice()\n",
    "example_test": "const testTwice = () => { console.assert(twice(2) === 4) }\ntestTwice()\n",
}


CASE = """import unittest

from calc import add


class Calc(unittest.TestCase):
    def test_add(self):
        self.assertEqual({})
"""


async def test_rows_of_humanevalpack_become_tasks_whose_graders_are_right(program: Program, tmp_path: Path) -> None:
    file = write_set(tmp_path / "pack.jsonl", [PYTHON, JAVASCRIPT])
    python, javascript = sets.read_set(file)
    assert set(python.files) == {"AGENTS.md", "solution.py", "test_solution.py"}
    assert set(javascript.files) == {"AGENTS.md", "package.json", "solution.js", "solution.test.js"}
    seen = json.dumps([python.files, javascript.files])
    assert "2 * n" not in seen and "twice(3)" not in seen and "twice(2)" in seen
    program.configure("")
    ran = await program.run("eval", "check", file)
    assert ran.code == 0 and ran.out.count("fails as it is, and the accepted fix passes") == 2, ran.out + ran.err


async def test_rows_of_swebench_are_worked_on_mirrors_and_predicted(program: Program, tmp_path: Path) -> None:
    mirror = tmp_path / "mirrors" / "acme__calc"
    mirror.mkdir(parents=True)
    git(mirror, "init", "-q")
    lay(mirror, {"calc.py": "def add(a, b):\n    return a - b\n", "tests/test_calc.py": CASE.format("1, 1")})
    git(mirror, "add", "-A")
    git(mirror, "commit", "-qm", "One")
    base = git(mirror, "rev-parse", "HEAD").strip()
    lay(mirror, {"tests/test_calc.py": CASE.format("add(1, 2), 3")})
    test_patch = git(mirror, "diff")
    git(mirror, "checkout", "-q", ".")
    lay(mirror, {"calc.py": "def add(a, b):\n    return a + b\n"})
    gold = git(mirror, "diff")
    row = {
        "instance_id": "acme__calc-1",
        "repo": "acme/calc",
        "base_commit": base,
        "problem_statement": "add subtracts",
        "patch": gold,
        "test_patch": test_patch,
        "FAIL_TO_PASS": json.dumps(["tests.test_calc.Calc.test_add"]),
        "PASS_TO_PASS": "[]",
        "version": "1.0",
        "test_command": "python3 -m unittest tests.test_calc",
    }
    elsewhere = row | {"instance_id": "acme__calc-2", "FAIL_TO_PASS": '["test_add (calc.Tests)"]', "test_command": None}
    file = write_set(tmp_path / "swe.jsonl", [row, elsewhere])
    edit = "*** Begin Patch\n*** Update File: calc.py\n@@\n-    return a - b\n+    return a + b\n*** End Patch"
    async with ScriptServer([call("apply_patch", "c1", patch=edit), say("Done.")]) as server:
        program.use(server.base_url)
        common = ("--mirrors", tmp_path / "mirrors")
        checked = await program.run("eval", "check", file, *common)
        assert checked.code == 0 and "the accepted fix passes" in checked.out, checked.out
        ran = await program.run("eval", "run", file, *common, "--run", "swe", "--env", "off", "--json")
    assert ran.code == 0, ran.err
    report = ran.lines[-1]["report"]
    assert (report["solved"]["count"], report["solved"]["of"], report["ungraded"]) == (1, 1, 1)
    predictions = (program.home / "evals" / "swe" / "predictions.jsonl").read_text().splitlines()
    first = json.loads(predictions[0])
    assert len(predictions) == 2 and list(first) == ["instance_id", "model_name_or_path", "model_patch"]
    assert first["instance_id"] == "acme__calc-1" and first["model_name_or_path"] == "journeyman-box"
    git(mirror, "checkout", "-q", ".")
    (tmp_path / "prediction.diff").write_text(first["model_patch"])
    git(mirror, "apply", str(tmp_path / "prediction.diff"))
    assert git(mirror, "diff") == gold
    gone = await program.run("eval", "run", file, "--run", "lost", "--env", "off", "--json")
    assert gone.code == 1 and "The repository acme/calc of the set is not there" in gone.out


def test_images_are_those_of_swebench() -> None:
    row = {"instance_id": "django__django-11099", "repo": "django/django", "base_commit": "d", "problem_statement": "p"}
    origin = swebench.task_of(row, images=True).origin
    assert origin is not None
    assert origin.image == "docker.io/swebench/sweb.eval.x86_64.django_1776_django-11099:latest"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "holds no task"),
        ("{", "line 1 is no JSON"),
        ("3", "line 1 is no task"),
        ('{"instance_id": "a"}', "is missing"),
        (json.dumps(RIGHT) + "\n" + json.dumps(RIGHT), "two tasks called right"),
        (json.dumps(RIGHT | {"files": {"../out": ""}}), "cannot be a file"),
        (json.dumps(RIGHT | {"hidden_files": {"a/.git/config": ""}}), "cannot be a file"),
        (json.dumps(RIGHT | {"problem_statement": ""}), "line 1: prompt"),
        (json.dumps(PYTHON | {"task_id": "Rust/1"}), "not in Rust"),
    ],
)
def test_what_is_wrong_with_a_set_is_said(tmp_path: Path, rows: str, said: str) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(rows)
    with pytest.raises(UsageError, match=said):
        sets.read_set(file)


def test_a_task_comes_back_from_its_row() -> None:
    (task,) = (sets._own(RIGHT),)  # pyright: ignore[reportPrivateUsage]
    assert sets._own(sets.row_of(task)) == task  # pyright: ignore[reportPrivateUsage]


HANDED: dict[str, Any] = {
    "tests/data.json": "{}", "pkg/tests/helper.py": "h", "test_a.py": "a", "deep/test_b.py": "b",
    "x.test.js": "x", "package.json": "p", "pyproject.toml": "mine", "solution.py": "bug", "deep/own.py": "own",
}  # fmt: skip


def test_grading_puts_tests_back_and_drops_what_was_not_handed_out(tmp_path: Path) -> None:
    handed, result, outside = tmp_path / "handed", tmp_path / "result", tmp_path / "outside"
    for folder in (handed, result, outside):
        folder.mkdir()
    laying.lay(handed, HANDED)
    laying.lay(result, {"solution.py": "fixed", "pyproject.toml": "changed", "deep/own.py": "changed"})
    laying.lay(result, {"test_a.py": "weaker", "conftest.py": "evil", "deep/setup.cfg": "evil", "deep/tox.ini": "evil"})
    laying.lay(result, {"test_new.py": "new", "tests/data.json": "[]"})
    (outside / "keep").write_text("mine")
    (result / "pkg").symlink_to(outside)  # a result that would have us write elsewhere
    (result / "package.json").symlink_to(outside / "keep")
    (result / "hidden.py").symlink_to(outside / "keep")
    laying.put_back(result, handed)
    laying.lay(result, {"hidden.py": "grader"})
    found = {str(path.relative_to(result)): path.read_text() for path in sorted(result.rglob("*")) if path.is_file()}
    kept = {"solution.py": "fixed", "pyproject.toml": "changed", "deep/own.py": "changed", "test_new.py": "new"}
    assert found == HANDED | kept | {"hidden.py": "grader"}
    assert [path.name for path in outside.iterdir()] == ["keep"] and (outside / "keep").read_text() == "mine"


def test_names_of_folders_are_safe_and_their_own() -> None:
    names = ["../../etc", "a/b", "a b", "", "ü" * 90]
    grader = Grader(command="true")
    folders = [EvalTask(id=name or "-", prompt="p", grader=grader).folder for name in names]
    assert len(set(folders)) == 5 and not any("/" in one or one.startswith(".") for one in folders)
