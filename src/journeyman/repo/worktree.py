"""Putting a patch on the person's working tree: three ways, every file of it or none, and nothing else touched."""

import asyncio
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.errors import RepositoryError
from journeyman.core.text import decode, one_line
from journeyman.repo.git import Completed, Git
from journeyman.repo.git_dir import GitDir
from journeyman.repo.tree import Objects
from journeyman.repo.tree_write import fits_in_tree
from journeyman.repo.worktree_write import InTheWay, Seen, look, replace_files

Entry = tuple[int, str]
"""Git's mode and the id of the blob."""

Index = dict[bytes, Entry]

LINK = 0o120000
_FILES = (0o100644, 0o100755)
_BLOB_LIMIT = 512 * 1024 * 1024
_REFUSED = re.compile(rb"^error: (.*): [^:]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file that cannot be brought together with what is in the working tree; `reason` completes "path …"."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApplyOutcome:
    """What became of a patch.

    `changed` are the files that were written or deleted (or would be, with `check_only`), `merged` those among them
    where changes of the person's own were kept, `already` those that were as the patch makes them. With `conflicts`
    nothing was written at all.
    """

    applied: bool
    changed: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


@dataclass(slots=True)
class _Plan:
    """What to do with each file: its new entry, or None to delete it."""

    changes: dict[bytes, Entry | None] = field(default_factory=dict[bytes, Entry | None])
    merged: list[bytes] = field(default_factory=list[bytes])
    already: list[bytes] = field(default_factory=list[bytes])
    conflicts: dict[bytes, str] = field(default_factory=dict[bytes, str])


@dataclass(frozen=True, slots=True)
class _Sides:
    """The files of the patch before it, after it, and as they are in the working tree."""

    before: Index
    after: Index
    here: Index
    seen: Mapping[bytes, Seen]


async def apply(place: GitDir, git: Git, scratch: Path, patch: bytes, *, check_only: bool) -> ApplyOutcome:
    """See `Repository.apply`; `scratch` is an empty directory of ours."""
    if not patch.strip():
        return ApplyOutcome(applied=not check_only)
    merge = _Merge(place, git, scratch)
    sides = await merge.sides(patch)
    if isinstance(sides, ApplyOutcome):
        return sides
    plan = await merge.plan(sides)
    if not plan.conflicts:
        plan.conflicts |= await asyncio.to_thread(_in_the_way, place.root, plan, sides.seen)
    if plan.conflicts:
        return _outcome(plan, applied=False)
    if not check_only and plan.changes:
        try:
            await merge.write(plan, sides.seen)
        except InTheWay as error:
            plan.conflicts[error.path] = error.reason
            return _outcome(plan, applied=False)
    return _outcome(plan, applied=not check_only)


def _outcome(plan: _Plan, *, applied: bool) -> ApplyOutcome:
    conflicts = tuple(Conflict(decode(path), reason) for path, reason in sorted(plan.conflicts.items()))
    if conflicts:
        return ApplyOutcome(applied=False, conflicts=conflicts)
    return ApplyOutcome(applied, _names(plan.changes), _names(plan.merged), _names(plan.already))


def _names(paths: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(decode(path) for path in sorted(paths))


class _Merge:
    def __init__(self, place: GitDir, git: Git, scratch: Path) -> None:
        self._place = place
        self._git = git
        self._scratch = scratch

    async def sides(self, patch: bytes) -> _Sides | ApplyOutcome:
        """Read the patch. An outcome with conflicts when it can be put on nothing that is known here."""
        done = await self._git.run("apply", "--numstat", "-z", stdin=patch, ok=(0, 1, 128))
        if done.code:
            raise RepositoryError(f"The patch is damaged: {done.complaint}")
        paths = {line.split(b"\t", 2)[2] for line in done.out.split(b"\0") if line.count(b"\t") >= 2}
        if not all(fits_in_tree(path, _FILES[0]) for path in paths):
            raise RepositoryError("The patch changes files of .git, which no patch may.")
        here, before, after = (self._scratch / name for name in ("here", "before", "after"))
        seen: dict[bytes, Seen] = {}
        await self._add(here, paths, seen)
        fake = f"--build-fake-ancestor={before}"
        await self._git.run("apply", fake, stdin=patch, index=here, ok=(0, 1, 128))
        done = await self._put_on(before, after, patch) if before.exists() else None
        if done is None or done.code:  # made somewhere else: it has to fit on the files as they are
            shutil.copy2(here, before)
            done = await self._put_on(before, after, patch)
        if done.code:
            return ApplyOutcome(applied=False, conflicts=_refused(done.err, paths))
        entries_before, entries_after = await self._entries(before), await self._entries(after)
        await self._add(here, (entries_before.keys() | entries_after.keys()) - paths, seen)
        return _Sides(entries_before, entries_after, await self._entries(here), seen)

    async def _put_on(self, before: Path, after: Path, patch: bytes) -> Completed:
        shutil.copy2(before, after)
        arguments = ("apply", "--cached", "--binary", "--whitespace=nowarn")
        return await self._git.run(*arguments, stdin=patch, index=after, ok=(0, 1, 128))

    async def _add(self, index: Path, paths: Iterable[bytes], seen: dict[bytes, Seen]) -> None:
        """Take the files of the working tree at `paths` into an index, converted as `git add` would."""
        fresh = {path: await asyncio.to_thread(look, self._place.root, path) for path in sorted(paths)}
        seen |= fresh
        names = b"".join(path + b"\0" for path, found in fresh.items() if found.is_file)
        if names or not index.exists():
            await self._git.run(
                *("update-index", "--add", "--replace", "-z", "--stdin"),
                stdin=names,
                index=index,
                work_tree=self._place.root,
                doing="Reading the files that the patch changes",
            )
            if not index.exists():
                await self._git.run("read-tree", "--empty", index=index)

    async def _entries(self, index: Path) -> Index:
        done = await self._git.run("ls-files", "-s", "-z", index=index)
        found: Index = {}
        for line in done.out.split(b"\0"):
            meta, _, path = line.partition(b"\t")
            if path:
                mode, object_id, _ = meta.split(b" ")
                found[path] = (int(mode, 8), object_id.decode())
        return found

    async def plan(self, sides: _Sides) -> _Plan:
        """Bring the three sides of every file together."""
        plan = _Plan()
        async with Objects(self._git) as objects:
            for path in sorted(sides.before.keys() | sides.after.keys()):
                before, after, here = (side.get(path) for side in (sides.before, sides.after, sides.here))
                if before == after:
                    continue
                if here == after and (here is not None or not sides.seen[path].exists):
                    plan.already.append(path)
                elif here == before and (here is not None or not sides.seen[path].is_other):
                    plan.changes[path] = after
                elif before is None or after is None or here is None:
                    plan.conflicts[path] = _why(before, after, here, sides.seen[path])
                else:
                    await self._merge(plan, objects, path, (before, after, here))
        return plan

    async def _merge(self, plan: _Plan, objects: Objects, path: bytes, sides: tuple[Entry, Entry, Entry]) -> None:
        before, after, here = sides
        if any(mode not in _FILES for mode, _ in sides):
            plan.conflicts[path] = "was changed in the meantime, and is not a plain file on both sides"
            return
        mode = after[0] if after[0] != before[0] else here[0]
        if after[1] in (before[1], here[1]):
            content = here[1]
        elif here[1] == before[1]:
            content = after[1]
        else:
            merged = await self._merge_text(objects, before[1], after[1], here[1])
            if merged is None:
                plan.conflicts[path] = "was changed in the meantime in the same place"
                return
            content = merged
        plan.changes[path] = (mode, content)
        plan.merged.append(path)

    async def _merge_text(self, objects: Objects, before: str, after: str, here: str) -> str | None:
        """The id of the merged blob; None when the sides conflict or are no text."""
        files: list[str] = []
        for name, object_id in (("here.txt", here), ("before.txt", before), ("after.txt", after)):
            found = await objects.read(object_id, _BLOB_LIMIT)
            if found is None:
                return None
            (self._scratch / name).write_bytes(found[1])
            files.append(str(self._scratch / name))
        done = await self._git.run("merge-file", "-p", "-q", *files, ok=range(256))
        if done.code:
            return None
        (self._scratch / "merged.txt").write_bytes(done.out)
        stored = await self._git.run("hash-object", "-w", "--no-filters", str(self._scratch / "merged.txt"))
        return stored.out.decode().strip()

    async def write(self, plan: _Plan, seen: Mapping[bytes, Seen]) -> None:
        """Lay the new files out beside the tree, then swap them in. Raises `InTheWay`; then nothing has changed."""
        index = self._scratch / "result"
        entries = b"".join(
            b"%o %s\t%s\0" % (entry[0], entry[1].encode(), path)
            for path, entry in plan.changes.items()
            if entry is not None
        )
        await self._git.run("update-index", "-z", "--index-info", stdin=entries, index=index)

        async def lay_out(into: Path) -> None:
            if not entries:
                return
            arguments = ("checkout-index", "-a", "-q", f"--prefix={into}/")
            done = await self._git.run(*arguments, index=index, work_tree=self._place.root, ok=range(256))
            if done.code:
                raise RepositoryError(f"The patch could not be written: {done.complaint}. Nothing was changed.")

        wanted = {path: None if entry is None else entry[0] for path, entry in plan.changes.items()}
        await replace_files(self._place.root, wanted, seen, lay_out)


def _why(before: Entry | None, after: Entry | None, here: Entry | None, seen: Seen) -> str:
    if seen.is_other:
        return f"cannot be written: {seen.obstacle}"
    if here is None:
        return "was deleted or renamed in the meantime"
    if before is None:
        return "exists already with other content"
    return "is deleted by the patch but was changed in the meantime"


def _in_the_way(root: Path, plan: _Plan, seen: Mapping[bytes, Seen]) -> dict[bytes, str]:
    """Files and folders that stand where the patch makes new ones, unless the patch removes them."""
    gone = {path for path, entry in plan.changes.items() if entry is None}
    found: dict[bytes, str] = {}
    for path, entry in plan.changes.items():
        if entry is None:
            continue
        if seen[path].blocked_by is not None and seen[path].blocked_by not in gone:
            found[path] = f"cannot be written: {seen[path].obstacle}"
        elif seen[path].is_folder:
            place = root / decode(path) if path.isascii() else root / path.decode("utf-8", "surrogateescape")
            inside = (file.relative_to(root) for file in place.rglob("*") if file.is_symlink() or not file.is_dir())
            if any(str(file).encode("utf-8", "surrogateescape") not in gone for file in inside):
                found[path] = "cannot be written: a directory of that name has other files in it"
    return found


def _refused(complaint: bytes, paths: Iterable[bytes]) -> tuple[Conflict, ...]:
    """The files that git says a patch does not fit on; all of them when it does not say."""
    named = {found.group(1) for found in _REFUSED.finditer(complaint)}
    hit = sorted(path for path in paths if path in named) or sorted(paths)
    return tuple(
        Conflict(one_line(decode(path), 300), "does not fit: the file is not as the patch expects") for path in hit
    )
