"""A task as one file, to keep or to take to another store: a zip archive.

    task.json         format, the task, its turns, its messages and its attempts
    events.jsonl      all events in their order: attempt, then the event as it is stored
    chunks.json       attempt, number, id, blob, size and timing of raw outputs
    blobs/ID          what the task needs of the blobs, by the SHA-256 of its content

A file may come from anybody: everything in it is checked before anything of it is stored.
"""

import asyncio
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar

from pydantic import Field, ValidationError

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import EVENT, Event
from journeyman.core.ids import Clock, attempt_id
from journeyman.core.mask import Mask
from journeyman.core.task import Attempt, Message, Task, Turn
from journeyman.core.value import Value
from journeyman.store.blobs import Blobs
from journeyman.store.chunk import chunk_id
from journeyman.store.codec import encode, masked, storable
from journeyman.store.database import Database
from journeyman.store.garbage import Garbage
from journeyman.store.rows import (
    attempt_of,
    attempt_row,
    message_of,
    message_row,
    task_of,
    task_row,
    turn_of,
    turn_row,
)
from journeyman.store.tasks import Tasks
from journeyman.store.turns import fit

if TYPE_CHECKING:
    from sqlalchemy import Connection

FORMAT = 1
LARGEST = 2 * 1024**3
"""Bytes of a part of the file at most, unpacked."""
_TASK = re.compile(r"[0-9a-z]{1,32}\Z")
_BLOB = re.compile(r"blobs/([0-9a-f]{64})\Z")
_UNFINISHED = ("queued", "running", "interrupted")
V = TypeVar("V", Turn, Attempt)


class Head(Value):
    """The file `task.json`."""

    format: int
    task: Task
    turns: tuple[Turn, ...] = ()
    messages: tuple[Message, ...] = ()
    attempts: tuple[Attempt, ...] = ()


class ChunkLine(Value):
    """A raw output in `chunks.json`."""

    attempt_id: str
    number: int = Field(ge=0)
    id: str
    blob: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    timing: str | None = None


class Timing(Value):
    """When an output came: its beginning, and the milliseconds after that and the bytes of each piece."""

    at: float
    pieces: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    head: Head
    events: list[tuple[str, Event]]
    chunks: list[ChunkLine]


class Transfer:
    """Writes tasks of a store into files, and reads them from files."""

    def __init__(self, database: Database, blobs: Blobs, tasks: Tasks, garbage: Garbage, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._tasks = tasks
        self._garbage = garbage
        self._clock = clock

    async def write(self, task_id: str, file: IO[bytes]) -> list[str]:
        """Write a task as it is at this moment. Returns the ids of blobs that are missing, such as given up outputs."""
        head, events, chunks = await self._database.read(lambda connection: _read(connection, task_id))
        missing: list[str] = []
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            lines = "".join(f'{{"attempt":{json.dumps(attempt)},"event":{body}}}\n' for attempt, body in events)
            for name, text in (
                ("task.json", head.model_dump_json(indent=1)),
                ("events.jsonl", lines),
                ("chunks.json", json.dumps([line.model_dump() for line in chunks])),
            ):
                await asyncio.to_thread(archive.writestr, name, text)
            for blob in sorted(await self._garbage.mentioned(task_id)):
                try:
                    data = await self._blobs.get(blob.hex())
                except StoreError:
                    missing.append(blob.hex())
                    continue
                await asyncio.to_thread(archive.writestr, f"blobs/{blob.hex()}", data)
        named = {line.blob for line in chunks}
        return [blob for blob in missing if blob in named]

    async def read(self, file: IO[bytes], *, owner: str | None = None, group: str | None = None) -> Task:
        """Store the task of a file, for `owner` and `group`; what was not finished counts as cancelled.

        Raises `UsageError` for a file that is none, or damaged, or holds a task that is here already.
        """
        try:
            with zipfile.ZipFile(file) as archive:
                parts = await asyncio.to_thread(_checked, archive)
                known = await self._database.read(lambda connection: _is_there(connection, parts.head.task.id))
                if known:
                    raise UsageError(f"Task {parts.head.task.id} is here already.")
                for name in archive.namelist():
                    if match := _BLOB.match(name):
                        await self._put(match[1], await asyncio.to_thread(_part, archive, name))
        except (zipfile.BadZipFile, ValidationError, KeyError, ValueError, EOFError, NotImplementedError) as error:
            reason = str(error).partition("\n")[0][:200]
            raise UsageError(f"This is no task that Journeyman exported, or it is damaged: {reason}") from error
        return await self._store(parts, owner, group)

    async def _put(self, blob_id: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != blob_id:
            raise ValueError(f"blobs/{blob_id} has another content")
        await self._blobs.put(data)

    async def _store(self, parts: _Parts, owner: str | None, group: str | None) -> Task:
        mask = await self._tasks.secrets.refresh()
        head = parts.head
        changed: dict[str, Any] = {"owner": owner, "group": group, "origin": "import", "schedule": None, "parent": None}
        changed |= {"seq": len(parts.events), "updated": self._clock(), "archived": False}
        if head.task.status in _UNFINISHED:
            changed |= {"status": "cancelled", "reason": "It was not finished when it was exported."}
        task = head.task.model_copy(update=changed)

        def job(connection: "Connection") -> None:
            from sqlalchemy import insert

            from journeyman.store import schema

            row = storable(task)
            connection.execute(insert(schema.task), {**task_row(masked(row, mask) if mask else row), "key": None})
            for table, rows in (
                (schema.turn, [turn_row(_over(turn), mask) for turn in head.turns]),
                (schema.message, [message_row(fit(message, mask)) for message in head.messages]),
                (schema.attempt, [attempt_row(_over(attempt)) for attempt in head.attempts]),
                (schema.event, list(_event_rows(task.id, parts.events, mask))),
                (schema.chunk, [line.model_dump() for line in parts.chunks]),
            ):
                if rows:
                    connection.execute(insert(table), rows)

        await self._database.write(job, about=task.id)
        return task


def _checked(archive: zipfile.ZipFile) -> _Parts:
    """Everything but the blobs. Raises `ValueError` for what does not fit together."""
    head = Head.model_validate_json(_part(archive, "task.json"))
    if head.format != FORMAT:
        raise ValueError(f"its format is {head.format}, and this Journeyman reads {FORMAT}")
    task = head.task.id
    if not _TASK.match(task):
        raise ValueError("its task's id is none")
    attempts = {attempt.id for attempt in head.attempts}
    if any(one.id != attempt_id(task, one.turn, one.number) for one in head.attempts) or len(attempts) < len(
        head.attempts
    ):
        raise ValueError("an attempt's id does not say its turn and number")
    if any(part.task_id != task for part in (*head.turns, *head.messages, *head.attempts)):
        raise ValueError("a part belongs to another task")
    events: list[tuple[str, Event]] = []
    counted = dict.fromkeys(attempts, 0)
    for line in _part(archive, "events.jsonl").splitlines():
        said: dict[str, Any] = json.loads(line)
        attempt = str(said["attempt"])
        event = EVENT.validate_python(said["event"])
        counted[attempt] += 1
        if event.seq != counted[attempt]:
            raise ValueError(f"event {counted[attempt]} of attempt {attempt} is missing")
        events.append((attempt, event))
    chunks = [ChunkLine.model_validate(line) for line in json.loads(_part(archive, "chunks.json"))]
    for line in chunks:
        if line.attempt_id not in attempts or line.id != chunk_id(line.attempt_id, line.number):
            raise ValueError(f"output {line.id} belongs to no attempt")
        if line.timing is not None:
            Timing.model_validate_json(line.timing)
    return _Parts(head, events, chunks)


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as part:
        data = part.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"{name} is larger than {LARGEST} bytes")
    return data


def _is_there(connection: "Connection", task_id: str) -> bool:
    from sqlalchemy import select

    from journeyman.store.schema import task

    return connection.execute(select(task.c.id).where(task.c.id == task_id)).first() is not None


def _read(connection: "Connection", task_id: str) -> tuple[Head, list[tuple[str, str]], list[ChunkLine]]:
    """A task in one transaction: its head, its events as (attempt, JSON), its outputs."""
    from sqlalchemy import select

    from journeyman.store.schema import attempt, chunk, event, message, task, turn

    found = connection.execute(select(task).where(task.c.id == task_id)).mappings().one_or_none()
    if found is None:
        raise UsageError(f"There is no task {task_id!r}; `journeyman list` shows the tasks that there are.")
    turns = connection.execute(select(turn).where(turn.c.task_id == task_id).order_by(turn.c.number)).mappings()
    said = connection.execute(select(message).where(message.c.task_id == task_id).order_by(message.c.number)).mappings()
    tries = select(attempt).where(attempt.c.task_id == task_id).order_by(attempt.c.turn, attempt.c.number)
    attempts = [attempt_of(row) for row in connection.execute(tries).mappings()]
    head = Head(
        format=FORMAT,
        task=task_of(found),
        turns=tuple(turn_of(row) for row in turns),
        messages=tuple(message_of(row) for row in said),
        attempts=tuple(attempts),
    )
    last = {one.id: 0 for one in attempts}
    lines: list[tuple[str, str]] = []
    query = select(event.c.attempt_id, event.c.seq, event.c.body).where(event.c.task_id == task_id)
    for attempt_id_, seq, body in connection.execute(query.order_by(event.c.place)):
        if seq == last[attempt_id_] + 1:  # one that was appended since the attempts were read has its task
            last[attempt_id_] = seq
            lines.append((attempt_id_, body))
    outputs = select(chunk).where(chunk.c.attempt_id.in_(list(last))).order_by(chunk.c.attempt_id, chunk.c.number)
    chunks = [ChunkLine.model_validate(dict(row)) for row in connection.execute(outputs).mappings()]
    return head, lines, chunks


def _over(value: V) -> V:
    """A turn or an attempt that nobody works on, and whose people are not known here."""
    changed: dict[str, Any] = {"status": "cancelled"} if value.status in _UNFINISHED else {}
    return value.model_copy(update=changed | ({"holder": None} if isinstance(value, Attempt) else {"author": None}))


def _event_rows(task_id: str, events: list[tuple[str, Event]], mask: Mask) -> Iterator[dict[str, Any]]:
    for place, (attempt, event) in enumerate(events, 1):
        body = encode(event, event.seq, event.at, mask)[1]
        row = {"attempt_id": attempt, "seq": event.seq, "kind": event.kind, "body": body}
        yield {**row, "task_id": task_id, "place": place}
