"""Pull requests on GitHub, github.com's or one of an organisation's own (REST, version 2022-11-28)."""

import asyncio
import time
from typing import Literal, Self
from urllib.parse import quote

from journeyman.core.ids import Clock
from journeyman.core.pull_request import PullRequestChecks, PullRequestState
from journeyman.core.text import one_line
from journeyman.forge.places import Place
from journeyman.forge.pull_requests import (
    AlreadyOpen,
    Declined,
    ForgeError,
    ForgeRepository,
    NoSuchRepository,
    NotAllowed,
    Proposal,
    PullRequest,
    archived,
    refused_token,
    unseen,
)
from journeyman.forge.rest import SECONDS, Reply, Rest, Sleep, Wire, words_of

RUNS = 100
"""Check runs of a page, the most that there are on one."""
PAGES = 5
GOOD = ("success", "neutral", "skipped")
"""Conclusions of a check run that are no failure."""


class _User(Wire):
    login: str


class _Repository(Wire):
    full_name: str
    default_branch: str
    archived: bool = False


class _Ref(Wire):
    ref: str
    sha: str


class _Pull(Wire):
    number: int
    title: str
    state: Literal["open", "closed"]
    draft: bool = False
    merged_at: str | None = None
    head: _Ref
    base: _Ref


class _Run(Wire):
    status: str
    conclusion: str | None = None


class _Runs(Wire):
    total_count: int
    check_runs: tuple[_Run, ...]


class _Status(Wire):
    state: str
    total_count: int


class GitHub:
    """`PullRequests` of a GitHub."""

    def __init__(
        self,
        place: Place,
        token: str,
        *,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        seconds: float = SECONDS,
    ) -> None:
        self.place = place
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        self._rest = Rest(place, headers, token, self._refusal, clock=clock, sleep=sleep, seconds=seconds)

    async def __aenter__(self) -> Self:
        await self._rest.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._rest.__aexit__(*exc)

    async def account(self) -> str:
        return one_line((await self._rest.get(_User, "/user")).login, 100)

    async def repository(self, repository: str) -> ForgeRepository:
        found = await self._rest.get(_Repository, f"/repos/{repository}")
        if found.archived:
            raise archived(self.place, repository)
        return ForgeRepository(one_line(found.full_name, 200), found.default_branch)

    async def find(self, repository: str, branch: str) -> PullRequest | None:
        head = f"{repository.partition('/')[0]}:{branch}"
        query = {"head": head, "state": "open", "sort": "created", "direction": "desc", "per_page": 10}
        found = await self._rest.list(_Pull, f"/repos/{repository}/pulls", query)
        mine = [pull for pull in found if pull.head.ref == branch and pull.state == "open"]
        return self._pull(repository, mine[0]) if mine else None

    async def open(self, repository: str, proposal: Proposal) -> PullRequest:
        body = {
            "title": proposal.title,
            "head": proposal.branch,
            "base": proposal.base,
            "body": proposal.body,
            "draft": proposal.draft,
        }
        return self._pull(repository, await self._rest.send("POST", _Pull, f"/repos/{repository}/pulls", body))

    async def update(
        self, repository: str, number: int, *, title: str | None = None, body: str | None = None
    ) -> PullRequest:
        change = {key: value for key, value in (("title", title), ("body", body)) if value is not None}
        path = f"/repos/{repository}/pulls/{number}"
        return self._pull(repository, await self._rest.send("PATCH", _Pull, path, change))

    async def state(self, repository: str, number: int) -> PullRequest:
        pull = await self._rest.get(_Pull, f"/repos/{repository}/pulls/{number}")
        return self._pull(repository, pull, await self._checks(repository, pull.head.sha))

    async def _checks(self, repository: str, commit: str) -> PullRequestChecks:
        """Check runs (Actions and apps) and statuses (older services) of a commit, all together."""
        where = f"/repos/{repository}/commits/{quote(commit, safe='')}"
        found: list[PullRequestChecks] = [_run(run) for run in await self._runs(where)]
        try:
            status = await self._rest.get(_Status, f"{where}/status")
        except (NotAllowed, NoSuchRepository):  # a token need not have the permission; then these are not told
            status = None
        if status is not None and status.total_count:
            states: dict[str, PullRequestChecks] = {"success": "passed", "pending": "running"}
            found.append(states.get(status.state, "failed"))
        for each in ("failed", "running", "passed"):
            if each in found:
                return each
        return "none"

    async def _runs(self, where: str) -> list[_Run]:
        runs: list[_Run] = []
        for page in range(1, PAGES + 1):
            try:
                found = await self._rest.get(_Runs, f"{where}/check-runs", {"per_page": RUNS, "page": page})
            except (NotAllowed, NoSuchRepository):  # as above
                return runs
            runs += found.check_runs
            if len(runs) >= found.total_count or not found.check_runs:
                break
        return runs

    def _pull(self, repository: str, pull: _Pull, checks: PullRequestChecks = "none") -> PullRequest:
        return PullRequest(
            number=pull.number,
            url=f"{self.place.address}/{repository}/pull/{pull.number}",  # never one that an answer names
            title=one_line(pull.title, 250),
            branch=one_line(pull.head.ref, 250),
            base=one_line(pull.base.ref, 250),
            state=_state(pull),
            head=pull.head.sha,
            checks=checks,
        )

    def _refusal(self, path: str, reply: Reply) -> ForgeError:
        name, said = self.place.name, words_of(reply)
        match reply.status:
            case 401:
                return refused_token(self.place, said)
            case 403:
                return NotAllowed(f"{name} does not let the token do this ({said}). {_missing(reply)}")
            case 404 | 410 if path.startswith("/repos/"):
                repository = "/".join(path.split("/")[2:4])
                return unseen(self.place, repository)
            case 422 if "already exists" in said:
                return AlreadyOpen(f"{name} has a pull request for this branch already.")
            case _:
                return Declined(f"{name} declined: {said}.")


def _run(run: _Run) -> PullRequestChecks:
    if run.status != "completed":
        return "running"
    return "passed" if run.conclusion in GOOD else "failed"


def _state(pull: _Pull) -> PullRequestState:
    if pull.merged_at is not None:
        return "merged"
    if pull.state == "closed":
        return "closed"
    return "draft" if pull.draft else "open"


def _missing(reply: Reply) -> str:
    """What GitHub says that the token would need: a permission of a fine-grained one, a scope of a classic one."""
    wanted = one_line(reply.headers.get("x-accepted-github-permissions", ""), 100)
    if wanted:
        return f"A fine-grained token needs the permission {wanted}."
    scopes = one_line(reply.headers.get("x-accepted-oauth-scopes", ""), 100)
    if scopes:
        return f"A classic token needs one of the scopes {scopes}."
    return 'It needs "Contents" and "Pull requests", both read and write; a classic one the scope repo.'
