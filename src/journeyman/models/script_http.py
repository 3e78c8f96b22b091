"""The HTTP/1.1 side of the script server: just enough of it, and quick."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from journeyman.models.script_turns import TurnCounter

REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


@dataclass(slots=True)
class Received:
    """A request that came in. Times are of the monotonic clock, in seconds.

    `arrived` is when its last byte was read, `ended` when the last byte of the answer was handed to the kernel (0 while
    it is not), `status` what was answered (0: nothing).
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    arrived: float = 0.0
    ended: float = 0.0
    status: int = 0
    turn: int = -1


@dataclass(slots=True)
class Exchange:
    """A request and the means to answer it."""

    request: Received
    transport: asyncio.Transport
    finish: Callable[[], None]
    turns: TurnCounter
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, status: int, body: bytes, kind: str = "application/json", extra: str = "") -> None:
        """The whole answer at once."""
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\ncontent-type: {kind}\r\n{extra}"
        self.request.status = status
        self._write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.end()

    def begin(self, extra: bytes = b"") -> None:
        """The head of a stream, and its first bytes."""
        self.request.status = 200
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
        self._write(head + b"transfer-encoding: chunked\r\n\r\n" + _chunk(extra))

    def send(self, data: bytes) -> None:
        self._write(_chunk(data))

    def stream(self, data: bytes) -> None:
        """A whole stream at once."""
        self.request.status = 200
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
        self._write(head + b"transfer-encoding: chunked\r\n\r\n" + _chunk(data) + b"0\r\n\r\n")
        self.end()

    def close_stream(self) -> None:
        self._write(b"0\r\n\r\n")
        self.end()

    def _write(self, data: bytes) -> None:
        """Whoever has gone is told nothing more; asyncio would complain of each try."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def cut(self) -> None:
        """Ends the connection in the middle of whatever was being said."""
        self.transport.close()
        self.end()

    def end(self) -> None:
        self.request.ended = time.monotonic()
        self.finish()


class Connection(asyncio.Protocol):
    """Reads requests, one after the other, and hands each to `handle`."""

    def __init__(self, handle: Callable[[Exchange], None], connections: "set[Connection]") -> None:
        self._handle = handle
        self._connections = connections
        self._buffer = bytearray()
        self._request: Received | None = None
        self._length: int | None = 0  # None for a chunked body
        self._busy: Exchange | None = None
        self._turns = TurnCounter()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._busy is not None:
            self._busy.closed.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while self._busy is None:
            if self._request is None and not self._read_head():
                return
            request = self._request
            body = self._read_body()
            if request is None or body is None or self.transport is None:
                return
            request.body, request.arrived = body, time.monotonic()
            self._request = None
            self._busy = Exchange(request, self.transport, self._finished, self._turns)
            self._handle(self._busy)

    def _finished(self) -> None:
        self._busy = None
        if self._buffer:
            asyncio.get_running_loop().call_soon(self._go_on)

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, path, *_ = [*first.split(" "), "", ""]
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        self._request = Received(method, path, headers)
        chunked = "chunked" in headers.get("transfer-encoding", "")
        self._length = None if chunked else int(headers.get("content-length") or 0)
        if headers.get("expect", "").lower() == "100-continue" and self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _read_body(self) -> bytes | None:
        if self._length is None:
            return self._read_chunks()
        if len(self._buffer) < self._length:
            return None
        body = bytes(memoryview(self._buffer)[: self._length])
        del self._buffer[: self._length]
        return body

    def _read_chunks(self) -> bytes | None:
        """The body of a chunked request, once it is all here."""
        body, place = bytearray(), 0
        while True:
            end = self._buffer.find(b"\r\n", place)
            if end < 0:
                return None
            size = int(self._buffer[place:end].split(b";")[0] or b"0", 16)
            start = end + 2
            if len(self._buffer) < start + size + 2:
                return None
            body += self._buffer[start : start + size]
            place = start + size + 2
            if size == 0:
                del self._buffer[:place]
                return bytes(body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
