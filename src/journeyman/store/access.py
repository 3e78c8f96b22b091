"""What proves who somebody is: tokens, sessions and invitations, each kept as the digest of a secret.

The secrets have 256 bits of chance, so a plain SHA-256 keeps them as well as a slow hash would; they are looked up by
it, so that no comparison of ours takes the longer the more of a secret is right.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.core.ids import Clock, new_id
from journeyman.core.people import Invitation, Person, Scope, Token
from journeyman.store.database import Database
from journeyman.store.people import add_person, administered, person_of, revoke_all, sign_out

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, RowMapping

TOKEN = "jm_"
"""What each token begins with, so that scanners of repositories find one that got there."""

USED_EVERY = 60.0
"""Seconds between two notes of when a token was used."""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. Times are seconds since the epoch."""

    digest: str
    person: str
    created: float
    expires: float


@dataclass(frozen=True, slots=True)
class Proof:
    """Who a secret belongs to, and by which session or token."""

    person: Person
    session: Session | None = None
    token: Token | None = None


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Access:
    """The tokens, sessions and invitations of a store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # ------------------------------------------------------------ tokens

    async def add_token(
        self, person: str, name: str, scopes: tuple[Scope, ...], expires: float | None
    ) -> tuple[Token, str]:
        """A new token and its secret, which is nowhere else from then on."""
        from sqlalchemy import insert

        from journeyman.store.schema import token

        secret = TOKEN + secrets.token_urlsafe(32)
        now = self._clock()
        made = Token(id=new_id(self._clock), person=person, name=name, scopes=scopes, created=now, expires=expires)
        row = made.model_dump() | {"scopes": " ".join(scopes), "digest": digest(secret)}
        await self._database.write(lambda connection: connection.execute(insert(token), row))
        return made, secret

    async def tokens(self, person: str | None = None) -> list[Token]:
        """Those of a person, or all; the newest first."""
        from sqlalchemy import select

        from journeyman.store.schema import token

        query = select(token).order_by(token.c.created.desc(), token.c.id.desc())
        if person is not None:
            query = query.where(token.c.person == person)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_token(row) for row in rows]

    async def remove_token(self, token_id: str, person: str | None = None) -> bool:
        """Whether there was one of this id, and of this person where one is given."""
        from sqlalchemy import delete

        from journeyman.store.schema import token

        gone = delete(token).where(token.c.id == token_id)
        if person is not None:
            gone = gone.where(token.c.person == person)
        return await self._database.write(lambda connection: connection.execute(gone).rowcount) == 1

    async def by_token(self, secret: str) -> Proof | None:
        """Whose token it is; None where it is nobody's, has run out, or theirs who are disabled."""
        now, key = self._clock(), digest(secret)
        found = await self._database.read(lambda connection: _by_token(connection, key, now))
        if found is not None and found.token is not None and now - (found.token.used or 0.0) > USED_EVERY:
            from sqlalchemy import update

            from journeyman.store.schema import token

            used = update(token).where(token.c.digest == key).values(used=now)
            await self._database.write(lambda connection: connection.execute(used))
        return found

    # ------------------------------------------------------------ sessions

    async def begin(self, person: str, seconds: float, *, instead: str | None = None) -> tuple[Session, str]:
        """A new session and the secret of its cookie. The session of the secret `instead` ends."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        made = Session(digest(secret), person, now, now + seconds)

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, insert, or_

            from journeyman.store.schema import session

            old = session.c.expires <= now
            if instead is not None:
                old = or_(old, session.c.digest == digest(instead))
            connection.execute(delete(session).where(old))
            row = {"digest": made.digest, "person": person, "created": now, "expires": made.expires}
            connection.execute(insert(session), row)

        await self._database.write(job)
        return made, secret

    async def by_session(self, secret: str) -> Proof | None:
        """Whose session it is; None where it is nobody's, has run out, or theirs who are disabled."""
        now, key = self._clock(), digest(secret)
        return await self._database.read(lambda connection: _by_session(connection, key, now))

    async def prolong(self, session: Session, until: float) -> None:
        from sqlalchemy import update

        from journeyman.store.schema import session as table

        change = update(table).where(table.c.digest == session.digest).values(expires=until)
        await self._database.write(lambda connection: connection.execute(change))

    async def end(self, secret: str) -> None:
        """End the session of this secret, if there is one."""
        from sqlalchemy import delete

        from journeyman.store.schema import session

        gone = delete(session).where(session.c.digest == digest(secret))
        await self._database.write(lambda connection: connection.execute(gone))

    async def end_all(self, person: str, *, keep: str | None = None) -> int:
        """End every session of a person but that with the digest `keep`; how many those were."""
        return await self._database.write(lambda connection: sign_out(connection, person, keep=keep))

    # ------------------------------------------------------------ invitations

    async def invite(self, invitation: Invitation) -> tuple[Invitation, str]:
        """Store a new invitation; it and its secret."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        made = invitation.model_copy(update={"id": digest(secret)[:16], "created": now})

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, insert

            from journeyman.store.schema import invitation as table

            connection.execute(delete(table).where(table.c.expires <= now))
            row = made.model_dump(exclude={"id"}) | {"digest": digest(secret), "groups": " ".join(made.groups)}
            connection.execute(insert(table), row)

        await self._database.write(job)
        return made, secret

    async def invitations(self) -> list[Invitation]:
        """Those that are open, the newest first."""
        from sqlalchemy import select

        from journeyman.store.schema import invitation

        query = select(invitation).where(invitation.c.expires > self._clock()).order_by(invitation.c.created.desc())
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_invitation(row) for row in rows]

    async def withdraw(self, invitation_id: str) -> bool:
        """Whether there was one of this id."""
        from sqlalchemy import delete

        from journeyman.store.schema import invitation

        gone = delete(invitation).where(invitation.c.digest.startswith(invitation_id, autoescape=True))
        return await self._database.write(lambda connection: connection.execute(gone).rowcount) > 0

    async def invitation(self, secret: str) -> Invitation | None:
        """What an invitation's secret is for, as long as it holds."""
        now, key = self._clock(), digest(secret)
        return await self._database.read(lambda connection: _open_invitation(connection, key, now))

    async def accept(self, secret: str, person: Person, password: str) -> Person | None:
        """Use an invitation up: add `person` as it says, or set their password; None where it does not hold (any more).

        With the first administrator all links for one are used up, those of other servers and of earlier starts too.
        Raises `Taken` for an address that somebody has; then the invitation holds as before.
        """
        now, key = self._clock(), digest(secret)

        def job(connection: "Connection") -> Person | None:
            from sqlalchemy import delete, select, update

            from journeyman.store.schema import invitation, membership
            from journeyman.store.schema import person as table

            held = _open_invitation(connection, key, now)
            if held is None or not connection.execute(delete(invitation).where(_used(connection, held, key))).rowcount:
                return None
            if held.person is None:
                fields = {"role": held.role, "groups": _known(connection, held.groups), "created": now}
                if held.email is not None:
                    fields["email"] = held.email
                return add_person(connection, person.model_copy(update=fields), password)
            change = update(table).where(table.c.id == held.person, table.c.disabled.is_(False))
            if connection.execute(change.values(password=password)).rowcount != 1:
                return None
            sign_out(connection, held.person)
            revoke_all(connection, held.person)
            row = connection.execute(select(table).where(table.c.id == held.person)).mappings().one()
            groups = select(membership.c.group).where(membership.c.person == held.person)
            return person_of(row, list(connection.execute(groups).scalars()))

        return await self._database.write(job)


def _used(connection: "Connection", held: Invitation, key: str) -> "ColumnElement[bool]":
    """What an invitation uses up: itself, or all for a first administrator."""
    from journeyman.store.schema import invitation as table

    if held.role == "admin" and held.email is None and held.person is None and not administered(connection):
        return table.c.email.is_(None) & (table.c.role == "admin") & table.c.person.is_(None)
    return table.c.digest == key


def _known(connection: "Connection", groups: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are still there."""
    from sqlalchemy import select

    from journeyman.store.schema import group

    return tuple(connection.execute(select(group.c.id).where(group.c.id.in_(groups))).scalars())


def _open_invitation(connection: "Connection", key: str, now: float) -> Invitation | None:
    from sqlalchemy import select

    from journeyman.store.schema import invitation

    query = select(invitation).where(invitation.c.digest == key, invitation.c.expires > now)
    row = connection.execute(query).mappings().one_or_none()
    return _invitation(row) if row is not None else None


def _by_token(connection: "Connection", key: str, now: float) -> Proof | None:
    from sqlalchemy import select

    from journeyman.store.schema import token

    row = connection.execute(select(token).where(token.c.digest == key)).mappings().one_or_none()
    if row is None or (row["expires"] is not None and row["expires"] <= now):
        return None
    person = _enabled(connection, row["person"])
    return Proof(person, token=_token(row)) if person is not None else None


def _by_session(connection: "Connection", key: str, now: float) -> Proof | None:
    from sqlalchemy import select

    from journeyman.store.schema import session

    row = connection.execute(select(session).where(session.c.digest == key, session.c.expires > now)).one_or_none()
    if row is None:
        return None
    person = _enabled(connection, row.person)
    return Proof(person, session=Session(row.digest, row.person, row.created, row.expires)) if person else None


def _enabled(connection: "Connection", person_id: str) -> Person | None:
    from sqlalchemy import select

    from journeyman.store.schema import membership, person

    query = select(person).where(person.c.id == person_id, person.c.disabled.is_(False))
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    groups = select(membership.c.group).where(membership.c.person == person_id).order_by(membership.c.group)
    return person_of(row, list(connection.execute(groups).scalars()))


def _token(row: "RowMapping") -> Token:
    fields = {key: value for key, value in row.items() if key in Token.model_fields}
    return Token.model_validate(fields | {"scopes": tuple(row["scopes"].split())})


def _invitation(row: "RowMapping") -> Invitation:
    fields = {key: value for key, value in row.items() if key in Invitation.model_fields}
    return Invitation.model_validate(fields | {"id": row["digest"][:16], "groups": tuple(row["groups"].split())})
