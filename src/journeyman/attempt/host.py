"""What an attempt gets from the process that runs it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.environment import NetworkPolicy, Refusal
from journeyman.core.ids import Clock
from journeyman.core.model import Delta, Profile
from journeyman.models.prices import CostOf
from journeyman.models.protocol import Model
from journeyman.sandbox.protocol import Gateway, SandboxBackend
from journeyman.store.store import Store

Tell = Callable[[str], None]
"""Takes a line about long work."""

OpenModel = Callable[[str, Tell | None], AbstractAsyncContextManager[Model]]
"""Opens a model by the name that the attempt recorded; it may tell what it does before it can answer."""

Brokered = Mapping[str, tuple[str, Sequence[str]]]
"""Secrets by the variable that holds their dummy: the value, and the patterns of hosts that it is for."""

OpenGateway = Callable[
    [NetworkPolicy, Brokered, Callable[[Refusal], None]], AbstractAsyncContextManager[Gateway | None]
]
"""Opens the way out that a policy allows, None where that is none; it tells of each request that it refuses."""

Refresh = Callable[[str, str], None]
"""Has the environment of a repository (its path, and what the person called for) built anew in the background."""

Variables = Callable[[], Awaitable[Mapping[str, str]]]
"""Variables for set-up that point package tools to the indexes that this machine uses."""

DISK_BYTES = 20 * 1024**3
"""What the environments that are ready may take together."""


@dataclass(frozen=True, slots=True)
class Host:
    """The machine as an attempt sees it; one for all attempts of a process.

    `state` is where Journeyman keeps its things and `home` the person's home directory. `path`, `virtual_env` and
    `excludes` (the person's global ignore file) come from the person's surroundings. `holder` names this process in
    leases. `environment_disk_bytes` is the room for environments that are ready, `image_backend` finds what opens
    sandboxes in a container image; it takes its time, and tells how fetching one goes. `git_environment` are the
    variables with which git signs in to repositories elsewhere. `leave` is set when this process is to end: attempts
    stop at their step then and are left to another one. `judge` is the model that is asked between attempts which
    nothing else tells apart: None is the attempts' own, where its profile lets it, "off" none.
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
    open_gateway: OpenGateway | None = None
    index_variables: Variables | None = None
    image_backend: Callable[[str, Tell], SandboxBackend] | None = None
    refresh: Refresh | None = None
    environment_disk_bytes: int = DISK_BYTES
    leave: asyncio.Event | None = None
    judge: str | None = None
    git_environment: Mapping[str, str] = field(default_factory=dict[str, str])

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
    """The model that an attempt was given, by the name that `Host.open_model` takes, and its profile.

    `look_up` finds its published price, in a thread, where the profile has none.
    """

    name: str
    profile: Profile
    notes: tuple[str, ...] = field(default_factory=tuple)
    look_up: Callable[[], CostOf | None] | None = None
