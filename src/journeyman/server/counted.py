"""Tasks of one person are handed in one after the other, so that each is counted against the quotas before the next."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from fastapi import Request


class Turnstiles:
    """A lock for each person who hands something in at this moment. Of several servers each has its own."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, person: str) -> asyncio.Lock:
        lock = self._locks.get(person)
        if lock is None:
            lock = self._locks[person] = asyncio.Lock()
        return lock


@asynccontextmanager
async def one_by_one(request: Request, person: str | None) -> AsyncGenerator[None]:
    """Hold whoever hands in for the same person until the body has run. Without sign-in there is nothing to count."""
    if person is None:
        yield
        return
    turnstiles: Turnstiles = request.app.state.turnstiles
    async with turnstiles.of(person):
        yield
