"""What the work did to the checks: base and result side by side, the verdict, and both in sentences."""

import re
from collections.abc import Sequence
from itertools import islice

from journeyman.checks.reports import ENDLESS, NOT_RUN
from journeyman.core.evidence import NO_COPY, CheckRun, Comparison, TestResult
from journeyman.core.task import Verdict

FAILED = ("failed", "error")


def compare(base: Sequence[CheckRun], result: Sequence[CheckRun]) -> Comparison:
    """Tests by what happened to them, check by check; a check without results of each test goes by its command.

    A test counts as fixed when it failed on the base and passes on the result, in less than the limit that cut it
    on the base. One that no longer runs (gone, or skipped now) is removed, never fixed. What was not come to, because
    a run stopped before, is on no list.
    """
    found: dict[str, set[str]] = {name: set() for name in ("fixed", "broken", "still_failing", "added", "removed")}
    passing = 0
    for after in result:
        before = next((run for run in base if run.check.command == after.check.command), None)
        if before is None:
            found["added"].update(_ran(after) or [after.check.command])
            continue
        passing += _compare_runs(before, after, found)
    found["still_failing"] -= found["broken"]
    found["fixed"] -= found["broken"] | found["still_failing"]
    return Comparison(
        fixed=tuple(sorted(found["fixed"])),
        broken=tuple(sorted(found["broken"])),
        still_failing=tuple(sorted(found["still_failing"])),
        still_passing=passing,
        added=tuple(sorted(found["added"])),
        removed=tuple(sorted(found["removed"])),
    )


def _compare_runs(before: CheckRun, after: CheckRun, found: dict[str, set[str]]) -> int:
    """Sort the tests of two runs of one check into `found`; how many pass on both."""
    if not before.tests or not after.tests:
        if after.passed and (before.passed or _was_slow(before, after)):
            return 1
        kind = "fixed" if after.passed else "broken" if before.passed else "still_failing"
        found[kind].add(after.check.command)
        return 0
    old, new = {test.id: test for test in before.tests}, {test.id: test for test in after.tests}
    old_files = {file for id in old for file in files_of(id)}
    new_files = {file for id in new for file in files_of(id)}
    passing = 0
    for id in old.keys() | new.keys():
        was = old.get(id) or _of_file(old, id)
        now = new.get(id) or _of_file(new, id)
        if was is None:
            if now is not None and not (now.outcome in FAILED and id in old_files):
                found["added"].add(id)
        elif now is None:
            if not (was.outcome in FAILED and id in new_files) and not _not_run(was):
                found["removed"].add(id)
        else:
            kind = _kind(was, now)
            if kind == "passing":
                passing += 1
            elif kind:
                found[kind].add(id)
    return passing


def _was_slow(before: CheckRun, after: CheckRun) -> bool:
    """Whether a run was cut on the base before it could have come to where the one on the result did."""
    return before.cut == "time" and after.seconds >= before.seconds


def _kind(was: TestResult, now: TestResult) -> str:
    if _not_run(now):
        return ""
    if now.outcome in FAILED:
        return "broken" if was.outcome == "passed" else "still_failing" if was.outcome in FAILED else "added"
    if now.outcome == "skipped":
        return "" if was.outcome == "skipped" else "removed"
    if was.outcome in FAILED:
        limit = endless_after(was)
        return "passing" if limit is not None and now.seconds >= limit else "fixed"
    return "passing"


def endless_after(test: TestResult) -> float | None:
    """The limit in seconds that cut a test; None when it was not cut."""
    match = re.match(rf"{ENDLESS} (?:after|when the check was cut after) ([\d.]+) s", test.message)
    return float(match[1]) if match else None


def files_of(id: str) -> list[str]:
    """The files, modules or classes that a test may be in, from its id, the innermost first."""
    ends = [match.start() for match in islice(re.finditer(r"::|\.", id), 20)]
    return [id[:end] for end in reversed(ends)]


def _of_file(tests: dict[str, TestResult], id: str) -> TestResult | None:
    """The error of the file or module that a test is in: it stands for all of its tests, and they for it."""
    return next((tests[file] for file in files_of(id) if file in tests and tests[file].outcome in FAILED), None)


def _not_run(test: TestResult) -> bool:
    return test.outcome == "skipped" and test.message == NOT_RUN


def _ran(run: CheckRun) -> list[str]:
    return [test.id for test in run.tests if test.outcome != "skipped"]


# ---------------------------------------------------------------- verdict


def verdict(base: Sequence[CheckRun], result: Sequence[CheckRun], *, changed: bool, tree: str | None = None) -> Verdict:
    """What may be said of a result.

    "verified" asks that every check of the base was run on the result's own tree (`tree`, when given: a run on another
    tree is stale), that each exits with 0 and shows no failing test, and that tests that failed on the base did not
    just disappear. "failing": a check fails, whether or not it failed on the base; the sentences of `describe` tell
    the difference. "unverified": nothing was checked, or what was checked does not prove it.
    """
    if not changed:
        return "unchanged"
    fresh = [run for run in result if tree is None or run.tree == tree]
    if any(not holds(run) and not _nothing_there(run) for run in fresh):
        return "failing"
    if not fresh or any(_nothing_there(run) for run in fresh):
        return "unverified"
    checked = {run.check.command for run in fresh}
    if any(run.check.command not in checked and not _nothing_there(run) for run in base):
        return "unverified"
    return "unverified" if vanished(base, fresh) else "verified"


def holds(run: CheckRun) -> bool:
    """Whether a check passed, by its exit and by what its tests say."""
    return run.passed and not run.failing


def _nothing_there(run: CheckRun) -> bool:
    """pytest's own exit code for a run that found no tests."""
    return run.check.runner == "pytest" and run.exit_code == 5 and not run.tests


def vanished(base: Sequence[CheckRun], result: Sequence[CheckRun]) -> tuple[str, ...]:
    """Tests that failed on the base and do not run on the result, and checks that lost all of their tests."""
    failing = {test.id for run in base for test in run.failing}
    gone = [id for id in compare(base, result).removed if id in failing]
    for after in result:
        before = next((run for run in base if run.check.command == after.check.command), None)
        if before is not None and _ran(before) and after.passed and not _ran(after):
            gone.append(after.check.command)
    return tuple(gone)


# ---------------------------------------------------------------- sentences


def describe(base: Sequence[CheckRun], result: Sequence[CheckRun]) -> tuple[str, ...]:
    """What happened to each check, one or two sentences each, without its command when there is only one."""
    lines: list[str] = []
    for after in result:
        before = next((run for run in base if run.check.command == after.check.command), None)
        name = f"`{after.check.command}`: " if len(result) > 1 else ""
        lines.append(name + _sentence(before, after))
    missing = [run.check.command for run in base if run.check.command not in {run.check.command for run in result}]
    lines += [f"`{command}` was not run on the result." for command in missing]
    return tuple(lines)


def _sentence(before: CheckRun | None, after: CheckRun) -> str:
    if before is None:
        return f"{_state(after, now=True)}."
    if not before.tests or not after.tests:
        return f"The check {_state(before, now=False)} before, and {_state(after, now=True)} now."
    text = f"{_count(before, now=False)} before, {_count(after, now=True)}."
    change = compare([before], [after])
    details = [
        ("Broken by the change", change.broken),
        ("Failing before and after", change.still_failing),
        ("No longer run", change.removed),
    ]
    if any(names for _, names in details):
        text += "".join(f" {title}: {listed(names)}." for title, names in details if names)
    if after.cut:
        text += f" The run was cut by the limit on {after.cut}."
    elif after.exit_code != 0 and not after.failing:
        text += f" The command still ends with exit code {after.exit_code}."
    return text


def _count(run: CheckRun, *, now: bool) -> str:
    ran = [test for test in run.tests if test.outcome != "skipped"]
    failing, total = len(run.failing), len(ran)
    endless = sum(endless_after(test) is not None for test in run.failing)
    tests = f"{total} test" + ("" if total == 1 else "s")
    skipped = sum(_not_run(test) for test in run.tests)
    left = f" ({skipped} not run)" if skipped else ""
    if not total:
        return ("no tests run now" if now else "No tests ran") + left
    if not failing:
        word = "pass" if total > 1 else "passes"
        all_of = f"all {tests}" if total > 1 else f"the {tests[2:]}"
        if not now:
            return (f"All {tests}" if total > 1 else "The test") + " passed" + left
        return f"{all_of} {word} now" + left
    never = f", {endless} of them without end" if 0 < endless < failing else " without end" if endless else ""
    verb = ("fails" if failing == 1 else "fail") if now else "failed"
    if endless == failing:
        verb, never = ("runs" if failing == 1 else "run") if now else "ran", " without end"
    return f"{failing} of {tests} {verb}{never}" + (" now" if now else "") + left


def _state(run: CheckRun, *, now: bool) -> str:
    if run.cut == NO_COPY:
        return "could not be run"
    if run.cut:
        return f"was cut by the limit on {run.cut} after {run.seconds:.0f} s"
    if run.passed:
        return "passes" if now else "passed"
    return f"{'fails' if now else 'failed'} (exit code {run.exit_code})"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few names in one line, and how many there are besides."""
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
