"""Secrets, encrypted at rest: AES-256-GCM under a key in a file of the state folder that only its owner can read.

Each is bound to its name and environment, so that a row cannot take another's place. The key file protects against
whoever gets hold of the database or a backup of it alone, not against whoever can read the whole folder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.ids import Clock
from journeyman.core.mask import SHORTEST, Mask
from journeyman.store.database import Database
from journeyman.store.forges import forge_tokens
from journeyman.store.seal import Seal

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST = 32 * 1024
"""Bytes of a secret at most."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """All that is told of a stored secret. `environment` is None where it is for all; `changed` is when it was set."""

    name: str
    environment: str | None
    changed: float


class Secrets:
    """The secrets of a store. `mask` takes those out of what is stored that were there when it was last read."""

    def __init__(self, database: Database, key: Path, clock: Clock) -> None:
        self.mask = Mask()
        self._database = database
        self.seal = Seal(key)
        self._clock = clock

    async def set(self, name: str, value: str, environment: str | None = None) -> None:
        """Store `value`, in place of an older one. Raises `UsageError` for what cannot be a secret."""
        if not _NAME.match(name):
            raise UsageError(f"{name!r} cannot be the name of a secret: use letters, digits and underscores.")
        if len(value.strip()) < SHORTEST:
            raise UsageError(
                f"A secret must have at least {SHORTEST} characters: a shorter one would be masked in texts that have "
                "nothing to do with it."
            )
        if len(value.encode("utf-8", "surrogatepass")) > LONGEST or "\0" in value:
            raise UsageError(f"A secret is a text of at most {LONGEST // 1024} KiB without NUL characters.")

        def job(connection: "Connection") -> None:
            from sqlalchemy import delete, insert

            from journeyman.store.schema import secret

            where = environment or ""
            sealed = self.sealed(connection, value, _bound(name, where))
            connection.execute(delete(secret).where(secret.c.environment == where, secret.c.name == name))
            row = {"environment": where, "name": name, "body": sealed, "changed": self._clock()}
            connection.execute(insert(secret), row)
            self.mask_in(connection)

        await self._database.write(job)

    async def remove(self, name: str, environment: str | None = None) -> None:
        """Forget a secret. Raises `UsageError` when there is none of this name."""
        from sqlalchemy import delete

        from journeyman.store.schema import secret

        gone = delete(secret).where(secret.c.environment == (environment or ""), secret.c.name == name)
        if await self._database.write(lambda connection: connection.execute(gone).rowcount) != 1:
            where = f" for the environment {environment}" if environment else ""
            raise UsageError(f"There is no secret {name}{where}; `journeyman secret list` shows those that there are.")

    async def all(self) -> list[SecretInfo]:
        """What is stored, by name; no values."""
        from sqlalchemy import select

        from journeyman.store.schema import secret

        query = select(secret.c.environment, secret.c.name, secret.c.changed).order_by(
            secret.c.name, secret.c.environment
        )
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return [SecretInfo(row.name, row.environment or None, row.changed) for row in rows]

    async def values(self, environment: str) -> Mapping[str, str]:
        """The secrets that an environment may use, by name: its own go before those that are for all."""
        rows = await self._database.read(self._rows)
        found = {name: value for where, name, value in rows if not where}
        return found | {name: value for where, name, value in rows if where == environment}

    async def refresh(self) -> Mask:
        """Read `mask` anew."""
        return await self._database.read(self.mask_in)

    def mask_in(self, connection: "Connection") -> Mask:
        """Read `mask` anew within a transaction: costs nothing worth the name while there are no secrets."""
        named: dict[str, str] = {}
        for where, name, value in self._rows(connection):
            named[f"{where}/{name}" if where else name] = value
        for stored, token in forge_tokens(connection, self.seal):
            named[f"of the forge {stored.name}"] = token
        self.mask = Mask(named)
        return self.mask

    def _rows(self, connection: "Connection") -> "list[tuple[str, str, str]]":
        from sqlalchemy import select

        from journeyman.store.schema import secret

        rows = connection.execute(select(secret.c.environment, secret.c.name, secret.c.body)).all()
        return [(row.environment, row.name, self._open(row.body, row.name, row.environment)) for row in rows]

    def sealed(self, connection: "Connection", value: str, bound: bytes) -> str:
        """Encrypted, under a new key where nothing is yet."""
        from sqlalchemy import select

        from journeyman.store.schema import forge, secret

        there = [connection.execute(select(column).limit(1)).all() for column in (secret.c.name, forge.c.name)]
        return self.seal.close(value, bound, first=not any(there))

    def _open(self, sealed: str, name: str, environment: str) -> str:
        text = self.seal.open(sealed, _bound(name, environment))
        if text is None:
            remove = f"journeyman secret remove {name}" + (f" --env {environment}" if environment else "")
            raise StoreError(
                f"The secret {name} cannot be read: {self.seal.key} is not the key that it was stored with. Put that "
                f"file back, or take the secret away by `{remove}` and set it anew."
            )
        return text


def _bound(name: str, environment: str) -> bytes:
    return f"{environment}\0{name}".encode()
