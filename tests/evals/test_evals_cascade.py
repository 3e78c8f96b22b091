"""What a cascade costs against always asking its last model, in a report and beside another run."""

from pathlib import Path

from journeyman.core.evidence import StageRun
from journeyman.core.task import Verdict
from journeyman.core.usage import Usage
from journeyman.evals.folder import Plan, RunFolder, State
from journeyman.evals.grade import Grade
from journeyman.evals.outcome import Outcome
from journeyman.evals.page import page
from journeyman.evals.report import Report, StageCount, compare, report
from journeyman.evals.task import EvalTask, Grader
from journeyman.evals.words import compare_lines, report_lines

NAMES = ("one", "two", "three")


def stage(model: str, verdict: Verdict, cost: float) -> StageRun:
    way = "repair" if model == "local" else "loop"
    return StageRun(model=model, strategy=way, verdict=verdict, usage=Usage(input_tokens=100, cost=cost), seconds=2.0)


def outcome(instance: str, solved: bool, stages: tuple[StageRun, ...], alone: float | None, cost: float) -> Outcome:
    return Outcome(
        instance=instance,
        number=1,
        task_id=f"t-{instance}",
        attempt_id=f"t-{instance}.1.1",
        verdict=stages[-1].verdict if stages else "verified",
        grade=Grade(solved=solved),
        usage=Usage(input_tokens=100, cost=cost),
        seconds=4.0,
        stages=stages,
        cost_alone=alone,
    )


def reported(name: str, outcomes: list[Outcome]) -> Report:
    tasks = [EvalTask(id=one, prompt="p", grader=Grader(command="true")) for one in NAMES]
    plan = Plan(name=name, set="s.jsonl", digest="0", tasks=len(tasks), model="dear", strategy="cascade")
    state = State()
    for one in outcomes:
        state.add(one)
    return report(RunFolder(Path("nowhere"), plan, tasks, state))


def cascade() -> Report:
    cheap = stage("local", "verified", 0.0)
    tried = stage("local", "failing", 0.0)
    return reported(
        "cascade",
        [
            outcome("one", True, (cheap,), 0.5, 0.0),
            outcome("two", False, (cheap,), 0.3, 0.0),
            outcome("three", True, (tried, stage("dear", "verified", 0.2)), 0.2, 0.2),
        ],
    )


def test_each_model_of_a_cascade_has_its_figures() -> None:
    found = cascade().cascade
    assert found is not None
    first = StageCount(model="local", strategy="repair", asked=3, ended=2, solved=1, tokens=300, cost=0.0, seconds=6.0)
    last = StageCount(model="dear", strategy="loop", asked=1, ended=1, solved=1, tokens=100, cost=0.2, seconds=2.0)
    assert (found.stages, found.cost, found.cost_alone) == ((first, last), 0.2, 1.0)
    lines = list(report_lines(cascade()))
    assert (
        "stage 1           local (repair): ended 2 of the 3 in which it was asked, 1 of these right, $0.0000, 6.0 s"
        in lines
    )
    assert lines[-2] == "the cascade       it cost $0.2000; the last model alone about $1.00, that is 20 % of it"


def test_a_run_of_the_last_model_alone_says_what_the_cascade_saves() -> None:
    alone = reported("last", [outcome(name, name != "two", (), None, 0.4) for name in NAMES])
    assert alone.cascade is None
    lines = list(compare_lines(compare(cascade(), alone)))
    assert "cost: A $0.2000, B $1.20, A is 17 % of B" in lines
    said = "A is a cascade: it cost $0.2000; the last model alone about $1.00, that is 20 % of it"
    assert said in lines and not any(line.startswith("B is a cascade") for line in lines)
    # A summary that an older version wrote knows nothing of cascades.
    old = Report.model_validate(alone.model_dump(exclude={"cascade"}))
    assert compare(old, cascade()).cascade_b == cascade().cascade


def test_a_price_that_is_not_known_is_said() -> None:
    unknown = reported("c", [outcome("one", True, (stage("local", "verified", 0.0),), None, 0.0)])
    said = "the cascade       it cost $0.0000; what the last model alone would have cost is not known"
    assert said in list(report_lines(unknown))


def test_the_page_has_the_stages() -> None:
    text = page(cascade(), [], {})
    assert (
        "<h2>The cascade</h2>" in text
        and "that is 20 % of it" in text
        and "<h2>The cascade</h2>" not in page(reported("last", []), [], {})
    )
