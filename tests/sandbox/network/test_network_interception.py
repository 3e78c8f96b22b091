"""Hosts whose TLS is opened: for the method, and for brokered secrets."""

import asyncio
import base64
import gzip
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from journeyman.sandbox.network.broker import Broker
from tests.sandbox.network.test_network_hello import client_hello
from tests.sandbox.network.world import (
    Asked,
    Running,
    Server,
    Trust,
    http_server,
    listening,
    ok,
    proxy,
    read_head,
    status,
    trust_in,
)

VALUE = "s3cr3t/value+with=signs"


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return trust_in(tmp_path)


@asynccontextmanager
async def client_of(running: Running) -> AsyncGenerator[httpx.AsyncClient]:
    """A client inside: it trusts the gateway's authority and nobody else."""
    assert running.inner is not None
    verify = ssl.create_default_context(cadata=running.inner.pem.decode())
    async with httpx.AsyncClient(proxy=running.url, verify=verify, trust_env=False) as client:
        yield client


async def test_only_reading_methods_pass_inside_tls(trust: Trust) -> None:
    async with http_server(tls=trust.context("a.test")) as server:
        url = f"https://a.test:{server.port}/x?y"
        hosts = [f"a.test:{server.port}"]
        async with proxy(trust.roots, hosts=hosts, methods="read") as running, client_of(running) as client:
            answers = [await client.request(method, url) for method in ("GET", "OPTIONS", "POST", "HEAD", "PUT")]
            other = await client.get(url, headers={"Host": "b.test"})
    assert [answer.status_code for answer in answers] == [200, 200, 403, 200, 403]
    assert answers[2].headers["x-proxy-error"] == "blocked-by-method-policy"
    assert "The network policy lets only GET, HEAD and OPTIONS through, and this is POST." in answers[2].text
    assert (other.status_code, other.headers["x-proxy-error"]) == (403, "blocked-by-policy")
    assert [asked.line.split()[0] for asked in server.asked] == ["GET", "OPTIONS", "HEAD"]
    assert server.connections == 1
    assert [refusal.method for refusal in running.refusals] == ["POST", "PUT", "GET"]


async def test_certificates_are_for_the_very_host_and_its_constraints(trust: Trust) -> None:
    async with proxy(trust.roots, hosts=["a.test"], methods="read") as running:
        assert running.inner is not None
        for shown, trusted in (("a.test", True), ("b.test", False)):
            head, reader, writer = await running.tunnel(f"{shown}:443")
            assert status(head) == (200 if trusted else 403)
            writer.close()
        _, reader, writer = await running.tunnel("a.test:443")
        writer.write(client_hello("b.test"))
        assert await reader.read() == b"\x15\x03\x03\x00\x02\x02\x31"
        writer.close()


async def test_the_host_is_verified_for_the_client(trust: Trust, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = trust_in(tmp_path / "other")
    for tls, reason in (
        (stranger.context("a.test"), "The request was allowed, but the certificate of a.test is not valid"),
        (trust.context("b.test"), "The request was allowed, but the certificate of a.test is not valid"),
    ):
        async with http_server(tls=tls) as server:
            place = f"a.test:{server.port}"
            async with proxy(trust.roots, hosts=[place], methods="read") as running, client_of(running) as client:
                answer = await client.get(f"https://{place}/")
        assert answer.status_code == 502 and answer.text.startswith(reason)
        assert server.asked == []


async def test_a_host_without_tls_is_a_502(trust: Trust) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
        await reader.read(1)

    async with (
        listening(plain) as port,
        proxy(trust.roots, hosts=[f"a.test:{port}"], methods="read") as running,
        client_of(running) as client,
    ):
        answer = await client.get(f"https://a.test:{port}/")
    assert answer.status_code == 502
    assert answer.text.startswith("The request was allowed, but a.test does not speak TLS as it should")


async def test_addresses_are_opened_too(trust: Trust) -> None:
    async with http_server(tls=trust.context("127.0.0.1")) as server:
        place = f"127.0.0.1:{server.port}"
        async with proxy(trust.roots, private=[place], methods="read") as running, client_of(running) as client:
            assert (await client.get(f"https://{place}/")).text == "hello"


def brokered(*hosts: str) -> Broker:
    return Broker({"TOKEN": (VALUE, hosts)})


@asynccontextmanager
async def bound(trust: Trust) -> AsyncGenerator[tuple[Server, httpx.AsyncClient, str, Running]]:
    """A server that gets the secret, a client, and the dummy."""
    async with http_server(tls=trust.context("a.test")) as server:
        place = f"a.test:{server.port}"
        broker = brokered(place)
        async with (
            proxy(trust.roots, hosts=[place], broker=broker) as running,
            client_of(running) as client,
        ):
            yield server, client, broker.dummies["TOKEN"], running


async def test_a_bound_host_gets_the_value_in_headers_and_query_only(trust: Trust) -> None:
    async with bound(trust) as (server, client, dummy, running):
        pair = base64.b64encode(f"user:{dummy}".encode()).decode()
        await client.post(
            f"https://a.test:{server.port}/{dummy}?key={dummy}",
            headers={"Authorization": f"Bearer {dummy}", "X-Pair": dummy, "Range": "bytes=0-3"},
            content=dummy,
        )
        await client.get(f"https://a.test:{server.port}/", headers={"Authorization": f"Basic {pair}"})
    first, second = server.asked
    assert first.line == f"POST /{dummy}?key=s3cr3t%2Fvalue%2Bwith%3Dsigns HTTP/1.1"
    assert (first.headers["authorization"], first.headers["x-pair"]) == (f"Bearer {VALUE}", VALUE)
    assert first.body == dummy.encode() and "range" not in first.headers
    assert second.headers["authorization"] == "Basic " + base64.b64encode(f"user:{VALUE}".encode()).decode()
    assert second.headers["accept-encoding"] == "identity"
    assert running.refusals == []


async def test_another_host_gets_the_dummy(trust: Trust) -> None:
    broker = brokered("a.test")
    dummy = broker.dummies["TOKEN"]
    verify = ssl.create_default_context(cafile=str(trust.roots))
    async with http_server() as plain, http_server(tls=trust.context("b.test")) as other:
        hosts = [f"a.test:{plain.port}", "a.test", f"b.test:{other.port}"]
        async with (
            proxy(trust.roots, hosts=hosts, broker=broker) as running,
            httpx.AsyncClient(proxy=running.url, verify=verify, trust_env=False) as client,
        ):
            # not even the bound host's, when it is asked in the clear
            await client.get(f"http://a.test:{plain.port}/?{dummy}", headers={"Authorization": dummy})
            await client.get(f"https://b.test:{other.port}/?{dummy}", headers={"Authorization": dummy})
    assert VALUE not in str(plain.asked) + str(other.asked)
    assert [each.asked[0].headers["authorization"] for each in (plain, other)] == [dummy, dummy]


async def test_a_binding_with_a_port_holds_for_plain_http_there(trust: Trust) -> None:
    async with http_server() as server:
        place = f"a.test:{server.port}"
        broker = brokered(place)
        async with (
            proxy(trust.roots, hosts=[place], broker=broker) as running,
            httpx.AsyncClient(proxy=running.url, trust_env=False) as client,
        ):
            await client.get(f"http://{place}/", headers={"Authorization": broker.dummies["TOKEN"]})
    assert server.asked[0].headers["authorization"] == VALUE


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_the_value_never_comes_back(trust: Trust, coding: str) -> None:
    encoded = base64.b64encode(f"user:{VALUE}".encode()).decode()

    def echo(asked: Asked) -> bytes:
        text = f"{asked.headers['authorization']} {encoded} s3cr3t%2Fvalue%2Bwith%3Dsigns end".encode()
        body = gzip.compress(text) if coding == "gzip" else text
        return ok(body, f"X-Echo: {VALUE}", f"Content-Encoding: {coding}", status=f"200 {VALUE}")

    async with bound(trust) as (server, client, dummy, _):
        server.respond = echo
        answer = await client.get(f"https://a.test:{server.port}/", headers={"Authorization": dummy})
    assert VALUE in server.asked[0].headers["authorization"]
    assert (answer.headers["x-echo"], answer.reason_phrase) == (dummy, dummy)
    assert answer.text.startswith(f"{dummy} ") and answer.text.endswith(" end")
    assert not any(piece in answer.text for piece in ("s3cr3t", encoded[8:-4]))


async def test_a_coding_in_which_nothing_can_be_masked_is_a_502(trust: Trust) -> None:
    async with bound(trust) as (server, client, _, _):
        server.respond = lambda asked: ok(b"x", f"Content-Encoding: {VALUE}")
        answer = await client.get(f"https://a.test:{server.port}/")
    assert answer.status_code == 502 and "in which no secret can be masked" in answer.text
    assert VALUE not in answer.text


async def test_a_websocket_of_a_bound_host_is_masked(trust: Trust) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, headers = await read_head(reader)
        assert headers["authorization"] == VALUE and "sec-websocket-extensions" not in headers
        writer.write(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        writer.write(f"<{VALUE}> s3cr".encode())

    async with listening(echo) as port:
        place = f"a.test:{port}"
        broker = brokered(place)
        dummy = broker.dummies["TOKEN"]
        async with proxy(trust.roots, hosts=[place], broker=broker) as running:
            reader, writer = await running.open()
            writer.write(
                f"GET http://{place}/ HTTP/1.1\r\nHost: {place}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Authorization: {dummy}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
            )
            assert (await reader.read()).endswith(f"<{dummy}> s3cr".encode())
            writer.close()
