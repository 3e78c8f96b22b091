"""What workers offer, as they tell it themselves every few seconds."""

from typing import TYPE_CHECKING

from journeyman.core.ids import Clock
from journeyman.core.people import Offer
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

FRESH = 20.0
"""Seconds after which a worker that was not heard of is not counted on."""


class Offers:
    """The workers of a store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(self, offer: Offer) -> None:
        """Say what a worker offers now; forgets those that were not heard of for long."""
        now = self._clock()
        row = {"id": offer.worker, "body": offer.model_copy(update={"seen": now}).model_dump_json(), "seen": now}

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, insert, update

            from journeyman.store.schema import worker as table

            here = table.c.id == offer.worker
            if connection.execute(update(table).where(here).values(row)).rowcount == 0:
                connection.execute(delete(table).where(table.c.seen < now - 60 * FRESH))
                connection.execute(insert(table), row)

        await self._database.write(job)

    async def withdraw(self, worker: str) -> None:
        """Forget a worker that has ended in good order."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete

            from journeyman.store.schema import worker as table

            connection.execute(delete(table).where(table.c.id == worker))

        await self._database.write(job)

    async def all(self, *, fresh: bool = True) -> list[Offer]:
        """The workers that were heard of lately, or all that are remembered."""
        since = self._clock() - FRESH if fresh else 0.0

        def job(connection: "Connection") -> list[Offer]:
            from sqlalchemy import select

            from journeyman.store.schema import worker as table

            rows = connection.execute(select(table.c.body).where(table.c.seen >= since).order_by(table.c.id))
            return [Offer.model_validate_json(body) for body in rows.scalars()]

        return await self._database.read(job)
