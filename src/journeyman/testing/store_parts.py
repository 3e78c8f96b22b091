"""What tests of a store are made of."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from journeyman.core.task import Attempt, Task
from journeyman.store import Store, this_process

Backing = Callable[[], AbstractAsyncContextManager[Store]]


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def a_task(task_id: str = "0task", *, repository: str = "/repo", created: float = 1.0, attempts: int = 1) -> Task:
    return Task(
        id=task_id,
        prompt="fix it",
        mode="code",
        repository=repository,
        model="scripted",
        created=created,
        updated=created,
        attempts=attempts,
    )


def an_attempt(number: int = 1, task_id: str = "0task") -> Attempt:
    return Attempt(id=f"{task_id}.1.{number}", task_id=task_id, number=number)


def elsewhere() -> str:
    """A holder of which nobody here can tell whether it is alive."""
    return "elsewhere 7 boot.pid:[1].99"


def a_dead_process() -> str:
    """A holder that was a process of this very system and is gone."""
    return this_process() + "0"
