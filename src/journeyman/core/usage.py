"""Tokens and money."""

from typing import Self

from journeyman.core.value import Value


class Usage(Value):
    """Tokens of one reply or of many, with their price.

    `input_tokens` includes the cached ones and `output_tokens` the reasoning ones, as in OpenAI's wire.
    `cost` is in US dollars; None where the price is not known (a local model costs 0).
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0
    cost: float | None = 0.0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> Self:
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return type(self)(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            cache_write_input_tokens=self.cache_write_input_tokens + other.cache_write_input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_output_tokens=self.reasoning_output_tokens + other.reasoning_output_tokens,
            cost=cost,
        )
