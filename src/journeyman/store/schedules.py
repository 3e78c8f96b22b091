"""Schedules: what submits tasks again and again."""

from typing import TYPE_CHECKING

from journeyman.core.people import Schedule
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Schedules:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, schedule: Schedule) -> None:
        """Store a schedule, in place of an older state of it."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, insert

            from journeyman.store.schema import schedule as table

            connection.execute(delete(table).where(table.c.id == schedule.id))
            body = schedule.model_dump_json(exclude={"owner", "group"})
            row = {"id": schedule.id, "body": body, "owner": schedule.owner, "group": schedule.group}
            connection.execute(insert(table), row)

        await self._database.write(job)

    async def get(self, schedule_id: str) -> Schedule | None:
        return next((one for one in await self.all() if one.id == schedule_id), None)

    async def all(self) -> list[Schedule]:
        """All of them, in the order in which they were made."""
        from sqlalchemy import select

        from journeyman.store.schema import schedule

        query = select(schedule).order_by(schedule.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [
            Schedule.model_validate_json(row["body"]).model_copy(update={"owner": row["owner"], "group": row["group"]})
            for row in rows
        ]

    async def remove(self, schedule_id: str) -> bool:
        """Whether there was one of this id."""
        from sqlalchemy import delete

        from journeyman.store.schema import schedule

        gone = delete(schedule).where(schedule.c.id == schedule_id)
        return await self._database.write(lambda connection: connection.execute(gone).rowcount) == 1
