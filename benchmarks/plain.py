"""What the same model does without a harness: plain requests for the whole corrected file, one at a time.

    python benchmarks/plain.py --set FILE [--requests 5] [--limit N] [--run NAME] [--summary FILE]

The peer of `journeyman eval run --strategy repair`. Of each task the file that the request names is shown together with
the task's words and what its checks print. The answer takes the file's place, and the checks (those of the set, or the
command that AGENTS.md gives) are run in a sandbox; the first answer that passes ends the task, otherwise the last one
is graded. The first request has temperature 0, the others 0.7. `--summary` puts the figures where
`scripts/bench strength` takes them up.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import platformdirs

from journeyman.agent.repair.prompts import code_of
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest
from journeyman.core.text import clip, decode
from journeyman.core.usage import Usage
from journeyman.evals.folder import Plan
from journeyman.evals.report import PerSolved, Report, Row, Spent
from journeyman.evals.sets import read_set
from journeyman.evals.statistics import median, share
from journeyman.evals.task import EvalTask, digest
from journeyman.models.local.model import open_local
from journeyman.models.protocol import Model
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import SandboxSpec, Toolchain

CHECK_SECONDS = 30.0
"""How long the checks may take: some of them never end."""
OUTPUT = 1_500
"""Characters of what the checks print that the model is shown, from the end."""
COMMAND = re.compile(r"(?:[Rr]un|with) [^`\n]*`([^`\n]+)`")
INSTRUCTIONS = "You are an expert programmer. Answer with the whole corrected file in one fenced block."


class Bench:
    """Runs commands on a task's files in a sandbox of their own, whose writes are gone afterwards."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._backend = Bubblewrap(state / "sandbox")
        self._toolchains = (Toolchain(Path(sys.base_prefix)), Toolchain(Path(sys.prefix), (Path(sys.prefix, "bin"),)))

    async def run(self, files: Mapping[str, str], command: str, seconds: float) -> tuple[bool, str]:
        """Whether the command passes, and the end of what it prints."""
        with tempfile.TemporaryDirectory(dir=self._state) as folder:
            place = Path(folder)
            for name, text in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_text(text, encoding="utf-8")
            spec = SandboxSpec(workspace=place, lower=(place,), toolchains=self._toolchains)
            async with self._backend.open(spec) as sandbox:
                done = await sandbox.exec(["sh", "-c", command], timeout=seconds)
                return done.exit_code == 0, decode(done.output)[-OUTPUT:]


def checks_of(task: EvalTask) -> str:
    """The task's checks as one command."""
    said = COMMAND.search(task.files.get("AGENTS.md", ""))
    commands = task.checks or ((said[1],) if said else ())
    if not commands:
        raise SystemExit(f"{task.id} names no checks; plain requests cannot tell then which answer to take.")
    return " && ".join(commands)


def file_of(task: EvalTask) -> str:
    """The file that the request names."""
    named = [path for path in task.files if path in task.prompt and "test" not in Path(path).name]
    if not named:
        raise SystemExit(f"The request of {task.id} names no file of its own.")
    return named[0]


async def worked(bench: Bench, model: Model, task: EvalTask, requests: int) -> Row:
    """One task, by at most so many plain requests."""
    began = time.monotonic()
    path, command = file_of(task), checks_of(task)
    files = dict(task.files)
    passed, output = await bench.run(files, command, CHECK_SECONDS)
    usage = Usage()
    asked = 0
    while not passed and asked < requests:
        parts = (f"{path}:\n```\n{task.files[path]}```", f"`{command}` prints:\n```\n{clip(output, OUTPUT)}\n```")
        reply = await model.reply(
            ModelRequest(
                instructions=INSTRUCTIONS,
                items=(UserMessage(text="\n\n".join((task.prompt, *parts))),),
                temperature=0.0 if asked == 0 else 0.7,
                seed=asked,
                max_output_tokens=1500,
            )
        )
        asked, usage, code = asked + 1, usage + reply.usage, code_of(reply.text)
        if code is not None:
            files[path] = code
            passed, _ = await bench.run(files, command, CHECK_SECONDS)
    seconds = time.monotonic() - began
    assert task.grader.command is not None
    handed_out = {name: text for name, text in task.files.items() if name != path}
    solved, _ = await bench.run({**files, **handed_out, **task.grader.files}, task.grader.command, task.grader.seconds)
    return Row(
        instance=task.id,
        solved=solved,
        correct=int(solved),
        attempts=1,
        verdict="verified" if passed else "failing",
        failure="solved" if solved else "false verified" if passed else "failing",
        seconds=round(seconds, 3),
        tokens=usage.input_tokens + usage.output_tokens,
        cost=0.0,
        task_id="",
        attempt_id="",
        message=f"after {asked} requests",
    )


def report_of(plan: Plan, rows: Sequence[Row]) -> Report:
    """The figures as those of a run."""
    solved, verified = [row for row in rows if row.solved], [row for row in rows if row.verdict == "verified"]
    count, spent = max(len(solved), 1), sum(row.seconds for row in rows)
    tokens = sum(row.tokens for row in rows)
    return Report(
        plan=plan,
        done=len(rows),
        solved=share(len(solved), len(rows)),
        pass_at=(),
        false_verified=share(sum(not row.solved for row in verified), len(rows)),
        verified=share(len(verified), len(rows)),
        attempts=len(rows),
        broken=0,
        ungraded=0,
        spent=Spent(input_tokens=tokens, cached_input_tokens=0, output_tokens=0, cost=0.0, seconds=spent),
        per_solved=PerSolved(
            median_seconds=median([row.seconds for row in solved]),
            median_tokens=median([row.tokens for row in solved]),
            median_cost=0.0,
            seconds=spent / count,
            tokens=tokens / count,
            cost=0.0,
        ),
        median_seconds=median([row.seconds for row in rows]),
        failures=dict(Counter(row.failure for row in rows)),
        rows=tuple(rows),
    )


async def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench plain", description=__doc__)
    parser.add_argument("--set", type=Path, required=True, help="JSON lines, one task each, with files")
    parser.add_argument("--requests", type=int, default=5, help="how many for each task, at most")
    parser.add_argument("--limit", type=int, default=None, help="only the first so many tasks")
    parser.add_argument("--run", default="plain", help="what the figures are called")
    parser.add_argument("--summary", type=Path, default=None, help="write the figures there as JSON")
    arguments = parser.parse_args()
    tasks = read_set(arguments.set)[: arguments.limit]
    cache = Path(platformdirs.user_cache_dir("journeyman"))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="plain-") as folder:
        async with open_local(Path(folder) / "model", cache) as model:
            bench = Bench(Path(folder))
            for task in tasks:
                rows.append(await worked(bench, model, task, arguments.requests))
                row = rows[-1]
                print(f"  {row.instance}: {row.failure} {row.message}, {row.seconds:.1f} s", file=sys.stderr)
    plan = Plan(
        name=arguments.run,
        set=arguments.set.name,
        digest=digest(tasks),
        tasks=len(tasks),
        model="local",
        strategy=f"up to {arguments.requests} plain requests",
    )
    found = report_of(plan, rows)
    of = f"{found.per_solved.median_seconds or 0:.1f} s a solved task (median), {found.per_solved.seconds:.1f} s in all"
    print(f"solved {found.solved.count} of {found.solved.of}; {of}; {found.failures}")
    if arguments.summary is not None:
        arguments.summary.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
