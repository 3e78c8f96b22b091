"""How many tasks of each kind somebody sees. Counting goes over all of them, so it is not done for each who asks."""

import asyncio
import time
from dataclasses import dataclass, field

from journeyman.core.api.tasks import TaskCounts
from journeyman.server.parts import Parts
from journeyman.store.lines import Viewer

SHARE = 0.05
"""What part of the time may go into counting for one person."""
MOST = 1000
"""People whose counts are remembered."""


@dataclass(slots=True)
class _Known:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    until: float = float("-inf")
    counts: TaskCounts = field(default_factory=TaskCounts)


class Tallies:
    """The counts of one application. Those that took long to make are given again for a moment."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._known: dict[tuple[Viewer | None, str], _Known] = {}

    async def of(self, viewer: Viewer | None, person: str) -> TaskCounts:
        known = self._known.setdefault((viewer, person), _Known())
        async with known.lock:
            if time.monotonic() >= known.until:
                began = time.monotonic()
                known.counts = await self._count(viewer, person)
                now = time.monotonic()
                known.until = now + (now - began) / SHARE if now - began > 0.005 else now
        if len(self._known) > MOST:
            self._known.pop(next(iter(self._known)))
        return known.counts

    async def _count(self, viewer: Viewer | None, person: str) -> TaskCounts:
        tallies = await self._parts.store.lines.tally(viewer, person)
        shown = [tally for tally in tallies if not tally.archived]
        return TaskCounts(
            **{tally.status: tally.count for tally in shown},
            archived=sum(tally.count for tally in tallies if tally.archived),
            unread=sum(tally.unread for tally in shown),
        )
