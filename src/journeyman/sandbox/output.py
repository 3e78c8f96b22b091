"""The output of a command on its way through the host: head and tail kept, leftovers drained; and its input."""

import asyncio
import contextlib
import os

from journeyman.core.errors import ToolError

PIECE = 64 * 1024
PAUSE = 0.05
"""Seconds between two readings of a pipe that only background processes still hold: they must not stall, nor may
they keep the host busy."""

UNREAD = 1024 * 1024
"""Bytes of input that may wait for a session to read them."""


class Kept:
    """At most `keep` bytes of a stream: the first half and the last."""

    def __init__(self, keep: int) -> None:
        self._head_room = keep - keep // 2
        self._tail_room = keep // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._head_room - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * self._tail_room + PIECE:
            self._cut()

    def result(self, keep: int | None = None) -> tuple[bytes, int]:
        """What is kept, or at most `keep` bytes of it, and how many bytes are missing in the middle."""
        self._cut()
        head, tail = self._head, self._tail
        if keep is not None and len(head) + len(tail) > keep:
            whole = head + tail
            head, tail = whole[: keep - keep // 2], whole[len(whole) - keep // 2 :]
        return bytes(head + tail), self.total - len(head) - len(tail)

    def tail(self) -> bytes:
        """The last bytes, at most a piece."""
        return bytes((self._tail or self._head)[-PIECE:])

    def _cut(self) -> None:
        del self._tail[: max(len(self._tail) - self._tail_room, 0)]


class Drains:
    """Pipes that processes in the background hold after their command has ended: read, so that nobody stalls or dies
    of a closed pipe, and thrown away, slowly, so that nobody keeps the host busy."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipes: dict[int, asyncio.TimerHandle | None] = {}
        self._closed = False

    def add(self, pipe: int) -> None:
        if self._closed:
            os.close(pipe)
            return
        self._pipes[pipe] = None
        self._loop.add_reader(pipe, self._take, pipe)

    def _take(self, pipe: int) -> None:
        self._loop.remove_reader(pipe)
        with contextlib.suppress(BlockingIOError):
            if not os.read(pipe, PIECE):
                del self._pipes[pipe]
                os.close(pipe)
                return
        self._pipes[pipe] = self._loop.call_later(PAUSE, self._loop.add_reader, pipe, self._take, pipe)

    def close(self) -> None:
        self._closed = True
        for pipe, timer in self._pipes.items():
            if timer:
                timer.cancel()
            self._loop.remove_reader(pipe)
            os.close(pipe)
        self._pipes.clear()


class Typing:
    """The input of a session, on its way into a pipe that may be full: written when there is room."""

    def __init__(self, pipe: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipe = pipe
        self._waiting = bytearray()
        self._ending = False
        os.set_blocking(pipe, False)

    def write(self, data: bytes) -> None:
        """Raises `ToolError` when nobody reads it."""
        if self._pipe < 0 or self._ending:
            raise ToolError("The session's input is closed.")
        if len(self._waiting) + len(data) > UNREAD:
            raise ToolError(f"The session does not read its input: {len(self._waiting)} bytes are waiting.")
        self._waiting += data
        self._flush()

    def end(self) -> None:
        """Close the pipe behind what is still waiting."""
        self._ending = True
        if not self._waiting:
            self.close()

    def close(self) -> None:
        if self._pipe >= 0:
            self._loop.remove_writer(self._pipe)
            os.close(self._pipe)
            self._pipe = -1

    def _flush(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(self._pipe, self._waiting)]
        except BlockingIOError:
            self._loop.add_writer(self._pipe, self._flush)
            return
        except BrokenPipeError:
            self.close()
            return
        self._loop.remove_writer(self._pipe)
        if self._ending:
            self.close()
