"""Trying candidates: in layers of their own, side by side, with the runner where it can stand in for the check."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from journeyman.agent.repair.candidates import Candidate, Verdict
from journeyman.agent.repair.probe import Pytest, Record, Trial, run_trials
from journeyman.agent.repair.reach import FEW
from journeyman.agent.work import Work
from journeyman.checks.compare import endless_after
from journeyman.core.evidence import Check, CheckRun, TestResult
from journeyman.core.text import one_line
from journeyman.sandbox.protocol import Sandbox

ENDLESS = "endless"
LEAST, LEAST_SLOW = 400, 40
"""Small edits that are tried in a round, whatever time that takes; fewer where each of them is a run of the check."""

WHOLE_SECONDS = (4.0, 5.0)
"""A check that has no limit for each test: it may take as many seconds, and as many times what it took on the base."""

MOST_AT_ONCE = 240
"""Trials of a job: the texts of all of them are sent first."""

OTHER_TESTS, OTHER_SECONDS = 200, 1.0
"""How many tests that passed before a trial runs too, at most; beyond that they are left to the check itself."""

Item = TypeVar("Item")
OnVerdict = Callable[[Candidate, Verdict], None]


@dataclass(frozen=True, slots=True)
class Goal:
    """A failing check, its failing tests in the order in which they ran, and those that have to stay passed.

    `aside` are tests that fail too, and may go on failing: the request does not mean them.
    """

    check: Check
    run: CheckRun
    failing: tuple[str, ...]
    endless: frozenset[str]
    passing: Mapping[str, float]
    aside: frozenset[str] = frozenset()

    def without(self, tests: frozenset[str]) -> "Goal":
        """The goal where `tests` may go on failing."""
        left = tuple(test for test in self.failing if test not in tests)
        return replace(self, failing=left, endless=self.endless - tests, aside=self.aside | tests)

    @property
    def slowest(self) -> float:
        """Seconds that the slowest passing test took."""
        return max(self.passing.values(), default=0.0)

    @property
    def unloaded(self) -> bool:
        """Whether what failed is the loading of a file of tests."""
        return any("::" not in test for test in self.failing)

    @property
    def is_weak(self) -> bool:
        """Whether so little is tested that wrong edits will pass too."""
        return self.is_made or len(self.failing) + len(self.passing) <= FEW

    @property
    def is_made(self) -> bool:
        """Whether the check is made of examples, since there was none that fails."""
        return self.check.source in ("docstring", "request")


def goal_of(run: CheckRun) -> Goal:
    endless = frozenset(test.id for test in run.failing if is_endless(test))
    passing = {test.id: test.seconds for test in run.tests if test.outcome == "passed"}
    return Goal(run.check, run, tuple(test.id for test in run.failing), endless, passing)


def is_endless(test: TestResult) -> bool:
    return test.message.startswith(ENDLESS)


class Trials(Protocol):
    """Tries candidates against the failing tests; what it says is provisional until the check has run."""

    @property
    def batch(self) -> int:
        """Candidates that are tried together in a second or two."""
        ...

    @property
    def least(self) -> int:
        """Small edits that are tried before the model is asked, whatever time that takes."""
        ...

    async def run(
        self, candidates: Sequence[Candidate], seconds: float, on_verdict: OnVerdict, *, first: bool = False
    ) -> None:
        """Try all `candidates`, each test for at most `seconds`; with `first` one that passes may end the round."""
        ...


async def side_by_side(
    layers: Sequence[Sandbox], items: Sequence[Item], work: Callable[[Sandbox, Sequence[Item]], Awaitable[None]]
) -> None:
    """Items that are dealt out to the layers, each of which does its own at the same time."""
    parts = [(layer, items[place :: len(layers)]) for place, layer in enumerate(layers)]
    await asyncio.gather(*(work(layer, part) for layer, part in parts if part))


@dataclass(slots=True)
class ProbeTrials:
    """Trials by the runner: pytest is imported once for many candidates."""

    pytest: Pytest
    goal: Goal
    layers: Sequence[Sandbox]
    mark: str
    pace: float = 0.03
    """Seconds that a candidate took of late."""
    number: int = 1
    """Of the next trial: never used twice, since the runner dates a candidate's file by it."""

    @property
    def batch(self) -> int:
        return max(8, min(MOST_AT_ONCE, int(3.0 / max(self.pace, 0.005)))) * len(self.layers)

    @property
    def least(self) -> int:
        return LEAST

    async def run(
        self, candidates: Sequence[Candidate], seconds: float, on_verdict: OnVerdict, *, first: bool = False
    ) -> None:
        tests = self.tests()
        left = list(enumerate(candidates, start=self.number))
        self.number += len(left)
        for _ in range(3):
            waiting = left
            left, ended = await self._round(waiting, tests, seconds, on_verdict, first)
            if ended:
                return
            if len(left) == len(waiting):
                break
        for _, candidate in left:
            on_verdict(candidate, Verdict("invalid", note="the trial gave no result"))

    def taken(self) -> int:
        """A number for a trial of another kind."""
        self.number += 1
        return self.number - 1

    def tests(self) -> tuple[str, ...] | None:
        """The failing tests, and those of the same files that passed, unless they take long.

        None, for all, where a file of tests could not be loaded, so that its tests are not known.
        """
        if self.goal.unloaded:
            return None
        files = {test.split("::")[0] for test in self.goal.failing}
        near = {test: seconds for test, seconds in self.goal.passing.items() if test.split("::")[0] in files}
        quick = len(near) <= OTHER_TESTS and sum(near.values()) < OTHER_SECONDS
        wanted = {*self.goal.failing, *(near if quick else ())}
        return tuple(test.id for test in self.goal.run.tests if test.id in wanted)

    async def _round(
        self,
        waiting: Sequence[tuple[int, Candidate]],
        tests: tuple[str, ...] | None,
        seconds: float,
        on_verdict: OnVerdict,
        first: bool,
    ) -> tuple[list[tuple[int, Candidate]], bool]:
        """One job for each layer: those of `waiting` that came to no verdict, and whether that is as it should be."""
        by_number = dict(waiting)
        missing = dict(waiting)
        spent: list[float] = []

        passed = False

        def on_record(record: Record) -> None:
            nonlocal passed
            candidate = by_number.get(record.number)
            if candidate is not None and missing.pop(record.number, None) is not None:
                spent.append(record.seconds)
                verdict = self.verdict(record, tests)
                passed = passed or verdict.outcome == "passed"
                on_verdict(candidate, verdict)

        count = len(self.layers)
        jobs = [
            run_trials(
                layer,
                self.pytest,
                {number: Trial({one.path: one.text}, tests, stop=True) for number, one in waiting[place::count]},
                mark=self.mark,
                cpu=seconds,
                wall=max(10 * seconds, 4.0),
                budget=max(20 * seconds, 10.0),
                first=first,
                on_record=on_record,
            )
            for place, layer in enumerate(self.layers)
            if waiting[place::count]
        ]
        await asyncio.gather(*jobs)
        if spent:
            self.pace = sum(spent) / len(spent)
        return list(missing.items()), not missing or (first and passed)

    def verdict(self, record: Record, tests: Sequence[str] | None) -> Verdict:
        failing = set(self.goal.failing)
        passed = {test.id for test in record.tests if test.outcome == "passed"}
        fixed = len(passed & failing)
        if passed.issuperset(tests) if tests is not None else passed and len(passed) == len(record.tests):
            return Verdict("passed", fixed, seconds=record.seconds)
        bad = next((test for test in record.tests if test.outcome not in ("passed", "skipped")), None)
        if bad is None:
            return Verdict("invalid", note=record.error or "the tests did not run", seconds=record.seconds)
        broken = 1 if bad.id in self.goal.passing else 0
        note = f"{bad.id}: {one_line(bad.message, 160) or bad.outcome}"
        if bad.outcome == ENDLESS:
            return Verdict("endless", fixed, broken, note, record.seconds, hasty=not broken)
        if bad.id not in failing and not broken and tests is not None:
            return Verdict("invalid", fixed, 0, note, record.seconds)
        return Verdict("better" if fixed and not broken else "no_better", fixed, broken, note, record.seconds)


@dataclass(slots=True)
class CheckTrials:
    """Trials by the check itself, narrowed to the failing tests where its runner can."""

    work: Work
    goal: Goal
    layers: Sequence[Sandbox]

    @property
    def batch(self) -> int:
        return 4 * len(self.layers)

    @property
    def least(self) -> int:
        return LEAST_SLOW

    async def run(
        self, candidates: Sequence[Candidate], seconds: float, on_verdict: OnVerdict, *, first: bool = False
    ) -> None:
        queue = list(candidates)

        async def work_off(layer: Sandbox) -> None:
            while queue:
                candidate = queue.pop(0)
                verdict = await self._try(layer, candidate, seconds)
                on_verdict(candidate, verdict)
                if first and verdict.outcome == "passed":
                    queue.clear()

        await asyncio.gather(*(work_off(layer) for layer in self.layers))

    async def _try(self, layer: Sandbox, candidate: Candidate, seconds: float) -> Verdict:
        limit = min(self.goal.check.timeout, self._whole(seconds))
        check = self.goal.check.model_copy(update={"timeout": limit})
        await layer.write(candidate.path, encoded(candidate.text))
        try:
            run = await self.work.run_check(
                layer, check, "candidate", only=self.goal.failing, test_seconds=self._each(seconds), record=False
            )
        finally:
            await layer.write(candidate.path, encoded(candidate.before))
        verdict = verdict_of(self.goal, run, narrowed=True)
        cut = verdict.outcome == "endless" and not verdict.broken
        return replace(verdict, hasty=True) if cut else verdict

    def _each(self, seconds: float) -> float:
        """The limit of each test; of node's tests it is one of files, which have to be loaded too."""
        return max(seconds, 1.0, 2 * self.goal.run.seconds) if self.goal.check.runner == "node" else seconds

    def _whole(self, seconds: float) -> float:
        """What a run of the whole check may take, in seconds: learned from the base, unless that had no end."""
        took = 0.0 if self.goal.run.cut == "time" else self.goal.run.seconds
        return max(WHOLE_SECONDS[0] + WHOLE_SECONDS[1] * took, 3 * seconds)


def verdict_of(goal: Goal, run: CheckRun, *, narrowed: bool = False) -> Verdict:
    """What a run of the check says of a candidate."""
    passed = {test.id for test in run.tests if test.outcome == "passed"}
    failed = {test.id: test for test in run.failing}
    fixed = len(passed & set(goal.failing))
    broken = sum(1 for test in goal.passing if test in failed or (not narrowed and run.tests and test not in passed))
    first = next((failed[test] for test in goal.failing if test in failed), next(iter(failed.values()), None))
    note = f"{first.id}: {one_line(first.message, 160)}" if first else (f"cut by {run.cut}" if run.cut else "")
    left_aside = bool(goal.aside) and run.cut is None and fixed == len(goal.failing) and goal.aside.issuperset(failed)
    if (run.passed or left_aside) and not broken:
        return Verdict("passed", fixed, 0, "", run.seconds)
    if run.cut == "time" or (first is not None and is_endless(first)):
        return Verdict("endless", fixed, broken, note, run.seconds, hasty=fixed > 0)
    if not run.passed and not run.tests:
        return Verdict("no_better", 0, 0, note or f"exit code {run.exit_code}", run.seconds)
    return Verdict("better" if fixed and not broken else "no_better", fixed, broken, note, run.seconds)


@asynccontextmanager
async def open_layers(work: Work, count: int) -> AsyncGenerator[list[Sandbox]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(work.layer()) for _ in range(count)]


async def confirm(work: Work, candidate: Candidate, goals: Sequence[Goal], others: Sequence[CheckRun]) -> Verdict:
    """Run every check on the candidate in a layer of its own: the failing ones must pass, the others get no worse."""
    async with work.layer() as layer:
        await layer.write(candidate.path, encoded(candidate.text))
        fixed = broken = 0
        seconds = 0.0
        notes: list[str] = []
        for goal in goals:
            limit = max(10.0, 10 * goal.slowest)
            run = await work.run_check(layer, goal.check, "candidate", test_seconds=limit)
            said = verdict_of(goal, run)
            fixed, broken, seconds = fixed + said.fixed, broken + said.broken, seconds + said.seconds
            if said.outcome != "passed":
                notes.append(said.note)
            elif _was_slow(goal, run):
                notes.append("what seemed endless on the base takes as long as before")
        for before in others:
            goal = goal_of(before)
            limit = None if before.passed else max(10.0, 10 * goal.slowest)
            run = await work.run_check(layer, before.check, "candidate", test_seconds=limit)
            seconds += run.seconds
            worse = not run.passed if before.passed else verdict_of(goal, run).broken
            if worse:
                broken += 1
                notes.append(f"{before.check.command} " + ("no longer passes" if before.passed else "fails in more"))
    if not notes:
        return Verdict("passed", fixed, 0, "", seconds)
    return Verdict("better" if fixed and not broken else "no_better", fixed, broken, "; ".join(notes), seconds)


def _was_slow(goal: Goal, run: CheckRun) -> bool:
    """Whether all that failed on the base was cut there, and would have been cut now too: then nothing is mended."""
    limits = {test.id: endless_after(test) for test in goal.run.failing}
    now = {test.id: test.seconds for test in run.tests}
    return bool(limits) and all(limit is not None and now.get(id, 0.0) >= limit for id, limit in limits.items())


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str | None:
    """The text of a file as it is, byte for byte; None for what is not text."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
