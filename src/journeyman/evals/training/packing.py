"""A task of a set made ready for a package: archives of its files, of its grader's, and of the accepted fix."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from journeyman.attempt.clones import ground_of
from journeyman.attempt.host import Host
from journeyman.evals import grade, laying
from journeyman.evals.repositories import Mirrors, lay_out
from journeyman.evals.room import workplace
from journeyman.evals.task import EvalTask
from journeyman.evals.training.environment import Packed, archive
from journeyman.repo.repository import Repository, open_repository


async def packed(host: Host, task: EvalTask, work: Path, mirrors: Mirrors) -> Packed:
    """The archives of a task; `work` is where the run has its repositories."""
    place = await lay_out(task, work / task.folder, ground_of(host), mirrors)
    repository = await open_repository(place, host.state, excludes=host.excludes)
    base = await repository.snapshot("HEAD")
    with workplace(host) as room:
        start = room / "start"
        await repository.checkout(base.tree, start)
        grader, gold = task.grader, (task.gold_files, task.gold_deletes, task.gold_patch)
        hidden, deletes = await _over(
            repository, base.tree, room / "hidden", grader.files, grader.deletes, grader.patch
        )
        fixed, gone = await _over(repository, base.tree, room / "gold", *gold)
        archives = [await asyncio.to_thread(archive, folder) for folder in (start, hidden, fixed)]
    return Packed(task, archives[0], archives[1], deletes, archives[2], gone)


async def _over(
    repository: Repository,
    tree: str,
    room: Path,
    texts: Mapping[str, str],
    deletes: tuple[str, ...],
    patch: str,
) -> tuple[Path, tuple[str, ...]]:
    """A folder with the files that are to lie over `tree`, and the paths that are to go."""
    files, gone = room / "files", list(deletes)
    files.mkdir(parents=True)
    if patch:
        await repository.checkout(tree, room / "patched")
        touched = await grade.apply(patch, room / "patched", room)
        gone += [path for path in touched if not (room / "patched" / path).exists()]
        await asyncio.to_thread(
            grade.carry, tuple(path for path in touched if path not in gone), room / "patched", files
        )
    await asyncio.to_thread(laying.lay, files, texts)
    return files, tuple(gone)
