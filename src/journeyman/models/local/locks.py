"""Locks between processes. The kernel lets go of them when their holder ends, however it ends."""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

POLL = 0.05
"""Seconds between two tries to get a lock that somebody else holds."""


def take(path: Path, *, shared: bool = False) -> int | None:
    """The descriptor that holds the lock on `path`, which is made if need be; None while somebody else holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock on `path` for itself alone."""
    if not path.exists():
        return False
    descriptor = take(path, shared=True)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


@asynccontextmanager
async def locked(
    path: Path, *, shared: bool = False, on_wait: Callable[[float], None] | None = None
) -> AsyncGenerator[None]:
    """Holds the lock on `path` as long as the context lasts; `on_wait` is told the seconds waited so far."""
    waited = 0.0
    while (descriptor := take(path, shared=shared)) is None:
        if on_wait is not None:
            on_wait(waited)
        await asyncio.sleep(POLL)
        waited += POLL
    try:
        yield
    finally:
        os.close(descriptor)
