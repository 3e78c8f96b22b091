"""Results that become pull requests, and what becomes of these."""

from dataclasses import dataclass

from journeyman.attempt.credentials import place_of
from journeyman.core.api.forges import OpenPullRequest
from journeyman.core.api.tasks import Publishing
from journeyman.core.events import PullRequestChanged
from journeyman.core.ids import Clock
from journeyman.core.pull_request import WORDS, PullRequestView
from journeyman.core.task import Attempt, Task
from journeyman.forge.pull_requests import AlreadyOpen, ForgeError, Proposal, PullRequest, PullRequests
from journeyman.server.auth.actor import Actor
from journeyman.server.errors import ApiError
from journeyman.server.forging import Offered, connected, offered, token_of
from journeyman.server.parts import Parts
from journeyman.server.publishing import Target, publishing, push, target_of
from journeyman.store.holder import this_process
from journeyman.store.pulls import Pull
from journeyman.store.store import Store

NONE = "No pull request was opened for this task from here."


@dataclass(frozen=True, slots=True)
class _Opening:
    """A pull request that is wanted: for what, where, and what is known by now."""

    task: Task
    attempt: Attempt
    target: Target
    there: Offered
    known: Publishing
    wanted: OpenPullRequest

    @property
    def branch(self) -> str:
        return self.wanted.branch or self.known.branch

    @property
    def word(self) -> str:
        return WORDS[self.there.forge.kind]


async def open_for(
    parts: Parts, actor: Actor, task: Task, attempt: Attempt, wanted: OpenPullRequest
) -> PullRequestView:
    """Push the result of an attempt and open a pull request for it, or bring the one up to date that is open for its
    branch. Raises 409 where that cannot be, with what was done by then."""
    target = await target_of(parts, attempt)
    there, why = await offered(parts, target.remote, target.base)
    if there is None:
        raise ApiError(409, "conflict", why)
    opening = _Opening(task, attempt, target, there, await publishing(parts, task, attempt), wanted)
    forge = there.forge
    async with connected(place_of(forge), await token_of(parts.store, forge), parts.clock) as client:
        await client.repository(there.target.repository)  # before anything is pushed
        found = await _opened(parts, actor, opening, client)
    view = view_of(there, found, parts.clock())
    await tell(parts.store, attempt.id, view, actor.id)
    return view


async def _opened(parts: Parts, actor: Actor, opening: _Opening, client: PullRequests) -> PullRequest:
    repository, wanted, branch = opening.there.target.repository, opening.wanted, opening.branch
    base = wanted.base or opening.there.target.base
    if branch == base:
        raise ApiError(409, "conflict", f"The branch {branch} cannot be taken into itself; name another one.")
    there = await client.find(repository, branch)
    if there is not None and wanted.base not in (None, there.base):
        raise ApiError(
            409,
            "conflict",
            f"The {opening.word} {there.number} for {branch} is open already, into {there.base}. Close it there, or "
            "take another branch.",
        )
    message = opening.known.message
    pushed = await push(parts, actor, opening.task, opening.attempt, opening.target, (branch, message))
    try:
        if there is None:
            there = await _fresh(opening, client, base)
        elif wanted.title is not None or wanted.body is not None:
            await client.update(repository, there.number, title=wanted.title, body=wanted.body)
        return await client.state(repository, there.number)
    except ForgeError as error:
        if pushed is None:
            raise
        raise ApiError(
            409, "conflict", f"The branch {branch} was pushed, and nothing further was done. {error}"
        ) from error


async def _fresh(opening: _Opening, client: PullRequests, base: str) -> PullRequest:
    wanted, repository = opening.wanted, opening.there.target.repository
    title = wanted.title or opening.known.title
    body = wanted.body if wanted.body is not None else opening.known.body
    try:
        return await client.open(repository, Proposal(opening.branch, base, title, body, wanted.draft))
    except AlreadyOpen:  # somebody was first
        found = await client.find(repository, opening.branch)
        if found is None:
            raise
        return found


async def refresh(parts: Parts, task: Task) -> PullRequestView:
    """What became of a task's pull request, as the forge says now. Raises 409 where there is none of ours."""
    pull = await parts.store.pulls.of(task.id)
    if pull is None:
        raise ApiError(409, "conflict", NONE)
    name = pull.pull_request.forge
    forge = await parts.store.forges.get(name)
    if forge is None:
        raise ApiError(409, "conflict", f"The forge {name} is not set up any more.")
    async with connected(place_of(forge), await token_of(parts.store, forge), parts.clock) as client:
        return await look(parts.store, client, pull, parts.clock)


async def look(store: Store, client: PullRequests, pull: Pull, clock: Clock) -> PullRequestView:
    """Ask the forge, and write into the log what has changed."""
    before = pull.pull_request
    found = await client.state(before.repository, before.number)
    told = {"title": found.title, "base": found.base, "state": found.state, "checks": found.checks}
    after = before.model_copy(update=told)
    if after == before:
        return before
    after = after.model_copy(update={"at": clock()})
    await tell(store, pull.attempt_id, after)
    return after


async def tell(store: Store, attempt_id: str, view: PullRequestView, person: str | None = None) -> None:
    async with store.claim(attempt_id, this_process()) as log:
        await log.append(PullRequestChanged(pull_request=view, person=person))


def view_of(there: Offered, found: PullRequest, at: float) -> PullRequestView:
    return PullRequestView(
        forge=there.forge.name,
        kind=there.forge.kind,
        repository=there.target.repository,
        number=found.number,
        url=found.url,
        title=found.title,
        branch=found.branch,
        base=found.base,
        state=found.state,
        checks=found.checks,
        at=at,
    )
