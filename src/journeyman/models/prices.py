"""What replies cost."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from journeyman.core.model import Profile
from journeyman.core.usage import Usage

CostOf = Callable[[Usage], float | None]
"""The price of a reply's tokens in US dollars; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens. Where a kind of input has no price of its own, it is that of `input`."""

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


def flat(cost: CostOf) -> Price | None:
    """What `cost` says of short requests, per million tokens; None where it says nothing."""
    thousand = (
        Usage(input_tokens=1_000),
        Usage(output_tokens=1_000),
        Usage(input_tokens=1_000, cached_input_tokens=1_000),
    )
    read, written, cached = (cost(usage) for usage in thousand)
    if read is None or written is None:
        return None
    return Price(read * 1_000, written * 1_000, None if cached is None else cached * 1_000)


def free(usage: Usage) -> float | None:
    return 0.0


class Prices:
    """The price of one model, looked up beside its first request, so that nobody waits for the table."""

    def __init__(self, known: CostOf | None = None, look_up: Callable[[], CostOf | None] | None = None) -> None:
        self._known = known
        self._look_up = look_up if known is None else None
        self._looking: asyncio.Task[CostOf | None] | None = None

    @classmethod
    def of(cls, profile: Profile, look_up: Callable[[], CostOf | None] | None = None) -> Self:
        """The prices in `profile`, where a person set them, else those that `look_up` finds."""
        if profile.input_price is None or profile.output_price is None:
            return cls(None, look_up)
        if profile.input_price == profile.output_price == 0:
            return cls(free)
        return cls(Price(profile.input_price, profile.output_price, profile.cached_input_price).of)

    def begin(self) -> None:
        """Starts looking up in a thread, once."""
        if self._look_up is not None and self._looking is None:
            self._looking = asyncio.create_task(asyncio.to_thread(self._look_up))

    def close(self) -> None:
        """Waits no longer for what is being looked up."""
        if self._looking is not None:
            self._looking.cancel()

    async def cost(self, usage: Usage) -> float | None:
        """Dollars; None where the price is not known, or the server did not count the tokens."""
        if self._looking is not None and self._look_up is not None:
            self._known = await asyncio.shield(self._looking)
            self._look_up = None
        if self._known is None or (not usage.total_tokens and self._known is not free):
            return None
        return self._known(usage)


def published(model: str, *, vendor: str | None = None, base_url: str | None = None) -> CostOf | None:
    """The published price of `model` at a vendor, known by its id in genai-prices or by its address.

    Loads the table, which takes 0.1 to 0.3 s: to be called in a thread.
    """
    import genai_prices

    def cost(usage: Usage) -> float | None:
        cached, written = usage.cached_input_tokens, usage.cache_write_input_tokens
        counted = genai_prices.Usage(
            input_tokens=max(usage.input_tokens, cached + written),
            cache_read_tokens=cached,
            cache_write_tokens=written,
            output_tokens=usage.output_tokens,
        )
        if vendor is not None:
            return float(genai_prices.calc_price(counted, model, provider_id=vendor).total_price)
        return float(genai_prices.calc_price(counted, model, provider_api_url=base_url).total_price)

    try:
        cost(Usage(input_tokens=3, cached_input_tokens=1, cache_write_input_tokens=1, output_tokens=1))
    except (LookupError, ValueError):
        return None
    return cost
