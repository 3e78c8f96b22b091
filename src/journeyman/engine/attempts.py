"""What a worker does with an attempt: the same as a person's terminal does."""

import asyncio
from collections import defaultdict
from dataclasses import replace

from journeyman.attempt.prepare import first_events
from journeyman.attempt.run import run_attempt
from journeyman.attempt.spans import AttemptSpans
from journeyman.core import folds
from journeyman.core.errors import SandboxUnavailable
from journeyman.core.task import Attempt
from journeyman.engine.activities import Elsewhere
from journeyman.engine.crew import Crew


class Attempts:
    """Runs attempts with `crew`, beginning their turn where nobody has."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __call__(self, attempt_id: str, drain: asyncio.Event) -> str:
        """The verdict. When `drain` is set the attempt stops at its step, for another worker to go on."""
        store = self._crew.host.store
        attempt = await store.attempt(attempt_id)
        if attempt.began is None:
            await self._begin(attempt.task_id, attempt.turn, attempt_id)
        spans = await self._spans(attempt)
        try:
            result = await run_attempt(replace(self._crew.host, leave=drain), attempt_id, listener=spans)
        except SandboxUnavailable as error:
            start = folds.started(await store.events(attempt_id))
            image = start and start.environment and start.environment.environment.base.image
            if image and not self._crew.offer.images:
                raise Elsewhere(str(error)) from error
            raise
        finally:
            if spans is not None:
                spans.close(self._crew.host.clock())
        return result.verdict

    async def _spans(self, attempt: Attempt) -> AttemptSpans | None:
        if (observe := self._crew.observe) is None:
            return None
        return observe(attempt, folds.started(await self._crew.host.store.events(attempt.id)))

    async def _begin(self, task_id: str, turn: int, attempt_id: str) -> None:
        """Look at the repository once for all attempts of a turn."""
        store = self._crew.host.store
        lock = self._locks[task_id]
        try:
            async with lock:
                if (await store.attempt(attempt_id)).began is None:
                    asked = await store.turns.get(task_id, turn)
                    crew = self._crew
                    firsts = await first_events(crew.host, asked, crew.plan, crew.checks)
                    start = folds.started(firsts[attempt_id])
                    await store.jobs.begin(task_id, turn, start.model if start is not None else "", firsts)
        finally:
            if not lock.locked():
                self._locks.pop(task_id, None)
