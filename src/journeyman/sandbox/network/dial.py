"""The way from the proxy to a host: looked up here, checked, and connected to at the very address that was checked."""

import asyncio
import base64
import concurrent.futures
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import anyio
import h11
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream

from journeyman.core.errors import UsageError
from journeyman.sandbox.network import wire
from journeyman.sandbox.network.address import Address, canonical, literal, plain
from journeyman.sandbox.network.policy import Blocked, Pattern, Rules, block, decide, may_be_private, pattern

LOOKUP = 10.0
CONNECTING = 10.0
HANDSHAKE = 20.0
"""Seconds for each part of the way."""
TRIED = 6
"""Addresses of one host that are tried."""
LOOKUPS = 4
"""Threads that look names up, so that slow names hold up nobody else's work."""


Resolve = Callable[[str, int], list[Address]]


class Forbidden(Exception):
    """The policy does not let the request out."""

    def __init__(self, blocked: Blocked) -> None:
        super().__init__(blocked.refusal.reason)
        self.blocked = blocked


class Unreached(Exception):
    """The host cannot be reached; the message says why, in words for the client."""


@dataclass(frozen=True, slots=True)
class Via:
    """An HTTP proxy that the machine itself has to go through, and the hosts that are reached without it."""

    host: str
    port: int
    tls: bool = False
    credentials: str | None = field(default=None, repr=False)
    direct: tuple[Pattern, ...] = ()
    unused: bool = False

    @classmethod
    def of(cls, url: str, direct: Iterable[str] = ()) -> "Via":
        """From the machine's own settings: `http://user:password@host:port`, and the entries of NO_PROXY as programs
        commonly read them. Raises `UsageError`."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, None
        if parts is None or not host or parts.scheme not in ("http", "https"):
            raise UsageError("The machine's proxy setting cannot be used: it has to be http://HOST:PORT.")
        credentials = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            credentials = "Basic " + base64.b64encode(pair.encode()).decode()
        tls = parts.scheme == "https"
        known = tuple(each for text in direct for each in _exception(text))
        return cls(host, port or (443 if tls else 80), tls, credentials, known, "*" in direct)

    def leads_to(self, host: str) -> bool:
        """Whether a canonical host is reached through it."""
        return not self.unused and not any(each.names(host, literal(host)) for each in self.direct)


def _exception(text: str) -> Iterator[Pattern]:
    """A name in NO_PROXY stands for its sub-domains too, with a dot before it or without. What cannot be read is as
    if it were not there."""
    with contextlib.suppress(UsageError):
        read = pattern(text.removeprefix("*").removeprefix("."))
        yield replace(read, depth="both") if read.network is None else read


@dataclass(frozen=True, slots=True)
class Line:
    """A connection to a host. Where it leads to the machine's own proxy, requests on it name the whole address and
    carry its `credentials`."""

    stream: ByteStream
    absolute: bool = False
    credentials: str | None = field(default=None, repr=False)


class Dialer:
    """Connects to hosts as `rules` allow. `roots` are the certificates that hosts are verified by, `resolve` looks
    names up, in a thread."""

    def __init__(self, rules: Rules, *, roots: Path, via: Via | None = None, resolve: Resolve | None = None) -> None:
        self._rules = rules
        self._resolve = resolve or addresses_of
        self._roots = roots
        self._via = via
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def connect(self, host: str, port: int, method: str, *, tls: bool, tunnel: bool) -> Line:
        """A connection for a request of `method`; with `tls` it is verified and encrypted. `tunnel` is for bytes that
        are not HTTP of ours. Raises `Forbidden` and `Unreached`."""
        self._check(decide(self._rules, host, port, method))
        via = self._via if self._via and self._via.leads_to(host) else None
        addresses = await self._look_up(host, port, needed=via is None)
        self._check(decide(self._rules, host, port, method, addresses))
        if via is None:
            stream: ByteStream = await self._reach(host, port, method, addresses)
        else:
            stream = await self._enter(via)
            if not tls and not tunnel:
                return Line(stream, absolute=True, credentials=via.credentials)
            stream = await self._through(stream, via, host, port)
        return Line(await self._encrypt(stream, host) if tls else stream)

    def _check(self, blocked: Blocked | None) -> None:
        if blocked is not None:
            raise Forbidden(blocked)

    async def _look_up(self, host: str, port: int, *, needed: bool) -> list[Address]:
        """All addresses of a host. Where the machine's proxy looks names up itself, none is an answer too."""
        if (known := literal(host)) is not None:
            return [known]
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(LOOKUPS, thread_name_prefix="lookup")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP):
                found = await loop.run_in_executor(self._pool, self._resolve, host, port)
        except (OSError, TimeoutError) as error:
            if not needed:
                return []
            why = error.strerror if isinstance(error, socket.gaierror) else f"no answer within {LOOKUP:.0f} s"
            raise Unreached(f"the name {host} cannot be looked up: {why}") from error
        return found

    async def _reach(self, host: str, port: int, method: str, addresses: list[Address]) -> ByteStream:
        problem = f"{host} has no address"
        for address in addresses[:TRIED]:
            try:
                async with asyncio.timeout(CONNECTING):
                    connected = await _connect(address, port)
            except TimeoutError:
                problem = f"{host} does not answer at {address} within {CONNECTING:.0f} s"
                continue
            except OSError as error:
                problem = f"{host} cannot be reached at {address} port {port}: {_reason(error)}"
                continue
            if _is_own(connected) and not may_be_private(self._rules, host, port, address):
                connected.close()
                reason = f"{host} is this machine ({address}); list it under `private` to reach it all the same."
                raise Forbidden(block("blocked-by-policy", (host, port, method), reason))
            return await SocketStream.from_socket(connected)
        raise Unreached(problem)

    async def _enter(self, via: Via) -> ByteStream:
        """Connect to the machine's own proxy, which no policy of a sandbox is about."""
        try:
            async with asyncio.timeout(CONNECTING):
                stream = await anyio.connect_tcp(via.host, via.port)
        except (OSError, TimeoutError) as error:
            raise Unreached(f"the machine's own proxy cannot be reached: {_reason(error)}") from error
        return await self._encrypt(stream, canonical(via.host) or via.host) if via.tls else stream

    async def _through(self, stream: ByteStream, via: Via, host: str, port: int) -> ByteStream:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        headers = [("Host", place)]
        if via.credentials:
            headers.append(("Proxy-Authorization", via.credentials))
        peer = wire.Peer(stream, h11.CLIENT)
        try:
            await peer.send(h11.Request(method="CONNECT", target=place, headers=headers))
            answer = await peer.receive(CONNECTING)
        except (*wire.BROKEN, TimeoutError, h11.RemoteProtocolError) as error:
            await wire.close(stream)
            raise Unreached(f"the machine's own proxy did not answer: {_reason(error)}") from error
        if not isinstance(answer, h11.Response) or not 200 <= answer.status_code < 300:
            await wire.close(stream)
            said = f": {answer.status_code}" if isinstance(answer, h11.Response) else ""
            raise Unreached(f"the machine's own proxy gave no way to {host}{said}")
        first = peer.http.trailing_data[0]
        return wire.Prefixed(stream, first) if first else stream

    async def _encrypt(self, stream: ByteStream, host: str) -> ByteStream:
        try:
            async with asyncio.timeout(HANDSHAKE):
                return await TLSStream.wrap(
                    stream, hostname=host, ssl_context=trusting(self._roots), standard_compatible=False
                )
        except ssl.SSLCertVerificationError as error:
            await wire.close(stream)
            raise Unreached(f"the certificate of {host} is not valid: {error.verify_message}") from error
        except (*wire.BROKEN, TimeoutError) as error:
            await wire.close(stream)
            raise Unreached(f"{host} does not speak TLS as it should: {_reason(error)}") from error


@lru_cache(maxsize=4)
def _context(roots: Path, stamp: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(roots))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as other programs do: roots of companies often lack extensions
    context.set_alpn_protocols(["http/1.1"])
    return context


def trusting(roots: Path) -> ssl.SSLContext:
    """A client's context that verifies hosts by the certificates in a file."""
    return _context(roots, roots.stat().st_mtime_ns)


def addresses_of(host: str, port: int) -> list[Address]:
    """What the machine's resolver says. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    return [plain(ipaddress.ip_address(text)) for text in texts]


async def _connect(address: Address, port: int) -> socket.socket:
    connected = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    try:
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connected, (str(address), port))
    except BaseException:
        connected.close()
        raise
    return connected


def _is_own(connected: socket.socket) -> bool:
    """Whether a connection leads to the machine that it comes from: then both ends have one address."""
    return connected.getsockname()[0] == connected.getpeername()[0]


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return error.reason or "a TLS error"
    return getattr(error, "strerror", None) or str(error) or "the connection ended"
