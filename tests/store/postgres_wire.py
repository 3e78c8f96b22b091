"""A server between a client and PostgreSQL that cuts the connection at a commit, before or after it came about."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

SOCKET = ".s.PGSQL.5432"
COMMIT = b"COMMIT"


class Wire:
    """Made by `wire`. While `cut` is set, the next commit that passes is cut there; `cuts` counts them."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder = folder
        self.cut: Literal["before", "after"] | None = None
        self.cuts = 0
        self._server = server

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_client, to_server = writer, None
        try:
            from_server, to_server = await asyncio.open_unix_connection(self._server / SOCKET)
            back = asyncio.create_task(_copy(from_server, to_client))
            while data := await reader.read(65536):
                where = self.cut if COMMIT in data else None
                if where is not None:
                    self.cut, self.cuts = None, self.cuts + 1
                if where == "after":
                    back.cancel()
                    await asyncio.wait([back])
                    to_server.write(data)
                    await to_server.drain()
                    await from_server.read(1)  # the answer is there: it has been committed
                if where is not None:
                    return
                to_server.write(data)
                await to_server.drain()
        except ConnectionError:
            pass
        finally:
            for one in (to_client, to_server):
                if one is not None:
                    one.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    writer.close()


@asynccontextmanager
async def wire(server: Path) -> AsyncGenerator[Wire]:
    """Between clients of the folder `Wire.folder` and the PostgreSQL whose socket lies in `server`."""
    with tempfile.TemporaryDirectory(prefix="pg-wire-") as folder:
        here = Wire(Path(folder), server)
        listening = await asyncio.start_unix_server(here.serve, here.folder / SOCKET)
        async with listening:
            yield here
