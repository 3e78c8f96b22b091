"""What workers do for a workflow: run attempts, and look into the store for what it decides."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from journeyman.core.errors import (
    BudgetSpent,
    EnvironmentFailed,
    HandedOver,
    JourneymanError,
    Refused,
    RepositoryError,
    SandboxUnavailable,
    TooLong,
    UsageError,
    WrongKey,
)
from journeyman.engine.slots import Slots

Run = Callable[[str, asyncio.Event], Awaitable[str]]
"""Runs the attempt with this id to its end, from wherever its log ends, and answers with the outcome in a word.

Cancelling it stops the attempt. When the event is set it stops at its step and raises `HandedOver`. It may run again,
after the death of a worker, and must then go on.
"""

PERMANENT = (BudgetSpent, UsageError, RepositoryError, SandboxUnavailable, WrongKey, Refused, TooLong)
"""What a person has to mend is not tried again."""

FAILURES = 8
"""How often in a row an attempt may fail soon after it went on, before it is given up."""
SET_UPS = 2
"""The same for the set-up of its environment: once more, since an index may have been down."""

AT_WORK = 20.0
"""Seconds after which an attempt that fails did not fail soon."""

PAUSE = 30.0
"""Seconds between two tries at most."""

LOG = logging.getLogger("journeyman.engine")

BUSY = timedelta(seconds=5)
"""When it is looked again whether an attempt is free."""

ORDERLY = 30.0
"""Seconds that a cancelled attempt has to put its things in order."""


class Elsewhere(JourneymanError):
    """This worker lacks what the attempt needs; another one may have it."""


class Busy(JourneymanError):
    """Another worker holds the attempt, or is not known to be dead yet."""


class AttemptActivities:
    """Runs attempts with `run`, as many at a time as there are `slots`."""

    def __init__(self, run: Run, slots: Slots) -> None:
        self._run = run
        self._slots = slots

    @activity.defn
    async def run_attempt(self, attempt_id: str) -> str:
        """Run an attempt, and tell the engine all the while that this worker is alive."""
        async with _beating(), self._slots.place():
            began = time.monotonic()
            drain = asyncio.Event()
            work = asyncio.ensure_future(self._run(attempt_id, drain))
            ending = asyncio.create_task(_when_ending(drain))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                return await _stopped(work)
            except HandedOver as error:
                raise failed(error, next_retry_delay=timedelta(0)) from error
            except Elsewhere as error:
                raise failed(error, non_retryable=True) from error
            except JourneymanError as error:
                raise _failure(error, time.monotonic() - began) from error
            finally:
                ending.cancel()


async def _stopped(work: "asyncio.Future[str]") -> str:
    """The attempt was cancelled. Where a person said so, it has read that itself and comes to its own end."""
    details = activity.cancellation_details()
    if details is not None and details.cancel_requested:
        await asyncio.wait([work], timeout=ORDERLY)
    work.cancel()
    await asyncio.wait([work])
    if work.cancelled() or work.exception() is not None:
        raise asyncio.CancelledError
    return work.result()


async def _when_ending(drain: asyncio.Event) -> None:
    await activity.wait_for_worker_shutdown()
    drain.set()


def _failure(error: JourneymanError, seconds: float) -> ApplicationError:
    """What the engine is told: whether and when it is of use to try again. It keeps the count for the next try."""
    if isinstance(error, Busy):
        return failed(error, next_retry_delay=BUSY)
    info = activity.info()
    known = tuple(info.heartbeat_details)
    failures = (known[0] if known and seconds < AT_WORK else 0) + 1
    most = SET_UPS if isinstance(error, EnvironmentFailed) else FAILURES
    lasting = isinstance(error, PERMANENT) or failures >= most
    wait = timedelta(seconds=min(2.0 ** (failures - 1), PAUSE))
    if not lasting:
        LOG.warning("Attempt %s is tried again in %g s. %s", info.activity_id, wait.total_seconds(), error)
    activity.heartbeat(failures)
    return failed(error, non_retryable=lasting, next_retry_delay=wait)


def failed(
    error: JourneymanError, *, non_retryable: bool = False, next_retry_delay: timedelta | None = None
) -> ApplicationError:
    """An error as the engine takes it: expected, so that it is told to the person and not to a log."""
    return ApplicationError(
        str(error),
        type=type(error).__name__,
        non_retryable=non_retryable,
        next_retry_delay=next_retry_delay,
        category=ApplicationErrorCategory.BENIGN,
    )


@asynccontextmanager
async def _beating() -> AsyncGenerator[None]:
    timeout = activity.info().heartbeat_timeout
    details = tuple(activity.info().heartbeat_details)

    async def beat(interval: float) -> None:
        while True:
            activity.heartbeat(*details)
            await asyncio.sleep(interval)

    beating = asyncio.create_task(beat(timeout.total_seconds() / 3)) if timeout else None
    try:
        yield
    finally:
        if beating is not None:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
