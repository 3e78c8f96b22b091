"""What a run says, as a fold over its outcomes."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from journeyman.core.value import Value
from journeyman.evals.folder import Plan, RunFolder
from journeyman.evals.outcome import Broken, Outcome
from journeyman.evals.statistics import Share, mcnemar, median, pass_at, share


class PassAt(Value):
    """The unbiased estimate of pass@k over all tasks, from `n` attempts at each."""

    k: int
    n: int
    value: float


class Spent(Value):
    """What all attempts used together. `cost` is US dollars, None where a price is not known."""

    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost: float | None
    seconds: float


class PerSolved(Value):
    """What a solved task takes: the median over those that were solved, and what the whole run used for each of them,
    failures included."""

    median_seconds: float | None
    median_tokens: float | None
    median_cost: float | None
    seconds: float | None
    tokens: float | None
    cost: float | None


class StageCount(Value):
    """One model of a cascade over a run: how many attempts it was `asked` in, how many `ended` with it, how many of
    these are right, and what it used, US dollars None where a price is not known."""

    model: str
    strategy: str
    asked: int
    ended: int
    solved: int
    tokens: int
    cost: float | None
    seconds: float


class Cascade(Value):
    """A cascade against always asking its last model: what all of it cost, and about what that one alone would have,
    None where it is not known."""

    stages: tuple[StageCount, ...]
    cost: float | None
    cost_alone: float | None


class Row(Value):
    """One task of the set in a report: what its attempts came to; `solved` is what a person would have been handed."""

    instance: str
    solved: bool | None
    correct: int
    attempts: int
    verdict: str
    failure: str
    seconds: float
    tokens: int
    cost: float | None
    task_id: str
    attempt_id: str
    message: str = ""


class Report(Value):
    """A run in figures. `solved` counts tasks by the attempt that a person would be handed; `pass_at` looks at all."""

    plan: Plan
    done: int
    solved: Share
    pass_at: tuple[PassAt, ...]
    false_verified: Share
    verified: Share
    attempts: int
    broken: int
    ungraded: int
    spent: Spent
    per_solved: PerSolved
    median_seconds: float | None
    failures: dict[str, int]
    rows: tuple[Row, ...]
    cascade: Cascade | None = None


def report(folder: RunFolder) -> Report:
    """The report of a run as it stands; tasks that are not over count as not solved only once they are."""
    outcomes, broken = folder.state.graded(), list(folder.state.broken.values())
    by_task: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_task.setdefault(outcome.instance, []).append(outcome)
    failed = {one.instance: one for one in broken if one.instance not in by_task}
    order = [task.id for task in folder.tasks]
    rows = [_row(by_task[name]) for name in order if name in by_task]
    rows += [_broken_row(failed[name]) for name in order if name in failed]
    handed = [_handed(by_task[name]) for name in order if name in by_task]
    graded = [row for row in rows if row.solved is not None]
    solved = [one for one in handed if one.solved]
    verified = [one for one in handed if one.verdict == "verified" and one.grade.solved is not None]
    return Report(
        plan=folder.plan,
        done=len(rows),
        solved=share(len(solved), len(graded)),
        pass_at=estimates(list(by_task.values())),
        false_verified=share(sum(one.falsely_verified for one in verified), len(graded)),
        verified=share(len(verified), len(graded)),
        attempts=len(outcomes),
        broken=len(broken),
        ungraded=sum(row.solved is None for row in rows),
        spent=_spent(outcomes),
        per_solved=_per_solved(solved, outcomes),
        median_seconds=median(one.seconds for one in handed),
        failures=dict(Counter(row.failure for row in rows).most_common()),
        rows=tuple(rows),
        cascade=_cascade(outcomes),
    )


def _cascade(outcomes: Sequence[Outcome]) -> Cascade | None:
    cascades = [one for one in outcomes if one.stages]
    if not cascades:
        return None
    names = dict.fromkeys((run.model, run.strategy) for one in cascades for run in one.stages)
    stages: list[StageCount] = []
    for model, strategy in names:
        runs = [run for one in cascades for run in one.stages if (run.model, run.strategy) == (model, strategy)]
        last = [one for one in cascades if (one.stages[-1].model, one.stages[-1].strategy) == (model, strategy)]
        stages.append(
            StageCount(
                model=model,
                strategy=strategy,
                asked=len(runs),
                ended=len(last),
                solved=sum(one.solved for one in last),
                tokens=sum(run.usage.total_tokens for run in runs),
                cost=_total([run.usage.cost for run in runs]),
                seconds=round(sum(run.seconds for run in runs), 3),
            )
        )
    alone = _total([one.cost_alone for one in cascades])
    return Cascade(stages=tuple(stages), cost=_total([one.usage.cost for one in cascades]), cost_alone=alone)


def estimates(tasks: Sequence[Sequence[Outcome]]) -> tuple[PassAt, ...]:
    """pass@k for k = 1, 2, 4, 8 up to the number of attempts that every task has."""
    graded = [[one for one in attempts if one.grade.solved is not None] for attempts in tasks]
    graded = [attempts for attempts in graded if attempts]
    n = min((len(attempts) for attempts in graded), default=0)
    found: list[PassAt] = []
    for k in (1, 2, 4, 8):
        if k <= n:
            values = [pass_at(k, len(attempts), sum(one.solved for one in attempts)) for attempts in graded]
            found.append(PassAt(k=k, n=n, value=sum(values) / len(values)))
    return tuple(found)


def _handed(attempts: Sequence[Outcome]) -> Outcome:
    """The attempt that a person would be handed; while others are at work, the first that is over."""
    return next((one for one in attempts if one.chosen), min(attempts, key=lambda one: one.number))


def _row(attempts: Sequence[Outcome]) -> Row:
    one = _handed(attempts)
    return Row(
        instance=one.instance,
        solved=None if one.failure == "ungraded" else one.solved,
        correct=sum(each.solved for each in attempts),
        attempts=len(attempts),
        verdict=one.verdict,
        failure=one.failure,
        seconds=one.seconds,
        tokens=sum(each.usage.total_tokens for each in attempts),
        cost=_total([each.usage.cost for each in attempts]),
        task_id=one.task_id,
        attempt_id=one.attempt_id,
        message=one.message,
    )


def _broken_row(one: Broken) -> Row:
    return Row(
        instance=one.instance,
        solved=False,
        correct=0,
        attempts=0,
        verdict="",
        failure="error",
        seconds=0.0,
        tokens=0,
        cost=0.0,
        task_id="",
        attempt_id="",
        message=one.message,
    )


def _spent(outcomes: Sequence[Outcome]) -> Spent:
    usages = [one.usage for one in outcomes]
    return Spent(
        input_tokens=sum(usage.input_tokens for usage in usages),
        cached_input_tokens=sum(usage.cached_input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        cost=_total([usage.cost for usage in usages]),
        seconds=round(sum(one.seconds for one in outcomes), 3),
    )


def _per_solved(solved: Sequence[Outcome], outcomes: Sequence[Outcome]) -> PerSolved:
    costs = [one.usage.cost for one in solved]
    spent, count = _spent(outcomes), len(solved)

    def each(total: float | None) -> float | None:
        return None if total is None or count == 0 else total / count

    return PerSolved(
        median_seconds=median(one.seconds for one in solved),
        median_tokens=median(one.usage.total_tokens for one in solved),
        median_cost=None if None in costs else median(cost for cost in costs if cost is not None),
        seconds=each(spent.seconds),
        tokens=each(spent.input_tokens + spent.output_tokens),
        cost=each(spent.cost),
    )


def _total(costs: Iterable[float | None]) -> float | None:
    """The sum; None where one is not known."""
    found = list(costs)
    return None if None in found else sum(cost for cost in found if cost is not None)


class Paired(Value):
    """Two runs on the tasks that both have. `p` is McNemar's exact two-sided value over those on which they differ."""

    a: str
    b: str
    tasks: int
    both: int
    only_a: int
    only_b: int
    neither: int
    p: float
    solved_a: Share
    solved_b: Share
    seconds_a: float | None
    seconds_b: float | None
    tokens_a: float | None
    tokens_b: float | None
    cost_a: float | None
    cost_b: float | None
    better_a: tuple[str, ...]
    better_b: tuple[str, ...]
    cascade_a: Cascade | None = None
    cascade_b: Cascade | None = None


def compare(a: Report, b: Report) -> Paired:
    """Two runs task by task; what only one of them has graded is left out."""
    rows_a = {row.instance: row for row in a.rows if row.solved is not None}
    rows_b = {row.instance: row for row in b.rows if row.solved is not None}
    common = [name for name in rows_a if name in rows_b]
    pairs = [(rows_a[name], rows_b[name]) for name in common]
    better_a = tuple(one.instance for one, other in pairs if one.solved and not other.solved)
    better_b = tuple(one.instance for one, other in pairs if other.solved and not one.solved)
    both = sum(bool(one.solved and other.solved) for one, other in pairs)

    def middle(rows: Sequence[Row], of: Callable[[Row], float]) -> float | None:
        return median(of(row) for row in rows)

    ones, others = [one for one, _ in pairs], [other for _, other in pairs]
    return Paired(
        a=a.plan.name,
        b=b.plan.name,
        tasks=len(pairs),
        both=both,
        only_a=len(better_a),
        only_b=len(better_b),
        neither=len(pairs) - both - len(better_a) - len(better_b),
        p=mcnemar(len(better_a), len(better_b)),
        solved_a=share(both + len(better_a), len(pairs)),
        solved_b=share(both + len(better_b), len(pairs)),
        seconds_a=middle(ones, lambda row: row.seconds),
        seconds_b=middle(others, lambda row: row.seconds),
        tokens_a=middle(ones, lambda row: row.tokens),
        tokens_b=middle(others, lambda row: row.tokens),
        cost_a=_total([row.cost for row in ones]),
        cost_b=_total([row.cost for row in others]),
        better_a=better_a,
        better_b=better_b,
        cascade_a=a.cascade,
        cascade_b=b.cascade,
    )
