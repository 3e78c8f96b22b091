"""Making trees from changes, without a working tree.

Objects are written straight into our store: a change costs as much as it is large, however big the repository is.
Git itself is asked only which new files are ignored, and how files look when line ends or encodings are converted.
"""

import asyncio
import hashlib
import os
import re
import tempfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.errors import RepositoryError
from journeyman.core.text import decode, one_line
from journeyman.repo.git import Git
from journeyman.repo.git_dir import ObjectFormat
from journeyman.repo.tree import Objects

Write = tuple[int, bytes]
"""Git's mode (0o100644, 0o100755, 0o120000) and the file's bytes or the link's target."""

Entry = tuple[int, str]
"""Mode and object id of an entry of a tree."""

TREE, LINK, SUBMODULE = 0o040000, 0o120000, 0o160000
_MODES = (0o100644, 0o100755, LINK)
_TREE_LIMIT = 256 * 1024 * 1024
_RULES_LIMIT = 1024 * 1024
_GIT_NAME = re.compile(r"(?:\.git|git~[0-9]+)[ .]*(?::.*)?\Z", re.IGNORECASE | re.DOTALL)
_INVISIBLE = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


@dataclass(slots=True)
class _Node:
    """What happens at a path: a delete first, then a write, or changes beneath."""

    delete: bool = False
    write: Write | None = None
    children: "dict[bytes, _Node]" = field(default_factory=dict[bytes, "_Node"])


class TreeWriter:
    """Writes blobs and trees into the store of `git`; `scratch` is an empty directory of ours."""

    def __init__(self, git: Git, object_format: ObjectFormat, config: Mapping[str, str], scratch: Path) -> None:
        self._git = git
        self._format = object_format
        self._converts = config.get("core.autocrlf", "false").lower() in ("true", "input", "yes", "on", "1")
        self._scratch = scratch
        self._trees: dict[str, dict[bytes, Entry]] = {}

    async def tree_with(self, base_tree: str, deletes: Sequence[bytes], writes: Mapping[bytes, Write]) -> str:
        """See `Repository.tree_with`."""
        wanted = {path: write for path, write in writes.items() if fits_in_tree(path, write[0])}
        for path in wanted:
            if any(folder[:-1] in wanted for folder in _folders(path) if folder):
                raise RepositoryError(f"{one_line(decode(path), 200)!r} lies beneath another file of the same change.")
        async with Objects(self._git) as objects:
            self._objects = objects
            tracked = {path: await self._lookup(base_tree, path) for path in wanted}
            rules = await self._rules(base_tree, deletes, wanted, wanted)
            ignored = await self._ignored([path for path in wanted if tracked[path] is None], rules)
            kept = {path: write for path, write in wanted.items() if path not in ignored}
            blobs = await self._blobs(kept, tracked, rules)
            root = _Node()
            for path in deletes:
                if fits_in_tree(path, _MODES[0]):
                    _node(root, path).delete = True
            for path, write in kept.items():
                _node(root, path).write = write
            return await self._rebuild(root, base_tree, blobs, b"") or self._store(b"tree", b"")

    async def kept(
        self, base_tree: str, deletes: Sequence[bytes], paths: Sequence[bytes], written: Mapping[bytes, Write]
    ) -> list[bytes]:
        """See `Repository.kept`."""
        wanted = [path for path in paths if fits_in_tree(path, _MODES[0])]
        async with Objects(self._git) as objects:
            self._objects = objects
            new = [path for path in wanted if await self._lookup(base_tree, path) is None]
            ignored = await self._ignored(new, await self._rules(base_tree, deletes, frozenset(wanted), written))
        return [path for path in wanted if path not in ignored]

    async def _entries(self, tree: str) -> dict[bytes, Entry]:
        if tree not in self._trees:
            found = await self._objects.read(tree, _TREE_LIMIT)
            if found is None or found[0] != "tree":
                raise RepositoryError(f"The tree {tree[:12]} is missing; run `git fsck` in the repository.")
            self._trees[tree] = dict(_parse_tree(found[1], 20 if self._format == "sha1" else 32))
        return self._trees[tree]

    async def _lookup(self, tree: str, path: bytes) -> Entry | None:
        """The entry at `path`; a submodule on the way counts as the entry."""
        entry: Entry | None = (TREE, tree)
        for part in path.split(b"/"):
            if entry is None or entry[0] == SUBMODULE:
                return entry
            if entry[0] != TREE:
                return None
            entry = (await self._entries(entry[1])).get(part)
        return None if entry is not None and entry[0] == TREE else entry

    async def _rules(
        self, base_tree: str, deletes: Sequence[bytes], paths: Collection[bytes], written: Mapping[bytes, Write]
    ) -> dict[bytes, bytes]:
        """The .gitignore and .gitattributes files above the written `paths`, as they are after the change."""
        folders = {folder for path in paths for folder in _folders(path)}
        gone = set(deletes)
        found: dict[bytes, bytes] = {}
        for folder in sorted(folders):
            for name in (b".gitignore", b".gitattributes"):
                path = folder + name
                if path in paths:
                    if path in written and written[path][0] != LINK:
                        found[path] = written[path][1]
                elif path not in gone and not gone.intersection(each[:-1] for each in _folders(path)):
                    entry = await self._lookup(base_tree, path)
                    blob = (
                        await self._objects.read(entry[1], _RULES_LIMIT) if entry and entry[0] in _MODES[:2] else None
                    )
                    if blob is not None:
                        found[path] = blob[1]
        return found

    async def _ignored(self, paths: Iterable[bytes], rules: Mapping[bytes, bytes]) -> set[bytes]:
        asked = b"".join(b"./" + path + b"\0" for path in paths)  # a leading colon would be pathspec magic
        if not asked:
            return set()
        tree = self._scratch / "rules"
        await asyncio.to_thread(_lay_out, tree, {path: (_MODES[0], content) for path, content in rules.items()})
        done = await self._git.run(
            *("check-ignore", "--no-index", "-z", "--stdin"),
            stdin=asked,
            index=self._scratch / "no-index",
            work_tree=tree,
            ok=(0, 1),
            doing="Finding the ignored files",
        )
        return {path[2:] for path in done.out.split(b"\0") if path}

    async def _blobs(
        self, writes: Mapping[bytes, Write], tracked: Mapping[bytes, Entry | None], rules: Mapping[bytes, bytes]
    ) -> dict[bytes, str]:
        converts = self._converts or any(path.endswith(b".gitattributes") for path in rules)
        if not converts and not (self._git.store / "info/attributes").stat().st_size:
            return await asyncio.to_thread(
                lambda: {path: self._store(b"blob", data) for path, (_, data) in writes.items()}
            )
        return await self._converted(writes, tracked, rules)

    async def _converted(
        self, writes: Mapping[bytes, Write], tracked: Mapping[bytes, Entry | None], rules: Mapping[bytes, bytes]
    ) -> dict[bytes, str]:
        """Ids of the blobs as `git add` would make them: line ends and encodings by attributes, no filters."""
        tree, index = self._scratch / "files", self._scratch / "index"
        files = {path: (_MODES[0], content) for path, content in rules.items()} | dict(writes)
        await asyncio.to_thread(_lay_out, tree, files)
        before = b"".join(
            b"%o %s\t%s\0" % (entry[0], entry[1].encode(), path)
            for path in writes
            if (entry := tracked.get(path)) is not None and entry[0] != SUBMODULE
        )
        run, doing = self._git.run, "Converting line ends"
        if before:
            await run("update-index", "-z", "--index-info", stdin=before, index=index, work_tree=tree, doing=doing)
        names = b"".join(path + b"\0" for path in writes)
        await run(
            *("update-index", "--add", "--replace", "-z", "--stdin"),
            stdin=names,
            index=index,
            work_tree=tree,
            doing=doing,
        )
        done = await run("ls-files", "-s", "-z", index=index, doing=doing)
        found: dict[bytes, str] = {}
        for line in done.out.split(b"\0"):
            meta, _, path = line.partition(b"\t")
            if path:
                found[path] = meta.split(b" ")[1].decode()
        return found

    async def _rebuild(self, node: _Node, tree: str | None, blobs: Mapping[bytes, str], at: bytes) -> str | None:
        """The id of `tree` with the changes beneath `node`; None when nothing is left in it."""
        entries = dict(await self._entries(tree)) if tree is not None else {}
        for name, child in node.children.items():
            before = entries.get(name)
            if before is not None and before[0] == SUBMODULE:
                continue  # another repository's, left as it is
            path = at + name
            if child.write is not None:
                entries[name] = (child.write[0], blobs[path])
                continue
            if child.delete:
                entries.pop(name, None)
                before = None
            if child.children:
                subtree = before[1] if before is not None and before[0] == TREE else None
                made = await self._rebuild(child, subtree, blobs, path + b"/")
                if made is not None:
                    entries[name] = (TREE, made)
                elif before is None or before[0] == TREE:
                    entries.pop(name, None)
        if not entries:
            return None
        content = b"".join(
            b"%o %s\0%s" % (mode, name, bytes.fromhex(object_id)) for name, (mode, object_id) in _sorted(entries)
        )
        made = self._store(b"tree", content)
        self._trees[made] = entries
        return made

    def _store(self, kind: bytes, content: bytes) -> str:
        """Write an object and return its id."""
        whole = b"%s %d\0" % (kind, len(content)) + content
        object_id = hashlib.new(self._format, whole, usedforsecurity=False).hexdigest()
        place = self._git.store / "objects" / object_id[:2] / object_id[2:]
        if place.exists():
            return object_id
        place.parent.mkdir(exist_ok=True)
        try:
            with tempfile.NamedTemporaryFile(prefix="tmp_obj_", dir=place.parent, delete=False) as file:
                file.write(zlib.compress(whole, 1))
            Path(file.name).chmod(0o444)
            Path(file.name).replace(place)
        except OSError as error:
            raise RepositoryError(f"A file of the result could not be stored: {error.strerror}.") from error
        return object_id


def fits_in_tree(path: bytes, mode: int) -> bool:
    """Whether a path can be in a tree; anything called `.git` cannot. An impossible path or mode is an error."""
    parts = path.split(b"/")
    if b"\0" in path or any(part in (b"", b".", b"..") for part in parts) or mode not in _MODES:
        raise RepositoryError(f"{one_line(decode(path), 200)!r} cannot be a file of a repository.")
    return not any(is_git_name(part) for part in parts)


def is_git_name(name: bytes) -> bool:
    """Whether any file system takes this name to be `.git`: case, trailing dots, DOS names, invisible characters."""
    seen = _INVISIBLE.sub("", name.decode("utf-8", "surrogateescape"))
    return any(_GIT_NAME.match(part) for part in seen.split("\\"))


def _node(root: _Node, path: bytes) -> _Node:
    node = root
    for part in path.split(b"/"):
        node = node.children.setdefault(part, _Node())
    return node


def _folders(path: bytes) -> Iterator[bytes]:
    """The directories above a path, each with a slash at its end; the root is empty."""
    yield b""
    for index, byte in enumerate(path):
        if byte == 0x2F:
            yield path[: index + 1]


def _lay_out(root: Path, files: Mapping[bytes, Write]) -> None:
    """Write files beneath `root`, which is ours and empty; links last, so that nothing is written through one."""
    root.mkdir()
    path = b""
    try:
        for path, (mode, content) in sorted(files.items(), key=lambda item: item[1][0] == LINK):
            place = root / os.fsdecode(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            if mode == LINK:
                place.symlink_to(os.fsdecode(content))
            else:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with os.fdopen(os.open(place, flags, mode & 0o777), "wb") as file:
                    file.write(content)
    except OSError as error:
        raise RepositoryError(f"{one_line(decode(path), 200)} could not be written: {error.strerror}.") from error


def _parse_tree(content: bytes, width: int) -> Iterator[tuple[bytes, Entry]]:
    at = 0
    while at < len(content):
        space, end = content.index(b" ", at), content.index(b"\0", at)
        yield content[space + 1 : end], (int(content[at:space], 8), content[end + 1 : end + 1 + width].hex())
        at = end + 1 + width


def _sorted(entries: Mapping[bytes, Entry]) -> list[tuple[bytes, Entry]]:
    """Git's order: by name, a directory's as if it ended in a slash."""
    return sorted(entries.items(), key=lambda item: item[0] + b"/" if item[1][0] == TREE else item[0])
