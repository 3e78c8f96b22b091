"""Copies of upper layers, from one directory descriptor to another. What is read was made by somebody hostile; what is
written is ours alone, so its paths are safe.

Whiteouts, opaque directories and the user's own extended attributes come along, as do hard links and holes; sockets
do not, since they do not outlive their processes. Nothing is made set-user-id.
"""

import errno
import os
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.errors import SandboxError
from journeyman.sandbox.layer import Found, open_found, walk

PIECE = 1 << 22
NAME = 512
"""Bytes that every name counts for beside what is in it."""


@dataclass(slots=True)
class Copier:
    """Fills the empty directory `target`. `ids` own what is made, where this process may say so; more than `limit`
    bytes are refused with a `SandboxError`."""

    target: int
    ids: tuple[int, int] | None
    limit: int
    copied: int = 0
    linked: dict[tuple[int, int], bytes] = field(default_factory=dict[tuple[int, int], bytes])
    folders: list[tuple[bytes, os.stat_result]] = field(default_factory=list[tuple[bytes, os.stat_result]])

    def copy(self, source: int) -> None:
        """Copy all that is in the directory `source`."""
        for found in walk(source):
            self._copy(found)
        for path, about in reversed(self.folders):  # when nothing is put into them any more
            os.chmod(path, stat.S_IMODE(about.st_mode) & 0o1777, dir_fd=self.target)
            self._stamp(path, about)
        about = os.fstat(source)
        os.fchmod(self.target, stat.S_IMODE(about.st_mode) & 0o1777)
        self._attributes(source, self.target)
        if self.ids:
            os.fchown(self.target, *self.ids)

    def _copy(self, found: Found) -> None:
        about, path = found.about, found.path
        mode = about.st_mode
        self._count(NAME)
        if stat.S_ISDIR(mode):
            self._folder(found)
        elif stat.S_ISLNK(mode):
            os.symlink(os.readlink(found.name, dir_fd=found.folder), path, dir_fd=self.target)
            self._own(path)
        elif stat.S_ISREG(mode):
            self._file(found)
        elif stat.S_ISFIFO(mode) or (stat.S_ISCHR(mode) and about.st_rdev == 0):  # the latter is a whiteout
            os.mknod(path, stat.S_IFMT(mode) | stat.S_IMODE(mode), dir_fd=self.target)
            self._own(path)
        elif not stat.S_ISSOCK(mode):
            raise SandboxError(f"{os.fsdecode(path)!r} cannot be copied: it is a device.")

    def _folder(self, found: Found) -> None:
        if found.itself is None:
            raise SandboxError(f"{os.fsdecode(found.path)!r} lies too deep to be copied.")
        os.mkdir(found.path, 0o700, dir_fd=self.target)
        made = os.open(found.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.target)
        try:
            self._attributes(found.itself, made)
        finally:
            os.close(made)
        self._own(found.path)
        self.folders.append((found.path, found.about))

    def _file(self, found: Found) -> None:
        about = found.about
        twin = self.linked.get((about.st_dev, about.st_ino))
        if twin is not None:
            os.link(twin, found.path, src_dir_fd=self.target, dst_dir_fd=self.target, follow_symlinks=False)
            return
        source = open_found(found.name, found.folder)
        made = os.open(found.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.target)
        try:
            about = os.fstat(source)
            if not stat.S_ISREG(about.st_mode):
                raise SandboxError(f"{os.fsdecode(found.path)!r} changed while it was copied.")
            self._bytes(source, made, about.st_size)
            self._attributes(source, made)
            if self.ids:
                os.fchown(made, *self.ids)
            os.fchmod(made, stat.S_IMODE(found.about.st_mode) & 0o777)
            os.utime(made, ns=(about.st_mtime_ns, about.st_mtime_ns))
        finally:
            os.close(made)
            os.close(source)
        if about.st_nlink > 1:
            self.linked[about.st_dev, about.st_ino] = found.path

    def _bytes(self, source: int, made: int, size: int) -> None:
        """Copy what is not a hole."""
        at = 0
        while at < size:
            try:
                at = os.lseek(source, at, os.SEEK_DATA)
                end = os.lseek(source, at, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:  # a hole up to the end
                    break
                raise
            os.lseek(source, at, os.SEEK_SET)
            os.lseek(made, at, os.SEEK_SET)
            while at < end and (sent := _send(source, made, min(end - at, PIECE))):
                at += sent
                self._count(sent)
            if at < end:
                break  # it was cut short as we read
        os.ftruncate(made, size)

    def _count(self, size: int) -> None:
        self.copied += size
        if self.copied > self.limit:
            raise SandboxError(f"More than {self.limit} bytes were written; that is too much to copy.")

    def _attributes(self, source: int, made: int) -> None:
        for name in os.listxattr(source):
            if name.startswith("user."):
                os.setxattr(made, name, os.getxattr(source, name))

    def _own(self, path: bytes) -> None:
        if self.ids:
            os.chown(path, *self.ids, dir_fd=self.target, follow_symlinks=False)

    def _stamp(self, path: bytes, about: os.stat_result) -> None:
        os.utime(path, ns=(about.st_mtime_ns, about.st_mtime_ns), dir_fd=self.target, follow_symlinks=False)


def copy(source: Path, target: Path, ids: tuple[int, int] | None, limit: int) -> None:
    """Make the directory `target` a copy of the layer in `source`. Raises `SandboxError`; what is left is yours."""
    handle = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        copy_into(handle, target, ids, limit)
    finally:
        os.close(handle)


def copy_into(source: int | None, target: Path, ids: tuple[int, int] | None, limit: int) -> None:
    """The same from a descriptor; None is an empty layer."""
    target.mkdir()
    made = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if source is not None:
            Copier(made, ids, limit).copy(source)
        elif ids:
            os.fchown(made, *ids)
    finally:
        os.close(made)


def fill(target: int, source: Path, ids: tuple[int, int] | None, limit: int) -> None:
    """Fill an empty directory, by its descriptor, with the layer in `source`."""
    handle = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        Copier(target, ids, limit).copy(handle)
    finally:
        os.close(handle)


def erase(folder: Path) -> None:
    """Remove a layer, whatever its directories forbid."""
    if folder.is_dir() and not folder.is_symlink():
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            closed = [found.path for found in walk(handle) if found.itself and found.about.st_mode & 0o700 != 0o700]
            for path in closed:  # outer ones first
                os.chmod(path, 0o700, dir_fd=handle)
        finally:
            os.close(handle)
        # which goes to any depth
        subprocess.run(["rm", "-rf", "--", str(folder)], env={}, check=False, capture_output=True)


def _send(source: int, made: int, size: int) -> int:
    """Bytes carried from one file to the other by the kernel, shared on disk where it can."""
    try:
        return os.copy_file_range(source, made, size)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
    return os.sendfile(made, source, None, size)
