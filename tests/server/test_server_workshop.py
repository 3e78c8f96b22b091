"""Environments built by the service in a real sandbox, and watched over the API."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from journeyman.attempt.host import Host, Tell
from journeyman.core.people import Person
from journeyman.core.task import Limits
from journeyman.models.protocol import Model
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.server.auth.gate import SignIn
from journeyman.server.workshop import Workshop
from journeyman.store import this_process
from journeyman.store.store import Store, open_store
from tests.conftest import MakeRepository
from tests.server.people import World, code, service


@asynccontextmanager
async def no_model(name: str, tell: Tell | None) -> AsyncGenerator[Model]:
    raise AssertionError(name)
    yield


def host(state: Path, store: Store) -> Host:
    return Host(
        state=state,
        home=state.parent,
        path="/usr/bin:/bin",
        store=store,
        backend=Bubblewrap(state / "sandbox"),
        open_model=no_model,
        holder=this_process(),
        own_prefix=Path(sys.prefix),
    )


@asynccontextmanager
async def workshop(state: Path) -> AsyncGenerator[tuple[World, httpx.AsyncClient]]:
    async with service(state, SignIn(open=True)) as world:
        made = Workshop(host(state, world.store), Limits())
        world.app.state.parts = replace(world.parts, workshop=made)
        try:
            yield world, await world.client()
        finally:
            await made.close()


async def watched(client: httpx.AsyncClient) -> dict[str, Any]:
    """The whole log of a set-up, when it has ended."""
    lines: list[str] = []
    log: dict[str, Any] = {"next": 0}
    while True:
        url = f"/api/v1/environments/shop/log?wait=20&after={log['next']}"
        log = (await client.get(url)).json()
        lines += log["lines"]
        if log["state"] != "building" and not log["lines"]:
            return log | {"lines": lines}


async def test_it_is_set_up_and_seen_and_thrown_away(tmp_path: Path, make_repository: MakeRepository) -> None:
    folder = make_repository({"app.py": "x = 1\n", "check.sh": "exit 3\n"})
    text = 'checks = ["sh check.sh"]\n[setup]\nscript = "echo hello from set-up; seq 50; echo made > ~/made"\n'
    async with workshop(tmp_path / "state") as (_, client):
        wanted = {"name": "shop", "repository": str(folder), "text": text}
        assert (await client.post("/api/v1/environments", json=wanted)).json()["state"] == "new"
        assert (await client.get("/api/v1/environments/shop/log")).json()["state"] == "none"
        begun = await client.post("/api/v1/environments/shop/build")
        assert (begun.status_code, begun.json()["state"]) == (202, "building")
        assert code(await client.post("/api/v1/environments/shop/build")) == (409, "conflict")
        log = await watched(client)
        assert (log["state"], log["error"]) == ("ready", None), log
        at = log["lines"].index("hello from set-up")
        assert log["lines"][at + 1 : at + 51] == [str(number) for number in range(1, 51)]
        shown = (await client.get("/api/v1/environments/shop")).json()
        assert (shown["state"], shown["acts"]) == ("ready", ["edit", "build", "reset", "delete"])
        [build] = shown["builds"]
        assert (build["checks"][0]["exit_code"], build["stale"], build["size"] > 0) == (3, False, True)
        assert build["probes"] and all(probe["held"] for probe in build["probes"])
        tried = (await client.post("/api/v1/environments/shop/self-test")).json()
        assert tried["held"] and {probe["name"] for probe in tried["probes"]} >= {"direct TCP", "name lookup"}
        assert (await client.post("/api/v1/environments/shop/reset")).json() == {"dropped": 1, "kept": 0}
        assert (await client.get("/api/v1/environments/shop")).json()["state"] == "new"


async def test_a_set_up_that_fails_says_why_also_after_a_restart(
    tmp_path: Path, make_repository: MakeRepository
) -> None:
    folder = make_repository({"app.py": "x = 1\n"})
    text = '[setup]\nscript = """\necho before\ncat /no/such/file\n"""\n'
    async with workshop(tmp_path / "state") as (_, client):
        await client.post("/api/v1/environments", json={"name": "shop", "repository": str(folder), "text": text})
        await client.post("/api/v1/environments/shop/build", json={"fresh": True})
        log = await watched(client)
        assert log["state"] == "failed"
        assert "cat /no/such/file" in log["error"]
    async with workshop(tmp_path / "state") as (_, client):
        shown = (await client.get("/api/v1/environments/shop")).json()
        assert (shown["state"], shown["failure"]["command"]) == ("failed", "cat /no/such/file")
        log = (await client.get("/api/v1/environments/shop/log")).json()
        assert (log["state"], "before" in log["lines"]) == ("failed", True)
        assert "No such file" in "\n".join(log["lines"])


async def test_what_one_person_stored_has_no_say_in_anothers_tasks(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        group = await store.people.add_group("shop")
        other = await store.people.add_group("yard")
        for name, groups in (("bo", (group.id,)), ("cy", ()), ("di", (group.id, other.id))):
            await store.people.add(Person(id=name, name=name, email=f"{name}@example.org", groups=groups))
        await store.people.add(Person(id="ada", name="ada", email="ada@example.org", role="admin"))
        put = store.environments.put
        await put("terminal", "R", "")
        await put("bos", "R", "", belongs=("bo", None))
        await put("shops", "R", "", belongs=("bo", group.id))
        await put("yards", "R", "", belongs=("di", other.id))
        told = dict[str | None, tuple[list[str], str | None]]()
        for person in (None, "bo", "cy", "di", "ada"):
            seen = store.environments.seen_by(person)
            first = await seen.of("R")
            told[person] = ([each.name for each in await seen.all()], first.name if first else None)
        assert told == {
            None: (["bos", "shops", "terminal", "yards"], "terminal"),
            "bo": (["bos", "shops"], "shops"),
            "cy": ([], None),
            "di": (["shops", "yards"], "yards"),
            "ada": (["bos", "shops", "terminal", "yards"], None),  # by name, not because somebody stored it
        }
        await store.environments.approve("R", "digest")
        assert [await store.environments.seen_by(person).is_approved("R", "digest") for person in (None, "bo")] == [
            True,
            False,
        ]
