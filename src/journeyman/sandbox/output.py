"""The output of a command on its way through the host: head and tail kept, leftovers drained."""

import asyncio
import contextlib
import os

PIECE = 64 * 1024
PAUSE = 0.05
"""Seconds between two readings of a pipe that only background processes still hold: they must not stall, nor may
they keep the host busy."""


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

    def result(self) -> tuple[bytes, int]:
        """What is kept, and how many bytes are missing in the middle."""
        self._cut()
        return bytes(self._head + self._tail), self.total - len(self._head) - len(self._tail)

    def _cut(self) -> None:
        del self._tail[: max(len(self._tail) - self._tail_room, 0)]


class Drains:
    """Pipes that processes in the background hold after their command has ended: read, so that nobody stalls or dies
    of a closed pipe, and thrown away, slowly, so that nobody keeps the host busy."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pipes: dict[int, asyncio.TimerHandle | None] = {}

    def add(self, pipe: int) -> None:
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
        for pipe, timer in self._pipes.items():
            if timer:
                timer.cancel()
            self._loop.remove_reader(pipe)
            os.close(pipe)
        self._pipes.clear()
