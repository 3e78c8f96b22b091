"""Whoever waits for news of a task, or of all, is woken: at once for what this process writes, soon for others."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from journeyman.core.errors import StoreError
from journeyman.store.database import Database
from journeyman.store.reading import TaskEvent, task_events

if TYPE_CHECKING:
    from sqlalchemy import Connection

PAUSE = 0.5
"""Seconds until the next look where one failed."""
SLACK = 10.0
"""Seconds that clocks of two processes, and their transactions, may be apart."""
RECENT = 256
"""Events of a task that are kept for all who follow it."""
BATCH = 500
"""Events that are read at once."""
NUDGE = ""
"""Stands where the id of a task would: `Follow.nudge`."""


class Watch:
    """Made by `Tail.watch`."""

    def __init__(self, but: str | None = None) -> None:
        self.but = but
        self._news = asyncio.Event()
        self._changed: set[str] = set()

    async def wait(self, timeout: float | None = None) -> frozenset[str]:
        """The ids of the tasks that changed since the last call; waits for some. Empty after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._news.wait()
        except TimeoutError:
            return frozenset()
        return self.take()

    def take(self) -> frozenset[str]:
        """The same without waiting."""
        changed, self._changed = frozenset(self._changed), set()
        self._news.clear()
        return changed

    def tell(self, task_id: str) -> None:
        self._changed.add(task_id)
        self._news.set()


class Tail:
    """The news of a store. Costs nothing while nobody watches."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watches: dict[str | None, set[Watch]] = {}
        self._feeds: dict[str, _Feed] = {}
        self._hearing: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._again = asyncio.Event()
        self._known: dict[str, tuple[int, float]] = {}
        database.on_change = self._tell

    @asynccontextmanager
    async def watch(self, task_id: str | None = None, *, but: str | None = None) -> AsyncGenerator[Watch]:
        """News of a task, or of all, from here on: events, messages, and changes of the task and its turns. What this
        process writes for the attempt `but` is none."""
        watch = Watch(but)
        self._watches.setdefault(task_id, set()).add(watch)
        if self._ready is None:
            self._ready = asyncio.get_running_loop().create_future()
            self._hearing = asyncio.create_task(self._hear(self._ready))
        try:
            await asyncio.shield(self._ready)
            yield watch
        finally:
            self._watches[task_id].discard(watch)
            if not self._watches[task_id]:
                del self._watches[task_id]
            if not self._watches and self._hearing is not None:
                hearing, self._hearing, self._ready = self._hearing, None, None
                hearing.cancel()
                await asyncio.wait([hearing])

    @asynccontextmanager
    async def follow(self, task_id: str, after: int = 0) -> AsyncGenerator["Follow"]:
        """The events of a task with a place above `after`: those that are there, then those that come."""
        async with self.watch(task_id) as watch:
            feed = self._feeds.setdefault(task_id, _Feed(self._reader(task_id)))
            feed.followers += 1
            try:
                yield Follow(watch, feed, after)
            finally:
                feed.followers -= 1
                if not feed.followers:
                    self._feeds.pop(task_id, None)

    def wake(self) -> None:
        """Wake all who wait for a task, though nothing changed."""
        for task_id, watches in self._watches.items():
            if task_id is not None:
                for watch in watches:
                    watch.tell(task_id)

    def _reader(self, task_id: str) -> "Callable[[int, int], Awaitable[list[TaskEvent]]]":
        async def read(after: int, most: int) -> list[TaskEvent]:
            return await self._database.read(lambda connection: task_events(connection, task_id, after, most))

        return read

    def _tell(self, task_id: str, by: str | None = None) -> None:
        if feed := self._feeds.get(task_id):
            feed.version += 1
        for watch in (*self._watches.get(task_id, ()), *self._watches.get(None, ())):
            if by is None or watch.but != by:
                watch.tell(task_id)

    async def _hear(self, ready: "asyncio.Future[None]") -> None:
        """Tell of what other processes write, for as long as somebody watches."""
        try:
            async with self._database.hearing(self._heard):
                await self._look()  # what is there by now is no news
                ready.set_result(None)
                while True:
                    await self._again.wait()
                    self._again.clear()
                    try:
                        changed = await self._look()
                    except StoreError:  # whoever reads or writes tells of it; here it is looked again
                        self._again.set()
                        await asyncio.sleep(PAUSE)
                        continue
                    for task_id in changed:
                        self._tell(task_id)
        except StoreError as error:
            ready.set_exception(error)
            self._ready = None

    def _heard(self, task_id: str | None) -> None:
        if task_id is None:
            self._again.set()
        else:
            self._tell(task_id)

    async def _look(self) -> list[str]:
        """The tasks that are not as they were at the last look: among those at work, and those changed lately."""
        latest = max((updated for _, updated in self._known.values()), default=0.0)
        named = [task_id for task_id in self._watches if task_id is not None]
        found = await self._database.read(lambda connection: _state(connection, latest - SLACK, named))
        changed = [task_id for task_id, state in found.items() if self._known.get(task_id) != state]
        gone = [task_id for task_id in named if task_id in self._known and task_id not in found]
        self._known = found
        return changed + gone


class Follow:
    """Made by `Tail.follow`. `place` is that of the last event that was handed out; `told` is what ended the last
    `next`: the task's id, `NUDGE`, both, or nothing where its time was over."""

    def __init__(self, watch: Watch, feed: "_Feed", after: int) -> None:
        self.place = after
        self.told: frozenset[str] = frozenset()
        self._watch = watch
        self._feed = feed

    async def next(self, timeout: float | None = None) -> list[TaskEvent]:
        """The next events; waits for some. Empty when something else about the task changed, or after `timeout`
        seconds. It may be cancelled: nothing is skipped."""
        self.told = self._watch.take()
        batch = await self._read()
        if not batch and not self.told:
            self.told = await self._watch.wait(timeout)
            if self.told:
                batch = await self._read()
        return batch

    def nudge(self) -> None:
        """Have `next` return, though nothing of the task has changed."""
        self._watch.tell(NUDGE)

    async def _read(self) -> list[TaskEvent]:
        batch = await self._feed.read(self.place)
        if batch:
            self.place = batch[-1].place
        return batch

    async def __aiter__(self) -> AsyncIterator[TaskEvent]:
        while True:
            for event in await self.next():
                yield event


class _Feed:
    """The newest events of a task, read once for all who follow it."""

    def __init__(self, read: Callable[[int, int], Awaitable[list[TaskEvent]]]) -> None:
        self.followers = 0
        self.version = 0
        self._from_database = read
        self._recent: list[TaskEvent] = []
        self._nothing: tuple[int, int] | None = None  # the version at which nothing was found after a place
        self._lock = asyncio.Lock()

    async def read(self, after: int) -> list[TaskEvent]:
        if (found := self._kept(after)) is not None:
            return found
        async with self._lock:
            if (found := self._kept(after)) is not None:
                return found
            version = self.version
            found = await self._from_database(after, BATCH)
            if not found:
                self._nothing = (version, after)
            elif not self._recent or self._recent[-1].place == after:
                self._recent = [*self._recent, *found][-RECENT:]
            return found

    def _kept(self, after: int) -> list[TaskEvent] | None:
        """What is known without asking the database; None where it has to be asked."""
        if self._nothing == (self.version, after):
            return []
        if self._recent and self._recent[0].place <= after + 1 and self._recent[-1].place > after:
            return [event for event in self._recent if event.place > after]
        return None


def _state(connection: "Connection", since: float, named: list[str]) -> dict[str, tuple[int, float]]:
    from sqlalchemy import or_, select

    from journeyman.store.schema import task

    wanted = or_(task.c.updated >= since, task.c.status == "running", task.c.id.in_(named))
    rows = connection.execute(select(task.c.id, task.c.seq, task.c.updated).where(wanted))
    return {row.id: (row.seq, row.updated) for row in rows}
