"""Upper layers on the host's disk: held by one sandbox at a time, each with overlayfs's work directory beside it."""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.errors import SandboxError
from journeyman.sandbox import layer


@dataclass(slots=True)
class Upper:
    """A layer's directory; `handle` is a descriptor of it, which holds its lock, and `work` the name of overlayfs's
    work directory beside it."""

    path: Path
    handle: int
    work: str


@contextmanager
def held(path: Path, ids: tuple[int, int] | None) -> Generator[Upper]:
    """Make the directory if it is not there, lock it, and give it to the sandbox's user. Raises `SandboxError` when
    another sandbox holds it."""
    path.mkdir(parents=True, exist_ok=True)
    upper = Upper(path, _opened(path), f".{path.name}.work")
    try:
        try:
            fcntl.flock(upper.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SandboxError(f"Another sandbox is open on {path}.") from error
        if ids:
            layer.adopt(upper.handle, *ids)
        work = path.parent / upper.work
        _remove_work(work)  # of a host that was killed
        work.mkdir()
        try:
            yield upper
        finally:
            _remove_work(work)
    finally:
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
