"""A cascade: models in order of price, of which the next is asked only where the checks do not show that it is done.

Each stage begins anew from where the attempt began, with a sandbox of its own, and is told what those before it came
to (`attempt.learned`). The attempt hands over the best of what its stages came to.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from journeyman.attempt.host import ModelPlan
from journeyman.core import folds
from journeyman.core.events import AttemptStarted, Escalated, Event, Finished
from journeyman.core.evidence import Result, StageRun, best
from journeyman.core.model import CascadeOrder, Profile, Stage, Way
from journeyman.core.text import counted, one_line
from journeyman.models.prices import flat

ANOTHER = (
    "Another change, of an earlier stage, passes the same checks and was in doubt: what is tested does not tell which "
    "of them is right."
)

SHARE = 0.5
"""The part of the time that is left which a stage before the last may take."""


async def priced(plan: ModelPlan) -> ModelPlan:
    """`plan` with the model's published price, where a person has set none and there is one."""
    if plan.profile.price is not None or plan.look_up is None:
        return plan
    cost = await asyncio.to_thread(plan.look_up)
    price = flat(cost) if cost is not None else None
    if price is None:
        return plan
    prices = {"input_price": price.input, "cached_input_price": price.cached_input, "output_price": price.output}
    return replace(plan, profile=plan.profile.model_copy(update=prices))


def stages_of(
    plans: Sequence[tuple[ModelPlan, Way | None]], model: ModelPlan, order: CascadeOrder = "price"
) -> tuple[Stage, ...]:
    """The stages: the cheapest model first, those without a known price last, or with `order` "given" as they stand.
    With less than two a model alone, first by repair and then in the loop."""
    if len(plans) < 2:
        only = plans[0][0] if plans else model
        ways: tuple[Way, ...] = ("repair", "loop")
        return tuple(Stage(model=only.name, profile=only.profile, strategy=way) for way in ways)
    stages = [
        Stage(model=plan.name, profile=plan.profile, strategy=way or plan.profile.strategy) for plan, way in plans
    ]
    return tuple(sorted(stages, key=_price) if order == "price" else stages)


def _price(stage: Stage) -> tuple[bool, float]:
    """Of two ways with one model, or of equal prices, the one that stands first stays first."""
    price = stage.profile.price
    return price is None, price or 0.0


def order_words(stages: Sequence[Stage]) -> str:
    """Which models are asked in which order, with what they cost."""
    return "A cascade: " + ", then ".join(f"{stage.model} ({stage.strategy}, {_cost(stage)})" for stage in stages) + "."


def _cost(stage: Stage) -> str:
    profile = stage.profile
    if profile.input_price is None or profile.output_price is None:
        return "its price is not known"
    if not profile.price:
        return "free"
    return f"${profile.input_price:g} and ${profile.output_price:g} per million tokens read and written"


def named(entry: str) -> tuple[str, Way | None]:
    """A model's name and, where it stands behind it, how it is put to work: "local loop"."""
    name, _, way = entry.strip().rpartition(" ")
    if name and way == "loop":
        return name.strip(), "loop"
    if name and way == "repair":
        return name.strip(), "repair"
    return entry.strip(), None


def at_stage(start: AttemptStarted, events: Sequence[Event]) -> AttemptStarted:
    """The attempt's beginning as its present stage has it: its model, its strategy, its time."""
    if start.strategy != "cascade":
        return start
    earlier = folds.escalations(events)
    stage = start.stages[len(earlier)]
    spent = folds.seconds(events[: events.index(earlier[-1]) + 1], earlier[-1].at) if earlier else 0.0
    left = max(start.limits.seconds - spent, 0.0)
    last = len(earlier) == len(start.stages) - 1
    limits = start.limits.model_copy(update={"seconds": spent + left * (1.0 if last else SHARE)})
    return start.model_copy(
        update={"model": stage.model, "profile": stage.profile, "strategy": stage.strategy, "limits": limits}
    )


def escalation(start: AttemptStarted, events: Sequence[Event], result: Result) -> Escalated | None:
    """What has the next stage begin; None where the result is good enough, or there is no further one."""
    number = len(folds.escalations(events)) + 1
    if start.strategy != "cascade" or result.verdict == "verified" or number >= len(start.stages):
        return None
    manifest, complete = folds.checkpoint(events)
    return Escalated(
        stage=number,
        model=start.stages[number].model,
        why=_why(result),
        result=result,
        checkpoint=manifest,
        checkpointed=complete,
    )


def _why(result: Result) -> str:
    if result.verdict == "failing":
        failing = [test.id for run in result.result_checks for test in run.failing]
        if failing:
            return f"{counted(len(failing), 'test')} still fail."
        commands = [run.check.command for run in result.result_checks if not run.passed]
        return f"`{one_line(commands[0], 100)}` still fails." if commands else "The checks still fail."
    if result.verdict == "unchanged":
        return "Nothing was changed."
    if result.result_checks:
        return "The checks pass, and it is in doubt whether the change is right."
    return "Nothing could be checked."


def doubted(stage: AttemptStarted, events: Sequence[Event], result: Result) -> Result:
    """A small model's result, in doubt where an earlier stage's change that passes the same checks was.

    That one more change passes shows nothing; that it is the same one neither, since the model was shown it: then the
    earlier doubts hold for it.
    """
    earlier = [one.result for one in folds.escalations(events)]
    doubtful = [one for one in earlier if one.verdict == "unverified" and one.result_checks]
    if result.verdict != "verified" or not stage.profile.small or not doubtful:
        return result
    same = next((one for one in doubtful if one.diff == result.diff), None)
    doubts = same.warnings if same is not None else (ANOTHER,)
    warnings = tuple(dict.fromkeys((*result.warnings, *doubts)))
    return result.model_copy(update={"verdict": "unverified", "warnings": warnings})


def concluded(start: AttemptStarted, events: Sequence[Event], result: Result) -> Finished:
    """The end of an attempt: of a cascade with the best of its stages' results, and what all of it cost."""
    if start.strategy != "cascade":
        return Finished(result=result)
    earlier = folds.escalations(events)
    runs = [_run(start.stages[at], one.result) for at, one in enumerate(earlier)]
    runs.append(_run(start.stages[len(earlier)], result))
    results = {f"{at:03}": one.result for at, one in enumerate(earlier) if one.checkpointed}
    last = f"{len(earlier):03}"
    chosen = best(results | {last: result}, prefer=last)
    whole = {
        "usage": folds.usage(events),
        "seconds": sum(run.seconds for run in runs),
        "stages": tuple(runs),
        "cost_alone": _alone(start.stages[-1].profile, runs, reached=len(runs) == len(start.stages)),
    }
    if chosen == last:
        return Finished(result=result.model_copy(update=whole))
    stage = int(chosen)
    return Finished(result=results[chosen].model_copy(update=whole), stage=stage, checkpoint=earlier[stage].checkpoint)


def _run(stage: Stage, result: Result) -> StageRun:
    return StageRun(
        model=stage.model,
        strategy=stage.strategy,
        verdict=result.verdict,
        usage=result.usage,
        seconds=result.seconds,
    )


def _alone(last: Profile, runs: Sequence[StageRun], *, reached: bool) -> float | None:
    """What the last model alone costs: what it did cost, or else the tokens of the stage that ended it at its price."""
    usage = runs[-1].usage
    if reached:
        return usage.cost
    if last.input_price is None or last.output_price is None:
        return None
    cached = last.cached_input_price if last.cached_input_price is not None else last.input_price
    fresh = usage.input_tokens - usage.cached_input_tokens
    price = fresh * last.input_price + usage.cached_input_tokens * cached + usage.output_tokens * last.output_price
    return price / 1_000_000


def of_stage(events: Sequence[Event], result: Result, now: float) -> Result:
    """A stage's result with what the stage alone used."""
    earlier = folds.escalations(events)
    if not earlier:
        return result
    began = earlier[-1].at
    used = folds.usage(folds.current(events))
    return result.model_copy(update={"usage": used, "seconds": max(now - began, 0.0)})
