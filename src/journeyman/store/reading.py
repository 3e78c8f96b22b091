"""Reading what attempts left: events, chunks, and who is at work on them. Within one transaction each."""

import gc
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from journeyman.core.errors import UsageError
from journeyman.core.events import Event
from journeyman.store.codec import decode
from journeyman.store.holder import is_dead

if TYPE_CHECKING:
    from sqlalchemy import Connection


class _Uncollected:
    """While somebody is inside, Python looks for no cycles: events have none, and with tens of thousands of them new
    the looking takes longer than the reading."""

    def __init__(self) -> None:
        self._inside = 0
        self._lock = threading.Lock()
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


_uncollected = _Uncollected()


class TaskEvent(NamedTuple):
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
    from journeyman.store.statements import EVENTS

    with _uncollected:
        rows = connection.execute(EVENTS, {"attempt": attempt_id, "after": after}).fetchall()
        return [decode(body, attempt_id, seq) for seq, body in rows]


def task_events(connection: "Connection", task_id: str, after: int, most: int) -> list[TaskEvent]:
    """In the order of `place`; without a hole, since places are given under a lock that is held until the commit."""
    from journeyman.store.statements import TASK_EVENTS

    with _uncollected:
        rows = connection.execute(TASK_EVENTS, {"task": task_id, "first": after + 1, "last": after + most}).fetchall()
        return [TaskEvent(attempt_id, place, decode(body, attempt_id, seq)) for attempt_id, place, seq, body in rows]


def held(connection: "Connection", attempt_id: str, now: float) -> str | None:
    """The holder whose lease runs and who may be alive."""
    from journeyman.store.statements import ATTEMPT

    row = connection.execute(ATTEMPT, {"attempt": attempt_id}).one_or_none()
    if row is None:
        raise UsageError(f"There is no attempt {attempt_id!r}.")
    return row.holder if row.holder and row.expires > now and not is_dead(row.holder) else None
