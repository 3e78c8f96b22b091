"""Tasks and their attempts, for everyone to read; the logs of attempts, for one writer each."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.core.errors import LeaseLost, StoreError, UsageError
from journeyman.core.events import Event
from journeyman.core.ids import Clock
from journeyman.core.mask import Mask
from journeyman.core.task import Attempt
from journeyman.store.blobs import Blobs
from journeyman.store.database import Backend, Database
from journeyman.store.environments import Environments
from journeyman.store.holder import describe
from journeyman.store.log import AttemptLog, lease_lost
from journeyman.store.reading import ChunkInfo, TaskEvent, attempt_events, held, task_events
from journeyman.store.rooms import Rooms
from journeyman.store.rows import attempt_of
from journeyman.store.secrets import Secrets
from journeyman.store.sqlite import Sqlite
from journeyman.store.tail import Tail
from journeyman.store.turns import Messages, Turns

if TYPE_CHECKING:
    from sqlalchemy import Connection

LEASE = 30.0
"""Seconds after which an attempt whose holder was not heard of may be taken over."""


@asynccontextmanager
async def open_store(
    home: Path,
    *,
    url: str | None = None,
    blobs: str | None = None,
    clock: Clock = time.time,
    patience: float = 10.0,
) -> AsyncGenerator["Store"]:
    """The store below the folder `home`, made there if need be; its database at `url` (postgresql://…) and its blobs in
    the bucket `blobs` (s3://…, gs://…, az://…) where they are given.

    Any number of processes may have it open. A call that has to wait for another one's transaction gives up after
    `patience` seconds. Every failure is a `StoreError` that says what was kept and what to do.
    """
    backend = Sqlite(home, patience) if url is None else _postgres(url, patience)
    kept = Blobs(blobs or home / "blobs", home / "spool", durable=url is not None)
    database = Database(backend, patience=patience)
    try:
        await database.open()
        yield Store(database, kept, Secrets(database, home / "secret.key", clock), clock)
    finally:
        await database.close()


def _postgres(url: str, patience: float) -> Backend:
    from journeyman.store.postgres import Postgres

    return Postgres(url, patience)


class Store(Rooms):
    """Made by `open_store`. What is stored holds none of the `secrets`, which are read again with each claim."""

    def __init__(self, database: Database, blobs: Blobs, secrets: Secrets, clock: Clock) -> None:
        super().__init__(database, secrets, clock)
        self._blobs = blobs
        self.environments = Environments(database, clock)
        self.turns = Turns(database, secrets, clock)
        self.messages = Messages(database, secrets, clock)
        self.tail = Tail(database)

    async def events(self, attempt_id: str, after: int = 0) -> list[Event]:
        """The events of an attempt with a number above `after`; in this process or another they may grow."""
        return await self._database.read(lambda connection: attempt_events(connection, attempt_id, after))

    async def task_events(self, task_id: str, after: int = 0, limit: int = 500) -> list[TaskEvent]:
        """The events of all attempts of a task with a place above `after`, in the order of their places."""
        return await self._database.read(lambda connection: task_events(connection, task_id, after, limit))

    async def holder(self, attempt_id: str) -> str | None:
        """Who is at work on the attempt, in words; None when nobody is and it may be claimed."""
        holder = await self._database.read(lambda connection: held(connection, attempt_id, self._clock()))
        return describe(holder) if holder else None

    @asynccontextmanager
    async def claim(self, attempt_id: str, holder: str, ttl: float = LEASE) -> AsyncGenerator[AttemptLog]:
        """Take the attempt over and hold it while the body runs; `holder` comes from `this_process`.

        Raises `StoreError` when somebody else is at work on it. When it is taken away, because this process was not
        heard of for `ttl` seconds, the body is cancelled and `LeaseLost` is raised.
        """
        log = await self._claim(attempt_id, holder, ttl)
        try:
            async with _kept(log, ttl / 3):
                yield log
        finally:
            await log.close()

    async def put_blob(self, data: bytes, *, lasting: float | None = None) -> str:
        """Keep `data`; returns its id, the SHA-256 in hex of what is kept: without secrets.

        It stays while a task mentions it, and a day in any case; `lasting` keeps it for so many seconds without one.
        """
        blob_id = await self._blobs.put(self.secrets.mask.data(data))
        if lasting is not None:
            await self.garbage.keep(blob_id, lasting)
        return blob_id

    async def blob(self, blob_id: str) -> bytes:
        return await self._blobs.get(blob_id)

    async def chunks(self, attempt_id: str) -> list[ChunkInfo]:
        """The stored chunks of an attempt, in the order in which they were begun."""
        from sqlalchemy import select

        from journeyman.store.schema import chunk as table

        query = select(table.c.id, table.c.number, table.c.size).where(table.c.attempt_id == attempt_id)
        rows = await self._database.read(lambda connection: connection.execute(query.order_by(table.c.number)).all())
        return [ChunkInfo(id=row.id, number=row.number, size=row.size) for row in rows]

    async def chunk(self, attempt_id: str, chunk_id: str) -> bytes:
        """The whole raw output kept under this id. Raises `UsageError` when there is none."""
        from sqlalchemy import select

        from journeyman.store.schema import chunk as table

        query = select(table.c.blob).where(table.c.attempt_id == attempt_id, table.c.id == chunk_id)
        blob_id = await self._database.read(lambda connection: connection.execute(query).scalar())
        if blob_id is None:
            raise UsageError(f"Attempt {attempt_id} has no output {chunk_id!r}.")
        return await self._blobs.get(blob_id)

    async def _claim(self, attempt_id: str, holder: str, ttl: float) -> AttemptLog:
        now = self._clock()

        def job(connection: "Connection") -> tuple[Attempt, list[Event], int, Mask]:
            from journeyman.store import statements

            other = held(connection, attempt_id, now)
            if other:
                raise StoreError(f"Attempt {attempt_id} is being worked on by {describe(other)}.")
            here = {"attempt": attempt_id}
            seen = connection.execute(statements.ATTEMPT, here).one().epoch
            taken = {**here, "seen": seen, "by": holder, "until": now + ttl}
            if connection.execute(statements.TAKE, taken).rowcount != 1:
                raise StoreError(f"Attempt {attempt_id} was taken by another process at this very moment.")
            attempt = attempt_of(connection.execute(statements.ATTEMPT, here).mappings().one())
            chunks = connection.execute(statements.CHUNKS, here).scalar_one()
            return attempt, attempt_events(connection, attempt_id, 0), chunks, self.secrets.mask_in(connection)

        attempt, events, chunks, mask = await self._database.write(job)
        return AttemptLog(
            attempt, events, chunks, database=self._database, blobs=self._blobs, clock=self._clock, ttl=ttl, mask=mask
        )


@asynccontextmanager
async def _kept(log: AttemptLog, interval: float) -> AsyncGenerator[None]:
    """Renew the lease every `interval` seconds while the body runs; cancel the body when the lease turns out lost."""
    body = asyncio.current_task()
    assert body is not None  # async context managers are entered by tasks
    before = body.cancelling()
    taken_away = False

    async def renew() -> None:
        nonlocal taken_away
        while not log.lost:
            await asyncio.sleep(interval)
            try:
                await log.renew()
            except LeaseLost:
                taken_away = True
                body.cancel()
            except StoreError:
                continue  # the next append tells the person; until the lease has run out nothing is lost

    heartbeat = asyncio.create_task(renew())
    try:
        yield
    except asyncio.CancelledError:
        if taken_away and body.uncancel() <= before:
            raise lease_lost(log.id, log.task_id) from None
        raise
    finally:
        heartbeat.cancel()
        await asyncio.wait([heartbeat])
