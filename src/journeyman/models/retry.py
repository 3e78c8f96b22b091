"""Sending a request again when it may succeed later."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from journeyman.core.errors import ModelError, RetryLater, Unreachable
from journeyman.core.model import Reply
from journeyman.core.text import sentence
from journeyman.models.protocol import OnRetry


class Cut(RetryLater):
    """The connection ended before the reply did."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and after how many seconds a request is sent again.

    `patience` is the longest wait that a server may ask for; `connect` are the waits while nobody answers.
    """

    times: int = 5
    first: float = 0.5
    longest: float = 30.0
    patience: float = 300.0
    after_cut: float = 0.2
    connect: tuple[float, ...] = (0.1, 0.3, 0.9)

    def wait(self, error: ModelError, failures: int, chance: Callable[[], float]) -> float | None:
        """Seconds until the next try after the `failures`-th failure; None to give up."""
        if isinstance(error, Unreachable):
            return self.connect[failures - 1] if failures <= len(self.connect) else None
        if not isinstance(error, RetryLater) or failures > self.times:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= self.patience else None
        if isinstance(error, Cut) and failures == 1:
            return self.after_cut
        first = self.after_cut if isinstance(error, Cut) else self.first
        return min(first * 2 ** (failures - 1), self.longest) * (0.75 + chance() / 2)


async def with_retries(
    send: Callable[[], Awaitable[Reply]], retries: Retries, chance: Callable[[], float], on_retry: OnRetry | None
) -> Reply:
    """What `send` gives, tried again as `retries` says; `chance` gives numbers from 0 to 1, for jitter."""
    failures = 0
    while True:
        try:
            return await send()
        except (RetryLater, Unreachable) as error:
            failures += 1
            wait = retries.wait(error, failures, chance)
            if wait is None:
                raise _given_up(error, failures) from error
            if on_retry is not None:
                on_retry(str(error), wait)
            await asyncio.sleep(wait)


def _given_up(error: RetryLater | Unreachable, failures: int) -> ModelError:
    """`error` with the number of tries in its sentence."""
    said = f"{sentence(str(error))} Gave up after {failures} tries." if failures > 1 else str(error)
    return RetryLater(said, retry_after=error.retry_after) if isinstance(error, RetryLater) else Unreachable(said)
