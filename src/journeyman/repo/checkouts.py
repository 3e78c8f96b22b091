"""Files of commits, laid out once and shared by all attempts that start from them: `<state>/trees/<store>/<tree>`.

Each is a folder with `files`, git's `index` of them, `size` (bytes on disk), and `use`, which whoever needs the files
locks for as long, and which was last changed when somebody did.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

UNUSED = 3 * 24 * 3600.0
"""Seconds after which one that nobody has used is taken away."""
JUST_USED = 600.0
"""Seconds in which one is left alone whatever it takes: somebody may be about to use it."""


def finish(fresh: Path) -> None:
    """Write beside the files what is kept about them."""
    (fresh / "size").write_text(str(_size(fresh / "files")))
    (fresh / "use").touch(0o600)


@contextmanager
def held(place: Path) -> Generator[bool]:
    """Keep a checkout from being taken away; False where it has gone already."""
    try:
        handle = os.open(place / "use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        os.utime(handle)
        yield _is_at(handle, place / "use")
    finally:
        os.close(handle)


def touch(place: Path) -> None:
    """Note that it is used now."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(place / "use")


@dataclass(frozen=True, slots=True)
class _Checkout:
    place: Path
    used: float
    size: int


def sweep(trees: Path, budget: int, now: float) -> list[Path]:
    """Take away what nobody has used for long and, where all together are more than `budget` bytes, what was not used
    for longest; never what somebody holds. What was taken away."""
    known = sorted(_all(trees), key=lambda each: each.used)
    total = sum(each.size for each in known)
    gone: list[Path] = []
    for each in known:
        idle = now - each.used
        if (idle > UNUSED or (total > budget and idle > JUST_USED)) and _drop(each.place):
            gone.append(each.place)
            total -= each.size
    return gone


def _all(trees: Path) -> Iterator[_Checkout]:
    for place in trees.glob("*/[!.]*"):
        with contextlib.suppress(OSError, ValueError):
            if not (place / "use").exists():  # of an earlier version
                finish(place)
            yield _Checkout(place, (place / "use").stat().st_mtime, int((place / "size").read_text()))


def _drop(place: Path) -> bool:
    trash = place.with_name(f".gone-{os.urandom(6).hex()}")
    try:
        handle = os.open(place / "use", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        place.rename(trash)
    except OSError:  # in use, or gone
        return False
    finally:
        os.close(handle)
    shutil.rmtree(trash, ignore_errors=True)
    return True


def _is_at(handle: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(handle), there)


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            total += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118
    return total
