from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response
from starlette.routing import Route

from journeyman.server.app import create_app
from journeyman.server.parts import Parts
from journeyman.store.store import open_store


@asynccontextmanager
async def application(home: Path, **parts: object) -> AsyncGenerator[tuple[FastAPI, httpx.AsyncClient]]:
    async with open_store(home) as store:
        app = create_app(Parts(store=store, engine=None, state=home, clock=lambda: 1.0, model="m", **parts))  # type: ignore[arg-type]
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield app, client


async def test_it_says_whether_it_lives_and_what_is_wrong(tmp_path: Path) -> None:
    async def works() -> None:
        return None

    async def broken() -> str:
        return "The engine does not answer."

    async with application(tmp_path, checks={"store": works, "engine": works}) as (_, client):
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "parts": {"store": "", "engine": ""}})
    async with application(tmp_path, checks={"engine": broken}) as (_, client):
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]) == (503, {"engine": "The engine does not answer."})


async def test_every_failure_has_one_shape(tmp_path: Path) -> None:
    async with application(tmp_path) as (app, client):

        async def bug(_request: Request) -> Response:
            raise ZeroDivisionError

        app.router.routes.insert(0, Route("/api/v1/bug", bug))
        answers = [
            await client.get("/api/v1/nothing"),
            await client.post("/healthz"),
            await client.get("/api/v1/bug"),
        ]
        assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [
            (404, "not_found"),
            (405, "method_not_allowed"),
            (500, "internal"),
        ]
        assert answers[0].json()["error"]["message"] == "There is nothing at /api/v1/nothing."
        assert "ZeroDivision" not in answers[2].text


async def test_nothing_that_is_answered_is_run_by_a_browser(tmp_path: Path) -> None:
    async with application(tmp_path) as (_, client):
        for path in ("/api/v1/openapi.json", "/api/v1/nothing", "/healthz", "/"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "unsafe" not in headers["content-security-policy"]


async def test_the_web_app_is_served_where_it_is_built_and_its_absence_is_told(tmp_path: Path) -> None:
    async with application(tmp_path) as (_, client):
        assert "comes without the web app" in (await client.get("/")).text
        assert (await client.get("/tasks/1")).json()["error"]["code"] == "not_found"
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("<title>app</title>")
    (static / "assets" / "app-1.js").write_text("1")
    async with application(tmp_path, static=static) as (_, client):
        assert (await client.get("/")).text == "<title>app</title>"
        assert (await client.get("/tasks/1")).text == "<title>app</title>"
        assert (await client.get("/missing.js")).status_code == 404
        assert "immutable" in (await client.get("/assets/app-1.js")).headers["cache-control"]
        assert (await client.get("/tasks/1")).headers["cache-control"] == "no-cache"
        assert (await client.get("/api/v1/nothing")).json()["error"]["code"] == "not_found"


async def test_operations_are_named_by_what_they_do(tmp_path: Path) -> None:
    async with application(tmp_path) as (_, client):
        paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert {"healthz", "readyz"} <= set(names)
    assert len(names) == len(set(names))
