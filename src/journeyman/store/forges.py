"""Forges that are set up, with their tokens: these are encrypted, and taken out of what is stored, as secrets are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journeyman.core.errors import StoreError
from journeyman.core.pull_request import ForgeKind
from journeyman.store.database import Database
from journeyman.store.seal import Seal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from journeyman.store.secrets import Secrets


@dataclass(frozen=True, slots=True)
class StoredForge:
    """A forge without its token. `account` is the login that this belongs to, as the forge said when it was last asked
    (`checked`, seconds since the epoch), and `error` what was wrong then."""

    name: str
    kind: ForgeKind
    address: str
    api: str
    account: str = ""
    checked: float | None = None
    error: str = ""


class Forges:
    """The forges of a store."""

    def __init__(self, database: Database, secrets: "Secrets") -> None:
        self._database = database
        self._secrets = secrets

    async def put(self, forge: StoredForge, token: str, *, new: bool = False) -> bool:
        """Store a forge with its token, in place of one of its name; with `new` only where there is none. Returns
        whether it was stored."""

        def job(connection: "Connection") -> bool:
            from sqlalchemy import delete, insert, select

            from journeyman.store.schema import forge as table

            there = connection.execute(select(table.c.name).where(table.c.name == forge.name)).first() is not None
            if there and new:
                return False
            sealed = self._secrets.sealed(connection, token, _bound(forge))
            connection.execute(delete(table).where(table.c.name == forge.name))
            connection.execute(insert(table), {**_row(forge), "token": sealed})
            self._secrets.mask_in(connection)
            return True

        return await self._database.write(job)

    async def told(self, forge: StoredForge) -> None:
        """Remember what a forge said when it was asked; nothing where it is no more, or has moved."""
        from sqlalchemy import update

        from journeyman.store.schema import forge as table

        said = {"account": forge.account, "checked": forge.checked, "error": forge.error}
        change = update(table).where(table.c.name == forge.name, table.c.api == forge.api).values(**said)
        await self._database.write(lambda connection: connection.execute(change))

    async def all(self) -> list[StoredForge]:
        """By name; no tokens."""
        return await self._database.read(lambda connection: [forge for forge, _ in _rows(connection)])

    async def get(self, name: str) -> StoredForge | None:
        return next((forge for forge in await self.all() if forge.name == name), None)

    async def token(self, name: str) -> str | None:
        """The token of a forge. Raises `StoreError` where the key that it was stored with is not here."""
        found = await self._database.read(lambda connection: _rows(connection, name))
        return next((_opened(self._secrets.seal, forge, sealed) for forge, sealed in found), None)

    async def remove(self, name: str) -> bool:
        """Whether there was one of this name."""
        from sqlalchemy import delete

        from journeyman.store.schema import forge

        gone = delete(forge).where(forge.c.name == name)
        return await self._database.write(lambda connection: connection.execute(gone).rowcount) == 1


def forge_tokens(connection: "Connection", seal: Seal) -> list[tuple[StoredForge, str]]:
    """All tokens, for whoever takes them out of texts."""
    return [(forge, _opened(seal, forge, sealed)) for forge, sealed in _rows(connection)]


def _rows(connection: "Connection", name: str | None = None) -> list[tuple[StoredForge, str]]:
    """Forges and their sealed tokens."""
    from sqlalchemy import select

    from journeyman.store.schema import forge

    query = select(forge).order_by(forge.c.name)
    rows = connection.execute(query if name is None else query.where(forge.c.name == name)).mappings()
    return [(StoredForge(**{key: row[key] for key in _FIELDS}), row["token"]) for row in rows]


_FIELDS = ("name", "kind", "address", "api", "account", "checked", "error")


def _row(forge: StoredForge) -> dict[str, Any]:
    return {key: getattr(forge, key) for key in _FIELDS}


def _bound(forge: StoredForge) -> bytes:
    """What a token is for: whoever writes into the database must not have it sent to another host."""
    return f"forge\0{forge.name}\0{forge.address}\0{forge.api}".encode()


def _opened(seal: Seal, forge: StoredForge, sealed: str) -> str:
    token = seal.open(sealed, _bound(forge))
    if token is None:
        raise StoreError(
            f"The token of the forge {forge.name} cannot be read: {seal.key} is not the key that it was stored with. "
            f"Put that file back, or take the forge away by `journeyman forges remove {forge.name}` and set it up anew."
        )
    return token
