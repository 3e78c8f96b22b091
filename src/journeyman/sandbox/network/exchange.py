"""One request and its response, carried between a client in the sandbox and a host."""

import asyncio
import contextlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import h11

from journeyman.sandbox.network import wire
from journeyman.sandbox.network.broker import Mask, Secret, put_in
from journeyman.sandbox.network.dial import Dialer, Line, Unreached
from journeyman.sandbox.network.request import QUIET, Header, Origin, end_to_end, has_body, wants_websocket

_SLICE = 256 * 1024
_REFRAMED = frozenset((b"content-length", b"content-encoding"))
_UNMASKABLE = frozenset((b"accept-encoding", b"range", b"if-range", b"sec-websocket-extensions"))
"""What would bring a value back in a form in which it is not found: compressed, or in slices."""


_REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS"))


class Cut(Exception):
    """The response ended in the middle, and all that is left is to end the client's connection."""


class _Stale(Exception):
    """A connection that was kept for the next request had ended meanwhile."""


class Lines:
    """The connection to the host of the last request, kept for the next one to it."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._origin: Origin | None = None
        self._line: Line | None = None
        self._peer: wire.Peer | None = None
        self._used = False

    async def get(self, origin: Origin, method: str, *, fresh: bool) -> tuple[wire.Peer, Line, bool]:
        """A connection, and whether it may have ended since its last request. With `fresh` it was not used before.
        Raises `Forbidden` and `Unreached`."""
        if self._peer is not None and self._line is not None and self._origin == origin and not (fresh and self._used):
            return self._peer, self._line, self._used
        await self.close()
        line = await self._dialer.connect(origin.host, origin.port, method, tls=origin.tls, tunnel=False)
        return self.take(origin, line), line, False

    def take(self, origin: Origin, line: Line) -> wire.Peer:
        self._origin, self._line, self._peer = origin, line, wire.Peer(line.stream, h11.CLIENT)
        self._used = False
        return self._peer

    async def settle(self) -> None:
        """After a response: keep the connection if it can be used again."""
        if self._peer is not None:
            http = self._peer.http
            if http.our_state is h11.DONE and http.their_state is h11.DONE:
                http.start_next_cycle()
                self._used = True
            else:
                await self.close()

    async def close(self) -> None:
        if self._peer is not None:
            await self._peer.close()
        self._origin = self._line = self._peer = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request ready to be sent to `origin`. `bound` are the secrets whose values may come back."""

    origin: Origin
    target: bytes
    method: bytes
    headers: list[Header]
    has_body: bool
    websocket: bool
    bound: Sequence[Secret]

    @classmethod
    def of(cls, request: h11.Request, origin: Origin, target: bytes, bound: Sequence[Secret]) -> "Outgoing":
        unwanted = (_UNMASKABLE if bound else frozenset[bytes]()) | {b"host", QUIET}
        headers = end_to_end(request.headers.raw_items(), unwanted)
        if bound:
            target, headers, _ = put_in(bound, target, headers)
            headers.append((b"Accept-Encoding", b"identity"))
        websocket = wants_websocket(request)
        if websocket:
            headers += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
        if any(name == b"transfer-encoding" for name, _ in request.headers):
            headers.append((b"Transfer-Encoding", b"chunked"))
        headers.insert(0, (b"Host", origin.authority.encode()))
        return cls(origin, target, request.method, headers, has_body(request), websocket, bound)

    def on(self, line: Line) -> h11.Request:
        headers, target = list(self.headers), self.target
        if line.absolute:
            target = self.origin.url.encode() + (target if target.startswith(b"/") else b"")
            if line.credentials:
                headers.append((b"Proxy-Authorization", line.credentials.encode()))
        return h11.Request(method=self.method, target=target, headers=headers)


async def carry(client: wire.Peer, outgoing: Outgoing, lines: Lines) -> None:
    """Send a request, whose head `client` has sent, and answer it. Raises `Forbidden` and `Unreached` before anything
    was answered, `Cut` after."""
    method = outgoing.method.decode("ascii")
    fresh = outgoing.has_body or method not in _REPEATABLE  # what cannot be sent twice
    while True:
        server, line, used = await lines.get(outgoing.origin, method, fresh=fresh)
        try:
            await _once(client, server, outgoing.on(line), outgoing, used)
        except _Stale:
            await lines.close()
        except BaseException:
            await lines.close()
            raise
        else:
            return await lines.settle()


async def _once(
    client: wire.Peer, server: wire.Peer, request: h11.Request, outgoing: Outgoing, may_be_stale: bool
) -> None:
    try:
        await server.send(request)
        if not outgoing.has_body:
            await server.send(h11.EndOfMessage())
    except (*wire.BROKEN, TimeoutError) as error:
        if may_be_stale:
            raise _Stale from error
        raise Unreached(f"{outgoing.origin.host} ended the connection") from error
    except h11.LocalProtocolError as error:
        raise Unreached(f"the request cannot be passed on: {error}") from error
    if not outgoing.has_body:
        return await _answer(client, server, outgoing, may_be_stale)
    upload = asyncio.create_task(_upload(client, server))
    try:
        await _answer(client, server, outgoing, may_be_stale)
    finally:
        upload.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await upload


async def _upload(client: wire.Peer, server: wire.Peer) -> None:
    """Carry the request's body. What goes wrong shows where the response is awaited."""
    event: object = None
    while not isinstance(event, h11.EndOfMessage):
        try:
            event = await client.receive(wire.IDLE)
        except (*wire.BROKEN, TimeoutError, h11.RemoteProtocolError):
            event = None
        if not isinstance(event, h11.Data | h11.EndOfMessage):  # the client has gone, so nobody awaits a response
            return await server.close()
        piece = event if isinstance(event, h11.Data) else h11.EndOfMessage()
        try:
            await server.send(piece)
        except (*wire.BROKEN, TimeoutError, h11.LocalProtocolError):  # it may have answered before the end
            return None
    return None


async def _answer(client: wire.Peer, server: wire.Peer, outgoing: Outgoing, may_be_stale: bool) -> None:
    body: Body | None = None
    while True:
        try:
            event = await server.receive(wire.IDLE)
        except (*wire.BROKEN, TimeoutError, h11.RemoteProtocolError) as error:
            _failed(outgoing, body is not None, may_be_stale, error)
        match event:
            case h11.InformationalResponse(status_code=101) if outgoing.websocket:
                return await _switch(client, server, event, outgoing)
            case h11.InformationalResponse(status_code=100):
                if client.http.they_are_waiting_for_100_continue:
                    await _pass(client, h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
            case h11.InformationalResponse():
                pass
            case h11.Response():
                body = Body(outgoing, event)
                await _pass(client, body.head)
            case h11.Data() if body is not None:
                for piece in body.feed(bytes(event.data)):
                    await _pass(client, h11.Data(data=piece))
            case h11.EndOfMessage() if body is not None:
                if kept := body.end():
                    await _pass(client, h11.Data(data=kept))
                return await _pass(client, h11.EndOfMessage())
            case _:
                _failed(outgoing, body is not None, may_be_stale, None)


def _failed(outgoing: Outgoing, answered: bool, may_be_stale: bool, error: Exception | None) -> NoReturn:
    if answered:
        raise Cut from error
    if may_be_stale and not isinstance(error, TimeoutError):
        raise _Stale from error
    host = outgoing.origin.host
    why = "sent no answer in time" if isinstance(error, TimeoutError) else "ended the connection without an answer"
    if isinstance(error, h11.RemoteProtocolError):
        why = "sent an answer that is not HTTP"
    raise Unreached(f"{host} {why}") from error


async def _pass(client: wire.Peer, event: h11.Event) -> None:
    """Send to the client; once that fails there is nobody to tell."""
    try:
        await client.send(event)
    except (*wire.BROKEN, TimeoutError, h11.LocalProtocolError) as error:
        raise Cut from error


async def _switch(client: wire.Peer, server: wire.Peer, answer: h11.InformationalResponse, outgoing: Outgoing) -> None:
    mask = Mask(outgoing.bound) if outgoing.bound else None
    headers = end_to_end(answer.headers.raw_items())
    headers = [(name, mask.whole(value) if mask else value) for name, value in headers]
    headers += [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]
    await _pass(client, h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols"))
    await wire.relay(
        wire.Prefixed(client.stream, client.http.trailing_data[0]),
        wire.Prefixed(server.stream, server.http.trailing_data[0]),
        mask=mask,
    )
    raise Cut


class Body:
    """A response as the client gets it: without headers of the other connection, without values of secrets."""

    def __init__(self, outgoing: Outgoing, response: h11.Response) -> None:
        self._mask = Mask(outgoing.bound) if outgoing.bound else None
        self._inflate: Any | None = None
        empty = outgoing.method == b"HEAD" or response.status_code in (204, 304)
        coding = b", ".join(value.strip().lower() for name, value in response.headers if name == b"content-encoding")
        dropped: frozenset[bytes] = frozenset()
        if self._mask and not empty and coding not in (b"", b"identity"):
            if coding not in (b"gzip", b"x-gzip", b"deflate"):
                raise Unreached(f"{outgoing.origin.host} answered in a coding in which no secret can be masked")
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
            dropped = _REFRAMED
        headers = end_to_end(response.headers.raw_items(), dropped)
        if self._mask:
            headers = [(name, self._mask.whole(value)) for name, value in headers]
        if any(name == b"transfer-encoding" for name, _ in response.headers):
            headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
        reason = self._mask.whole(response.reason) if self._mask else response.reason
        self.head = h11.Response(status_code=response.status_code, headers=headers, reason=reason)

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in self._inflated(data) if self._inflate else (data,):
            if masked := self._mask.feed(piece) if self._mask else piece:
                yield masked

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        assert self._inflate is not None
        try:
            while data and not self._inflate.eof:
                yield self._inflate.decompress(data, _SLICE)
                data = self._inflate.unconsumed_tail
        except zlib.error as error:
            raise Cut from error

    def end(self) -> bytes:
        return self._mask.end() if self._mask else b""
