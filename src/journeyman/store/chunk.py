"""The whole raw output of one command, on its way into the store."""

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable
from typing import Protocol

from journeyman.core.errors import StoreError
from journeyman.core.ids import Clock
from journeyman.core.mask import Mask
from journeyman.store.blobs import Blobs

SPACE = 1 << 24
"""How many chunk ids of six hexadecimal digits there are."""

PIECES = 4096
"""Times that are kept of one chunk; of longer output the times are coarser."""
GAP = 20
"""Milliseconds within which output counts as one piece."""


def chunk_id(attempt_id: str, number: int) -> str:
    """Six hexadecimal digits for the chunk with this number, from 0; no two of an attempt are alike."""
    seed = hashlib.sha256(attempt_id.encode()).digest()
    start = int.from_bytes(seed[:3])
    stride = int.from_bytes(seed[3:6]) | 1  # odd, so that multiplying by it is a permutation of the space
    return f"{(start + number * stride) % SPACE:06x}"


class Keep(Protocol):
    """Records in the database which blob holds a chunk's bytes, `whole` for the last time."""

    def __call__(self, chunk: "Chunk", blob: str, *, whole: bool) -> Awaitable[None]: ...


class Chunk:
    """Bytes come in by `write`; `keep` stores what there is by then and `close` the whole. Only after one of them may
    an event name `id`.

    Secrets of `mask` are taken out before anything is kept.
    """

    def __init__(
        self,
        attempt_id: str,
        number: int,
        blobs: Blobs,
        keep: "Keep",
        mask: Mask,
        clock: Clock,
    ) -> None:
        self.id = chunk_id(attempt_id, number)
        self.number = number
        self.size = 0
        self._blobs = blobs
        self.kept = False
        self._keep = keep
        self._mask = mask.stream() if mask else None
        self._spool = blobs.spool()
        self._late: bytearray | None = None  # what comes in while the file is read
        self._lock = asyncio.Lock()
        self._clock = clock
        self._began = clock()
        self._gap = GAP
        self._pieces: list[list[int]] = []

    @property
    def timing(self) -> str:
        """When the output came, as JSON: {"at": seconds since the epoch, "pieces": [[milliseconds, bytes], …]}."""
        return json.dumps({"at": self._began, "pieces": self._pieces}, separators=(",", ":"))

    def write(self, data: bytes) -> None:
        """Add to the end; beyond 256 KiB this goes to a file."""
        self._add(self._mask.feed(data) if self._mask is not None else data)

    def _add(self, data: bytes) -> None:
        if self._late is not None:
            self._late += data
            return
        try:
            self._spool.write(data)
        except OSError as error:
            raise StoreError(
                f"A command's output could not be kept: {error.strerror}. All that was recorded before is kept: free "
                "some space, then run `journeyman resume`."
            ) from error
        self.size += len(data)
        self._time(len(data))

    def _time(self, size: int) -> None:
        """Write down when `size` bytes came."""
        after = max(int((self._clock() - self._began) * 1000), 0)
        if self._pieces and after - self._pieces[-1][0] < self._gap:
            self._pieces[-1][1] += size
        elif size:
            self._pieces.append([after, size])
        if len(self._pieces) > PIECES:
            pairs = [self._pieces[at : at + 2] for at in range(0, len(self._pieces), 2)]
            self._pieces = [[pair[0][0], sum(piece[1] for piece in pair)] for pair in pairs]
            self._gap *= 2

    async def close(self) -> None:
        """Store what was written. Does nothing the second time."""
        async with self._lock:
            if self._spool.closed:
                return
            if self._mask is not None:
                self._add(self._mask.flush())
            try:
                await self._keep(self, await self._blobs.put_file(self._spool), whole=True)
            finally:
                self._spool.close()

    async def keep(self) -> None:
        """Store what was written so far; more may come, meanwhile too."""
        async with self._lock:
            self._late = bytearray()
            try:
                await self._keep(self, await self._blobs.put_file(self._spool), whole=False)
            finally:
                late, self._late = bytes(self._late), None
                if not self._spool.closed:
                    self._spool.seek(0, os.SEEK_END)
                    self._add(late)

    def discard(self) -> None:
        """Forget what was written."""
        self._spool.close()
