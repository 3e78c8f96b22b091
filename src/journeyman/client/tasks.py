"""Handing tasks out, steering them, and reading lists of them."""

from collections.abc import Sequence
from typing import Literal

from journeyman.client.requests import Requests
from journeyman.client.transport import Query
from journeyman.core.api.about import Demo
from journeyman.core.api.tasks import (
    Applied,
    Approve,
    Branches,
    Bulk,
    BulkAct,
    BulkOutcome,
    Choose,
    FollowUp,
    Fork,
    Interrupt,
    Matrix,
    Publish,
    Publishing,
    Rewind,
    Seen,
    Steer,
    TaskBudget,
    TaskCounts,
    TaskCreate,
    TaskPage,
    TaskUpdate,
    TaskUsage,
    TaskView,
    Upload,
)
from journeyman.core.task import Mode, Origin, Status, Verdict
from journeyman.core.value import Value


class TaskRequests(Requests):
    """`task` is always an id, or the beginning of one that is the only one. With a `key`, the same call again has no
    second effect, and is made again by itself where the connection is cut."""

    async def submit(self, task: TaskCreate, *, key: str | None = None) -> TaskView:
        """Hand a task out."""
        return await self._act("/tasks", task, key)

    async def upload(self, data: bytes, media_type: str) -> Upload:
        """Put an image or a patch (`text/x-diff`) where tasks may name it by its id."""
        return await self._ask("POST", "/uploads", Upload, body=data, content_type=media_type, again=True)

    async def follow_up(self, task: str, turn: FollowUp, *, key: str | None = None) -> TaskView:
        """A further turn of a task."""
        return await self._act("/tasks/{task}/turns", turn, key, task=task)

    async def fork(self, task: str, fork: Fork, *, key: str | None = None) -> TaskView:
        """A new task that starts from this one as it was after a step."""
        return await self._act("/tasks/{task}/fork", fork, key, task=task)

    async def rewind(self, task: str, rewind: Rewind, *, key: str | None = None) -> TaskView:
        """Put a task's workspace and conversation back to where they were after a step."""
        return await self._act("/tasks/{task}/rewind", rewind, key, task=task)

    async def steer(self, task: str, text: str, *, attempt: str | None = None, key: str | None = None) -> TaskView:
        """Say something to the agent while it works."""
        return await self._act("/tasks/{task}/steer", Steer(text=text, attempt=attempt), key, task=task)

    async def interrupt(self, task: str, *, attempt: str | None = None, key: str | None = None) -> TaskView:
        """Stop what runs now and keep all of it."""
        return await self._act("/tasks/{task}/interrupt", Interrupt(attempt=attempt), key, task=task)

    async def cancel(self, task: str, *, key: str | None = None) -> TaskView:
        """Stop a task for good; what it did is kept."""
        return await self._act("/tasks/{task}/cancel", None, key, task=task)

    async def approve(self, task: str, budget: TaskBudget, *, key: str | None = None) -> TaskView:
        """Let a task go on that stopped at its budget; `budget` is the whole one, not what is added."""
        return await self._act("/tasks/{task}/approve", Approve(budget=budget), key, task=task)

    async def retry(self, task: str) -> TaskView:
        """Have what failed, or was interrupted or cancelled, go on from the step it was in."""
        return await self._ask("POST", "/tasks/{task}/retry", TaskView, task=task)

    async def choose(self, task: str, attempt: str) -> TaskView:
        """Hand over this attempt ("turn.number", or its number in the newest turn)."""
        body = Choose(attempt=attempt)
        return await self._ask("POST", "/tasks/{task}/choose", TaskView, body=body, again=True, task=task)

    async def mark_applied(self, task: str, attempt: str = "chosen") -> None:
        """Remember that this attempt's patch was put on a working tree, so that lists say so."""
        await self._send("PUT", "/tasks/{task}/applied", body=Applied(attempt=attempt), task=task)

    async def update(self, task: str, change: TaskUpdate) -> TaskView:
        return await self._ask("PATCH", "/tasks/{task}", TaskView, body=change, again=True, task=task)

    async def delete(self, task: str) -> None:
        """Forget a task with its whole history."""
        await self._send("DELETE", "/tasks/{task}", task=task)

    async def bulk(self, act: BulkAct, tasks: Sequence[str]) -> BulkOutcome:
        """The same act on many tasks; each succeeds or fails for itself."""
        return await self._ask("POST", "/tasks/bulk", BulkOutcome, body=Bulk(act=act, ids=tuple(tasks)))

    async def seen(self, task: str, seq: int | None = None) -> None:
        """Mark a task as read up to an event; None is all."""
        await self._send("PUT", "/tasks/{task}/seen", body=Seen(seq=seq), task=task)

    async def tasks(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        search: str = "",
        status: Sequence[Status] = (),
        verdict: Sequence[Verdict] = (),
        mode: Sequence[Mode] = (),
        origin: Sequence[Origin] = (),
        repository: str | None = None,
        environment: str | None = None,
        owner: str | None = None,
        group: str | None = None,
        parent: str | None = None,
        schedule: str | None = None,
        archived: Literal["false", "true", "both"] = "false",
        unread: bool = False,
        sort: Literal["updated", "created"] = "updated",
    ) -> TaskPage:
        """A page of the list, the newest first; `cursor` is that of the page before. `owner` "me" is oneself."""
        query: Query = {
            "limit": limit,
            "cursor": cursor,
            "search": search or None,
            "status": [*status] or None,
            "verdict": [*verdict] or None,
            "mode": [*mode] or None,
            "origin": [*origin] or None,
            "repository": repository,
            "environment": environment,
            "owner": owner,
            "group": group,
            "parent": parent,
            "schedule": schedule,
            "archived": archived,
            "unread": unread or None,
            "sort": sort,
        }
        return await self._ask("GET", "/tasks", TaskPage, query=query)

    async def counts(self) -> TaskCounts:
        return await self._ask("GET", "/tasks/counts", TaskCounts)

    async def task(self, task: str) -> TaskView:
        return await self._ask("GET", "/tasks/{task}", TaskView, task=task)

    async def image(self, task: str, image: str) -> bytes:
        """An image that a turn of the task came with, by its id."""
        return (await self._send("GET", "/tasks/{task}/images/{image}", task=task, image=image)).body

    async def branches(self, *, repository: str | None = None, environment: str | None = None) -> Branches:
        """The branches of a repository, or of that of an environment."""
        query: Query = {"repository": repository, "environment": environment}
        return await self._ask("GET", "/branches", Branches, query=query)

    async def publishing(self, task: str) -> Publishing:
        """Where the result of a task can be pushed, and where it was."""
        return await self._ask("GET", "/tasks/{task}/publish", Publishing, task=task)

    async def publish(self, task: str, what: Publish | None = None) -> Publishing:
        """Push the result of a task as a branch."""
        return await self._ask("POST", "/tasks/{task}/publish", Publishing, body=what or Publish(), task=task)

    async def make_demo(self) -> Demo:
        """Lay a small repository with a bug out on the server's machine, to try it with."""
        return await self._ask("POST", "/demo", Demo)

    async def export_task(self, task: str) -> bytes:
        """The whole task as one file, for another service."""
        return (await self._send("GET", "/tasks/{task}/export", task=task)).body

    async def import_task(self, file: bytes) -> TaskView:
        """Take a task in that was exported."""
        return await self._ask("POST", "/tasks/import", TaskView, body=file, content_type="application/zip")

    async def usage(self, task: str) -> TaskUsage:
        """What a task has used, all attempts of all turns."""
        return await self._ask("GET", "/tasks/{task}/usage", TaskUsage, task=task)

    async def matrix(self, task: str, *, turn: int | None = None) -> Matrix:
        """The attempts of a turn side by side."""
        return await self._ask("GET", "/tasks/{task}/matrix", Matrix, query={"turn": turn}, task=task)

    async def _act(self, path: str, body: Value | None, key: str | None, **places: str) -> TaskView:
        headers = {"idempotency-key": key} if key else None
        return await self._ask("POST", path, TaskView, body=body, headers=headers, again=key is not None, **places)
