"""What ends an attempt before it is finished."""

from collections.abc import Awaitable, Callable, Sequence

from journeyman.agent.work import Stop
from journeyman.core import folds
from journeyman.core.errors import Refused
from journeyman.core.events import Event
from journeyman.core.ids import Clock
from journeyman.core.model import ModelRequest, Profile, Reply
from journeyman.core.task import Limits
from journeyman.models.protocol import Model, OnDelta, OnRetry
from journeyman.store.log import AttemptLog


def exceeded(events: Sequence[Event], limits: Limits, clock: Clock) -> Stop | None:
    """The first limit that the attempt has reached."""
    if folds.steps(events) >= limits.steps:
        return Stop("steps", f"Stopped after {limits.steps} steps, the limit.")
    if folds.seconds(events, clock()) >= limits.seconds:
        return Stop("time", f"Stopped after {limits.seconds:g} seconds, the limit.")
    usage = folds.usage(events)
    if usage.total_tokens >= limits.tokens:
        return Stop("tokens", f"Stopped after {usage.total_tokens:,} tokens; the limit is {limits.tokens:,}.")
    if limits.cost is not None and (usage.cost or 0.0) >= limits.cost:
        return Stop("money", f"Stopped after ${usage.cost or 0.0:.2f}; the limit is ${limits.cost:.2f}.")
    return None


class Bounded:
    """A model that is asked only while the attempt is within its limits; beyond them it refuses, with the reason.

    `afford` is called before each request and raises what ends the work for now. What it writes is told to
    `on_delta`, also where a request comes without one, and `on_begin` is called before each.
    """

    def __init__(
        self,
        model: Model,
        log: AttemptLog,
        limits: Limits,
        clock: Clock,
        afford: Callable[[], Awaitable[None]],
        *,
        on_begin: Callable[[], None] | None = None,
        on_delta: OnDelta | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self._model = model
        self._log = log
        self._limits = limits
        self._clock = clock
        self._afford = afford
        self._on_begin = on_begin
        self._on_delta = on_delta
        self._on_retry = on_retry

    @property
    def profile(self) -> Profile:
        return self._model.profile

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply:
        if stop := exceeded(self._log.events, self._limits, self._clock):
            raise Refused(stop.message)
        await self._afford()
        if self._on_begin is not None:
            self._on_begin()
        return await self._model.reply(request, on_delta or self._on_delta, on_retry or self._on_retry)

    async def close(self) -> None:
        await self._model.close()
