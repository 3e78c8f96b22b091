"""Passing a command's streams through: what it reads and writes in the sandbox is what we read and write.

Our own stdin, stdout and stderr are never handed into a sandbox, where they could be opened anew and used in another
way; everything goes through pipes made for it.
"""

import asyncio
import contextlib
import os
import select
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

PIECE = 64 * 1024
SURE = select.PIPE_BUF
"""Bytes that a pipe which says that it can be written to takes without blocking."""
GRACE = 0.1
"""Seconds that stderr is waited for after the command, while somebody in the background still holds it."""


class ReaderGone(Exception):
    """Nobody reads our output any more."""


class Out:
    """One of our own outputs, written to without ever blocking the loop."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._waits = _waits(handle)
        self._poll = select.poll()
        self._poll.register(handle, select.POLLOUT)

    async def write(self, data: bytes) -> None:
        """Raises `ReaderGone`."""
        view = memoryview(data)
        try:
            while view:
                if not self._waits:
                    view = view[os.write(self._handle, view) :]
                elif self._poll.poll(0):
                    view = view[os.write(self._handle, view[:SURE]) :]
                else:
                    await _when(self._loop.add_writer, self._loop.remove_writer, self._handle)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ReaderGone from error
        except BlockingIOError:  # somebody made it non-blocking, and it is full
            await _when(self._loop.add_writer, self._loop.remove_writer, self._handle)
            await self.write(bytes(view))


def one_stream() -> bool:
    """Whether our stdout and stderr are the same, so that their order can be kept."""
    try:
        return os.path.sameopenfile(1, 2)
    except OSError:
        return False


@asynccontextmanager
async def standard_input() -> AsyncGenerator[int]:
    """The reading end of a pipe that gets what comes on our stdin."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(writer, False)
    pump = asyncio.create_task(_pump(writer))
    try:
        yield reader
    finally:
        pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pump
        os.close(reader)


async def _pump(writer: int) -> None:
    """Copy our stdin to `writer` until its end, or until nobody reads there."""
    loop = asyncio.get_running_loop()
    try:
        waits = _waits(0)
        while True:
            if waits:
                await _when(loop.add_reader, loop.remove_reader, 0)
            try:
                data = os.read(0, PIECE)
            except BlockingIOError:
                continue
            if not data:
                return
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(writer, view) :]
                except BlockingIOError:
                    await _when(loop.add_writer, loop.remove_writer, writer)
    except OSError:  # we were started without one, it cannot be read, or the command has closed its end
        return
    finally:
        os.close(writer)


@asynccontextmanager
async def standard_error() -> AsyncGenerator[int]:
    """The writing end of a pipe that leads to our stderr; what is left in it at the end still gets there. Raises
    `ReaderGone`."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(reader, False)
    copying = asyncio.create_task(_copy(reader, Out(2)))
    try:
        try:
            yield writer
        finally:
            os.close(writer)
        await asyncio.wait([copying], timeout=GRACE)
        if copying.done():
            copying.result()
    finally:
        copying.cancel()
        with contextlib.suppress(asyncio.CancelledError, ReaderGone):
            await copying
        os.close(reader)


async def _copy(reader: int, out: Out) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            data = os.read(reader, PIECE)
        except BlockingIOError:
            await _when(loop.add_reader, loop.remove_reader, reader)
            continue
        if not data:
            return
        await out.write(data)


async def _when(add: Callable[..., None], remove: Callable[[int], object], handle: int) -> None:
    """Wait until the loop says that `handle` is ready."""
    ready = asyncio.Event()
    add(handle, ready.set)
    try:
        await ready.wait()
    finally:
        remove(handle)


def _waits(handle: int) -> bool:
    """Whether it is something that can keep us waiting, in contrast to a file."""
    mode = os.fstat(handle).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(handle)
