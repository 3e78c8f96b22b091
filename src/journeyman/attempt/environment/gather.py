"""Output of set-up and of its checks, without secrets, whole."""

import time
from collections.abc import Callable

from journeyman.core.mask import Mask
from journeyman.core.text import decode, one_line
from journeyman.store.store import Store

TELL = 0.5
"""Seconds between two lines of progress."""

KEPT = 90 * 86400.0
"""Seconds for which what a set-up wrote is kept."""


class Gathered:
    """Takes output in pieces, masks it and tells its latest line; `close` stores the whole as a blob.

    `hear` is told every line as it ends.
    """

    def __init__(
        self,
        mask: Mask,
        ident: str,
        tell: Callable[[str], None] | None = None,
        hear: Callable[[str], None] | None = None,
    ) -> None:
        self.id = ident
        self._stream = mask.stream()
        self._data = bytearray()
        self._tell = tell
        self._told = 0.0
        self._hear = hear
        self._heard = 0

    def write(self, data: bytes) -> None:
        self._data += self._stream.feed(data)
        self._hear_lines()
        now = time.monotonic()
        if self._tell is not None and now - self._told >= TELL:
            lines = decode(bytes(self._data[-4096:])).replace("\r", "\n").split("\n")
            last = next((line for line in reversed(lines) if line.strip()), "")
            if last:
                self._told = now
                self._tell(one_line(last, 100))

    def _hear_lines(self, *, ended: bool = False) -> None:
        """Tell the lines that are whole; of one that was written over and over, as bars of progress are, the last."""
        if self._hear is None:
            return
        end = len(self._data) if ended else self._data.rfind(b"\n") + 1
        if end > self._heard:
            text = decode(bytes(self._data[self._heard : end]))
            self._heard = end
            for line in text.removesuffix("\n").split("\n"):
                self._hear(line.rstrip("\r").rpartition("\r")[2])

    def tail(self, size: int) -> str:
        """The last characters of what was written, as text."""
        return decode(bytes(self._data[-4 * size :]))[-size:]

    async def close(self, store: Store) -> str:
        """The id of the blob that holds everything."""
        self._data += self._stream.flush()
        self._hear_lines(ended=True)
        return await store.put_blob(bytes(self._data), lasting=KEPT)
