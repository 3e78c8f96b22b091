"""The live stream of the list: each task that is new, changed or gone, with its whole line.

What changed is read once for all readers, a few times a second, and each reader takes of it what it may see.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, replace

from journeyman.core.api.live import Gone
from journeyman.server.auth.actor import Actor
from journeyman.server.lines import reader, task_lines, viewer
from journeyman.server.parts import Parts
from journeyman.server.sse import COMMENT, json_of, sent
from journeyman.server.visible import sees
from journeyman.store.lines import Filter, Line

GAP = 0.2
"""Seconds between two readings of what changed."""
KEPT = 64
"""Readings that are kept for readers who are a little behind."""
SLACK = 10.0
"""Seconds that clocks of two processes, and their transactions, may be apart."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What changed by a time: tasks' lines, the ids of tasks that are no more, and who has read how far."""

    number: int
    at: float
    lines: Sequence[Line]
    gone: frozenset[str]
    seen: Mapping[tuple[str, str], int]


class ListStreams:
    """The streams of the list, of one application. They end when `closing` is set."""

    def __init__(self, parts: Parts, closing: asyncio.Event) -> None:
        self._parts = parts
        self._closing = closing
        self._readings: deque[Reading] = deque(maxlen=KEPT)
        self._number = 0
        self._readers = 0
        self._news = asyncio.Condition()
        self._work: asyncio.Task[None] | None = None

    async def changes(self, actor: Actor, since: float | None) -> AsyncGenerator[bytes]:
        """What changed since a time (of a cursor), then what changes. Without one, from now on."""
        self._readers += 1
        try:
            if self._work is None or self._work.done():
                began = asyncio.Event()
                self._work = asyncio.create_task(self._read(began))
                await began.wait()
            async for told in self._changes(actor, since):
                yield told
        finally:
            self._readers -= 1
            if not self._readers and self._work is not None:
                work, self._work = self._work, None
                work.cancel()
                await asyncio.wait([work])

    async def _changes(self, actor: Actor, since: float | None) -> AsyncGenerator[bytes]:
        shown: set[str] = set()
        number, now = self._number, self._parts.clock()
        yield sent("ready", b"{}", _cursor(now if since is None else since))
        if since is not None:
            yield await self._missed(actor, since, now, shown)
        while not self._closing.is_set():
            if not await self._wait(number):
                yield COMMENT
                continue
            waiting = [reading for reading in self._readings if reading.number > number]
            if waiting and waiting[0].number > number + 1:  # it was too slow, and is told all since then
                since = now
                number, now = self._number, self._parts.clock()
                yield await self._missed(actor, since, now, shown)
                continue
            for reading in waiting:
                number, now = reading.number, reading.at
                if told := await self._of(actor, reading, shown):
                    yield told

    async def _wait(self, number: int) -> bool:
        """Wait for a reading after the one with this number; False when nothing came for a while."""
        async with self._news:
            try:
                async with asyncio.timeout(self._parts.heartbeat):
                    await self._news.wait_for(lambda: self._number > number or self._closing.is_set())
            except TimeoutError:
                return False
        return True

    async def _missed(self, actor: Actor, since: float, now: float, shown: set[str]) -> bytes:
        """What changed in between, and perhaps some that did not."""
        which = Filter(viewer=viewer(actor), archived=None)
        lines = await self._parts.store.lines.changed(since - SLACK, which, person=reader(actor))
        return await self._written(lines, now, shown)

    async def _of(self, actor: Actor, reading: Reading, shown: set[str]) -> bytes:
        person = reader(actor)
        mine = [
            replace(line, seen=reading.seen.get((person, line.task.id), 0))
            for line in reading.lines
            if sees(actor, line.task)
        ]
        hidden = {line.task.id for line in reading.lines} - {line.task.id for line in mine}
        gone = reading.gone | (hidden & shown)
        shown -= gone
        told = await self._written(mine, reading.at, shown)
        return told + b"".join(sent("gone", json_of(Gone(id=id)), _cursor(reading.at)) for id in sorted(gone))

    async def _written(self, lines: Sequence[Line], at: float, shown: set[str]) -> bytes:
        shown.update(line.task.id for line in lines)
        return b"".join([sent("task", json_of(line), _cursor(at)) for line in await task_lines(self._parts, lines)])

    async def _read(self, began: asyncio.Event) -> None:
        """Read what changes, for as long as there is a reader."""
        store = self._parts.store
        async with store.tail.watch() as watch:
            began.set()
            while True:
                ids = await watch.wait()
                started, at = time.monotonic(), self._parts.clock()
                lines = await store.lines.of(ids)
                seen = await store.pages.seen_of(ids)
                gone = ids - {line.task.id for line in lines}
                async with self._news:
                    self._number += 1
                    self._readings.append(Reading(self._number, at, lines, gone, seen))
                    self._news.notify_all()
                await asyncio.sleep(max(started + GAP - time.monotonic(), 0))

    async def wake(self) -> None:
        """Have all readers look whether they are to end."""
        async with self._news:
            self._news.notify_all()


def _cursor(at: float) -> str:
    return f"{at:.3f}"
