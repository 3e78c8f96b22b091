"""Environments that a person stored by name, and which repositories' own files they have approved."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journeyman.core.errors import UsageError
from journeyman.core.ids import Clock
from journeyman.core.people import EVERYBODY
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class StoredEnvironment:
    """An environment as it was stored: `text` is its file. `owner` and `group` are ids; None where a terminal's."""

    name: str
    repository: str | None
    text: str
    changed: float
    owner: str | None = None
    group: str | None = None


class Environments:
    """The stored environments and the approvals of a store; with a `person` only what is there for them."""

    def __init__(self, database: Database, clock: Clock, person: str | None = None) -> None:
        self._database = database
        self._clock = clock
        self._person = person

    def seen_by(self, person: str | None) -> "Environments":
        """These environments as a person's tasks see them; None is whoever uses this machine's terminal."""
        return Environments(self._database, self._clock, person)

    async def put(
        self,
        name: str,
        repository: str | None,
        text: str,
        *,
        belongs: tuple[str | None, str | None] | None = None,
        new: bool = False,
    ) -> bool:
        """Store an environment's file, in place of an older one of the same name; with `new` only where there is none.

        `belongs` are its owner and group; without it they stay as they are. Returns whether it was stored.
        """

        def job(connection: "Connection") -> bool:
            from sqlalchemy import insert, select, update

            from journeyman.store.schema import environment

            row: dict[str, Any] = {"repository": repository, "body": text, "changed": self._clock()}
            if belongs is not None:
                row |= {"owner": belongs[0], "group": belongs[1]}
            there = connection.execute(select(environment.c.name).where(environment.c.name == name)).first()
            if there is None:
                connection.execute(insert(environment), {"name": name, **row})
            elif not new:
                connection.execute(update(environment).where(environment.c.name == name).values(**row))
            return there is None or not new

        return await self._database.write(job)

    async def get(self, name: str) -> StoredEnvironment | None:
        return next((one for one in await self.all() if one.name == name), None)

    async def of(self, repository: str) -> StoredEnvironment | None:
        """The one that was last stored for a repository by them or for a group of theirs, if any: what somebody else
        stored has no say in how another one's tasks are set up unless they name it."""
        found, groups, _ = await self._all()
        mine = [
            one for one in found if one.repository == repository and (one.owner == self._person or one.group in groups)
        ]
        return max(mine, key=lambda one: one.changed, default=None)

    async def all(self) -> list[StoredEnvironment]:
        """All of them that the person sees, by name."""
        found, groups, sees_all = await self._all()
        return [one for one in found if sees_all or one.owner == self._person or one.group in groups]

    async def _all(self) -> tuple[list[StoredEnvironment], frozenset[str | None], bool]:
        """All of them, the groups of the person, and whether they see all."""
        return await self._database.read(lambda connection: _read(connection, self._person))

    async def remove(self, name: str) -> None:
        from sqlalchemy import delete

        from journeyman.store.schema import environment

        gone = delete(environment).where(environment.c.name == name)
        if await self._database.write(lambda connection: connection.execute(gone).rowcount) != 1:
            raise UsageError(f"There is no stored environment {name!r}; `journeyman env list` shows those that are.")

    async def approve(self, repository: str, digest: str) -> None:
        """Remember that the person approved the file with this content for this repository."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import insert

            from journeyman.store.schema import approval

            if not _approved(connection, repository, digest):
                row = {"repository": repository, "digest": digest, "at": self._clock()}
                connection.execute(insert(approval), row)

        await self._database.write(job)

    async def is_approved(self, repository: str, digest: str) -> bool:
        """Only at the terminal: what its user approved is not approved for others."""
        if self._person is not None:
            return False
        return await self._database.read(lambda connection: _approved(connection, repository, digest))


def _approved(connection: "Connection", repository: str, digest: str) -> bool:
    from sqlalchemy import select

    from journeyman.store.schema import approval

    query = select(approval.c.at).where(approval.c.repository == repository, approval.c.digest == digest)
    return connection.execute(query).first() is not None


def _read(
    connection: "Connection", person_id: str | None
) -> tuple[list[StoredEnvironment], frozenset[str | None], bool]:
    from sqlalchemy import select

    from journeyman.store.schema import environment, membership, person

    found = [
        StoredEnvironment(row["name"], row["repository"], row["body"], row["changed"], row["owner"], row["group"])
        for row in connection.execute(select(environment).order_by(environment.c.name)).mappings()
    ]
    if person_id is None:
        return found, frozenset((EVERYBODY,)), True
    role = connection.execute(select(person.c.role).where(person.c.id == person_id)).scalar()
    groups = connection.execute(select(membership.c.group).where(membership.c.person == person_id)).scalars()
    return found, frozenset((*groups, EVERYBODY)), role == "admin"
