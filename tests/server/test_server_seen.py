"""Whose tasks are whose: what somebody does not see does not exist for them, on any path."""

from pathlib import Path

import httpx
import pytest

from journeyman.core.task import Attempt, Task, Turn, TurnRequest
from tests.server.listening import listening, take
from tests.server.listening import stream as streamed
from tests.server.people import World, code, service

API = "/api/v1"


async def task_of(world: World, task_id: str, owner: str | None, group: str | None = None) -> None:
    task = Task(
        id=task_id,
        prompt="secret plans",
        mode="code",
        repository="/r",
        model="m",
        created=world.clock(),
        status="done",
        origin="api",
        owner=owner,
        group=group,
    )
    turn = Turn(task_id=task_id, request=TurnRequest(prompt="p", repository="/r"), status="done")
    await world.store.create(task, [Attempt(id=f"{task_id}.1.1", task_id=task_id)], turn=turn)


READS = ("", "/usage", "/matrix", "/log", "/export", "/attempts", "/attempts/1", "/attempts/1/work", "/attempts/1/diff")
WRITES = (
    ("PATCH", "", {"title": "x"}),
    ("DELETE", "", None),
    ("PUT", "/seen", {}),
    ("POST", "/cancel", None),
    ("POST", "/steer", {"text": "x"}),
    ("POST", "/turns", {"prompt": "x"}),
    ("POST", "/choose", {"attempt": "1"}),
    ("POST", "/retry", None),
)


async def asked(client: httpx.AsyncClient, method: str, path: str, body: object) -> httpx.Response:
    return await client.request(method, f"{API}/tasks/{path}", json=body)


async def test_other_peoples_tasks_do_not_exist(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        ann = await world.person(admin, "ann")
        bob = await world.member(admin, "bob")
        await task_of(world, "0anns", ann.id)
        for path in READS:
            assert code(await bob.get(f"{API}/tasks/0anns{path}")) == (404, "not_found"), path
        for method, path, body in WRITES:
            assert code(await asked(bob, method, f"0anns{path}", body)) == (404, "not_found"), path
        assert code(await bob.get(f"{API}/tasks/0anns/events")) == (404, "not_found")
        assert code(await bob.get(f"{API}/tasks/0a")) == (404, "not_found")
        assert (await bob.get(f"{API}/tasks", params={"search": "secret"})).json()["tasks"] == []
        assert (await bob.get(f"{API}/tasks", params={"owner": ann.id})).json()["tasks"] == []
        assert (await bob.get(f"{API}/tasks/counts")).json()["done"] == 0
        outcome = (await bob.post(f"{API}/tasks/bulk", json={"act": "archive", "ids": ["0anns"]})).json()
        assert (outcome["done"], len(outcome["failed"])) == ([], 1)
        assert (await admin.get(f"{API}/tasks/0anns")).status_code == 200
        assert not (await world.store.task("0anns")).archived


async def test_a_groups_tasks_are_its_members(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        group = (await admin.post(f"{API}/groups", json={"name": "shop"})).json()["id"]
        ann = await world.person(admin, "ann", "member", group)
        bob = await world.member(admin, "bob", "member", group)
        eve = await world.member(admin, "eve", "viewer", group)
        await task_of(world, "0anns", ann.id, group)
        shown = (await bob.get(f"{API}/tasks")).json()["tasks"]
        assert [(task["id"], task["owner_name"]) for task in shown] == [("0anns", "ann")]
        assert (await bob.patch(f"{API}/tasks/0anns", json={"title": "Ours"})).status_code == 200
        assert (await eve.get(f"{API}/tasks/0anns")).json()["acts"] == []
        assert code(await eve.patch(f"{API}/tasks/0anns", json={"title": "Mine"})) == (403, "forbidden")
        assert (await eve.put(f"{API}/tasks/0anns/seen", json={})).status_code == 204


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_strangers_get_nothing(tmp_path: Path, method: str) -> None:
    async with service(tmp_path) as world:
        await world.administrator()
        stranger = await world.client()
        await task_of(world, "0one", None)
        paths = (
            ("", "/0one", "/0one/events", "/counts") if method == "GET" else ("", "/0one/cancel", "/bulk", "/import")
        )
        for path in paths:
            answer = await stranger.request(method, f"{API}/tasks{path}", json={} if method == "POST" else None)
            assert code(answer) == (401, "unauthorized"), path


async def test_a_token_to_read_changes_nothing(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        ann = await world.person(admin, "ann")
        reading = await world.client(await world.token(await world.signed_in("ann@example.org"), "read"))
        await task_of(world, "0one", ann.id)
        assert (await reading.get(f"{API}/tasks/0one")).status_code == 200
        for method, path, body in WRITES:
            if path != "/seen":
                assert code(await asked(reading, method, f"0one{path}", body)) == (403, "forbidden"), path
        assert code(await reading.post(f"{API}/tasks/import", content=b"x")) == (403, "forbidden")


async def test_the_list_stream_tells_only_what_one_sees(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        ann = await world.person(admin, "ann")
        bob = await world.person(admin, "bob")
        secret = await world.token(await world.signed_in("bob@example.org"), "read")
        async with listening(world.app) as address, streamed(address, "/events", token=secret) as events:
            await take(events, "ready")
            await task_of(world, "0anns", ann.id)
            await task_of(world, "0bobs", bob.id)
            assert (await take(events, "task"))[0].data["id"] == "0bobs"
            await world.store.update_task("0anns", title="changed")
            await world.store.delete("0bobs")
            assert (await take(events, "gone"))[0].data["id"] == "0bobs"


async def test_a_task_goes_from_service_to_service(tmp_path: Path) -> None:
    async with service(tmp_path / "one") as world:
        admin = await world.administrator()
        await task_of(world, "0one", None)
        file = await admin.get(f"{API}/tasks/0one/export")
        assert file.headers["content-type"] == "application/zip"
        assert code(await admin.post(f"{API}/tasks/import", content=file.content)) == (409, "conflict")
    async with service(tmp_path / "two") as world:
        admin = await world.administrator()
        put = await admin.post(f"{API}/tasks/import", content=file.content)
        assert put.status_code == 201, put.text
        assert (put.json()["task"]["id"], put.json()["prompt"]) == ("0one", "secret plans")
        assert code(await admin.post(f"{API}/tasks/import", content=b"no file")) == (409, "conflict")
        assert "task.import" in await world.acts()
