"""Tasks and their attempts, for everyone to read; the logs of attempts, for one writer each."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from journeyman.core.errors import LeaseLost, StoreError, UsageError
from journeyman.core.events import Event
from journeyman.core.ids import Clock
from journeyman.core.mask import Mask
from journeyman.core.task import Attempt, Status, Task
from journeyman.store.access import Access
from journeyman.store.audit import Audit
from journeyman.store.blobs import Blobs
from journeyman.store.codec import decode, encode, masked, storable
from journeyman.store.database import Database
from journeyman.store.environments import Environments
from journeyman.store.holder import describe, is_dead
from journeyman.store.log import AttemptLog, lease_lost
from journeyman.store.models import Models
from journeyman.store.people import People
from journeyman.store.quotas import Quotas
from journeyman.store.rows import attempt_of, attempt_row, task_of, task_row
from journeyman.store.schedules import Schedules
from journeyman.store.secrets import Secrets
from journeyman.store.usage import UsageSums

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select

LEASE = 30.0
"""Seconds after which an attempt whose holder was not heard of may be taken over."""


class TaskFields(TypedDict, total=False):
    """What of a task may change."""

    status: Status
    title: str
    chosen: str | None


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """A stored chunk: its id, its place in the attempt (from 0) and its size in bytes."""

    id: str
    number: int
    size: int


@asynccontextmanager
async def open_store(home: Path, *, clock: Clock = time.time, patience: float = 10.0) -> AsyncGenerator["Store"]:
    """The store below the folder `home`, made there if need be.

    Any number of processes may have it open. A call that has to wait for another one's transaction gives up after
    `patience` seconds. Every failure is a `StoreError` that says what was kept and what to do.
    """
    database = Database(home, patience=patience)
    try:
        await database.open()
        yield Store(
            database, Blobs(home / "blobs", home / "spool"), Secrets(database, home / "secret.key", clock), clock
        )
    finally:
        await database.close()


class Store:
    """Made by `open_store`. What is stored holds none of the `secrets`, which are read again with each claim."""

    def __init__(self, database: Database, blobs: Blobs, secrets: Secrets, clock: Clock) -> None:
        self.secrets = secrets
        self.environments = Environments(database, clock)
        self.people = People(database, clock)
        self.access = Access(database, clock)
        self.audit = Audit(database, clock)
        self.quotas = Quotas(database, clock)
        self.schedules = Schedules(database)
        self.models = Models(database, clock)
        self.usage = UsageSums(database)
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def create(
        self, task: Task, attempts: Sequence[Attempt], events: Mapping[str, Sequence[Event]] | None = None
    ) -> None:
        """Store a task with its attempts, and the first events of some of them by attempt id, all or nothing."""
        from sqlalchemy import insert

        from journeyman.store import schema

        now = self._clock()

        def job(connection: "Connection") -> None:
            mask = self.secrets.mask_in(connection)
            rows = [
                {"attempt_id": attempt_id, "seq": seq, "kind": event.kind, "body": encode(event, seq, now, mask)[1]}
                for attempt_id, first in (events or {}).items()
                for seq, event in enumerate(first, 1)
            ]
            rows = [{**row, "task_id": task.id, "place": place} for place, row in enumerate(rows, 1)]
            row = storable(task.model_copy(update={"seq": len(rows), "updated": task.updated or task.created}))
            connection.execute(insert(schema.task), task_row(masked(row, mask) if mask else row))
            if attempts:
                connection.execute(insert(schema.attempt), [attempt_row(attempt) for attempt in attempts])
            if rows:
                connection.execute(schema.ADD_EVENT, rows)

        await self._database.write(job)

    async def add_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Store further attempts of a task that is there: those of a follow-up turn."""
        from sqlalchemy import insert

        from journeyman.store.schema import attempt as table

        rows = [attempt_row(attempt) for attempt in attempts]
        await self._database.write(lambda connection: connection.execute(insert(table), rows))

    async def task(self, prefix: str) -> Task:
        """The one task whose id begins with `prefix`. Raises `UsageError` when there is none or more than one."""
        from sqlalchemy import select

        from journeyman.store.schema import task as table

        query = select(table).where(table.c.id.startswith(prefix.lower(), autoescape=True)).order_by(table.c.id)
        found = await self._tasks(query.limit(4))
        match found:
            case [task]:
                return task
            case []:
                raise UsageError(f"There is no task {prefix!r}; `journeyman list` shows the tasks that there are.")
            case [exact, *_] if exact.id == prefix:
                return exact
            case _:
                some = ", ".join(task.id for task in found[:3]) + (", …" if len(found) > 3 else "")
                raise UsageError(f"More than one task begins with {prefix!r}: {some}. Give more of its id.")

    async def tasks(self, limit: int = 50, repository: str | None = None) -> list[Task]:
        """The newest tasks first; only those of `repository` where it is given."""
        from sqlalchemy import select

        from journeyman.store.schema import task as table

        query = select(table).order_by(table.c.created.desc(), table.c.id.desc()).limit(limit)
        return await self._tasks(query if repository is None else query.where(table.c.repository == repository))

    async def latest(self, repository: str) -> Task:
        """The newest task of `repository`. Raises `UsageError` when it has none."""
        for task in await self.tasks(1, repository):
            return task
        raise UsageError(f'There is no task for {repository} yet; `journeyman run "…"` starts one.')

    async def update_task(self, task_id: str, **fields: Unpack[TaskFields]) -> None:
        from sqlalchemy import update

        from journeyman.store.schema import task as table

        change = update(table).where(table.c.id == task_id).values(**fields)
        if await self._database.write(lambda connection: connection.execute(change).rowcount) != 1:
            raise StoreError(f"There is no task {task_id} in {self._database.path}.")

    async def attempts(self, task_id: str) -> list[Attempt]:
        """All attempts of a task, in the order of turn and number."""
        from sqlalchemy import select

        from journeyman.store.schema import attempt as table

        query = select(table).where(table.c.task_id == task_id).order_by(table.c.turn, table.c.number)
        return await self._database.read(
            lambda connection: [attempt_of(row) for row in connection.execute(query).mappings()]
        )

    async def events(self, attempt_id: str, after: int = 0) -> list[Event]:
        """The events of an attempt with a number above `after`; in this process or another they may grow."""
        return await self._database.read(lambda connection: _events(connection, attempt_id, after))

    async def holder(self, attempt_id: str) -> str | None:
        """Who is at work on the attempt, in words; None when nobody is and it may be claimed."""
        held = await self._database.read(lambda connection: _held(connection, attempt_id, self._clock()))
        return describe(held) if held else None

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

    async def put_blob(self, data: bytes) -> str:
        """Keep `data`; returns its id, the SHA-256 in hex of what is kept: without secrets."""
        return await self._blobs.put(self.secrets.mask.data(data))

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

    async def _tasks(self, query: "Select[Any]") -> list[Task]:
        return await self._database.read(
            lambda connection: [task_of(row) for row in connection.execute(query).mappings()]
        )

    async def _claim(self, attempt_id: str, holder: str, ttl: float) -> AttemptLog:
        now = self._clock()

        def job(connection: "Connection") -> tuple[Attempt, list[Event], int, Mask]:
            from journeyman.store import schema

            held = _held(connection, attempt_id, now)
            if held:
                raise StoreError(f"Attempt {attempt_id} is being worked on by {describe(held)}.")
            here = {"attempt": attempt_id}
            seen = connection.execute(schema.ATTEMPT, here).one().epoch
            taken = {**here, "seen": seen, "by": holder, "until": now + ttl}
            if connection.execute(schema.TAKE, taken).rowcount != 1:
                raise StoreError(f"Attempt {attempt_id} was taken by another process at this very moment.")
            attempt = attempt_of(connection.execute(schema.ATTEMPT, here).mappings().one())
            chunks = connection.execute(schema.CHUNKS, here).scalar_one()
            return attempt, _events(connection, attempt_id, 0), chunks, self.secrets.mask_in(connection)

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


def _events(connection: "Connection", attempt_id: str, after: int) -> list[Event]:
    from journeyman.store.schema import EVENTS

    rows = connection.execute(EVENTS, {"attempt": attempt_id, "after": after})
    return [decode(row.body, f"Event {row.seq} of attempt {attempt_id}") for row in rows]


def _held(connection: "Connection", attempt_id: str, now: float) -> str | None:
    """The holder whose lease runs and who may be alive."""
    from journeyman.store.schema import ATTEMPT

    row = connection.execute(ATTEMPT, {"attempt": attempt_id}).one_or_none()
    if row is None:
        raise UsageError(f"There is no attempt {attempt_id!r}.")
    return row.holder if row.holder and row.expires > now and not is_dead(row.holder) else None
