"""What goes over the engine's wire: ids and decisions, never contents, since the engine keeps its histories."""

from typing import Literal

from journeyman.core.task import Status
from journeyman.core.value import Value

QUEUE = "journeyman"
"""The queue of the workflows themselves, which every worker takes from."""


ENDED: tuple[Status, ...] = ("done", "failed", "cancelled", "interrupted")
"""What a turn that is not worked on any more may be."""


class TaskOrder(Value):
    """A task and the turn to begin with. A worker that is not heard of for `heartbeat` seconds is taken for dead."""

    task_id: str
    turn: int = 1
    heartbeat: float = 30.0


class TurnRef(Value):
    task_id: str
    turn: int


class ScheduleRef(Value):
    schedule_id: str


class Due(Value):
    """A schedule at one of its times, which `key` tells from the others."""

    schedule_id: str
    key: str


class Queue(Value):
    """A queue of workers that can run an attempt, and how many seconds to wait there before the next one is tried."""

    name: str
    patience: float


class Place(Value):
    """Where an attempt may run, the best queue first."""

    attempt_id: str
    queues: tuple[Queue, ...]


class Placement(Value):
    """What is to be done with a turn now: "go" with these attempts, "wait" and ask again after `seconds`, or "over"."""

    state: Literal["go", "wait", "over"]
    places: tuple[Place, ...] = ()
    seconds: float = 0.0


class Ended(Value):
    """How an attempt came to its end. `outcome` is what the worker answered; None where it could not. "waits" is for a
    person to allow more."""

    attempt_id: str
    status: Literal["done", "failed", "cancelled", "waits"]
    outcome: str | None = None
    message: str = ""


class Unsettled(Value):
    """Attempts of a turn that were begun and have no result."""

    attempts: tuple[str, ...]


class Conclusion(Value):
    """How the attempts of a turn ended, and whether a person has `stopped` it."""

    task_id: str
    turn: int
    ended: tuple[Ended, ...]
    stopped: bool = False
