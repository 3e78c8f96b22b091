"""The event log of one attempt, in the hands of its one writer."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from journeyman.core.errors import LeaseLost, StoreError
from journeyman.core.events import AFTERWARDS, Event, Finished, PullRequestChanged
from journeyman.core.ids import Clock
from journeyman.core.mask import Mask
from journeyman.core.summary import fold
from journeyman.core.task import Attempt, Status, Summary, Verdict
from journeyman.store.blobs import Blobs
from journeyman.store.chunk import Chunk
from journeyman.store.codec import encode
from journeyman.store.database import Database, Unsettled
from journeyman.store.pulls import remember
from journeyman.store.rows import summary_row

if TYPE_CHECKING:
    from sqlalchemy import Connection

DATED = 1.0
"""Seconds after which an append also sets the task's time, on which indexes lie."""

T = TypeVar("T")

Listener = Callable[[Sequence[Event]], None]
"""Called with events right after they were stored."""


class _Unheard(Exception):
    """A person has said something that the log does not hold."""


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
        self._summary = attempt.summary
        self._began = attempt.began is not None
        self._ended = attempt.ended
        self._dated = 0.0
        self._lock = asyncio.Lock()

    async def append(self, *events: Event) -> None:
        """Number `events`, set their time and store them in one transaction, all or none.

        When this returns they are kept, whatever happens to the process, and the listeners have seen them.
        """
        if events:
            await _whole(self._append(events))

    async def finish(self, event: Finished, status: Status, heard: int) -> bool:
        """Store the last event of all and the status that it means, unless a person has said something that is not
        heard: a message above the number `heard`. Then nothing is stored, and the answer is False.

        From here on nothing can be said to the attempt (`Messages.add` with `to_open`): each message is either heard
        or refused.
        """

        def close(connection: "Connection") -> None:
            from sqlalchemy import or_, select, update

            from journeyman.store.schema import attempt, message
            from journeyman.store.statements import DATE

            said = select(message.c.number).where(
                message.c.task_id == self.task_id,
                message.c.number > heard,
                or_(message.c.attempt.is_(None), message.c.attempt == self.id),
                message.c.kind != "approve",
            )
            if connection.execute(said.limit(1)).first() is not None:
                raise _Unheard
            ended = {"status": status, "verdict": event.result.verdict}
            connection.execute(update(attempt).where(attempt.c.id == self.id).values(**ended))
            connection.execute(DATE, {"task": self.task_id, "now": self._clock()})

        try:
            await _whole(self._append((event,), close))
        except _Unheard:
            return False
        return True

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each append from now on, until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def chunk(self) -> Chunk:
        """A new, empty chunk of output. Its id is only used once it is stored."""
        chunk = Chunk(self.id, self._chunks, self._blobs, self._keep, self.mask, self._clock)
        self._chunks += 1
        self._open_chunks.append(chunk)
        return chunk

    async def set_status(self, status: Status, verdict: Verdict | None = None) -> None:
        from sqlalchemy import update

        from journeyman.store.schema import attempt
        from journeyman.store.statements import DATE

        change = update(attempt).where(attempt.c.id == self.id).values(status=status, verdict=verdict)

        def job(connection: "Connection") -> None:
            connection.execute(change)
            connection.execute(DATE, {"task": self.task_id, "now": self._clock()})

        await self._fenced(job, about=self.task_id)

    async def renew(self) -> None:
        """Put the end of the lease off to `ttl` seconds from now, as every write does too."""
        await self._fenced(lambda connection: None)

    async def close(self) -> None:
        """Give the attempt back, after the appends that are still under way."""
        from journeyman.store.statements import RELEASE

        async with self._lock:
            for chunk in self._open_chunks:
                chunk.discard()
            with contextlib.suppress(StoreError):  # then the lease runs out by itself
                ours = {"attempt": self.id, "ours": self.epoch}
                await self._database.write(lambda connection: connection.execute(RELEASE, ours))
            self.lost = True

    async def _append(self, events: Sequence[Event], more: "Callable[[Connection], None] | None" = None) -> None:
        """`more` is done in the same transaction, with the task's row held."""
        async with self._lock:
            now = self._clock()
            seq = self.events[-1].seq if self.events else 0
            encoded = [encode(event, seq + place, now, self.mask) for place, event in enumerate(events, 1)]
            rows = [
                {"attempt_id": self.id, "seq": event.seq, "kind": event.kind, "body": body} for event, body in encoded
            ]
            summary = self._summary
            for event, _ in encoded:
                summary = fold(summary, event)
            dated = not 0 <= now - self._dated < DATED

            def job(connection: "Connection") -> None:
                from journeyman.store import statements

                if not self._began:
                    connection.execute(statements.BEGIN, {"attempt": self.id, "now": now})
                count = {"task": self.task_id, "more": len(rows)}
                last: int = (
                    connection.execute(statements.COUNT_AND_DATE_EVENTS, {**count, "now": now}).scalar_one()
                    if dated
                    else connection.execute(statements.COUNT_EVENTS, count).scalar_one()
                )
                first = last - len(rows) + 1
                numbered = ({"task_id": self.task_id, "place": first + at, **row} for at, row in enumerate(rows))
                connection.execute(statements.ADD_EVENT, list(numbered))
                for place, (event, _) in enumerate(encoded, first):
                    if isinstance(event, PullRequestChanged):
                        remember(connection, self.task_id, self.id, event.pull_request, place)
                if more is not None:
                    more(connection)

            # What a person does with the result later is no work on it.
            ended = now if any(event.kind not in AFTERWARDS for event, _ in encoded) else self._ended or now
            await self._fenced(job, _told(summary, ended), about=self.task_id, landed=self._landed(rows[0]))
            self._summary, self._began, self._ended = summary, True, ended
            if dated:
                self._dated = now
            stored = [event for event, _ in encoded]
            self.events.extend(stored)
            for listener in tuple(self._listeners):
                listener(stored)

    async def _fenced(
        self,
        job: "Callable[[Connection], object]",
        told: dict[str, Any] | None = None,
        *,
        about: str | None = None,
        landed: "Callable[[Connection], bool] | None" = None,
    ) -> None:
        """Run `job` in a transaction that fails when the lease is another's; `told` is what goes with its renewal."""
        if self.lost:
            raise lease_lost(self.id, self.task_id)
        lease = {"attempt": self.id, "ours": self.epoch, "until": self._clock() + self._ttl}

        def fenced(connection: "Connection") -> None:
            from journeyman.store.statements import RENEW, TELL

            held = connection.execute(*((RENEW, lease) if told is None else (TELL, lease | told)))
            if held.rowcount != 1:
                raise lease_lost(self.id, self.task_id)
            job(connection)

        try:
            await self._database.write(fenced, about=about, by=self.id, landed=landed)
        except LeaseLost:
            self.lost = True
            raise
        except Unsettled:
            self.lost = self.lost or told is not None  # who does not know which events are stored must not go on
            raise

    def _landed(self, first: dict[str, Any]) -> "Callable[[Connection], bool]":
        """Whether an append came about: only this holder writes its events, and an append is kept whole."""

        def look(connection: "Connection") -> bool:
            from journeyman.store.statements import EVENTS

            rows = connection.execute(EVENTS, {"attempt": self.id, "after": first["seq"] - 1})
            row = rows.first()
            return row is not None and (row.seq, row.body) == (first["seq"], first["body"])

        return look

    async def _keep(self, chunk: Chunk, blob: str, *, whole: bool) -> None:
        from journeyman.store.statements import ADD_CHUNK, GROW_CHUNK

        content = {"blob": blob, "size": chunk.size, "timing": chunk.timing}
        row = {"attempt_id": self.id, "number": chunk.number, "id": chunk.id, **content}
        grown = {"attempt": self.id, "place": chunk.number, **content}
        known = chunk.kept
        await self._fenced(lambda connection: connection.execute(*((GROW_CHUNK, grown) if known else (ADD_CHUNK, row))))
        chunk.kept = True
        if whole:
            self._open_chunks.remove(chunk)


async def _whole(append: Coroutine[Any, Any, T]) -> T:
    """A cancelled caller must not go on before `events` holds what is being committed."""
    future = asyncio.ensure_future(append)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        future.exception()  # who is cancelled has no use for it
        raise


def _told(summary: Summary, ended: float) -> dict[str, Any]:
    row = summary_row(summary)
    return {"now": ended, "told": row["summary"], "used": row["tokens"], "spent": row["cost"]}


def lease_lost(attempt_id: str, task_id: str) -> LeaseLost:
    return LeaseLost(
        f"Attempt {attempt_id} is no longer in the hands of this process, which stopped and wrote nothing more. "
        f"`journeyman show {task_id}` tells how it goes on."
    )
