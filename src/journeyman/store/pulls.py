"""Pull requests that are looked after: of each task the newest that was opened from here.

The log tells what they are; this is the list of those to ask a forge about. A task that was imported is not on it: its
log may come from anybody, and what it names is not asked for with this service's tokens.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.core.ids import Clock
from journeyman.core.pull_request import PullRequestView
from journeyman.store.database import Database
from journeyman.store.rows import attempt_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, RowMapping

BATCH = 100
"""Pull requests that are taken at a time."""
SETTLED = 3600.0
"""Seconds after its last change from which a pull request is asked for a tenth as often."""
SELDOM = 10


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request, and the attempt whose log tells of it."""

    task_id: str
    attempt_id: str
    pull_request: PullRequestView


class Pulls:
    """The pull requests of a store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, task_id: str) -> Pull | None:
        """The newest of a task."""
        from journeyman.store.schema import pull_request as table

        found = await self._database.read(
            lambda connection: [_pull(row) for row in _select(connection, table.c.task_id == task_id)]
        )
        return next((pull for pull in found if pull is not None), None)

    async def take(self, every: float, oldest: float) -> list[Pull]:
        """Those that something may become of, that changed within `oldest` seconds, and whose forge nobody has asked
        for `every` seconds; from now on they count as asked, so that of several processes one asks.

        Of what has not changed for an hour it is asked a tenth as often: a forge allows so many requests an hour.
        """
        now = self._clock()

        def job(connection: "Connection") -> list[Pull]:
            from sqlalchemy import and_, or_, update

            from journeyman.store.schema import pull_request as table

            due = and_(
                table.c.pending,
                table.c.at >= now - oldest,
                table.c.looked <= now - every,
                or_(table.c.at >= now - SETTLED, table.c.looked <= now - every * SELDOM),
            )
            taken: list[Pull] = []
            for row in _select(connection, due):
                mine = (table.c.task_id == row["task_id"], table.c.looked == row["looked"])
                done = connection.execute(update(table).where(*mine).values(looked=now))
                pull = _pull(row)
                if done.rowcount == 1 and pull is not None:
                    taken.append(pull)
            return taken

        return await self._database.write(job)


def remember(connection: "Connection", task_id: str, attempt_id: str, told: PullRequestView, place: int) -> None:
    """Within the transaction that writes into the log what became of a pull request, at this place of the task.

    Whoever had read all before has read all after: it is no work to be looked at anew, unless its checks fail.
    """
    from sqlalchemy import insert, update

    from journeyman.store.schema import pull_request as table
    from journeyman.store.schema import seen

    if told.checks != "failed":
        everything = (seen.c.task_id == task_id, seen.c.seq == place - 1)
        connection.execute(update(seen).where(*everything).values(seq=place))

    row = {"attempt_id": attempt_id, "pending": told.pending, "at": told.at, "looked": told.at}
    if not connection.execute(update(table).where(table.c.task_id == task_id).values(**row)).rowcount:
        connection.execute(insert(table), {"task_id": task_id, **row})


def _select(connection: "Connection", which: "ColumnElement[bool]") -> "list[RowMapping]":
    from sqlalchemy import select

    from journeyman.store.schema import attempt, pull_request

    query = (
        select(pull_request.c.looked, attempt)
        .join_from(pull_request, attempt, attempt.c.id == pull_request.c.attempt_id)
        .where(which)
        .order_by(pull_request.c.looked)
        .limit(BATCH)
    )
    return list(connection.execute(query).mappings())


def _pull(row: "RowMapping") -> Pull | None:
    attempt = attempt_of({key: value for key, value in row.items() if key != "looked"})
    told = attempt.summary.pull_request
    return Pull(attempt.task_id, attempt.id, told) if told is not None else None
