"""The event log of one attempt, in the hands of its one writer."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from journeyman.core.errors import LeaseLost, StoreError
from journeyman.core.events import Event
from journeyman.core.ids import Clock
from journeyman.core.mask import Mask
from journeyman.core.task import Attempt, Status, Verdict
from journeyman.store.blobs import Blobs
from journeyman.store.chunk import Chunk
from journeyman.store.codec import encode
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

Listener = Callable[[Sequence[Event]], None]
"""Called with events right after they were stored."""


class AttemptLog:
    """All events of an attempt, and the right to add to them, for as long as no other process takes the lease.

    Made by `Store.claim`. Every write is fenced: it raises `LeaseLost`, and writes nothing, once the attempt's epoch
    in the database is no longer `epoch`. No secret of `mask` is ever written.
    """

    def __init__(
        self,
        attempt: Attempt,
        events: list[Event],
        chunks: int,
        *,
        database: Database,
        blobs: Blobs,
        clock: Clock,
        ttl: float,
        mask: Mask,
    ) -> None:
        self.id = attempt.id
        self.task_id = attempt.task_id
        self.epoch = attempt.epoch
        self.events = events
        self.lost = False
        self.mask = mask
        self._chunks = chunks
        self._open_chunks: list[Chunk] = []
        self._listeners: list[Listener] = []
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._ttl = ttl
        self._lock = asyncio.Lock()

    async def append(self, *events: Event) -> None:
        """Number `events`, set their time and store them in one transaction, all or none.

        When this returns they are kept, whatever happens to the process, and the listeners have seen them.
        """
        if events:
            # A cancelled caller must not leave a commit behind that `self.events` does not know of.
            await asyncio.shield(asyncio.ensure_future(self._append(events)))

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each append from now on, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def chunk(self) -> Chunk:
        """A new, empty chunk of output. Its id is only used once it is stored."""
        chunk = Chunk(self.id, self._chunks, self._blobs, self._keep, self.mask)
        self._chunks += 1
        self._open_chunks.append(chunk)
        return chunk

    async def set_status(self, status: Status, verdict: Verdict | None = None) -> None:
        from sqlalchemy import update

        from journeyman.store.schema import attempt

        change = update(attempt).where(attempt.c.id == self.id).values(status=status, verdict=verdict)
        await self._fenced(lambda connection: connection.execute(change))

    async def renew(self) -> None:
        """Put the end of the lease off to `ttl` seconds from now, as every write does too."""
        await self._fenced(lambda connection: None)

    async def close(self) -> None:
        """Give the attempt back, after the appends that are still under way."""
        from journeyman.store.schema import RELEASE

        async with self._lock:
            for chunk in self._open_chunks:
                chunk.discard()
            with contextlib.suppress(StoreError):  # then the lease runs out by itself
                ours = {"attempt": self.id, "ours": self.epoch}
                await self._database.write(lambda connection: connection.execute(RELEASE, ours))
            self.lost = True

    async def _append(self, events: Sequence[Event]) -> None:
        from journeyman.store.schema import ADD_EVENT, COUNT_EVENTS

        async with self._lock:
            now = self._clock()
            seq = self.events[-1].seq if self.events else 0
            encoded = [encode(event, seq + place, now, self.mask) for place, event in enumerate(events, 1)]
            rows = [
                {"attempt_id": self.id, "seq": event.seq, "kind": event.kind, "body": body} for event, body in encoded
            ]

            def job(connection: "Connection") -> None:
                count = {"task": self.task_id, "more": len(rows), "now": now}
                last: int = connection.execute(COUNT_EVENTS, count).scalar_one()
                first = last - len(rows) + 1
                numbered = ({"task_id": self.task_id, "place": first + at, **row} for at, row in enumerate(rows))
                connection.execute(ADD_EVENT, list(numbered))

            await self._fenced(job)
            stored = [event for event, _ in encoded]
            self.events.extend(stored)
            for listener in tuple(self._listeners):
                listener(stored)

    async def _fenced(self, job: "Callable[[Connection], object]") -> None:
        """Run `job` in a transaction that fails when the lease is another's."""
        from journeyman.store.schema import RENEW

        if self.lost:
            raise lease_lost(self.id, self.task_id)
        lease = {"attempt": self.id, "ours": self.epoch, "until": self._clock() + self._ttl}

        def fenced(connection: "Connection") -> None:
            if connection.execute(RENEW, lease).rowcount != 1:
                raise lease_lost(self.id, self.task_id)
            job(connection)

        try:
            await self._database.write(fenced)
        except LeaseLost:
            self.lost = True
            raise

    async def _keep(self, chunk: Chunk, blob: str, *, whole: bool) -> None:
        from journeyman.store.schema import ADD_CHUNK, GROW_CHUNK

        row = {"attempt_id": self.id, "number": chunk.number, "id": chunk.id, "blob": blob, "size": chunk.size}
        grown = {"attempt": self.id, "place": chunk.number, "blob": blob, "size": chunk.size}
        known = chunk.kept
        await self._fenced(lambda connection: connection.execute(*((GROW_CHUNK, grown) if known else (ADD_CHUNK, row))))
        chunk.kept = True
        if whole:
            self._open_chunks.remove(chunk)


def lease_lost(attempt_id: str, task_id: str) -> LeaseLost:
    return LeaseLost(
        f"Attempt {attempt_id} is no longer in the hands of this process, which stopped and wrote nothing more. "
        f"`journeyman show {task_id}` tells how it goes on."
    )
