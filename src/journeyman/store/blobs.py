"""Bytes kept under the SHA-256 of their content, each as one zlib stream.

The same bytes are kept once; a put is whole or not there. What cannot be compressed is only wrapped.
"""

import asyncio
import hashlib
import io
import tempfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from journeyman.core.errors import StoreError

if TYPE_CHECKING:
    from obstore.store import LocalStore

SPOOL = 256 * 1024
"""Bytes that are held in memory before they go to a file."""
_PIECE = 64 * 1024


class Blobs:
    """The blobs below `root`. `spool` is a folder on the same disk for what is still being written."""

    def __init__(self, root: Path, spool: Path) -> None:
        self._root = root
        self._spool = spool
        self._objects: LocalStore | None = None

    async def put(self, data: bytes) -> str:
        """Keep `data`; returns its id, the SHA-256 in hex."""
        return await self.put_file(io.BytesIO(data))

    async def put_file(self, file: IO[bytes]) -> str:
        """Keep what `file` holds from its start on. It must be left alone until then."""
        return await asyncio.to_thread(self._put, file)

    async def get(self, blob_id: str) -> bytes:
        return await asyncio.to_thread(self._get, blob_id)

    def spool(self) -> "tempfile.SpooledTemporaryFile[bytes]":
        """A nameless file that stays in memory while it is small."""
        with _told(self._spool):
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.SpooledTemporaryFile(SPOOL, dir=str(self._spool))

    def _put(self, file: IO[bytes]) -> str:
        import obstore

        with _told(self._root), self.spool() as packed:
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
            obstore.put(self._open(), _key(blob_id), packed)
        return blob_id

    def _get(self, blob_id: str) -> bytes:
        import obstore

        try:
            with _told(self._root):
                data = zlib.decompress(bytes(obstore.get(self._open(), _key(blob_id)).bytes()))
        except zlib.error:
            data = b""
        if hashlib.sha256(data).hexdigest() != blob_id:
            raise StoreError(f"The blob {blob_id[:12]} below {self._root} is damaged: its content has changed.")
        return data

    def _open(self) -> "LocalStore":
        if self._objects is None:
            from obstore.store import LocalStore

            self._objects = LocalStore(prefix=self._root, mkdir=True)
        return self._objects


def _key(blob_id: str) -> str:
    return f"{blob_id[:2]}/{blob_id[2:]}"


def _level(start: bytes) -> int:
    """zlib's level for data that begins so: 0 where compressing the beginning gains less than a tenth."""
    return 1 if len(zlib.compress(start, 1)) < len(start) * 0.9 else 0


@contextmanager
def _told(folder: Path) -> Generator[None]:
    """Errors of the object store and of the disk as a `StoreError`."""
    # Not `from obstore.exceptions import`: while another thread is still importing obstore, that finds the folder of
    # type stubs of the same name, as an empty package.
    import obstore

    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"There is no such blob below {folder}; it was deleted, or never written whole.") from error
    except (OSError, obstore.exceptions.BaseError) as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(
            f"Output could not be kept below {folder}: {reason}. All that was recorded so far is kept: see that the "
            "disk has room and can be written, then run `journeyman resume`."
        ) from error
