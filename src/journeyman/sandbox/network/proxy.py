"""The forward proxy of a sandbox: HTTP in absolute form, and tunnels whose TLS names the host that was asked for."""

import asyncio
import contextlib
import errno
import functools
import http
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream

from journeyman.core.environment import Refusal
from journeyman.sandbox.network import hello, wire
from journeyman.sandbox.network.address import canonical, literal
from journeyman.sandbox.network.broker import Broker
from journeyman.sandbox.network.dial import Dialer, Forbidden, Line, Unreached
from journeyman.sandbox.network.exchange import Cut, Lines, Outgoing, carry
from journeyman.sandbox.network.policy import Blocked, Rules, block, decide
from journeyman.sandbox.network.request import (
    QUIET,
    Malformed,
    Origin,
    check_frame,
    direct,
    has_body,
    named_host,
    proxied,
    split_authority,
    wants_websocket,
)

if TYPE_CHECKING:
    from journeyman.sandbox.network.authority import Authority

CONNECTIONS = 128
"""Connections of one sandbox at a time."""
HEAD_SECONDS = 30.0
KEEP_SECONDS = 120.0
REPORTED = 500
"""Different refusals of one gateway that are reported; what a process inside makes up beyond is only refused."""
_ACCESS_DENIED = b"\x15\x03\x03\x00\x02\x02\x31"
"""A fatal TLS alert."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_TCP_CLOSE, _TCP_CLOSE_WAIT = 7, 8
_BUSY = b"HTTP/1.1 503 Too many connections\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

OnRefusal = Callable[[Refusal], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds in which a request's head, and the next one on the same connection, have to be there."""

    head: float = HEAD_SECONDS
    keep: float = KEEP_SECONDS


class Proxy:
    """Answers the connections of one sandbox. With an `authority` it opens the TLS of hosts where methods are limited
    or secrets are brokered."""

    def __init__(
        self,
        rules: Rules,
        dialer: Dialer,
        *,
        on_refusal: OnRefusal,
        broker: Broker | None = None,
        authority: "Authority | None" = None,
        timing: Timing | None = None,
        quiet: str | None = None,
    ) -> None:
        self._rules = rules
        self._dialer = dialer
        self._broker = broker
        self.authority = authority
        self._on_refusal = on_refusal
        self._timing = timing or Timing()
        self._reported: set[Refusal] = set()
        self._open: dict[socket.socket, asyncio.Task[None]] = {}
        self._quiet = quiet.encode() if quiet else None

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections until cancelled; then all of them end."""
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    connection, _ = await loop.sock_accept(listener)
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        await asyncio.sleep(0.1)  # until something is closed
                    elif not isinstance(error, ConnectionError):
                        raise
                    continue
                if len(self._open) >= CONNECTIONS and not self._evict():
                    with contextlib.suppress(OSError):
                        connection.send(_BUSY)
                    connection.close()
                    continue
                task = self._open[connection] = group.create_task(self._connection(connection))
                task.add_done_callback(functools.partial(self._forget, connection))

    def _forget(self, connection: socket.socket, _: asyncio.Task[None]) -> None:
        self._open.pop(connection, None)
        connection.close()  # also of one that was ended before it began

    def _evict(self) -> bool:
        """Make room: end the connections whose clients have ended them, though they may still wait for an answer."""
        left = [task for connection, task in self._open.items() if _ended(connection)]
        for task in left:
            task.cancel()
        return bool(left)

    async def _connection(self, connection: socket.socket) -> None:
        stream: ByteStream | None = None
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = await SocketStream.from_socket(connection)
            await self._requests(stream, None, Lines(self._dialer))
        except (*wire.BROKEN, TimeoutError, Cut):
            pass
        finally:
            self._open.pop(connection, None)
            connection.close() if stream is None else await wire.close(stream)

    async def _requests(self, stream: ByteStream, origin: Origin | None, lines: Lines) -> None:
        """Answer the requests on a connection: to a proxy, or, with `origin`, inside a tunnel."""
        peer = wire.Peer(stream, h11.SERVER)
        seconds = self._timing.head
        try:
            while True:
                more = True
                try:
                    request = await peer.receive(seconds)
                    if not isinstance(request, h11.Request):
                        return None
                    check_frame(request)
                    more = has_body(request)
                    if request.method == b"CONNECT" and origin is None:
                        return await self._tunnel(peer, request)
                    await self._request(peer, request, origin, lines)
                except h11.RemoteProtocolError as error:
                    await answer(peer, error.error_status_hint, f"The request is not valid HTTP: {error}.", close=True)
                except Malformed as error:
                    await answer(peer, error.status, str(error), close=True)
                if peer.http.their_state is h11.SEND_BODY and not more:
                    peer.http.next_event()  # the end of a request without a body
                if peer.http.our_state is not h11.DONE or peer.http.their_state is not h11.DONE:
                    return await wire.linger(stream)
                peer.http.start_next_cycle()
                seconds = self._timing.keep
        finally:
            await lines.close()

    async def _request(self, peer: wire.Peer, request: h11.Request, origin: Origin | None, lines: Lines) -> None:
        method = request.method.decode("ascii")
        if origin is None:
            origin, target = proxied(request)
        else:
            target = direct(request, origin)
        try:
            blocked = decide(self._rules, origin.host, origin.port, method) or self._misfit(request, origin, method)
            if blocked is not None:
                raise Forbidden(blocked)
            bound = self._broker.bound(origin.host, origin.port, tls=origin.tls) if self._broker else ()
            await carry(peer, Outgoing.of(request, origin, target, bound), lines)
        except Forbidden as error:
            await self._refuse(peer, error.blocked, request)
        except Unreached as error:
            await answer(peer, 502, f"The request was allowed, but {error}.", request=request, close=True)

    def _misfit(self, request: h11.Request, origin: Origin, method: str) -> Blocked | None:
        place = (origin.host, origin.port, method)
        named = named_host(request, origin)
        if named is not None and named != (origin.host, origin.port):
            said = Origin(*named, origin.tls).authority
            reason = f"The request goes to {origin.authority}, but its Host header names {said}."
            return block("blocked-by-policy", place, reason)
        sends = "a websocket" if wants_websocket(request) else "a body" if has_body(request) else None
        if self._rules.reads_only and sends is not None:
            reason = f"The network policy lets only GET, HEAD and OPTIONS through, and {sends} could send anything."
            return block("blocked-by-method-policy", place, reason)
        return None

    async def _tunnel(self, peer: wire.Peer, request: h11.Request) -> None:
        """Answer CONNECT. What happens in the tunnel is either only looked at once, at its beginning, or opened."""
        host, port = split_authority(request.target.decode("ascii"), None)
        if has_body(request):
            raise Malformed("A CONNECT request has no body.")
        origin = Origin(host, port, tls=True)
        opened = self.authority if self._opens(origin) else None
        line: Line | None = None
        try:
            blocked = decide(self._rules, host, port, "CONNECT") or self._other_host(request, origin)
            if blocked is None:  # what was sent without waiting is looked at before anything is connected to
                blocked = _unfit(origin, peer.http.trailing_data[0])
            if blocked is not None:
                raise Forbidden(blocked)
            if opened is None:
                line = await self._dialer.connect(host, port, "CONNECT", tls=False, tunnel=True)
        except Forbidden as error:
            return await self._refuse(peer, error.blocked, request)
        except Unreached as error:
            return await answer(peer, 502, f"The tunnel was allowed, but {error}.", close=True)
        try:
            await peer.send(h11.Response(status_code=200, headers=[], reason=b"Connection established"))
            await self._inside(peer, origin, opened, line)
        finally:
            if line is not None:
                await wire.close(line.stream)

    def _opens(self, origin: Origin) -> bool:
        bound = self._broker is not None and bool(self._broker.bound(origin.host, origin.port, tls=True))
        return self._rules.reads_only or bound

    def _other_host(self, request: h11.Request, origin: Origin) -> Blocked | None:
        named = named_host(request, origin)
        if named is None or named[0] == origin.host:
            return None
        reason = f"The tunnel goes to {origin.host}, but its Host header names {named[0]}."
        return block("blocked-by-policy", (origin.host, origin.port, "CONNECT"), reason)

    async def _inside(self, peer: wire.Peer, origin: Origin, authority: "Authority | None", line: Line | None) -> None:
        """What comes through a tunnel: TLS for its very host, or plain HTTP, which is treated like any other."""
        first, _ = peer.http.trailing_data
        blocked: Blocked | None = None
        try:
            async with asyncio.timeout(self._timing.head):
                while blocked is None and not _is_http(first) and not _is_whole(first):
                    blocked = _unfit(origin, first)
                    if blocked is None:
                        first += await peer.stream.receive(wire.PIECE)
        except TimeoutError:
            blocked = _no_tls(origin, "nothing of TLS was sent in time")
        stream = wire.Prefixed(peer.stream, first)
        if blocked is None and _is_http(first):
            lines = Lines(self._dialer)
            plain = Origin(origin.host, origin.port, tls=False)
            if line is not None:
                lines.take(plain, line)
            await self._requests(stream, plain, lines)
            return
        blocked = blocked or _unfit(origin, first)
        if blocked is not None:
            if line is not None:
                await wire.close(line.stream)
            await self._report(blocked.refusal)
            await peer.stream.send(_ACCESS_DENIED)
            await wire.linger(peer.stream)
        elif authority is None:
            assert line is not None
            await wire.relay(stream, line.stream)
        else:
            async with asyncio.timeout(self._timing.head):
                context = authority.context(origin.host)
                opened = await TLSStream.wrap(stream, server_side=True, ssl_context=context, standard_compatible=False)
            await self._requests(opened, origin, Lines(self._dialer))

    async def _refuse(self, peer: wire.Peer, blocked: Blocked, request: h11.Request) -> None:
        """Answer 403 in words for model and person."""
        refusal = blocked.refusal
        if self._quiet is None or (QUIET, self._quiet) not in request.headers:
            await self._report(refusal)
        place = Origin(refusal.host, refusal.port, refusal.port == 443).authority
        if refusal.remedy is not None:
            way = f'To allow it, a person adds "{refusal.remedy}" to `hosts` of the network policy of this environment.'
        else:
            way = "Only a change of the network policy of this environment by a person can let it through."
        text = f"Journeyman did not let {refusal.method} {place} out of the sandbox.\n{refusal.reason}\n{way}"
        more = has_body(request) or request.method == b"CONNECT"
        await answer(peer, 403, text, kind=blocked.kind, summary=refusal.reason, request=request, close=more)

    async def _report(self, refusal: Refusal) -> None:
        if refusal in self._reported or len(self._reported) >= REPORTED:
            return
        self._reported.add(refusal)
        told = self._on_refusal(refusal)
        if told is not None:
            await told


async def answer(
    peer: wire.Peer,
    status: int,
    text: str,
    *,
    request: h11.Request | None = None,
    kind: str | None = None,
    summary: str = "",
    close: bool = False,
) -> None:
    """Answer a request ourselves. `summary` is what programs show that show only the status line."""
    body = f"{text}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    if kind is not None:
        headers.append(("X-Proxy-Error", kind))
    if close:
        headers.append(("Connection", "close"))
    reason = (summary or http.HTTPStatus(status).phrase).encode("ascii", "replace")[:200]
    with contextlib.suppress(h11.LocalProtocolError):  # after half a response nothing can be said
        await peer.send(h11.Response(status_code=status, headers=headers, reason=reason))
        if request is None or request.method != b"HEAD":
            await peer.send(h11.Data(data=body))
        await peer.send(h11.EndOfMessage())


def _ended(connection: socket.socket) -> bool:
    """Whether the other end of a TCP connection has closed it, for writing at least."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (_TCP_CLOSE, _TCP_CLOSE_WAIT)


def _is_http(first: bytes) -> bool:
    """Whether a tunnel begins with a request in the clear."""
    return first[:1].isalpha() and first[:1].isupper()


def _is_whole(first: bytes) -> bool:
    try:
        return hello.parse(first) is not None
    except hello.NotAHello:
        return True


def _unfit(origin: Origin, first: bytes) -> Blocked | None:
    """Why a tunnel to `origin` may not begin with these bytes; None also while too few are there to tell."""
    if not first or _is_http(first):
        return None
    try:
        said = hello.parse(first)
    except hello.NotAHello as error:
        return _no_tls(origin, str(error))
    if said is None:
        return None
    if said.encrypted:
        return _no_tls(origin, "the TLS client hides the server name that it asks for (ECH)")
    if said.server_name is None:
        return None if literal(origin.host) else _no_tls(origin, "the TLS client names no server (SNI)")
    name = canonical(said.server_name)
    if name == origin.host:
        return None
    return _no_tls(origin, f"the TLS client asks for the server {name or 'with a malformed name'}")


def _no_tls(origin: Origin, why: str) -> Blocked:
    reason = f"A tunnel to {origin.host} carries only TLS for {origin.host}, but {why}."
    return block("blocked-by-policy", (origin.host, origin.port, "CONNECT"), reason)
