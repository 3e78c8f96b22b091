"""New tests, and whether they prove anything: one that passes without the change does not."""

from collections.abc import Sequence

from journeyman.checks.compare import compare, listed
from journeyman.checks.weakening import is_test_path
from journeyman.core.evidence import Change, CheckRun


def changed_tests(changes: Sequence[Change]) -> tuple[str, ...]:
    """The files of tests, their data and helpers that the work wrote: laid over the base, new tests run there."""
    return tuple(change.path for change in changes if change.kind != "delete" and is_test_path(change.path))


def new_tests(base: Sequence[CheckRun], result: Sequence[CheckRun]) -> tuple[str, ...]:
    """Ids of tests that pass on the result and that the base does not have."""
    passing = {test.id for run in result for test in run.tests if test.outcome == "passed"}
    return tuple(id for id in compare(base, result).added if id in passing)


def proves_nothing(new: Sequence[str], on_base: Sequence[CheckRun]) -> tuple[str, ...]:
    """Those of the `new` tests that also pass on the base with nothing but the result's test files laid over it."""
    passing = {test.id for run in on_base for test in run.tests if test.outcome == "passed"}
    return tuple(id for id in new if id in passing)


def sentence(new: Sequence[str], vacuous: Sequence[str]) -> str:
    """For a person; empty when every new test fails without the change."""
    if not vacuous:
        return ""
    which = "The new test" if len(new) == 1 else f"{len(vacuous)} of the {len(new)} new tests"
    verb = "passes" if len(vacuous) == 1 else "pass"
    return f"{which} {verb} without the change too, so nothing is proved by it: {listed(vacuous)}."
