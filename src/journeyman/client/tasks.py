"""Handing tasks out, steering them, and reading lists of them."""

from collections.abc import Sequence

from journeyman.client.requests import Requests
from journeyman.client.transport import Query
from journeyman.core.api.tasks import (
    Approve,
    Bulk,
    BulkAct,
    BulkOutcome,
    Choose,
    FollowUp,
    Interrupt,
    Matrix,
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
from journeyman.core.task import Mode, Status


class TaskRequests(Requests):
    """`task` is always an id, or the beginning of one that is the only one."""

    async def submit(self, task: TaskCreate, *, key: str | None = None) -> TaskView:
        """Hand a task out. With the same `key` a second time, the task of the first is given back."""
        headers = {"idempotency-key": key} if key else None
        return await self._ask("POST", "/tasks", TaskView, body=task, headers=headers, again=key is not None)

    async def upload(self, data: bytes, media_type: str) -> Upload:
        """Put an image or a patch (`text/x-diff`) where tasks may name it by its id."""
        return await self._ask("POST", "/uploads", Upload, body=data, content_type=media_type, again=True)

    async def follow_up(self, task: str, turn: FollowUp, *, key: str | None = None) -> TaskView:
        """A further turn of a task. With the same `key` a second time nothing more is done."""
        headers = {"idempotency-key": key} if key else None
        again = key is not None
        return await self._ask(
            "POST", "/tasks/{task}/turns", TaskView, body=turn, headers=headers, again=again, task=task
        )

    async def steer(self, task: str, text: str, *, attempt: str | None = None) -> TaskView:
        """Say something to the agent while it works."""
        body = Steer(text=text, attempt=attempt)
        return await self._ask("POST", "/tasks/{task}/steer", TaskView, body=body, task=task)

    async def interrupt(self, task: str, *, attempt: str | None = None) -> TaskView:
        """Stop what runs now and keep all of it."""
        body = Interrupt(attempt=attempt)
        return await self._ask("POST", "/tasks/{task}/interrupt", TaskView, body=body, task=task)

    async def cancel(self, task: str) -> TaskView:
        return await self._ask("POST", "/tasks/{task}/cancel", TaskView, again=True, task=task)

    async def approve(self, task: str, budget: TaskBudget) -> TaskView:
        """Let a task go on that stopped at its budget; `budget` is the whole one, not what is added."""
        body = Approve(budget=budget)
        return await self._ask("POST", "/tasks/{task}/approve", TaskView, body=body, again=True, task=task)

    async def retry(self, task: str) -> TaskView:
        return await self._ask("POST", "/tasks/{task}/retry", TaskView, task=task)

    async def choose(self, task: str, attempt: str) -> TaskView:
        """Hand over this attempt ("turn.number", or its number in the newest turn)."""
        body = Choose(attempt=attempt)
        return await self._ask("POST", "/tasks/{task}/choose", TaskView, body=body, again=True, task=task)

    async def update(self, task: str, change: TaskUpdate) -> TaskView:
        return await self._ask("PATCH", "/tasks/{task}", TaskView, body=change, again=True, task=task)

    async def delete(self, task: str) -> None:
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
        search: str | None = None,
        status: Sequence[Status] = (),
        mode: Mode | None = None,
        repository: str | None = None,
        environment: str | None = None,
        owner: str | None = None,
        archived: bool | None = None,
        unread: bool | None = None,
        sort: str | None = None,
    ) -> TaskPage:
        """A page of the list; `cursor` is that of the page before."""
        query: Query = {
            "limit": limit,
            "cursor": cursor,
            "search": search,
            "status": [*status] or None,
            "mode": mode,
            "repository": repository,
            "environment": environment,
            "owner": owner,
            "archived": archived,
            "unread": unread,
            "sort": sort,
        }
        return await self._ask("GET", "/tasks", TaskPage, query=query)

    async def counts(self) -> TaskCounts:
        return await self._ask("GET", "/tasks/counts", TaskCounts)

    async def task(self, task: str) -> TaskView:
        return await self._ask("GET", "/tasks/{task}", TaskView, task=task)

    async def usage(self, task: str) -> TaskUsage:
        """What a task has used, all attempts of all turns."""
        return await self._ask("GET", "/tasks/{task}/usage", TaskUsage, task=task)

    async def matrix(self, task: str, *, turn: int | None = None) -> Matrix:
        """The attempts of a turn side by side."""
        return await self._ask("GET", "/tasks/{task}/matrix", Matrix, query={"turn": turn}, task=task)
