"""A folder that is gone when its process has ended, however it ended.

A lock says that a folder is in use. A small shell waits for the end of this process: it does nothing when the process
has cleaned up, and starts the sweeping when it was killed before it could.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from journeyman.core.errors import SandboxError

_WAITER = 'read -r word || exec "$@"'
_SWEEP = "from journeyman.cli import throwaway; throwaway.main()"
_TURNS = 12
"""How often it is tried to remove a folder, in a second and a half altogether."""


@contextmanager
def throwaway(parent: Path) -> Generator[Path]:
    """A new folder below `parent`, for this process alone."""
    name = secrets.token_hex(8)
    with ExitStack() as stack:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            with _held(parent, fcntl.LOCK_SH):
                lock = _locked(parent / f"{name}.lock")
            stack.callback(os.close, lock)
            stack.callback((parent / f"{name}.lock").unlink, missing_ok=True)
            folder = parent / name
            folder.mkdir(mode=0o700)
        except OSError as error:
            what = f"No folder could be made in {parent}: {error.strerror}."
            raise SandboxError(f"{what} Set JOURNEYMAN_HOME to a folder that you may write to.") from error
        stack.callback(remove, folder)
        stack.enter_context(_watched(parent))
        yield folder


def sweep(parent: Path) -> None:
    """Remove the folders below `parent` whose processes have ended."""
    if not parent.is_dir():
        return
    dead: list[tuple[Path, int]] = []
    with _held(parent, fcntl.LOCK_EX):  # nobody makes a lock meanwhile that is not yet locked
        for lock in parent.glob("*.lock"):
            with suppress(OSError):  # in use, or somebody else removes it
                dead.append((lock, _locked(lock, flags=os.O_RDWR)))
    for lock, handle in dead:
        remove(lock.with_suffix(""))
        lock.unlink(missing_ok=True)
        os.close(handle)


def remove(folder: Path) -> None:
    """Remove a tree that somebody hostile wrote: folders that are closed to their owner, names of any kind, and while
    the last of its processes are still on their way out."""
    for turn in range(_TURNS):
        time.sleep(0.02 * turn)
        shutil.rmtree(folder, onerror=_open_up)
        if not os.path.lexists(folder):
            return


def _open_up(_: object, path: str, __: object) -> None:
    """Make a folder that could not be read or emptied readable, for the next round; never through a link."""
    for place in (path, os.path.dirname(path)):  # noqa: PTH120
        with suppress(OSError):
            handle = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101
            finally:
                os.close(handle)


@contextmanager
def _watched(parent: Path) -> Generator[None]:
    """Have somebody who sweeps `parent` when this process ends within the block."""
    code = f"import sys; sys.path[:] = {[path for path in sys.path if path]!r}\n" + _SWEEP
    command = ["/bin/sh", "-c", _WAITER, "sh", sys.executable, "-I", "-c", code, str(parent)]
    waiter = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,  # not to be killed with us
    )
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            waiter.communicate(b"done\n")


@contextmanager
def _held(parent: Path, how: int) -> Generator[None]:
    handle = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def _locked(path: Path, *, flags: int = os.O_RDWR | os.O_CREAT | os.O_EXCL) -> int:
    handle = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def main() -> None:
    """Sweep the folder that is named, and the control groups that the killed process left."""
    from journeyman.sandbox import cgroups

    sweep(Path(sys.argv[1]))
    cgroups.sweep()
