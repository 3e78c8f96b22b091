"""Bytes kept under the SHA-256 of their content, each as one zlib stream, in a folder or a bucket.

The same bytes are kept once; a put is whole or not there. What cannot be compressed is only wrapped.
"""

import asyncio
import hashlib
import io
import tempfile
import zlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from journeyman.core.errors import StoreError
from journeyman.store.places import BlobInfo, Bucket, Folder, Place

__all__ = ["SPOOL", "BlobInfo", "Blobs"]

SPOOL = 256 * 1024
"""Bytes that are held in memory before they go to a file."""
_PIECE = 64 * 1024


class Blobs:
    """The blobs below `root`, a folder or the address of a bucket; what is wrong with that is a `UsageError`.

    `spool` is a folder for what is still being written. With `durable`, what was put into a folder outlasts also the
    end of the machine.
    """

    def __init__(self, root: Path | str, spool: Path, *, durable: bool = False) -> None:
        self._place: Place = Bucket(root) if isinstance(root, str) else Folder(root, durable=durable)
        self._spool = spool

    async def put(self, data: bytes) -> str:
        """Keep `data`; returns its id, the SHA-256 in hex."""
        return await self.put_file(io.BytesIO(data))

    async def put_file(self, file: IO[bytes]) -> str:
        """Keep what `file` holds from its start on. It must be left alone until then."""
        return await asyncio.to_thread(self._put, file)

    async def get(self, blob_id: str) -> bytes:
        return await asyncio.to_thread(self._get, blob_id)

    async def all(self) -> list[BlobInfo]:
        """Every blob that is there."""

        def job() -> list[BlobInfo]:
            with self._told():
                return list(self._place.all())

        return await asyncio.to_thread(job)

    async def delete(self, blob_ids: Iterable[str]) -> None:
        """Forget blobs. Those that are not there are no error."""

        def job(blob_ids: list[str]) -> None:
            with self._told():
                self._place.delete(blob_ids)

        await asyncio.to_thread(job, list(blob_ids))

    async def delete_old(self, blobs: Iterable[BlobInfo]) -> None:
        """Forget blobs that nobody has put since they were listed."""

        def job(blobs: list[BlobInfo]) -> None:
            with self._told():
                self._place.delete_old(blobs)

        await asyncio.to_thread(job, list(blobs))

    def spool(self) -> "tempfile.SpooledTemporaryFile[bytes]":
        """A nameless file that stays in memory while it is small."""
        with self._told():
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.SpooledTemporaryFile(SPOOL, dir=str(self._spool))

    def _put(self, file: IO[bytes]) -> str:
        with self._told(writes=True), self.spool() as packed:
            digest = hashlib.sha256()
            file.seek(0)
            piece = file.read(_PIECE)
            compressor = zlib.compressobj(_level(piece))
            while piece:
                digest.update(piece)
                packed.write(compressor.compress(piece))
                piece = file.read(_PIECE)
            packed.write(compressor.flush())
            packed.seek(0)
            blob_id = digest.hexdigest()
            self._place.put(blob_id, packed)
        return blob_id

    def _get(self, blob_id: str) -> bytes:
        try:
            with self._told():
                data = zlib.decompress(self._place.get(blob_id))
        except zlib.error:
            data = b""
        if hashlib.sha256(data).hexdigest() != blob_id:
            raise StoreError(f"The blob {blob_id[:12]} below {self._place.name} is damaged: its content has changed.")
        return data

    @contextmanager
    def _told(self, *, writes: bool = False) -> Generator[None]:
        """Errors of the bucket and of the disk as a `StoreError`."""
        try:
            yield
        except FileNotFoundError as error:
            where = self._place.name
            lost = f"There is no such blob below {where}; it was deleted, or never written whole."
            gone = f"There is no {where}: make it, or mend the setting `blobs`, then run `journeyman resume`."
            raise StoreError(gone if writes else lost) from error
        except self._place.errors as error:
            reason = str(error).partition("\n")[0]
            raise StoreError(
                f"Output could not be kept below {self._place.name}: {reason}. All that was recorded so far is kept: "
                f"{self._place.mend}, then run `journeyman resume`."
            ) from error


def _level(start: bytes) -> int:
    """zlib's level for data that begins so: 0 where compressing the beginning gains less than a tenth."""
    return 1 if len(zlib.compress(start, 1)) < len(start) * 0.9 else 0
