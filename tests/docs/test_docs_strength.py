"""The page of figures is what its command makes of the summaries that are stored."""

from benchmarks import strength
from journeyman.evals.folder import Plan
from journeyman.evals.report import PassAt, PerSolved, Report, Row, Spent
from journeyman.evals.statistics import share


def test_the_page_is_that_of_the_stored_summaries() -> None:
    assert strength.PAGE.read_text() == strength.page(strength.read()), "run `scripts/bench strength`"


def report(name: str, solved: tuple[bool, ...]) -> Report:
    rows = tuple(
        Row(
            instance=f"task-{number}", solved=one, correct=int(one), attempts=1, verdict="verified", seconds=2.0,
            failure="solved" if one else "false verified", tokens=100, cost=0.0, task_id="t", attempt_id="a",
        )
        for number, one in enumerate(solved)
    )  # fmt: skip
    right = sum(solved)
    return Report(
        plan=Plan(name=name, set="small.jsonl", digest="d", tasks=len(rows), model="local", strategy=name),
        done=len(rows),
        solved=share(right, len(rows)),
        pass_at=(PassAt(k=1, n=1, value=right / len(rows)),),
        false_verified=share(len(rows) - right, len(rows)),
        verified=share(len(rows), len(rows)),
        attempts=len(rows),
        broken=0,
        ungraded=0,
        spent=Spent(input_tokens=1, cached_input_tokens=0, output_tokens=1, cost=0.0, seconds=2.0),
        per_solved=PerSolved(median_seconds=2.0, median_tokens=100, median_cost=0.0, seconds=2.0, tokens=2, cost=0.0),
        median_seconds=2.0,
        failures={"solved": right, "false verified": len(rows) - right},
        rows=rows,
    )


def test_runs_on_a_set_stand_side_by_side_and_are_compared() -> None:
    text = strength.page([report("loop", (True, False, False, False)), report("repair", (True, True, True, True))])
    assert "## small.jsonl" in text
    assert "| loop | local | loop | 1 of 4 (5–70 %) | 25.0 % (k = 1, n = 1) | 4 of 4 | 3 of 4 (30–95 %) |" in text
    assert "| loop | repair | 4 | 1 | 0 | 3 | 0 | p = 0.250 |" in text
    assert "| repair | 4 | 0 |" in text
