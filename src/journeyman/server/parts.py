"""What the application is made of; handed in, so that tests and `serve` put it together as they need."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastapi import Request

from journeyman.core.ids import Clock
from journeyman.core.task import Budget, Limits, Message, Origin, Task, Turn, TurnRequest
from journeyman.store.store import Store

Check = Callable[[], Awaitable[str | None]]
"""Asks a part whether it works; the answer is a sentence about what is wrong, None when nothing is."""


class Submissions(Protocol):
    """The engine, as the API needs it. Each call has stored what it does when it returns."""

    async def submit(
        self,
        request: TurnRequest,
        *,
        owner: str | None,
        group: str | None,
        origin: Origin,
        key: str | None,
        budget: Budget,
        priority: int,
        parent: str | None,
    ) -> Task:
        """Store a task and start it; with a `key` that came before, the task of then."""
        ...

    async def follow_up(
        self, task_id: str, request: TurnRequest, *, author: str | None, continues: str | None, key: str | None
    ) -> Turn:
        """Store a further turn and wake the task."""
        ...

    async def say(self, message: Message, *, key: str | None = None) -> Message:
        """Store a message to a task at work and wake those it is for."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """`state` is the folder with our git stores; `limits` are those of a task that sets none.

    `static` holds the built web app, if there is one. `checks` are asked by `/readyz`, by the part's name. `routes`
    are further routers.
    """

    store: Store
    engine: Submissions
    state: Path
    clock: Clock
    model: str
    limits: Limits = field(default_factory=Limits)
    static: Path | None = None
    checks: Mapping[str, Check] = field(default_factory=lambda: dict[str, Check]())
    excludes: Path | None = None
    heartbeat: float = 15.0
    models: Sequence[str] = ()


def parts_of(request: Request) -> Parts:
    """The parts of the application that answers `request`."""
    return request.app.state.parts
