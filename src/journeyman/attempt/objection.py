"""What the harness holds against a final answer: checks that do not pass. The model is told, and goes on.

Told once what failed before as well, since that may not be the task's to mend; what the change broke, as often as
`limits.check_rounds` allows while the model changes something for it.
"""

from collections.abc import Sequence

from journeyman.checks.compare import holds
from journeyman.checks.telling import telling
from journeyman.core import folds
from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import AttemptStarted, Event, Replied, Said, ToolReturned, ToolStarted
from journeyman.core.evidence import NO_COPY, CheckRun, Result, TestResult
from journeyman.core.items import DeveloperMessage
from journeyman.core.text import clip, decode, plain
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store

TESTS = 10
MESSAGE = 300
OUTPUT = 2_000
"""Tests that are named, characters of what each says, and of a check's output where it names no tests."""

FAILING = (
    "The harness ran the checks on a clean copy with your change, and they do not pass:\n\n{runs}\n\nMend what the "
    "task asks for and what your change broke, then answer again. Leave alone what has nothing to do with the task, "
    "and say that it fails."
)
UNCHANGED = (
    "No file differs from where you began, so nothing of what you answered is done: only calls of tools change "
    "files.{runs}\n\nDo it now, or answer why nothing is to be changed."
)


async def objection(store: Store, log: AttemptLog, start: AttemptStarted, result: Result) -> Said | None:
    """What the model is told in place of an end; None where its answer is taken."""
    events = folds.current(log.events)
    stop = folds.stopped(events)
    if start.mode != "code" or start.strategy != "loop" or stop is None or stop.reason != "finished":
        return None
    back = folds.continued(events)
    if back is not None and back.rewound:
        return None  # a person put it there, and asked for nothing more
    told = [at for at, event in enumerate(events) if _is_objection(event)]
    # A small model is told again in any case: it seldom mends it at once, and what it says of it is worth little.
    small = start.profile.small
    if len(told) >= start.limits.check_rounds or (told and not small and not _changed_since(events[told[-1] :])):
        return None
    if any(run.cut == NO_COPY for run in result.result_checks):
        return None
    if result.verdict == "failing" and (result.comparison.broken or not told or small):
        runs = [run for run in result.result_checks if not holds(run)]
        said = FAILING.format(runs=await listed(store, log.id, runs, result.comparison.broken))
    elif result.verdict == "unchanged" and (not told or small):
        runs = [run for run in result.base_checks if not holds(run)]
        if not runs and not small:
            return None
        seen = f" The checks fail:\n\n{await listed(store, log.id, runs, ())}" if runs else ""
        said = UNCHANGED.format(runs=seen)
    else:
        return None
    return Said(item=DeveloperMessage(text=said), why="checks")


def unanswered(events: Sequence[Event]) -> bool:
    """Whether the model has done nothing since it was told; where it cannot be asked again, its answer stands."""
    for event in reversed(folds.current(events)):
        if isinstance(event, Replied | ToolStarted):
            return False
        if _is_objection(event):
            return True
    return False


def _is_objection(event: Event) -> bool:
    return isinstance(event, Said) and event.why == "checks"


def _changed_since(events: Sequence[Event]) -> bool:
    return any(isinstance(event, ToolReturned) and event.checkpoint is not None for event in events)


async def listed(
    store: Store, attempt: str, runs: Sequence[CheckRun], broken: Sequence[str] = (), *, most: int = TESTS
) -> str:
    """What checks that do not pass say, in words for a model: of each at most so many tests. `broken` are those that
    passed before."""
    return "\n\n".join([await _run(store, attempt, run, broken, most) for run in runs])


async def _run(store: Store, attempt: str, run: CheckRun, broken: Sequence[str], most: int) -> str:
    """One check: its tests that fail, those first that the change broke; without tests the end of its output."""
    ended = f"exit code {run.exit_code}" if run.cut is None else f"cut by the limit on {run.cut}"
    head = f"`{run.check.command}` ({ended})"
    if not run.failing:
        return f"{head}\n{await _output(store, attempt, run)}"
    failing = sorted(run.failing, key=lambda test: test.id not in broken)
    lines = [_test(test, test.id in broken) for test in failing[:most]]
    more = [f"- and {len(failing) - most} more"] if len(failing) > most else []
    return "\n".join([f"{head}: {len(failing)} of {len(run.tests)} tests fail", *lines, *more])


def _test(test: TestResult, broken: bool) -> str:
    by = " (passed before your change)" if broken else ""
    return f"- {test.id}{by}: {said}" if (said := telling(test.message, MESSAGE)) else f"- {test.id}{by}"


async def _output(store: Store, attempt: str, run: CheckRun) -> str:
    try:
        whole = await store.chunk(attempt, run.chunk)
    except (UsageError, StoreError):
        return "(no output)"
    return clip(plain(decode(whole)).strip(), OUTPUT) or "(no output)"
