"""Results on their way to where the repository came from."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from journeyman.core.api.forges import OpenPullRequest
from journeyman.core.api.tasks import Publish, Publishing
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Writer
from journeyman.server.auth.noted import note
from journeyman.server.found import ChangedTask, SeenTask, find_attempt
from journeyman.server.parts import parts_of
from journeyman.server.publishing import publish, publishing
from journeyman.server.pulling import open_for, refresh

router = APIRouter(prefix="/tasks/{task_id}", tags=["tasks"], route_class=Route, responses=problems(404, 409))


@router.get("/publish")
async def get_publishing(
    request: Request,
    task: SeenTask,
    attempt: Annotated[str, Query(max_length=80, description="Of which attempt; the chosen one else.")] = "chosen",
) -> Publishing:
    """Where a task's result can be pushed as a branch, or why it cannot, and where it was pushed."""
    parts = parts_of(request)
    return await publishing(parts, task, await find_attempt(parts.store, task, attempt))


@router.post("/publish")
async def publish_result(request: Request, actor: Writer, task: ChangedTask, body: Publish) -> Publishing:
    """Push a result as a branch, by the service's own git. No commit of somebody else's is ever overwritten."""
    parts = parts_of(request)
    attempt = await find_attempt(parts.store, task, body.attempt or "chosen")
    done = await publish(parts, actor, task, attempt, body)
    await note(request, actor, "task.publish", task.id, f"{done.branch} of {done.remote}")
    return await publishing(parts, task, await find_attempt(parts.store, task, attempt.id))


@router.post("/pull-request")
async def open_pull_request(request: Request, actor: Writer, task: ChangedTask, body: OpenPullRequest) -> Publishing:
    """Push a result as a branch and open a pull request for it, or bring the one up to date that is open for it."""
    parts = parts_of(request)
    attempt = await find_attempt(parts.store, task, body.attempt or "chosen")
    pull = await open_for(parts, actor, task, attempt, body)
    await note(request, actor, "pull.opened", task.id, f"{pull.url} ({pull.branch} into {pull.base})")
    return await publishing(parts, task, await find_attempt(parts.store, task, attempt.id))


@router.post("/pull-request/refresh")
async def refresh_pull_request(request: Request, task: ChangedTask) -> Publishing:
    """Ask the forge anew what became of a task's pull request."""
    parts = parts_of(request)
    await refresh(parts, task)
    return await publishing(parts, task, await find_attempt(parts.store, task, "chosen"))
