"""What a repository is, read from its files without running anything: root, git directory, settings, refs, state."""

import errno
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.text import decode, plain

ObjectFormat = Literal["sha1", "sha256"]

_HEX = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_REF = re.compile(rb"(?!.*(?:\.\.|//|@\{|\.lock(?:/|\Z)|/\.))refs/[^\x00-\x20\x7f~^:?*\[\\]+(?<![/.])\Z")
_STORE_ENTRY = re.compile(r"(?:[0-9a-f]{2}|pack|info|tmp_.*|.*\.lock|tmp-.*|incoming-.*)\Z")

_STATES = (
    ("rebase-merge", "a rebase", "git rebase --continue", "git rebase --abort"),
    ("rebase-apply/applying", "applying patches (git am)", "git am --continue", "git am --abort"),
    ("rebase-apply", "a rebase", "git rebase --continue", "git rebase --abort"),
    ("MERGE_HEAD", "a merge", "git merge --continue", "git merge --abort"),
    ("CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --continue", "git cherry-pick --abort"),
    ("REVERT_HEAD", "a revert", "git revert --continue", "git revert --abort"),
    ("sequencer/todo", "a cherry-pick or revert", "git cherry-pick --continue", "git cherry-pick --abort"),
)


@dataclass(frozen=True, slots=True)
class GitDir:
    """A repository's places on the disk, all absolute and without symlinks.

    `git` is its own git directory, `common` the one it shares with other worktrees (the same when there are none),
    `objects` its object stores: its own first, then those that it borrows from.
    """

    root: Path
    git: Path
    common: Path
    objects: tuple[Path, ...]
    config: dict[str, str]
    object_format: ObjectFormat

    def head(self) -> tuple[str | None, str | None]:
        """The branch's full ref name (None when detached) and the commit (None when there is none yet)."""
        path = self.git / "HEAD"
        content = os.fsencode(path.readlink()) if path.is_symlink() else read_small(path)  # the first gits linked it
        if content is None:
            raise RepositoryError(f"{plain(str(path))} cannot be read; run `git fsck` in the repository.")
        content = content.strip()
        target = content.removeprefix(b"ref:").strip()
        if _HEX.match(target):
            return None, target.decode()
        if not _REF.match(target):
            raise RepositoryError(f"{plain(str(path))} is damaged; run `git fsck` in the repository.")
        return os.fsdecode(target), self.ref(target)

    def ref(self, name: bytes) -> str | None:
        """The object that a ref points to."""
        content = read_small(self.common / os.fsdecode(name))
        if content is not None and _HEX.match(content.strip()):
            return content.strip().decode()
        packed = read_small(self.common / "packed-refs", 256 * 1024 * 1024) or b""
        found = re.search(rb"^([0-9a-f]{40,64}) " + re.escape(name) + rb"$", packed, re.MULTILINE)
        return found[1].decode() if found else None

    def refs(self) -> dict[bytes, str]:
        """All refs by full name, symbolic ones followed once, in the order of their names."""
        found: dict[bytes, str] = {}
        for line in (read_small(self.common / "packed-refs", 256 * 1024 * 1024) or b"").splitlines():
            value, _, name = line.partition(b" ")
            if _HEX.match(value) and _REF.match(name):
                found[name] = value.decode()
        symbolic: dict[bytes, bytes] = {}
        for name in _loose(self.common / "refs", b"refs"):
            content = (read_small(self.common / os.fsdecode(name)) or b"").strip()
            if not _REF.match(name):
                continue
            if _HEX.match(content):
                found[name] = content.decode()
            elif content.startswith(b"ref:"):
                symbolic[name] = content.removeprefix(b"ref:").strip()
        found.update({name: found[target] for name, target in symbolic.items() if target in found})
        return dict(sorted(found.items()))

    def unfinished(self) -> str | None:
        """The operation that the repository is in the middle of, as a sentence with the ways out."""
        for marker, what, finish, abort in _STATES:
            if (self.git / marker).exists():
                return (
                    f"The repository is in the middle of {what}. Finish it (`{finish}`) or give it up (`{abort}`), "
                    "or start from the last commit with `--base HEAD`."
                )
        if (self.git / "BISECT_LOG").exists():
            return (
                "The repository is in the middle of a bisect. End it with `git bisect reset`, "
                "or start from the commit that is checked out with `--base HEAD`."
            )
        return None


def find_git_dir(start: Path) -> GitDir:
    """The repository that `start` is in. `UsageError` when there is none that can be worked on."""
    if not start.exists():
        raise UsageError(f"{plain(str(start))} does not exist; check the path given with -C.")
    if not start.is_dir():
        raise UsageError(f"{plain(str(start))} is a file; give the directory of a repository with -C.")
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / ".git").exists():
            return _read(folder)
        if folder.name != ".git" and _looks_bare(folder):
            raise UsageError(
                f"{plain(str(folder))} is a bare repository, without files to work on. "
                f"Clone it (`git clone {plain(str(folder))}`) and run in the clone."
            )
    raise UsageError(
        f"{plain(str(start))} is not in a git repository. "
        "Go to one, name one with -C, or make one here with `git init`."
    )


def _read(root: Path) -> GitDir:
    git = _git_directory(root)
    common = git
    pointer = read_small(git / "commondir")
    if pointer is not None:
        common = (git / os.fsdecode(pointer.strip())).resolve()
        if git.parent != common / "worktrees":
            raise UsageError(f"{plain(str(git))} claims to belong to {plain(str(common))}, which does not know it.")
    if not _looks_bare(common) and not (common / "objects").is_dir():
        raise UsageError(
            f"{plain(str(root / '.git'))} is not a git repository (it has no objects). "
            "If it is a worktree whose repository moved, run `git worktree repair` there."
        )
    config = parse_config(read_small(common / "config", 1024 * 1024) or b"")
    if config.get("core.bare", "").lower() in ("true", "yes", "on", "1"):
        raise UsageError(
            f"{plain(str(root))} is a bare repository, without files to work on. Clone it and run in the clone."
        )
    if config.get("extensions.refstorage", "files").lower() != "files":
        raise RepositoryError(
            "This repository keeps its refs as reftable, which is not supported. "
            "Convert it with `git refs migrate --ref-format=files`, or work in a clone made with `--ref-format=files`."
        )
    object_format: ObjectFormat = "sha256" if config.get("extensions.objectformat", "").lower() == "sha256" else "sha1"
    return GitDir(root, git, common, tuple(_object_stores(common / "objects")), config, object_format)


def _git_directory(root: Path) -> Path:
    entry = root / ".git"
    if entry.is_dir():
        return _own(root, entry.resolve())
    content = read_small(entry)
    if content is None or not content.startswith(b"gitdir:"):
        raise UsageError(f"{plain(str(entry))} is not a git directory and does not point to one.")
    git = (root / os.fsdecode(content.removeprefix(b"gitdir:").strip())).resolve()
    if not git.is_dir():
        raise UsageError(
            f"{plain(str(entry))} points to {plain(str(git))}, which does not exist. "
            "If this is a worktree whose repository moved, run `git worktree repair` in that repository."
        )
    return _own(root, git)


def _own(root: Path, git: Path) -> Path:
    """`git` if it is the git directory of `root`, not of another repository that a hostile `.git` points to.

    A linked worktree's and a submodule's name their working tree; one made with `--separate-git-dir` does not.
    """
    if git == root / ".git" or (git.name != ".git" and not (git / "gitdir").exists()):
        return git
    back = read_small(git / "gitdir")
    if back is not None and (git / os.fsdecode(back.strip())).resolve() == root / ".git":
        return git
    raise UsageError(
        f"{plain(str(root / '.git'))} points to {plain(str(git))}, which belongs to another working tree. "
        "If this is a worktree that was moved, run `git worktree repair` in it."
    )


def _looks_bare(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _object_stores(first: Path) -> Iterator[Path]:
    """`first` and what it borrows from, each once.

    These become readable in the sandbox, so a directory that holds anything but git's objects is refused: a hostile
    repository could name the person's keys as its object store.
    """
    waiting, seen = [first], set[Path]()
    while waiting and len(seen) < 32:
        store = waiting.pop(0).resolve()
        if store in seen or not store.is_dir():
            continue
        seen.add(store)
        strange = next((name for name in _names(store) if not _STORE_ENTRY.match(name)), None)
        if strange is not None:
            raise RepositoryError(
                f"{plain(str(store))} is named as a store of git objects but holds {plain(strange)!r}, so it is not "
                "used. Clone the repository afresh, or run `git repack -a -d` and remove objects/info/alternates."
            )
        yield store
        borrowed = (read_small(store / "info" / "alternates", 1024 * 1024) or b"").splitlines()
        waiting.extend(store / os.fsdecode(line) for line in borrowed if line and not line.startswith((b"#", b'"')))


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def _loose(folder: Path, prefix: bytes) -> Iterator[bytes]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        name = prefix + b"/" + os.fsencode(entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _loose(folder / entry.name, name)
        elif entry.is_file(follow_symlinks=False):
            yield name


def read_small(path: Path, limit: int = 64 * 1024) -> bytes | None:
    """The bytes of a regular file of at most `limit` bytes; None for anything else.

    Not of a symlink, which could lead to the person's keys, nor of a pipe, which would block for ever.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EACCES:
            raise RepositoryError(f"{plain(str(path))} cannot be read: permission denied.") from None
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        return file.read(limit)


_SECTION = re.compile(r'\[\s*([A-Za-z0-9.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\](.*)\Z', re.DOTALL)
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?\Z", re.DOTALL)


def parse_config(content: bytes) -> dict[str, str]:
    """Git's configuration file as `section.subsection.key` → value, the last one wins, includes not followed.

    Only for reading a handful of simple settings; lines that it does not understand are passed over.
    """
    found: dict[str, str] = {}
    section = ""
    lines = iter(decode(content).replace("\r\n", "\n").split("\n"))
    for line in lines:
        while line.endswith("\\"):
            line = line[:-1] + next(lines, "")
        line = line.strip()
        if header := _SECTION.match(line):
            sub = re.sub(r"\\(.)", r"\1", header[2]) if header[2] is not None else None
            section = header[1].lower() + ("" if sub is None else f".{sub}")
            line = header[3].strip()
        if not line.startswith(("#", ";")) and section and (key := _KEY.match(line)):
            found[f"{section}.{key[1].lower()}"] = "true" if key[2] is None else _value(key[2])
    return found


def _value(text: str) -> str:
    out: list[str] = []
    quoted, index, kept = False, 0, 0
    while index < len(text):
        char = text[index]
        if char == "\\" and index + 1 < len(text):
            index += 1
            out.append({"n": "\n", "t": "\t", "b": "\b"}.get(text[index], text[index]))
            kept = len(out)
        elif char == '"':
            quoted = not quoted
            kept = len(out)
        elif char in "#;" and not quoted:
            break
        else:
            out.append(char)
            if quoted or not char.isspace():
                kept = len(out)
        index += 1
    return "".join(out[:kept])
