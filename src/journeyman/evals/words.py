"""A report and a comparison in words, for a terminal."""

from collections.abc import Iterator

from journeyman.core.text import counted, one_line
from journeyman.evals.report import Cascade, Paired, Report, StageCount
from journeyman.evals.statistics import Share


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def of(share: Share) -> str:
    """17 of 20 = 85.0 % (64.0–94.8 %)."""
    if share.rate is None or share.low is None or share.high is None:
        return "0 of 0"
    return f"{share.count} of {share.of} = {percent(share.rate)} ({100 * share.low:.1f}–{percent(share.high)})"


def money(value: float | None) -> str:
    return "price not known" if value is None else f"${value:.4f}" if value < 1 else f"${value:.2f}"


def against(cost: float | None, other: float | None, name: str, beside: str) -> str:
    """What one costs as a part of another, behind a comma; empty where that says nothing."""
    if cost is None or not other:
        return ""
    return f", {name} is {100 * cost / other:.0f} % of {beside}"


def stage_words(stage: StageCount) -> str:
    """local (repair): ended 14 of 20, 12 of them right, $0.00, 90 s."""
    ended = f"ended {stage.ended} of the {stage.asked} in which it was asked, {stage.solved} of these right"
    return f"{stage.model} ({stage.strategy}): {ended}, {money(stage.cost)}, {time(stage.seconds)}"


def cascade_words(cascade: Cascade) -> str:
    """What a cascade cost against always asking its last model."""
    if cascade.cost_alone is None:
        return f"it cost {money(cascade.cost)}; what the last model alone would have cost is not known"
    alone = against(cascade.cost, cascade.cost_alone, "that", "it")
    return f"it cost {money(cascade.cost)}; the last model alone about {money(cascade.cost_alone)}{alone}"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def time(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} s" if value < 600 else f"{value / 60:.0f} min"


def report_lines(report: Report) -> Iterator[str]:
    plan = report.plan
    strategy = f", strategy {plan.strategy}" if plan.strategy else ""
    yield f"{plan.name}: {plan.set} with {plan.model}{strategy}, {counted(plan.attempts, 'attempt')} a task"
    yield f"tasks done        {report.done} of {plan.tasks}"
    yield f"solved            {of(report.solved)}, 95 % interval by Wilson"
    for one in report.pass_at:
        yield f"pass@{one.k:<12} {percent(one.value)}, unbiased, n = {one.n}"
    yield f"false verified    {of(report.false_verified)}; {report.verified.count} were verified"
    if report.ungraded:
        yield f"not graded here   {report.ungraded}"
    if report.broken:
        yield f"broken            {counted(report.broken, 'attempt')}, tried again when the run goes on"
    spent, each = report.spent, report.per_solved
    tokens = spent.input_tokens + spent.output_tokens
    yield f"spent             {number(tokens)} tokens, {money(spent.cost)}, {time(spent.seconds)} of attempts"
    if report.solved.count:
        yield (
            f"a solved task     median {time(each.median_seconds)}, {number(each.median_tokens)} tokens, "
            f"{money(each.median_cost)}; with the failures {time(each.seconds)}, {number(each.tokens)} tokens, "
            f"{money(each.cost)}"
        )
    yield f"median of all     {time(report.median_seconds)}"
    if report.cascade is not None:
        for at, stage in enumerate(report.cascade.stages, 1):
            yield f"stage {at:<12}{stage_words(stage)}"
        yield f"the cascade       {cascade_words(report.cascade)}"
    kinds = ", ".join(f"{kind} {count}" for kind, count in report.failures.items())
    yield f"how they ended    {kinds or 'none yet'}"


def row_lines(report: Report) -> Iterator[str]:
    """A line for each task."""
    for row in report.rows:
        mark = "?" if row.solved is None else "yes" if row.solved else "no"
        name = one_line(row.instance, 44)
        yield f"{name:44} {mark:4} {row.verdict:11} {row.seconds:8.1f} {row.tokens:9} {row.failure}  {row.task_id}"


def compare_lines(paired: Paired) -> Iterator[str]:
    yield f"A  {paired.a}: solved {of(paired.solved_a)}"
    yield f"B  {paired.b}: solved {of(paired.solved_b)}"
    yield (
        f"on the {counted(paired.tasks, 'task')} of both: both {paired.both}, only A {paired.only_a}, "
        f"only B {paired.only_b}, neither {paired.neither}"
    )
    yield f"McNemar, exact, two-sided: p = {paired.p:.4f}"
    yield f"median seconds: A {time(paired.seconds_a)}, B {time(paired.seconds_b)}"
    yield f"median tokens: A {number(paired.tokens_a)}, B {number(paired.tokens_b)}"
    yield f"cost: A {money(paired.cost_a)}, B {money(paired.cost_b)}{against(paired.cost_a, paired.cost_b, 'A', 'B')}"
    for name, cascade in (("A", paired.cascade_a), ("B", paired.cascade_b)):
        if cascade is not None:
            yield f"{name} is a cascade: {cascade_words(cascade)}"
    if paired.better_a:
        yield f"only A: {', '.join(one_line(name) for name in paired.better_a)}"
    if paired.better_b:
        yield f"only B: {', '.join(one_line(name) for name in paired.better_b)}"
