"""Texts encrypted at rest: AES-256-GCM under a key in a file that only its owner can read."""

import base64
import os
from contextlib import suppress
from pathlib import Path

from journeyman.core.errors import StoreError

_NONCE = 12


class Seal:
    """Encrypts under the key of the file `key`. Each text is `bound` to what it is for, and opens for nothing else."""

    def __init__(self, key: Path) -> None:
        self.key = key

    def close(self, value: str, bound: bytes, *, first: bool) -> str:
        """Encrypted; the key is made with the first text, never beside those of another machine's key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        data = value.encode("utf-8", "surrogatepass")
        return base64.b64encode(nonce + AESGCM(self._read(make=first)).encrypt(nonce, data, bound)).decode()

    def open(self, sealed: str, bound: bytes) -> str | None:
        """The text; None where it was sealed under another key, for something else, or is damaged."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._read()
        try:
            data = base64.b64decode(sealed, validate=True)
            return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], bound).decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError):
            return None

    def _read(self, *, make: bool = False) -> bytes:
        try:
            if make and not self.key.exists():
                _make(self.key)
            handle = os.open(self.key, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                if os.fstat(handle).st_mode & 0o077:
                    os.fchmod(handle, 0o600)
                key = base64.b64decode(file.read(256), validate=True)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise StoreError(
                f"The key of your secrets, {self.key}, cannot be read: {reason}. Put it back from a copy (all "
                "machines with the same database need the same one), or remove the secrets (`journeyman secret list` "
                "names them) and the forges, and set them anew."
            ) from error
        if len(key) != 32:
            raise StoreError(f"{self.key} is no key of Journeyman's; put the right one back from a copy.")
        return key


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
