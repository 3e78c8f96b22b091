"""What people say to an attempt at work, and the request to leave it to another process.

A message is taken once: the event that takes it holds its number, so that whoever goes on with the attempt knows.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from journeyman.core import folds
from journeyman.core.errors import HandedOver, StoreError
from journeyman.core.events import AttemptStarted, Event, Heard, Said
from journeyman.core.items import UserMessage
from journeyman.core.task import Message
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store

PAUSE = 0.05
"""Seconds between two looks at the messages, since what other attempts write is news of the task too."""

LEFT = "This process was asked to end; the attempt goes on in another one, from the step it was in."


class Halted(Exception):
    """A person interrupts or cancels the attempt: `message`."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.kind)
        self.message = message


class Spoken(Exception):
    """A person has something to say to the model."""


class Inbox:
    """Made by `listening`. `waiting` are the messages that the log does not hold yet."""

    def __init__(self, store: Store, log: AttemptLog, start: AttemptStarted, leave: asyncio.Event | None) -> None:
        self.waiting: list[Message] = []
        self._store = store
        self._log = log
        self._read_to = max(start.heard, folds.last_message(log.events))
        self._leave = leave
        self._news = asyncio.Event()
        self._ready = asyncio.Event()
        self._looking = asyncio.Lock()

    async def look(self) -> None:
        """Read what has come in."""
        async with self._looking:
            for message in await self._store.messages.after(self._log.task_id, self._read_to):
                self._read_to = message.number
                if message.attempt in (None, self._log.id):
                    self.waiting.append(message)
                    self._news.set()

    @property
    def leaving(self) -> bool:
        """Whether this process is to leave the attempt to another one."""
        return self._leave is not None and self._leave.is_set()

    @property
    def halt(self) -> Message | None:
        """The first message that stops the attempt."""
        return next((one for one in self.waiting if one.kind in ("interrupt", "cancel")), None)

    @property
    def read_to(self) -> int:
        """The number of the last message that was looked at."""
        return self._read_to

    async def hear(self) -> bool:
        """Write down what has come in; whether the model is told something. Called at a step's boundary.

        Raises `Halted` where a person stops the attempt. That message stays where it is, for `halt` to take: once it is
        written down, whoever goes on must find the stop beside it.
        """
        await self._ready.wait()
        if (message := self.halt) is not None:
            raise Halted(message)
        return await self.take()

    async def take(self, *then: Event) -> bool:
        """The same at an end, where a stop has nothing left to do; `then` is written with it."""
        await self._ready.wait()
        taken, self.waiting = self.waiting, []
        await self._log.append(*(_heard(message) for message in taken), *then)
        return any(message.kind == "steer" for message in taken)

    async def boundary(self) -> None:
        """Between two steps: hear, and raise what ends the work there."""
        await self.hear()
        if self.leaving:
            raise HandedOver(LEFT)

    @asynccontextmanager
    async def heeding(self, *, steps: bool = False, spoken: bool = False) -> AsyncGenerator[None]:
        """Stop the body at once when a person stops the attempt (`Halted`) or this process is to leave it
        (`HandedOver`); with `spoken` also when there is something to tell the model (`Spoken`).

        With `steps` it is the body that leaves, at the end of a step.
        """
        body = asyncio.current_task()
        assert body is not None  # only tasks run coroutines
        before = body.cancelling()
        if (now := self._reason(steps, spoken)) is not None:
            raise now
        reason: Exception | None = None

        async def watch() -> None:
            nonlocal reason
            while (reason := self._reason(steps, spoken)) is None:
                await self._change()
            body.cancel()

        watching = asyncio.create_task(watch())
        try:
            yield
            if reason is not None:
                await asyncio.sleep(0)  # the body ended as it was being cancelled, which may be still to come
                raise asyncio.CancelledError  # or something in it kept it for itself
        except asyncio.CancelledError:
            if reason is None or body.uncancel() > before:
                raise
            raise reason from None
        except BaseException:
            if reason is not None and body.cancelling() > before:
                body.uncancel()  # it ended of something else before it saw that
            raise
        finally:
            watching.cancel()

    def _reason(self, steps: bool, spoken: bool) -> Exception | None:
        if self.halt is not None:
            return Halted(self.halt)
        if self.leaving and not steps:
            return HandedOver(LEFT)
        if spoken and any(one.kind == "steer" for one in self.waiting):
            return Spoken()
        return None

    async def _change(self) -> None:
        """Wait until something has come in, or this process is to leave."""
        self._news.clear()
        waits = [asyncio.ensure_future(self._news.wait())]
        if self._leave is not None and not self._leave.is_set():
            waits.append(asyncio.ensure_future(self._leave.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def listen(self) -> None:
        """Take in what people say, for ever."""
        async with self._store.tail.watch(self._log.task_id, but=self._log.id) as watch:
            while True:
                try:
                    await self.look()
                except StoreError:
                    pass  # an append tells the person; the next news lets us look again
                finally:
                    self._ready.set()
                await watch.wait()
                await asyncio.sleep(PAUSE)


@asynccontextmanager
async def listening(
    store: Store, log: AttemptLog, start: AttemptStarted, leave: asyncio.Event | None
) -> AsyncGenerator[Inbox]:
    """An inbox that takes in what people say while the body runs."""
    inbox = Inbox(store, log, start, leave)
    listener = asyncio.create_task(inbox.listen())
    try:
        yield inbox
    finally:
        listener.cancel()
        await asyncio.wait([listener])


def _heard(message: Message) -> Event:
    match message.kind:
        case "steer":
            return Said(item=UserMessage(text=message.text), why="steer", message=message.number)
        case "interrupt" | "cancel" | "approve":
            return Heard(message=message.number, what=message.kind, text=message.text)
