"""What set-up left in a layer, put in order from the host's side before it is kept.

Everything in it was made by somebody hostile, but nobody is at work in it any more. No path is ever followed: each step
goes from a directory's descriptor to one of its names.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.errors import EnvironmentFailed
from journeyman.core.mask import Mask
from journeyman.core.text import plain
from journeyman.sandbox.layer import OPAQUE, WHITEOUT

_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PIECE = 1024 * 1024
MOST_DEEP = 400
"""Folders within folders that a layer may have."""


@dataclass(frozen=True, slots=True)
class Put:
    """What a workspace's layer adds (`tops`: paths that the repository has not, topmost only), and the tracked files
    that set-up had changed and that are as before (`dropped`)."""

    tops: tuple[bytes, ...]
    dropped: tuple[bytes, ...]


def settle(layer: Path, trash: Path, tracked: Set[bytes], below: Set[bytes] = frozenset()) -> Put:
    """Take out of a workspace's layer whatever is about tracked files or git's directory, and make each directory
    that it adds hide one of the same name below it: the person's own `node_modules` is not to shine through.

    `below` are the `tops` of the layers that it lies on, which it may change. What is taken out goes to `trash`, an
    empty directory on the same disk: to delete a tree that somebody hostile made can take long.
    """
    folders = {path[:at] for path in tracked for at in range(len(path)) if path[at : at + 1] == b"/"}
    root, aside = (os.open(place, _LOOK | os.O_DIRECTORY) for place in (layer, trash))
    settling = _Settling(tracked, folders, below, aside)
    try:
        settling.folder(root, b"")
    finally:
        os.close(root)
        os.close(aside)
    return Put(tuple(sorted(settling.tops)), tuple(sorted(settling.dropped)))


def hidden(tops: Set[bytes], tracked: Iterable[bytes]) -> list[bytes]:
    """Those tracked files that a layer with these `tops`, made of another state of the repository, would hide."""
    if not tops:
        return []
    above = {top[:at] for top in tops for at in range(len(top)) if top[at : at + 1] == b"/"}
    found: list[bytes] = []
    for path in tracked:
        ends = (*(at for at in range(len(path)) if path[at : at + 1] == b"/"), len(path))
        if path in above or any(path[:at] in tops for at in ends):
            found.append(path)
    return found


@dataclass(slots=True)
class _Settling:
    tracked: Set[bytes]
    folders: Set[bytes]
    below: Set[bytes]
    aside: int
    tops: list[bytes] = field(default_factory=list[bytes])
    dropped: list[bytes] = field(default_factory=list[bytes])

    def folder(self, handle: int, prefix: bytes) -> None:
        for name in sorted(os.fsencode(name) for name in os.listdir(handle)):
            path = prefix + name
            about = os.stat(name, dir_fd=handle, follow_symlinks=False)
            if path == b".git":
                self.remove(handle, name, about)
            elif path in self.tracked or (path in self.folders and not stat.S_ISDIR(about.st_mode)):
                self.remove(handle, name, about)
                self.dropped.append(path)
            elif path in self.below:
                continue  # what it does to the layer below is as the file system wrote it down
            elif stat.S_ISDIR(about.st_mode):
                self.directory(handle, name, path)
            elif _whiteout(handle, name, about):
                self.remove(handle, name, about)  # of something that no tree holds
            else:
                self.tops.append(path)

    def remove(self, handle: int, name: bytes, about: os.stat_result) -> None:
        if not stat.S_ISDIR(about.st_mode):
            os.unlink(name, dir_fd=handle)
            return
        inner = _enter(handle, name)
        try:
            os.fchmod(inner, 0o700)  # or its owner could not move it
        finally:
            os.close(inner)
        os.rename(name, os.urandom(8).hex(), src_dir_fd=handle, dst_dir_fd=self.aside)

    def directory(self, handle: int, name: bytes, path: bytes) -> None:
        inner = _enter(handle, name)
        try:
            if path in self.folders:
                if _marked(inner, OPAQUE, b"y"):  # taken away and made anew: what is tracked in it comes back
                    os.removexattr(inner, OPAQUE)
                    self.dropped.append(path)
                self.folder(inner, path + b"/")
            else:
                os.setxattr(inner, OPAQUE, b"y")
                self.tops.append(path)
        finally:
            os.close(inner)


def find_secret(layer: Path, mask: Mask) -> tuple[str, str] | None:
    """The first file of a layer that holds a secret, and which; also in a link's target or in a name."""
    root = os.open(layer, _LOOK | os.O_DIRECTORY)
    try:
        for handle, name, path, about in _walk(root, b""):
            found = mask.find(path)
            if found is None and stat.S_ISLNK(about.st_mode):
                found = mask.find(os.readlink(name, dir_fd=handle))
            elif found is None and stat.S_ISREG(about.st_mode) and about.st_size:
                found = _secret_in(handle, name, mask)
            if found is not None:
                return plain(mask.text(os.fsdecode(path))), found
    finally:
        os.close(root)
    return None


def size(layer: Path) -> int:
    """The bytes that a layer takes on its disk."""
    root = os.open(layer, _LOOK | os.O_DIRECTORY)
    try:
        return sum(about.st_blocks * 512 for _, _, _, about in _walk(root, b""))
    finally:
        os.close(root)


def names_in(layer: Path, *places: str) -> tuple[str, ...]:
    """Those of `places`, paths relative to the layer, that are directories in it, no link on the way."""
    found: list[str] = []
    for place in places:
        handle = os.open(layer, _LOOK | os.O_DIRECTORY)
        try:
            for name in place.split("/"):
                inner = os.open(name, _LOOK | os.O_DIRECTORY, dir_fd=handle)
                os.close(handle)
                handle = inner
            found.append(place)
        except OSError:
            continue
        finally:
            os.close(handle)
    return tuple(found)


def _walk(handle: int, prefix: bytes) -> Iterator[tuple[int, bytes, bytes, os.stat_result]]:
    """Every name: the directory that it is in, itself, its path and what it is."""
    waiting: list[tuple[int, Iterator[bytes], bytes]] = [(os.dup(handle), _names(handle), prefix)]
    try:
        while waiting:
            folder, names, before = waiting[-1]
            name = next(names, None)
            if name is None:
                waiting.pop()
                os.close(folder)
                continue
            about = os.stat(name, dir_fd=folder, follow_symlinks=False)
            yield folder, name, before + name, about
            if stat.S_ISDIR(about.st_mode):
                if len(waiting) > MOST_DEEP:
                    raise EnvironmentFailed(
                        f"Set-up made folders more than {MOST_DEEP} deep; that cannot be kept, and nothing of it was."
                    )
                inner = _enter(folder, name)
                waiting.append((inner, _names(inner), before + name + b"/"))
    finally:
        for folder, _, _ in waiting:
            os.close(folder)


def _names(handle: int) -> Iterator[bytes]:
    return iter(sorted(os.fsencode(name) for name in os.listdir(handle)))


def _enter(handle: int, name: bytes) -> int:
    """Open a directory of ours, also where set-up has forbidden it to its owner."""
    return _open(handle, name, os.O_DIRECTORY, 0o700)


def _open(handle: int, name: bytes, flags: int, mode: int) -> int:
    try:
        return os.open(name, _LOOK | flags, dir_fd=handle)
    except PermissionError:
        spot = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=handle)
        try:
            Path(f"/proc/self/fd/{spot}").chmod(stat.S_IMODE(os.fstat(spot).st_mode) | mode)
        finally:
            os.close(spot)
        return os.open(name, _LOOK | flags, dir_fd=handle)


def _whiteout(handle: int, name: bytes, about: os.stat_result) -> bool:
    if stat.S_ISCHR(about.st_mode):
        return about.st_rdev == 0
    if not (stat.S_ISREG(about.st_mode) and about.st_size == 0):
        return False
    file = _open(handle, name, 0, 0o400)
    try:
        return _marked(file, WHITEOUT, None)
    finally:
        os.close(file)


def _marked(handle: int, attribute: str, value: bytes | None) -> bool:
    try:
        found = os.getxattr(handle, attribute)
    except OSError:
        return False
    return value is None or found == value


def _secret_in(handle: int, name: bytes, mask: Mask) -> str | None:
    with os.fdopen(_open(handle, name, 0, 0o400), "rb") as file:
        held = b""
        while piece := file.read(_PIECE):
            data = held + piece
            if (found := mask.find(data)) is not None:
                return found
            held = data[-mask.longest :]
    return None
