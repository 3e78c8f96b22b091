"""The person's working tree as a tree in our own store, with their index, refs and files left as they are."""

import asyncio
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.core.errors import RepositoryError
from journeyman.core.task import Base
from journeyman.core.text import decode, one_line, plain
from journeyman.repo.git import Git
from journeyman.repo.git_dir import GitDir, parse_config, read_small

LARGE = 256 * 1024 * 1024
"""Bytes over which an untracked file is left out of the tree, and said so."""

PATIENCE = 10.0
"""Seconds after which it is worth looking whether a pipe holds git up."""


@dataclass(slots=True)
class _Found:
    """What differs from the index: paths to take in, paths to drop, and what is left out."""

    take: list[bytes] = field(default_factory=list[bytes])
    drop: list[bytes] = field(default_factory=list[bytes])
    untracked: set[bytes] = field(default_factory=set[bytes])
    large: list[bytes] = field(default_factory=list[bytes])
    nested: list[bytes] = field(default_factory=list[bytes])


async def take(place: GitDir, git: Git, scratch: Callable[[], AbstractContextManager[Path]]) -> Base:
    """The base of work on the files as they are now."""
    work = asyncio.create_task(_take(place, git, scratch))
    try:
        done, _ = await asyncio.wait({work}, timeout=PATIENCE)
        if not done and (pipe := await asyncio.to_thread(_pipe, place.root)) is not None:
            raise RepositoryError(
                f"{one_line(pipe, 200)} is a pipe, on which git waits for ever. Remove it, "
                "or start from the last commit with `--base HEAD`."
            )
        return await work
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait({work})


def _pipe(root: Path) -> str | None:
    """A pipe under a name that git reads in every directory that it comes to."""
    for folder, _, names in os.walk(root):
        for name in {".gitignore", ".gitattributes"}.intersection(names):
            if stat.S_ISFIFO((Path(folder) / name).lstat().st_mode):
                return decode(os.fsencode((Path(folder) / name).relative_to(root)))
    return None


async def _take(place: GitDir, git: Git, scratch: Callable[[], AbstractContextManager[Path]]) -> Base:
    if (unfinished := place.unfinished()) is not None:
        raise RepositoryError(unfinished)
    branch, commit = place.head()
    with scratch() as folder:
        index = folder / "index"
        copy_index(place, index, git.store)
        listing, head_tree = await asyncio.gather(_listing(place, git, index), _tree_of(git, commit))
        found = await asyncio.to_thread(_sort, place.root, listing)
        if commit is None and not index.exists() and not found.take:
            raise RepositoryError(
                "The repository is empty: it has no commits and no files. Add a file or make a first commit, "
                "then run again."
            )
        await _update(place, git, index, found)
        doing = "Taking a snapshot of the working tree"
        tree = (await git.run("write-tree", "--missing-ok", index=index, doing=doing)).out.decode().strip()
    changed = await _changed(git, head_tree, tree)
    untracked = found.untracked & changed
    return Base(
        repository=str(place.root),
        tree=tree,
        commit=commit,
        branch=branch.removeprefix("refs/heads/") if branch else None,
        changed_files=len(changed) - len(untracked),
        untracked_files=len(untracked),
        left_out=tuple(_left_out(place, found)),
    )


def copy_index(place: GitDir, to: Path, git_dir: Path) -> None:
    """Copy the person's index, for use with `git_dir`.

    Its time stays: git takes files that are as young as the index to be changed, perhaps, and looks into them.
    """
    source = place.git / "index"
    try:
        if not source.exists():
            return
        if not stat.S_ISREG(source.lstat().st_mode):
            raise RepositoryError(f"{plain(str(source))} is not a file; remove it and run `git reset`.")
        shutil.copy2(source, to)
        for shared in place.git.glob("sharedindex.*"):  # the other half of a split index
            if stat.S_ISREG(shared.lstat().st_mode):
                shutil.copy2(shared, git_dir / shared.name)
    except PermissionError as error:
        raise RepositoryError(f"{plain(str(error.filename))} cannot be read: permission denied.") from None
    to.chmod(0o644)


async def _listing(place: GitDir, git: Git, index: Path) -> list[bytes]:
    done = await git.run(
        *("ls-files", "-z", "-t", "-m", "-o", "--exclude-standard"),
        index=index,
        work_tree=place.root,
        ok=(0, 128),
    )
    if done.code:
        if b"index file" in done.err or b"index file corrupt" in done.err or b"bad signature" in done.err:
            raise RepositoryError(
                f"The repository's index is damaged ({done.complaint}). Remove .git/index and run `git reset`, "
                "or start from the last commit with `--base HEAD`."
            )
        raise RepositoryError(f"Listing the changed files failed: {done.complaint}")
    return [entry for entry in done.out.split(b"\0") if entry]


async def _tree_of(git: Git, commit: str | None) -> str | None:
    if commit is None:
        return None
    done = await git.run("cat-file", "--batch-check", stdin=f"{commit}^{{tree}}\n".encode())
    words = done.out.decode().split()
    if len(words) != 3:
        raise RepositoryError(f"The commit {commit[:12]} or its tree is missing; run `git fsck` in the repository.")
    return words[0]


def _sort(root: Path, listing: list[bytes]) -> _Found:
    found = _Found()
    prefix = os.fsencode(root) + b"/"
    seen: set[bytes] = set()
    for entry in listing:
        tag, _, path = entry.partition(b" ")
        if path in seen:
            continue
        seen.add(path)
        if path.endswith(b"/"):
            found.nested.append(path[:-1])
        elif tag == b"?":
            _sort_untracked(found, prefix, path)
        else:
            _sort_tracked(found, prefix, path)
    return found


def _sort_untracked(found: _Found, prefix: bytes, path: bytes) -> None:
    try:
        status = os.lstat(prefix + path)
    except OSError:
        return  # gone since it was listed
    if status.st_size > LARGE:
        found.large.append(path)
    elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
        found.take.append(path)
        found.untracked.add(path)


def _sort_tracked(found: _Found, prefix: bytes, path: bytes) -> None:
    if any(_is_link(prefix + parent) for parent in _parents(path)):
        found.drop.append(path)
        return
    try:
        mode = os.lstat(prefix + path).st_mode
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise RepositoryError(_unreadable(path)) from None
        found.take.append(path)
        return
    if stat.S_ISDIR(mode):
        if not os.path.lexists(prefix + path + b"/.git"):  # a submodule stays as it is in the index
            found.drop.append(path)
    elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        found.take.append(path)
    else:
        found.drop.append(path)


def _is_link(path: bytes) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False


def _parents(path: bytes) -> Iterator[bytes]:
    parts = path.split(b"/")[:-1]
    return (b"/".join(parts[: count + 1]) for count in range(len(parts)))


async def _update(place: GitDir, git: Git, index: Path, found: _Found) -> None:
    if found.drop:
        gone = b"".join(path + b"\0" for path in found.drop)
        await git.run("update-index", "--force-remove", "-z", "--stdin", stdin=gone, index=index, work_tree=place.root)
    if not found.take:
        return
    done = await git.run(
        *("update-index", "--add", "--remove", "--replace", "-z", "--stdin"),
        stdin=b"".join(path + b"\0" for path in found.take),
        index=index,
        work_tree=place.root,
        ok=(0, 128),
    )
    if done.code:
        unreadable = next((path for path in found.take if _denied(os.fsencode(place.root) + b"/" + path)), None)
        if unreadable is not None:
            raise RepositoryError(_unreadable(unreadable))
        raise RepositoryError(
            f"Taking a snapshot of the working tree failed: {done.complaint} "
            "Start from the last commit instead with `--base HEAD`."
        )


def _denied(path: bytes) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC))
    except OSError as error:
        return error.errno in (errno.EACCES, errno.EPERM, errno.EIO)
    return False


def _unreadable(path: bytes) -> str:
    return (
        f"{one_line(decode(path), 200)} cannot be read: permission denied. Make it readable, add it to .gitignore, "
        "or start from the last commit with `--base HEAD`."
    )


async def _changed(git: Git, head_tree: str | None, tree: str) -> set[bytes]:
    """The paths that differ from the last commit; all of them when there is none."""
    if head_tree == tree:
        return set()
    if head_tree is None:
        done = await git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", tree)
    else:
        arguments = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=all")
        done = await git.run(*arguments, head_tree, tree, doing="Counting the changed files")
    return {path for path in done.out.split(b"\0") if path}


def submodules_left_out(gitmodules: bytes) -> tuple[str, ...]:
    """What is to be said about the submodules that a `.gitmodules` names."""
    modules = parse_config(gitmodules)
    paths = sorted(value for key, value in modules.items() if key.startswith("submodule.") and key.endswith(".path"))
    return (f"Submodules are left out of the work: {_some(paths)}.",) if paths else ()


def _left_out(place: GitDir, found: _Found) -> Iterator[str]:
    yield from submodules_left_out(read_small(place.root / ".gitmodules", 1024 * 1024) or b"")
    if found.nested:
        yield f"Repositories inside the repository are left out: {_some(map(decode, found.nested))}."
    if found.large:
        limit = f"{LARGE // 1024**2} MiB"
        yield f"Untracked files over {limit} are left out of the result: {_some(map(decode, found.large))}."


def _some(names: "Iterator[str] | list[str] | map[str]") -> str:
    shown = [one_line(name, 60) for name in names]
    rest = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(shown[:5]) + rest
