"""Tasks, their turns and their attempts: stored whole, found again, changed."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import Event
from journeyman.core.ids import Clock
from journeyman.core.mask import Mask
from journeyman.core.task import Attempt, Budget, Status, Task, Turn
from journeyman.store.codec import encode, masked, spelled, storable
from journeyman.store.database import Database
from journeyman.store.rows import attempt_of, attempt_row, changes_row, task_of, task_row, turn_row, words
from journeyman.store.secrets import Secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection, Select


class TaskFields(TypedDict, total=False):
    """What of a task may change."""

    status: Status
    title: str
    chosen: str | None
    reason: str
    archived: bool
    priority: int
    budget: Budget
    model: str
    group: str | None
    applied: str | None


class Tasks:
    """The tasks of a store. `secrets` are taken out of what is stored of them."""

    def __init__(self, database: Database, secrets: Secrets, clock: Clock) -> None:
        self.secrets = secrets
        self._database = database
        self._clock = clock

    async def create(
        self,
        task: Task,
        attempts: Sequence[Attempt],
        events: Mapping[str, Sequence[Event]] | None = None,
        *,
        turn: Turn | None = None,
        key: str | None = None,
    ) -> Task:
        """Store a task with its first turn, its attempts, and the first events of some of them by attempt id, all or
        nothing.

        Returns the task as it is stored. Where the owner gave the same `key` before, that is the task of then, and
        nothing is stored.
        """
        digest = None if key is None else _digest(task.owner, key)

        def job(connection: "Connection") -> Task:
            from sqlalchemy import insert

            from journeyman.store import schema, statements

            mask = self.secrets.mask_in(connection)
            rows = _first(task.id, events or {}, self._clock(), mask)
            row = storable(task.model_copy(update={"seq": len(rows), "updated": task.updated or task.created}))
            new = {**task_row(masked(row, mask) if mask else row), "key": digest}
            if not schema.insert_new(connection, schema.task, new, "key"):
                known = connection.execute(_task_columns().where(schema.task.c.key == digest)).mappings().one()
                return task_of(known)
            if turn is not None:
                connection.execute(insert(schema.turn), turn_row(turn, mask))
            if attempts:
                connection.execute(insert(schema.attempt), [attempt_row(attempt) for attempt in attempts])
            if rows:
                connection.execute(statements.ADD_EVENT, rows)
            return row

        return await self._database.write(job, about=task.id)

    async def of_key(self, owner: str | None, key: str) -> Task | None:
        """The task that was created with this key by this owner."""
        from journeyman.store.schema import task

        return next(iter(await self._tasks(_task_columns().where(task.c.key == _digest(owner, key)))), None)

    async def add_attempts(self, attempts: Sequence[Attempt]) -> None:
        """Store further attempts of a task that is there."""
        from sqlalchemy import insert

        from journeyman.store.schema import attempt as table

        rows = [attempt_row(attempt) for attempt in attempts]
        await self._database.write(lambda connection: connection.execute(insert(table), rows))

    async def task(self, prefix: str) -> Task:
        """The one task whose id begins with `prefix`. Raises `UsageError` when there is none or more than one."""
        from journeyman.store.schema import task as table

        prefix = str(spelled(prefix))
        if exact := await self._tasks(_task_columns().where(table.c.id == prefix)):
            return exact[0]
        query = _task_columns().where(table.c.id.startswith(prefix.lower(), autoescape=True)).order_by(table.c.id)
        found = await self._tasks(query.limit(4))
        match found:
            case [task]:
                return task
            case []:
                raise UsageError(f"There is no task {prefix!r}; `journeyman list` shows the tasks that there are.")
            case _:
                some = ", ".join(task.id for task in found[:3]) + (", …" if len(found) > 3 else "")
                raise UsageError(f"More than one task begins with {prefix!r}: {some}. Give more of its id.")

    async def tasks(self, limit: int = 50, repository: str | None = None) -> list[Task]:
        """The newest tasks first; only those of `repository` where it is given."""
        from journeyman.store.schema import task as table

        query = _task_columns().order_by(table.c.created.desc(), table.c.id.desc()).limit(limit)
        return await self._tasks(query if repository is None else query.where(table.c.repository == repository))

    async def latest(self, repository: str) -> Task:
        """The newest task of `repository`. Raises `UsageError` when it has none."""
        for task in await self.tasks(1, repository):
            return task
        raise UsageError(f'There is no task for {repository} yet; `journeyman run "…"` starts one.')

    async def update_task(self, task_id: str, **fields: Unpack[TaskFields]) -> None:
        def job(connection: "Connection") -> int:
            from sqlalchemy import select, update

            from journeyman.store.schema import task as table
            from journeyman.store.statements import NOW

            row = changes_row(fields)
            if "title" in fields:
                prompt = connection.execute(select(table.c.prompt).where(table.c.id == task_id)).scalar()
                row["words"] = words(row["title"], prompt or "")
            change = update(table).where(table.c.id == task_id).values({**row, "updated": NOW})
            return connection.execute(change, {"now": self._clock()}).rowcount

        if await self._database.write(job, about=task_id) != 1:
            raise StoreError(f"There is no task {task_id} in {self._database.name}.")

    async def delete(self, task_id: str) -> None:
        """Forget a task with all that belongs to it; its blobs go with the next collection of garbage.

        Raises `UsageError` when there is none, or a process is at work on it.
        """

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, select

            from journeyman.store import schema
            from journeyman.store.reading import held

            attempts = select(schema.attempt.c.id).where(schema.attempt.c.task_id == task_id)
            ids = connection.execute(attempts).scalars().all()
            if any(held(connection, attempt_id, self._clock()) for attempt_id in ids):
                raise UsageError(f"Task {task_id} is being worked on; cancel it first.")
            connection.execute(delete(schema.chunk).where(schema.chunk.c.attempt_id.in_(ids)))
            for table in reversed(schema.metadata.sorted_tables):
                if "task_id" in table.c:
                    connection.execute(delete(table).where(table.c.task_id == task_id))
            if connection.execute(delete(schema.task).where(schema.task.c.id == task_id)).rowcount != 1:
                raise UsageError(f"There is no task {task_id!r}; `journeyman list` shows the tasks that there are.")

        await self._database.write(job, about=task_id)

    async def attempts(self, task_id: str, turn: int | None = None) -> list[Attempt]:
        """All attempts of a task, in the order of turn and number; only those of `turn` where it is given."""
        from sqlalchemy import select

        from journeyman.store.schema import attempt as table

        query = select(table).where(table.c.task_id == task_id).order_by(table.c.turn, table.c.number)
        if turn is not None:
            query = query.where(table.c.turn == turn)
        return await self._database.read(
            lambda connection: [attempt_of(row) for row in connection.execute(query).mappings()]
        )

    async def attempt(self, attempt_id: str) -> Attempt:
        """Raises `UsageError` when there is none."""
        from journeyman.store.statements import ATTEMPT

        query = {"attempt": attempt_id}
        row = await self._database.read(lambda connection: connection.execute(ATTEMPT, query).mappings().one_or_none())
        if row is None:
            raise UsageError(f"There is no attempt {attempt_id!r}.")
        return attempt_of(row)

    async def set_attempt(self, attempt_id: str, status: Status, *, unless_held: bool = False) -> bool:
        """Set the status of an attempt that nobody needs to hold: one that was cancelled before it began.

        With `unless_held` one that a process is at work on is left as it is; tells whether it was set.
        """

        def job(connection: "Connection") -> bool:
            from sqlalchemy import update

            from journeyman.store.reading import held
            from journeyman.store.schema import attempt as table

            if unless_held and held(connection, attempt_id, self._clock()):
                return False
            connection.execute(update(table).where(table.c.id == attempt_id).values(status=status))
            return True

        return await self._database.write(job, about=attempt_id.partition(".")[0])

    async def _tasks(self, query: "Select[Any]") -> list[Task]:
        return await self._database.read(
            lambda connection: [task_of(row) for row in connection.execute(query).mappings()]
        )


def _digest(owner: str | None, key: str) -> str:
    return hashlib.sha256(f"{owner or ''}\0{key}".encode()).hexdigest()


def _task_columns() -> "Select[Any]":
    from sqlalchemy import select

    from journeyman.store.schema import task

    return select(task)


def _first(task_id: str, events: Mapping[str, Sequence[Event]], now: float, mask: Mask) -> list[dict[str, Any]]:
    """The rows of the first events of attempts, numbered within the attempt and within the task."""
    rows = [
        {"attempt_id": attempt_id, "seq": seq, "kind": event.kind, "body": encode(event, seq, now, mask)[1]}
        for attempt_id, first in events.items()
        for seq, event in enumerate(first, 1)
    ]
    return [{**row, "task_id": task_id, "place": place} for place, row in enumerate(rows, 1)]
