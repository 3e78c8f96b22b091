"""Quotas of people and groups, and what was used of them."""

from typing import TYPE_CHECKING

from journeyman.core.ids import Clock
from journeyman.core.people import EVERYBODY, Quota
from journeyman.core.quota import Admission, Standing, Used, admit, day_start, month_start, used_up, waits
from journeyman.core.task import Budget
from journeyman.core.usage import Usage
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection


class Quotas:
    """The quotas of a store. What an attempt uses counts on the day (of UTC) on which it began."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> list[Quota]:
        from sqlalchemy import select

        from journeyman.store.schema import quota

        query = select(quota.c.body).order_by(quota.c.of)
        rows = await self._database.read(lambda connection: connection.execute(query).scalars().all())
        return [Quota.model_validate_json(body) for body in rows]

    async def put(self, quota: Quota) -> None:
        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, insert

            from journeyman.store.schema import quota as table

            connection.execute(delete(table).where(table.c.of == quota.of))
            connection.execute(insert(table), {"of": quota.of, "body": quota.model_dump_json()})

        await self._database.write(job)

    async def remove(self, of: str) -> bool:
        """Whether there was one."""
        from sqlalchemy import delete

        from journeyman.store.schema import quota

        gone = delete(quota).where(quota.c.of == of)
        return await self._database.write(lambda connection: connection.execute(gone).rowcount) == 1

    async def standings(self, owner: str | None, group: str | None) -> tuple[Standing, ...]:
        """All quotas that a task of this owner and group falls under, with what is used of them."""
        now = self._clock()
        return await self._database.read(lambda connection: standings(connection, owner, group, now))

    async def admit(self, owner: str | None, group: str | None, wanted: Budget) -> Admission:
        """What becomes of a task that they hand in now."""
        return admit(await self.standings(owner, group), wanted, self._clock())

    async def used_up(self, owner: str | None, group: str | None, step: Usage) -> str | None:
        """Why tasks of theirs may not use as much as `step` once more, each of those at work; None where they may."""
        return used_up(await self.standings(owner, group), self._clock(), step)

    async def waits(self, owner: str | None, group: str | None) -> str | None:
        """Why a stored task of theirs cannot begin at this moment; None when it can."""
        return waits(await self.standings(owner, group))


def standings(connection: "Connection", owner: str | None, group: str | None, now: float) -> tuple[Standing, ...]:
    """What `Quotas.standings` gives, within a transaction."""
    from sqlalchemy import select

    from journeyman.store.schema import group as groups
    from journeyman.store.schema import quota, task

    wanted = [f"person:{owner}", f"group:{group}", EVERYBODY]
    rows = connection.execute(select(quota).where(quota.c.of.in_(wanted))).all()
    found = {row.of: Quota.model_validate_json(row.body) for row in rows}
    told: list[Standing] = []
    mine = found.get(f"person:{owner}") or found.get(EVERYBODY)
    if owner is not None and mine is not None:
        told.append(_standing(connection, mine, "You have", task.c.owner, owner, now))
    theirs = found.get(f"group:{group}")
    if group is not None and theirs is not None:
        name = connection.execute(select(groups.c.name).where(groups.c.id == group)).scalar() or group
        told.append(_standing(connection, theirs, f"The group {name} has", task.c.group, group, now))
    return tuple(told)


def _standing(
    connection: "Connection", quota: Quota, whose: str, column: "Column[str]", value: str, now: float
) -> Standing:
    from sqlalchemy import func, select

    from journeyman.store.schema import attempt, task

    def used(since: float) -> Used:
        sums = select(func.coalesce(func.sum(attempt.c.tokens), 0), func.coalesce(func.sum(attempt.c.cost), 0.0))
        query = sums.join(task, task.c.id == attempt.c.task_id).where(column == value, attempt.c.began >= since)
        tokens, cost = connection.execute(query).one()
        return Used(tokens=int(tokens), cost=float(cost))

    kinds = select(task.c.status, func.count()).where(column == value, task.c.status.in_(("running", "queued")))
    counts = {status: count for status, count in connection.execute(kinds.group_by(task.c.status)).all()}
    return Standing(
        quota=quota,
        whose=whose,
        day=used(day_start(now)) if quota.day != Budget() else Used(),
        month=used(month_start(now)) if quota.month != Budget() else Used(),
        running=counts.get("running", 0),
        queued=counts.get("queued", 0),
    )
