"""The files of an attempt's workspace at any step: the base's, and over them what was changed by then.

The base is a git tree of our own store, on the machines that have it; changes are manifests and blobs of the store,
which every machine has. All paths and contents are the work of somebody else: they are only ever bytes here.
"""

import os
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from journeyman.attempt.clones import with_base
from journeyman.core.api.work import FileEntry, FileList, FileText
from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.events import Continued, Said, ToolReturned
from journeyman.core.task import Attempt, Base
from journeyman.core.text import decode
from journeyman.repo.repository import Repository
from journeyman.repo.tree import Entry
from journeyman.sandbox import checkpoint
from journeyman.server.attempts import start_of
from journeyman.server.errors import ApiError
from journeyman.server.parts import Parts
from journeyman.server.reaching import ground_of_parts

ENTRIES = 20_000
LINES = 5_000
BYTES = 2 * 1024 * 1024
"""What one answer holds at most."""
LARGE = 64 * 1024 * 1024
"""Bytes of a file that is looked into."""

LINK, SUBMODULE, FOLDER = 0o120000, 0o160000, 0o040000


@dataclass(frozen=True, slots=True)
class File:
    """A file's bytes. `changed` is how it differs from the base."""

    data: bytes
    executable: bool
    changed: Literal["add", "update"] | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The workspace after event `seq`. Without a `repository`, the base's files are not on this machine."""

    seq: int
    base: Base
    repository: Repository | None
    manifest: checkpoint.Manifest
    parts: Parts

    async def listing(self, folder: str, *, deep: bool) -> FileList:
        prefix = f"{folder}/" if folder else ""
        found: dict[str, FileEntry] = {}
        if self.repository is not None and not (folder and self._gone(folder)):
            for entry in await self.repository.entries(self.base.tree, os.fsencode(folder), deep=deep):
                path = prefix + os.fsdecode(entry.path)
                if not self._covered(path):
                    found[path] = _listed(path, entry)
        for path, change in self.manifest.items():
            here = path.startswith(prefix) and (deep or "/" not in path[len(prefix) :])
            if here and not _ours(path):
                found[path] = _changed(path, change, found.get(path))
        entries = [found[path] for path in sorted(found)]
        return FileList(
            folder=_shown(folder),
            seq=self.seq,
            entries=tuple(entry.model_copy(update={"path": _shown(entry.path)}) for entry in entries[:ENTRIES]),
            complete=self.repository is not None,
            clipped=len(entries) > ENTRIES,
        )

    async def tree(self) -> str | None:
        """The git tree of the workspace, as a result would have it: without what is ignored. None without a
        repository."""
        if self.repository is None:
            return None
        entries = {os.fsencode(path): change for path, change in self.manifest.items() if not _ours(path)}
        deletes = sorted(path for path, change in entries.items() if stat.S_ISCHR(change.mode) or change.opaque)
        written = [path for path, change in entries.items() if stat.S_ISREG(change.mode) or stat.S_ISLNK(change.mode)]
        rules = {path: await self._write(entries[path]) for path in written if path.split(b"/")[-1] == b".gitignore"}
        kept = await self.repository.kept(self.base.tree, deletes, written, rules)
        writes = {path: await self._write(entries[path]) for path in kept}
        return await self.repository.tree_with(self.base.tree, deletes, writes)

    async def _write(self, change: checkpoint.Entry) -> tuple[int, bytes]:
        """A changed file as git takes it: its mode, and its bytes or where it points to."""
        if stat.S_ISLNK(change.mode):
            return LINK, os.fsencode(change.target)
        mode = 0o100755 if change.mode & 0o100 else 0o100644
        return mode, await self.parts.store.blob(change.blob) if change.blob else b""

    async def file(self, path: str) -> File | None:
        """A file's content; that of a link is where it points to. None where there is no such file."""
        change = self.manifest.get(path)
        if change is not None:
            kept = await self._kept(change)
            if kept is None:
                return None
            existed = await self._base_entry(path) is not None
            return File(kept, bool(change.mode & 0o100), "update" if existed else "add")
        entry = await self._base_entry(path)
        if entry is None or self._covered(path) or entry.mode in (SUBMODULE, FOLDER):
            return None
        if self.repository is None or entry.size is None or entry.size > LARGE:
            return None
        data = await self.repository.content(entry.id, LARGE)
        return File(data, entry.mode == 0o100755, None) if data is not None else None

    async def _kept(self, change: checkpoint.Entry) -> bytes | None:
        if stat.S_ISLNK(change.mode):
            return os.fsencode(change.target)
        return await self.parts.store.blob(change.blob) if stat.S_ISREG(change.mode) and change.blob else None

    async def _base_entry(self, path: str) -> Entry | None:
        if self.repository is None or "\0" in path:
            return None
        return await self.repository.entry(self.base.tree, os.fsencode(path))

    def _gone(self, path: str) -> bool:
        """Whether something else is in the place of a path of the base."""
        own = self.manifest.get(path)
        return self._covered(path) or (own is not None and (not stat.S_ISDIR(own.mode) or own.opaque))

    def _covered(self, path: str) -> bool:
        """Whether a folder above a path of the base was deleted or replaced."""
        above = (self.manifest.get(parent) for parent in _parents(path))
        return any(change is not None and (not stat.S_ISDIR(change.mode) or change.opaque) for change in above)


@asynccontextmanager
async def snapshot(parts: Parts, attempt: Attempt, seq: int | None) -> AsyncGenerator[Snapshot]:
    """The workspace of an attempt right after an event, as it was left without one."""
    start = await start_of(parts.store, attempt)
    kinds = ("tool_returned", "continued", "said")
    found = await parts.store.pages.of_kinds(attempt.id, kinds, upto=seq, holding='"checkpoint":"', newest=1)
    manifest: checkpoint.Manifest = {}
    for event in found:
        if isinstance(event, ToolReturned | Continued | Said) and event.checkpoint:
            manifest = checkpoint.load(await parts.store.blob(event.checkpoint))
    at = seq if seq is not None else found[-1].seq if found else start.seq
    yield Snapshot(at, start.base, await repository_of(parts, start.base), manifest, parts)


async def repository_of(parts: Parts, base: Base) -> Repository | None:
    """The repository of a base, with the base: that of this machine, or a clone where it has an address. None where it
    is a folder of another machine, or cannot be had at the moment."""
    try:
        repository = await with_base(ground_of_parts(parts), base, parts.store.blob)
    except (RepositoryError, UsageError):
        return None
    return repository if await repository.has(base.tree) else None


def clean_path(path: str) -> str:
    """A path within the workspace. Raises 422 for one that leads out of it, or is none."""
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") for part in parts) or "\0" in path or "\n" in path:
        raise ApiError(422, "invalid", f"{path[:200]!r} is no path within the workspace.", [{"field": "path"}])
    return path


def text_of(path: str, seq: int, file: File, start: int, end: int | None) -> FileText:
    """Lines `start` to `end` (from 1, inclusive) of a file, fewer where they are too many for an answer."""
    binary = b"\0" in file.data[:8000]
    view = FileText(
        path=_shown(path),
        seq=seq,
        size=len(file.data),
        executable=file.executable,
        binary=binary,
        changed=file.changed,
    )
    if binary:
        return view
    lines = file.data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    last = len(lines) if end is None else min(end, len(lines))
    shown: list[str] = []
    size = 0
    for line in lines[start - 1 : last]:
        size += len(line)
        if shown and (len(shown) >= LINES or size > BYTES):
            break
        shown.append(decode(line[:BYTES]))
    stop = start + len(shown) - 1
    return view.model_copy(
        update={
            "start": start,
            "end": stop,
            "total": len(lines),
            "lines": tuple(shown),
            "clipped": stop < last or any(len(line) > BYTES for line in lines[start - 1 : stop]),
        }
    )


def _parents(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _ours(path: str) -> bool:
    """What is in the workspace and not of the repository."""
    return path == ".git" or path.startswith(".git/")


def _shown(path: str) -> str:
    return decode(os.fsencode(path))


def _listed(path: str, entry: Entry) -> FileEntry:
    kinds: dict[int, Literal["folder", "link", "submodule"]] = {FOLDER: "folder", LINK: "link", SUBMODULE: "submodule"}
    return FileEntry(path=path, kind=kinds.get(entry.mode, "file"), size=entry.size, executable=entry.mode == 0o100755)


def _changed(path: str, change: checkpoint.Entry, was: FileEntry | None) -> FileEntry:
    if stat.S_ISCHR(change.mode):  # overlayfs's mark for what was deleted
        return FileEntry(path=path, kind=was.kind if was else "file", changed="delete")
    if stat.S_ISDIR(change.mode):
        return FileEntry(path=path, kind="folder")
    return FileEntry(
        path=path,
        kind="link" if stat.S_ISLNK(change.mode) else "file",
        size=change.stamp[1],
        executable=bool(change.mode & 0o100),
        changed="update" if was else "add",
    )
