"""Reading what attempts left: events, chunks, and who is at work on them. Within one transaction each."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.core.errors import UsageError
from journeyman.core.events import Event
from journeyman.store.codec import decode
from journeyman.store.holder import is_dead

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """An event and its number within the task, across all attempts, from 1."""

    attempt_id: str
    place: int
    event: Event


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """A stored chunk: its id, its place in the attempt (from 0) and its size in bytes."""

    id: str
    number: int
    size: int


def attempt_events(connection: "Connection", attempt_id: str, after: int) -> list[Event]:
    from journeyman.store.schema import EVENTS

    rows = connection.execute(EVENTS, {"attempt": attempt_id, "after": after})
    return [decode(row.body, f"Event {row.seq} of attempt {attempt_id}") for row in rows]


def task_events(connection: "Connection", task_id: str, after: int, most: int) -> list[TaskEvent]:
    """In the order of `place`; without a hole, since places are given under a lock that is held until the commit."""
    from journeyman.store.schema import TASK_EVENTS

    rows = connection.execute(TASK_EVENTS, {"task": task_id, "after": after, "most": most})
    return [
        TaskEvent(row.attempt_id, row.place, decode(row.body, f"Event {row.seq} of attempt {row.attempt_id}"))
        for row in rows
    ]


def held(connection: "Connection", attempt_id: str, now: float) -> str | None:
    """The holder whose lease runs and who may be alive."""
    from journeyman.store.schema import ATTEMPT

    row = connection.execute(ATTEMPT, {"attempt": attempt_id}).one_or_none()
    if row is None:
        raise UsageError(f"There is no attempt {attempt_id!r}.")
    return row.holder if row.holder and row.expires > now and not is_dead(row.holder) else None
