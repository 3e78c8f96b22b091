"""The room that upper layers take on the host's disk."""

import os

from journeyman.sandbox import layer


class Disk:
    """The room that upper layers on the host's disk may take. Walking them is dear, so they are walked only when their
    file systems have lost as much room as could bring them half way to the limit."""

    def __init__(self, uppers: tuple[int, ...], limit: int) -> None:
        self._uppers, self._limit = uppers, limit
        self._used: int | None = None
        self._free = 0

    def is_full(self) -> bool:
        free = sum(
            about.f_bfree * about.f_frsize + about.f_ffree * layer.NAME for about in map(os.fstatvfs, self._uppers)
        )
        if self._used is None or self._free - free > (self._limit - self._used) // 2:
            self._used, self._free = sum(map(layer.size, self._uppers)), free
        return self._used > self._limit
