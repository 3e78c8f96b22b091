"""Writing into somebody's working tree: beneath its root only, and all files or none.

Every directory on the way is opened by its own name in the one above, never through a symlink. New files are laid
out in a folder beside them first, where a full disk does no harm, and then renamed into place; what they replace is
kept until the last one is there, and put back when anything fails.
"""

import asyncio
import errno
import os
import secrets
import shutil
import stat
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from journeyman.core.errors import RepositoryError
from journeyman.core.text import decode, one_line, plain

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


LayOut = Callable[[Path], Awaitable[None]]


class InTheWay(Exception):
    """A file is not, or no longer, as it was when the work began."""

    def __init__(self, path: bytes, reason: str) -> None:
        super().__init__(f"{one_line(decode(path), 200)} {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Seen:
    """What was at a path: its status without following links, or the path above it that is no directory."""

    status: os.stat_result | None = None
    blocked_by: bytes | None = None

    @property
    def exists(self) -> bool:
        return self.status is not None

    @property
    def is_file(self) -> bool:
        """A regular file or a symlink."""
        return self.status is not None and (stat.S_ISREG(self.status.st_mode) or stat.S_ISLNK(self.status.st_mode))

    @property
    def is_folder(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def is_other(self) -> bool:
        """A pipe, a socket or a device."""
        return self.status is not None and not self.is_file and not self.is_folder

    @property
    def obstacle(self) -> str:
        """What is in the way, in words."""
        if self.blocked_by is not None:
            return f"{one_line(decode(self.blocked_by), 200)} is not a directory"
        return "a directory of that name is there" if self.is_folder else "something that is not a file is there"

    def same(self, other: "Seen") -> bool:
        """Whether nobody has touched it in between."""
        if self.status is None or other.status is None:
            return self.status is other.status
        mine, theirs = self.status, other.status
        return (mine.st_ino, mine.st_size, mine.st_mtime_ns, mine.st_mode) == (
            theirs.st_ino,
            theirs.st_size,
            theirs.st_mtime_ns,
            theirs.st_mode,
        )


def look(root: Path, path: bytes) -> Seen:
    """What is at `path` beneath `root`."""
    parts = path.split(b"/")
    with _opened(os.open(root, _FOLDER)) as folders:
        for count, part in enumerate(parts[:-1], 1):
            try:
                folders.append(os.open(part, _FOLDER, dir_fd=folders[-1]))
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return Seen()
                return Seen(blocked_by=b"/".join(parts[:count]))
        try:
            return Seen(os.stat(parts[-1], dir_fd=folders[-1], follow_symlinks=False))
        except OSError:
            return Seen()


async def replace_files(
    root: Path,
    wanted: Mapping[bytes, int | None],
    seen: Mapping[bytes, Seen],
    lay_out: LayOut,
) -> None:
    """Delete (None) or replace (git's mode) the files `wanted`, all or none.

    `lay_out` writes the new files, under their own paths, into the folder that it is given. `InTheWay` when a file is
    no longer as in `seen`; `RepositoryError` when the disk refuses. After both everything is as it was.
    """
    staging = root / f".journeyman-apply-{secrets.token_hex(4)}"
    try:
        staging.mkdir(mode=0o700)
        (staging / "new").mkdir()
        (staging / "old").mkdir()
        await lay_out(staging / "new")
        await _to_its_end(_Swap(root, staging, seen), wanted)
    except OSError as error:
        what = error.strerror or str(error)
        raise RepositoryError(f"The patch could not be written: {what}. Nothing was changed.") from error
    finally:
        if not (staging / "keep").exists():
            await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)


async def _to_its_end(swap: "_Swap", wanted: Mapping[bytes, int | None]) -> None:
    """Run a swap in a thread. When the task is cancelled meanwhile, the swap is not left half done."""
    work = asyncio.create_task(asyncio.to_thread(swap.run, wanted))
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


class _Swap:
    def __init__(self, root: Path, staging: Path, seen: Mapping[bytes, Seen]) -> None:
        self._root = root
        self._staging = staging
        self._seen = seen
        self._undo: list[Callable[[], None]] = []

    def run(self, wanted: Mapping[bytes, int | None]) -> None:
        try:
            for number, path in enumerate(sorted(path for path, mode in wanted.items() if mode is None)):
                self._delete(path, number)
            for number, (path, mode) in enumerate(sorted(wanted.items()), len(wanted)):
                if mode is not None:
                    self._write(path, mode, number)
        except (OSError, InTheWay):
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        try:
            for step in reversed(self._undo):
                step()
        except OSError as error:
            (self._staging / "keep").touch()
            raise RepositoryError(
                f"The patch could not be written, and not everything could be put back ({error.strerror}). "
                f"The files that are missing are in {plain(str(self._staging / 'old'))}."
            ) from error

    def _delete(self, path: bytes, number: int) -> None:
        old = self._staging / "old" / str(number)
        parts = path.split(b"/")
        with self._parents(path, create=False) as folders:
            self._check(path, folders[-1])
            os.rename(parts[-1], old, src_dir_fd=folders[-1])
            self._undo.append(partial(self._put_back, old, path))
            for depth in range(len(parts) - 2, -1, -1):
                mode = stat.S_IMODE(os.fstat(folders[depth + 1]).st_mode)
                try:
                    os.rmdir(parts[depth], dir_fd=folders[depth])
                except OSError:
                    break  # other files are in it
                self._undo.append(partial(self._make, b"/".join(parts[: depth + 1]), mode))

    def _write(self, path: bytes, mode: int, number: int) -> None:
        new, old = self._staging / "new" / os.fsdecode(path), self._staging / "old" / str(number)
        name = path.rsplit(b"/", 1)[-1]
        with self._parents(path, create=True) as folders:
            before = self._check(path, folders[-1])
            self._dress(new, mode, before, os.fstat(folders[-1]))
            if before is None:
                self._absent(path, name, folders[-1])
                os.rename(new, name, dst_dir_fd=folders[-1])
                self._undo.append(partial(self._remove, path))
                return
            try:
                os.link(name, old, src_dir_fd=folders[-1], follow_symlinks=False)
                self._undo.append(partial(self._put_back, old, path))
            except OSError:  # a file system without hard links
                os.rename(name, old, src_dir_fd=folders[-1])
                self._undo.append(partial(self._put_back, old, path))
            os.rename(new, name, dst_dir_fd=folders[-1])

    def _check(self, path: bytes, folder: int) -> os.stat_result | None:
        """The status of a file that is to go; `InTheWay` when it is another one than was looked at."""
        name = path.rsplit(b"/", 1)[-1]
        before = self._seen.get(path, Seen())
        try:
            now = Seen(os.stat(name, dir_fd=folder, follow_symlinks=False))
        except FileNotFoundError:
            now = Seen()
        if before.is_folder:
            return None  # `_write` finds out whether it is gone by now
        if not before.same(now):
            raise InTheWay(path, "was changed while the patch was applied")
        return now.status

    def _absent(self, path: bytes, name: bytes, folder: int) -> None:
        """A rename would replace a file that came into being just now; make sure that the name is free."""
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise InTheWay(path, "came into being while the patch was applied")
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError:
            raise InTheWay(path, "cannot be written: a directory of that name has other files in it") from None
        self._undo.append(partial(self._make, path, stat.S_IMODE(status.st_mode)))

    def _dress(self, new: Path, mode: int, before: os.stat_result | None, folder: os.stat_result) -> None:
        """Give a new file the owner and the permissions of the one that it replaces, or of its surroundings."""
        if os.geteuid() == 0:
            owner = before if before is not None else folder
            os.chown(new, owner.st_uid, owner.st_gid, follow_symlinks=False)
        if before is not None and stat.S_ISREG(before.st_mode) and not new.is_symlink():
            allowed = stat.S_IMODE(before.st_mode) & 0o777
            new.chmod(allowed | ((allowed & 0o444) >> 2) if mode & 0o111 else allowed & ~0o111)

    @contextmanager
    def _parents(self, path: bytes, *, create: bool) -> Generator[list[int]]:
        """The directories from the root to the one that holds `path`, open."""
        parts = path.split(b"/")[:-1]
        with _opened(os.open(self._root, _FOLDER)) as folders:
            for count, part in enumerate(parts, 1):
                try:
                    folders.append(os.open(part, _FOLDER, dir_fd=folders[-1]))
                except FileNotFoundError:
                    if not create:
                        raise InTheWay(path, "was deleted while the patch was applied") from None
                    self._make(b"/".join(parts[:count]), 0o777 & ~_umask(), os.fstat(folders[-1]))
                    self._undo.append(partial(self._remove_folder, b"/".join(parts[:count])))
                    folders.append(os.open(part, _FOLDER, dir_fd=folders[-1]))
                except OSError as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    above = one_line(decode(b"/".join(parts[:count])), 200)
                    raise InTheWay(path, f"cannot be written: {above} is not a directory") from None
            yield folders

    @contextmanager
    def _folder(self, path: bytes) -> Generator[tuple[int, bytes]]:
        with _opened(os.open(self._root, _FOLDER)) as folders:
            *parts, name = path.split(b"/")
            for part in parts:
                folders.append(os.open(part, _FOLDER, dir_fd=folders[-1]))
            yield folders[-1], name

    def _put_back(self, old: Path, path: bytes) -> None:
        with self._folder(path) as (folder, name):
            os.rename(old, name, dst_dir_fd=folder)

    def _remove(self, path: bytes) -> None:
        with self._folder(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def _remove_folder(self, path: bytes) -> None:
        with self._folder(path) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def _make(self, path: bytes, mode: int, owner: os.stat_result | None = None) -> None:
        with self._folder(path) as (folder, name):
            os.mkdir(name, dir_fd=folder)
            os.chmod(name, mode, dir_fd=folder)
            if owner is not None and os.geteuid() == 0:
                os.chown(name, owner.st_uid, owner.st_gid, dir_fd=folder)


@contextmanager
def _opened(root: int) -> Generator[list[int]]:
    """A list of open directories that begins with `root`; all are closed at the end."""
    folders = [root]
    try:
        yield folders
    finally:
        for folder in reversed(folders):
            os.close(folder)


def _umask() -> int:
    """The mask for new files, without setting it for a moment as `os.umask` must."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1], 8) for line in lines if line.startswith("Umask:")), 0o022)
