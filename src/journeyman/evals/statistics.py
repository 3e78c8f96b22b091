"""The few formulas that a report needs."""

import math
from collections.abc import Iterable
from statistics import median as middle

from journeyman.core.value import Value

Z = 1.959963984540054
"""The quantile of the normal distribution for intervals of 95 %."""


class Share(Value):
    """`count` of `of`, with Wilson's interval for the share behind it."""

    count: int
    of: int
    rate: float | None
    low: float | None
    high: float | None


def share(count: int, of: int) -> Share:
    """A share with its 95 % interval (Wilson 1927); without any cases nothing is known of it."""
    if of == 0:
        return Share(count=0, of=0, rate=None, low=None, high=None)
    rate = count / of
    spread = 1 + Z * Z / of
    centre = (rate + Z * Z / (2 * of)) / spread
    half = Z * math.sqrt(rate * (1 - rate) / of + Z * Z / (4 * of * of)) / spread
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == of else min(1.0, centre + half)
    return Share(count=count, of=of, rate=rate, low=low, high=high)


def pass_at(k: int, n: int, correct: int) -> float:
    """The unbiased estimate of the chance that one of `k` samples is right, from `n` of which `correct` are
    (Chen et al. 2021): 1 - C(n - c, k) / C(n, k)."""
    if not 1 <= k <= n or not 0 <= correct <= n:
        raise ValueError(f"k = {k}, n = {n}, c = {correct}")
    return 1.0 - math.comb(n - correct, k) / math.comb(n, k)


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value of McNemar's test, from the numbers of pairs in which only one is right."""
    n = only_a + only_b
    if n == 0:
        return 1.0
    tail = sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / 2**n)


def median(values: Iterable[float]) -> float | None:
    found = list(values)
    return middle(found) if found else None
