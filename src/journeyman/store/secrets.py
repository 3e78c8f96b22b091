"""Secrets, encrypted at rest: AES-256-GCM under a key in a file of the state folder that only its owner can read.

Each is bound to its name and environment, so that a row cannot take another's place. The key file protects against
whoever gets hold of the database or a backup of it alone, not against whoever can read the whole folder.
"""

import base64
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.ids import Clock
from journeyman.core.mask import SHORTEST, Mask
from journeyman.store.database import Database

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST = 32 * 1024
"""Bytes of a secret at most."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_NONCE = 12


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
        self._key = key
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
            from sqlalchemy import delete, insert, select

            from journeyman.store.schema import secret

            where = environment or ""
            sealed = self._seal(value, name, where, first=not connection.execute(select(secret.c.name).limit(1)).all())
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
        self.mask = Mask(named)
        return self.mask

    def _rows(self, connection: "Connection") -> "list[tuple[str, str, str]]":
        from sqlalchemy import select

        from journeyman.store.schema import secret

        rows = connection.execute(select(secret.c.environment, secret.c.name, secret.c.body)).all()
        return [(row.environment, row.name, self._open(row.body, row.name, row.environment)) for row in rows]

    def _seal(self, value: str, name: str, environment: str, *, first: bool) -> str:
        """Encrypted; the key is made with the first secret, never beside those of another machine's key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        data = value.encode("utf-8", "surrogatepass")
        sealed = AESGCM(self._read_key(make=first)).encrypt(nonce, data, _bound(name, environment))
        return base64.b64encode(nonce + sealed).decode()

    def _open(self, sealed: str, name: str, environment: str) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            data = base64.b64decode(sealed, validate=True)
            text = AESGCM(self._read_key()).decrypt(data[:_NONCE], data[_NONCE:], _bound(name, environment))
        except (InvalidTag, ValueError) as error:
            remove = f"journeyman secret remove {name}" + (f" --env {environment}" if environment else "")
            raise StoreError(
                f"The secret {name} cannot be read: {self._key} is not the key that it was stored with. Put that file "
                f"back, or take the secret away by `{remove}` and set it anew."
            ) from error
        return text.decode("utf-8", "surrogatepass")

    def _read_key(self, *, make: bool = False) -> bytes:
        try:
            if make and not self._key.exists():
                _make(self._key)
            handle = os.open(self._key, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                if os.fstat(handle).st_mode & 0o077:
                    os.fchmod(handle, 0o600)
                key = base64.b64decode(file.read(256), validate=True)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise StoreError(
                f"The key of your secrets, {self._key}, cannot be read: {reason}. Put it back from a copy (all "
                "machines with the same database need the same one), or remove the secrets (`journeyman secret list` "
                "names them) and set them anew."
            ) from error
        if len(key) != 32:
            raise StoreError(f"{self._key} is no key of Journeyman's; put the right one back from a copy.")
        return key


def _bound(name: str, environment: str) -> bytes:
    return f"{environment}\0{name}".encode()


def _make(path: Path) -> None:
    """A new key, with the folder around it; where two processes make one at once, the first one's stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(32)))
            file.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
