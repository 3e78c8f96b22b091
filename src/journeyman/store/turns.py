"""The turns of tasks and what people say to tasks at work, each numbered from 1 within its task."""

from typing import TYPE_CHECKING, TypedDict, Unpack

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.ids import Clock, attempt_id
from journeyman.core.mask import Mask
from journeyman.core.task import Attempt, Message, Status, Turn
from journeyman.store.codec import masked, storable
from journeyman.store.database import Database
from journeyman.store.rows import attempt_row, message_of, message_row, turn_of, turn_row
from journeyman.store.secrets import Secrets

if TYPE_CHECKING:
    from sqlalchemy import Connection


class TurnFields(TypedDict, total=False):
    """What of a turn may change."""

    status: Status
    chosen: str | None
    continues: str | None
    reason: str


class Turns:
    """The turns of a store's tasks; their prompts are stored without the secrets."""

    def __init__(self, database: Database, secrets: Secrets, clock: Clock) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock

    async def add(self, turn: Turn, *, attempts: int = 1, key: str | None = None) -> Turn:
        """Store the next turn of a task with its attempts, all or nothing; returns it with its number.

        The task is queued, where no turn of it is at work. With a `key` that came before, nothing is stored and the
        turn of then returned. Raises `UsageError` when there is no such task.
        """

        def job(connection: "Connection") -> Turn:
            from sqlalchemy import case, func, insert, select, update

            from journeyman.store import schema

            table, task = schema.turn, schema.task
            _touch(connection, turn.task_id, self._clock())
            if key is not None:
                known = select(table).where(table.c.task_id == turn.task_id, table.c.key == key)
                if (row := connection.execute(known).mappings().one_or_none()) is not None:
                    return turn_of(row)
            last = select(func.coalesce(func.max(table.c.number), 0)).where(table.c.task_id == turn.task_id)
            shown = select(task.c.turn).where(task.c.id == turn.task_id)
            # A task of a terminal has no row for its first turn.
            number = max(connection.execute(last).scalar_one(), connection.execute(shown).scalar_one()) + 1
            new = turn.model_copy(update={"number": number, "created": turn.created or self._clock()})
            connection.execute(insert(table), turn_row(new, self._secrets.mask_in(connection)) | {"key": key})
            ids = [(attempt_id(turn.task_id, number, place), place) for place in range(1, attempts + 1)]
            rows = [attempt_row(Attempt(id=id_, task_id=turn.task_id, turn=number, number=at)) for id_, at in ids]
            connection.execute(insert(schema.attempt), rows)
            connection.execute(
                update(task)
                .where(task.c.id == turn.task_id)
                .values(
                    turn=number,
                    attempts=attempts,
                    chosen=None,
                    reason="",
                    status=case((task.c.status == "running", "running"), else_="queued"),
                )
            )
            return new

        return await self._database.write(job, about=turn.task_id)

    async def all(self, task_id: str) -> list[Turn]:
        """The turns of a task, the first one first."""
        from sqlalchemy import select

        from journeyman.store.schema import turn as table

        query = select(table).where(table.c.task_id == task_id).order_by(table.c.number)
        return await self._database.read(
            lambda connection: [turn_of(row) for row in connection.execute(query).mappings()]
        )

    async def get(self, task_id: str, number: int) -> Turn:
        """Raises `UsageError` when there is none."""
        for turn in await self.all(task_id):
            if turn.number == number:
                return turn
        raise UsageError(f"Task {task_id} has no turn {number}.")

    async def update(self, task_id: str, number: int, **fields: Unpack[TurnFields]) -> None:
        def job(connection: "Connection") -> None:
            from sqlalchemy import update

            from journeyman.store.schema import turn as table

            _touch(connection, task_id, self._clock())
            change = update(table).where(table.c.task_id == task_id, table.c.number == number).values(**fields)
            if connection.execute(change).rowcount != 1:
                raise StoreError(f"Task {task_id} has no turn {number} in {self._database.name}.")

        await self._database.write(job, about=task_id)


class Messages:
    """What people say to a store's tasks at work; stored without the secrets."""

    def __init__(self, database: Database, secrets: Secrets, clock: Clock) -> None:
        self._database = database
        self._secrets = secrets
        self._clock = clock

    async def add(self, message: Message, *, key: str | None = None, to_open: bool = False) -> Message:
        """Store a message; returns it with its number and time. With a `key` that came before, that of then.

        With `to_open` it raises `UsageError` where all attempts that it is for have their result: none would hear it.
        """

        def job(connection: "Connection") -> Message:
            from sqlalchemy import func, insert, select

            from journeyman.store.schema import message as table

            _touch(connection, message.task_id, self._clock())
            if key is not None:
                known = select(table).where(table.c.task_id == message.task_id, table.c.key == key)
                if (row := connection.execute(known).mappings().one_or_none()) is not None:
                    return message_of(row)
            if to_open:
                _require_open(connection, message)
            last = select(func.coalesce(func.max(table.c.number), 0)).where(table.c.task_id == message.task_id)
            new = fit(
                message.model_copy(
                    update={"number": connection.execute(last).scalar_one() + 1, "at": message.at or self._clock()}
                ),
                self._secrets.mask_in(connection),
            )
            connection.execute(insert(table), message_row(new) | {"key": key})
            return new

        return await self._database.write(job, about=message.task_id)

    async def after(self, task_id: str, number: int = 0) -> list[Message]:
        """The messages of a task with a number above `number`, in their order."""
        from sqlalchemy import select

        from journeyman.store.schema import message as table

        query = select(table).where(table.c.task_id == task_id, table.c.number > number).order_by(table.c.number)
        return await self._database.read(
            lambda connection: [message_of(row) for row in connection.execute(query).mappings()]
        )


def _require_open(connection: "Connection", message: Message) -> None:
    """Whoever ends an attempt holds the task's row meanwhile, as we do, so one of both sees the other."""
    from sqlalchemy import select

    from journeyman.store.schema import attempt, task

    newest = select(task.c.turn).where(task.c.id == message.task_id).scalar_subquery()
    query = select(attempt.c.id, attempt.c.verdict).where(
        attempt.c.task_id == message.task_id, attempt.c.turn == newest
    )
    rows = [row for row in connection.execute(query) if message.attempt in (None, row.id)]
    if all(row.verdict is not None for row in rows):
        what = f"Task {message.task_id}" if message.attempt is None else f"Attempt {message.attempt}"
        raise UsageError(f"{what} is at its end; hand in a follow-up to go on with it.")


def fit(message: Message, mask: Mask) -> Message:
    """As it is stored: without secrets, and fit for a column of text."""
    plain = storable(message)
    return masked(plain, mask) if mask else plain


def _touch(connection: "Connection", task_id: str, now: float) -> None:
    """Date a change of a task, and hold its row until the commit, so that numbers are given one at a time."""
    from journeyman.store.statements import DATE

    if connection.execute(DATE, {"task": task_id, "now": now}).rowcount != 1:
        raise UsageError(f"There is no task {task_id!r}; `journeyman list` shows the tasks that there are.")
