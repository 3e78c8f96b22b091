"""What the engine has in hand: which turns are admitted to be worked on, and which wait for their turn."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from journeyman.core.errors import UsageError
from journeyman.core.ids import Clock
from journeyman.core.people import EVERYBODY
from journeyman.core.task import Status, Task, Turn
from journeyman.store.database import Database
from journeyman.store.holder import is_dead
from journeyman.store.rows import task_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

Counted = Literal["owner", "group", "model"]
"""By what limits count: tasks of a person, tasks of a group, attempts of a model."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` at a time of those whose column `by` is `of`; `words` say so to whoever waits."""

    by: Counted
    of: str
    most: int
    words: str


@dataclass(frozen=True, slots=True)
class Job:
    """A turn that the engine has in hand."""

    task_id: str
    turn: int


class Jobs:
    """The engine's own table of a store. A turn is in it from when it is first looked at until it is concluded."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def unstarted(self, before: float, limit: int = 500) -> list[tuple[Task, int]]:
        """Tasks with a turn that waits and that no engine has in hand, untouched since `before`; with that turn."""

        def job(connection: "Connection") -> list[tuple[Task, int]]:
            from sqlalchemy import select

            from journeyman.store.schema import job, task, turn

            at = (turn.c.task_id == task.c.id) & (turn.c.status == "queued")
            held = (job.c.task_id == turn.c.task_id) & (job.c.turn == turn.c.number)
            query = (
                select(task, turn.c.number.label("waiting"))
                .select_from(task.join(turn, at).outerjoin(job, held))
                .where(task.c.status == "queued", task.c.updated < before, job.c.task_id.is_(None))
                .order_by(task.c.updated, turn.c.number)
                .limit(limit)
            )
            rows = connection.execute(query).mappings().all()
            return [
                (task_of({key: value for key, value in row.items() if key != "waiting"}), row["waiting"])  # pyright: ignore
                for row in rows
            ]

        return await self._database.read(job)

    async def open(self) -> list[Job]:
        """All turns in hand, the oldest first."""

        def job(connection: "Connection") -> list[Job]:
            from sqlalchemy import select

            from journeyman.store.schema import job as table

            rows = connection.execute(select(table.c.task_id, table.c.turn).order_by(table.c.created))
            return [Job(row.task_id, row.turn) for row in rows]

        return await self._database.read(job)

    async def admit(self, task: Task, turn: Turn, model: str, limits: Mapping[str, int]) -> str:
        """Take the turn in hand and admit it where nothing is against it; else why it waits, in words.

        `limits` bound the attempts of models by their name; those of people and groups are their quotas'. Among those
        that wait for the same, who has the better priority is first, then who came first. Raises `UsageError` where the
        task was deleted.
        """

        def job(connection: "Connection") -> str:
            from journeyman.store import schema

            table = schema.job
            if connection.execute(schema.task.select().where(schema.task.c.id == task.id)).first() is None:
                raise UsageError(f"There is no task {task.id!r} any more.")
            here = (table.c.task_id == task.id) & (table.c.turn == turn.number)
            row = connection.execute(table.select().where(here)).one_or_none()
            if row is not None and row.admitted is not None:
                return ""
            now = self._clock()
            created = turn.created or now
            waits = ""
            for limit in _limits(connection, task, model, limits):
                if not _free(connection, limit, task, turn, created):
                    waits = limit.words
                    break
            admitted = None if waits else now
            if row is not None:
                connection.execute(table.update().where(here).values(admitted=admitted))
            else:
                new = {
                    **{"task_id": task.id, "turn": turn.number, "owner": task.owner, "group": task.group},
                    **{"model": model, "attempts": turn.request.attempts, "priority": task.priority},
                }
                connection.execute(table.insert(), {**new, "created": created, "admitted": admitted})
            if task.reason != waits:
                told = schema.task.update().where(schema.task.c.id == task.id)
                connection.execute(told.values(reason=waits, updated=now))
            return waits

        return await self._database.write(job, about=task.id)

    async def begin(self, task_id: str, number: int, model: str, machine: str) -> None:
        """Write down that a turn runs, with the model of this name, on this machine."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import update

            from journeyman.store.schema import task, turn

            here = (turn.c.task_id == task_id) & (turn.c.number == number)
            connection.execute(update(turn).where(here).values(machine=machine))

            connection.execute(update(task).where(task.c.id == task_id).values(model=model))
            self._set(connection, task_id, number, status="running", reason="")

        await self._database.write(job, about=task_id)

    async def conclude(
        self, task_id: str, turn: int, status: Status, chosen: str | None = None, reason: str = ""
    ) -> list[Job]:
        """Write down how a turn came out and give it out of hand; those that may be admitted now, in the order in which
        they should ask."""

        def job(connection: "Connection") -> list[Job]:

            self._set(connection, task_id, turn, status=status, chosen=chosen, reason=reason)
            return _drop(connection, task_id, turn)

        return await self._database.write(job, about=task_id)

    async def give_up(self, task_id: str, turn: int, status: Status) -> None:
        """End a turn that nobody has begun. One that has come to its end meanwhile is left as it is."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import select

            from journeyman.store import schema, statements

            connection.execute(statements.DATE, {"task": task_id, "now": self._clock()})  # which holds the task's row
            here = (schema.turn.c.task_id == task_id) & (schema.turn.c.number == turn)
            known = connection.execute(select(schema.turn.c.status).where(here)).scalar()
            if known in ("queued", "running"):
                self._set(connection, task_id, turn, status=status, chosen=None, reason="")
                _drop(connection, task_id, turn)

        await self._database.write(job, about=task_id)

    async def reopen(self, task_id: str, turn: int) -> None:
        """Have a turn that came to its end without a result wait again."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import update

            from journeyman.store.schema import attempt

            same = (attempt.c.task_id == task_id) & (attempt.c.turn == turn)
            again = update(attempt).where(same, attempt.c.status.in_(("failed", "cancelled", "interrupted")))
            connection.execute(again.values(status="queued"))
            self._set(connection, task_id, turn, status="queued", reason="")

        await self._database.write(job, about=task_id)

    async def drop(self, task_id: str, turn: int) -> list[Job]:
        """The same for one that was concluded before, or is gone."""
        return await self._database.write(lambda connection: _drop(connection, task_id, turn))

    async def unheld(self, limit: int = 500) -> list[str]:
        """Tasks in hand of which nobody holds an attempt, those first that are probably the next to be worked on."""

        def job(connection: "Connection") -> list[str]:
            from sqlalchemy import exists, select

            from journeyman.store.schema import attempt
            from journeyman.store.schema import job as table

            held = exists().where(attempt.c.task_id == table.c.task_id, attempt.c.holder.is_not(None))
            query = select(table.c.task_id).where(table.c.admitted.is_not(None), ~held)
            return list(connection.execute(query.order_by(table.c.admitted).limit(limit)).scalars())

        return await self._database.read(job)

    async def orphans(self) -> list[tuple[str, str]]:
        """Attempts in hand whose holder was a process of this machine that is no more: task id, attempt id."""

        def job(connection: "Connection") -> list[tuple[str, str]]:
            from sqlalchemy import select

            from journeyman.store.schema import attempt
            from journeyman.store.schema import job as table

            same = (attempt.c.task_id == table.c.task_id) & (attempt.c.turn == table.c.turn)
            query = select(attempt.c.task_id, attempt.c.id, attempt.c.holder).select_from(table.join(attempt, same))
            rows = connection.execute(query.where(attempt.c.holder.is_not(None)))
            return [(row.task_id, row.id) for row in rows if is_dead(row.holder)]

        return await self._database.read(job)

    def _set(self, connection: "Connection", task_id: str, number: int, **fields: object) -> None:
        """Change a turn, and its task where it is the newest; a newer one that waits is what the task says then."""
        from sqlalchemy import select, update

        from journeyman.store.schema import task, turn

        here = (turn.c.task_id == task_id) & (turn.c.number == number)
        connection.execute(update(turn).where(here).values(**fields))
        newest = connection.execute(select(task.c.turn).where(task.c.id == task_id)).scalar()
        if newest != number and fields["status"] != "running":
            fields = {"status": "queued", "reason": ""}
        connection.execute(update(task).where(task.c.id == task_id).values(**fields, updated=self._clock()))


def _drop(connection: "Connection", task_id: str, turn: int) -> list[Job]:
    from sqlalchemy import or_, select

    from journeyman.store.schema import job as table

    here = (table.c.task_id == task_id) & (table.c.turn == turn)
    row = connection.execute(table.select().where(here)).mappings().one_or_none()
    if row is None:
        return []
    connection.execute(table.delete().where(here))
    same = [table.c[by] == row[by] for by in ("owner", "group", "model") if row[by] is not None]
    waiting = select(table.c.task_id, table.c.turn).where(table.c.admitted.is_(None), or_(*same))
    rows = connection.execute(waiting.order_by(table.c.priority, table.c.created).limit(WOKEN))
    return [Job(each.task_id, each.turn) for each in rows]


WOKEN = 3
"""How many that wait are told when a place becomes free: the first may be held up by something else."""


def _limits(connection: "Connection", task: Task, model: str, models: Mapping[str, int]) -> Sequence[Limit]:
    found: list[Limit] = []
    if task.owner is not None:
        most = _running(connection, f"person:{task.owner}", EVERYBODY)
        if most is not None:
            found.append(Limit("owner", task.owner, most, f"Waits: {_tasks(most)} of its person may run at a time."))
    if task.group is not None:
        most = _running(connection, f"group:{task.group}")
        if most is not None:
            found.append(Limit("group", task.group, most, f"Waits: {_tasks(most)} of its group may run at a time."))
    if model in models:
        attempts = f"{models[model]} attempt{'s' if models[model] != 1 else ''}"
        found.append(Limit("model", model, models[model], f"Waits: {attempts} with {model} may run at a time."))
    return found


def _tasks(most: int) -> str:
    return f"{most} task{'s' if most != 1 else ''}"


def _running(connection: "Connection", *of: str) -> int | None:
    """The bound of the first of these quotas that there is."""
    from sqlalchemy import select

    from journeyman.store.schema import quota

    rows = connection.execute(select(quota.c["of"], quota.c.body).where(quota.c["of"].in_(of)))
    bodies = {row[0]: row[1] for row in rows}
    return next((json.loads(bodies[each]).get("running") for each in of if each in bodies), None)


def _free(connection: "Connection", limit: Limit, task: Task, turn: Turn, created: float) -> bool:
    """Whether there is room for this turn, after all who wait for the same and come before it."""
    from sqlalchemy import and_, func, literal, or_, select

    from journeyman.store.schema import job as table

    each: ColumnElement[int] = table.c.attempts if limit.by == "model" else literal(1)
    own = turn.request.attempts if limit.by == "model" else 1
    before: ColumnElement[bool] = or_(
        table.c.priority < task.priority,
        and_(table.c.priority == task.priority, table.c.created < created),
        and_(table.c.priority == task.priority, table.c.created == created, table.c.task_id < task.id),
    )
    counts = or_(table.c.admitted.is_not(None), before)
    others = or_(table.c.task_id != task.id, table.c.turn != turn.number)
    taken = select(func.coalesce(func.sum(each), 0)).where(table.c[limit.by] == limit.of, counts, others)
    used: int = connection.execute(taken).scalar_one()
    # An attempt more than there are places at all would wait for ever: it runs alone.
    return used + own <= limit.most or (used == 0 and limit.most > 0)
