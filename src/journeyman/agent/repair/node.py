"""Trials of JavaScript by a runner inside the sandbox: node is started once for many candidates."""

import asyncio
import json
import math
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, cast

from journeyman.agent.repair.candidates import Candidate, Verdict
from journeyman.agent.repair.validate import Goal, OnVerdict
from journeyman.core.errors import SandboxError
from journeyman.core.text import one_line
from journeyman.sandbox.protocol import Sandbox

STARTUP = 30.0
LEAST_SECONDS = 2.0
"""A test file starts, loads and runs; a limit of less would cut good ones on a busy machine."""

OnSaid = Callable[[Mapping[str, Any]], None]
_TEST = re.compile(r".*\.(c|m)?js$")


@cache
def script() -> str:
    return files("journeyman.agent.repair").joinpath("inside.cjs").read_text(encoding="utf-8")


def test_files(goal: Goal) -> tuple[str, ...]:
    """The test files that failed; none where node's own test runner is not what the check runs."""
    if goal.check.runner != "node":
        return ()
    named = dict.fromkeys(test.split("::")[0] for test in goal.failing)
    return tuple(path for path in named if _TEST.fullmatch(path))


@dataclass(slots=True)
class NodeTrials:
    """Tries candidates on whole test files."""

    tests: tuple[str, ...]
    layers: Sequence[Sandbox]
    mark: str
    pace: float = 0.1
    number: int = 0
    ended: deque[float] = field(default_factory=lambda: deque[float](maxlen=20))
    """Seconds of trials that came to their end."""

    @property
    def batch(self) -> int:
        return max(8, min(64, int(3.0 / max(self.pace, 0.03)))) * len(self.layers)

    async def sees_failure(self, path: str, text: str) -> bool:
        """Whether the runner sees the failure that the check saw: only then can it stand in for the check."""
        said: list[Verdict] = []
        same = Candidate(path, text, text, "nothing changed")
        await self.run([same], LEAST_SECONDS, lambda _, verdict: said.append(verdict))
        return bool(said) and (said[0].outcome == "endless" or (said[0].outcome == "no_better" and bool(said[0].note)))

    async def run(
        self, candidates: Sequence[Candidate], seconds: float, on_verdict: OnVerdict, *, first: bool = False
    ) -> None:
        numbered = {self.number + at: one for at, one in enumerate(candidates)}
        self.number += len(candidates)
        missing = dict(numbered)
        spent: list[float] = []
        passed: list[bool] = []

        def on_said(said: Mapping[str, Any]) -> None:
            candidate = missing.pop(cast(int, said.get("id")), None) if isinstance(said.get("id"), int) else None
            if candidate is not None:
                verdict = _verdict(said)
                spent.append(verdict.seconds)
                if verdict.outcome != "endless":
                    self.ended.append(verdict.seconds)
                passed.append(verdict.outcome == "passed")
                on_verdict(candidate, verdict)

        count = len(self.layers)
        waiting = list(numbered.items())
        wall = max(seconds, LEAST_SECONDS)
        jobs = [
            self._job(layer, waiting[place::count], wall, on_said, first)
            for place, layer in enumerate(self.layers)
            if waiting[place::count]
        ]
        await asyncio.gather(*jobs)
        if spent:
            self.pace = sum(spent) / len(spent)
        if not (first and any(passed)):
            for candidate in missing.values():
                on_verdict(candidate, Verdict("invalid", note="the trial gave no result"))

    async def _job(
        self,
        layer: Sandbox,
        trials: Sequence[tuple[int, Candidate]],
        wall: float,
        on_said: OnSaid,
        first: bool,
    ) -> None:
        job = {
            "mark": self.mark,
            "wall": int(wall * 1000),
            "first": first,
            "spent": [int(one * 1000) for one in self.ended],
            "trials": [
                {"id": number, "files": {one.path: one.text}, "tests": list(self.tests)} for number, one in trials
            ],
        }
        buffer = b""

        def on_output(data: bytes) -> None:
            nonlocal buffer
            *lines, buffer = (buffer + data).split(b"\n")
            buffer = buffer[-100_000:]
            for line in lines:
                said = _read(line, self.mark)
                if said is not None:
                    on_said(said)

        limit = STARTUP + 2 * wall * len(trials) * len(self.tests)
        with_job = json.dumps(job).encode("utf-8", "surrogatepass")
        try:
            await layer.exec(["node", "-e", script()], stdin=with_job, timeout=limit, keep=4096, on_output=on_output)
        except (SandboxError, TimeoutError):
            return


def _read(line: bytes, mark: str) -> Mapping[str, Any] | None:
    at = line.find(mark.encode())
    if at < 0:
        return None
    try:
        value: object = json.loads(line[at + len(mark) :])
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _verdict(said: Mapping[str, Any]) -> Verdict:
    note, seconds = said.get("note"), said.get("seconds")
    words = one_line(note, 160) if isinstance(note, str) else ""
    took = float(seconds) if isinstance(seconds, int | float) and math.isfinite(seconds) else 0.0
    match said.get("outcome"):
        case "passed":
            return Verdict("passed", 1, seconds=took)
        case "endless":
            return Verdict("endless", note=words or "endless", seconds=took)
        case _:
            return Verdict("no_better", note=words, seconds=took)
