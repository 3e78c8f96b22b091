"""Room is made once a day while a service or a worker runs."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from journeyman.cli.door import Door
from journeyman.store.store import Store


@asynccontextmanager
async def tidying(door: Door, store: Store) -> AsyncGenerator[None]:
    """Keep what `[keep]` in the settings says, for as long as the body runs."""
    from journeyman.attempt.tidy import tidy_daily

    tell = logging.getLogger("journeyman.keep").info
    daily = asyncio.create_task(tidy_daily(door.state, store, door.settings.keep, time.time, tell))
    try:
        yield
    finally:
        daily.cancel()
        await asyncio.wait([daily])
