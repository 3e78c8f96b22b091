"""The audit log: privileged acts, appended and never changed."""

from journeyman.core.ids import Clock
from journeyman.core.people import AuditEntry
from journeyman.store.database import Database


class Audit:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(
        self, act: str, target: str = "", *, person: str | None = None, detail: str = "", address: str = ""
    ) -> None:
        """Write down that `person` (None: the program) did `act` to `target`."""
        from sqlalchemy import insert

        from journeyman.store.schema import audit

        row = {
            "at": self._clock(),
            "person": person,
            "act": act[:64],
            "target": _text(target, 1000),
            "detail": _text(detail, 4000),
            "address": _text(address, 64),
        }
        await self._database.write(lambda connection: connection.execute(insert(audit), row))

    async def entries(
        self, *, before: int | None = None, limit: int = 100, person: str | None = None, act: str | None = None
    ) -> list[AuditEntry]:
        """The newest first, those with an id below `before`; of one person, or of acts that begin with `act`."""
        from sqlalchemy import select

        from journeyman.store.schema import audit

        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        if person is not None:
            query = query.where(audit.c.person == person)
        if act is not None:
            query = query.where(audit.c.act.startswith(act, autoescape=True))
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [AuditEntry.model_validate(dict(row)) for row in rows]


def _text(text: str, length: int) -> str:
    """What every database takes as text."""
    return text[:length].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
