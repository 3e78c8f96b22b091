"""The changes of a layer that no sandbox has open, or whose sandbox cannot be reached any more."""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from journeyman.core.errors import SandboxError
from journeyman.sandbox import layer
from journeyman.sandbox.protocol import FileChange
from journeyman.sandbox.upper import wait_for_lock

PATIENCE = 10.0
"""Seconds that the last process of a sandbox is waited for. One that is still there then may write on."""

STILL_HELD = "A process of the sandbox had not ended yet and may have written on while the changes were read."


class Left:
    """The `Changes` of a layer by the descriptor of its directory; None where there is none."""

    def __init__(self, handle: int | None, *, held: bool = True) -> None:
        self._handle = handle
        self._held = held
        self.remarks: list[str] = []

    async def diff(self) -> tuple[FileChange, ...]:
        if self._handle is None:
            return ()
        try:
            found, remarks = await asyncio.to_thread(layer.diff, self._handle)
        except OSError as error:
            raise SandboxError(f"The workspace's layer cannot be read: {error.strerror}.") from error
        self.remarks = remarks if self._held else [*remarks, STILL_HELD]
        return found

    async def read_change(self, path: bytes, *, limit: int = 256 * 1024 * 1024) -> tuple[int, bytes]:
        if self._handle is None:
            raise SandboxError("There is no layer with changes.")
        return await asyncio.to_thread(layer.read, self._handle, path, limit)


@asynccontextmanager
async def left(path: Path | None, *, patience: float = PATIENCE) -> AsyncGenerator[Left]:
    """The changes of the layer at `path`, kept from sandboxes for so long; without a path there are none."""
    if path is None:
        yield Left(None)
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    held = True
    try:
        try:
            await wait_for_lock(handle, patience)
        except TimeoutError:
            held = False
        try:
            yield Left(handle, held=held)
        finally:
            if held:
                fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)
