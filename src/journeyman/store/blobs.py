"""Bytes kept under the SHA-256 of their content, each as one zlib stream, in a folder or a bucket.

The same bytes are kept once; a put is whole or not there. What cannot be compressed is only wrapped.
"""

import asyncio
import hashlib
import io
import os
import re
import tempfile
import time
import zlib
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from journeyman.core.errors import StoreError, UsageError

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

SPOOL = 256 * 1024
"""Bytes that are held in memory before they go to a file."""
_PIECE = 64 * 1024
_AT_ONCE = 16
_ABANDONED = 86400.0
"""Seconds after which a file that is still being written never will be whole."""
_URL = re.compile(r"(s3|s3a|gs|az|adl|azure|abfs|abfss)://[^/]", re.ASCII)
_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}")


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A stored blob: its bytes as stored, and when it was last put (seconds since the epoch)."""

    id: str
    size: int
    put: float


class Blobs:
    """The blobs below `root`, a folder or the address of a bucket (s3://…, gs://…, az://…).

    `spool` is a folder, on the same disk as a root that is one, for what is still being written. With `durable`, what
    was put into a folder outlasts also the end of the machine. Credentials of buckets come from the variables and files
    that their vendors' own tools read. Raises `UsageError` for what is no such address.
    """

    def __init__(self, root: Path | str, spool: Path, *, durable: bool = False) -> None:
        if isinstance(root, str) and _URL.match(root) is None:
            raise UsageError(
                "The setting `blobs` must be the address of a bucket: s3://bucket/folder, gs://bucket/folder or "
                "az://container/folder."
            )
        self.name = str(root)
        self._root = root
        self._spool = spool
        self._durable = durable
        self._objects: ObjectStore | None = None

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
        return await asyncio.to_thread(self._all)

    async def delete(self, blob_ids: Iterable[str]) -> None:
        """Forget blobs. Those that are not there are no error."""
        await asyncio.to_thread(self._delete, list(blob_ids))

    async def delete_old(self, blobs: Iterable[BlobInfo]) -> None:
        """Forget blobs that nobody has put since they were listed."""
        await asyncio.to_thread(self._delete_old, list(blobs))

    def spool(self) -> "tempfile.SpooledTemporaryFile[bytes]":
        """A nameless file that stays in memory while it is small."""
        with self._told():
            self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.SpooledTemporaryFile(SPOOL, dir=str(self._spool))

    def _put(self, file: IO[bytes]) -> str:
        import obstore

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
            obstore.put(self._open(), _key(blob_id), packed)
            if self._durable and isinstance(self._root, Path):
                for place in (self._root / _key(blob_id), self._root / blob_id[:2], self._root):
                    _sync(place)
        return blob_id

    def _get(self, blob_id: str) -> bytes:
        import obstore

        try:
            with self._told():
                data = zlib.decompress(bytes(obstore.get(self._open(), _key(blob_id)).bytes()))
        except zlib.error:
            data = b""
        if hashlib.sha256(data).hexdigest() != blob_id:
            raise StoreError(f"The blob {blob_id[:12]} below {self.name} is damaged: its content has changed.")
        return data

    def _all(self) -> list[BlobInfo]:
        with self._told():
            return [
                BlobInfo(key.replace("/", ""), one["size"], one["last_modified"].timestamp())
                for one in _listed(self._open())
                if _KEY.fullmatch(key := one["path"])
            ]

    def _delete(self, blob_ids: list[str]) -> None:
        import obstore

        with self._told():
            for start in range(0, len(blob_ids), 1000):
                keys = [_key(blob_id) for blob_id in blob_ids[start : start + 1000]]
                if isinstance(self._root, Path):
                    for key in keys:
                        (self._root / key).unlink(missing_ok=True)
                else:
                    obstore.delete(self._open(), keys)

    def _delete_old(self, blobs: list[BlobInfo]) -> None:
        """In a folder each is first taken aside, since it may be put anew at this very moment. A bucket has no such
        means: there it is looked at once more right before."""
        with self._told():
            if isinstance(self._root, Path):
                for blob in blobs:
                    _take_away(self._root / _key(blob.id), blob)
                _sweep(self._root)
                return
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                for _ in threads.map(self._delete_unless_put, blobs):
                    pass

    def _delete_unless_put(self, blob: BlobInfo) -> None:
        import obstore

        try:
            now = obstore.head(self._open(), _key(blob.id))
        except FileNotFoundError:
            return
        if now["last_modified"].timestamp() <= blob.put:
            obstore.delete(self._open(), _key(blob.id))

    def _open(self) -> "ObjectStore":
        if self._objects is None:
            from obstore.store import LocalStore, from_url

            if isinstance(self._root, Path):
                self._objects = LocalStore(prefix=self._root, mkdir=True)
            else:  # no options for the client: those of the variables would not hold then
                self._objects = from_url(
                    self._root, retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=30)}
                )
        return self._objects

    @contextmanager
    def _told(self, *, writes: bool = False) -> Generator[None]:
        """Errors of the object store and of the disk as a `StoreError`."""
        # Not `from obstore.exceptions import`: while another thread is still importing obstore, that finds the folder
        # of type stubs of the same name, as an empty package.
        import obstore

        try:
            yield
        except FileNotFoundError as error:
            lost = f"There is no such blob below {self.name}; it was deleted, or never written whole."
            gone = f"There is no {self.name}: make it, or mend the setting `blobs`, then run `journeyman resume`."
            raise StoreError(gone if writes else lost) from error
        except (OSError, obstore.exceptions.BaseError) as error:
            reason = str(error).partition("\n")[0]
            mend = (
                "see that the disk has room and can be written"
                if isinstance(self._root, Path)
                else "see that the bucket can be reached and that its credentials are right"
            )
            raise StoreError(
                f"Output could not be kept below {self.name}: {reason}. All that was recorded so far is kept: {mend}, "
                "then run `journeyman resume`."
            ) from error


def _listed(objects: "ObjectStore") -> "Iterator[ObjectMeta]":
    import obstore

    untyped: Any = obstore
    for batch in untyped.list(objects, chunk_size=1000):
        yield from batch


def _take_away(place: Path, blob: BlobInfo) -> None:
    aside = place.with_name(f".gone-{place.name}")
    try:
        place.rename(aside)
    except FileNotFoundError:
        return
    if aside.stat().st_mtime > blob.put + 0.001 and not place.exists():
        aside.rename(place)
    else:
        aside.unlink()


def _sweep(root: Path) -> None:
    """What processes that died in the middle left: `ID#1` while it was written, `.gone-ID` while it was taken away."""
    for pattern in ("??/*#*", "??/.gone-*"):
        for left in root.glob(pattern):
            with suppress(FileNotFoundError):
                if left.stat().st_mtime < time.time() - _ABANDONED:
                    left.unlink()


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _key(blob_id: str) -> str:
    return f"{blob_id[:2]}/{blob_id[2:]}"


def _level(start: bytes) -> int:
    """zlib's level for data that begins so: 0 where compressing the beginning gains less than a tenth."""
    return 1 if len(zlib.compress(start, 1)) < len(start) * 0.9 else 0
