"""Live streams as values. They go on where they were, whatever happens to the connection."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from journeyman.client.requests import Requests, filled
from journeyman.core.api.live import Gone, NumberedLines
from journeyman.core.api.tasks import TaskLine, TaskView
from journeyman.core.api.work import NumberedEvent


class LiveRequests(Requests):
    async def events(self, task: str, *, after: int | None = None) -> AsyncGenerator[TaskView | NumberedEvent]:
        """The events of a task's attempts, those that there are and those that come, and in between the task itself
        whenever it has changed, until it is deleted. `after` leaves out the events up to that place. No event comes
        twice."""
        last = after or 0
        start = str(after) if after is not None else None
        path = filled("/tasks/{task}/events", {"task": task})
        async with aclosing(self._transport.events(path, after=start)) as stream:
            async for event in stream:
                if event.name == "task":
                    yield self._value(TaskView, event.data)
                elif event.name == "event" and int(event.id or 0) > last:
                    last = int(event.id)
                    yield self._value(NumberedEvent, event.data)
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
