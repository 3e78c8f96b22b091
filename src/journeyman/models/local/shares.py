"""Who may use how much of the window, which all requests to the server fill together.

Two conversations that do not fit side by side would both fail, and their retries again. So each request takes as many
of the window's shares as it needs, and waits for them; the one that waits for longest goes first, be it long or short.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from journeyman.core.items import AssistantMessage, DeveloperMessage, UserMessage
from journeyman.core.model import ModelRequest
from journeyman.models.local.locks import POLL, locked, take

BYTES = 3
"""Bytes of a text to a token, rather fewer than more."""
REPLY = 1_024
"""Tokens kept for a reply that says no limit."""


def needed(request: ModelRequest, window: int, shares: int) -> int:
    """How many of `shares` equal shares of `window` tokens the request and its reply may fill, all at most."""
    texts = [item.text for item in request.items if isinstance(item, UserMessage | AssistantMessage | DeveloperMessage)]
    read = sum(len(text.encode("utf-8", "replace")) for text in (request.instructions, *texts)) // BYTES
    tokens = read + min(request.max_output_tokens or REPLY, window)
    return min(-(-tokens * shares // window), shares)


@asynccontextmanager
async def shares(folder: Path, count: int, total: int) -> AsyncGenerator[None]:
    """Holds `count` of the `total` shares of the server in `folder` as long as the context lasts."""
    held: dict[int, int] = {}
    try:
        async with locked(folder / "turn"):
            while True:
                for number in range(total):
                    if len(held) < count and number not in held:
                        descriptor = take(folder / f"share{number}")
                        if descriptor is not None:
                            held[number] = descriptor
                if len(held) == count:
                    break
                await asyncio.sleep(POLL)
        yield
    finally:
        for descriptor in held.values():
            os.close(descriptor)
