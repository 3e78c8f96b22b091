"""Checkpoints of a workspace's upper layer: what a call changed can be undone, whatever made the change.

A manifest lists every entry of the upper layer; contents are blobs by their hash, and only files that changed since
the manifest before are read. Everything is opened relative to a directory descriptor and never through a link.
"""

import json
import os
import shutil
import stat
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

PutBlob = Callable[[bytes], Awaitable[str]]
GetBlob = Callable[[str], Awaitable[bytes]]

ENTRIES = 20_000
BYTES = 256 * 1024 * 1024
OPAQUE = "user.overlay.opaque"


class TooMuch(Exception):
    """The upper layer is too large to keep a checkpoint of."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the upper layer. `stamp` (inode, size, mtime, ctime; the last two in ns) tells whether it changed."""

    mode: int
    owner: tuple[int, int]
    stamp: tuple[int, int, int, int]
    blob: str = ""
    target: str = ""
    opaque: bool = False


Manifest = dict[str, Entry]


def dump(manifest: Manifest) -> bytes:
    return json.dumps({path: asdict(entry) for path, entry in sorted(manifest.items())}).encode()


def load(data: bytes) -> Manifest:
    return {
        path: Entry(
            mode=entry["mode"],
            owner=tuple(entry["owner"]),
            stamp=tuple(entry["stamp"]),
            blob=entry["blob"],
            target=entry["target"],
            opaque=entry["opaque"],
        )
        for path, entry in json.loads(data).items()
    }


async def take(upper: Path, before: Manifest, put: PutBlob) -> Manifest:
    """The manifest of `upper`, with the contents that `before` lacks put away. Raises `TooMuch`."""
    found = _scan(upper)
    wanted: list[str] = []
    for path, entry in found.items():
        known = before.get(path)
        if known is not None and known.stamp == entry.stamp and known.mode == entry.mode:
            found[path] = known
        elif stat.S_ISREG(entry.mode):
            wanted.append(path)
    if sum(found[path].stamp[1] for path in wanted) > BYTES:  # before any of it is read
        raise TooMuch
    for path in wanted:
        found[path] = replace(found[path], blob=await put(_read(upper, path, found[path].stamp[1])))
    return found


async def restore(upper: Path, manifest: Manifest, get: GetBlob) -> Manifest:
    """Make `upper`, which nobody has open, equal to `manifest`; the manifest of what is there now."""
    fresh = upper.with_name(upper.name + ".restoring")
    if fresh.exists():
        shutil.rmtree(fresh)
    fresh.mkdir()
    shutil.copystat(upper, fresh)
    _own(fresh, (upper.stat().st_uid, upper.stat().st_gid))
    for path, entry in sorted(manifest.items()):
        data = await get(entry.blob) if entry.blob else b""
        _make(fresh / path, entry, data)
    for path, entry in sorted(manifest.items(), reverse=True):
        if not stat.S_ISLNK(entry.mode):
            os.utime(fresh / path, ns=(entry.stamp[2], entry.stamp[2]))
    shutil.rmtree(upper)
    fresh.rename(upper)
    return {path: replace(entry, blob=manifest[path].blob) for path, entry in _scan(upper).items()}


def _scan(upper: Path) -> Manifest:
    found: Manifest = {}
    root = os.open(upper, os.O_RDONLY | os.O_DIRECTORY)
    todo: list[tuple[str, int]] = [("", root)]
    try:
        while todo:
            prefix, fd = todo.pop()
            try:
                _scan_folder(prefix, fd, found, todo)
            finally:
                os.close(fd)
    finally:
        for _, fd in todo:
            os.close(fd)
    return found


def _scan_folder(prefix: str, fd: int, found: Manifest, todo: list[tuple[str, int]]) -> None:
    with os.scandir(fd) as names:
        for name in names:
            path = f"{prefix}{name.name}"
            info = name.stat(follow_symlinks=False)
            opaque, target = False, ""
            if stat.S_ISDIR(info.st_mode):
                try:
                    child = os.open(name.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                except OSError:
                    continue  # replaced or removed while we looked
                opaque = OPAQUE in os.listxattr(child)
                todo.append((path + "/", child))
            elif stat.S_ISLNK(info.st_mode):
                target = os.readlink(name.name, dir_fd=fd)
            elif not (stat.S_ISREG(info.st_mode) or stat.S_ISCHR(info.st_mode)):
                continue  # sockets and pipes do not outlive their processes
            stamp = (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)
            found[path] = Entry(info.st_mode, (info.st_uid, info.st_gid), stamp, target=target, opaque=opaque)
            if len(found) > ENTRIES:
                raise TooMuch


def _read(upper: Path, path: str, size: int) -> bytes:
    """A file's first `size` bytes, opened component by component."""
    fd = os.open(upper, os.O_RDONLY | os.O_DIRECTORY)
    try:
        *folders, name = path.split("/")
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = below
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
        with os.fdopen(file, "rb") as stream:
            return stream.read(size)
    finally:
        os.close(fd)


def _make(path: Path, entry: Entry, data: bytes) -> None:
    if stat.S_ISDIR(entry.mode):
        path.mkdir()
        if entry.opaque:
            os.setxattr(path, OPAQUE, b"y")
    elif stat.S_ISLNK(entry.mode):
        path.symlink_to(entry.target)
    elif stat.S_ISCHR(entry.mode):
        os.mknod(path, stat.S_IFCHR | 0o000, os.makedev(0, 0))
    else:
        path.write_bytes(data)
    _own(path, entry.owner)
    if not stat.S_ISLNK(entry.mode):
        path.chmod(stat.S_IMODE(entry.mode))


def _own(path: Path, owner: tuple[int, int]) -> None:
    if os.geteuid() == 0:
        os.chown(path, *owner, follow_symlinks=False)
