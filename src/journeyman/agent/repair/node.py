"""Trials of JavaScript by a runner inside the sandbox: node is started once for many candidates."""

import asyncio
import json
import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

from journeyman.agent.repair.candidates import Candidate, Verdict
from journeyman.agent.repair.validate import LEAST, Goal, OnVerdict
from journeyman.core.errors import SandboxError
from journeyman.core.text import one_line
from journeyman.sandbox.protocol import Sandbox

STARTUP = 30.0
KNOWN_SECONDS = 2.0
"""Processor time that is enough to see a test file fail as the check saw it fail."""

WALL = (4.0, 20.0)
"""Seconds that a test file may take whatever it does, at least, and how many times its processor time: it may wait for
something, and a busy machine is slow."""

OnSaid = Callable[[Mapping[str, Any]], None]
_TEST = re.compile(r".*\.(c|m)?[jt]sx?$")
_KEPT = ("--import", "--require", "-r", "--loader", "--experimental-loader", "--conditions", "-C", "--env-file")
_FLAGS = re.compile(r"--(experimental-[\w-]+|no-warnings|enable-source-maps|preserve-symlinks)(=.*)?")


@cache
def script() -> str:
    return files("journeyman.agent.repair").joinpath("inside.cjs").read_text(encoding="utf-8")


def test_files(goal: Goal) -> tuple[str, ...]:
    """The test files that failed; none where node's own test runner is not what the check runs."""
    if goal.check.runner != "node":
        return ()
    named = dict.fromkeys(test.split("::")[0] for test in goal.failing)
    return tuple(path for path in named if _TEST.fullmatch(path))


def code_of(goal: Goal) -> str:
    """The program of a check that is one of examples; empty elsewhere."""
    if goal.check.source != "docstring" or not goal.check.command.startswith("node -e "):
        return ""
    return shlex.split(goal.check.command)[2]


def options_of(command: str) -> tuple[str, ...]:
    """What `node --test` is given in a command line that changes how files are loaded."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ()
    if "node" not in words or "--test" not in words:
        return ()
    kept: list[str] = []
    rest = words[words.index("node") + 1 :]
    for number, word in enumerate(rest):
        name, joined, _ = word.partition("=")
        if name in _KEPT:
            kept += [word] if joined else rest[number : number + 2]
        elif _FLAGS.fullmatch(word) and not word.startswith("--experimental-test"):
            kept.append(word)
    return tuple(kept)


@dataclass(slots=True)
class NodeTrials:
    """Tries candidates on whole test files, or on `code` that imports what it tests.

    `options` are node's own, before the script.
    """

    goal: Goal
    tests: tuple[str, ...]
    layers: Sequence[Sandbox]
    mark: str
    options: tuple[str, ...] = ()
    code: str = ""
    pace: float = 0.1
    number: int = 0
    loading: float = 0.1
    """Processor time that starting a thread and loading what is tested takes."""
    known: float = 0.0
    """Processor time that the tests of a file take which come to an end."""

    @property
    def batch(self) -> int:
        return max(8, min(64, int(3.0 / max(self.pace, 0.03)))) * len(self.layers)

    @property
    def least(self) -> int:
        return LEAST

    async def sees_failure(self, path: str, text: str) -> bool:
        """Whether the runner sees the failure that the check saw: only then can it stand in for the check.

        What a run costs at the least is measured on the way.
        """
        loaded: list[float] = [0.03]
        seen: list[tuple[Verdict, Mapping[str, Any]]] = []

        def on_said(said: Mapping[str, Any]) -> None:
            if said.get("id") == 0:
                loaded.append(_seconds(said.get("cpu")))
            elif said.get("id") == 1:
                seen.append((self._verdict(said), said))

        named = {test.split("::")[-1] for test in self.goal.failing if "::" in test}
        endless = any(test.split("::")[0] in self.tests for test in self.goal.endless)
        endless = endless or (bool(self.code) and self.goal.run.cut == "time")
        same: Mapping[str, object] = {"id": 1, "files": {path: text}, "tests": self.tests}
        trials: list[Mapping[str, object]] = [{"id": 0, "files": {}, "tests": [], "load": path}, same]
        await self._job(self.layers[0], trials, 0.5 if endless else KNOWN_SECONDS, on_said, first=False)
        if not seen:
            return False
        verdict, said = seen[0]
        self.loading = max(loaded)
        if verdict.outcome != "endless":
            self.known = max(0.0, _seconds(said.get("cpu")) - self.loading)
        if verdict.outcome == "endless":
            return endless
        fails = verdict.outcome in ("no_better", "better") and bool(verdict.note)
        return fails and (not named or bool(named & _names(said, "failed")))

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
                verdict = self._verdict(said)
                spent.append(verdict.seconds)
                passed.append(verdict.outcome == "passed")
                on_verdict(candidate, verdict)

        count = len(self.layers)
        trials = [
            {"id": number, "files": {one.path: one.text}, "tests": list(self.tests)} for number, one in numbered.items()
        ]
        cpu = 1.5 * self.loading + max(seconds, 3 * self.known)
        await asyncio.gather(
            *(
                self._job(layer, trials[place::count], cpu, on_said, first=first)
                for place, layer in enumerate(self.layers)
                if trials[place::count]
            )
        )
        if spent:
            self.pace = sum(spent) / len(spent)
        if not (first and any(passed)):
            for candidate in missing.values():
                on_verdict(candidate, Verdict("invalid", note="the trial gave no result"))

    async def _job(
        self, layer: Sandbox, trials: Sequence[Mapping[str, object]], cpu: float, on_said: OnSaid, *, first: bool
    ) -> None:
        wall = max(WALL[0], WALL[1] * cpu)
        job = {
            "mark": self.mark,
            "cpu": int(cpu * 1000),
            "wall": int(wall * 1000),
            "first": first,
            "code": self.code,
            "trials": list(trials),
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

        limit = STARTUP + 2 * wall * len(trials) * max(len(self.tests), 1)
        with_job = json.dumps(job).encode("utf-8", "surrogatepass")
        argv = ["node", *self.options, "-e", script()]
        try:
            await layer.exec(argv, stdin=with_job, timeout=limit, keep=4096, on_output=on_output)
        except (SandboxError, TimeoutError):
            return

    def _verdict(self, said: Mapping[str, Any]) -> Verdict:
        note = said.get("note")
        words = one_line(note, 160) if isinstance(note, str) else ""
        took = _seconds(said.get("seconds"))
        failed = _names(said, "failed")
        passed = _names(said, "passed") - failed
        fixed = _among(self.goal.failing, passed)
        broken = _among(self.goal.passing, failed)
        match said.get("outcome"):
            case "passed":
                return Verdict("passed", max(fixed, len(passed)), seconds=took)
            case "endless":
                return Verdict("endless", fixed, broken, words or "endless", took, hasty=not broken)
            case _:
                better = fixed > 0 and not broken
                return Verdict("better" if better else "no_better", fixed, broken, words, took)


def _among(tests: Iterable[str], names: frozenset[str]) -> int:
    return sum(1 for test in tests if "::" in test and test.split("::")[-1] in names)


def _names(said: Mapping[str, Any], key: str) -> frozenset[str]:
    named = said.get(key)
    return (
        frozenset(name for name in cast(list[object], named) if isinstance(name, str))
        if isinstance(named, list)
        else frozenset()
    )


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else 0.0


def _read(line: bytes, mark: str) -> Mapping[str, Any] | None:
    at = line.find(mark.encode())
    if at < 0:
        return None
    try:
        value: object = json.loads(line[at + len(mark) :])
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
