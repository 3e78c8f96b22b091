"""The service with people, for its tests: over ASGI, with a browser of its own for each."""

import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI

from journeyman.core.people import Person
from journeyman.server.auth.gate import Rates, SignIn
from journeyman.server.auth.passwords import Passwords
from journeyman.server.parts import Parts
from journeyman.server.service import create_service, first_link
from journeyman.store.store import Store, open_store

PASSWORD = "a pass phrase of mine"
ORIGIN = "http://localhost:8700"


@dataclass(slots=True)
class Time:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True)
class World:
    """A service, and what tests do to it from outside."""

    app: FastAPI
    store: Store
    parts: Parts
    clock: Time
    stack: AsyncExitStack
    base: str = ORIGIN
    csrf: dict[int, str] = field(default_factory=dict[int, str])

    async def client(self, token: str | None = None, *, base: str | None = None) -> httpx.AsyncClient:
        """A browser, or with a token a program."""
        transport = httpx.ASGITransport(self.app, client=("10.0.0.7", 4711))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.AsyncClient(transport=transport, base_url=base or self.base, headers=headers)
        return await self.stack.enter_async_context(client)

    async def administrator(self) -> httpx.AsyncClient:
        """The first one, joined by the printed link."""
        link = await first_link(self.parts, self.base)
        assert link is not None
        client = await self.client()
        secret = link.partition("#")[2]
        wanted = {"secret": secret, "name": "Ada", "email": "ada@example.org", "password": PASSWORD}
        await joined(client, await client.post("/api/v1/session/invitation", json=wanted))
        return client

    async def administrator_of(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        """A browser that signed in by a provider, with the token that its page would have."""
        client.headers["X-CSRF-Token"] = (await client.get("/api/v1/session")).json()["csrf"]
        return client

    async def member(
        self, admin: httpx.AsyncClient, name: str, role: str = "member", *groups: str
    ) -> httpx.AsyncClient:
        """Somebody who is signed in."""
        await self.person(admin, name, role, *groups)
        return await self.signed_in(f"{name}@example.org")

    async def person(self, admin: httpx.AsyncClient, name: str, role: str = "member", *groups: str) -> Person:
        wanted = {
            "name": name,
            "email": f"{name}@example.org",
            "role": role,
            "password": PASSWORD,
            "groups": groups,
        }
        answer = await admin.post("/api/v1/people", json=wanted)
        assert answer.status_code == 201, answer.text
        return Person.model_validate(answer.json())

    async def signed_in(self, email: str, password: str = PASSWORD) -> httpx.AsyncClient:
        client = await self.client()
        await joined(client, await client.post("/api/v1/session", json={"email": email, "password": password}))
        return client

    async def token(self, client: httpx.AsyncClient, *scopes: str, days: float | None = 1) -> str:
        """The secret of a new token."""
        answer = await client.post("/api/v1/tokens", json={"name": "t", "scopes": scopes or ("read",), "days": days})
        assert answer.status_code == 201, answer.text
        return answer.json()["secret"]

    async def acts(self) -> list[str]:
        """The audit log's acts, the oldest first."""
        return [entry.act for entry in reversed(await self.store.audit.entries())]


async def joined(client: httpx.AsyncClient, answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    client.headers["Origin"] = str(client.base_url).rstrip("/")


@asynccontextmanager
async def service(
    home: Path, sign_in: SignIn | None = None, *, rates: Rates | None = None, base: str = ORIGIN, **parts: Any
) -> AsyncGenerator[World]:
    clock = Time()
    async with open_store(home, clock=clock) as store, AsyncExitStack() as stack:
        made = Parts(store=store, engine=None, state=home, clock=clock, model="m", **parts)  # type: ignore[arg-type]
        app = create_service(made, sign_in or SignIn(), rates)
        app.state.gate.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield World(app, store, made, clock, stack, base)


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status and the error's code."""
    return answer.status_code, answer.json()["error"]["code"]


def cookie(answer: httpx.Response) -> str:
    """The cookie that an answer sets, without its secret."""
    return re.sub(r"=[\w-]{20,}", "=SECRET", answer.headers["set-cookie"])
