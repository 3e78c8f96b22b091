"""People and the groups that they are in."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypedDict, Unpack

from journeyman.core.errors import UsageError
from journeyman.core.ids import Clock, new_id
from journeyman.core.people import EVERYBODY, Group, Person, Role
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, RowMapping


GONE = "(deleted)"
"""What stands in the audit log in place of the address of somebody who was deleted."""


class Taken(UsageError):
    """Somebody or something else has this name already."""


class PersonFields(TypedDict, total=False):
    """What of a person may change."""

    name: str
    email: str
    role: Role
    disabled: bool
    subject: str | None
    groups: tuple[str, ...]


def email_of(text: str) -> str:
    """An e-mail address as it is stored and compared."""
    return text.strip().lower()


class People:
    """The people and groups of a store. A person who is disabled loses every session and token with the same commit."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, person: Person, password: str | None = None) -> Person:
        """Store a new person; `password` is argon2's own notation of it. Raises `Taken`."""
        return await self._database.write(lambda connection: add_person(connection, person, password))

    async def get(self, person_id: str) -> Person | None:
        from journeyman.store.schema import person

        return await self._one(person.c.id == person_id)

    async def by_email(self, email: str) -> Person | None:
        from journeyman.store.schema import person

        return await self._one(person.c.email == email_of(email))

    async def by_subject(self, subject: str) -> Person | None:
        """Somebody who comes by OpenID Connect."""
        from journeyman.store.schema import person

        return await self._one(person.c.subject == subject)

    async def all(self) -> list[Person]:
        """Everybody, by name."""
        return await self._database.read(lambda connection: _people(connection, None))

    async def names(self, ids: Iterable[str]) -> dict[str, str]:
        """The names of some people, by id."""
        from sqlalchemy import select

        from journeyman.store.schema import person

        query = select(person.c.id, person.c.name).where(person.c.id.in_(sorted(set(ids))))
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.id: row.name for row in rows}

    async def has_administrator(self) -> bool:
        """Whether there is an administrator who can sign in."""
        return await self._database.read(administered)

    async def change(self, person_id: str, **fields: Unpack[PersonFields]) -> Person | None:
        """Change somebody; None when there is nobody of this id.

        Raises `Taken` for another's e-mail address, and `UsageError` where nobody would be left to administer.
        """

        def job(connection: "Connection") -> Person | None:
            from sqlalchemy import update
            from sqlalchemy.exc import IntegrityError

            from journeyman.store.schema import person

            before = _people(connection, person.c.id == person_id, hold=True)
            if not before:
                return None
            changed = dict(fields)
            groups = changed.pop("groups", None)
            if "email" in changed:
                changed["email"] = email_of(str(changed["email"]))
            try:
                if changed:
                    connection.execute(update(person).where(person.c.id == person_id).values(**changed))
            except IntegrityError as error:
                raise Taken(f"Somebody else has the address {changed.get('email')}.") from error
            if groups is not None:
                set_groups(connection, person_id, fields.get("groups", ()))
            if before[0].role == "admin" and not before[0].disabled and not administered(connection, hold=True):
                raise UsageError(f"{before[0].name} is the last administrator. Make somebody else one first.")
            if fields.get("disabled"):
                sign_out(connection, person_id)
                revoke_all(connection, person_id)
            return _people(connection, person.c.id == person_id)[0]

        return await self._database.write(job)

    async def remove(self, person_id: str) -> bool:
        """Forget somebody with all that is known of them; their tasks and environments stay, as nobody's whose name is
        told. False when there is nobody of this id. Raises `UsageError` where nobody would be left to administer."""

        def job(connection: "Connection") -> bool:
            from journeyman.store.schema import person

            before = _people(connection, person.c.id == person_id, hold=True)
            if not before:
                return False
            _forget(connection, before[0])
            if before[0].role == "admin" and not before[0].disabled and not administered(connection, hold=True):
                raise UsageError(f"{before[0].name} is the last administrator. Make somebody else one first.")
            return True

        return await self._database.write(job)

    async def password(self, email: str) -> tuple[Person, str | None] | None:
        """The person with this address and the notation of their password, None where they have none."""
        from sqlalchemy import select

        from journeyman.store.schema import person

        def job(connection: "Connection") -> tuple[Person, str | None] | None:
            found = _people(connection, person.c.email == email_of(email))
            if not found:
                return None
            query = select(person.c.password).where(person.c.id == found[0].id)
            return found[0], connection.execute(query).scalar()

        return await self._database.read(job)

    async def set_password(self, person_id: str, password: str | None, *, keep: str | None = None) -> None:
        """Set the notation of a password and end every session but that with the digest `keep`."""

        def job(connection: "Connection") -> None:
            from sqlalchemy import update

            from journeyman.store.schema import person

            connection.execute(update(person).where(person.c.id == person_id).values(password=password))
            sign_out(connection, person_id, keep=keep)

        await self._database.write(job)

    async def rehash(self, person_id: str, before: str, after: str) -> None:
        """Note the same password in stronger notation, unless it was changed meanwhile."""
        from sqlalchemy import update

        from journeyman.store.schema import person

        change = update(person).where(person.c.id == person_id, person.c.password == before).values(password=after)
        await self._database.write(lambda connection: connection.execute(change))

    # ------------------------------------------------------------ groups

    async def groups(self) -> list[tuple[Group, tuple[str, ...]]]:
        """All groups by name, each with the ids of its members; without the one of everybody."""

        def job(connection: "Connection") -> list[tuple[Group, tuple[str, ...]]]:
            from sqlalchemy import select

            from journeyman.store.schema import group, membership

            members: dict[str, list[str]] = {}
            for row in connection.execute(select(membership).order_by(membership.c.person)).mappings():
                members.setdefault(row["group"], []).append(row["person"])
            rows = connection.execute(select(group).order_by(group.c.name))
            return [(Group(id=row.id, name=row.name), tuple(members.get(row.id, ()))) for row in rows]

        return await self._database.read(job)

    async def add_group(self, name: str) -> Group:
        """Raises `Taken`."""
        from sqlalchemy import insert
        from sqlalchemy.exc import IntegrityError

        from journeyman.store.schema import group

        made = Group(id=new_id(self._clock), name=name)

        def job(connection: "Connection") -> Group:
            try:
                connection.execute(insert(group), made.model_dump())
            except IntegrityError as error:
                raise Taken(f"There is a group {name!r} already.") from error
            return made

        return await self._database.write(job)

    async def rename_group(self, group_id: str, name: str) -> bool:
        """False when there is none of this id. Raises `Taken`."""
        from sqlalchemy import update
        from sqlalchemy.exc import IntegrityError

        from journeyman.store.schema import group

        def job(connection: "Connection") -> bool:
            try:
                return connection.execute(update(group).where(group.c.id == group_id).values(name=name)).rowcount == 1
            except IntegrityError as error:
                raise Taken(f"There is a group {name!r} already.") from error

        return await self._database.write(job)

    async def remove_group(self, group_id: str) -> bool:
        """Take a group away; what belonged to it is its owners' alone. False when there is none of this id."""

        def job(connection: "Connection") -> bool:
            from sqlalchemy import delete, update

            from journeyman.store.schema import environment, group, membership, quota, schedule, task

            for table in (task, environment, schedule):
                connection.execute(update(table).where(table.c.group == group_id).values(group=None))
            connection.execute(delete(membership).where(membership.c.group == group_id))
            connection.execute(delete(quota).where(quota.c.of == f"group:{group_id}"))
            return connection.execute(delete(group).where(group.c.id == group_id)).rowcount == 1

        return await self._database.write(job)

    async def _one(self, where: "ColumnElement[bool]") -> Person | None:
        return next(iter(await self._database.read(lambda connection: _people(connection, where))), None)


def add_person(connection: "Connection", person: Person, password: str | None) -> Person:
    from sqlalchemy import insert
    from sqlalchemy.exc import IntegrityError

    from journeyman.store.schema import person as table

    made = person.model_copy(update={"email": email_of(person.email)})
    try:
        connection.execute(insert(table), made.model_dump(exclude={"groups"}) | {"password": password})
    except IntegrityError as error:
        raise Taken(f"There is somebody with the address {made.email} already.") from error
    set_groups(connection, made.id, made.groups)
    return made


def set_groups(connection: "Connection", person_id: str, groups: Sequence[str]) -> None:
    """Put somebody into these groups and no others. Raises `UsageError` for one that there is not."""
    from sqlalchemy import delete, insert, select

    from journeyman.store.schema import group, membership

    wanted = sorted(set(groups) - {EVERYBODY})
    known = set(connection.execute(select(group.c.id).where(group.c.id.in_(wanted))).scalars())
    if unknown := [one for one in wanted if one not in known]:
        raise UsageError(f"There is no group with the id {unknown[0]!r}.")
    connection.execute(delete(membership).where(membership.c.person == person_id))
    if wanted:
        connection.execute(insert(membership), [{"group": one, "person": person_id} for one in wanted])


def sign_out(connection: "Connection", person_id: str, *, keep: str | None = None) -> int:
    """End every session of a person but that with the digest `keep`; how many those were."""
    from sqlalchemy import delete

    from journeyman.store.schema import session

    gone = delete(session).where(session.c.person == person_id)
    return connection.execute(gone if keep is None else gone.where(session.c.digest != keep)).rowcount


def revoke_all(connection: "Connection", person_id: str) -> None:
    """Take away every token of a person, and every link that would give them a new password."""
    from sqlalchemy import delete

    from journeyman.store.schema import invitation, token

    connection.execute(delete(token).where(token.c.person == person_id))
    connection.execute(delete(invitation).where(invitation.c.person == person_id))


def _forget(connection: "Connection", who: Person) -> None:
    """Take away all that is somebody's own, and their name and address out of the audit log, which keeps their id."""
    from sqlalchemy import delete, update

    from journeyman.store.schema import audit, invitation, membership, person, quota, schedule, seen

    sign_out(connection, who.id)
    revoke_all(connection, who.id)
    connection.execute(delete(invitation).where(invitation.c.email == who.email))
    for table, column in ((membership, membership.c.person), (seen, seen.c.person), (schedule, schedule.c.owner)):
        connection.execute(delete(table).where(column == who.id))
    connection.execute(delete(quota).where(quota.c.of == f"person:{who.id}"))
    connection.execute(delete(person).where(person.c.id == who.id))
    of_theirs = (audit.c.target == who.id) & audit.c.act.startswith("person.")
    connection.execute(update(audit).where(of_theirs).values(detail=""))
    connection.execute(update(audit).where(audit.c.target == who.email).values(target=GONE))
    invited = audit.c.detail.startswith(f"{who.email}, ", autoescape=True)
    connection.execute(update(audit).where(invited).values(detail=GONE))


def person_of(row: "RowMapping", groups: Sequence[str]) -> Person:
    fields = {key: value for key, value in row.items() if key in Person.model_fields}
    return Person.model_validate(fields | {"groups": tuple(groups)})


def _people(connection: "Connection", where: "ColumnElement[bool] | None", *, hold: bool = False) -> list[Person]:
    from sqlalchemy import select

    from journeyman.store.schema import membership, person

    query, members = select(person).order_by(person.c.name, person.c.id), select(membership)
    if where is not None:
        query = query.where(where)
        members = members.join(person, person.c.id == membership.c.person).where(where)
    rows = connection.execute(query.with_for_update() if hold else query).mappings().all()
    groups: dict[str, list[str]] = {}
    for row in connection.execute(members.order_by(membership.c.group)).mappings():
        groups.setdefault(row["person"], []).append(row["group"])
    return [person_of(row, groups.get(row["id"], ())) for row in rows]


def administered(connection: "Connection", *, hold: bool = False) -> bool:
    """Whether there is an administrator who can sign in."""
    from sqlalchemy import or_, select

    from journeyman.store.schema import person

    able = or_(person.c.password.is_not(None), person.c.subject.is_not(None))
    query = select(person.c.id).where(person.c.role == "admin", person.c.disabled.is_(False), able)
    return connection.execute(query.with_for_update() if hold else query).first() is not None
