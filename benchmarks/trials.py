"""What a trial of one small edit costs, and whether both ways of trying it come to the same verdict.

    scripts/bench trials --set FILE [--edits 40] [--limit N]

Of each Python task of a set so many small edits of the file that the request names are tried, stopping at the first
test that fails: by forks that put new code into loaded functions (warm), by forks that load and collect everything
(cold), and by pytest as a process of its own, which is the peer. The floor is a fork that does nothing. The cost of
beginning, which warm and cold have once for all of their trials, is told apart: it is that of a job of a single trial.
Figures are medians over the tasks.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.agent.repair.mutate import functions_of, mutations
from journeyman.agent.repair.probe import Pytest, Record, Trial, run_trials
from journeyman.evals.sets import read_set
from journeyman.evals.task import EvalTask
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec, Toolchain

CPU, WALL, BUDGET = 0.5, 5.0, 10.0
"""Seconds: of the processor for a test, of the clock for a test, and for a trial."""
PROCESSES = 5
"""Edits of each task that pytest is started for."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """A task's file with the edits of it that are tried, and its tests."""

    task: EvalTask
    path: str
    edits: Sequence[str]
    tests: str

    def trials(self) -> dict[int, Trial]:
        return {at: Trial({self.path: text}, None, stop=True) for at, text in enumerate(self.edits, 1)}


@dataclass(slots=True)
class Spent:
    """Seconds for each trial, and for beginning."""

    trial: float
    begin: float


def subjects(tasks: Sequence[EvalTask], edits: int) -> Iterator[Subject]:
    chosen = random.Random(SEED)
    for task in tasks:
        named = [path for path in task.files if path in task.prompt and path.endswith(".py") and "test" not in path]
        tests = [path for path in task.files if path.endswith(".py") and Path(path).name.startswith("test_")]
        if not named or not tests:
            continue
        text = task.files[named[0]]
        found = [one.apply(text) for one in mutations(text, list(functions_of(text).values()))]
        yield Subject(task, named[0], chosen.sample(found, min(edits, len(found))), tests[0])


async def tried(
    sandbox: Sandbox, subject: Subject, trials: dict[int, Trial], *, warm: bool
) -> tuple[list[Record], float]:
    """The records of a job, by number, and how long it took."""
    records: list[Record] = []
    began = time.monotonic()
    await run_trials(
        sandbox,
        Pytest("python", ("-q", subject.tests), {"PYTHONHASHSEED": "0"}),
        trials,
        mark="@trial ",
        cpu=CPU,
        wall=WALL,
        budget=BUDGET,
        on_record=records.append,
        warm=warm,
    )
    return sorted(records, key=lambda record: record.number), time.monotonic() - began


async def job(sandbox: Sandbox, subject: Subject, *, warm: bool) -> tuple[list[Record], Spent]:
    trials = subject.trials()
    _, begin = await tried(sandbox, subject, dict(list(trials.items())[:1]), warm=False)
    records, whole = await tried(sandbox, subject, trials, warm=warm)
    return records, Spent(max(whole - begin, 0.0) / max(len(trials) - 1, 1), begin)


async def process(sandbox: Sandbox, subject: Subject) -> float:
    """Seconds for each trial where pytest is started anew."""
    began = time.monotonic()
    for text in subject.edits[:PROCESSES]:
        await sandbox.write(subject.path, text.encode())
        await sandbox.exec(
            ["timeout", str(WALL), "python", "-m", "pytest", "-x", "-q", subject.tests], timeout=2 * WALL
        )
    await sandbox.write(subject.path, subject.task.files[subject.path].encode())
    return (time.monotonic() - began) / len(subject.edits[:PROCESSES])


def fork() -> float:
    """Seconds for a fork that ends at once, and the wait for it: the floor."""
    began = time.monotonic()
    for _ in range(50):
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return (time.monotonic() - began) / 50


def outcomes(record: Record) -> list[tuple[str, str]]:
    return [(test.id, test.outcome) for test in record.tests]


async def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench trials", description=__doc__)
    parser.add_argument("--set", type=Path, required=True, help="JSON lines, one task each, with files")
    parser.add_argument("--edits", type=int, default=40, help="of each task")
    parser.add_argument("--limit", type=int, default=None, help="only the first so many tasks")
    arguments = parser.parse_args()
    toolchains = (Toolchain(Path(sys.base_prefix)), Toolchain(Path(sys.prefix), (Path(sys.prefix, "bin"),)))
    spent: dict[str, list[Spent]] = {"warm": [], "cold": []}
    started: list[float] = []
    count = other = 0
    with tempfile.TemporaryDirectory(prefix="trials-") as folder:
        backend = Bubblewrap(Path(folder, "state"))
        for number, subject in enumerate(subjects(read_set(arguments.set)[: arguments.limit], arguments.edits)):
            place = Path(folder, str(number))
            for path, text in subject.task.files.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(text, encoding="utf-8")
            async with backend.open(SandboxSpec(workspace=place, lower=(place,), toolchains=toolchains)) as sandbox:
                (warm, of_warm), (cold, of_cold) = [await job(sandbox, subject, warm=way) for way in (True, False)]
                started.append(await process(sandbox, subject))
            spent["warm"].append(of_warm)
            spent["cold"].append(of_cold)
            count += len(cold)
            differ = [one.number for one, two in zip(cold, warm, strict=True) if outcomes(one) != outcomes(two)]
            other += len(differ)
            each = f"{1e3 * of_warm.trial:.1f} ms warm, {1e3 * of_cold.trial:.1f} ms cold"
            print(f"  {subject.task.id}: {each}, {1e3 * started[-1]:.0f} ms by pytest", file=sys.stderr)
    floor = fork()
    for name, seconds in (*((way, [one.trial for one in ones]) for way, ones in spent.items()), ("pytest", started)):
        middle = statistics.median(seconds)  # a task with endless edits would be all that a mean shows
        print(f"{name:7} {1e3 * middle:7.1f} ms a trial, {middle / floor:6.0f} times a fork ({1e3 * floor:.2f} ms)")
    begin = statistics.median(one.begin for ones in spent.values() for one in ones)
    print(f"beginning {1e3 * begin:.0f} ms; {other} of {count} edits come to other outcomes, warm and cold")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
