"""Putting what an upper layer changed onto a directory of the host. The layer was made by somebody hostile.

Nothing is opened but by its own name in a directory that is already open, and never through a link. A file is laid out
beside its place and renamed into it, so that what a hard link or a link of that name leads to is not written to. What
lands is files, links and folders; a file's mode tells only whether it can be run, and its owner is its folder's.
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from journeyman.core.errors import SandboxError
from journeyman.sandbox import layer

DEEPEST = layer.MAX_DEPTH
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 30

MayTouch = Callable[[bytes], bool]
"""Whether what lies at a path, relative to the directory, may be changed."""


@dataclass(slots=True)
class _Changes:
    deletes: list[bytes] = field(default_factory=list[bytes])
    folders: list[bytes] = field(default_factory=list[bytes])
    files: list[bytes] = field(default_factory=list[bytes])
    left_out: list[bytes] = field(default_factory=list[bytes])
    size: int = 0


def land(upper: int, root: int, may_touch: MayTouch, *, limit: int) -> list[bytes]:
    """Make the directory `root` what `upper` shows over it; both are descriptors. The paths that were left out.

    Raises `SandboxError`, with nothing changed, when more than `limit` bytes are to be written.
    """
    found = _read(upper, may_touch)
    if found.size > limit:
        raise SandboxError(f"More than {limit} bytes were written, which is the limit; nothing was put in place.")
    landing = _Landing(upper, root, may_touch, found.left_out)
    for path in found.deletes:
        landing.delete(path)
    for path in found.folders:
        landing.folder(path)
    for path in found.files:
        landing.write(path)
    return found.left_out


def _read(upper: int, may_touch: MayTouch) -> _Changes:
    """What the layer changes. A folder that replaces another one is a delete as well."""
    found = _Changes()
    for count, each in enumerate(layer.entries(upper)):
        if count >= layer.MAX_CHANGES:
            raise SandboxError(f"More than {layer.MAX_CHANGES} files were changed; that is too much to take over.")
        if not may_touch(each.path) or each.kind == "other":
            if each.kind != "folder":
                found.left_out.append(each.path)
            continue
        if each.kind == "delete" or each.opaque:
            found.deletes.append(each.path)
        if each.kind == "folder":
            found.folders.append(each.path)
        elif each.kind == "file":
            found.files.append(each.path)
            found.size += each.about.st_blocks * 512
    return found


class _Landing:
    def __init__(self, upper: int, root: int, may_touch: MayTouch, left_out: list[bytes]) -> None:
        self._upper, self._root = upper, root
        self._may_touch = may_touch
        self._left_out = left_out
        self._as_root = os.geteuid() == 0
        self._mask = _umask()

    def delete(self, path: bytes) -> None:
        """Remove whatever is at `path`, but for what may not be touched."""
        with self._told(path), self._parents(path, make=False) as folder:
            if folder is not None:
                self._remove(folder, path.rpartition(b"/")[2], path, 0)

    def folder(self, path: bytes) -> None:
        with self._told(path), self._parents(path + b"/.", make=True):
            pass

    def write(self, path: bytes) -> None:
        with self._told(path), self._parents(path, make=True) as folder:
            if folder is None:
                return
            name = path.rpartition(b"/")[2]
            before = _status(folder, name)
            if before is not None and stat.S_ISDIR(before.st_mode) and not self._remove(folder, name, path, 0):
                raise OSError(errno.ENOTEMPTY, "a folder is there")
            fresh = f".journeyman-{secrets.token_hex(6)}".encode()
            try:
                self._lay_out(path, folder, fresh, before)
                os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(fresh, dir_fd=folder)
                raise

    def _lay_out(self, path: bytes, folder: int, fresh: bytes, before: os.stat_result | None) -> None:
        owner = os.fstat(folder)
        with layer.opened(self._upper, path) as found:
            if isinstance(found, bytes):
                os.symlink(found, fresh, dir_fd=folder)
                if self._as_root:
                    os.chown(fresh, owner.st_uid, owner.st_gid, dir_fd=folder, follow_symlinks=False)
                return
            about = os.fstat(found)
            target = os.open(
                fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
            )
            try:
                _copy(found, target, about.st_size)
                if self._as_root:
                    os.fchown(target, owner.st_uid, owner.st_gid)
                allowed = 0o666 & ~self._mask
                if before is not None and stat.S_ISREG(before.st_mode):
                    allowed = before.st_mode & 0o666
                can_run = about.st_mode & 0o111
                os.fchmod(target, allowed | (allowed & 0o444) >> 2 if can_run else allowed)
                os.utime(target, ns=(about.st_mtime_ns, about.st_mtime_ns))  # what compares ages goes on to work
            finally:
                os.close(target)

    def _remove(self, folder: int, name: bytes, path: bytes, depth: int) -> bool:
        """Remove a file or a tree; whether nothing is left of it."""
        about = _status(folder, name)
        if about is None:
            return True
        if not self._may_touch(path) or depth > DEEPEST:
            self._left_out.append(path)
            return False
        if not stat.S_ISDIR(about.st_mode):
            os.unlink(name, dir_fd=folder)
            return True
        inner = os.open(name, _FOLDER, dir_fd=folder)
        try:
            with os.scandir(inner) as entries:
                names = [os.fsencode(entry.name) for entry in entries]
            gone = [self._remove(inner, each, path + b"/" + each, depth + 1) for each in names]
        finally:
            os.close(inner)
        if all(gone):
            os.rmdir(name, dir_fd=folder)
        return all(gone)

    @contextmanager
    def _parents(self, path: bytes, *, make: bool) -> Generator[int | None]:
        """The directory that holds `path`, open. Where `make`, what is missing on the way is made, and a file or a link
        that is in the way gives place; else it is None."""
        handle = os.dup(self._root)
        try:
            done: list[bytes] = []
            for name in path.split(b"/")[:-1]:
                done.append(name)
                inner = self._enter(handle, name, b"/".join(done), make)
                if inner is None:
                    yield None
                    return
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    def _enter(self, folder: int, name: bytes, path: bytes, make: bool) -> int | None:
        about = _status(folder, name)
        if about is None or not stat.S_ISDIR(about.st_mode):
            if not make:
                return None
            if not self._may_touch(path):
                raise PermissionError(errno.EPERM, "it is protected")
            if about is not None:
                os.unlink(name, dir_fd=folder)
            os.mkdir(name, 0o777 & ~self._mask, dir_fd=folder)
            inner = os.open(name, _FOLDER, dir_fd=folder)
            if self._as_root:
                owner = os.fstat(folder)
                os.fchown(inner, owner.st_uid, owner.st_gid)
            return inner
        return os.open(name, _FOLDER, dir_fd=folder)

    @contextmanager
    def _told(self, path: bytes) -> Generator[None]:
        """What the host's disk refuses is left out; a full disk is the end."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                raise
            self._left_out.append(path)


def _status(folder: int, name: bytes) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _copy(source: int, target: int, size: int) -> None:
    """Copy a file's bytes, holes left holes: else a small layer could fill the host's disk."""
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                break
            raise
        end = min(os.lseek(source, at, os.SEEK_HOLE), size)
        os.lseek(source, at, os.SEEK_SET)
        os.lseek(target, at, os.SEEK_SET)
        while at < end:
            done = os.sendfile(target, source, None, min(end - at, _PIECE))
            if not done:
                break
            at += done
        else:
            continue
        break
    os.ftruncate(target, size)


def _umask() -> int:
    """The mask for new files, without setting it for a moment as `os.umask` must."""
    with open("/proc/self/status") as file:  # noqa: PTH123
        return next((int(line.split()[1], 8) for line in file if line.startswith("Umask:")), 0o022)
