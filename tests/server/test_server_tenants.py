"""What is not yours does not exist: every operation on another one's task, found in the API's own description."""

from pathlib import Path
from typing import Any

import httpx

from journeyman.core.task import Attempt, Task, Turn, TurnRequest
from tests.server.people import World, service

BODIES: dict[str, dict[str, Any]] = {
    "update_task": {"title": "mine now"},
    "follow_up": {"prompt": "more"},
    "steer_task": {"text": "do this instead"},
    "steer": {"text": "do this instead"},
    "choose": {"attempt": "1"},
    "choose_attempt": {"attempt": "1"},
    "approve": {"budget": {"tokens": 5}},
    "approve_task": {"budget": {"tokens": 5}},
    "mark_seen": {"seq": 1},
}
FILLED = {"task_id": "0bobobobobobob", "attempt": "1.1", "chunk": "9c41d2", "turn": "1", "number": "1"}


class Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "0" * 64  # an id of what was uploaded


OTHERS = {"path": "app.py", "line": "1", "start": "1", "end": "1", "seq": "1", "against": "base", "citation": "0"}


async def task_of(world: World, owner: str, group: str | None) -> None:
    task_id = FILLED["task_id"]
    task = Task(id=task_id, prompt="p", mode="code", repository="/r", model="m", created=1.0, owner=owner, group=group)
    turn = Turn(task_id=task_id, request=TurnRequest(prompt="p", repository="/r"), author=owner)
    await world.store.create(task, [Attempt(id=f"{task_id}.1.1", task_id=task_id)], turn=turn)


def operations(described: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The operations on one task: method, path with its names filled in, operation id."""
    found = list[tuple[str, str, str]]()
    for path, methods in described["paths"].items():
        if "{task_id}" in path:
            for method, operation in methods.items():
                query = "&".join(
                    f"{each['name']}={OTHERS.get(each['name'], '1')}"
                    for each in operation.get("parameters", ())
                    if each["in"] == "query" and each["required"]
                )
                found.append((method.upper(), f"{path.format_map(Filled(FILLED))}?{query}", operation["operationId"]))
    return found


async def asked(client: httpx.AsyncClient, method: str, path: str, name: str) -> httpx.Response:
    return await client.request(method, path, json=BODIES.get(name, {}) if method in ("POST", "PATCH", "PUT") else None)


async def test_no_operation_tells_a_stranger_of_a_task(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        group = (await admin.post("/api/v1/groups", json={"name": "shop"})).json()["id"]
        await world.person(admin, "bo", "member", group)
        cy = await world.member(admin, "cy")
        vi = await world.member(admin, "vi", "viewer", group)
        ids = {each["name"]: each["id"] for each in (await admin.get("/api/v1/people")).json()["people"]}
        described = (await admin.get("/api/v1/openapi.json")).json()
        every = operations(described)
        assert len(every) > 25
        before = [(name, await asked(cy, method, path, name)) for method, path, name in every]
        await task_of(world, ids["bo"], group)
        after = [(name, await asked(cy, method, path, name)) for method, path, name in every]
        for (name, missing), (_, hidden) in zip(before, after, strict=True):
            assert (name, missing.status_code) == (name, 404), missing.text
            assert (name, hidden.status_code, hidden.text) == (name, 404, missing.text)
        # Nor do lists, counts, or acts on many.
        assert (await cy.get("/api/v1/tasks")).json()["tasks"] == []
        assert set((await cy.get("/api/v1/tasks/counts")).json().values()) == {0}
        many = {"act": "archive", "ids": [FILLED["task_id"]]}
        bulk = (await cy.post("/api/v1/tasks/bulk", json=many)).json()
        assert (bulk["done"], [each["id"] for each in bulk["failed"]]) == ([], [FILLED["task_id"]])
        assert not (await world.store.task(FILLED["task_id"])).archived
        # Who is in the group sees it, and a viewer changes nothing.
        assert [each["id"] for each in (await vi.get("/api/v1/tasks")).json()["tasks"]] == [FILLED["task_id"]]
        assert (await vi.get(f"/api/v1/tasks/{FILLED['task_id']}")).json()["acts"] == []
        changes = [(method, path, name) for method, path, name in every if method != "GET" and name != "mark_seen"]
        assert len(changes) > 8
        for method, path, name in changes:
            answer = await asked(vi, method, path, name)
            assert (name, answer.status_code) == (name, 403), answer.text


async def test_what_is_handed_out_in_an_environment_is_for_its_group(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        group = (await admin.post("/api/v1/groups", json={"name": "shop"})).json()["id"]
        other = (await admin.post("/api/v1/groups", json={"name": "yard"})).json()["id"]
        bo = await world.member(admin, "bo", "member", group, other)
        cy = await world.member(admin, "cy")
        for name, whose in (("shop", group), ("all", "everybody")):
            wanted = {"name": name, "repository": "https://git.example.org/x.git", "text": "", "group": whose}
            assert (await admin.post("/api/v1/environments", json=wanted)).status_code == 201
        told = list[str | None]()
        for environment, named in (("shop", None), ("shop", other), ("all", None), ("auto", None)):
            task = {"prompt": "p", "environment": environment, "repository": "https://git.example.org/x.git"}
            wanted = {"name": "s", "cron": "0 7 * * *", "task": task, "group": named}
            made = await bo.post("/api/v1/schedules", json=wanted)
            told.append(made.json()["schedule"]["group"])
        assert told == [group, other, None, None]
        hidden = {"name": "s", "cron": "0 7 * * *", "task": {"prompt": "p", "environment": "shop"}}
        assert (await cy.post("/api/v1/schedules", json=hidden)).status_code == 404
