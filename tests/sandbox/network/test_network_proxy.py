"""The proxy over real sockets: what passes, what is refused, what it looks like on the other side."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman.core.environment import Refusal
from journeyman.core.errors import UsageError
from journeyman.sandbox.network.dial import Via
from journeyman.sandbox.network.proxy import CONNECTIONS, Timing
from tests.sandbox.network.test_network_hello import client_hello
from tests.sandbox.network.world import Asked, Server, http_server, listening, ok, proxy, read_head, status, why


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """No host is trusted: nothing here speaks TLS to the proxy."""
    file = tmp_path / "roots.pem"
    file.touch()
    return file


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with http_server() as running:
        yield running


def get(place: str, path: str = "/", *headers: str, method: str = "GET", host: str | None = None) -> bytes:
    lines = [f"{method} http://{place}{path} HTTP/1.1", f"Host: {host or place}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def test_an_allowed_request_passes_without_what_was_for_the_proxy(roots: Path, server: Server) -> None:
    async with proxy(roots, hosts=[server.place]) as running:
        answer = await running.ask(
            get(server.place, "/a?b=c", "Proxy-Authorization: Basic eDp5", "Proxy-Connection: keep-alive",
                "Connection: close, X-Hop", "X-Hop: 1", "TE: trailers", "Keep-Alive: 5", "X-Kept: 2")
        )  # fmt: skip
    assert status(answer) == 200 and answer.endswith(b"hello")
    assert server.asked == [Asked("GET /a?b=c HTTP/1.1", {"host": server.place, "x-kept": "2"}, b"")]
    assert running.refusals == []


async def test_a_host_that_is_not_listed_is_refused_with_a_reason(roots: Path, server: Server) -> None:
    async with proxy(roots) as running:
        answer = await running.ask(get("example.com", "/secret"))
        again = await running.ask(get("example.com", "/other"))
    assert status(answer) == status(again) == 403 and why(answer) == "blocked-by-allowlist"
    assert answer.startswith(b"HTTP/1.1 403 example.com is not on the allow-list of the network policy.\r\n")
    assert answer.partition(b"\r\n\r\n")[2].decode() == (
        "Journeyman did not let GET example.com out of the sandbox.\n"
        "example.com is not on the allow-list of the network policy.\n"
        'To allow it, a person adds "example.com" to `hosts` of the network policy of this environment.\n'
    )
    reason = "example.com is not on the allow-list of the network policy."
    assert running.refusals == [
        Refusal(host="example.com", port=80, method="GET", reason=reason, remedy="example.com")
    ]  # told once


@pytest.mark.parametrize(
    ("policy", "method", "expected"),
    [
        ({"denied": ["localhost"]}, "GET", "blocked-by-denylist"),
        ({"denied": ["127.0.0.0/8", "::1"]}, "GET", "blocked-by-denylist"),
        ({"private": []}, "GET", "blocked-by-policy"),
        ({"access": "on", "private": []}, "GET", "blocked-by-policy"),
        ({"methods": "read"}, "POST", "blocked-by-method-policy"),
        ({"methods": "read"}, "DELETE", "blocked-by-method-policy"),
        ({"hosts": ["localhost"]}, "GET", "blocked-by-allowlist"),
    ],
)
async def test_what_is_blocked(
    roots: Path, server: Server, policy: dict[str, object], method: str, expected: str
) -> None:
    settings: dict[str, object] = {"hosts": [server.place], **policy}
    async with proxy(roots, **settings) as running:  # pyright: ignore[reportArgumentType]
        answer = await running.ask(get(server.place, method=method))
    assert (status(answer), why(answer)) == (403, expected)
    assert server.asked == [] and len(running.refusals) == 1


async def test_reading_sends_no_body(roots: Path, server: Server) -> None:
    async with proxy(roots, hosts=[server.place], methods="read") as running:
        answer = await running.ask(get(server.place, "/", "Content-Length: 4") + b"data")
        assert (status(answer), why(answer)) == (403, "blocked-by-method-policy")
        assert status(await running.ask(get(server.place, "/", "Content-Length: 0"))) == 200
    assert len(server.asked) == 1


async def test_the_host_header_has_to_agree(roots: Path, server: Server) -> None:
    async with proxy(roots, hosts=[server.place, "other.example"]) as running:
        answer = await running.ask(get(server.place, host="other.example"))
        assert (status(answer), why(answer)) == (403, "blocked-by-policy")
        same = await running.ask(get(f"LOCALHOST.:{server.port}", host=server.place) + b"")
    assert status(same) == 200 and [asked.headers["host"] for asked in server.asked] == [server.place]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: a.com\r\n\r\n",
        b"GET https://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        b"GET ftp://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        b"GET http://user@a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        b"GET http://a.com:x/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        b"GET http://a.com/ HTTP/1.1\r\n\r\n",
        b"GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nHost: b.com\r\n\r\n",
        b"GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nA b: c\r\n\r\n",
        b"GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nA : c\r\n\r\n",
        b"POST http://a.com/ HTTP/1.1\r\nHost: a.com\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST http://a.com/ HTTP/1.1\r\nHost: a.com\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST http://a.com/ HTTP/1.1\r\nHost: a.com\r\nContent-Length: +1\r\n\r\na",
        b"POST http://a.com/ HTTP/1.1\r\nHost: a.com\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST http://a.com/ HTTP/1.0\r\nHost: a.com\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X" * 40 + b" http://a.com/ HTTP/1.1\r\nHost: a.com\r\n\r\n",
        b"CONNECT a.com HTTP/1.1\r\nHost: a.com\r\n\r\n",
        b"CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\nContent-Length: 3\r\n\r\nabc",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET http://a.com/ HTTP/1.1\r\nHost: a.com\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_understood_goes_nowhere(roots: Path, request_bytes: bytes) -> None:
    async with proxy(roots, hosts=["a.com"]) as running:
        answer = await running.ask(request_bytes)
    assert status(answer) in (400, 431, 501) and b"Connection: close" in answer


async def test_a_second_request_hidden_in_a_body_stays_a_body(roots: Path, server: Server) -> None:
    hidden = b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    head = get(server.place, "/", f"Content-Length: {len(hidden)}", method="POST")
    async with proxy(roots, hosts=[server.place]) as running:
        answer = await running.ask(head + hidden)
    assert status(answer) == 200 and [asked.body for asked in server.asked] == [hidden]
    assert running.refusals == []


async def test_requests_on_one_connection_are_judged_one_by_one(roots: Path, server: Server) -> None:
    async with proxy(roots, hosts=[server.place]) as running:
        answer = await running.ask(get(server.place) + get("evil.example") + get(server.place, "/last"))
    assert answer.count(b"HTTP/1.1 200") == 2 and answer.count(b"HTTP/1.1 403") == 1
    assert [asked.line for asked in server.asked] == ["GET / HTTP/1.1", "GET /last HTTP/1.1"]


async def test_connections_are_kept_for_the_next_request(roots: Path, server: Server) -> None:
    async with proxy(roots, hosts=[server.place]) as running:
        answer = await running.ask(get(server.place) * 3)
        assert (answer.count(b"HTTP/1.1 200"), server.connections) == (3, 1)
        server.respond = lambda asked: ok(b"x", "Connection: close")
        answer = await running.ask(get(server.place) * 3)
        assert (answer.count(b"HTTP/1.1 200"), server.connections) == (3, 4)


async def test_a_kept_connection_that_has_ended_is_made_anew(roots: Path) -> None:
    served = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await read_head(reader)
        served += 1
        writer.write(ok(b"one"))  # and then it ends, without having said so

    async with listening(once) as port, proxy(roots, hosts=[f"localhost:{port}"]) as running:
        reader, writer = await running.open()
        for number in (1, 2, 3):
            writer.write(get(f"localhost:{port}"))
            assert (await reader.readuntil(b"one")).startswith(b"HTTP/1.1 200")
            assert served == number
        writer.close()


async def test_bodies_of_any_size_are_streamed_both_ways(roots: Path, server: Server) -> None:
    size = 8 * 1024 * 1024
    block = bytes(range(256)) * 256
    server.respond = lambda asked: ok(asked.body)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size // len(block)):
            yield block

    async with (
        proxy(roots, hosts=[server.place]) as running,
        httpx.AsyncClient(proxy=running.url, trust_env=False) as client,
    ):
        answer = await client.post(f"http://{server.place}/", content=chunks())
    assert answer.content == block * (size // len(block))
    assert server.asked[0].headers["transfer-encoding"] == "chunked"


async def test_a_slow_reader_holds_the_server_back(roots: Path) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        block = bytes(1 << 16)
        while True:
            writer.write(block)
            try:
                async with asyncio.timeout(0.5):
                    await writer.drain()
            except TimeoutError:
                stuck.set()
                return
            sent += len(block)

    async with listening(endless) as port, proxy(roots, hosts=[f"localhost:{port}"]) as running:
        reader, writer = await running.open()
        writer.write(get(f"localhost:{port}"))
        await reader.readexactly(100)
        async with asyncio.timeout(120):
            await stuck.wait()
        assert sent < 64 * 1024 * 1024  # what the buffers of the kernel hold
        writer.close()


async def test_an_early_answer_to_a_large_upload_is_seen(roots: Path) -> None:
    async def strict(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(ok(b"too large", "Connection: close", status="413 Too large"))
        await writer.drain()
        await reader.read(1)

    async with listening(strict) as port, proxy(roots, hosts=[f"localhost:{port}"]) as running:
        reader, writer = await running.open()
        writer.write(get(f"localhost:{port}", "/", "Content-Length: 1000000000", method="PUT") + b"start")
        assert status(await reader.readuntil(b"too large")) == 413
        writer.close()


async def test_a_client_that_goes_while_it_sends_takes_the_connection_with_it(roots: Path) -> None:
    ended = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await reader.read()
        ended.set()

    async with listening(wait) as port, proxy(roots, hosts=[f"localhost:{port}"]) as running:
        for abrupt in (True, False):
            ended.clear()
            _, writer = await running.open()
            writer.write(get(f"localhost:{port}", "/", "Content-Length: 100", method="PUT") + b"start")
            await writer.drain()
            if abrupt:
                writer.transport.abort()
            writer.close()
            async with asyncio.timeout(120):
                await ended.wait()


async def test_waiting_for_100_continue(roots: Path) -> None:
    async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, headers = await read_head(reader)
        assert headers["expect"] == "100-continue"
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        writer.write(ok(await reader.readexactly(4)))
        await writer.drain()
        await reader.read()

    async with listening(polite) as port, proxy(roots, hosts=[f"localhost:{port}"]) as running:
        reader, writer = await running.open()
        writer.write(get(f"localhost:{port}", "/", "Content-Length: 4", "Expect: 100-continue", method="PUT"))
        assert status(await reader.readuntil(b"\r\n\r\n")) == 100
        writer.write(b"body")
        assert (await reader.readuntil(b"body")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_head_and_no_content_have_no_body(roots: Path, server: Server) -> None:
    server.respond = lambda asked: (
        b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n" if asked.line.startswith("HEAD") else
        b"HTTP/1.1 204 No Content\r\n\r\n"
    )  # fmt: skip
    async with proxy(roots, hosts=[server.place]) as running:
        answer = await running.ask(get(server.place, method="HEAD") + get(server.place) + get(server.place))
    assert [status(part) for part in answer.split(b"\r\n\r\n")[:-1]] == [200, 204, 204]
    assert b"999" in answer


async def test_a_refused_head_has_no_body_either(roots: Path) -> None:
    async with proxy(roots) as running:
        answer = await running.ask(get("a.com", method="HEAD") + get("a.com", method="HEAD"))
    assert answer.count(b"HTTP/1.1 403") == 2 and answer.endswith(b"\r\n\r\n")


async def test_a_websocket_is_tunnelled_and_other_upgrades_are_not_passed_on(roots: Path) -> None:
    seen: list[dict[str, str]] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, headers = await read_head(reader)
        seen.append(headers)
        if headers.get("upgrade") != "websocket":
            writer.write(ok(b"plain"))
            return
        writer.write(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst")
        while data := await reader.read(100):
            writer.write(data.upper())

    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: k")
    async with listening(echo) as port:
        place = f"localhost:{port}"
        async with proxy(roots, hosts=[place]) as running:
            reader, writer = await running.open()
            writer.write(get(place, "/", *upgrade) + b"early ")
            head = await reader.readuntil(b"\r\n\r\n")
            assert status(head) == 101 and b"pgrade: websocket" in head
            writer.write(b"late")
            writer.write_eof()
            assert await reader.read() == b"firstEARLY LATE"
            writer.close()
            plain = await running.ask(get(place, "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"))
            assert plain.endswith(b"plain") and "upgrade" not in seen[-1]
        async with proxy(roots, hosts=[place], methods="read") as running:
            refused = await running.ask(get(place, "/", *upgrade))
            assert (status(refused), why(refused)) == (403, "blocked-by-method-policy")
    assert len(seen) == 2


async def test_a_host_that_cannot_be_reached_is_a_502_with_a_reason(roots: Path) -> None:
    async with listening(lambda reader, writer: asyncio.sleep(0)) as port:
        pass
    places = [f"localhost:{port}", "no-such.example"]
    async with proxy(roots, hosts=places) as running:
        answer = b""
        for place in places:
            answer = await running.ask(get(place))
            assert status(answer) == 502 and b"The request was allowed, but" in answer
            tunnelled = await running.ask(f"CONNECT {place}{'' if ':' in place else ':443'} HTTP/1.1\r\n"
                                          f"Host: {place}\r\n\r\n".encode())  # fmt: skip
            assert status(tunnelled) == 502 and b"The tunnel was allowed, but" in tunnelled
    assert b"cannot be looked up" in answer and running.refusals == []


@pytest.mark.parametrize("said", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"])
async def test_a_server_that_makes_no_sense_is_a_502(roots: Path, server: Server, said: bytes) -> None:
    server.respond = lambda asked: said
    async with proxy(roots, hosts=[server.place]) as running:
        answer = await running.ask(get(server.place))
    assert status(answer) == 502


async def test_a_response_that_is_cut_is_seen_to_be_cut(roots: Path) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")

    async with (
        listening(cut) as port,
        proxy(roots, hosts=[f"localhost:{port}"]) as running,
        httpx.AsyncClient(proxy=running.url, trust_env=False) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"http://localhost:{port}/")


async def test_slow_heads_are_given_up_and_hold_nobody_up(roots: Path, server: Server) -> None:
    timing = Timing(head=1.0, keep=0.3)
    async with proxy(roots, hosts=[server.place], timing=timing) as running:
        reader, writer = await running.open()
        writer.write(b"GET http://loc")
        assert status(await running.ask(get(server.place))) == 200
        assert await reader.read() == b""
        writer.close()
        reader, writer = await running.open()
        writer.write(get(server.place))  # and then nothing more on a connection that is kept
        assert (await reader.read()).endswith(b"hello")
        writer.close()


async def test_connections_beyond_the_limit_are_told_so(roots: Path, server: Server) -> None:
    async with proxy(roots, hosts=[server.place]) as running:
        opened = [await running.open() for _ in range(CONNECTIONS)]
        reader, writer = await running.open()
        assert status(await reader.read()) == 503
        writer.close()
        opened[0][1].write_eof()
        await opened[0][0].read()  # its end was seen over there
        assert status(await running.ask(get(server.place))) == 200
        for _, writer in opened:
            writer.close()


@pytest.mark.parametrize(
    ("entries", "host", "through"),
    [
        (".corp.example", "a.corp.example", False),
        ("corp.example", "a.corp.example", False),
        ("*.corp.example", "corp.example", False),
        ("corp.example", "othercorp.example", True),
        ("10.0.0.0/8,::1", "10.1.2.3", False),
        ("*", "a.example", False),
        ("localhost,what is this?,", "a.example", True),
    ],
)
def test_exceptions_to_the_machines_own_proxy(entries: str, host: str, through: bool) -> None:
    assert Via.of("proxy.example:3128", entries.split(",")).leads_to(host) is through


@pytest.mark.parametrize("url", ["socks5://a.example:1080", "http://", "http://a.example:x"])
def test_a_proxy_of_the_machine_that_cannot_be_used_is_told(url: str) -> None:
    with pytest.raises(UsageError, match="proxy setting"):
        Via.of(url)


REQUEST = get("a.test:1", "/x", "Content-Length: 3", "Connection: Upgrade", "Upgrade: websocket") + b"abc"


TUNNEL = b"CONNECT a.test:1 HTTP/1.1\r\nHost: a.test:1\r\n\r\n" + client_hello("a.test")
CHANGES = st.lists(st.tuples(st.integers(0, len(REQUEST)), st.integers(0, 9), st.binary(max_size=9)), max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([REQUEST, TUNNEL]), CHANGES)
def test_no_bytes_bring_the_proxy_down(roots: Path, start: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    for at, length, fresh in cuts:
        start = start[:at] + fresh + start[at + length :]

    async def attempt() -> None:
        async with proxy(roots, hosts=["a.test:1"]) as running:
            await running.ask(start)
            assert status(await running.ask(get("b.test"))) == 403

    asyncio.run(attempt())


async def test_clients_that_have_gone_make_room_for_others(roots: Path, server: Server) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(never) as port:
        silent = f"localhost:{port}"
        async with proxy(roots, hosts=[silent, server.place]) as running:
            for _ in range(CONNECTIONS):
                _, writer = await running.open()
                writer.write(get(silent))
                await writer.drain()
                writer.close()
            assert status(await running.ask(get(server.place))) == 200


async def test_the_machines_own_proxy_is_used(roots: Path) -> None:
    """Requests in absolute form with its credentials, tunnels by CONNECT, hosts of the exception without it."""
    seen: list[tuple[str, str | None]] = []

    async def company(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, headers = await read_head(reader)
        seen.append((line, headers.get("proxy-authorization")))
        if line.startswith("CONNECT") and "denied" in line:
            writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
        elif line.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            writer.write(b"got " + await reader.readexactly(5))
        else:
            writer.write(ok(b"by proxy"))

    async with listening(company) as port, http_server() as near:
        via = Via.of(f"http://user:p%40ss@127.0.0.1:{port}", direct=("localhost",))
        hosts = ["far.example", "denied.example", near.place]
        async with proxy(roots, hosts=hosts, via=via) as running:
            assert (await running.ask(get("far.example", "/x"))).endswith(b"by proxy")
            head, reader, writer = await running.tunnel("far.example:443")
            assert status(head) == 200
            writer.write(client_hello("far.example"))
            assert await reader.readexactly(7) == b"got \x16\x03\x01"
            writer.close()
            head, _, writer = await running.tunnel("denied.example:443")
            assert status(head) == 502
            writer.close()
            assert (await running.ask(get(near.place))).endswith(b"hello")
            assert status(await running.ask(get("other.example"))) == 403
    assert "pass" not in repr(via) and "p@ss" not in repr(via)
    pair = "Basic dXNlcjpwQHNz"
    assert seen == [
        ("GET http://far.example/x HTTP/1.1", pair),
        ("CONNECT far.example:443 HTTP/1.1", pair),
        ("CONNECT denied.example:443 HTTP/1.1", pair),
    ]
