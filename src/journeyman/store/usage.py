"""What was used: tokens and money by day, person, model and outcome."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What the attempts used that began on a day of UTC (days since the epoch). Money is US dollars.

    `seconds` is the time that those worked which have ended. `outcome` is the verdict, or the status without one.
    """

    day: int
    person: str | None
    group: str | None
    model: str
    outcome: str
    attempts: int
    tasks: int
    tokens: int
    cost: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """How many tasks there are of each status, and per model what all its attempts used: count, tokens, dollars."""

    tasks: dict[str, int]
    models: dict[str, tuple[int, int, float]]


class UsageSums:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def between(
        self, since: float, until: float, *, owner: str | None = None, groups: Collection[str] | None = None
    ) -> list[UsageSum]:
        """Sums over attempts that began from `since` to before `until`; of one owner and some groups where given."""
        from sqlalchemy import BigInteger, cast, distinct, func, literal_column, or_, select

        from journeyman.store.schema import attempt, task

        seconds = literal_column("86400", BigInteger)  # a parameter would make this another expression to PostgreSQL
        day = (cast(attempt.c.began, BigInteger) // seconds).label("day")
        outcome = func.coalesce(attempt.c.verdict, attempt.c.status).label("outcome")
        keys = (day, task.c.owner, task.c.group, task.c.model, outcome)
        query = (
            select(
                *keys,
                func.count().label("attempts"),
                func.count(distinct(task.c.id)).label("tasks"),
                func.coalesce(func.sum(attempt.c.tokens), 0).label("tokens"),
                func.coalesce(func.sum(attempt.c.cost), 0.0).label("cost"),
                func.coalesce(func.sum(attempt.c.ended - attempt.c.began), 0.0).label("seconds"),
            )
            .join(task, task.c.id == attempt.c.task_id)
            .where(attempt.c.began >= since, attempt.c.began < until)
            .group_by(*keys)
            .order_by(day)
        )
        if owner is not None or groups is not None:
            query = query.where(or_(task.c.owner == owner, task.c.group.in_(sorted(groups or ()))))
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [
            UsageSum(
                day=int(row.day),
                person=row.owner,
                group=row.group,
                model=row.model,
                outcome=row.outcome,
                attempts=row.attempts,
                tasks=row.tasks,
                tokens=int(row.tokens),
                cost=float(row.cost),
                seconds=float(row.seconds),
            )
            for row in rows
        ]

    async def totals(self) -> Totals:
        """Sums over all that is stored."""
        return await self._database.read(_totals)


def _totals(connection: "Connection") -> Totals:
    from sqlalchemy import func, select

    from journeyman.store.schema import attempt, task

    statuses = select(task.c.status, func.count()).group_by(task.c.status)
    used = (
        select(task.c.model, func.count(), func.sum(attempt.c.tokens), func.sum(attempt.c.cost))
        .join(task, task.c.id == attempt.c.task_id)
        .group_by(task.c.model)
    )
    return Totals(
        tasks={status: count for status, count in connection.execute(statuses).all()},
        models={
            model: (count, int(tokens), float(cost)) for model, count, tokens, cost in connection.execute(used).all()
        },
    )
