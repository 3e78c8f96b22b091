"""Repositories given by their address: on each machine one mirror, and a clone of ours that borrows its objects.

In a sandbox the files are seen at the same place on every machine, so that an attempt may go on elsewhere.
"""

import asyncio
import hashlib
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.credentials import credentials_of
from journeyman.attempt.host import Host
from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.task import Base
from journeyman.forge.protocol import Credentials, no_credentials
from journeyman.repo.repository import Repository, open_repository, reopen_repository

_ADDRESS = re.compile(r"(?:(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:)\S+\Z")
WORKSPACES = Path("/workspace")


def is_address(text: str | None) -> bool:
    """Whether this names a repository elsewhere, and no folder of this machine."""
    return text is not None and _ADDRESS.match(text) is not None


def workspace_of(remote: str) -> Path:
    """Where the files of a repository elsewhere are seen in a sandbox: below its own name."""
    last = re.split(r"[/:]", remote.rstrip("/"))[-1].removesuffix(".git")
    return WORKSPACES / (re.sub(r"[^\w.-]+", "-", last).strip(".-") or "repository")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where repositories are opened: our `state`, the person's ignore file `excludes`, git's surroundings, and what it
    signs in with where these have nothing."""

    state: Path
    excludes: Path | None
    environment: Mapping[str, str]
    credentials: Credentials = no_credentials


@dataclass(frozen=True, slots=True)
class Cloned:
    """Our clone of a repository elsewhere: its folder, the commit that was asked for, the branch if it was one, and the
    commits that the default branch and `against` are at."""

    folder: Path
    commit: str
    branch: str | None
    main: str | None
    against: str | None


async def cloned(ground: Ground, remote: str, ref: str | None, against: str | None = None) -> Cloned:
    """Our clone of `remote`, brought up to date; without a `ref` its default branch is meant. The work starts from the
    commit, so that a later fetch changes nothing."""
    from journeyman.forge.plain_git import PlainGit

    forge = PlainGit(ground.state, ground.environment, credentials=ground.credentials)
    folder = _folder(ground.state, remote)
    if not (folder / ".git").is_dir():
        fresh = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
        try:
            await forge.clone(remote, fresh)
            with suppress(OSError):  # another process was first
                fresh.rename(folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    mirror = await forge.fetch(remote)
    branch = ref or mirror.default_branch
    if branch is None:
        raise RepositoryError("The repository is empty; push a first commit to it.")
    return Cloned(
        folder,
        await forge.resolve(remote, mirror, branch),
        branch if branch in mirror.branches else None,
        mirror.branches.get(mirror.default_branch or ""),
        await forge.resolve(remote, mirror, against) if against is not None else None,
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What work is to start from: the folder or the address of a repository, a state of it, and a patch with its blob
    id that is laid over that. For a review, `against` is what the change is against, where a person has said so."""

    place: str
    ref: str | None = None
    starting_diff: tuple[str, bytes] | None = None
    review: bool = False
    against: str | None = None


async def start_from(ground: Ground, wanted: Wanted) -> tuple[Repository, Base]:
    """The repository, and what work on it starts from now."""
    main, against = None, wanted.against
    if is_address(wanted.place):
        clone = await cloned(ground, wanted.place, wanted.ref, against)
        main, against = clone.main, clone.against
        repository = await _open_clone(ground, wanted.place, clone.folder)
        base = await repository.snapshot(clone.commit)
        seen = str(repository.workspace)
        base = base.model_copy(update={"repository": seen, "remote": wanted.place, "branch": clone.branch})
    else:
        repository = await open_repository(Path(wanted.place), ground.state, excludes=ground.excludes)
        base = await repository.snapshot(wanted.ref or ("HEAD" if wanted.starting_diff else None))
    if wanted.starting_diff is not None:
        blob, patch = wanted.starting_diff
        base = base.model_copy(update={"tree": await repository.patched(base.tree, patch), "starting_diff": blob})
    if wanted.review:
        from journeyman.attempt.review import change_begins

        base = base.model_copy(update={"against": await change_begins(repository, base, against, main)})
    return repository, base


async def open_base(host: Host, base: Base) -> Repository:
    """The repository of a stored attempt, with its base; fetched where this machine does not have it yet."""
    return await with_base(ground_of(host), base, host.store.blob)


async def with_base(ground: Ground, base: Base, blob: Callable[[str], Awaitable[bytes]]) -> Repository:
    """The same where there is no host: `blob` gets the starting diff."""
    if base.remote is None:
        repository = await reopen_repository(Path(base.repository), ground.state, excludes=ground.excludes)
    else:
        repository = await _fetched(ground, base.remote, base.commit or base.tree)
    if base.starting_diff is not None and not await repository.has(base.tree):
        if base.commit is None:
            raise UsageError("The starting diff has no commit that it could be laid over.")
        _, tree, _ = await repository.resolve(base.commit)
        await repository.patched(tree, await blob(base.starting_diff))
    return repository


async def _fetched(ground: Ground, remote: str, commit: str) -> Repository:
    folder = _folder(ground.state, remote)
    if (folder / ".git").is_dir():
        repository = await _open_clone(ground, remote, folder)
        if await repository.has(commit):
            return repository
    return await _open_clone(ground, remote, (await cloned(ground, remote, commit)).folder)


def ground_of(host: Host) -> Ground:
    return Ground(host.state, host.excludes, host.git_environment, credentials_of(host.store))


async def _open_clone(ground: Ground, remote: str, folder: Path) -> Repository:
    opened = await open_repository(folder, ground.state, excludes=ground.excludes)
    return Repository(opened.place, opened.git, opened.state, remote, workspace_of(remote))


def _folder(state: Path, remote: str) -> Path:
    return state / "clones" / hashlib.sha256(remote.encode()).hexdigest()[:20]
