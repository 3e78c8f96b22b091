"""A service and what it works on, for results on their way out: a real attempt, a real git."""

import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.clones import ground_of
from journeyman.attempt.host import Host, ModelPlan, Tell
from journeyman.attempt.run import run_attempt
from journeyman.core.model import call
from journeyman.models.protocol import Model
from journeyman.models.scripted import Scripted
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.server.auth.gate import SignIn
from journeyman.server.parts import Parts
from journeyman.server.service import create_service
from journeyman.store import this_process
from journeyman.store.store import Store
from tests.conftest import git
from tests.server.worked import PROFILE

GIT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}
FIX = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch"
OTHER = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+three\n*** End Patch"
ELSEWHERE = "https://git.example.com/shop.git"
"""An address that git is told to find in a folder."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A service and what it works on: `bare` is the repository elsewhere, `folder` a clone of it on this machine."""

    home: Path
    store: Store
    bare: Path
    folder: Path

    @property
    def address(self) -> str:
        return f"file://{self.bare}"

    @property
    def git(self) -> Mapping[str, str]:
        """What git sees of the environment."""
        there = {"GIT_CONFIG_KEY_0": f"url.{self.address}.insteadOf", "GIT_CONFIG_VALUE_0": ELSEWHERE}
        return {**GIT, "GIT_CONFIG_COUNT": "1", **there}

    async def worked(self, place: str, *patches: str) -> str:
        """The id of a task on the repository at `place`, done by an attempt for each patch."""
        scripts = iter(patches or (FIX,))

        @asynccontextmanager
        async def open_model(name: str, tell: Tell | None) -> AsyncGenerator[Model]:
            yield Scripted((call("apply_patch", "c1", patch=next(scripts)), "It is done."), PROFILE)

        host = Host(
            state=self.home,
            home=self.home,
            path="/usr/bin:/bin",
            store=self.store,
            backend=Bubblewrap(self.home / "sandbox"),
            open_model=open_model,
            holder=this_process(),
            own_prefix=Path(sys.prefix),
            clock=time.time,
            git_environment=self.git,
        )
        order = Order("Make it two, please!", "code", place, ModelPlan("scripted", PROFILE), attempts=len(patches) or 1)
        new = await draft(order, ground_of(host))
        await self.store.create(new.task, new.attempts, new.firsts, turn=new.turn)
        for attempt in new.attempts:
            await run_attempt(host, attempt.id)
        await self.store.update_task(new.task.id, status="done", chosen=new.attempts[0].id)
        return new.task.id

    @asynccontextmanager
    async def client(self, **fields: Any) -> AsyncGenerator[httpx.AsyncClient]:
        parts = Parts(
            store=self.store,
            engine=None,  # type: ignore[arg-type]
            state=self.home,
            clock=time.time,
            model="scripted",
            git=self.git,
            **fields,
        )
        app = create_service(parts, SignIn(open=True))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client

    def said(self, *words: str) -> str:
        return git(self.bare, *words).strip()
