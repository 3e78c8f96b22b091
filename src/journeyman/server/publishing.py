"""Results pushed as branches to where their repository came from, with the credentials of the service's own git.

A folder of this machine is pushed to its `origin`, if that is an address elsewhere: what a repository says about
itself must not make git run the hooks of a folder here. What a person names themselves may be any address.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.core import folds
from journeyman.core.api.tasks import Publish, PublishedBranch, Publishing
from journeyman.core.errors import UsageError
from journeyman.core.events import Published
from journeyman.core.evidence import Result
from journeyman.core.pull_request import PullRequestView
from journeyman.core.task import Attempt, Base, Task
from journeyman.forge.plain_git import without_password
from journeyman.forge.protocol import Author, BranchPush
from journeyman.repo.repository import Repository
from journeyman.server.attempts import result_of, start_of
from journeyman.server.auth.actor import Actor
from journeyman.server.errors import ApiError
from journeyman.server.files import repository_of
from journeyman.server.forging import offered
from journeyman.server.parts import Parts
from journeyman.server.proposal import body_of, title_of
from journeyman.server.reaching import git_of
from journeyman.server.visible import is_address
from journeyman.store.holder import this_process

PATIENCE = 120.0
"""Seconds that a repository elsewhere may take for a push."""
SLUG = 40
"""Characters of a task's title in the name of a branch."""
NOBODY = Author("Journeyman", "journeyman@localhost")
"""Who a commit is by on a server without sign-in."""

OFF = "This service is set up not to push (`push` under `[server]` in its settings). Take the patch over instead."
NOTHING = "Nothing was changed that could be pushed."
ELSEWHERE = "The repository is a folder of another machine. Apply the patch there, and push it from there."
NO_ORIGIN = (
    "The repository is a folder of the server's machine, and its `origin` is not the address of another one. Take the "
    "patch over, or hand tasks out on the repository's address."
)
UNCOMMITTED = (
    "The work began from changes that were not committed, and does not fit the commit without them. Take the patch "
    "over, or commit those and hand the task out again."
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a result goes. `base` is what it was made from."""

    remote: str
    repository: Repository
    base: Base
    result: Result


async def publishing(parts: Parts, task: Task, attempt: Attempt) -> Publishing:
    """Where the result of an attempt can go, and what of the task went there before."""
    attempts = await parts.store.attempts(task.id)
    earlier, pull = await _earlier(parts, attempts), newest_pull(attempts)
    known = Publishing(
        branch=_branch(task, earlier, pull),
        message=f"{task.title}\n\nJourneyman-Task: {task.id}\n",
        title=title_of(task),
        pull_request=pull,
        published=tuple(earlier),
    )
    try:
        target = await target_of(parts, attempt)
    except ApiError as error:
        return known.model_copy(update={"reason": str(error), "forge_reason": str(error)})
    there, why = await offered(parts, target.remote, target.base)
    told = {
        "remote": without_password(target.remote),
        "body": await _body(parts, task, attempt, target.result),
        "forge": there.target if there is not None else None,
        "forge_reason": why,
    }
    return known.model_copy(update=told)


async def publish(parts: Parts, actor: Actor, task: Task, attempt: Attempt, wanted: Publish) -> Published:
    """Push the result of an attempt, and note that in its log. Raises 409 where it cannot be pushed."""
    target = await target_of(parts, attempt)
    known = await publishing(parts, task, attempt)
    branch = wanted.branch or known.branch
    done = await push(parts, actor, task, attempt, target, (branch, wanted.message or known.message))
    if done is None:
        raise ApiError(409, "conflict", f"The branch {branch} has this result already; nothing was pushed.")
    return done


async def push(
    parts: Parts, actor: Actor, task: Task, attempt: Attempt, target: Target, wanted: tuple[str, str]
) -> Published | None:
    """Push a result as a branch with a message; None where that has it already."""
    branch, message = wanted
    shown = without_password(target.remote)
    earlier = await _events(parts, await parts.store.attempts(task.id))
    before = [event for _, event in earlier if (event.branch, event.remote) == (branch, shown)]
    tree = await _tree(parts, target)
    if before and before[-1].tree == tree:
        return None
    parents = (before[-1].commit,) if before else (target.base.commit,) if target.base.commit else ()
    made = BranchPush(
        tree=tree,
        parents=parents,
        branch=branch,
        message=message,
        author=Author(actor.person.name, actor.person.email) if actor.person is not None else NOBODY,
        objects=(target.repository.git.store / "objects",),
        expected=before[-1].commit if before else None,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            commit = await git_of(parts).push(target.remote, made)
    except TimeoutError as error:
        raise ApiError(409, "conflict", f"{shown} did not answer within {PATIENCE:g} s.") from error
    event = Published(remote=shown, branch=branch, commit=commit, tree=tree, person=actor.id)
    async with parts.store.claim(attempt.id, this_process()) as log:
        await log.append(event)
    return event


async def target_of(parts: Parts, attempt: Attempt) -> Target:
    """Raises 409 where the result of an attempt cannot be pushed anywhere."""
    if not parts.push:
        raise ApiError(409, "conflict", OFF)
    result = await result_of(parts.store, attempt)
    if result.diff is None:
        raise ApiError(409, "conflict", NOTHING)
    base = (await start_of(parts.store, attempt)).base
    repository = await repository_of(parts, base)
    if repository is None:
        raise ApiError(409, "conflict", ELSEWHERE)
    remote = base.remote or repository.place.config.get("remote.origin.url", "")
    if base.remote is None and not is_address(remote):
        raise ApiError(409, "conflict", NO_ORIGIN)
    return Target(remote, repository, base, result)


async def _body(parts: Parts, task: Task, attempt: Attempt, result: Result) -> str:
    """What a pull request says, without the service's secrets."""
    planned = attempt.summary.planned
    events = await parts.store.events(attempt.id, planned - 1) if planned is not None else []
    open_steps = [step.step for step in folds.plan(events[:1]) if step.status != "completed"]
    mask = await parts.store.secrets.refresh()
    return mask.text(body_of(task, attempt, result, open_steps))


async def _tree(parts: Parts, target: Target) -> str:
    """The tree to push: the base's commit with the result's patch, without what a person had not committed."""
    base, result, repository = target.base, target.result, target.repository
    start = base.tree
    if base.commit is not None and base.starting_diff is None:
        _, start, _ = await repository.resolve(base.commit)
    if start == base.tree and result.tree is not None and await repository.has(result.tree):
        return result.tree
    try:
        return await repository.patched(start, await parts.store.blob(result.diff) if result.diff else b"")
    except UsageError as error:
        raise ApiError(409, "conflict", UNCOMMITTED) from error


def newest_pull(attempts: Sequence[Attempt]) -> PullRequestView | None:
    """The newest pull request of a task, of all its attempts."""
    found = [each.summary.pull_request for each in attempts if each.summary.pull_request is not None]
    return max(reversed(found), key=lambda each: each.at, default=None)


async def _earlier(parts: Parts, attempts: Sequence[Attempt]) -> list[PublishedBranch]:
    """What was pushed of a task, the oldest first."""
    return [
        PublishedBranch(attempt=name, remote=event.remote, branch=event.branch, commit=event.commit, at=event.at)
        for name, event in await _events(parts, attempts)
    ]


async def _events(parts: Parts, attempts: Sequence[Attempt]) -> list[tuple[str, Published]]:
    found: list[tuple[str, Published]] = []
    for attempt in attempts:
        if attempt.summary.branch:
            events = await parts.store.pages.of_kinds(attempt.id, ("published",))
            name = f"{attempt.turn}.{attempt.number}"
            found += [(name, event) for event in events if isinstance(event, Published)]
    return sorted(found, key=lambda one: one[1].at)


def _branch(task: Task, earlier: Sequence[PublishedBranch], pull: PullRequestView | None) -> str:
    """That of last time, unless a pull request for it is over: forges delete the branches of those. A new name says
    what it is about, and is no other task's."""
    last = earlier[-1].branch if earlier else None
    if last is not None and not (pull is not None and pull.branch == last and not pull.pending):
        return last
    words = re.sub(r"[^a-z0-9]+", "-", task.title.lower())[:SLUG].strip("-")
    used = len({each.branch for each in earlier})
    return f"journeyman/{words or 'task'}-{task.id[-4:]}{f'-{used + 1}' if used else ''}"
