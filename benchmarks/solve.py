"""How many tasks of a set does a model solve in Journeyman? Graded by hidden tests, not by the agent's word.

Each task becomes a git repository of one commit; `journeyman run` works on it as a person would start it; the patch is
applied to a copy, the tests that were handed out are put back, the hidden files laid over, and the grader's command
run in a sandbox. A line of JSON a task holds "instance_id", "problem_statement", "files", "test_command",
"hidden_files" and "grade_command".
"""

import argparse
import asyncio
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import SandboxSpec, Toolchain

GRADE_SECONDS = 40
PUT_BACK = ("tests/*", "test_*.py", "*.test.js", "package.json")
DROPPED = ("conftest.py", "pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini")


@dataclass(frozen=True, slots=True)
class Solved:
    """One task's outcome."""

    name: str
    solved: bool
    verdict: str
    seconds: float
    tokens: int
    how: str


def lay(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def git(folder: Path, *arguments: str, data: bytes | None = None) -> None:
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *who, *arguments], cwd=folder, input=data, check=True, capture_output=True)


async def work(task: dict[str, Any], folder: Path, model: str, state: Path) -> tuple[dict[str, Any], bytes, float]:
    """The last line of the stream, the patch and the seconds of one `journeyman run`."""
    program = Path(sys.executable).with_name("journeyman")
    began = time.monotonic()
    environ = os.environ | {"JOURNEYMAN_HOME": str(state)}
    process = await asyncio.create_subprocess_exec(
        program, "run", task["problem_statement"], "-C", folder, "--model", model, "--json",
        env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, limit=2**26,
    )  # fmt: skip
    out, err = await process.communicate()
    seconds = time.monotonic() - began
    lines = [json.loads(line) for line in out.splitlines()]
    if not lines:
        return {"type": "turn.failed", "error": {"message": err.decode()[-500:]}}, b"", seconds
    diff = await asyncio.to_thread(subprocess.run, [program, "diff", "-C", folder], env=environ, capture_output=True)
    how = [line["item"] for line in lines if line.get("item", {}).get("type") == "candidate"]
    last = lines[-1] | {"how": next((item["source"] for item in reversed(how) if item["outcome"] == "passed"), "")}
    return last, diff.stdout, seconds


async def grade(task: dict[str, Any], patch: bytes, folder: Path, backend: Bubblewrap) -> bool:
    """Whether the hidden tests pass on the patched files; run in a sandbox, for the patch is a model's."""
    lay(folder, task["files"])
    git(folder, "init", "-q")
    if patch:
        git(folder, "apply", "--whitespace=nowarn", "-", data=patch)
    for path, text in task["files"].items():
        if any(fnmatch.fnmatch(path, pattern) for pattern in PUT_BACK):
            lay(folder, {path: text})
    for file in folder.rglob("*"):
        if file.name in DROPPED and str(file.relative_to(folder)) not in task["files"]:
            file.unlink()
    lay(folder, task["hidden_files"])
    own = Toolchain(Path(sys.prefix), (Path(sys.prefix) / "bin",))
    async with backend.open(SandboxSpec(workspace=folder, lower=(folder,), toolchains=(own,))) as sandbox:
        result = await sandbox.exec(["bash", "-c", task["grade_command"]], timeout=GRADE_SECONDS)
    return result.exit_code == 0


async def solve(task: dict[str, Any], model: str, state: Path) -> Solved:
    with tempfile.TemporaryDirectory(prefix="solve-") as temporary:
        folder = Path(temporary) / "work"
        folder.mkdir()
        lay(folder, task["files"])
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "The task")
        last, patch, seconds = await work(task, folder, model, state)
        graded = Path(temporary) / "graded"
        graded.mkdir()
        solved = bool(patch) and await grade(task, patch, graded, Bubblewrap(state))
    usage = last.get("usage", {})
    verdict = last.get("result", {}).get("verdict") or last.get("error", {}).get("message", "failed")[:60]
    tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
    return Solved(task["instance_id"], solved, verdict, seconds, tokens, last.get("how", ""))


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench solve", description=__doc__)
    parser.add_argument("--set", type=Path, required=True, help="JSON lines, one task each")
    parser.add_argument("--model", default="local")
    parser.add_argument("--only", default="", help="tasks whose name contains this")
    parser.add_argument("--state", type=Path, default=None, help="keep the state there, logs and all")
    parser.add_argument("--limit", type=int, default=None)
    arguments = parser.parse_args()
    tasks = [json.loads(line) for line in arguments.set.read_text().splitlines()]
    tasks = [task for task in tasks if arguments.only in task["instance_id"]][: arguments.limit]
    done: list[Solved] = []
    print(f"{'task':42} {'solved':7} {'verdict':11} {'seconds':>8} {'tokens':>8}  by")
    with tempfile.TemporaryDirectory(prefix="solve-state-") as temporary:
        state: Path = arguments.state or Path(temporary)
        for task in tasks:
            one = await solve(task, arguments.model, state)
            done.append(one)
            mark = "yes" if one.solved else "no"
            print(f"{one.name:42} {mark:7} {one.verdict:11} {one.seconds:8.1f} {one.tokens:8}  {one.how}", flush=True)
    solved = sum(one.solved for one in done)
    false = sum(one.verdict == "verified" and not one.solved for one in done)
    median = statistics.median(one.seconds for one in done)
    print(f"\nsolved {solved} of {len(done)}; verified but wrong {false}; median {median:.1f} s, ", end="")
    print(f"longest {max(one.seconds for one in done):.1f} s; {sum(one.tokens for one in done)} tokens")


if __name__ == "__main__":
    asyncio.run(main())
