"""The supervisor's hands on the workspace: a part of the program that `supervisor.py` is."""

# pathlib would double the time to start:
# ruff: noqa: PTH103, PTH106, PTH108, PTH112, PTH114, PTH120, PTH208
from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ, WRITE, REMOVE, LIST = 3, 4, 5, 6
OUTSIDE, DIRECTORY, SPECIAL, TOO_LARGE, NO_DIRECTORY = 1001, 1002, 1003, 1004, 1005  # beside the numbers of errno


class Refusal(Exception):
    """A file request that is answered with a code of ours."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def locate(workspace: str, path: str) -> str:
    """The real path of what lies at `path`, which must be below the workspace."""
    real = os.path.realpath(f"{workspace}/{path}")
    if real != workspace and not real.startswith(workspace + "/"):
        raise Refusal(OUTSIDE)
    return real


def regular(real: str, flags: int) -> int:
    """Open a regular file; a FIFO or a device does not block and is refused."""
    handle = os.open(real, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC, 0o644)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise Refusal(DIRECTORY if stat.S_ISDIR(mode) else SPECIAL)
    return handle


def read(workspace: str, arguments: Any, handles: list[int]) -> int:
    """Copy a file into the host's file; the number of bytes."""
    path, limit = arguments
    handle = regular(locate(workspace, path), os.O_RDONLY)
    try:
        total = 0
        while piece := os.read(handle, 1 << 18):
            total += len(piece)
            if total > limit:
                raise Refusal(TOO_LARGE)
            put(handles[0], piece)
        return total
    finally:
        os.close(handle)


def put(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def write(workspace: str, arguments: Any, handles: list[int]) -> int:
    """Make a file hold what the host's file holds. On a full disk the file keeps what it had."""
    path, executable = arguments
    real = locate(workspace, path)
    os.makedirs(os.path.dirname(real), exist_ok=True)
    if os.path.isdir(real):
        raise Refusal(DIRECTORY)
    if os.path.lexists(real) and not stat.S_ISREG(os.lstat(real).st_mode):
        raise Refusal(SPECIAL)
    size = os.fstat(handles[0]).st_size
    is_new = not os.path.lexists(real)
    handle = regular(real, os.O_RDWR | os.O_CREAT)
    try:
        before = os.fstat(handle)
        if size:
            try:
                os.posix_fallocate(handle, 0, size)  # room first, so that a full disk destroys nothing
            except OSError:
                os.ftruncate(handle, before.st_size)
                if is_new:
                    os.unlink(real)
                raise
        done = 0
        while done < size and (piece := os.pread(handles[0], 1 << 18, done)):
            put(handle, piece)
            done += len(piece)
        os.ftruncate(handle, size)
        if executable is not None:
            bits = (before.st_mode & 0o444) >> 2 if executable else 0
            os.fchmod(handle, before.st_mode & 0o666 | bits)
    finally:
        os.close(handle)
    return size


def remove(workspace: str, arguments: Any, handles: list[int]) -> int:
    """Remove a file, a link or a whole directory."""
    (path,) = arguments
    folder, name = os.path.split(path.rstrip("/"))
    real = f"{locate(workspace, folder)}/{name}"
    if name in ("", ".", "..") or real == workspace:
        raise Refusal(OUTSIDE)
    if stat.S_ISDIR(os.lstat(real).st_mode):
        remove_tree(real)
    else:
        os.unlink(real)
    return 0


def remove_tree(top: str) -> None:
    for folder, folders, files in os.walk(top, topdown=False):
        for name in files:
            os.unlink(f"{folder}/{name}")
        for name in folders:
            inner = f"{folder}/{name}"
            if os.path.islink(inner):
                os.unlink(inner)
            else:
                os.rmdir(inner)
    os.rmdir(top)


def listing(workspace: str, arguments: Any, handles: list[int]) -> int:
    """Write what a directory holds into the host's file: `kind size name`, each ended by NUL. The number of names."""
    path, limit = arguments
    real = locate(workspace, path)
    if not os.path.isdir(real):
        os.lstat(real)
        raise Refusal(NO_DIRECTORY)
    names = sorted(os.listdir(os.fsencode(real)))[:limit]
    rows: list[bytes] = []
    for name in names:
        try:
            about = os.lstat(os.fsencode(real) + b"/" + name)
        except FileNotFoundError:  # it went as we looked
            continue
        rows.append(b"%c %d %s\0" % (letter(about.st_mode), about.st_size, name))
    put(handles[0], b"".join(rows))
    return len(rows)


def letter(mode: int) -> bytes:
    if stat.S_ISREG(mode):
        return b"x" if mode & 0o100 else b"f"
    return b"d" if stat.S_ISDIR(mode) else b"l" if stat.S_ISLNK(mode) else b"o"


FILES = {READ: read, WRITE: write, REMOVE: remove, LIST: listing}
