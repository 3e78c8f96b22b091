"""Parts of long logs, for pages that show them: never more of a log is read than what is shown."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journeyman.core.errors import UsageError
from journeyman.core.events import Event
from journeyman.core.task import Task
from journeyman.store.codec import decode
from journeyman.store.database import Database
from journeyman.store.rows import task_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as it is stored: its number within the task, its attempt, and its JSON."""

    place: int
    attempt_id: str
    body: str


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A stored chunk. `at` is when it was begun, `pieces` (seconds after that, bytes) as they came; None and empty
    where that was not written down."""

    id: str
    number: int
    size: int
    blob: str
    at: float | None = None
    pieces: Sequence[tuple[float, int]] = ()


class Pages:
    """Reads the logs of a store in parts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beginning(self, prefix: str, most: int = 10) -> list[Task]:
        """The tasks whose ids begin with `prefix`, at most `most` of them; one that is `prefix` itself is alone."""
        from sqlalchemy import select

        from journeyman.store.schema import task

        prefix = prefix.lower()
        query = select(task).where(task.c.id >= prefix, task.c.id < prefix + "\x7f").order_by(task.c.id).limit(most)
        found = await self._database.read(
            lambda connection: [task_of(row) for row in connection.execute(query).mappings()]
        )
        return found[:1] if found and found[0].id == prefix else found

    async def of_kinds(
        self,
        attempt_id: str,
        kinds: Collection[str],
        *,
        after: int = 0,
        upto: int | None = None,
        holding: str = "",
        newest: int | None = None,
        most: int | None = None,
    ) -> list[Event]:
        """The events of these kinds with a number above `after`, at most `upto`, in their order.

        `holding` is a part of their JSON. `newest` takes that many of the last ones, `most` of the first ones.
        """
        from sqlalchemy import select

        from journeyman.store.schema import event

        def query(kind: str) -> "Select[Any, Any]":
            # One kind at a time, so that each is a stretch of the index, and nothing else is looked at.
            where = [event.c.attempt_id == attempt_id, event.c.kind == kind, event.c.seq > after]
            if upto is not None:
                where.append(event.c.seq <= upto)
            if holding:
                where.append(event.c.body.contains(holding, autoescape=True))
            order = event.c.seq.desc() if newest is not None else event.c.seq
            return select(event.c.seq, event.c.body).where(*where).order_by(order).limit(newest or most)

        def job(connection: "Connection") -> list[tuple[int, str]]:
            rows = [(row.seq, row.body) for kind in kinds for row in connection.execute(query(kind))]
            rows.sort()
            return rows[-newest:] if newest is not None else rows[:most]

        return _decoded(attempt_id, await self._database.read(job))

    async def after(self, attempt_id: str, seq: int, most: int) -> list[Event]:
        """The first `most` events with a number above `seq`."""
        from sqlalchemy import select

        from journeyman.store.schema import event

        query = select(event.c.seq, event.c.body).where(event.c.attempt_id == attempt_id, event.c.seq > seq)
        return await self._events(attempt_id, query.order_by(event.c.seq).limit(most))

    async def before(self, attempt_id: str, seq: int, most: int) -> list[Event]:
        """The last `most` events with a number below `seq`, in their order."""
        from sqlalchemy import select

        from journeyman.store.schema import event

        query = select(event.c.seq, event.c.body).where(event.c.attempt_id == attempt_id, event.c.seq < seq)
        return (await self._events(attempt_id, query.order_by(event.c.seq.desc()).limit(most)))[::-1]

    async def count(self, attempt_id: str, kind: str, below: int) -> int:
        """How many events of a kind have a number below `below`."""
        from sqlalchemy import func, select

        from journeyman.store.schema import event

        query = select(func.count()).where(event.c.attempt_id == attempt_id, event.c.kind == kind, event.c.seq < below)
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def raw(
        self, task_id: str, after: int, most: int, *, attempt_id: str | None = None, kinds: Collection[str] = ()
    ) -> list[RawEvent]:
        """The events of a task with a place above `after`, as they are stored."""
        from sqlalchemy import select

        from journeyman.store.schema import event

        where: list[ColumnElement[bool]] = [event.c.task_id == task_id, event.c.place > after]
        if attempt_id is not None:
            where.append(event.c.attempt_id == attempt_id)
        if kinds:
            where.append(event.c.kind.in_(sorted(kinds)))
        query = select(event.c.place, event.c.attempt_id, event.c.body).where(*where)
        query = query.order_by(event.c.place).limit(most)
        return await self._database.read(
            lambda connection: [RawEvent(row.place, row.attempt_id, row.body) for row in connection.execute(query)]
        )

    async def seen_of(self, task_ids: Collection[str]) -> dict[tuple[str, str], int]:
        """How many events of these tasks each person has read, by person and task."""
        from sqlalchemy import select

        from journeyman.store.schema import seen

        query = select(seen.c.person, seen.c.task_id, seen.c.seq).where(seen.c.task_id.in_(sorted(task_ids)))
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {(row.person, row.task_id): row.seq for row in rows}

    async def chunks(self, attempt_id: str, ids: Collection[str]) -> dict[str, ChunkRow]:
        """What is stored of these chunks of an attempt, by id; without those that there are not."""
        from sqlalchemy import select

        from journeyman.store.schema import chunk

        query = select(chunk).where(chunk.c.attempt_id == attempt_id, chunk.c.id.in_(sorted(ids)))
        return await self._database.read(lambda connection: {row.id: _chunk(row) for row in connection.execute(query)})

    async def chunk(self, attempt_id: str, chunk_id: str) -> ChunkRow:
        """Raises `UsageError` when there is none."""
        found = await self.chunks(attempt_id, (chunk_id,))
        if chunk_id not in found:
            raise UsageError(f"Attempt {attempt_id} has no output {chunk_id!r}.")
        return found[chunk_id]

    async def _events(self, attempt_id: str, query: "Select[Any, Any]") -> list[Event]:
        def job(connection: "Connection") -> list[tuple[int, str]]:
            return [(row.seq, row.body) for row in connection.execute(query)]

        return _decoded(attempt_id, await self._database.read(job))


def _decoded(attempt_id: str, rows: Iterable[tuple[int, str]]) -> list[Event]:
    return [decode(body, attempt_id, seq) for seq, body in rows]


def _chunk(row: Any) -> ChunkRow:
    if not row.timing:
        return ChunkRow(row.id, row.number, row.size, row.blob)
    timing: dict[str, Any] = json.loads(row.timing)
    pieces = tuple((milliseconds / 1000, size) for milliseconds, size in timing["pieces"])
    return ChunkRow(row.id, row.number, row.size, row.blob, timing["at"], pieces)
