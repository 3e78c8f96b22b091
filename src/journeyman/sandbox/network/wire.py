"""HTTP/1.1 over byte streams: heads, bodies and raw bytes, each with a time limit."""

import asyncio
import contextlib

import anyio
import h11
from anyio.abc import ByteStream

from journeyman.sandbox.network.broker import Mask

HEAD_LIMIT = 64 * 1024
"""Bytes that a request's or response's head may have."""
PIECE = 64 * 1024
IDLE = 15 * 60.0
"""Seconds without a byte in either direction after which a tunnel or a body is given up."""

BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)
"""How a stream says that its other end has gone; `ssl.SSLError` is an `OSError`."""


class Peer:
    """One end of an HTTP/1.1 connection over `stream`, as server (`h11.SERVER`) or client."""

    def __init__(self, stream: ByteStream, role: type[h11.CLIENT] | type[h11.SERVER]) -> None:
        self.stream = stream
        self.http = h11.Connection(role, max_incomplete_event_size=HEAD_LIMIT)

    async def receive(self, seconds: float) -> h11.Event | type[h11.PAUSED]:
        """The next event. `seconds` are for the whole of it, however slowly its bytes come. Raises `TimeoutError`,
        `h11.RemoteProtocolError` and `BROKEN`."""
        async with asyncio.timeout(seconds):
            while True:
                event = self.http.next_event()
                if isinstance(event, h11.Event) or event is h11.PAUSED:
                    return event
                try:
                    data = await self.stream.receive(PIECE)
                except anyio.EndOfStream:
                    data = b""
                self.http.receive_data(data)

    async def send(self, event: h11.Event) -> None:
        data = self.http.send(event)
        if data:
            await _send(self.stream, data)

    async def close(self) -> None:
        """Close without waiting for the other end."""
        await close(self.stream)


async def _send(stream: ByteStream, data: bytes) -> None:
    async with asyncio.timeout(IDLE):
        await stream.send(data)


async def close(stream: ByteStream) -> None:
    with contextlib.suppress(*BROKEN):
        await anyio.aclose_forcefully(stream)


class Prefixed(ByteStream):
    """A stream whose first bytes have been read already."""

    def __init__(self, stream: ByteStream, first: bytes) -> None:
        self._stream = stream
        self._first = first

    async def receive(self, max_bytes: int = PIECE) -> bytes:
        if self._first:
            piece, self._first = self._first[:max_bytes], self._first[max_bytes:]
            return piece
        return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def relay(client: ByteStream, server: ByteStream, *, mask: Mask | None = None) -> None:
    """Carry bytes both ways until both have ended, or one breaks, or nothing came for `IDLE` seconds. `mask` is for
    what the server sends."""
    loop = asyncio.get_running_loop()
    last = loop.time()

    async def carry(source: ByteStream, target: ByteStream, change: Mask | None) -> None:
        nonlocal last
        while True:
            try:
                async with asyncio.timeout_at(last + IDLE):
                    piece = await source.receive(PIECE)
            except TimeoutError:
                if loop.time() < last + IDLE:  # the other direction is busy
                    continue
                raise
            except anyio.EndOfStream:
                if change is not None and (kept := change.end()):
                    await _send(target, kept)
                try:
                    await target.send_eof()
                except NotImplementedError:  # TLS streams are not half-closed: this ends both directions
                    raise anyio.EndOfStream from None
                return
            last = loop.time()
            piece = change.feed(piece) if change else piece
            if piece:
                await _send(target, piece)
            last = loop.time()

    tasks = [asyncio.create_task(carry(client, server, None)), asyncio.create_task(carry(server, client, mask))]
    try:
        await _all(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    """Wait for all, or for the first that fails in an expected way; anything else is raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        error = task.exception()
        if error is not None and not isinstance(error, (*BROKEN, TimeoutError)):
            raise error


async def linger(stream: ByteStream, *, seconds: float = 2.0, limit: int = 4 * 1024 * 1024) -> None:
    """End our side and read what is still on its way, since closing at once could destroy an answer before it is
    read."""
    with contextlib.suppress(*BROKEN, TimeoutError):
        async with asyncio.timeout(seconds):
            with contextlib.suppress(NotImplementedError):  # TLS: the answer said that it is the last
                await stream.send_eof()
            while limit > 0:
                limit -= len(await stream.receive(PIECE))
