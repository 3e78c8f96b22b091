"""Merge requests on GitLab, gitlab.com's or one of an organisation's own (REST, version 4)."""

import asyncio
import time
from typing import Literal, Self
from urllib.parse import quote, unquote

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

DRAFT = "Draft: "
"""What the title of a draft begins with; nothing else makes it one."""
PIPELINES: dict[str, PullRequestChecks] = {
    "success": "passed",
    "failed": "failed",
    "canceled": "failed",
    "canceling": "failed",
    "skipped": "none",
}
"""States of a pipeline; every other one is on its way."""


class _User(Wire):
    username: str


class _Project(Wire):
    path_with_namespace: str
    default_branch: str | None = None
    archived: bool = False
    merge_requests_access_level: str = "enabled"


class _Pipeline(Wire):
    status: str
    sha: str | None = None


class _Merge(Wire):
    iid: int
    title: str
    state: Literal["opened", "closed", "merged", "locked"]
    draft: bool = False
    sha: str | None = None
    source_branch: str
    target_branch: str
    source_project_id: int | None = None
    target_project_id: int | None = None
    head_pipeline: _Pipeline | None = None


class GitLab:
    """`PullRequests` of a GitLab."""

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
        headers = {"PRIVATE-TOKEN": token, "Accept": "application/json"}
        self._rest = Rest(place, headers, token, self._refusal, clock=clock, sleep=sleep, seconds=seconds)

    async def __aenter__(self) -> Self:
        await self._rest.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._rest.__aexit__(*exc)

    async def account(self) -> str:
        return one_line((await self._rest.get(_User, "/user")).username, 100)

    async def repository(self, repository: str) -> ForgeRepository:
        found = await self._rest.get(_Project, _project(repository))
        if found.archived:
            raise archived(self.place, repository)
        if found.merge_requests_access_level == "disabled":
            raise Declined(f"The repository {repository} of {self.place.name} takes no merge requests.")
        if found.default_branch is None:
            raise Declined(f"The repository {repository} of {self.place.name} is empty; push a first commit to it.")
        return ForgeRepository(one_line(found.path_with_namespace, 300), found.default_branch)

    async def find(self, repository: str, branch: str) -> PullRequest | None:
        query = {"source_branch": branch, "state": "opened", "order_by": "created_at", "sort": "desc", "per_page": 10}
        found = await self._rest.list(_Merge, f"{_project(repository)}/merge_requests", query)
        mine = [
            each for each in found if each.source_branch == branch and each.source_project_id == each.target_project_id
        ]
        return self._merge(repository, mine[0]) if mine else None

    async def open(self, repository: str, proposal: Proposal) -> PullRequest:
        body = {
            "title": f"{DRAFT if proposal.draft else ''}{proposal.title}",
            "source_branch": proposal.branch,
            "target_branch": proposal.base,
            "description": proposal.body,
        }
        path = f"{_project(repository)}/merge_requests"
        return self._merge(repository, await self._rest.send("POST", _Merge, path, body))

    async def update(
        self, repository: str, number: int, *, title: str | None = None, body: str | None = None
    ) -> PullRequest:
        path = f"{_project(repository)}/merge_requests/{number}"
        if title is not None and (await self._rest.get(_Merge, path)).draft:
            title = f"{DRAFT}{title}"
        change = {key: value for key, value in (("title", title), ("description", body)) if value is not None}
        return self._merge(repository, await self._rest.send("PUT", _Merge, path, change))

    async def state(self, repository: str, number: int) -> PullRequest:
        found = await self._rest.get(_Merge, f"{_project(repository)}/merge_requests/{number}")
        return self._merge(repository, found, await self._checks(repository, found))

    async def _checks(self, repository: str, merge: _Merge) -> PullRequestChecks:
        """The newest pipeline of the newest commit. The merge request may still show that of the commit before."""
        pipeline = merge.head_pipeline
        if merge.sha is not None and (pipeline is None or pipeline.sha != merge.sha):
            query = {"sha": merge.sha, "order_by": "id", "sort": "desc", "per_page": 1}
            try:
                found = await self._rest.list(_Pipeline, f"{_project(repository)}/pipelines", query)
            except (
                NotAllowed,
                NoSuchRepository,
            ):  # pipelines are off, or not for the token to see: then they are not told
                found = []
            pipeline = found[0] if found else None
        return PIPELINES.get(pipeline.status, "running") if pipeline is not None else "none"

    def _merge(self, repository: str, merge: _Merge, checks: PullRequestChecks = "none") -> PullRequest:
        return PullRequest(
            number=merge.iid,
            url=f"{self.place.address}/{repository}/-/merge_requests/{merge.iid}",  # never one that an answer names
            title=one_line(merge.title.removeprefix(DRAFT), 250),
            branch=one_line(merge.source_branch, 250),
            base=one_line(merge.target_branch, 250),
            state=_state(merge),
            head=merge.sha or "",
            checks=checks,
        )

    def _refusal(self, path: str, reply: Reply) -> ForgeError:
        name, said = self.place.name, words_of(reply)
        match reply.status:
            case 401:
                return refused_token(self.place, said)
            case 403:
                return NotAllowed(
                    f"{name} does not let the token do this ({said}). It needs the scopes api and write_repository, "
                    "and the role Developer or more in the project."
                )
            case 404 if path.startswith("/projects/"):
                repository = unquote(path.split("/")[2])
                return unseen(self.place, repository)
            case 409:
                return AlreadyOpen(f"{name} has a merge request for this branch already.")
            case _:
                return Declined(f"{name} declined: {said}.")


def _project(repository: str) -> str:
    return f"/projects/{quote(repository, safe='')}"


def _state(merge: _Merge) -> PullRequestState:
    match merge.state:
        case "merged":
            return "merged"
        case "closed":
            return "closed"
        case "opened" | "locked":  # locked: it is being merged at this moment
            return "draft" if merge.draft else "open"
