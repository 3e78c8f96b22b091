"""A worker: takes orders from the engine and runs attempts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from journeyman.engine.submit import connect

if TYPE_CHECKING:
    from journeyman.engine.activities import Run


@asynccontextmanager
async def worker(address: str, run: "Run", *, slots: int = 100, grace: float = 10.0) -> AsyncGenerator[None]:
    """Run up to `slots` attempts at a time with `run`, for as long as the body lasts.

    At the end attempts that are still running have `grace` seconds, then they are cancelled; another worker goes on.
    """
    from temporalio.worker import Worker

    from journeyman.engine.activities import Activities
    from journeyman.engine.workflow import QUEUE, TaskWorkflow

    async with Worker(
        await connect(address),
        task_queue=QUEUE,
        workflows=[TaskWorkflow],
        activities=[Activities(run).run_attempt],
        max_concurrent_activities=slots,
        graceful_shutdown_timeout=timedelta(seconds=grace),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),  # how long a dead worker holds up a workflow
    ):
        yield
