"""The live streams of an application, kept as `app.state.streams`."""

import asyncio

from fastapi import Request

from journeyman.server.changes import ListStreams
from journeyman.server.live import TaskStreams
from journeyman.server.parts import Parts


class Streams:
    def __init__(self, parts: Parts) -> None:
        self._closing = asyncio.Event()
        self._parts = parts
        self.tasks = TaskStreams(parts, self._closing)
        self.list = ListStreams(parts, self._closing)

    async def close(self) -> None:
        """Have all streams end; their readers connect anew, to whoever serves then."""
        self._closing.set()
        self._parts.store.tail.wake()
        await self.list.wake()


def streams_of(request: Request) -> Streams:
    return request.app.state.streams
