"""Upper layers on the host's disk: held by one sandbox at a time, each with overlayfs's work directory beside it."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.errors import SandboxError
from journeyman.sandbox import layer, layer_copy
from journeyman.sandbox.programs.libc import function

PATIENCE = 2.0
"""Seconds that a layer is waited for: a host that was killed holds it until its sandbox's last process has gone."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2

renameat2 = function("renameat2")


@dataclass(slots=True)
class Upper:
    """A layer's directory; `handle` is a descriptor of it, which holds its lock, and `work` the name of overlayfs's
    work directory beside it."""

    path: Path
    handle: int
    work: str

    def replace(self, source: Path, ids: tuple[int, int] | None, limit: int) -> None:
        """Make the layer, which nothing has mounted, a copy of the one in `source`: whole or not at all."""
        fresh = self.path.with_name(f".{self.path.name}.restored")
        layer_copy.erase(fresh)
        try:
            layer_copy.copy(source, fresh, ids, limit)
            handle = _opened(fresh)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _exchange(fresh, self.path)
            old, self.handle = self.handle, handle
            os.close(old)
        finally:
            layer_copy.erase(fresh)


def _exchange(one: Path, other: Path) -> None:
    """Let two directories change places at once."""
    result = renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    if result:
        raise SandboxError(f"The layer {other} could not be put in its place.")


async def wait_for_lock(handle: int, patience: float) -> None:
    """Lock a layer's directory. Raises `TimeoutError` where others hold it for more than `patience` seconds."""
    pause = 0.001
    async with asyncio.timeout(patience):
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, 0.05)
            else:
                return


@asynccontextmanager
async def held(path: Path, ids: tuple[int, int] | None) -> AsyncGenerator[Upper]:
    """Make the directory if it is not there, lock it, and give it to the sandbox's user. Raises `SandboxError` when
    another sandbox holds it."""
    path.mkdir(parents=True, exist_ok=True)
    upper = Upper(path, _opened(path), f".{path.name}.work")
    try:
        try:
            await wait_for_lock(upper.handle, PATIENCE)
        except TimeoutError as error:
            raise SandboxError(f"Another sandbox is open on {path}.") from error
        if ids:
            layer.adopt(upper.handle, *ids)
        work = path.parent / upper.work
        _remove_work(work)  # of a host that was killed
        layer_copy.erase(path.with_name(f".{path.name}.restored"))
        work.mkdir()
        try:
            yield upper
        finally:
            _remove_work(work)
    finally:
        fcntl.flock(upper.handle, fcntl.LOCK_UN)  # whoever else has the descriptor
        os.close(upper.handle)


def adopt(path: Path, ids: tuple[int, int]) -> None:
    """Give a layer that will only be read to the sandbox's user."""
    handle = _opened(path)
    try:
        layer.adopt(handle, *ids)
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SandboxError(f"The layer {path} cannot be opened: {error.strerror}.") from error


def _remove_work(work: Path) -> None:
    if work.is_dir():
        for inner in work.iterdir():  # overlayfs leaves a directory there that nobody may enter
            inner.chmod(0o700)
        shutil.rmtree(work, ignore_errors=True)
