"""Checks side by side: before and after, test by test."""

from collections.abc import Iterable, Sequence

from journeyman.checks.compare import compare, describe
from journeyman.checks.reports import NOT_RUN
from journeyman.core.api.work import ChecksView, CheckView, RunView, TestState, TestView
from journeyman.core.events import Checked
from journeyman.core.evidence import CheckRun, Comparison, TestResult

ORDER: tuple[TestState, ...] = (
    *("broken", "added_failing", "flaky", "still_failing", "fixed", "added", "removed", "not_run", "skipped"),
    "passing",
)
"""What matters first."""

FAILED = ("failed", "error")


def run_view(event: Checked, *, stale: bool = False) -> RunView:
    run = event.run
    return RunView(
        seq=event.seq,
        at=event.at,
        on=run.on,
        tree=run.tree,
        exit_code=run.exit_code,
        cut=run.cut,
        seconds=run.seconds,
        chunk=run.chunk,
        passed=sum(test.outcome == "passed" for test in run.tests),
        failed=len(run.failing),
        skipped=sum(test.outcome == "skipped" for test in run.tests),
        stale=stale,
    )


def checks_view(
    runs: Sequence[Checked],
    *,
    base_tree: str | None,
    tree: str | None,
    most: int = 1000,
    states: Iterable[TestState] = (),
) -> ChecksView:
    """All checks of an attempt, by the last run of each on the base and on the result.

    A run on another tree than `base_tree` or `tree` is stale. At most `most` tests of a check are listed, only those in
    `states` where there are any.
    """
    base = _latest(runs, "base")
    result = _latest(runs, "result")
    unsteady = flaky(event.run for event in runs)
    views: list[CheckView] = []
    for command in dict.fromkeys((*base, *result)):
        before, after = base.get(command), result.get(command)
        tests = _tests(before.run if before else None, after.run if after else None, unsteady.get(command, set()))
        wanted = [test for test in tests if not states or test.state in states]
        known = before or after
        assert known is not None
        views.append(
            CheckView(
                check=known.run.check,
                base=run_view(before, stale=_stale(before, base_tree)) if before else None,
                result=run_view(after, stale=_stale(after, tree)) if after else None,
                sentence=" ".join(describe([before.run] if before else [], [after.run])) if after else "",
                tests=tuple(wanted[:most]),
                counts=_counts(tests),
                hidden=max(len(wanted) - most, 0),
            )
        )
    done = compare([event.run for event in base.values()], [event.run for event in result.values()])
    return ChecksView(checks=tuple(views), comparison=done if result else Comparison())


def flaky(runs: Iterable[CheckRun]) -> dict[str, set[str]]:
    """The tests, by check, that passed and failed on one and the same tree."""
    seen: dict[tuple[str, str, str], set[bool]] = {}
    for run in runs:
        if not run.tree:
            continue
        for test in run.tests:
            if test.outcome != "skipped":
                seen.setdefault((run.check.command, run.tree, test.id), set()).add(test.outcome == "passed")
    found: dict[str, set[str]] = {}
    for (command, _, test), outcomes in seen.items():
        if len(outcomes) > 1:
            found.setdefault(command, set()).add(test)
    return found


def _latest(runs: Iterable[Checked], on: str) -> dict[str, Checked]:
    return {event.run.check.command: event for event in runs if event.run.on == on}


def _stale(event: Checked, tree: str | None) -> bool:
    return tree is not None and event.run.tree != tree


def _counts(tests: Iterable[TestView]) -> dict[TestState, int]:
    counts: dict[TestState, int] = {}
    for test in tests:
        counts[test.state] = counts.get(test.state, 0) + 1
    return counts


def _tests(before: CheckRun | None, after: CheckRun | None, unsteady: set[str]) -> list[TestView]:
    """The tests of a check, what matters first."""
    old = {test.id: test for test in before.tests} if before else {}
    new = {test.id: test for test in after.tests} if after else {}
    change = compare([before] if before else [], [after]) if after else Comparison()
    of: dict[str, TestState] = {}
    sorted_in: list[tuple[TestState, tuple[str, ...]]] = [
        ("added", change.added),
        ("removed", change.removed),
        ("fixed", change.fixed),
        ("still_failing", change.still_failing),
        ("broken", change.broken),
    ]
    for state, ids in sorted_in:
        of.update((id, state) for id in ids)
    views = [
        _test(id, old.get(id), new.get(id), of.get(id), id in unsteady, checked=after is not None)
        for id in dict.fromkeys((*new, *old))
    ]
    return sorted(views, key=lambda test: (ORDER.index(test.state), test.id))


def _test(
    id: str, was: TestResult | None, now: TestResult | None, state: TestState | None, unsteady: bool, *, checked: bool
) -> TestView:
    if unsteady:
        state = "flaky"
    elif state == "added" and now is not None and now.outcome in FAILED:
        state = "added_failing"
    if state is None:
        state = _plain_state(was, now, checked=checked)
    last = now or was
    return TestView(
        id=id,
        state=state,
        base=was.outcome if was else None,
        result=now.outcome if now else None,
        base_seconds=was.seconds if was else None,
        result_seconds=now.seconds if now else None,
        message=last.message if last else "",
    )


def _plain_state(was: TestResult | None, now: TestResult | None, *, checked: bool) -> TestState:
    """The state of a test that the comparison has nothing to say of."""
    last = now if checked else was
    if last is None or (last.outcome == "skipped" and last.message == NOT_RUN):
        return "not_run"
    if last.outcome == "skipped":
        return "skipped"
    return "still_failing" if last.outcome in FAILED else "passing"
