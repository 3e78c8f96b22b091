"""The attempts of a turn side by side: checks and tests by attempts."""

from collections.abc import Iterable, Mapping, Sequence

from journeyman.core.api.tasks import AttemptColumn, Matrix, MatrixPair, MatrixRow
from journeyman.core.evidence import CheckRun, Result
from journeyman.core.task import Attempt
from journeyman.server.views.choice import fares, ranked, why
from journeyman.server.views.lines import attempt_line

ROWS = 500


def matrix(
    turn: int, attempts: Sequence[Attempt], results: Mapping[str, Result], chosen: str | None, most: int = ROWS
) -> Matrix:
    """`results` by attempt id, of those that have one. Checks come first, each followed by those of its tests that do
    not pass everywhere; of these at most `most`."""
    best = [attempt.id for attempt in ranked(attempts)]
    crossed, found = _crossed(attempts), fares(attempts)
    tried = {pair.on for pair in crossed}
    columns = [
        AttemptColumn(
            attempt=attempt_line(attempt, chosen),
            files=tuple(change.path for change in results[attempt.id].changes) if attempt.id in results else (),
            warnings=results[attempt.id].warnings if attempt.id in results else (),
            rank=best.index(attempt.id) + 1 if attempt.id in best else None,
            fares=found.get(attempt.id) if f"{attempt.turn}.{attempt.number}" in tried else None,
        )
        for attempt in attempts
    ]
    rows: list[MatrixRow] = []
    tests = 0
    for command in dict.fromkeys(run.check.command for result in results.values() for run in _runs(result)):
        base = _run((run for result in results.values() for run in result.base_checks), command)
        after = {f"{one.turn}.{one.number}": _after(results.get(one.id), command) for one in attempts}
        rows.append(
            MatrixRow(check=command, base=_word(base), attempts={name: _word(run) for name, run in after.items()})
        )
        listed = _tests(command, base, after)
        rows += listed[: max(most - tests, 0)]
        tests += len(listed)
    return Matrix(
        turn=turn,
        columns=tuple(columns),
        rows=tuple(rows),
        chosen=chosen,
        best=best[0] if best else None,
        why=why(attempts, chosen),
        hidden=max(tests - most, 0),
        crossed=crossed,
    )


def _crossed(attempts: Sequence[Attempt]) -> tuple[MatrixPair, ...]:
    names = {one.id: f"{one.turn}.{one.number}" for one in attempts}
    pairs = {(pair.tests_of, pair.on): pair for one in attempts for pair in one.summary.crossed}
    return tuple(
        MatrixPair(tests_of=names[author], on=names[on], passed=pair.passed, failed=pair.failed)
        for (author, on), pair in sorted(pairs.items())
        if author in names and on in names
    )


def _runs(result: Result) -> tuple[CheckRun, ...]:
    return (*result.base_checks, *result.result_checks)


def _run(runs: Iterable[CheckRun], command: str) -> CheckRun | None:
    return next((run for run in runs if run.check.command == command), None)


def _after(result: Result | None, command: str) -> CheckRun | None:
    return _run(result.result_checks, command) if result is not None else None


def _word(run: CheckRun | None) -> str | None:
    if run is None:
        return None
    return "cut" if run.cut else "passed" if run.passed and not run.failing else "failed"


def _tests(command: str, base: CheckRun | None, after: Mapping[str, CheckRun | None]) -> list[MatrixRow]:
    before = _outcomes(base)
    by_attempt = {name: _outcomes(run) for name, run in after.items()}
    found: list[MatrixRow] = []
    for test in dict.fromkeys(id for outcomes in (before, *by_attempt.values()) for id in outcomes):
        row = {name: outcomes.get(test) for name, outcomes in by_attempt.items()}
        if {before.get(test), *row.values()} - {"passed"}:
            found.append(MatrixRow(check=command, test=test, base=before.get(test), attempts=row))
    return found


def _outcomes(run: CheckRun | None) -> dict[str, str]:
    return {test.id: test.outcome for test in run.tests} if run is not None else {}
