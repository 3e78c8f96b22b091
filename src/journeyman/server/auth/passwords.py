"""Passwords: argon2id, a few at a time, in threads."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 1024
"""Characters."""

AT_ONCE = 2
"""Hashes at a time: each takes 64 MiB and some tens of milliseconds of a core."""


class Passwords:
    """Hashes and checks passwords. A wrong name takes as long as a wrong password."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """`password` in argon2's notation."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, _bytes(password))

    async def verify(self, notation: str | None, password: str) -> bool:
        """Whether it is the password; without a notation never, and it takes the same time."""
        if notation is None:
            if self._nobody is None:
                self._nobody = await self.hash(secrets.token_urlsafe())
            await self._matches(self._nobody, password)
            return False
        return await self._matches(notation, password)

    def is_old(self, notation: str) -> bool:
        """Whether it was made with weaker parameters than those of today."""
        return self._hasher.check_needs_rehash(notation)

    async def _matches(self, notation: str, password: str) -> bool:
        async with self._turn:
            try:
                return await asyncio.to_thread(self._hasher.verify, notation, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False


def complaint(password: str, *about: str) -> str | None:
    """What is wrong with a new password in a sentence, None when nothing is. `about` are words that are no secret."""
    if len(password) < SHORTEST:
        return f"A password must have at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"A password may have at most {LONGEST} characters."
    if len(set(password)) < 4:
        return "This password is too easy to guess: it is the same few characters again and again."
    if any(password.lower() == word.lower() for word in about):
        return "This password is too easy to guess: it is a name or an address of yours."
    return None


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
