"""What a worker does with an attempt: the same as a person's terminal does."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from journeyman.attempt.prepare import first_events
from journeyman.attempt.run import run_attempt
from journeyman.attempt.spans import AttemptSpans
from journeyman.core import folds
from journeyman.core.errors import SandboxUnavailable, StoreError
from journeyman.core.events import AttemptStarted, Continued, Event
from journeyman.core.task import Attempt
from journeyman.engine.activities import Busy, Elsewhere
from journeyman.engine.crew import Crew
from journeyman.store.log import AttemptLog


class Attempts:
    """Runs attempts with `crew`, and writes the beginning of those that have none."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._beginning: dict[str, asyncio.Lock] = {}

    async def __call__(self, attempt_id: str, drain: asyncio.Event) -> str:
        """The verdict. When `drain` is set the attempt stops at its step, for another worker to go on."""
        host = replace(self._crew.host, leave=drain)
        spans = await self._spans(attempt_id)
        try:
            result = await run_attempt(host, attempt_id, listener=spans, prepare=self.begin)
        except SandboxUnavailable as error:
            start = folds.started(await host.store.events(attempt_id))
            image = start and start.environment and start.environment.environment.base.image
            if image and not self._crew.offer.images:
                raise Elsewhere(str(error)) from error
            raise
        except StoreError as error:
            if await host.store.holder(attempt_id) not in (None, host.holder):
                raise Busy(str(error)) from error
            raise
        finally:
            if spans is not None:
                spans.close(host.clock())
        return result.verdict

    async def _spans(self, attempt_id: str) -> AttemptSpans | None:
        if (observe := self._crew.observe) is None:
            return None
        store = self._crew.host.store
        return observe(await store.attempt(attempt_id), folds.started(await store.events(attempt_id)))

    async def begin(self, log: AttemptLog) -> None:
        """Write what the attempt starts from: the same for all attempts of a turn."""
        store = self._crew.host.store
        attempt = await store.attempt(log.id)
        async with self._one_at_a_time(attempt.task_id):
            events = await self._siblings(attempt)
            if not events:
                asked = await store.turns.get(attempt.task_id, attempt.turn)
                firsts = await first_events(self._crew.host, asked, self._crew.plan, self._crew.checks)
                events = firsts[log.id]
            await log.append(*events)
        start = folds.started(events)
        model = start.model if start is not None else ""
        await store.jobs.begin(attempt.task_id, attempt.turn, model, self._crew.offer.machine)

    async def _siblings(self, attempt: Attempt) -> Sequence[Event]:
        """The beginning of another attempt of the same turn, for this one; none where there is none yet."""
        store = self._crew.host.store
        for other in await store.attempts(attempt.task_id, attempt.turn):
            if other.began is not None and other.id != attempt.id:
                events = await store.events(other.id)
                return [_for(event, attempt.number - other.number) for event in events if isinstance(event, FIRST)]
        return ()

    @asynccontextmanager
    async def _one_at_a_time(self, task_id: str) -> AsyncGenerator[None]:
        lock = self._beginning.setdefault(task_id, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._beginning.pop(task_id, None)


FIRST = (AttemptStarted, Continued)
"""A rewind, which begins with a stop, is a single attempt."""


def _for(event: AttemptStarted | Continued, further: int) -> Event:
    """A first event for the attempt that is `further` on in the turn."""
    event = event.model_copy(update={"seq": 0, "at": 0.0})
    return event.model_copy(update={"seed": event.seed + further}) if isinstance(event, AttemptStarted) else event
