"""A set worked as a person does it: the program, the real sandbox, real sockets; only the model is played."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from journeyman.core.model import Reply, call, say
from journeyman.models.script import Fault, Step
from journeyman.models.script_server import ScriptServer
from tests.conftest import Program, git, lay
from tests.evals.eval_sets import CANARY, RIGHT, RULES, SET, patch, played, task_of, write_set

pytestmark = pytest.mark.timeout(300)  # the program is started many times, on a machine that may be busy


async def test_a_set_is_worked_and_graded_and_the_report_says_what_is_true(program: Program, tmp_path: Path) -> None:
    file = write_set(tmp_path / "tasks.jsonl", SET)
    async with ScriptServer(played()) as server:
        program.use(server.base_url)
        ran = await program.run("eval", "run", file, "--model", "box", "--workers", "2", "--json", "--env", "off")
        assert ran.code == 0, ran.err
        asked = len(server.requests)
        again = await program.run("eval", "run", file, "--model", "box", "--env", "off")
        assert len(server.requests) == asked, "what is done is not done again"
    kinds = [line["type"] for line in ran.lines]
    assert kinds[0] == "run.started" and kinds[-1] == "run.completed" and kinds.count("attempt.graded") == 4
    report = ran.lines[-1]["report"]
    solved = {row["instance"]: (row["solved"], row["verdict"], row["failure"]) for row in report["rows"]}
    assert solved == {
        "right": (True, "verified", "solved"),
        "false": (False, "verified", "false verified"),
        "idle": (False, "unchanged", "unchanged"),
        "fails": (False, "failing", "checks fail"),
    }
    assert (report["solved"]["count"], report["solved"]["of"]) == (1, 4)
    assert report["pass_at"] == [{"k": 1, "n": 1, "value": 0.25}]
    assert report["false_verified"]["count"] == 1 and report["verified"]["count"] == 2
    assert report["spent"]["input_tokens"] == 800 and report["spent"]["output_tokens"] == 80
    assert report["per_solved"]["median_tokens"] == 220 and report["per_solved"]["tokens"] == 880
    assert "4 of 4 attempts were done before" in again.err and "1 of 4 = 25.0 % (4.6–69.9 %)" in again.out
    # Every attempt is a task like any other, and its log is there.
    row = next(row for row in report["rows"] if row["instance"] == "right")
    shown = await program.run("show", row["task_id"], "--json")
    assert shown.lines[0]["result"]["verdict"] == "verified" and shown.lines[0]["task"]["status"] == "done"
    assert "return a + b" in (await program.run("diff", row["task_id"])).out


async def test_several_attempts_are_an_estimate_of_pass_at_k(program: Program, tmp_path: Path) -> None:
    file = write_set(tmp_path / "tasks.jsonl", [RIGHT])
    seen: list[str] = []

    def first(request: Any) -> Reply:
        """Every other attempt is right."""
        seen.append("")
        body = "return a + b" if len(seen) % 2 else "return a * b"
        return call("apply_patch", "c1", patch=patch(body))

    async with ScriptServer([first, say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("eval", "run", file, "--model", "box", "--attempts", "4", "--json", "--env", "off")
    assert ran.code == 0, ran.err
    report = ran.lines[-1]["report"]
    assert [row["correct"] for row in report["rows"]] == [2] and report["attempts"] == 4
    assert [(one["k"], one["n"]) for one in report["pass_at"]] == [(1, 4), (2, 4), (4, 4)]
    assert [round(one["value"], 6) for one in report["pass_at"]] == [0.5, round(5 / 6, 6), 1.0]
    # In "right" the visible test tells the two apart, so a person is handed the right one.
    assert next(row for row in report["rows"] if row["instance"] == "right")["solved"] is True


async def test_a_killed_run_goes_on_where_it_was(program: Program, tmp_path: Path) -> None:
    file = write_set(tmp_path / "tasks.jsonl", SET)
    arguments = ("eval", "run", file, "--model", "box", "--json", "--run", "killed", "--env", "off")
    reached = asyncio.Event()

    async with ScriptServer(_holding(reached)) as server:
        program.use(server.base_url)
        process = await program.start(*arguments)
        assert process.stdout is not None
        while json.loads(await process.stdout.readline())["type"] != "attempt.graded":
            pass  # the first task is over
        async with asyncio.timeout(60):
            await reached.wait()  # the second one is at work
        process.send_signal(signal.SIGKILL)
        await process.wait()
    journal = program.home / "evals" / "killed" / "journal.jsonl"
    with journal.open("ab") as file_:
        file_.write(b'{"kind":"outcome","instance":"fal')  # as a line is that was being written
    async with ScriptServer(played()) as server:
        program.use(server.base_url)
        ran = await program.run(*arguments)
        asked = [request.body.decode() for request in server.requests]
    assert ran.code == 0, ran.err
    assert [line["instance"] for line in ran.lines if line["type"] == "attempt.graded"] == ["false", "idle", "fails"]
    assert not any("Task right" in one for one in asked), "the first is not worked again"
    assert ran.lines[0]["done"] == 1 and ran.lines[-1]["report"]["done"] == 4
    listed = (await program.run("list", "--json")).lines
    assert len(listed) == 4, "the task that was at work went on, and is no new one"


def _holding(reached: asyncio.Event) -> list[Any]:
    """A model that never answers to the second task."""
    first, second = played()

    def answer(request: Any) -> Reply | Step:
        if task_of(request) == "false":
            reached.set()
            return Step(error=(Fault(kind="hang"),))
        return first(request)

    return [answer, second]


async def test_the_agent_sees_nothing_of_the_grader(program: Program, tmp_path: Path) -> None:
    file = write_set(tmp_path / "tasks.jsonl", [RIGHT])
    hunt = (
        f"top=/$(pwd | cut -d/ -f2); grep -rIl {CANARY[:-4]}'4711' $top $HOME /tmp /run /var/tmp 2>/dev/null; "
        "find $top $HOME /tmp /run -name 'hidden_check*' -o -name tasks.jsonl 2>/dev/null; "
        "git cat-file --batch-all-objects --batch-check | wc -l; git log --oneline | wc -l; echo looked"
    )
    async with ScriptServer([call("shell", "c1", command=hunt), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("eval", "run", file, "--model", "box", "--json", "--env", "off")
    assert ran.code == 0, ran.err
    row = ran.lines[-1]["report"]["rows"][0]
    log = await program.run("log", row["task_id"], "--json")
    output = next(
        line["item"]["aggregated_output"]
        for line in log.lines
        if line["type"] == "item.completed" and line["item"]["type"] == "command_execution"
    )
    assert output.split() == ["5", "1", "looked"], output  # three files, their tree, the commit


def every_kind(folder: Path) -> list[dict[str, Any]]:
    """A task of each kind of set, with the canary in all that it is graded with: our own, one on a commit with a hidden
    patch, as mined ones are, a row of HumanEvalPack, a row of SWE-bench."""
    calc, test = (
        RIGHT["files"]["calc.py"],
        f"from calc import add\n\n# {CANARY}\n\ndef test_add():\n    assert add(5, 6) == 11\n",
    )
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    lay(folder, {"calc.py": calc, "AGENTS.md": RULES, "test_calc.py": RIGHT["files"]["test_calc.py"]})
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "One")
    base = git(folder, "rev-parse", "HEAD").strip()
    lay(folder, {"calc.py": calc.replace("a - b", "a + b"), "tests/test_more.py": test})
    git(folder, "add", "-A")
    hidden = git(folder, "diff", "--cached", "--", "tests")
    git(folder, "commit", "-qm", f"Mend add: {CANARY}")
    ours = {name: RIGHT[name] for name in ("language", "hidden_files", "grade_command")}
    mined = ours | {"instance_id": "mined", "problem_statement": "Task mined: fix it.", "hidden_patch": hidden}
    mined |= {"repository": str(folder), "base_commit": base, "fail_to_pass": ["tests/test_more.py::test_add"]}
    pack = {
        "task_id": "Python/7",
        "prompt": 'def twice(n: int) -> int:\n    """ Twice n, Task pack: fix it. """\n',
        "declaration": "def twice(n: int) -> int:\n",
        "canonical_solution": f"    return 2 * n  # {CANARY}\n",
        "buggy_solution": "    return n * n\n",
        "entry_point": "twice",
        "test": f"def check(twice):\n    assert twice(3) == 6  # {CANARY}\n\ncheck(twice)",
    }
    bench = {
        "instance_id": "calc-1",
        "repo": "acme/calc",
        "base_commit": base,
        "problem_statement": "Task bench: fix it.",
    }
    bench |= {
        "test_patch": hidden,
        "patch": CANARY,
        "FAIL_TO_PASS": ["tests/test_more.py::test_add"],
        "PASS_TO_PASS": [],
    }
    return [RIGHT, mined, pack, bench]


async def test_no_kind_of_set_shows_the_agent_what_it_is_graded_with(program: Program, tmp_path: Path) -> None:
    """Two attempts side by side at a task of each kind look for it wherever they can: files, environment, git."""
    file = write_set(tmp_path / "tasks.jsonl", every_kind(tmp_path / "mirrors" / "calc"))
    hunt = (
        f"w={CANARY[:-4]}'4711'; top=/$(pwd | cut -d/ -f2); env | grep -c $w; "
        "grep -rIlaz $w $top $HOME /tmp /run /var /etc /opt 2>/dev/null; "
        "find / -xdev \\( -name 'hidden_check*' -o -name tasks.jsonl -o -name 'test_more*' \\) 2>/dev/null; "
        "git log --all --format=%B | grep -c $w; "
        "git cat-file --batch-all-objects --batch | grep -ac $w; echo looked"
    )
    async with ScriptServer([call("shell", "c1", command=hunt), *[say("Done.")] * 4]) as server:
        program.use(server.base_url)
        arguments = ("--attempts", "2", "--workers", "2", "--mirrors", tmp_path / "mirrors", "--env", "off", "--json")
        ran = await program.run("eval", "run", file, "--model", "box", *arguments)
    assert ran.code == 0, [line for line in ran.lines if line["type"] == "attempt.broken"]
    rows = ran.lines[-1]["report"]["rows"]
    assert [row["attempts"] for row in rows] == [2, 2, 2, 2]
    for row in rows:
        log = await program.run("log", row["task_id"], "--json", "--attempt", "2")
        found = [line["item"] for line in log.lines if line["type"] == "item.completed"]
        output = next(one["aggregated_output"] for one in found if one["type"] == "command_execution")
        assert output.split() == ["0", "0", "0", "looked"], (row["instance"], output)


async def test_a_task_whose_grader_would_be_seen_is_not_begun(program: Program, tmp_path: Path) -> None:
    """The grader's file lies, under another name, in the commit that the task starts from."""
    folder = tmp_path / "source"
    folder.mkdir()
    lay(folder, {**RIGHT["files"], "old.py": RIGHT["hidden_files"]["hidden_check.py"]})
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "One")
    leaked = {name: value for name, value in RIGHT.items() if name != "files"}
    leaked |= {"repository": str(folder), "base_commit": git(folder, "rev-parse", "HEAD").strip()}
    file = write_set(tmp_path / "tasks.jsonl", [leaked])
    async with ScriptServer(played()) as server:
        program.use(server.base_url)
        ran = await program.run("eval", "run", file, "--model", "box", "--json", "--env", "off")
        assert server.requests == []
    assert ran.code == 1
    broken = next(line for line in ran.lines if line["type"] == "attempt.broken")
    assert "hidden_check.py would be seen by the agent, in old.py" in broken["message"]
