"""Live streams of a task: its events as they come, and the task itself whenever it has changed.

Each reader has a place of its own and takes what lies behind it as fast as it can: what a slow one has not taken yet
is not kept for it, but read again from the store. What is the same for all is read and written out once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from journeyman.core.api.live import Gone, NumberedLines
from journeyman.core.events import EVENT, AttemptStarted, Finished, Stopped
from journeyman.core.stream import Line, ThreadStream
from journeyman.core.task import Task
from journeyman.server.auth.actor import Actor
from journeyman.server.drafts import DraftReader
from journeyman.server.lines import Standing, standing
from journeyman.server.parts import Parts
from journeyman.server.sse import COMMENT, json_of, sent
from journeyman.server.visible import sees
from journeyman.store.reading import TaskEvent

GAP = 0.25
"""Seconds between two tellings of how a task stands; its events are told at once."""
WRITTEN = 4096
"""Events that are kept as they go over the wire."""


class TaskStreams:
    """The streams of tasks, of one application. They end when `closing` is set."""

    def __init__(self, parts: Parts, closing: asyncio.Event) -> None:
        self._parts = parts
        self._closing = closing
        self._written: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._standings: dict[str, _Shared] = {}

    async def events(self, actor: Actor, task: Task, after: int, *, drafts: bool = False) -> AsyncGenerator[bytes]:
        """The events with a place above `after`, and with `drafts` what models write just now."""
        async for told in self._told(actor, task, after, drafts):
            yield told if isinstance(told, bytes) else b"".join([self._event(task.id, event) for event in told])

    async def lines(self, actor: Actor, task: Task, after: int, *, drafts: bool = False) -> AsyncGenerator[bytes]:
        """The same in the vocabulary of `run --json`: folded from the beginning, told from behind `after`."""
        fold = _Lines(task.id)
        async for told in self._told(actor, task, 0, drafts):
            if isinstance(told, bytes):
                yield told
                continue
            new = [(event, lines) for event in told if (lines := fold.feed(event)) and event.place > after]
            if new:
                yield b"".join([_lines(event, lines) for event, lines in new])

    async def _told(
        self, actor: Actor, task: Task, after: int, drafts: bool
    ) -> AsyncGenerator[bytes | list[TaskEvent]]:
        shared = self._standings.setdefault(task.id, _Shared(self._parts, task.id))
        shared.readers += 1
        try:
            async for told in self._followed(_State(actor, shared), task.id, after, drafts):
                if told:
                    yield told
        finally:
            shared.readers -= 1
            if not shared.readers:
                self._standings.pop(task.id, None)

    async def _followed(
        self, state: "_State", task_id: str, after: int, drafts: bool
    ) -> AsyncGenerator[bytes | list[TaskEvent]]:
        store = self._parts.store
        async with AsyncExitStack() as stack:
            follow = await stack.enter_async_context(store.tail.follow(task_id, after))
            reader: DraftReader | None = None
            if drafts:
                reader = DraftReader(await stack.enter_async_context(store.drafts.follow(task_id, follow.nudge)))
            while not self._closing.is_set():
                if state.due:
                    told = await state.tell()
                    if told is None:
                        yield sent("gone", json_of(Gone(id=task_id)))
                        return
                    yield told
                batch = await follow.next(state.patience(self._parts.heartbeat))
                yield batch
                if reader is not None:
                    reader.hear(batch)
                    yield reader.tell()
                if batch or task_id in follow.told:
                    state.changed()
                elif not follow.told and not state.waits:
                    yield COMMENT

    def _event(self, task_id: str, event: TaskEvent) -> bytes:
        key = (task_id, event.place)
        if (known := self._written.get(key)) is not None:
            return known
        data = b'{"place":%d,"attempt":%s,"event":%s}'
        data %= event.place, b'"%s"' % event.attempt_id.encode(), EVENT.dump_json(event.event)
        self._written[key] = written = sent("event", data, event.place)
        if len(self._written) > WRITTEN:
            self._written.popitem(last=False)
        return written


class _Shared:
    """How a task stands, read once for all who follow it."""

    def __init__(self, parts: Parts, task_id: str) -> None:
        self.readers = 0
        self._parts = parts
        self._task_id = task_id
        self._lock = asyncio.Lock()
        self._known: tuple[float, Standing | None] = (float("-inf"), None)

    async def since(self, moment: float) -> Standing | None:
        """A reading that was begun after a moment (of the monotonic clock); None when the task is gone."""
        async with self._lock:
            if self._known[0] < moment:
                began = time.monotonic()
                self._known = (began, await standing(self._parts, self._task_id))
            return self._known[1]


@dataclass(slots=True)
class _State:
    """How a task stands, for one reader: told when it is something else than what was told last, not too often."""

    actor: Actor
    shared: _Shared
    waits: bool = True  # something changed since it was told last
    noticed: float = field(default_factory=time.monotonic)
    last: bytes = b""
    at: float = field(default=float("-inf"))

    @property
    def due(self) -> bool:
        return self.waits and time.monotonic() >= self.at + GAP

    def patience(self, heartbeat: float) -> float:
        """Seconds that may go by until something has to be told."""
        return max(min(self.at + GAP - time.monotonic(), heartbeat), 0.001) if self.waits else heartbeat

    def changed(self) -> None:
        self.waits, self.noticed = True, time.monotonic()

    async def tell(self) -> bytes | None:
        """What is to be sent, nothing where nothing is new; None when the task is gone, or out of sight."""
        self.waits, self.at = False, time.monotonic()
        found = await self.shared.since(self.noticed)
        if found is None or not sees(self.actor, found.task):
            return None
        view = sent("task", json_of(found.view(self.actor)))
        if view == self.last:
            return b""
        self.last = view
        return view


class _Lines:
    """Events of a task as lines of the public stream, each attempt's for itself."""

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self._streams: dict[str, ThreadStream] = {}
        self._stopped: dict[str, Stopped] = {}

    def feed(self, told: TaskEvent) -> list[Line]:
        stream = self._streams.setdefault(told.attempt_id, ThreadStream(self._task_id))
        match told.event:
            case AttemptStarted():
                return stream.start()
            case Finished() as finished:
                return stream.end(finished, self._stopped.get(told.attempt_id))
            case Stopped() as stopped:
                self._stopped[told.attempt_id] = stopped
                return stream.feed(stopped)
            case event:
                return stream.feed(event)


def _lines(event: TaskEvent, lines: list[Line]) -> bytes:
    value = NumberedLines(place=event.place, attempt=event.attempt_id, lines=tuple(lines))
    return sent("lines", json_of(value), event.place)
