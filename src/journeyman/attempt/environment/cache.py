"""Environments that are ready: read-only layers on the disk, found by what they were made of.

Below `state/environments`:
    builds/REPOSITORY/ID/     `build.json`, `workspace` and `home`: published whole by one rename, never changed
    fits/ID/TREE/             files of a later state of the repository that the layers would hide
    work/NAME/                what is being built, held by a lock for as long as its builder lives
    locks/                    KEY.build: one builder at a time; ID.use: shared by whoever has the layers open
    failed/REPOSITORY.json    the last set-up that failed
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from journeyman.core.environment import BypassProbe, Refusal
from journeyman.core.evidence import CheckRun
from journeyman.core.ids import Clock
from journeyman.core.value import Value

PAUSE = 0.05
"""Seconds between two tries to get a lock that another process holds."""


class Build(Value):
    """An environment that is ready. `id` is its key and when it was made; `parents` are the builds that lie below it.

    `family` is the key without the content of files. `home` and `path` are HOME and PATH inside. `tops` are the paths
    that it adds to the workspace, as in a URL; `dropped` are tracked files that set-up changed and that were put
    back. `checks` are those of the base, run once when it was made. `output` is the blob of all that set-up wrote.
    """

    id: str
    key: str
    family: str
    name: str
    repository: str
    tree: str
    created: float
    cache_hours: float
    seconds: float
    size: int = 0
    summary: str = ""
    home: str = ""
    path: str = ""
    parents: tuple[str, ...] = ()
    tops: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    bin: tuple[str, ...] = ()
    checks: tuple[CheckRun, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    probes: tuple[BypassProbe, ...] = ()
    output: str = ""

    def stale(self, now: float) -> bool:
        return now - self.created > self.cache_hours * 3600


class Failure(Value):
    """A set-up that failed: the command, its end in words, a likely cause, and the blob of the whole output."""

    name: str
    at: float
    command: str
    ended: str
    cause: str = ""
    tail: str = ""
    output: str = ""


@dataclass(slots=True)
class Cache:
    """The environments below `root`; `budget` is the bytes that they may take together."""

    root: Path
    budget: int
    clock: Clock = time.time

    def place(self, repository: str) -> Path:
        return self.root / "builds" / hashlib.sha256(os.fsencode(repository)).hexdigest()[:20]

    def folder(self, build: Build) -> Path:
        return self.place(build.repository) / build.id

    def any(self, repository: str) -> bool:
        """Whether anything was ever built for a repository: a look that costs nothing."""
        return self.place(repository).is_dir()

    def builds(self, repository: str | None = None) -> list[Build]:
        """What is ready, the newest first; of all repositories without one."""
        places = [self.place(repository)] if repository is not None else sorted((self.root / "builds").glob("*"))
        found = [build for place in places for build in _read(place)]
        return sorted(found, key=lambda build: build.created, reverse=True)

    def find(self, repository: str, *, key: str | None = None, family: str | None = None) -> Build | None:
        """The newest build of this key, or of this family that has no parents."""
        place = self.place(repository)
        if key is not None:
            names = sorted((path.name for path in place.glob(f"{key}-*")), reverse=True)
            return next((build for name in names if (build := _build(place / name)) is not None), None)
        return next((one for one in self.builds(repository) if one.family == family and not one.parents), None)

    def used(self, build: Build) -> float:
        """When it was last opened."""
        with contextlib.suppress(FileNotFoundError):
            return self._use(build.id).stat().st_mtime
        return build.created

    @contextmanager
    def opened(self, build: Build) -> Generator[tuple[Build, ...] | None]:
        """Keep a build and what lies below it from being taken away; all of them, None when one has gone already."""
        with contextlib.ExitStack() as stack:
            ids = (build.id, *build.parents)
            for id_ in ids:
                stack.enter_context(self._locked(self._use(id_), fcntl.LOCK_SH, touch=True))
            place = self.place(build.repository)
            found = [one for id_ in ids if (one := _build(place / id_)) is not None]
            yield tuple(found) if len(found) == len(ids) else None

    @asynccontextmanager
    async def building(self, key: str, waiting: Callable[[], None] | None = None) -> AsyncGenerator[None]:
        """Be the only builder of a key, of all processes; `waiting` is called once when there is another."""
        with self._locked(self.root / "locks" / f"{key}.build", None) as handle:
            first = True
            while not _try(handle, fcntl.LOCK_EX):
                if first and waiting is not None:
                    waiting()
                first = False
                await asyncio.sleep(PAUSE)
            yield

    def is_built(self, key: str) -> bool:
        """Whether somebody is building this key at this moment."""
        with self._locked(self.root / "locks" / f"{key}.build", None) as handle:
            return not _try(handle, fcntl.LOCK_EX)

    @asynccontextmanager
    async def workplace(self) -> AsyncGenerator[Path]:
        """A new folder for a build; what is still there at the end is taken away, as is what dead builders left."""
        await asyncio.to_thread(self._sweep)
        place = self.root / "work" / os.urandom(8).hex()
        place.mkdir(parents=True)
        place.chmod(0o755)
        try:
            with self._locked(place.with_suffix(".lock"), fcntl.LOCK_EX):
                yield place
        finally:
            await asyncio.to_thread(remove, place)
            place.with_suffix(".lock").unlink(missing_ok=True)

    def publish(self, build: Build, out: Path) -> None:
        """Make the folder `out` the build's; from then on it is there."""
        (out / "build.json").write_text(build.model_dump_json())
        target = self.folder(build)
        target.parent.mkdir(parents=True, exist_ok=True)
        out.chmod(0o755)
        out.rename(target)
        (self.root / "failed" / f"{target.parent.name}.json").unlink(missing_ok=True)

    def trim(self, keep: str = "") -> list[Build]:
        """Take away what a newer one of the same key replaces and, over the budget, what was not used for longest;
        but not the build `keep`, were it alone too large."""
        gone: list[Build] = []
        builds = self.builds()
        seen: set[str] = set()
        for build in builds:
            if build.key in seen and self.drop(build):
                gone.append(build)
            seen.add(build.key)
        left = [build for build in builds if build not in gone]
        total = sum(build.size for build in left)
        for build in sorted(left, key=self.used):
            if total <= self.budget:
                break
            if build.id != keep and self.drop(build):
                gone.append(build)
                total -= build.size
        return gone

    def drop(self, build: Build) -> bool:
        """Take a build away, unless somebody has it open or one that lies on it is there."""
        if any(build.id in other.parents for other in self.builds(build.repository)):
            return False
        lock = self._use(build.id)
        trash = self.root / "work" / f"gone-{os.urandom(8).hex()}"
        trash.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(lock, None) as handle:
            if not _try(handle, fcntl.LOCK_EX):
                return False
            with contextlib.suppress(FileNotFoundError):
                self.folder(build).rename(trash)
            lock.unlink(missing_ok=True)
        remove(trash)
        remove(self.root / "fits" / build.id)
        with contextlib.suppress(OSError):
            self.folder(build).parent.rmdir()  # the last one of its repository
        return True

    def fit(self, build: Build, tree: str) -> Path:
        """Where the files of `tree` lie that the build would hide."""
        return self.root / "fits" / build.id / tree

    def failed(self, repository: str) -> Failure | None:
        with contextlib.suppress(FileNotFoundError, ValidationError):
            return Failure.model_validate_json(self._failed(repository).read_bytes())
        return None

    def fail(self, repository: str, failure: Failure) -> None:
        path = self._failed(repository)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.urandom(4).hex()}")
        fresh.write_text(failure.model_dump_json())
        fresh.rename(path)

    def _failed(self, repository: str) -> Path:
        return self.root / "failed" / f"{self.place(repository).name}.json"

    def _use(self, id_: str) -> Path:
        return self.root / "locks" / f"{id_}.use"

    @contextmanager
    def _locked(self, path: Path, kind: int | None, *, touch: bool = False) -> Generator[int]:
        """A lock file, open, and locked if a `kind` is given: nobody holds the other kind for long."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if kind is not None:
                fcntl.flock(handle, kind)
            if touch:
                os.utime(handle)
            yield handle
        finally:
            os.close(handle)

    def _sweep(self) -> None:
        """Take away what builders that are dead left behind."""
        for lock in (self.root / "work").glob("*.lock"):
            with self._locked(lock, None) as handle:
                if _try(handle, fcntl.LOCK_EX):
                    remove(lock.with_suffix(""))
                    lock.unlink(missing_ok=True)
        for trash in (self.root / "work").glob("gone-*"):
            remove(trash)


def remove(folder: Path) -> None:
    """Take a folder away, also where set-up forbade its owner to write to directories, or made it so deep that only
    programs which never hold a whole path can get to its end."""
    for words in (["rm", "-rf"], ["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
        if not folder.is_dir():
            return
        subprocess.run([*words, "--", str(folder)], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)


def _read(place: Path) -> Iterator[Build]:
    if place.is_dir():
        for folder in place.iterdir():
            if (build := _build(folder)) is not None:
                yield build


def _build(folder: Path) -> Build | None:
    """A build as it was published; None where there is none, or one of another version of Journeyman."""
    try:
        return Build.model_validate_json((folder / "build.json").read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
