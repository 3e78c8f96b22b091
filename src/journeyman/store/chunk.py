"""The whole raw output of one command, on its way into the store."""

import hashlib
from collections.abc import Awaitable, Callable

from journeyman.core.errors import StoreError
from journeyman.core.mask import Mask
from journeyman.store.blobs import Blobs

SPACE = 1 << 24
"""How many chunk ids of six hexadecimal digits there are."""


def chunk_id(attempt_id: str, number: int) -> str:
    """Six hexadecimal digits for the chunk with this number, from 0; no two of an attempt are alike."""
    seed = hashlib.sha256(attempt_id.encode()).digest()
    start = int.from_bytes(seed[:3])
    stride = int.from_bytes(seed[3:6]) | 1  # odd, so that multiplying by it is a permutation of the space
    return f"{(start + number * stride) % SPACE:06x}"


class Chunk:
    """Bytes come in by `write`; `close` stores them whole. Only then may an event name `id`.

    Secrets of `mask` are taken out before anything is kept.
    """

    def __init__(
        self,
        attempt_id: str,
        number: int,
        blobs: Blobs,
        keep: "Callable[[Chunk, str], Awaitable[None]]",
        mask: Mask,
    ) -> None:
        self.id = chunk_id(attempt_id, number)
        self.number = number
        self.size = 0
        self._blobs = blobs
        self._keep = keep  # records in the database which blob holds the bytes
        self._mask = mask.stream() if mask else None
        self._spool = blobs.spool()

    def write(self, data: bytes) -> None:
        """Add to the end; beyond 256 KiB this goes to a file."""
        self._add(self._mask.feed(data) if self._mask is not None else data)

    def _add(self, data: bytes) -> None:
        try:
            self._spool.write(data)
        except OSError as error:
            raise StoreError(
                f"A command's output could not be kept: {error.strerror}. All that was recorded before is kept: free "
                "some space, then run `journeyman resume`."
            ) from error
        self.size += len(data)

    async def close(self) -> None:
        """Store what was written. Does nothing the second time."""
        if self._spool.closed:
            return
        if self._mask is not None:
            self._add(self._mask.flush())
        try:
            await self._keep(self, await self._blobs.put_file(self._spool))
        finally:
            self._spool.close()

    def discard(self) -> None:
        """Forget what was written."""
        self._spool.close()
