"""Rate limits: buckets of tries that fill up again with time. Each process of the service has its own."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MOST = 20_000
"""Keys that are remembered; beyond, those that were not heard of for longest are forgotten."""


class Limiter:
    """Lets each key through `burst` times at once, and `rate` times a second in the long run."""

    def __init__(self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when it was counted

    def wait(self, key: str) -> float:
        """Seconds until `key` may try again; 0 when it may now."""
        left = self._left(key)
        return 0.0 if left >= 1 else (1 - left) / self._rate

    def take(self, key: str) -> float:
        """Count a try of `key` and return 0, or, where it has none left, the seconds until it has."""
        left = self._left(key)
        if left < 1:
            return (1 - left) / self._rate
        self._buckets[key] = (left - 1, self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0.0

    def forget(self, key: str) -> None:
        """Let `key` begin anew."""
        self._buckets.pop(key, None)

    def _left(self, key: str) -> float:
        left, at = self._buckets.get(key, (self._burst, self._clock()))
        return min(self._burst, left + (self._clock() - at) * self._rate)


def network(address: str) -> str:
    """What counts as one place: an IPv4 address, or the 64 bits of an IPv6 one that one household has whole."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
