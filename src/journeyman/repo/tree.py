"""Reading trees and blobs of our store."""

import asyncio
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from journeyman.core.errors import RepositoryError
from journeyman.repo.git import Git, end

Listing = dict[bytes, tuple[int, str]]
"""Path → git's mode (0o100644, 0o100755, 0o120000, 0o160000 for a submodule) and object id, in git's order."""

FILE_LIMIT = 16 * 1024 * 1024
"""Bytes of a file that `Tree.get` returns at most."""

_HOPS = 40  # symlinks followed on the way to one file, as Linux has it


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a tree: git's mode, the object's id, its size in bytes (None for what is no file)."""

    path: bytes
    mode: int
    id: str
    size: int | None

    @classmethod
    def of(cls, line: bytes) -> "Entry":
        """From a line of `git ls-tree -l`."""
        meta, _, path = line.partition(b"\t")
        mode, _, object_id, size = meta.split()
        return cls(path, int(mode, 8), object_id.decode(), int(size) if size.isdigit() else None)


async def list_tree(git: Git, tree: str) -> Listing:
    """All entries of a tree, directories opened."""
    done = await git.run("ls-tree", "-r", "-z", "--full-tree", tree, doing="Reading the tree")
    found: Listing = {}
    for entry in done.out.split(b"\0"):
        meta, _, path = entry.partition(b"\t")
        if path:
            mode, _, object_id = meta.split(b" ")
            found[path] = (int(mode, 8), object_id.decode())
    return found


class Objects:
    """One `git cat-file --batch` process, for as long as it is open."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            await end(process)
            if process.stdin is not None:
                process.stdin.close()

    async def read(self, name: str, limit: int) -> tuple[str, bytes] | None:
        """The type and the bytes of an object; None when there is none, or it is over `limit` bytes."""
        async with self._lock:
            try:
                return await self._read(name, limit)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                raise RepositoryError("Git stopped while it read the repository's objects; run `git fsck`.") from error

    async def _read(self, name: str, limit: int) -> tuple[str, bytes] | None:
        if self._process is None:
            self._process = await self._git.start("cat-file", "--batch")
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RepositoryError("Git could not be started.")
        stdin.write(name.encode() + b"\n")
        await stdin.drain()
        header = (await stdout.readuntil(b"\n")).split()
        if len(header) != 3 or not header[2].isdigit():
            return None
        size = int(header[2])
        if size > limit:
            await _skip(stdout, size + 1)
            return None
        content = await stdout.readexactly(size + 1)
        return header[1].decode(), content[:-1]


async def _skip(stream: asyncio.StreamReader, size: int) -> None:
    while size:
        size -= len(await stream.readexactly(min(size, 1024 * 1024)))


class Tree:
    """A tree of files, as `async with`. Paths are relative to the root; odd bytes come as surrogate escapes."""

    def __init__(self, git: Git, tree: str) -> None:
        self.id = tree
        self._git = git
        self._objects = Objects(git)
        self._listing: Listing | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._objects.__aexit__(kind, error, trace)

    async def listing(self) -> Listing:
        """Path → (mode, id) of every entry."""
        if self._listing is None:
            self._listing = await list_tree(self._git, self.id)
        return self._listing

    async def paths(self) -> list[str]:
        """All files and symlinks, in git's order; submodules are left out."""
        return [_text(path) for path, (mode, _) in (await self.listing()).items() if mode != 0o160000]

    async def get(self, path: str, *, limit: int = FILE_LIMIT) -> bytes | None:
        """The bytes of a file, symlinks followed within the tree.

        None when there is no such file, it is over `limit` bytes, or a symlink leads out of the tree or in a circle.
        """
        listing = await self.listing()
        parts, done, hops = path.split("/"), list[str](), 0
        while parts:
            part = parts.pop(0)
            if part in ("", "."):
                continue
            if part == "..":
                if not done:
                    return None
                done.pop()
                continue
            done.append(part)
            entry = listing.get(_bytes("/".join(done)))
            if entry is not None and entry[0] == 0o120000:
                hops += 1
                target = await self._objects.read(entry[1], 4096)
                if hops > _HOPS or target is None or target[1].startswith(b"/"):
                    return None
                done.pop()
                parts = _text(target[1]).split("/") + parts
        entry = listing.get(_bytes("/".join(done)))
        if entry is None or entry[0] == 0o160000:
            return None
        found = await self._objects.read(entry[1], limit)
        return None if found is None else found[1]

    async def under(self, folders: Sequence[str], name: str) -> list[str]:
        """The paths of files called `name` directly in one of `folders` ("" is the root)."""
        listing = await self.listing()
        wanted = [posixpath.join(folder, name) for folder in folders]
        return [path for path in wanted if _bytes(path) in listing]


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", errors="surrogateescape")


def _text(path: bytes) -> str:
    return path.decode("utf-8", errors="surrogateescape")
