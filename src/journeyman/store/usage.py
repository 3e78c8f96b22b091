"""What was used: tokens and money by day, person, model and outcome."""

from collections.abc import Collection
from dataclasses import dataclass

from journeyman.store.database import Database


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
