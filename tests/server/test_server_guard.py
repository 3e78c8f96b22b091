"""What is turned away before a route is asked, and streams that end with the right to them."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.types import Message

from journeyman.server.auth.actor import Reader
from journeyman.server.auth.gate import SignIn
from tests.server.people import code, service

EVIL = "https://evil.example.net"


async def test_a_change_by_a_cookie_needs_the_token_of_the_session(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        wanted = {"name": "shop"}
        token = admin.headers.pop("X-CSRF-Token")
        for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": token[:-1] + "x"}, {"X-CSRF-Token": "ä"}):
            raw = {key.encode(): value.encode() for key, value in headers.items()}
            refused = await admin.post("/api/v1/groups", json=wanted, headers=list(raw.items()))
            assert code(refused) == (403, "forbidden")
            assert refused.json()["error"]["details"] == {"reason": "csrf"}
            assert refused.headers["x-content-type-options"] == "nosniff"
        other = await world.signed_in("ada@example.org")
        foreign = await admin.post(
            "/api/v1/groups", json=wanted, headers={"X-CSRF-Token": other.headers["X-CSRF-Token"]}
        )
        assert code(foreign) == (403, "forbidden")
        assert (await admin.get("/api/v1/groups")).status_code == 200
        allowed = await admin.post("/api/v1/groups", json=wanted, headers={"X-CSRF-Token": token})
        assert allowed.status_code == 201


FOREIGN = [
    {"Origin": EVIL},
    {"Origin": "null"},
    {"Origin": "http://localhost:8701"},
    {"Origin": "http://localhost:8700.evil.example.net"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
]


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_page_of_another_site_changes_nothing(tmp_path: Path, is_open: bool) -> None:
    async with service(tmp_path, SignIn(open=is_open)) as world:
        browser = await world.client() if is_open else await world.administrator()
        for headers in FOREIGN:
            refused = await browser.post("/api/v1/groups", json={"name": "x"}, headers=headers)
            assert code(refused) == (403, "forbidden"), headers
            assert refused.json()["error"]["details"] == {"reason": "origin"}
            signing_in = await browser.post("/api/v1/session", json={"email": "a@b", "password": "c"}, headers=headers)
            assert code(signing_in) == (403, "forbidden"), headers
        assert (await world.store.people.groups()) == []


async def test_a_page_of_another_site_reads_nothing_and_may_link_here(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        site = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
        assert code(await admin.get("/api/v1/people", headers=site)) == (403, "forbidden")
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert (await admin.get("/api/v1/people", headers=link)).status_code == 200


STRANGE = ("evil.example.net", "evil.example.net:8700", "10.0.0.7:8700", "", "localhost.evil.example.net", "[::2]:8700")
OURS = ("localhost:8700", "127.0.0.1:8700", "[::1]:8700", "LOCALHOST", "127.1.2.3", "jm.localhost")


async def test_a_server_without_sign_in_answers_for_this_machine_alone(tmp_path: Path) -> None:
    async with service(tmp_path, SignIn(open=True)) as world:
        browser = await world.client()
        for host in STRANGE:
            for path in ("/", "/api/v1/groups", "/healthz", "/metrics"):
                refused = await browser.get(path, headers={"Host": host})
                assert code(refused) == (403, "forbidden"), (host, path)
                assert refused.json()["error"]["details"] == {"reason": "host"}
        for host in OURS:
            headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
            assert (await browser.post("/api/v1/groups", json={"name": host}, headers=headers)).status_code == 201


async def test_a_service_with_an_address_answers_for_no_other(tmp_path: Path) -> None:
    async with service(tmp_path, SignIn(public_url="https://jm.example.org/"), base="https://jm.example.org") as world:
        admin = await world.administrator()
        wanted = {"name": "shop"}
        assert (await admin.post("/api/v1/groups", json=wanted)).status_code == 201
        foreign = await admin.get("/api/v1/groups", headers={"Host": "other.example.org"})
        assert code(foreign) == (403, "forbidden")
        assert (await admin.get("/healthz", headers={"Host": "10.0.0.1"})).status_code == 200
        # A proxy that talks to the server by another name: the browser's origin is the public one.
        inner = {"Host": "127.0.0.1:8700", "Origin": "https://jm.example.org"}
        cookie = f"__Host-journeyman_session={admin.cookies['__Host-journeyman_session']}"
        behind = await admin.post("/api/v1/groups", json={"name": "b"}, headers=inner | {"Cookie": cookie})
        assert behind.status_code == 201
        plain = await admin.post("/api/v1/groups", json={"name": "c"}, headers={"Origin": "http://jm.example.org"})
        assert plain.status_code == 201  # Host and Origin agree


async def test_a_token_needs_no_page(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        program = await world.client(await world.token(admin, "admin"))
        assert (await program.post("/api/v1/groups", json={"name": "x"})).status_code == 201
        # A browser that has both is taken for the token alone: a bad token is not mended by a cookie.
        bad = await admin.get("/api/v1/session", headers={"Authorization": "Bearer jm_wrong"})
        assert code(bad) == (401, "unauthorized")
        for header in ("Basic YTpi", "Bearer", "bearer  ", "jm_x"):
            assert code(await admin.get("/api/v1/session", headers={"Authorization": header})) == (401, "unauthorized")


async def test_every_operation_but_a_few_needs_somebody(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        stranger = await world.client()
        described = (await stranger.get("/api/v1/openapi.json")).json()
        open_ = set[str]()
        for path, operations in described["paths"].items():
            for method, operation in operations.items():
                if not path.startswith("/api/"):
                    continue
                answer = await stranger.request(method, path.replace("{", "").replace("}", ""), json={})
                if answer.status_code != 401:
                    open_.add(operation["operationId"])
                else:
                    assert operation["security"], path
        assert open_ == {
            "sign_in_ways",
            "sign_in",
            "look_at_invitation",
            "accept_invitation",
            "openid_begin",
            "openid_callback",
        }


async def test_a_stream_ends_with_the_right_to_it(tmp_path: Path) -> None:
    router = APIRouter()
    more = asyncio.Event()

    @router.get("/api/v1/stream")
    async def stream(actor: Reader) -> StreamingResponse:
        async def lines() -> AsyncGenerator[bytes]:
            while True:
                await more.wait()
                more.clear()
                yield b"line\n"

        return StreamingResponse(lines())

    async with service(tmp_path) as world:
        world.app.include_router(router)
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        person = (await bo.get("/api/v1/session")).json()["person"]["id"]
        now = [0.0]
        world.app.state.gate.monotonic = lambda: now[0]
        sent = asyncio.Queue[Message]()

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/v1/stream",
            "raw_path": b"/api/v1/stream",
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"localhost:8700"),
                (b"cookie", f"journeyman_session={bo.cookies['journeyman_session']}".encode()),
            ],
            "client": ("10.0.0.7", 1),
            "server": ("localhost", 8700),
            "app": world.app,
        }
        running = asyncio.create_task(world.app(scope, receive, sent.put))

        async def next_line(*, asked: bool = True) -> Message:
            if asked:
                more.set()
            async with asyncio.timeout(120):
                return await sent.get()

        assert (await next_line(asked=False))["type"] == "http.response.start"
        assert (await next_line())["body"] == b"line\n"
        now[0] = 6.0
        assert (await next_line())["body"] == b"line\n"
        await admin.patch(f"/api/v1/people/{person}", json={"disabled": True})
        assert (await next_line())["body"] == b"line\n"  # for some seconds more
        now[0] = 12.0
        assert (await next_line()) == {"type": "http.response.body", "body": b"", "more_body": False}
        async with asyncio.timeout(120):
            await running


async def test_what_no_database_can_write_is_in_no_address(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        admin = await world.administrator()
        for path in ("/people/a%00b", "/audit?act=%00", "/tokens?person=a%00"):
            assert code(await admin.get(f"/api/v1{path}")) == (400, "bad_request")
        for email in ("a\0b@example.org", "a\nb@example.org"):
            assert code(await admin.post("/api/v1/people", json={"name": "x", "email": email})) == (422, "invalid")


async def test_web_sockets_are_not_spoken(tmp_path: Path) -> None:
    async with service(tmp_path) as world:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        await world.app({"type": "websocket", "path": "/api/v1/x", "headers": [], "query_string": b""}, receive, send)
        assert sent == [{"type": "websocket.close", "code": 1008}]
