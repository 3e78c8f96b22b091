"""What the application is made of; handed in, so that tests and `serve` put it together as they need."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastapi import Request

from journeyman.core.ids import Clock
from journeyman.core.model import CascadeOrder
from journeyman.core.settings import KeepSettings
from journeyman.core.task import Budget, Limits, Message, MessageKind, Origin, Task, Turn, TurnRequest
from journeyman.server.catalogue import Catalogue
from journeyman.server.fetching import Fetching
from journeyman.server.workshop import Workshop
from journeyman.store.store import Store

Check = Callable[[], Awaitable[str | None]]
"""Asks a part whether it works; the answer is a sentence about what is wrong, None when nothing is."""


class Submissions(Protocol):
    """The engine, as the API needs it: what `engine.submission` does. Each call has stored what it does when it
    returns, and raises `UsageError` for what makes no sense in the state that the task is in."""

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
        continues: str | None = None,
    ) -> Task:
        """Store a task and start it; with a `key` that came before, the task of then. One that `continues` an attempt
        of another task is a fork of it."""
        ...

    async def follow_up(
        self, task_id: str, request: TurnRequest, *, author: str | None, continues: str | None, key: str | None
    ) -> Turn:
        """Store a further turn and wake the task."""
        ...

    async def say(
        self,
        task_id: str,
        kind: MessageKind,
        text: str,
        *,
        author: str | None,
        attempt: str | None,
        key: str | None,
    ) -> Message:
        """Store a message to a task at work and wake those it is for."""
        ...

    async def approve(self, task_id: str, budget: Budget, *, author: str | None, key: str | None) -> Task:
        """Give a task that stopped at its budget a new one, and have it go on."""
        ...

    async def again(self, task: Task) -> Task:
        """Have what of the newest turn has no result go on where it was."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """`state` is the folder with our git stores; `model` and `limits` are those of a task that sets none, `models` the
    names of those that are set up, and `cascade` those of that strategy, in their `cascade_order`.

    `static` holds the built web app, if there is one. `checks` are asked by `/readyz`, by the part's name. A stream
    that has nothing to say says so every `heartbeat` seconds. `git` is what git sees of the environment when it
    fetches. `workshop` builds environments on this machine, whose id is `machine`, and `fetching` gets the embedded
    model for it; `catalogue` knows the models. `keep` says how long finished tasks are kept, `push` whether results may
    be pushed to where their repository came from.
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
    git: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    heartbeat: float = 15.0
    models: Sequence[str] = ()
    cascade: tuple[str, ...] = ()
    cascade_order: CascadeOrder = "price"
    workshop: Workshop | None = None
    catalogue: Catalogue | None = None
    machine: str = ""
    keep: KeepSettings = field(default_factory=KeepSettings)
    push: bool = True
    fetching: Fetching | None = None


def parts_of(request: Request) -> Parts:
    """The parts of the application that answers `request`."""
    return request.app.state.parts
