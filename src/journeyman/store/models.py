"""Models that an administrator added to the service, beside those of each machine's own settings."""

from typing import TYPE_CHECKING

from journeyman.core.ids import Clock
from journeyman.core.settings import ModelSettings
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Models:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(self, name: str, settings: ModelSettings) -> None:
        """Store a model, in place of an older one of the same name."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, insert

            from journeyman.store.schema import model

            connection.execute(delete(model).where(model.c.name == name))
            body = settings.model_dump_json(exclude_none=True)
            connection.execute(insert(model), {"name": name, "body": body, "changed": self._clock()})

        await self._database.write(job)

    async def all(self) -> dict[str, ModelSettings]:
        """All of them, by name."""
        from sqlalchemy import select

        from journeyman.store.schema import model

        query = select(model.c.name, model.c.body).order_by(model.c.name)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.name: ModelSettings.model_validate_json(row.body) for row in rows}

    async def remove(self, name: str) -> bool:
        """Whether there was one of this name."""
        from sqlalchemy import delete

        from journeyman.store.schema import model

        gone = delete(model).where(model.c.name == name)
        return await self._database.write(lambda connection: connection.execute(gone).rowcount) == 1
