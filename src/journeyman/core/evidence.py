"""What the harness itself saw."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from journeyman.core.model import Way
from journeyman.core.ranking import scores, votes
from journeyman.core.task import Crossed, Opinion, Verdict
from journeyman.core.usage import Usage
from journeyman.core.value import Value

Outcome = Literal["passed", "failed", "error", "skipped"]


NO_COPY = "no clean copy"
"""What cut a run of a check that could not begin, since the result could not be laid out."""


class TestResult(Value):
    """One test of one run. `id` is the runner's own name for it, stable between runs."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    id: str
    outcome: Outcome
    seconds: float = 0.0
    message: str = ""


class Check(Value):
    """A command whose exit tells whether the work is right, and where it comes from."""

    command: str
    source: Literal["flag", "environment", "AGENTS.md", "detected", "docstring", "request"]
    runner: Literal["pytest", "unittest", "node", "go", "cargo", "make"] | None = None
    timeout: float = 600.0


class CheckRun(Value):
    """One run of a check, bound to the tree (git hash) that it ran on.

    `exit_code` is None when the command was cut; `cut` then says by which limit. `chunk` is the id of the raw output.
    """

    check: Check
    on: Literal["base", "result", "candidate"]
    tree: str
    exit_code: int | None
    seconds: float
    chunk: str
    cut: str | None = None
    tests: tuple[TestResult, ...] = ()

    @property
    def passed(self) -> bool:
        return self.exit_code == 0

    @property
    def failing(self) -> tuple[TestResult, ...]:
        return tuple(test for test in self.tests if test.outcome in ("failed", "error"))


class Comparison(Value):
    """Test ids by what happened to them between the base and the result."""

    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()
    still_passing: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Change(Value):
    """A file that the work changed; `path` is relative to the repository's root."""

    path: str
    kind: Literal["add", "delete", "update"]
    added: int = 0
    removed: int = 0


class Citation(Value):
    """A pointer from a sentence to lines (from 1, inclusive) of a file or of a chunk, and whether it holds."""

    text: str
    kind: Literal["file", "terminal"]
    target: str
    start: int
    end: int
    supported: bool
    reason: str = ""


class Finding(Value):
    """What a review found at lines (from 1, inclusive) of a file. `priority` is 0 (at once) to 3 (nice to have), and
    `confidence` 0 to 1. `outside` says that the change under review does not touch these lines."""

    title: str
    body: str
    priority: int = 2
    confidence: float | None = None
    path: str
    start: int
    end: int
    outside: bool = False


class Review(Value):
    """The outcome of a review: whether the change under review is `correct`, None where the model did not say. `diff`
    is the blob id of that change as a patch."""

    findings: tuple[Finding, ...] = ()
    correct: bool | None = None
    explanation: str = ""
    confidence: float | None = None
    diff: str | None = None


class StageRun(Value):
    """What one model of a cascade came to, and what it used."""

    model: str
    strategy: Way
    verdict: Verdict
    usage: Usage = Usage()
    seconds: float = 0.0


class Result(Value):
    """The outcome of an attempt. `diff` is the blob id of the patch (git's format, binary included) against the base;
    in a follow-up `turn_diff` is that of what this turn changed. `new_tests` are those that pass, and fail without
    the change. `stages` are the models of a cascade that were tried;
    the last one of all alone would have cost about `cost_alone`, None where that is not known."""

    verdict: Verdict
    summary: str
    diff: str | None = None
    tree: str | None = None
    changes: tuple[Change, ...] = ()
    base_checks: tuple[CheckRun, ...] = ()
    result_checks: tuple[CheckRun, ...] = ()
    comparison: Comparison = Comparison()
    warnings: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    usage: Usage = Usage()
    seconds: float = 0.0
    review: Review | None = None
    turn_diff: str | None = None
    new_tests: tuple[str, ...] = ()
    stages: tuple[StageRun, ...] = ()
    cost_alone: float | None = None


READ_FROM_FILES = (
    "The work was stopped, and its sandbox could not be used any more: the patch was read from the files that it left."
)
"""The beginning of a result's warning."""


RANK: Sequence[Verdict] = ("verified", "answered", "unverified", "failing", "unchanged")
CLOSE = 1.25
"""Changes that differ less in size are about equally small."""


def best(
    results: Mapping[str, Result],
    prefer: str = "",
    crossed: Iterable[Crossed] = (),
    opinions: Iterable[Opinion] = (),
) -> str:
    """The attempt to hand over: by the checks first, then by how it fares on the others' new tests, then by warnings,
    then by a model's opinion between those that are about as small, then by how little it changes, then by its number,
    `prefer` first where all else is equal."""
    fares, said = scores(results, crossed), votes(results, opinions)

    def order(attempt: str) -> tuple[int, float, int, int, int, bool, str]:
        result = results[attempt]
        return (*_seen(result, fares[attempt]), -said[attempt], size(result), attempt != prefer, attempt)

    return min(results, key=order)


def contested(results: Mapping[str, Result], crossed: Iterable[Crossed] = ()) -> tuple[str, ...]:
    """The attempts of which none is the best by what was seen, where there are several: the same checks, the same on
    the others' new tests, as many warnings, about as small, and yet different changes."""
    fares = scores(results, crossed)
    changed = {name: result for name, result in results.items() if result.diff is not None}
    if not changed:
        return ()
    top = min(_seen(result, fares[name]) for name, result in results.items())
    first = sorted(name for name, result in changed.items() if _seen(result, fares[name]) == top)
    least = min((size(changed[name]) for name in first), default=0)
    apart: dict[str | None, str] = {}
    for name in first:
        if changed[name].verdict in ("verified", "unverified") and size(changed[name]) <= CLOSE * least:
            apart.setdefault(changed[name].diff, name)
    return tuple(apart.values()) if len(apart) > 1 else ()


def _seen(result: Result, fares: float) -> tuple[int, float, int]:
    return RANK.index(result.verdict), -round(fares, 6), len(result.warnings)


def size(result: Result) -> int:
    """Lines that a result adds and removes."""
    return sum(change.added + change.removed for change in result.changes)
