"""The git directory that the sandbox sees: the history and the state of the index, and nothing that runs or tells.

It lies over the person's own `.git`, borrows its objects read-only, and has neither its configuration (remotes and
their passwords, drivers, aliases) nor its hooks.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from journeyman.core.errors import RepositoryError
from journeyman.core.task import Base
from journeyman.core.text import plain
from journeyman.repo.git_dir import GitDir, read_small
from journeyman.repo.git_settings import settings
from journeyman.repo.repository_snapshot import copy_index

OPAQUE = "user.overlay.opaque"

_SYSTEM = "journeyman.system"
_SYSTEM_CONFIG = b"""\
[safe]
	directory = *
[user]
	name = Journeyman
	email = journeyman@localhost
[init]
	defaultBranch = main
[advice]
	detachedHead = false
"""
_INSIDE = b"""\
	checkStat = minimal
	trustctime = false
	untrackedCache = false
	logAllRefUpdates = true
[diff]
	ignoreSubmodules = all
[submodule]
	recurse = false
"""


def environment(workspace: Path) -> dict[str, str]:
    """The variables that git needs inside: the files there belong to another user, which it would refuse."""
    return {"GIT_CONFIG_SYSTEM": str(workspace / ".git" / _SYSTEM), "GIT_TERMINAL_PROMPT": "0"}


def build(place: GitDir, store: Path, into: Path, base: Base, index: Path | None, scratch: Path) -> tuple[Path, ...]:
    """Make `into/.git` and return the object stores that it borrows from. `index` None takes the person's."""
    lent = _lend(place, store)
    fresh = scratch / "layer"
    for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "info", "hooks"):
        (fresh / folder).mkdir(parents=True, exist_ok=True)
    refs = place.refs()
    branch = f"refs/heads/{base.branch}" if base.branch is not None else None
    if branch is not None and base.commit is not None:
        refs[os.fsencode(branch)] = base.commit
    files = {
        "HEAD": head(branch, base.commit),
        "packed-refs": packed(refs),
        "config": settings(place, _INSIDE),
        "objects/info/alternates": b"".join(os.fsencode(each) + b"\n" for each in lent),
        "info/exclude": read_small(store / "info/exclude", 2 * 1024 * 1024) or b"",
        "info/attributes": read_small(store / "info/attributes", 1024 * 1024) or b"",
        "shallow": read_small(store / "shallow", 16 * 1024 * 1024) or b"",
        _SYSTEM: _SYSTEM_CONFIG,
    }
    for name, content in files.items():
        if content or name in ("HEAD", "config"):
            (fresh / name).write_bytes(content)
    if index is None:
        copy_index(place, fresh / "index", fresh)
    else:
        shutil.copy2(index, fresh / "index")
    _move(fresh, into)
    return lent


def _lend(place: GitDir, store: Path) -> tuple[Path, ...]:
    """The object stores under names of the host that lie outside the workspace, where the layer has its own objects."""
    lent: list[Path] = []
    for number, objects in enumerate(place.objects):
        if not objects.is_relative_to(place.root):
            lent.append(objects)
            continue
        link = store / "lent" / str(number)
        link.parent.mkdir(exist_ok=True)
        if not link.is_symlink() or link.readlink() != objects:
            fresh = link.with_name(f"{number}.{secrets.token_hex(4)}")
            fresh.symlink_to(objects)
            fresh.replace(link)
        lent.append(link)
    return tuple(lent)


def _move(fresh: Path, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    target = into / ".git"
    if target.exists():
        raise RepositoryError(f"{plain(str(target))} exists already; give the layer an empty directory.")
    shutil.move(fresh, target)
    try:
        os.setxattr(target, OPAQUE, b"y")
    except OSError as error:
        shutil.rmtree(target)
        if error.errno not in (errno.ENOTSUP, errno.EPERM):
            raise
        raise RepositoryError(
            f"The file system of {plain(str(into))} has no extended attributes, which the sandbox's layers need. "
            "Put JOURNEYMAN_HOME on ext4, xfs, btrfs or a tmpfs of Linux 6.6 or newer."
        ) from None


def head(branch: str | None, commit: str | None) -> bytes:
    """The content of a HEAD file."""
    if branch is not None:
        return b"ref: " + os.fsencode(branch) + b"\n"
    return (commit or "ref: refs/heads/main").encode() + b"\n"


def packed(refs: Mapping[bytes, str]) -> bytes:
    """The content of a packed-refs file."""
    lines = [value.encode() + b" " + name + b"\n" for name, value in sorted(refs.items())]
    return b"# pack-refs with: sorted \n" + b"".join(lines)
