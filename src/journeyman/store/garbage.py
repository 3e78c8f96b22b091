"""What may go: tasks that are over for long, their outputs and checkpoints, and blobs that nobody needs any more.

Which blobs a task needs is read from its events once, and again only when it has more of them: every word of 64
hexadecimal digits may be a blob's id, and each checkpoint names those of its files. Too much is kept rather than too
little: also what was put within the last day, which an event is yet to name.
"""

import re
from collections.abc import AsyncGenerator, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.ids import Clock
from journeyman.store.blobs import BlobInfo, Blobs
from journeyman.store.database import Database
from journeyman.store.tasks import Tasks

if TYPE_CHECKING:
    from sqlalchemy import Connection

DAY = 86400.0
GRACE = DAY
"""Seconds for which a blob is kept that no event names: it may be about to."""
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_CHECKPOINT = re.compile(r'"checkpoint":"([0-9a-f]{64})"')
_OVER = ("done", "failed", "cancelled")
_BATCH = 500

What = Literal["task", "outputs"]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished tasks are kept, in seconds since their last change; None is for ever.

    `outputs` is for how long their raw outputs and checkpoints are, without which the log and the patch still tell what
    was done.
    """

    tasks: float | None = None
    outputs: float | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """A task that goes whole, or without its outputs."""

    id: str
    title: str
    updated: float
    what: What


@dataclass(frozen=True, slots=True)
class Collected:
    """What went, or would go: `blobs` and their `bytes` as stored, out of `all_bytes` before."""

    tasks: tuple[Leaving, ...]
    blobs: int
    bytes: int
    all_bytes: int


class Garbage:
    """The garbage of a store. Any number of processes may collect at once."""

    def __init__(self, database: Database, blobs: Blobs, tasks: Tasks, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._tasks = tasks
        self._clock = clock

    async def leaving(self, retention: Retention) -> list[Leaving]:
        """The tasks that are over their time, the oldest first."""
        now = self._clock()

        def job(connection: "Connection") -> list[Leaving]:
            from sqlalchemy import select

            from journeyman.store.schema import mention, task

            found: list[Leaving] = []
            columns = select(task.c.id, task.c.title, task.c.prompt, task.c.updated).where(task.c.status.in_(_OVER))
            columns = columns.order_by(task.c.updated, task.c.id)
            if retention.tasks is not None:
                query = columns.where(task.c.updated < now - retention.tasks)
                found += [_leaving(row, "task") for row in connection.execute(query)]
            if retention.outputs is not None:
                thin = select(mention.c.task_id).where(mention.c.thin, mention.c.seq == task.c.seq)
                query = columns.where(task.c.updated < now - retention.outputs, task.c.id.not_in(thin))
                if retention.tasks is not None:
                    query = query.where(task.c.updated >= now - retention.tasks)
                found += [_leaving(row, "outputs") for row in connection.execute(query)]
            return found

        return await self._database.read(job)

    async def collect(self, leaving: Iterable[Leaving], *, dry_run: bool = False) -> Collected:
        """Let these tasks go, and every blob that no other needs. With `dry_run` it is only told what would."""
        listed = await self._blobs.all()  # first: what comes later is not looked at
        went: list[Leaving] = []
        for one in leaving:
            if one.what == "task" and not dry_run:
                try:
                    await self._tasks.delete(one.id)
                except UsageError:
                    continue  # taken up again, or gone already
            went.append(one)
        gone = {one.id for one in went if one.what == "task"}
        thin = {one.id for one in went if one.what == "outputs"}
        old = {bytes.fromhex(blob.id): blob for blob in listed if blob.put < self._clock() - GRACE}
        async for needed in self._needed(gone, thin, dry_run=dry_run):
            for blob in needed:
                old.pop(blob, None)
        garbage = list(old.values())
        if not dry_run:
            await self._blobs.delete_old(garbage)
        return Collected(tuple(went), len(garbage), _bytes(garbage), _bytes(listed))

    async def thinnest(self, size: int) -> list[Leaving]:
        """Finished tasks, the oldest first, whose outputs together take `size` bytes; all that there are if less."""
        sizes = {bytes.fromhex(blob.id): blob.size for blob in await self._blobs.all()}
        found: list[Leaving] = []
        for one in await self.leaving(Retention(outputs=GRACE)):
            if size <= 0:
                break
            most, least = await self.mentioned(one.id), await self.mentioned(one.id, thin=True)
            size -= sum(sizes.get(blob, 0) for blob in most - least)
            found.append(one)
        return found

    async def size(self) -> int:
        """Bytes of all blobs as stored."""
        return _bytes(await self._blobs.all())

    async def keep(self, blob_id: str, seconds: float) -> None:
        """Keep a blob that no task mentions for so long."""
        until = self._clock() + seconds

        def job(connection: "Connection") -> None:
            from sqlalchemy import update

            from journeyman.store.schema import insert_new, lasting

            if not insert_new(connection, lasting, {"blob": blob_id, "until": until}, "blob"):
                connection.execute(update(lasting).where(lasting.c.blob == blob_id).values(until=until))

        await self._database.write(job)

    async def _needed(
        self, gone: Collection[str], thin: Collection[str], *, dry_run: bool
    ) -> AsyncGenerator[Iterable[bytes]]:
        """The blobs that tasks need, task by task, and those that are kept all the same."""
        yield [bytes.fromhex(blob) for blob in await self._database.read(self._lasting)]
        last = ""
        while batch := await self._database.read(lambda connection, last=last: _tasks(connection, last)):
            last = batch[-1].id
            for one in batch:
                if one.id in gone:
                    continue
                slim = (one.thin and one.seq == one.known) or one.id in thin
                if one.blobs is None or one.seq != one.known or slim != one.thin:
                    found = await self.mentioned(one.id, thin=slim)
                    one.blobs = b"".join(sorted(found))
                    if not dry_run:
                        await self._remember(one.id, one.seq, slim, one.blobs)
                yield (one.blobs[start : start + 32] for start in range(0, len(one.blobs), 32))

    async def mentioned(self, task_id: str, *, thin: bool = False) -> set[bytes]:
        """The ids of all blobs that a task needs; `thin` without raw outputs and all checkpoints but the last."""
        found, chunks, checkpoints = await self._database.read(lambda connection: _mentioned(connection, task_id))
        if thin:
            found -= {*chunks, *checkpoints[:-1]}
            checkpoints = checkpoints[-1:]
        else:
            found |= set(chunks)
        for manifest in dict.fromkeys(checkpoints):
            try:
                found.update(_ID.findall((await self._blobs.get(manifest)).decode("utf-8", "replace")))
            except StoreError:
                continue  # it is gone, and with it the way to what it names
        return {bytes.fromhex(blob) for blob in found}

    async def _remember(self, task_id: str, seq: int, thin: bool, blobs: bytes) -> None:
        def job(connection: "Connection") -> None:
            from sqlalchemy import update

            from journeyman.store.schema import insert_new, mention, task

            row = {"task_id": task_id, "seq": seq, "thin": thin, "blobs": blobs}
            if connection.execute(task.select().where(task.c.id == task_id)).first() is None:
                return
            if not insert_new(connection, mention, row, "task_id"):
                changed = {"seq": seq, "thin": thin, "blobs": blobs}
                connection.execute(update(mention).where(mention.c.task_id == task_id).values(changed))

        await self._database.write(job)

    def _lasting(self, connection: "Connection") -> list[str]:
        from sqlalchemy import select

        from journeyman.store.schema import lasting

        return list(connection.execute(select(lasting.c.blob).where(lasting.c.until > self._clock())).scalars())


@dataclass(slots=True)
class _Task:
    """A task, and what was last known of the blobs that it needs."""

    id: str
    seq: int
    known: int | None
    thin: bool
    blobs: bytes | None


def _tasks(connection: "Connection", after: str) -> list[_Task]:
    from sqlalchemy import select

    from journeyman.store.schema import mention, task

    query = select(task.c.id, task.c.seq, mention.c.seq.label("known"), mention.c.thin, mention.c.blobs)
    query = query.select_from(task.outerjoin(mention, mention.c.task_id == task.c.id)).where(task.c.id > after)
    rows = connection.execute(query.order_by(task.c.id).limit(_BATCH))
    return [_Task(row.id, row.seq, row.known, bool(row.thin), row.blobs) for row in rows]


def _mentioned(connection: "Connection", task_id: str) -> tuple[set[str], list[str], list[str]]:
    """What a task names: everything, of that the chunks, and its checkpoints in their order."""
    from sqlalchemy import select

    from journeyman.store.schema import attempt, chunk, event, turn

    found: set[str] = set()
    checkpoints: list[str] = []
    for body in connection.execute(select(turn.c.request).where(turn.c.task_id == task_id)).scalars():
        found.update(_ID.findall(body))
    query = select(event.c.body).where(event.c.task_id == task_id).order_by(event.c.place)
    for body in connection.execute(query).scalars():
        found.update(_ID.findall(body))
        checkpoints += _CHECKPOINT.findall(body)
    mine = select(attempt.c.id).where(attempt.c.task_id == task_id)
    chunks = list(connection.execute(select(chunk.c.blob).where(chunk.c.attempt_id.in_(mine))).scalars())
    return found, chunks, checkpoints


def _leaving(row: Any, what: What) -> Leaving:
    return Leaving(row.id, row.title or row.prompt, row.updated, what)


def _bytes(blobs: Iterable[BlobInfo]) -> int:
    return sum(blob.size for blob in blobs)
