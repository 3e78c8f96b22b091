"""What an upper layer holds, read from the host's side. Everything in it was made by somebody hostile.

No path is ever followed: every step goes from a directory's descriptor to one of its names, links are never entered,
and what is not a file, a link or a directory is left alone.
"""

import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from journeyman.core.errors import SandboxError
from journeyman.sandbox.protocol import FileChange

MAX_DEPTH = 400
MAX_CHANGES = 500_000
NAME = 8192
OPAQUE = "user.overlay.opaque"
WHITEOUT = "user.overlay.whiteout"
LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@dataclass(frozen=True, slots=True)
class Found:
    """One name of a layer. `folder` is a descriptor of the directory that it
    is in, `itself` one of its own if it is a directory that can be entered; both are closed after the walk's step."""

    path: bytes
    about: os.stat_result
    folder: int
    itself: int | None = None

    @property
    def name(self) -> bytes:
        return self.path.rpartition(b"/")[2]


def diff(upper: int) -> tuple[tuple[FileChange, ...], list[str]]:
    """What the layer with the directory descriptor `upper` changes, deletes first, and remarks on what was left out."""
    deletes: list[FileChange] = []
    writes: list[FileChange] = []
    remarks: list[str] = []
    for found in walk(upper, with_git=False):
        if len(deletes) + len(writes) >= MAX_CHANGES:
            raise SandboxError(f"More than {MAX_CHANGES} files were changed; that is too much to take over.")
        mode = found.about.st_mode
        if _is_whiteout(found):
            deletes.append(FileChange(found.path, "delete"))
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            writes.append(FileChange(found.path, "write"))
        elif not stat.S_ISDIR(mode):
            remarks.append(f"{os.fsdecode(found.path)!r} was left out: it is neither a file nor a link.")
        elif found.itself is None:
            remarks.append(f"{os.fsdecode(found.path)!r} was left out: it lies too deep.")
        elif _marked(found.itself, OPAQUE):
            deletes.append(FileChange(found.path, "delete"))
    deletes.sort(key=lambda change: change.path)
    writes.sort(key=lambda change: change.path)
    return (*deletes, *writes), remarks


def size(upper: int) -> int:
    """The bytes that a layer takes on its disk. A name counts as NAME at least: empty files use a disk up too."""
    return sum(max(found.about.st_blocks * 512, NAME) for found in walk(upper))


def adopt(upper: int, uid: int, gid: int) -> None:
    """Give the whole layer to the sandbox's user: the host may have put files of its own there."""
    for found in walk(upper):
        if found.about.st_uid != uid:
            os.chown(found.name, uid, gid, dir_fd=found.folder, follow_symlinks=False)


def read(upper: int, path: bytes, limit: int) -> tuple[int, bytes]:
    """Git's mode and the content of one path of the layer. Raises `SandboxError` for what is not a file or a link."""
    shown = repr(os.fsdecode(path))
    *folders, name = path.split(b"/")
    if name in (b"", b".", b"..") or b"\0" in path:
        raise SandboxError(f"{shown} is not a path in the workspace.")
    try:
        with _beneath(upper, folders) as folder:
            about = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(about.st_mode):
                return 0o120000, os.readlink(name, dir_fd=folder)
            if not stat.S_ISREG(about.st_mode):
                raise SandboxError(f"{shown} is neither a file nor a link.")
            with os.fdopen(open_found(name, folder), "rb") as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode):
                    raise SandboxError(f"{shown} is neither a file nor a link.")
                data = file.read(limit + 1)
    except OSError as error:
        raise SandboxError(f"{shown} cannot be read from the workspace's layer: {error.strerror}.") from error
    if len(data) > limit:
        raise SandboxError(f"{shown} is larger than {limit} bytes.")
    return (0o100755 if about.st_mode & 0o100 else 0o100644), data


@dataclass(frozen=True, slots=True)
class Changed:
    """One name of a layer and what it does to what lies below: "delete" removes it, "other" cannot be taken over. An
    `opaque` folder takes the place of what was there."""

    path: bytes
    kind: Literal["delete", "folder", "file", "other"]
    about: os.stat_result
    opaque: bool = False


def entries(upper: int) -> Iterator[Changed]:
    """Everything in a layer, `.git` and folders included, a folder before what is in it. Links count as files."""
    for found in walk(upper):
        mode = found.about.st_mode
        if _is_whiteout(found):
            yield Changed(found.path, "delete", found.about)
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            yield Changed(found.path, "file", found.about)
        elif found.itself is not None:
            yield Changed(found.path, "folder", found.about, _marked(found.itself, OPAQUE))
        else:
            yield Changed(found.path, "other", found.about)


@contextmanager
def opened(upper: int, path: bytes) -> Generator[int | bytes]:
    """A file of the layer, open for reading, or a link's target. Raises `OSError` for anything else."""
    *folders, name = path.split(b"/")
    with _beneath(upper, folders) as folder:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            yield os.readlink(name, dir_fd=folder)
            return
        file = open_found(name, folder)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "neither a file nor a link")
            yield file
        finally:
            os.close(file)


def walk(upper: int, *, with_git: bool = True) -> Iterator[Found]:
    """Every name of a layer, a directory before what is in it. What a directory forbids is back in force afterwards."""
    waiting: list[tuple[int, Iterator[str], bytes]] = []
    locked: dict[int, int] = {}

    def leave(folder: int) -> None:
        if folder in locked:
            os.fchmod(folder, locked.pop(folder))
        os.close(folder)

    try:
        root = os.open(".", LOOK | os.O_DIRECTORY, dir_fd=upper)
        waiting.append((root, _names(root), b""))
        while waiting:
            folder, names, prefix = waiting[-1]
            name = next(names, None)
            if name is None:
                waiting.pop()
                leave(folder)
                continue
            path = prefix + os.fsencode(name)
            if path == b".git" and not with_git:
                continue
            try:
                about = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISDIR(about.st_mode) or len(waiting) >= MAX_DEPTH:
                    yield Found(path, about, folder)
                    continue
                inner = open_found(name, folder, os.O_DIRECTORY)
                if about.st_mode & 0o500 != 0o500 and os.geteuid() != 0:
                    os.fchmod(inner, stat.S_IMODE(about.st_mode) | 0o500)
                    locked[inner] = stat.S_IMODE(about.st_mode)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):  # it changes as we look
                    continue
                raise
            waiting.append((inner, _names(inner), path + b"/"))
            yield Found(path, about, folder, inner)
    finally:
        for folder, _, _ in waiting:
            leave(folder)


@contextmanager
def _beneath(upper: int, folders: list[bytes]) -> Generator[int]:
    handle = os.open(".", LOOK | os.O_DIRECTORY, dir_fd=upper)
    try:
        for name in folders:
            if name in (b"", b".", b".."):
                raise OSError(errno.EINVAL, "not a plain path")
            inner = open_found(name, handle, os.O_DIRECTORY)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _names(folder: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        return iter(sorted(entry.name for entry in entries))


def open_found(name: str | bytes, folder: int, flags: int = 0) -> int:
    """Open for reading what is a file or a directory of ours, also where it has been forbidden to its owner."""
    try:
        return os.open(name, LOOK | flags, dir_fd=folder)
    except PermissionError:
        spot = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=folder)
        try:
            mode = os.fstat(spot).st_mode
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise
            # chmod of a descriptor without a path: the name cannot have been turned into a link meanwhile
            os.chmod(f"/proc/self/fd/{spot}", stat.S_IMODE(mode) | (0o500 if stat.S_ISDIR(mode) else 0o400))  # noqa: PTH101
        finally:
            os.close(spot)
        handle = os.open(name, LOOK | flags, dir_fd=folder)
        if stat.S_ISREG(mode):
            os.fchmod(handle, stat.S_IMODE(mode))  # it stays open
        return handle


def _is_whiteout(found: Found) -> bool:
    about = found.about
    if stat.S_ISCHR(about.st_mode):
        return about.st_rdev == 0
    if stat.S_ISREG(about.st_mode) and about.st_size == 0 and _marked(found.folder, OPAQUE, b"x"):
        handle = open_found(found.name, found.folder)
        try:
            return _marked(handle, WHITEOUT, None)
        finally:
            os.close(handle)
    return False


def _marked(handle: int, attribute: str, value: bytes | None = b"y") -> bool:
    """Whether an extended attribute has `value`, or is there at all when that is None."""
    try:
        found = os.getxattr(handle, attribute)
    except OSError:
        return False
    return value is None or found == value
