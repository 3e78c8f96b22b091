"""Replies while a model writes them, for whoever looks on. They are no events: nothing is built on them, and nothing is
lost with them.

The process that works an attempt has what its model has written by now in memory. It goes to the database only while
somebody watches the task: one row for each attempt, overwritten a few times a second, those of all its attempts in one
transaction. Who watches says so in a row as well, and looks at the drafts a few times a second, all in one statement.
A draft counts for as long as its writer holds the attempt, and until the reply that it is the beginning of is an event.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from journeyman.core.errors import StoreError
from journeyman.core.events import Compacted, Escalated, Event, Finished, Heard, Replied, Said, Stopped
from journeyman.core.ids import Clock
from journeyman.core.mask import Mask
from journeyman.core.model import Delta
from journeyman.store.codec import spelled
from journeyman.store.database import Database
from journeyman.store.log import AttemptLog

if TYPE_CHECKING:
    from sqlalchemy import Connection

LOOK = 0.5
"""Seconds between two looks whether somebody watches while a model writes, and whether one writes while somebody
watches."""
PAUSE = 0.125
"""Seconds between two stores of what is being written, and between two looks at it."""
MOST = 32_768
"""Characters that are kept of what a reply says, and of what was thought before; beyond them they are only counted."""
WATCHED = 30.0
"""Seconds for which it holds when somebody says that they watch."""
AGAIN = 10.0
"""Seconds after which they say so again."""

ENDS = (Replied, Said, Heard, Compacted, Escalated, Stopped, Finished)
"""Events with which a reply is over."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The reply that an attempt's model writes just now, behind the event `since` of the attempt. `written` are the
    characters of all of it, calls too; `reasoning` and `text` have at most `MOST` each."""

    attempt_id: str
    since: int
    written: int
    reasoning: str
    text: str


class Writing:
    """Made by `Drafts.writing`: takes the reply of an attempt piece by piece."""

    def __init__(self, log: AttemptLog, news: asyncio.Event) -> None:
        self.attempt_id = log.id
        self.task_id = log.task_id
        self.stored = False
        """The database has a row of it, or will have one in a moment."""
        self._log = log
        self._news = news
        self._version = 0
        self.clear()

    @property
    def live(self) -> bool:
        """Whether something is being written."""
        return self._written > 0

    @property
    def due(self) -> bool:
        """Whether something was written since the last row."""
        return self._fresh

    def add(self, delta: Delta) -> None:
        """Take the next piece. Called for each that a model sends, so it does next to nothing."""
        if not self._written:
            self._since = self._log.events[-1].seq if self._log.events else 0
            self._news.set()
        self._written += len(delta.text)
        self._fresh = True
        if delta.kind == "text":
            self._text.add(delta.text)
        elif delta.kind == "reasoning":
            self._reasoning.add(delta.text)

    def clear(self) -> None:
        """Forget it: the reply is over, or begins again."""
        self._text, self._reasoning = _Text(self._log.mask), _Text(self._log.mask)
        self._since, self._written, self._fresh = 0, 0, False

    def heard(self, events: Sequence[Event]) -> None:
        """Listens to the attempt's log."""
        if self._written and any(isinstance(event, ENDS) for event in events):
            self.clear()

    def row(self) -> dict[str, Any]:
        self._version += 1
        self._fresh, self.stored = False, True
        return {
            "attempt_id": self.attempt_id,
            "task_id": self.task_id,
            "epoch": self._log.epoch,
            "version": self._version,
            "since": self._since,
            "written": self._written,
            "reasoning": self._reasoning.whole(),
            "text": self._text.whole(),
        }

    def again(self) -> None:
        """The last row was not stored."""
        self._fresh = self.live


class _Text:
    """A text that comes in pieces, without secrets."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask.stream() if mask else None
        self._pieces: list[str] = []
        self._room = MOST
        self._whole = ""

    def add(self, piece: str) -> None:
        if self._room > 0:
            self._pieces.append(piece[: self._room])
            self._room -= len(piece)

    def whole(self) -> str:
        """All of it, but for an end that may be the beginning of a secret."""
        if self._pieces:
            new = cast("str", spelled("".join(self._pieces)))
            self._pieces.clear()
            if self._mask is not None:
                new = self._mask.feed(new.encode()).decode("utf-8", "replace")
            self._whole += new
        return self._whole


class Onlooker:
    """Made by `Drafts.follow`."""

    def __init__(self, task_id: str, wake: Callable[[], None]) -> None:
        self.task_id = task_id
        self.wake = wake
        self.drafts: Mapping[str, Draft] = {}
        """What is being written just now, by the attempts' ids. It never changes: another one comes in its place."""


class _Loop:
    """Something that goes on while anybody needs it."""

    def __init__(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._run = run
        self._users = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def goes_on(self) -> bool:
        return self._task is not None

    @asynccontextmanager
    async def needed(self) -> AsyncGenerator[None]:
        self._users += 1
        task = self._task = self._task or asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._task = None
                task.cancel()
                await asyncio.wait([task])


_Key = tuple[int, int]
"""Epoch and version of a draft: what tells it from another one of the attempt."""
_Row = tuple[str, Draft]
"""With the task's id."""


class Drafts:
    """The drafts of a store. They cost nothing while no model writes and nobody watches."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self._clock = clock
        self._open: dict[str, Writing] = {}
        self._written = asyncio.Event()
        self._storing = _Loop(self._store)
        self._onlookers: set[Onlooker] = set()
        self._came = asyncio.Event()
        self._looking = _Loop(self._look)
        self._known: dict[str, _Key] = {}
        self._found: dict[str, dict[str, Draft]] = {}

    @asynccontextmanager
    async def writing(self, log: AttemptLog) -> AsyncGenerator[Writing]:
        """Where the attempt that this process holds puts its replies while they are written."""
        writing = Writing(log, self._written)
        self._open[log.id] = writing
        deaf = log.listen(writing.heard)
        try:
            async with self._storing.needed():
                yield writing
        finally:
            deaf()
            del self._open[log.id]
            if writing.stored:
                with suppress(StoreError):  # it counts no longer in any case
                    await self.database.write(partial(_write, rows=[], gone=[log.id]))

    @asynccontextmanager
    async def follow(self, task_id: str, wake: Callable[[], None]) -> AsyncGenerator[Onlooker]:
        """Watch the drafts of a task. `wake` is called when they have changed."""
        onlooker = Onlooker(task_id, wake)
        self._onlookers.add(onlooker)
        if self._looking.goes_on and self._found.get(task_id):
            onlooker.drafts = self._found[task_id]
            wake()
        self._came.set()
        try:
            async with self._looking.needed():
                yield onlooker
        finally:
            self._onlookers.discard(onlooker)

    async def _store(self) -> None:
        """Store what is being written, for as long as the process works on attempts."""
        wanted: frozenset[str] = frozenset()
        looked = float("-inf")
        while True:
            await self._written.wait()
            self._written.clear()
            try:
                if time.monotonic() >= looked + LOOK:
                    wanted = await self.database.read(partial(_wanted, now=self._clock()))
                    looked = time.monotonic()
                await self._store_those(wanted)
            except StoreError:
                pass  # whoever writes more than this tells of it
            if any(writing.live or writing.stored for writing in self._open.values()):
                self._written.set()
            seen = any(writing.stored or writing.task_id in wanted for writing in self._open.values())
            await asyncio.sleep(PAUSE if seen else LOOK)

    async def _store_those(self, wanted: frozenset[str]) -> None:
        due = [writing for writing in self._open.values() if writing.due and writing.task_id in wanted]
        over = [writing for writing in self._open.values() if writing.stored and not writing.live]
        if not due and not over:
            return
        rows, gone = [writing.row() for writing in due], [writing.attempt_id for writing in over]
        try:
            await self.database.write(partial(_write, rows=rows, gone=gone))
        except StoreError:
            for writing in due:
                writing.again()
            raise
        for writing in over:
            writing.stored = False

    async def _look(self) -> None:
        """Say what is watched, and look for drafts of it, for as long as somebody watches."""
        watched: frozenset[str] = frozenset()
        said = float("-inf")
        self._known, self._found = {}, {}
        while True:
            self._came.clear()
            tasks = sorted({onlooker.task_id for onlooker in self._onlookers})
            try:
                if not watched.issuperset(tasks) or time.monotonic() >= said + AGAIN:
                    await self.database.write(partial(_watch, tasks=tasks, now=self._clock()))
                    watched, said = frozenset(tasks), time.monotonic()
                look = partial(_drafts, tasks=tasks, known=self._known, now=self._clock())
                self._take(*await self.database.read(look))
            except StoreError:
                pass  # whoever reads or writes more than this tells of it
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE if self._found else LOOK):
                    await self._came.wait()

    def _take(self, keys: dict[str, _Key], rows: list[_Row]) -> None:
        """Tell those who watch a task whose drafts are not what they were."""
        changed = {task_id for task_id, _ in rows}
        found = {task_id: dict(drafts) for task_id, drafts in self._found.items()}
        for task_id, drafts in found.items():
            for attempt_id in [one for one in drafts if one not in keys]:
                del drafts[attempt_id]
                changed.add(task_id)
        for task_id, draft in rows:
            found.setdefault(task_id, {})[draft.attempt_id] = draft
        self._known, self._found = keys, {task_id: drafts for task_id, drafts in found.items() if drafts}
        for onlooker in self._onlookers:
            if onlooker.task_id in changed:
                onlooker.drafts = found[onlooker.task_id]
                onlooker.wake()


def _wanted(connection: "Connection", now: float) -> frozenset[str]:
    from sqlalchemy import select

    from journeyman.store.schema import watched

    return frozenset(connection.execute(select(watched.c.task_id).where(watched.c.until > now)).scalars())


def _watch(connection: "Connection", tasks: Sequence[str], now: float) -> None:
    from sqlalchemy import delete, update

    from journeyman.store.schema import insert_new, watched

    until = now + WATCHED
    for task_id in tasks:
        if not insert_new(connection, watched, {"task_id": task_id, "until": until}, "task_id"):
            connection.execute(update(watched).where(watched.c.task_id == task_id).values(until=until))
    connection.execute(delete(watched).where(watched.c.until < now - WATCHED))


def _write(connection: "Connection", rows: Sequence[dict[str, Any]], gone: Sequence[str]) -> None:
    from sqlalchemy import delete, update

    from journeyman.store.schema import draft, insert_new

    for row in rows:
        if not insert_new(connection, draft, row, "attempt_id"):
            connection.execute(update(draft).where(draft.c.attempt_id == row["attempt_id"]).values(row))
    if gone:
        connection.execute(delete(draft).where(draft.c.attempt_id.in_(gone)))


def _drafts(
    connection: "Connection", tasks: list[str], known: Mapping[str, _Key], now: float
) -> tuple[dict[str, _Key], list[_Row]]:
    """What tells the drafts of these tasks from those of before, and those that are not `known`."""
    from sqlalchemy import exists, select

    from journeyman.store.schema import attempt, draft, event

    replied = exists().where(
        event.c.attempt_id == draft.c.attempt_id, event.c.kind == "replied", event.c.seq > draft.c.since
    )
    query = (
        select(draft.c.attempt_id, draft.c.epoch, draft.c.version)
        .join_from(draft, attempt, attempt.c.id == draft.c.attempt_id)
        .where(draft.c.task_id.in_(tasks), attempt.c.epoch == draft.c.epoch, attempt.c.expires > now, ~replied)
    )
    keys = {row.attempt_id: (row.epoch, row.version) for row in connection.execute(query)}
    new = [attempt_id for attempt_id, key in keys.items() if known.get(attempt_id) != key]
    if not new:
        return keys, []
    rows = connection.execute(select(draft).where(draft.c.attempt_id.in_(new)))
    return keys, [(row.task_id, Draft(row.attempt_id, row.since, row.written, row.reasoning, row.text)) for row in rows]
