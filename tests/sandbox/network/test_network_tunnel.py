"""Tunnels: TLS for the host that was asked for, looked at but not opened."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from journeyman.sandbox.network.proxy import Timing
from tests.sandbox.network.test_network_hello import client_hello, extension, hello, record, server_name
from tests.sandbox.network.world import (
    Trust,
    http_server,
    listening,
    ok,
    proxy,
    read_head,
    status,
    trust_in,
    why,
)


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return trust_in(tmp_path)


async def test_tls_passes_from_end_to_end(trust: Trust) -> None:
    async with http_server(tls=trust.context("a.test")) as server:
        place = f"a.test:{server.port}"
        verify = ssl.create_default_context(cafile=str(trust.roots))
        async with (
            proxy(trust.roots, hosts=[place]) as running,
            httpx.AsyncClient(proxy=running.url, verify=verify, trust_env=False) as client,
        ):
            answers = [(await client.post(f"https://{place}/x", content=b"body")).text for _ in range(2)]
    assert answers == ["hello"] * 2
    assert [(asked.line, asked.body) for asked in server.asked] == [("POST /x HTTP/1.1", b"body")] * 2
    assert running.refusals == [] and server.connections == 1


async def test_a_tunnel_to_a_host_that_is_not_listed_is_refused(trust: Trust) -> None:
    async with proxy(trust.roots) as running:
        head, reader, writer = await running.tunnel("evil.test:443")
        assert (status(head), why(head)) == (403, "blocked-by-allowlist")
        assert b'adds "evil.test"' in await reader.read()
        writer.close()
    assert [(refusal.host, refusal.port, refusal.method) for refusal in running.refusals] == [
        ("evil.test", 443, "CONNECT")
    ]


GARBAGE = {
    "another name": client_hello("b.test"),
    "no name": client_hello(None),
    "a sub-domain": client_hello("x.a.test"),
    "a hidden name": record(hello(server_name(b"a.test") + extension(0xFE0D, b"x"))),
    "two names": record(hello(server_name(b"a.test", b"b.test"))),
    "garbage": b"\x00\x01\x02garbage",
    "ssh": b"\x00\x00\x00\x0cSSH-2.0-x\r\n",
    "not a hello": record(b"\x02\0\0\0"),
}


@pytest.mark.parametrize("first", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("access", ["allow-list", "on"])
async def test_what_is_not_tls_for_the_host_is_refused_before_a_byte_goes_out(
    trust: Trust, first: bytes, access: str
) -> None:
    seen: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.put_nowait(await reader.read())

    async with listening(listen) as port:
        place = f"a.test:{port}"
        async with proxy(trust.roots, hosts=[place], access=access) as running:
            head, reader, writer = await running.tunnel(place)
            assert status(head) == 200
            writer.write(first)
            assert await reader.read() == b"\x15\x03\x03\x00\x02\x02\x31"  # the alert "access denied"
            writer.close()
            assert await seen.get() == b""
            head, reader, writer = await running.tunnel(place, first)  # without waiting for the answer
            assert (status(head), why(head)) == (403, "blocked-by-policy")
            writer.close()
    assert seen.empty()  # that time nothing was connected to
    [refusal] = running.refusals
    assert refusal.reason.startswith("A tunnel to a.test carries only TLS for a.test, but ")


async def test_the_right_name_in_other_letters_and_cut_into_pieces_passes(trust: Trust) -> None:
    whole = client_hello("A.TEST.")

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(whole)) == whole
        writer.write(b"server hello")

    async with listening(listen) as port, proxy(trust.roots, hosts=[f"a.test:{port}"]) as running:
        _, reader, writer = await running.tunnel(f"a.test:{port}", whole[:3])
        for at in range(3, len(whole), 50):
            writer.write(whole[at : at + 50])
            await writer.drain()
        assert await reader.read() == b"server hello"
        writer.close()


async def test_an_address_needs_no_server_name(trust: Trust) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(5)
        writer.write(b"server hello")

    async with listening(listen) as port, proxy(trust.roots, private=[f"127.0.0.1:{port}"]) as running:
        for name, passes in ((None, True), ("a.test", False)):
            head, reader, writer = await running.tunnel(f"0x7f000001:{port}")
            assert status(head) == 200
            writer.write(client_hello(name))
            assert ((await reader.read()) == b"server hello") is passes
            writer.close()


async def test_silence_in_a_tunnel_is_given_up(trust: Trust) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-server\r\n")  # a server that speaks first is not heard
        await reader.read()

    timing = Timing(head=1.0)
    async with listening(listen) as port, proxy(trust.roots, hosts=[f"a.test:{port}"], timing=timing) as running:
        head, reader, writer = await running.tunnel(f"a.test:{port}")
        assert status(head) == 200 and b"SSH" not in await reader.read()
        writer.close()
    assert "nothing of TLS was sent in time" in running.refusals[0].reason


async def test_a_tunnel_is_half_closed_and_carries_much(trust: Trust) -> None:
    size = 4 * 1024 * 1024
    first = client_hello("a.test")

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = await reader.read()  # until the other end says that it has ended
        writer.write(f"got {len(got)}".encode() + bytes(size))

    async with listening(count) as port, proxy(trust.roots, hosts=[f"a.test:{port}"]) as running:
        _, reader, writer = await running.tunnel(f"a.test:{port}")
        writer.write(first + bytes(size))
        writer.write_eof()
        answer = await reader.read()
        assert answer == f"got {len(first) + size}".encode() + bytes(size)
        writer.close()


async def test_plain_http_in_a_tunnel_is_treated_like_any_request(trust: Trust) -> None:
    async with http_server() as server:
        place = f"a.test:{server.port}"
        async with proxy(trust.roots, hosts=[place, "b.test"]) as running:
            head, reader, writer = await running.tunnel(place)
            assert status(head) == 200
            writer.write(f"GET /x HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
            writer.write(b"GET /x HTTP/1.1\r\nHost: b.test\r\n\r\n")
            assert why(await reader.readuntil(b"\r\n\r\n")) == "blocked-by-policy"
            writer.close()
            _, reader, writer = await running.tunnel(place)
            writer.write(f"GET http://b.test/ HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
            assert status(await reader.read()) == 400
            writer.close()
        async with proxy(trust.roots, hosts=[place], methods="read") as running:
            _, reader, writer = await running.tunnel(place)
            writer.write(f"DELETE /x HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
            assert why(await reader.readuntil(b"\r\n\r\n")) == "blocked-by-method-policy"
            writer.close()
    assert [asked.line for asked in server.asked] == ["GET /x HTTP/1.1"]


async def test_all_connections_end_with_the_gateway(trust: Trust) -> None:
    ended = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(ok(b"")[:-2])
        await reader.read()
        ended.set()

    async with listening(listen) as port:
        async with proxy(trust.roots, hosts=[f"a.test:{port}"]) as running:
            reader, writer = await running.open()
            writer.write(f"GET http://a.test:{port}/ HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n".encode())
            await writer.drain()
            _, tunnel, other = await running.tunnel(f"a.test:{port}", client_hello("a.test"))
        assert await tunnel.read() == b""
        await reader.read()
        async with asyncio.timeout(120):
            await ended.wait()
        writer.close()
        other.close()
