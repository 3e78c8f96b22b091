"""What an attempt gets from the process that runs it."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.ids import Clock
from journeyman.core.model import Delta, Profile
from journeyman.models.protocol import Model
from journeyman.sandbox.protocol import SandboxBackend
from journeyman.store.store import Store

Tell = Callable[[str], None]
"""Takes a line about long work."""

OpenModel = Callable[[str, Tell | None], AbstractAsyncContextManager[Model]]
"""Opens a model by the name that the attempt recorded; it may tell what it does before it can answer."""


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as an attempt sees it; one for all attempts of a process.

    `state` is where Journeyman keeps its things and `home` the person's home directory. `path`, `virtual_env` and
    `excludes` (the person's global ignore file) come from the person's surroundings. `holder` names this process in
    leases.
    """

    state: Path
    home: Path
    path: str
    store: Store
    backend: SandboxBackend
    open_model: OpenModel
    holder: str
    own_prefix: Path
    virtual_env: Path | None = None
    excludes: Path | None = None
    global_rules: str | None = None
    clock: Clock = time.time

    def folder(self, attempt_id: str) -> Path:
        """Where an attempt keeps its layers."""
        return self.state / "attempts" / attempt_id


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while an attempt runs: pieces of a reply, retries, and lines about long work."""

    on_delta: Callable[[Delta], None] | None = None
    on_retry: Callable[[str, float], None] | None = None
    on_progress: Tell | None = None


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """The model that an attempt was given, by the name that `Host.open_model` takes, and its profile."""

    name: str
    profile: Profile
    notes: tuple[str, ...] = field(default_factory=tuple)
