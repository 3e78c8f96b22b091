"""Live streams as values. They go on where they were, whatever happens to the connection."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from journeyman.client.requests import Requests, filled
from journeyman.core.api.live import DraftPiece, Gone, NumberedLines
from journeyman.core.api.tasks import TaskLine, TaskView
from journeyman.core.api.work import NumberedEvent


class LiveRequests(Requests):
    async def events(self, task: str, *, after: int | None = None) -> AsyncGenerator[TaskView | NumberedEvent]:
        """The events of a task's attempts, those that there are and those that come, and in between the task itself
        whenever it has changed, until it is deleted. `after` leaves out the events up to that place. No event comes
        twice."""
        async with aclosing(self._live(task, after, drafts=False)) as live:
            async for told in live:
                if not isinstance(told, DraftPiece):
                    yield told

    async def live(
        self, task: str, *, after: int | None = None
    ) -> AsyncGenerator[TaskView | NumberedEvent | DraftPiece]:
        """As `events`, and in between what models write, while they write it. Where the connection was lost in between,
        a draft begins anew."""
        async with aclosing(self._live(task, after, drafts=True)) as live:
            async for told in live:
                yield told

    async def _live(
        self, task: str, after: int | None, *, drafts: bool
    ) -> AsyncGenerator[TaskView | NumberedEvent | DraftPiece]:
        last = after or 0
        start = str(after) if after is not None else None
        path = filled("/tasks/{task}/events", {"task": task})
        async with aclosing(self._transport.events(path, query={"drafts": drafts or None}, after=start)) as stream:
            async for event in stream:
                if event.name == "task":
                    yield self._value(TaskView, event.data)
                elif event.name == "event" and int(event.id or 0) > last:
                    last = int(event.id)
                    yield self._value(NumberedEvent, event.data)
                elif event.name == "draft":
                    yield self._value(DraftPiece, event.data)
                elif event.name == "gone":
                    return

    async def lines(self, task: str, *, after: int | None = None) -> AsyncGenerator[TaskView | NumberedLines]:
        """As `events`, in the vocabulary of `run --json`."""
        start = str(after) if after is not None else None
        path = filled("/tasks/{task}/events", {"task": task})
        async with aclosing(self._transport.events(path, query={"form": "lines"}, after=start)) as stream:
            async for event in stream:
                if event.name == "task":
                    yield self._value(TaskView, event.data)
                elif event.name == "lines":
                    yield self._value(NumberedLines, event.data)
                elif event.name == "gone":
                    return

    async def changes(self, *, after: str | None = None) -> AsyncGenerator[tuple[str, TaskLine | Gone]]:
        """Every task that is new, changed or gone, with the cursor to go on from; the same may come again."""
        async with aclosing(self._transport.events("/events", after=after)) as stream:
            async for event in stream:
                if event.name == "task":
                    yield event.id, self._value(TaskLine, event.data)
                elif event.name == "gone":
                    yield event.id, self._value(Gone, event.data)
