"""What replies cost."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from journeyman.core.model import Profile
from journeyman.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. Where only `input` is known of the input prices, the others equal it."""

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None

    def of(self, usage: Usage) -> float:
        """The price of `usage` in dollars."""
        cached = usage.cached_input_tokens
        written = usage.cache_write_input_tokens
        plain = max(usage.input_tokens - cached - written, 0)
        total = plain * self.input + usage.output_tokens * self.output
        total += cached * (self.input if self.cached_input is None else self.cached_input)
        total += written * (self.input if self.cache_write is None else self.cache_write)
        return total / 1_000_000


FREE = Price(0.0, 0.0)


class Prices:
    """The price of one model, looked up beside its first request, so that nobody waits for the table."""

    def __init__(self, known: Price | None = None, look_up: Callable[[], Price | None] | None = None) -> None:
        self._known = known
        self._look_up = look_up if known is None else None
        self._looking: asyncio.Task[Price | None] | None = None

    @classmethod
    def of(cls, profile: Profile, look_up: Callable[[], Price | None] | None = None) -> Self:
        """The prices in `profile`, where a person set them, else those that `look_up` finds."""
        if profile.input_price is None or profile.output_price is None:
            return cls(None, look_up)
        return cls(Price(profile.input_price, profile.output_price, profile.cached_input_price))

    def begin(self) -> None:
        """Starts looking up in a thread, once."""
        if self._look_up is not None and self._looking is None:
            self._looking = asyncio.create_task(asyncio.to_thread(self._look_up))

    async def cost(self, usage: Usage) -> float | None:
        """Dollars; None where the price or the tokens are not known."""
        if self._looking is not None:
            self._known, self._look_up = await asyncio.shield(self._looking), None
            self._looking = None
        if self._known is None:
            return None
        if not usage.total_tokens and self._known != FREE:
            return None
        return self._known.of(usage)
