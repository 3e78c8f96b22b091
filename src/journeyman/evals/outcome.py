"""What came of one attempt at one task of a set."""

from typing import Literal

from journeyman.core.evidence import Result, StageRun
from journeyman.core.task import StopReason, Verdict
from journeyman.core.usage import Usage
from journeyman.core.value import Value
from journeyman.evals.grade import Grade

Kind = Literal[
    "solved",
    "ungraded",
    "false verified",
    "checks fail",
    "unverified and wrong",
    "unchanged",
    "stuck",
    "out of steps",
    "out of time",
    "out of tokens",
    "out of money",
    "stopped",
    "model error",
    "error",
]
"""solved: the grader agrees. ungraded: nobody here can tell. false verified: the checks passed, the grader disagrees.
Of the rest, the reason why the work ended goes before the verdict that it ended with."""

_BY_STOP: dict[StopReason, Kind] = {
    "steps": "out of steps",
    "time": "out of time",
    "tokens": "out of tokens",
    "money": "out of money",
    "budget": "out of money",
    "stuck": "stuck",
    "interrupted": "stopped",
    "cancelled": "stopped",
    "model": "model error",
    "sandbox": "error",
    "error": "error",
}


class Outcome(Value):
    """One graded attempt. `instance` is the task of the set, `task_id` and `attempt_id` name the log in the store.

    `chosen` says that a person would have been handed this one of the task's attempts; `diff` is the blob id of its
    patch. Seconds are those of the attempt, without grading. `stages` are the models of a cascade that were tried; the
    last one of all alone would have cost about `cost_alone`, None where that is not known.
    """

    kind: Literal["outcome"] = "outcome"
    instance: str
    number: int
    task_id: str
    attempt_id: str
    verdict: Verdict
    stop: StopReason | None = None
    message: str = ""
    grade: Grade
    usage: Usage = Usage()
    seconds: float = 0.0
    diff: str | None = None
    lines: int = 0
    warnings: int = 0
    chosen: bool = False
    stages: tuple[StageRun, ...] = ()
    cost_alone: float | None = None

    @property
    def solved(self) -> bool:
        return self.grade.solved is True

    @property
    def falsely_verified(self) -> bool:
        return self.verdict == "verified" and self.grade.solved is False

    @property
    def failure(self) -> Kind:
        """How it ended, in the words of a report."""
        if self.solved:
            return "solved"
        if self.grade.solved is None and self.verdict != "unchanged":
            return "ungraded"
        if self.falsely_verified:
            return "false verified"
        if self.stop is not None and (ended := _BY_STOP.get(self.stop)) is not None:
            return ended
        if self.verdict == "unchanged":
            return "unchanged"
        return "checks fail" if self.verdict == "failing" else "unverified and wrong"


class Broken(Value):
    """An attempt that could not come to a result, for a reason that is not the model's work. It is tried again when the
    run is gone on with, and counts as not solved until then."""

    kind: Literal["broken"] = "broken"
    instance: str
    number: int
    message: str


class Begun(Value):
    """A task of the set was stored as a task, so that its attempts are found again."""

    kind: Literal["begun"] = "begun"
    instance: str
    task_id: str


class Chosen(Value):
    """All attempts at a task are over, and this one would be handed over; 0 where none came to a result."""

    kind: Literal["chosen"] = "chosen"
    instance: str
    number: int


def outcome_of(instance: str, number: int, task_id: str, attempt_id: str, result: Result, grade: Grade) -> Outcome:
    """The outcome of an attempt with its grade; why it stopped is added by who has the log."""
    return Outcome(
        instance=instance,
        number=number,
        task_id=task_id,
        attempt_id=attempt_id,
        verdict=result.verdict,
        grade=grade,
        usage=result.usage,
        seconds=round(result.seconds, 3),
        diff=result.diff,
        lines=sum(change.added + change.removed for change in result.changes),
        warnings=len(result.warnings),
        stages=result.stages,
        cost_alone=result.cost_alone,
    )
