"""Diffs of an attempt's result: against its base, against another attempt, against an earlier turn."""

import asyncio
import os
import re

from journeyman.core import folds
from journeyman.core.api.work import DiffView
from journeyman.core.evidence import Result
from journeyman.core.task import Attempt, Base, Task
from journeyman.core.text import decode
from journeyman.repo.repository import Repository
from journeyman.server.attempts import no_result, result_of, start_of
from journeyman.server.errors import ApiError
from journeyman.server.files import repository_of, snapshot
from journeyman.server.found import find_attempt
from journeyman.server.parts import Parts
from journeyman.server.views.patch import files_of

CONTEXT = 3
"""Lines around a change in the patch that is stored with a result."""
UNIFIED = 2 * 1024 * 1024
"""Bytes of a patch that an answer holds; more is for the download."""
ASIDE = 128 * 1024
"""Bytes of a patch from which it is read in a thread, so that others are not held up."""

REVIEWED = "reviewed"
"""What the change that a review looks at is asked for by."""

_TURN = re.compile(r"turn-([1-9][0-9]{0,8})")


async def patch_of(
    parts: Parts,
    task: Task,
    attempt: Attempt,
    against: str,
    *,
    context: int = CONTEXT,
    ignore_space: bool = False,
    path: str | None = None,
) -> tuple[str, bytes]:
    """What the diff is against ("base" or an attempt's name), and the patch in git's format.

    `against` is "base", an attempt, "turn-N" for the chosen attempt of that turn, or "reviewed": then it is the change
    that a review looks at, whether or not it is done.
    """
    if against == REVIEWED:
        return against, await _reviewed(parts, attempt, context=context, ignore_space=ignore_space, path=path)
    result = await result_of(parts.store, attempt)
    stored = context == CONTEXT and not ignore_space and path is None
    if against == "base" and (stored or result.diff is None):
        return against, await parts.store.blob(result.diff) if result.diff else b""
    start = await start_of(parts.store, attempt)
    repository = await _repository(parts, start.base)
    name, other = "base", start.base.tree
    if against != "base":
        rival = await _other(parts, task, against)
        name = f"{rival.turn}.{rival.number}"
        other = await _tree(parts, repository, start.base, await result_of(parts.store, rival))
    tree = await _tree(parts, repository, start.base, result)
    patch = await repository.diff(
        other,
        tree,
        context=context,
        ignore_space=ignore_space,
        path=os.fsencode(path) if path is not None else None,
    )
    return name, patch


async def _repository(parts: Parts, base: Base) -> Repository:
    repository = await repository_of(parts, base)
    if repository is None:
        raise ApiError(
            409,
            "conflict",
            "The files that this diff is made from are on another machine. The patch against the base, with three "
            "lines of context, is here all the same.",
        )
    return repository


async def _reviewed(parts: Parts, attempt: Attempt, *, context: int, ignore_space: bool, path: str | None) -> bytes:
    """The change that a review looks at. Raises 409 for an attempt that is none."""
    start = await start_of(parts.store, attempt)
    if start.mode != "review":
        raise ApiError(409, "conflict", f"Attempt {attempt.turn}.{attempt.number} is no review.")
    found = await parts.store.pages.of_kinds(attempt.id, ("continued", "finished"))
    result, before, base = folds.result(found), folds.continued(found), start.base
    review = result.review if result is not None else None
    if review is not None and review.diff is not None and context == CONTEXT and not ignore_space and path is None:
        return await parts.store.blob(review.diff)
    repository, tree = await _repository(parts, base), base.tree
    if before is not None and before.tree is not None:
        tree = before.tree
        if before.diff is not None and not await repository.has(tree):
            tree = await repository.patched(base.tree, await parts.store.blob(before.diff))
    only = os.fsencode(path) if path is not None else None
    return await repository.diff(base.against or base.tree, tree, context=context, ignore_space=ignore_space, path=only)


async def patch_so_far(
    parts: Parts,
    task: Task,
    attempt: Attempt,
    against: str,
    *,
    context: int = CONTEXT,
    ignore_space: bool = False,
    path: str | None = None,
) -> tuple[str, bytes]:
    """The same for an attempt without a result: what its last checkpoint holds. Raises 409 where that is elsewhere."""
    async with snapshot(parts, attempt, None) as now:
        repository, tree = now.repository, await now.tree()
        if repository is None or tree is None:
            raise no_result(attempt)
        name, other = "base", now.base.tree
        if against != "base":
            rival = await _other(parts, task, against)
            name = f"{rival.turn}.{rival.number}"
            other = await _tree(parts, repository, now.base, await result_of(parts.store, rival))
        only = os.fsencode(path) if path is not None else None
        return name, await repository.diff(other, tree, context=context, ignore_space=ignore_space, path=only)


async def diff_view(attempt: Attempt, against: str, patch: bytes, *, so_far: bool = False) -> DiffView:
    reading = asyncio.to_thread(files_of, patch) if len(patch) > ASIDE else None
    files = await reading if reading is not None else files_of(patch)
    return DiffView(
        attempt=f"{attempt.turn}.{attempt.number}",
        against=against,
        so_far=so_far,
        files=files,
        unified=decode(patch) if len(patch) <= UNIFIED else "",
        added=sum(file.added for file in files),
        removed=sum(file.removed for file in files),
    )


async def _other(parts: Parts, task: Task, against: str) -> Attempt:
    turn = _TURN.fullmatch(against)
    if turn is None:
        return await find_attempt(parts.store, task, against)
    attempts = await parts.store.attempts(task.id, int(turn[1]))
    turns = {row.number: row.chosen for row in await parts.store.turns.all(task.id)}
    chosen = turns.get(int(turn[1])) or (task.chosen if task.turn == int(turn[1]) else None)
    found = [attempt for attempt in attempts if attempt.id == chosen] or attempts[:1]
    if not found:
        raise ApiError(404, "not_found", f"Task {task.id} has no turn {turn[1]}.")
    return found[0]


async def _tree(parts: Parts, repository: Repository, base: Base, result: Result) -> str:
    """The tree of a result; made from its patch, where another machine came to it."""
    if result.tree is not None and await repository.has(result.tree):
        return result.tree
    return await repository.patched(base.tree, await parts.store.blob(result.diff) if result.diff else b"")
