"""Tasks out of real histories, tried in real sandboxes, and worked as tasks afterwards."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from journeyman.core.model import call, say
from journeyman.evals.history import is_source, is_test, narrowed
from journeyman.models.script_server import ScriptServer
from tests.conftest import Program
from tests.evals.histories import flaky_history, javascript_history, python_history

pytestmark = pytest.mark.timeout(300)  # many small runs of tests, on a machine that may have other things to do
MEAN = "tests.test_stats.Mean"


def rows(file: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for line in file.read_text().splitlines()]
    return {row["instance_id"].rpartition("-")[2]: row for row in found}


async def test_commits_that_fix_something_become_tasks_and_the_others_do_not(program: Program, tmp_path: Path) -> None:
    ids = python_history(tmp_path / "stats")
    file = tmp_path / "set.jsonl"
    arguments = ("eval", "mine", tmp_path / "stats", "-o", file, "--repeats", "2", "--json")
    process = await program.start(*arguments, "--workers", "1")
    assert process.stdout is not None
    first = json.loads(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    await process.wait()
    ran = await program.run(*arguments, "--workers", "2")
    assert ran.code == 0, ran.err
    said = {line["commit"]: line for line in ran.lines if line["type"] == "commit"}
    assert said[first["commit"]]["how"] == "known"
    why = {name: said[commit]["why"] for name, commit in ids.items() if commit in said}
    assert why == {
        "fix": "",
        "with bytes": "",
        "passes before": "its tests pass before it, too",
        "breaks": "its tests pass before it, too",
    }
    assert ran.lines[-1]["unfit"] == {"changes no tests": 1, "changes no source": 1} and ran.lines[-1]["tasks"] == 2
    found = rows(file)
    fix, median = found[ids["fix"][:12]], found[ids["with bytes"][:12]]
    assert fix["problem_statement"] == "Mean of nothing is 0\n\nIt divided by zero."
    assert fix["fail_to_pass"] == [f"{MEAN}.test_of_nothing"] and fix["pass_to_pass"] == [f"{MEAN}.test_of_two"]
    assert list(fix["hidden_files"]) == ["tests/test_stats.py"] and fix["base_commit"] == ids["first"]
    assert "tests/" not in fix["gold_patch"] and "if values else 0" in fix["gold_patch"]
    assert median["hidden_files"] == {} and "GIT binary patch" in median["hidden_patch"]
    looked = await program.run("eval", "check", file)
    assert looked.code == 0 and "2 of 2 tasks are as they have to be." in looked.err, looked.out


async def test_what_is_flaky_is_left_out(program: Program, tmp_path: Path) -> None:
    ids = flaky_history(tmp_path / "stats")
    file = tmp_path / "set.jsonl"
    command = ("--check", "python3 -m unittest discover -s tests -t .", "--repeats", "10", "--workers", "2")
    ran = await program.run("eval", "mine", tmp_path / "stats", "-o", file, *command)
    assert ran.code == 0, ran.err
    found = rows(file)
    assert list(found) == [ids["fix"][:12]], ran.out
    assert found[ids["fix"][:12]]["fail_to_pass"] == [f"{MEAN}.test_of_nothing"]
    assert found[ids["fix"][:12]]["pass_to_pass"] == [f"{MEAN}.test_of_two"]


async def test_a_mined_task_is_worked_without_the_history_that_holds_its_answer(
    program: Program, tmp_path: Path
) -> None:
    ids = javascript_history(tmp_path / "fold")
    file = tmp_path / "set.jsonl"
    ran = await program.run("eval", "mine", tmp_path / "fold", "-o", file, "--repeats", "1", "--workers", "2")
    assert ran.code == 0, ran.err
    found = rows(file)
    assert set(found) == {ids["fix"][:12], ids["moves"][:12]}, ran.out
    moves = found[ids["moves"][:12]]
    assert moves["hidden_deletes"] == ["fold.test.js"] and moves["language"] == "javascript"
    hunt = f"git log --all --oneline | wc -l; git cat-file -t {ids['fix']} || echo unknown; cat fold.test.js"
    edit = "*** Begin Patch\n*** Update File: fold.js\n@@\n-exports.sum = (list) => list.reduce((a, b) => a + b);\n"
    edit += "+exports.sum = (list) => list.reduce((a, b) => a + b, 0);\n*** End Patch"
    script = [call("shell", "c1", command=hunt), call("apply_patch", "c2", patch=edit), say("Done.")]
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        only = ("--only", ids["fix"][:12], "--env", "off", "--json")
        ran = await program.run("eval", "run", file, "--model", "box", *only)
    assert ran.code == 0, ran.err
    report = ran.lines[-1]["report"]
    assert report["solved"]["count"] == 1, ran.lines
    log = await program.run("log", report["rows"][0]["task_id"], "--json")
    output = next(
        line["item"]["aggregated_output"]
        for line in log.lines
        if line["type"] == "item.completed" and line["item"]["type"] == "command_execution"
    )
    assert output.startswith("1\n") and "unknown" in output and "sums nothing" not in output


@pytest.mark.parametrize(
    ("command", "runner", "wanted"),
    [
        ("pytest -q", "pytest", "pytest -q --continue-on-collection-errors 'a b/test_x.py'"),
        ("cd app && pytest -q", "pytest", "cd app && pytest -q"),
        ("node --test", "node", "node --test t/y.test.js"),
        ("npm test", "node", "npm test"),
        ("go test ./...", "go", "go test ./p"),
        ("make test", "make", "make test"),
    ],
)
def test_commands_are_narrowed_to_files_where_the_runner_takes_files(command: str, runner: str, wanted: str) -> None:
    files = ["a b/test_x.py", "t/y.test.js", "p/z_test.go", "tests/data.txt"]
    assert narrowed(command, runner, files) == wanted


def test_tests_and_sources_are_told_apart_by_their_paths() -> None:
    tests = ["tests/a.py", "a/test_b.py", "b_test.go", "x.spec.ts", "conftest.py", "src/FooTest.java", "test/data.bin"]
    sources = ["src/a.py", "lib/testing.js", "contest.py", "main.go"]
    neither = ["README.md", "py", "Makefile", "docs/a.rst"]
    paths = [*tests, *sources, *neither]
    assert [path for path in paths if is_test(path)] == tests
    assert [path for path in paths if is_source(path)] == sources
