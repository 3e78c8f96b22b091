"""What workers do for a workflow."""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import activity

Run = Callable[[str], Awaitable[str]]
"""Runs the attempt with this id to its end, from wherever its log ends, and answers with the outcome in a word.

Cancelling it stops the attempt. It may run again, after the death of a worker, and must then go on.
"""


class Activities:
    def __init__(self, run: Run) -> None:
        self._run = run

    @activity.defn
    async def run_attempt(self, attempt_id: str) -> str:
        """Run an attempt, and tell the engine all the while that this worker is alive."""
        timeout = activity.info().heartbeat_timeout
        beating = asyncio.create_task(_beat(timeout.total_seconds() / 3)) if timeout else None
        try:
            return await self._run(attempt_id)
        finally:
            if beating:
                beating.cancel()


async def _beat(interval: float) -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(interval)
