"""A repository seen from outside, always as hostile.

`open_repository` reads where things are; every git process after that works on a git directory of ours under `state`,
which borrows the repository's objects (`Repository.git`). Nothing here writes to the person's repository, except
`Repository.apply`, which writes to its working tree and nowhere else.
"""

import asyncio
import difflib
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.evidence import Change
from journeyman.core.task import Base
from journeyman.core.text import decode, plain
from journeyman.repo import checkouts, git_layer, git_store, repository_snapshot, tree_write, worktree, writable
from journeyman.repo.git import SEARCH_PATH, Git, find_git
from journeyman.repo.git_dir import GitDir, find_git_dir
from journeyman.repo.tree import Entry, Listing, Objects, Tree, list_tree

_DIFF = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all")


@dataclass(frozen=True, slots=True)
class Repository:
    """An open repository. With `remote`, the address that it was cloned from, its files are seen at `seen` in a sandbox
    and not where the clone is, which is another place on each machine."""

    place: GitDir
    git: Git
    state: Path
    remote: str | None = None
    seen: Path | None = None

    @property
    def root(self) -> Path:
        """The top of the person's working tree, or of our clone."""
        return self.place.root

    @property
    def workspace(self) -> Path:
        """Where its files are seen in a sandbox."""
        return self.seen or self.place.root

    @property
    def name(self) -> str:
        """What it is known as: its address or its path."""
        return self.remote or str(self.place.root)

    async def snapshot(self, ref: str | None = None) -> Base:
        """The tree to start from, written to our own store.

        Without `ref`: all tracked, changed and untracked (not ignored) files as they are now. With it: that commit.
        """
        if ref is not None:
            commit, tree, branch = await self.resolve(ref)
            async with Objects(self.git) as objects:
                found = await objects.read(f"{tree}:.gitmodules", 1024 * 1024)
            left_out = repository_snapshot.submodules_left_out(found[1] if found else b"")
            base = Base(repository=str(self.root), tree=tree, commit=commit, ref=ref, branch=branch)
            return base.model_copy(update={"left_out": left_out})
        return await repository_snapshot.take(self.place, self.git, self.scratch)

    async def resolve(self, ref: str) -> tuple[str, str, str | None]:
        """The commit and the tree that `ref` names, and the branch if it is one of its own. `UsageError` if none."""
        refs = self.place.refs()
        git_store.sync_refs(self.place, self.git.store, refs)
        found: list[str] = []
        if ref and "\n" not in ref and not ref.startswith("-"):
            asked = f"{ref}^{{commit}}\n{ref}^{{tree}}\n".encode(errors="surrogateescape")
            done = await self.git.run("cat-file", "--batch-check", stdin=asked, ok=(0, 128))
            found = [
                decode(line).split(" ")[0] for line in done.out.splitlines() if line.split(b" ")[1:2] != [b"missing"]
            ]
        if len(found) != 2 or not all(len(each) in (40, 64) for each in found):
            raise UsageError(_no_such_ref(ref, refs))
        if ref in ("HEAD", "@"):
            name = self.place.head()[0]
            return found[0], found[1], name.removeprefix("refs/heads/") if name else None
        branch = ref if f"refs/heads/{ref}".encode(errors="surrogateescape") in refs else None
        return found[0], found[1], branch

    def tree(self, tree: str) -> Tree:
        """A reader of a tree of this repository, to be used with `async with`."""
        return Tree(self.git, tree)

    async def paths(self, tree: str) -> Listing:
        """All files of a tree: path → (mode, id)."""
        return await list_tree(self.git, tree)

    async def writable(self, paths: Iterable[bytes]) -> bool:
        """Whether this user may write to all these files of the working tree, and to the folders that they are in."""
        return await asyncio.to_thread(writable.all_writable, os.fsencode(self.root), paths)

    async def tree_with(
        self, base_tree: str, deletes: Sequence[bytes], writes: Mapping[bytes, tuple[int, bytes]]
    ) -> str:
        """The tree that `base_tree` becomes by `deletes` and then `writes` (path → git mode and bytes or link target).

        A delete takes everything beneath with it. New files that are ignored are left out, as is anything named
        `.git` and anything inside a submodule.
        """
        with self.scratch() as scratch:
            writer = tree_write.TreeWriter(self.git, self.place.object_format, self.place.config, scratch)
            return await writer.tree_with(base_tree, deletes, writes)

    async def kept(
        self,
        base_tree: str,
        deletes: Sequence[bytes],
        paths: Sequence[bytes],
        written: Mapping[bytes, tuple[int, bytes]],
    ) -> list[bytes]:
        """Which of the written `paths` `tree_with` would take. `written` has at least the .gitignore files of them."""
        with self.scratch() as scratch:
            writer = tree_write.TreeWriter(self.git, self.place.object_format, self.place.config, scratch)
            return await writer.kept(base_tree, deletes, paths, written)

    async def fork_point(self, one: str, other: str) -> str | None:
        """The newest commit that two commits have in common."""
        done = await self.git.run("merge-base", one, other, ok=(0, 1, 128))
        return done.out.decode().strip() or None

    async def has(self, object_id: str) -> bool:
        """Whether this commit or tree is known here."""
        done = await self.git.run("cat-file", "-e", object_id, ok=(0, 1, 128))
        return done.code == 0

    async def patched(self, tree: str, patch: bytes) -> str:
        """The tree that `tree` becomes by a patch in git's format. `UsageError` where it does not fit."""
        if not patch.strip():
            return tree
        with self.scratch() as scratch:
            index = scratch / "index"
            await self.git.run("read-tree", tree, index=index, doing="Reading the tree")
            done = await self.git.run(
                "apply", "--cached", "--whitespace=nowarn", stdin=patch, index=index, ok=(0, 1, 128)
            )
            if done.code:
                raise UsageError(f"The patch does not fit the files that it is to be laid over: {done.complaint}")
            return (await self.git.run("write-tree", "--missing-ok", index=index)).out.decode().strip()

    async def diff(
        self, a: str, b: str, *, context: int = 3, ignore_space: bool = False, path: bytes | None = None
    ) -> bytes:
        """The patch from tree `a` to tree `b`: git's format, binary files included, whole ids, no renames.

        `context` lines around each change; with `ignore_space` changes of white space alone are left out; with `path`
        only that file's.
        """
        options = (f"-U{context}", *(("--ignore-all-space",) if ignore_space else ()))
        only = () if path is None else (b"--", b":(top,literal)" + path)
        arguments = ("diff-tree", "-r", "-p", "--binary", "--full-index", *options, *_DIFF, a, b, *only)
        return (await self.git.run(*arguments, doing="The diff")).out

    async def entries(self, tree: str, folder: bytes = b"", *, deep: bool = False) -> list[Entry]:
        """What is directly in a folder of a tree ("" is the root), or all that is beneath; empty where there is none.

        Paths are relative to the folder.
        """
        options = ("-r", "-t") if deep else ()
        done = await self.git.run("ls-tree", "-z", "-l", *options, tree.encode() + b":" + folder, ok=(0, 128))
        return [] if done.code else [Entry.of(line) for line in done.out.split(b"\0") if line]

    async def entry(self, tree: str, path: bytes) -> Entry | None:
        """One file or folder of a tree; None where there is none."""
        done = await self.git.run("ls-tree", "-z", "-l", "--full-tree", tree, b"--", path, ok=(0, 128))
        found = [Entry.of(line) for line in done.out.split(b"\0") if line]
        return found[0] if len(found) == 1 and found[0].path == path else None

    async def content(self, object_id: str, limit: int) -> bytes | None:
        """The bytes of an object; None where there is none, or it is over `limit` bytes."""
        async with Objects(self.git) as objects:
            found = await objects.read(object_id, limit)
        return found[1] if found is not None else None

    async def changes(self, a: str, b: str) -> dict[bytes, Change]:
        """The files that differ between two trees by their paths, with line counts (0 for binary files).

        The path in a `Change` is for people: what is not UTF-8 in it is escaped.
        """
        done = await self.git.run("diff-tree", "-r", "-z", "--raw", "--numstat", *_DIFF, a, b, doing="The diff")
        return dict(_changes(done.out))

    async def checkout(self, tree: str, into: Path) -> None:
        """Lay `tree` out as files in the empty directory `into`, with no filter run."""
        into.mkdir(parents=True, exist_ok=True)
        with self.scratch() as scratch:
            await self._lay_out(tree, into, scratch / "index")

    async def checked_out(self, tree: str) -> Path:
        """A directory with the files of `tree`, laid out once and kept; nobody may write to it."""
        place = self.state / "trees" / self.git.store.stem / tree
        if not place.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
            try:
                fresh.chmod(0o755)
                (fresh / "files").mkdir()
                await self._lay_out(tree, fresh / "files", fresh / "index")
                await asyncio.to_thread(checkouts.finish, fresh)
                _put_in_place(fresh, place)
            finally:
                await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
        checkouts.touch(place)
        return place / "files"

    @asynccontextmanager
    async def held(self, tree: str) -> AsyncGenerator[Path]:
        """The same, kept for as long as the block runs; otherwise `checkouts.sweep` may take it away some day."""
        while True:
            files = await self.checked_out(tree)
            with checkouts.held(files.parent) as there:
                if there:
                    yield files
                    return

    async def _lay_out(self, tree: str, into: Path, index: Path) -> None:
        doing = "Laying out the files of the commit"
        await self.git.run("read-tree", "--reset", "-u", tree, index=index, work_tree=into, doing=doing)

    async def git_layer(self, into: Path, base: Base) -> tuple[Path, ...]:
        """Make `into/.git`, the git directory that the sandbox sees instead of the person's.

        Returns the object stores that must be readable inside under these paths (some are links to the store, since
        the store's own path lies in the workspace, where the new `.git` is in its place). Inside, git needs
        `git_layer.environment(workspace)`, since the files belong to another user there.
        """
        index = None
        if base.ref is not None:
            index = (await self.checked_out(base.tree)).parent / "index"
        with self.scratch() as scratch:
            return git_layer.build(self.place, self.git.store, into, base, index, scratch)

    async def apply(self, patch: bytes, *, check_only: bool = False) -> worktree.ApplyOutcome:
        """Put a patch of `diff` on the person's working tree: every file of it or none.

        Files that changed since are merged; where that fails nothing is written and the outcome names the conflicts.
        """
        with self.scratch() as scratch:
            return await worktree.apply(self.place, self.git, scratch, patch, check_only=check_only)

    @contextmanager
    def scratch(self) -> Generator[Path]:
        """A directory of ours for indexes and the like, gone at the end. What the disk refuses is told in words."""
        with (
            disk_errors(),
            tempfile.TemporaryDirectory(prefix="tmp-", dir=self.git.store, ignore_cleanup_errors=True) as folder,
        ):
            yield Path(folder)


async def open_repository(
    path: Path, state: Path, *, excludes: Path | None = None, search_path: str = SEARCH_PATH
) -> Repository:
    """The repository that `path` is in.

    `state` is a directory of ours, where it gets its store; `excludes` the person's own file of ignored patterns
    (git's `core.excludesFile`); `search_path` where git is looked for. `UsageError` and `RepositoryError` say what to
    do when there is nothing that can be worked on.
    """
    with disk_errors():
        place = find_git_dir(path)
        state = state.resolve()
        name = hashlib.sha256(os.fsencode(place.root)).hexdigest()[:20]
        if place.object_format == "sha256":
            name += "-sha256"
        store = state / "git" / f"{name}.git"
        git_store.prepare(place, store, excludes)
        return Repository(place, Git(find_git(search_path, place.root), store), state)


async def reopen_repository(root: Path, state: Path, *, excludes: Path | None = None) -> Repository:
    """The repository of a stored task. `RepositoryError` when it has gone from where it was."""
    if not root.is_dir():
        raise RepositoryError(
            f"The task's repository {plain(str(root))} is not there any more. Put it back and try again; "
            "`journeyman diff` with the task's id prints the patch, if there is one."
        )
    return await open_repository(root, state, excludes=excludes)


@contextmanager
def disk_errors() -> Generator[None]:
    """Turn what the disk refuses into a sentence."""
    try:
        yield
    except OSError as error:
        where = f" at {plain(os.fsdecode(error.filename))}" if error.filename else ""
        raise RepositoryError(f"The disk refused{where}: {error.strerror or error}. Nothing was changed.") from error


def _put_in_place(fresh: Path, place: Path) -> None:
    try:
        fresh.rename(place)
    except OSError:
        if not place.is_dir():  # else another process was first, with the same content
            raise


def _no_such_ref(ref: str, refs: Mapping[bytes, str]) -> str:
    names = [decode(name).split("/", 2)[-1] for name in refs]
    near = difflib.get_close_matches(ref, names, n=1, cutoff=0.5)
    hint = f"Did you mean {plain(near[0])!r}?" if near else "See `git branch -a` and `git tag` for what there is."
    return f"There is no commit, branch or tag {plain(ref)!r} in this repository. {hint}"


def _changes(out: bytes) -> Iterator[tuple[bytes, Change]]:
    fields = iter(out.split(b"\0"))
    kinds: dict[bytes, bytes] = {}
    for entry in fields:
        if entry.startswith(b":"):
            kinds[next(fields)] = entry.rsplit(b" ", 1)[-1][:1]
        elif entry:
            added, removed, path = entry.split(b"\t", 2)
            kind = kinds[path]
            yield (
                path,
                Change(
                    path=decode(path),
                    kind="add" if kind == b"A" else "delete" if kind == b"D" else "update",
                    added=0 if added == b"-" else int(added),
                    removed=0 if removed == b"-" else int(removed),
                ),
            )
