"""Tasks over the API: handed out to a real engine, listed, changed, spoken to."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeyman.core.api.tasks import LineComment
from journeyman.core.task import Attempt, Status, Task, Turn, TurnRequest
from journeyman.server.auth.gate import SignIn
from journeyman.server.handing import Handing
from journeyman.server.orders import with_comments
from journeyman.server.parts import Parts, Submissions
from journeyman.server.routes.branches import elsewhere
from journeyman.server.service import create_service
from journeyman.store import Store, open_store
from tests.conftest import MakeRepository, git
from tests.engine.engine_parts import an_engine
from tests.server.people import service
from tests.server.worked import API, PROMPT, Worked, served

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32


@asynccontextmanager
async def api(
    home: Path, engine: Submissions | None = None, store: Store | None = None
) -> AsyncGenerator[tuple[httpx.AsyncClient, Store]]:
    if store is None:
        async with open_store(home) as opened, api(home, engine, opened) as both:
            yield both
        return
    parts = Parts(store=store, engine=engine, state=home, clock=time.time, model="scripted")  # type: ignore[arg-type]
    transport = httpx.ASGITransport(create_service(parts, SignIn(open=True)), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client, store


@asynccontextmanager
async def with_engine(home: Path) -> AsyncGenerator[tuple[httpx.AsyncClient, Store]]:
    """With an engine that nobody works for: what is handed out waits."""
    async with (
        open_store(home) as store,
        an_engine(home) as engine,
        api(home, Handing(store, engine, time.time), store) as both,
    ):
        yield both


async def put(store: Store, task_id: str, status: Status = "done", **fields: Any) -> None:
    """A task that has been worked on, as far as rows tell."""
    verdict = fields.pop("verdict", None)
    task = Task(
        id=task_id,
        prompt=fields.pop("prompt", f"Do {task_id}"),
        mode=fields.pop("mode", "code"),
        repository=fields.pop("repository", "/r"),
        model="m",
        created=fields.pop("created", time.time()),
        status=status,
        origin="api",
        title=fields.pop("title", f"Do {task_id}"),
        **fields,
    )
    request = TurnRequest(prompt=task.prompt, mode=task.mode, repository=task.repository)
    turn = Turn(task_id=task_id, request=request, status=status)
    await store.create(task, [Attempt(id=f"{task_id}.1.1", task_id=task_id, status=status, verdict=verdict)], turn=turn)


def ids(answer: httpx.Response) -> Sequence[str]:
    assert answer.status_code == 200, answer.text
    return [task["id"] for task in answer.json()["tasks"]]


async def test_a_task_is_handed_out_once_however_often_it_is_sent(tmp_path: Path) -> None:
    wanted = {"prompt": "Fix it", "repository": "https://git.example.com/shop.git", "attempts": 2, "ref": "main"}
    async with with_engine(tmp_path) as (client, store):
        first, second = [
            await client.post(f"{API}/tasks", json=wanted, headers={"Idempotency-Key": "k1"}) for _ in range(2)
        ]
        assert first.status_code == 201, first.text
        task = first.json()["task"]
        assert first.headers["location"] == f"{API}/tasks/{task['id']}"
        assert second.json()["task"]["id"] == task["id"]
        assert (task["status"], task["title"], task["origin"]) == ("queued", "Fix it", "api")
        [turn] = first.json()["turns"]
        assert [attempt["name"] for attempt in turn["attempts"]] == ["1.1", "1.2"]
        assert first.json()["acts"] == ["steer", "interrupt", "cancel", "archive"]
        other = await client.post(f"{API}/tasks", json=wanted | {"parent": task["id"]})
        assert other.json()["task"]["id"] != task["id"]
        assert ids(await client.get(f"{API}/tasks", params={"parent": task["id"]})) == [other.json()["task"]["id"]]

        # While it waits, it can be spoken to, and taken away after it was cancelled.
        base = f"{API}/tasks/{task['id']}"
        said = await client.post(f"{base}/steer", json={"text": "Mind the tests"}, headers={"Idempotency-Key": "m"})
        again = await client.post(f"{base}/steer", json={"text": "Mind the tests"}, headers={"Idempotency-Key": "m"})
        assert said.status_code == 202
        assert [(one["kind"], one["text"]) for one in again.json()["messages"]] == [("steer", "Mind the tests")]
        assert (await client.delete(base)).json()["error"]["code"] == "conflict"
        assert (await client.post(f"{base}/cancel")).status_code == 202
        await store.jobs.conclude(task["id"], 1, "cancelled")  # what a worker does, were there one
        assert (await client.post(f"{base}/steer", json={"text": "?"})).json()["error"]["code"] == "conflict"
        assert (await client.delete(base)).status_code == 204
        assert (await client.get(base)).status_code == 404


async def test_a_quota_of_what_waits_holds_however_many_come_at_once(tmp_path: Path) -> None:
    async with service(tmp_path) as world, an_engine(tmp_path) as engine:
        world.app.state.parts = replace(world.parts, engine=Handing(world.store, engine, time.time))
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        person = (await bo.get("/api/v1/session")).json()["person"]["id"]
        assert (await admin.put(f"/api/v1/quotas/person:{person}", json={"queued": 2})).status_code == 200
        body = {"prompt": "Do it", "repository": "https://git.example.org/shop.git"}
        sent = [bo.post(f"{API}/tasks", json=body, headers={"Idempotency-Key": f"k{number}"}) for number in range(6)]
        answers = await asyncio.gather(*sent)
        assert sorted(answer.status_code for answer in answers) == [201, 201, 429, 429, 429, 429]
        first = next(number for number, answer in enumerate(answers) if answer.status_code == 201)
        again = await bo.post(f"{API}/tasks", json=body, headers={"Idempotency-Key": f"k{first}"})
        assert (again.status_code, again.json()["task"]["id"]) == (201, answers[first].json()["task"]["id"])


async def test_a_follow_up_takes_over_what_it_does_not_say(worked: Worked, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    async with served(worked, place):
        pass
    async with with_engine(place / "home") as (client, store):
        base = f"{API}/tasks/{worked.task}"
        comment = {"path": "shop/total.py", "start": 2, "end": 3, "text": "Why not sum()?"}
        asked = {"comments": [comment], "attempt": "1.2"}
        done = await client.post(f"{base}/turns", json=asked, headers={"Idempotency-Key": "f"})
        again = await client.post(f"{base}/turns", json=asked, headers={"Idempotency-Key": "f"})
        assert done.status_code == 201, done.text
        assert len(again.json()["turns"]) == 2
        turn = again.json()["turns"][1]
        assert turn["prompt"] == "Comments on your changes:\n- shop/total.py:2-3: Why not sum()?"
        assert (turn["model"], turn["continues"]) == ("scripted", f"{worked.task}.1.2")
        assert [attempt["name"] for attempt in turn["attempts"]] == ["2.1", "2.2"]  # as many as before
        assert (await store.turns.get(worked.task, 2)).request.repository == str(worked.repository)
        once = await client.post(f"{base}/turns", json={"prompt": "Only one now", "attempts": 1})
        assert [attempt["name"] for attempt in once.json()["turns"][2]["attempts"]] == ["3.1"]
        empty = await client.post(f"{base}/turns", json={"prompt": "  "})
        assert (empty.status_code, empty.json()["error"]["code"]) == (422, "invalid")


async def test_a_task_is_forked_and_rewound_at_a_step(worked: Worked, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    async with served(worked, place):
        pass
    async with with_engine(place / "home") as (client, store):
        base = f"{API}/tasks/{worked.task}"
        forked = (await client.post(f"{base}/fork", json={"step": 1, "attempt": "1.2", "attempts": 2})).json()
        assert (forked["task"]["parent"], forked["prompt"]) == (worked.task, PROMPT)
        [turn] = forked["turns"]
        assert (turn["continues"], len(turn["attempts"])) == (f"{worked.task}.1.2", 2)
        asked = (await store.turns.get(forked["task"]["id"], 1)).request
        assert (asked.step, asked.rewind, asked.repository) == (1, False, str(worked.repository))
        answer = await client.post(f"{base}/rewind", json={"step": 1})
        assert answer.status_code == 201, answer.text
        back = answer.json()["turns"][1]
        assert (back["continues"], back["prompt"]) == (f"{worked.task}.1.1", PROMPT)
        request = (await store.turns.get(worked.task, 2)).request
        assert (request.step, request.rewind) == (1, True)
        wrong = await client.post(f"{base}/rewind", json={"step": 99, "attempt": "1.1"})
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "invalid")


def test_comments_become_part_of_the_prompt() -> None:
    comments = (
        LineComment(path="a.py", start=3, text="Too long"),
        LineComment(path="b.py", start=1, end=2, side="old", text="Keep this"),
    )
    assert with_comments("Please mend:", comments) == (
        "Please mend:\n\nComments on your changes:\n- a.py:3: Too long\n- b.py:1-2 (before the change): Keep this"
    )
    assert with_comments("Only this", ()) == "Only this"


async def test_the_list_is_filtered_searched_and_read_by_pages(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, store):
        for number in range(6):
            await put(
                store,
                f"0t{number}",
                status="failed" if number % 3 == 0 else "done",
                created=float(number + 1),
                mode="ask" if number == 4 else "code",
                title=f"Mend the {'gate' if number == 2 else 'fence'}",
                archived=number == 5,
                verdict=("failing", "verified")[number % 2],
            )
        url = f"{API}/tasks"
        assert ids(await client.get(url)) == ["0t4", "0t3", "0t2", "0t1", "0t0"]
        assert ids(await client.get(url, params={"status": ["failed"]})) == ["0t3", "0t0"]
        assert ids(await client.get(url, params={"status": ["failed", "done"], "mode": "ask"})) == ["0t4"]
        assert ids(await client.get(url, params={"verdict": "failing"})) == ["0t4", "0t2", "0t0"]
        assert ids(await client.get(url, params={"verdict": ["verified", "failing"], "status": "failed"})) == [
            "0t3",
            "0t0",
        ]
        assert ids(await client.get(url, params={"search": "GATE mend"})) == ["0t2"]
        assert ids(await client.get(url, params={"archived": "true"})) == ["0t5"]
        assert len(ids(await client.get(url, params={"archived": "both"}))) == 6
        pages, cursor = list[Sequence[str]](), None
        while True:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            answer = await client.get(url, params=query)
            pages.append(ids(answer))
            if (cursor := answer.json()["cursor"]) is None:
                break
        assert pages == [["0t4", "0t3"], ["0t2", "0t1"], ["0t0"]]
        assert (await client.get(url, params={"cursor": "nonsense"})).json()["error"]["code"] == "bad_request"
        counts = (await client.get(f"{url}/counts")).json()
        assert (counts["failed"], counts["done"], counts["archived"], counts["running"]) == (2, 3, 1, 0)


async def test_a_task_is_renamed_archived_and_read(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, store):
        await put(store, "0one")
        base = f"{API}/tasks/0one"
        changed = await client.patch(base, json={"title": "Better", "priority": 1, "archived": True})
        task = changed.json()["task"]
        assert (task["title"], task["priority"], task["archived"]) == ("Better", 1, True)
        assert (await client.patch(base, json={"title": ""})).status_code == 422
        assert (await client.patch(base, json={"colour": "red"})).status_code == 422


async def test_what_was_read_is_remembered(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        base, url = f"{API}/tasks/{worked.task}", f"{API}/tasks"
        assert ids(await client.get(url, params={"unread": True})) == [worked.task]
        assert (await client.put(f"{base}/seen", json={})).status_code == 204
        task = (await client.get(base)).json()["task"]
        assert (task["unread"], task["needs"]) == (False, None)
        assert ids(await client.get(url, params={"unread": True})) == []
        assert (await client.post(f"{url}/bulk", json={"act": "unread", "ids": [worked.task]})).status_code == 200
        assert (await client.get(f"{url}/counts")).json()["unread"] == 1


async def test_many_tasks_at_once(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, store):
        for number in range(3):
            await put(store, f"0t{number}", status="running" if number == 2 else "done")
        bulk = f"{API}/tasks/bulk"
        done = await client.post(bulk, json={"act": "archive", "ids": ["0t0", "0t1", "0t1", "0nothing"]})
        assert done.json()["done"] == ["0t0", "0t1"]
        [failed] = done.json()["failed"]
        assert failed["id"] == "0nothing"
        assert "There is no task '0nothing'" in failed["message"]
        done = await client.post(bulk, json={"act": "delete", "ids": ["0t0", "0t2"]})
        assert (done.json()["done"], [one["id"] for one in done.json()["failed"]]) == (["0t0"], ["0t2"])
        assert [entry.act for entry in await store.audit.entries()] == ["task.delete"]
        assert (await client.post(bulk, json={"act": "explode", "ids": ["0t1"]})).status_code == 422


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"repository": "https://h/r"}, "prompt"),
        ({"prompt": "", "repository": "https://h/r"}, "prompt"),
        ({"prompt": "x"}, "repository"),
        ({"prompt": "x", "repository": "https://h/r", "attempts": 9}, "attempts"),
        ({"prompt": "x", "repository": "https://h/r", "limits": {"seconds": -1}}, "limits.seconds"),
        ({"prompt": "x", "repository": "https://h/r", "images": ["0" * 64]}, "images"),
        ({"prompt": "x", "repository": "https://h/r", "starting_diff": "0" * 64}, "starting_diff"),
        ({"prompt": "x", "repository": "https://h/r", "origin": "schedule"}, "origin"),
    ],
)
async def test_what_is_wrong_is_named(tmp_path: Path, body: dict[str, Any], field: str) -> None:
    async with api(tmp_path) as (client, _):
        answer = await client.post(f"{API}/tasks", json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (422, "invalid")
        assert [one["field"] for one in error["details"]] == [field]


async def test_bodies_that_are_no_json_are_told_so(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, _):
        headers = {"Content-Type": "application/json"}
        answer = await client.post(f"{API}/tasks", content=b"{oh", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
        answer = await client.post(f"{API}/tasks", content=b'{"prompt": "' + b"x" * 5_000_000, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


async def test_images_and_patches_are_taken_in_and_nothing_else(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, store):
        image = await client.post(f"{API}/uploads", content=PNG, headers={"Content-Type": "image/png"})
        assert image.status_code == 201
        assert (image.json()["kind"], image.json()["media_type"], image.json()["size"]) == ("image", "image/png", 40)
        patch = await client.post(f"{API}/uploads", content=b"diff --git", headers={"Content-Type": "text/x-diff"})
        assert patch.json()["kind"] == "patch"
        page = b"<script>alert(1)</script>"
        for kind in ("image/svg+xml", "text/html", "image/png"):
            refused = await client.post(f"{API}/uploads", content=page, headers={"Content-Type": kind})
            assert refused.json()["error"]["code"] == "unsupported_media_type"

        name = image.json()["id"]
        task = Task(id="0one", prompt="p", mode="code", repository="/r", model="m", created=1.0, origin="api")
        request = TurnRequest(prompt="p", repository="/r", images=(name,), starting_diff=patch.json()["id"])
        await store.create(task, [Attempt(id="0one.1.1", task_id="0one")], turn=Turn(task_id="0one", request=request))
        shown = await client.get(f"{API}/tasks/0one/images/{name}")
        assert (shown.content, shown.headers["content-type"]) == (PNG, "image/png")
        assert "sandbox" in shown.headers["content-security-policy"]
        for other in (patch.json()["id"], "0" * 64):
            assert (await client.get(f"{API}/tasks/0one/images/{other}")).status_code == 404


async def test_a_task_is_named_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    async with api(tmp_path) as (client, store):
        for task in ("0abc1", "0abc2", "0xyz"):
            await put(store, task)
        assert (await client.get(f"{API}/tasks/0X")).json()["task"]["id"] == "0xyz"
        answer = await client.get(f"{API}/tasks/0abc")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
        for nothing in ("1", "%25", "0abc1.1"):
            assert (await client.get(f"{API}/tasks/{nothing}")).json()["error"]["code"] == "not_found"


async def test_the_branches_of_a_repository(tmp_path: Path, make_repository: MakeRepository) -> None:
    folder = make_repository({"a.txt": "1"})
    git(folder, "branch", "feature/é")
    async with api(tmp_path / "home") as (client, _):
        here = await client.get(f"{API}/branches", params={"repository": str(folder)})
        assert here.json() == {"branches": ["feature/é", "main"], "default": "main"}
        parts = Parts(None, None, tmp_path / "clones", time.time, "m")  # type: ignore[arg-type]
        assert (await elsewhere(parts, f"file://{folder}")).model_dump(mode="json") == here.json()
        assert (await client.get(f"{API}/branches")).json()["error"]["code"] == "invalid"
        nowhere = await client.get(f"{API}/branches", params={"repository": str(tmp_path / "nowhere")})
        assert nowhere.json()["error"]["code"] == "bad_request"
        unknown = await client.get(f"{API}/branches", params={"environment": "nothing"})
        assert unknown.json()["error"]["code"] == "not_found"
