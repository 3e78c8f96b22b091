"""A task's repository on this machine: one commit that holds what the agent may see, and nothing of what came later.

History stays outside on purpose: the commit that fixes a mined task lies in the same repository, and a git directory
that borrows its objects would hand the answer out.
"""

import asyncio
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.clones import Ground, is_address
from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.text import plain
from journeyman.evals import laying
from journeyman.evals.task import EvalTask, Origin
from journeyman.repo.git import SEARCH_PATH, Git, find_git
from journeyman.repo.repository import Repository, open_repository

BORROWED = (".venv", "venv", "node_modules")
"""Folders at the top of a repository that hold what it needs installed, where git ignores them."""
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n"
_WHO = ("-c", "user.name=Journeyman", "-c", "user.email=journeyman@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Where repositories of a set are found: below `folder`, as OWNER/NAME, OWNER__NAME or NAME, also with .git."""

    folder: Path | None = None

    def find(self, name: str) -> str:
        """The repository that a task names: an address, a folder of this machine, or what is below `folder`."""
        if is_address(name):
            return name
        places = [Path(name).expanduser()]
        if self.folder is not None:
            flat = (name, name.replace("/", "__"), name.rpartition("/")[2])
            places = [self.folder / (one + end) for one in flat for end in ("", ".git")] + places
        for place in places:
            if place.is_dir():
                return str(place.resolve())
        where = f" below {self.folder}" if self.folder is not None else "; --mirrors names the folder where it is"
        raise UsageError(f"The repository {plain(name)} of the set is not there{where}.")


async def lay_out(task: EvalTask, folder: Path, ground: Ground, mirrors: Mirrors) -> Path:
    """The repository of a task at `folder`, made unless it is there; whole or not at all."""
    if (folder / ".git").is_dir():
        return folder
    fresh = folder.with_name(f".new-{secrets.token_hex(6)}")
    fresh.mkdir(parents=True)
    try:
        borrows: tuple[tuple[str, Path], ...] = ()
        if task.origin is None:
            await asyncio.to_thread(laying.lay, fresh, task.files)
        else:
            borrows = await _check_out(task.origin, fresh, ground, mirrors)
        await commit(fresh, tuple(name for name, _ in borrows))
        for name, source in borrows:
            await asyncio.to_thread(borrow, source, fresh / name)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    return folder


async def opened(place: str, ground: Ground, ref: str | None = None) -> Repository:
    """The repository at a folder or an address."""
    if is_address(place):
        from journeyman.attempt.clones import Wanted, start_from

        repository, _ = await start_from(ground, Wanted(place, ref))
        return repository
    return await open_repository(Path(place), ground.state, excludes=ground.excludes)


async def _check_out(origin: Origin, into: Path, ground: Ground, mirrors: Mirrors) -> tuple[tuple[str, Path], ...]:
    """The files of the commit; returns the folders that are to be borrowed with where they are."""
    repository = await opened(mirrors.find(origin.repository), ground, origin.commit)
    _, tree, _ = await repository.resolve(origin.commit)
    await repository.checkout(tree, into)
    found = [(name, repository.root / name) for name in origin.borrows if name in BORROWED]
    return tuple((name, source) for name, source in found if source.is_dir() and not (into / name).exists())


async def commit(folder: Path, ignored: tuple[str, ...] = ()) -> None:
    """Make the files at `folder` a repository of one commit; names of `ignored` at its top are no part of it."""
    store = folder / ".git"
    for name in ("objects/pack", "refs/heads", "info"):
        (store / name).mkdir(parents=True)
    (store / "HEAD").write_text("ref: refs/heads/main\n")
    (store / "config").write_text(_CONFIG)
    (store / "info" / "exclude").write_text("".join(f"/{name}\n" for name in ignored))
    git = Git(find_git(SEARCH_PATH, folder), store)
    await git.run("add", "-A", "-f", work_tree=folder, doing="Making the task's repository")
    done = ("commit", "-q", "--no-verify", "--allow-empty", "-m", "The task")
    await git.run(*_WHO, *done, work_tree=folder, doing="Making the task's repository")


def borrow(source: Path, target: Path) -> None:
    """What a project has installed, seen at `target`: a link to a virtual environment, which is found and shown to the
    sandbox at its own place, and a copy of anything else that shares its blocks where the disk can."""
    if (source / "pyvenv.cfg").is_file():
        target.symlink_to(source.resolve())
        return
    try:
        shutil.copytree(source, target, symlinks=True, copy_function=_linked)
    except shutil.Error as error:
        raise RepositoryError(f"{source} could not be copied for a task: {error.args[0][0][2]}") from error


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
