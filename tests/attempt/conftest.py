"""Attempts in this process: the real store, sandbox and git; the model plays a script."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import pytest

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.clones import ground_of
from journeyman.attempt.host import Host, ModelPlan, Tell
from journeyman.attempt.run import run_attempt
from journeyman.core.events import Event
from journeyman.core.evidence import Result
from journeyman.core.ids import Clock
from journeyman.core.model import Profile
from journeyman.core.task import Budget, Limits, Mode
from journeyman.models.protocol import Model
from journeyman.models.script import Entry
from journeyman.models.scripted import Scripted
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.store import open_store, this_process
from journeyman.store.environments import Environments

PROFILE = Profile(name="scripted")


@dataclass(slots=True)
class Bench:
    """Runs tasks on a repository with a scripted model."""

    host: Host
    model: Scripted
    profile: Profile = PROFILE

    async def run(
        self,
        folder: Path,
        prompt: str = "Do it",
        mode: Mode = "code",
        limits: Limits | None = None,
        environment: str = "off",
        checks: tuple[str, ...] = (),
    ) -> tuple[Result, list[Event]]:
        attempt = await self.begin(folder, prompt, mode, limits, environment, checks=checks)
        result = await run_attempt(self.host, attempt)
        return result, await self.host.store.events(attempt)

    async def begin(
        self,
        folder: Path,
        prompt: str = "Do it",
        mode: Mode = "code",
        limits: Limits | None = None,
        environment: str = "off",
        budget: Budget | None = None,
        strategy: Literal["loop", "repair"] = "loop",
        checks: tuple[str, ...] = (),
        owner: str | None = None,
    ) -> str:
        """Store a task; the id of its attempt."""
        plan = ModelPlan("scripted", self.profile)
        limits = limits or Limits()
        order = Order(
            prompt, mode, folder, plan, limits=limits, environment=environment, strategy=strategy, checks=checks
        )
        stored: asyncio.Future[Environments] = asyncio.get_running_loop().create_future()
        stored.set_result(self.host.store.environments)
        new = await draft(order, ground_of(self.host), self.host.clock, stored)
        task = new.task.model_copy(update={"budget": budget or Budget(), "owner": owner})
        await self.host.store.create(task, new.attempts, new.firsts)
        return new.attempts[0].id


class MakeBench(Protocol):
    """Makes a bench whose model plays this script; `clock` is the host's."""

    def __call__(self, script: Sequence[Entry], *, clock: Clock = time.time) -> Bench: ...


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[MakeBench]:
    state = tmp_path / "state"
    async with open_store(state) as store:

        def make(script: Sequence[Entry], *, clock: Clock = time.time) -> Bench:
            model = Scripted(script, PROFILE)

            @asynccontextmanager
            async def open_model(name: str, tell: Tell | None) -> AsyncGenerator[Model]:
                yield model

            host = Host(
                state=state,
                home=tmp_path,
                path="/usr/bin:/bin",
                store=store,
                backend=Bubblewrap(state / "sandbox"),
                open_model=open_model,
                holder=this_process(),
                own_prefix=Path(sys.prefix),
                clock=clock,
            )
            return Bench(host, model)

        yield make
