"""A little internet on the loopback: servers that tell what they were asked, and a gateway before them."""

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.environment import NetworkPolicy, Refusal
from journeyman.sandbox.network.address import Address
from journeyman.sandbox.network.authority import Authority
from journeyman.sandbox.network.broker import Broker
from journeyman.sandbox.network.dial import Dialer, Via
from journeyman.sandbox.network.policy import Rules
from journeyman.sandbox.network.proxy import Proxy, Timing

LOOPBACK = ("127.0.0.1", "::1")


def resolve(host: str, port: int) -> list[Address]:
    """The names of this internet: everything in .test is here."""
    if host == "localhost" or host.endswith(".test"):
        return [ipaddress.ip_address("127.0.0.1")]
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


NOW = datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Server:
    """An HTTP server on the loopback. `respond` gives the raw answer to a request."""

    port: int
    respond: Callable[[Asked], bytes] = lambda asked: ok(b"hello")
    asked: list[Asked] = field(default_factory=list[Asked])
    connections: int = 0

    @property
    def place(self) -> str:
        return f"localhost:{self.port}"


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def read_head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    return head[0], {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return body


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[int]:
    """Serve raw connections on the loopback; the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def http_server(*, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        while True:
            line, headers = await read_head(reader)
            asked = Asked(line, headers, await read_body(reader, headers))
            server.asked.append(asked)
            answer = server.respond(asked)
            writer.write(answer)
            await writer.drain()
            if not answer or b"Connection: close" in answer.partition(b"\r\n\r\n")[0]:
                return

    async with listening(handle, tls=tls) as port:
        server = Server(port)
        yield server


@dataclass(frozen=True, slots=True)
class Trust:
    """An authority of the test's own, and the file by which what it signed is trusted."""

    authority: Authority
    roots: Path

    def context(self, host: str = "localhost") -> ssl.SSLContext:
        return self.authority.context(host)


def trust_in(folder: Path) -> Trust:
    authority = Authority(now=NOW)
    roots = folder / "roots.pem"
    roots.write_bytes(authority.pem)
    return Trust(authority, roots)


@dataclass(slots=True)
class Running:
    """A proxy that serves, and what it refused."""

    port: int
    refusals: list[Refusal]
    inner: Authority | None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, request: bytes) -> bytes:
        """Send bytes and our end of them; everything that comes back."""
        reader, writer = await self.open()
        writer.write(request)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer

    async def tunnel(self, place: str, first: bytes = b"") -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
        """Ask for a tunnel; the head of the answer."""
        reader, writer = await self.open()
        writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode() + first)
        return await reader.readuntil(b"\r\n\r\n"), reader, writer


@asynccontextmanager
async def proxy(
    roots: Path,
    *,
    hosts: Sequence[str] = (),
    private: Sequence[str] = LOOPBACK,
    broker: Broker | None = None,
    via: Via | None = None,
    timing: Timing | None = None,
    **policy: object,
) -> AsyncGenerator[Running]:
    """A proxy with a policy, on a listener of its own."""
    settings = {"access": "allow-list", "hosts": hosts, "private": private, **policy}
    rules = Rules.of(NetworkPolicy.model_validate(settings))
    refusals: list[Refusal] = []
    opens = rules.reads_only or (broker is not None and broker.hosts)
    authority = Authority(now=NOW) if opens else None
    dialer = Dialer(rules, roots=roots, via=via, resolve=resolve)
    serving = Proxy(
        rules, dialer, on_refusal=refusals.append, broker=broker, authority=authority, timing=timing or Timing()
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(serving.serve(listener))
        try:
            yield Running(listener.getsockname()[1], refusals, authority)
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            dialer.close()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def why(answer: bytes) -> str | None:
    """The header that tells a blocked request."""
    for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line.lower().startswith(b"x-proxy-error:"):
            return line.partition(b": ")[2].decode()
    return None
