"""Where blobs lie: a folder, or a bucket. Called in threads; keys are the two parts of a blob's id."""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from journeyman.core.errors import UsageError

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}")
_URL = re.compile(r"(s3|s3a|gs|az|adl|azure|abfs|abfss)://[^/]", re.ASCII)
_AT_ONCE = 16
_ABANDONED = 86400.0
"""Seconds after which a file that is still being written never will be whole."""


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A stored blob: its bytes as stored, and when it was last put (seconds since the epoch)."""

    id: str
    size: int
    put: float


class Place(Protocol):
    """What goes wrong is a FileNotFoundError, where something is not there, or another of `errors`; `mend` is what a
    person can do about that."""

    name: str
    mend: str

    @property
    def errors(self) -> tuple[type[Exception], ...]: ...

    def put(self, blob_id: str, file: IO[bytes]) -> None:
        """Keep what `file` holds from where it stands, whole or not at all; what is there counts as put anew."""
        ...

    def get(self, blob_id: str) -> bytes: ...

    def all(self) -> Iterable[BlobInfo]: ...

    def delete(self, blob_ids: Sequence[str]) -> None:
        """Those that are not there are no error."""
        ...

    def delete_old(self, blobs: Sequence[BlobInfo]) -> None:
        """Forget blobs that nobody has put since they were listed."""
        ...


class Folder:
    """With `durable`, what was put outlasts also the end of the machine.

    Without obstore, whose loading costs 10 ms and 9 MB; and what is there already need not be written again.
    """

    mend = "see that the disk has room and can be written"

    def __init__(self, root: Path, *, durable: bool) -> None:
        self.name = str(root)
        self._root = root
        self._durable = durable

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        return (OSError,)

    def put(self, blob_id: str, file: IO[bytes]) -> None:
        place = self._root / _key(blob_id)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        with suppress(FileNotFoundError):
            if place.stat().st_size == size:  # a shorter one is what the end of a machine left
                os.utime(place)
                return
        fresh = place.with_name(f".new-{secrets.token_hex(8)}")
        try:
            self._write(fresh, file)
            fresh.rename(place)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        if self._durable:
            for folder in (place.parent, self._root):
                _sync(folder)

    def _write(self, fresh: Path, file: IO[bytes]) -> None:
        try:
            handle = os.open(fresh, _NEW, 0o600)
        except FileNotFoundError:
            fresh.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(fresh, _NEW, 0o600)
        with os.fdopen(handle, "wb") as out:
            shutil.copyfileobj(file, out, 1 << 20)
            if self._durable:
                out.flush()
                os.fsync(handle)

    def get(self, blob_id: str) -> bytes:
        return (self._root / _key(blob_id)).read_bytes()

    def all(self) -> Iterator[BlobInfo]:
        for folder in self._root.glob("??"):
            for entry in os.scandir(folder):
                if _KEY.fullmatch(f"{folder.name}/{entry.name}"):
                    with suppress(FileNotFoundError):
                        about = entry.stat()
                        yield BlobInfo(folder.name + entry.name, about.st_size, about.st_mtime)

    def delete(self, blob_ids: Sequence[str]) -> None:
        for blob_id in blob_ids:
            (self._root / _key(blob_id)).unlink(missing_ok=True)

    def delete_old(self, blobs: Sequence[BlobInfo]) -> None:
        """Each is first taken aside, since it may be put anew at this very moment."""
        for blob in blobs:
            place = self._root / _key(blob.id)
            aside = place.with_name(f".gone-{place.name}")
            with suppress(FileNotFoundError):
                place.rename(aside)
                if aside.stat().st_mtime > blob.put and not place.exists():
                    aside.rename(place)
                else:
                    aside.unlink()
        self._sweep()

    def _sweep(self) -> None:
        """What processes that died in the middle left."""
        for pattern in ("??/.new-*", "??/.gone-*", "??/*#*"):  # the last is how obstore wrote
            for left in self._root.glob(pattern):
                with suppress(FileNotFoundError):
                    if left.stat().st_mtime < time.time() - _ABANDONED:
                        left.unlink()


class Bucket:
    """At an address (s3://…, gs://…, az://…). Credentials come from the variables and files that the vendors' own
    tools read. Raises `UsageError` for what is no such address."""

    mend = "see that the bucket can be reached and that its credentials are right"

    def __init__(self, address: str) -> None:
        if _URL.match(address) is None:
            raise UsageError(
                "The setting `blobs` must be the address of a bucket: s3://bucket/folder, gs://bucket/folder or "
                "az://container/folder."
            )
        self.name = address
        self._opened: ObjectStore | None = None

    def put(self, blob_id: str, file: IO[bytes]) -> None:
        import obstore

        obstore.put(self._objects, _key(blob_id), file)

    def get(self, blob_id: str) -> bytes:
        import obstore

        return bytes(obstore.get(self._objects, _key(blob_id)).bytes())

    def all(self) -> Iterator[BlobInfo]:
        for one in _listed(self._objects):
            if _KEY.fullmatch(one["path"]):
                yield BlobInfo(one["path"].replace("/", ""), one["size"], one["last_modified"].timestamp())

    def delete(self, blob_ids: Sequence[str]) -> None:
        import obstore

        for start in range(0, len(blob_ids), 1000):
            obstore.delete(self._objects, [_key(blob_id) for blob_id in blob_ids[start : start + 1000]])

    def delete_old(self, blobs: Sequence[BlobInfo]) -> None:
        """A bucket has no means to take one aside: it is looked at once more right before."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for _ in threads.map(self._delete_unless_put, blobs):
                pass

    def _delete_unless_put(self, blob: BlobInfo) -> None:
        import obstore

        with suppress(FileNotFoundError):
            now = obstore.head(self._objects, _key(blob.id))
            if now["last_modified"].timestamp() <= blob.put:
                obstore.delete(self._objects, _key(blob.id))

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        # Not `from obstore.exceptions import`: while another thread is still importing obstore, that finds the folder
        # of type stubs of the same name, as an empty package.
        import obstore

        return (OSError, obstore.exceptions.BaseError)

    @property
    def _objects(self) -> "ObjectStore":
        if self._opened is None:
            from obstore.store import from_url

            self._opened = from_url(  # without options for the client: those of the variables would not hold then
                self.name, retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=30)}
            )
        return self._opened


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def _key(blob_id: str) -> str:
    return f"{blob_id[:2]}/{blob_id[2:]}"


def _listed(objects: "ObjectStore") -> "Iterator[ObjectMeta]":
    import obstore

    untyped: Any = obstore
    for batch in untyped.list(objects, chunk_size=1000):
        yield from batch


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
