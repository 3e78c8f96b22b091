"""What an upper layer holds, read from the host's side. Everything in it was made by somebody hostile.

No path is ever followed: every step goes from a directory's descriptor to one of its names, links are never entered,
and what is not a file, a link or a directory is left alone.
"""

import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from journeyman.core.errors import SandboxError
from journeyman.sandbox.protocol import FileChange

MAX_DEPTH = 400
MAX_CHANGES = 500_000
OPAQUE = "user.overlay.opaque"
WHITEOUT = "user.overlay.whiteout"
LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def changes(upper: int) -> tuple[list[FileChange], list[str]]:
    """What the layer with the directory descriptor `upper` changes, deletes first, and remarks on what was left out."""
    deletes: list[FileChange] = []
    writes: list[FileChange] = []
    remarks: list[str] = []
    root = os.open(".", LOOK | os.O_DIRECTORY, dir_fd=upper)
    waiting: list[tuple[int, Iterator[os.DirEntry[str]], bytes]] = []
    try:
        waiting.append((root, _entries(root), b""))
        while waiting:
            folder, entries, prefix = waiting[-1]
            entry = next(entries, None)
            if entry is None:
                waiting.pop()
                os.close(folder)
                continue
            name = os.fsencode(entry.name)
            path = prefix + name
            if path == b".git":
                continue
            if len(deletes) + len(writes) >= MAX_CHANGES:
                raise SandboxError(f"More than {MAX_CHANGES} files were changed; that is too much to take over.")
            about = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
            if _is_whiteout(about, folder, entry.name):
                deletes.append(FileChange(path, "delete"))
            elif stat.S_ISREG(about.st_mode) or stat.S_ISLNK(about.st_mode):
                writes.append(FileChange(path, "write"))
            elif stat.S_ISDIR(about.st_mode):
                if len(waiting) >= MAX_DEPTH:
                    remarks.append(f"{os.fsdecode(path)!r} was left out: it lies too deep.")
                    continue
                inner = _open_folder(folder, entry.name)
                if _marked(inner, OPAQUE):
                    deletes.append(FileChange(path, "delete"))
                waiting.append((inner, _entries(inner), path + b"/"))
            else:
                remarks.append(f"{os.fsdecode(path)!r} was left out: it is neither a file nor a link.")
    finally:
        for folder, _, _ in waiting:
            os.close(folder)
    deletes.sort(key=lambda change: change.path)
    writes.sort(key=lambda change: change.path)
    return deletes + writes, remarks


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
                return 0o120000, os.fsencode(os.readlink(name, dir_fd=folder))
            if not stat.S_ISREG(about.st_mode):
                raise SandboxError(f"{shown} is neither a file nor a link.")
            handle = os.open(name, LOOK, dir_fd=folder)
            with os.fdopen(handle, "rb") as file:
                about = os.fstat(handle)
                if not stat.S_ISREG(about.st_mode):
                    raise SandboxError(f"{shown} is neither a file nor a link.")
                data = file.read(limit + 1)
    except OSError as error:
        raise SandboxError(f"{shown} cannot be read from the workspace's layer: {error.strerror}.") from error
    if len(data) > limit:
        raise SandboxError(f"{shown} is larger than {limit} bytes.")
    return (0o100755 if about.st_mode & 0o100 else 0o100644), data


@contextmanager
def _beneath(upper: int, folders: list[bytes]) -> Generator[int]:
    handle = os.open(".", LOOK | os.O_DIRECTORY, dir_fd=upper)
    try:
        for name in folders:
            if name in (b"", b".", b".."):
                raise OSError(errno.EINVAL, "not a plain path")
            inner = os.open(name, LOOK | os.O_DIRECTORY, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _entries(folder: int) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    return iter(found)


def _open_folder(folder: int, name: str) -> int:
    return os.open(name, LOOK | os.O_DIRECTORY, dir_fd=folder)


def _is_whiteout(about: os.stat_result, folder: int, name: str) -> bool:
    if stat.S_ISCHR(about.st_mode):
        return about.st_rdev == 0
    if stat.S_ISREG(about.st_mode) and about.st_size == 0 and _marked(folder, OPAQUE, b"x"):
        handle = os.open(name, LOOK, dir_fd=folder)
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
