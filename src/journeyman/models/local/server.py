"""Finds the model server of this machine, or starts it."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import journeyman
from journeyman.core.errors import ModelError, UsageError
from journeyman.core.text import decode, one_line
from journeyman.models.local.locks import is_held, locked
from journeyman.models.local.progress import OnProgress, Progress, silent
from journeyman.models.local.serve import FAILURE, LEASE, LOCK, LOG, RECORD, Serving

POLL = 0.1
LOAD_LIMIT = 300.0
"""Seconds after which a model that is still loading is given up."""
KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR", "HOME")
"""What the server's process gets of the environment: no keys."""
CPUS = Path("/sys/devices/system/cpu")
QUOTA = Path("/sys/fs/cgroup/cpu.max")


class LoadFailed(ModelError):
    """The server cannot load the model file."""


@dataclass(frozen=True, slots=True)
class Address:
    """A running server: `url` without a path, and the token that it asks for."""

    url: str
    token: str
    pid: int


class Launcher:
    """The one server of a state directory.

    Whatever process comes first starts it, all others use it, and it ends by itself; see `serve`.
    """

    def __init__(
        self,
        directory: Path,
        serving: Serving,
        *,
        env: Mapping[str, str] | None = None,
        on_progress: OnProgress = silent,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = directory
        self.serving = serving
        self._env = {name: value for name, value in (env or {}).items() if name in KEPT}
        self._on_progress = on_progress
        self._clock = clock
        self._told = -1

    @asynccontextmanager
    async def lease(self) -> AsyncGenerator[None]:
        """Keeps the server from ending as long as the context lasts."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.directory / LEASE).touch(0o600)
        except OSError as error:
            raise UsageError(f"The model server needs the folder {self.directory}: {error.strerror}.") from error
        async with locked(self.directory / LEASE, shared=True):
            try:
                yield
            finally:
                with suppress(OSError):
                    os.utime(self.directory / LEASE)

    def running(self) -> Address | None:
        """The server, if there is one that is ready."""
        try:
            record = json.loads((self.directory / RECORD).read_text())
            return Address(**record) if is_held(self.directory / LOCK) else None
        except (OSError, ValueError, TypeError):
            return None

    async def ensure(self) -> Address:
        """The running server, started where there is none. To be called with a lease.

        Raises `LoadFailed` when it cannot load the model, `UsageError` when this machine lacks what it needs.
        """
        if (address := self.running()) is not None:
            return address
        async with locked(self.directory / "start.lock", on_wait=self._waiting):
            began = self._clock()
            if not is_held(self.directory / LOCK):
                await self._start()
            while (address := self.running()) is None:
                if not is_held(self.directory / LOCK):
                    raise self._failure()
                waited = self._clock() - began
                if waited > LOAD_LIMIT:
                    raise LoadFailed(f"The embedded model has not loaded in {LOAD_LIMIT:.0f} s; see {self._log}.")
                self._waiting(waited)
                await asyncio.sleep(POLL)
            return address

    async def stop(self, address: Address) -> None:
        """Ends the server at `address`, if it still is the running one."""
        if self.running() != address:
            return
        with suppress(ProcessLookupError):
            os.kill(address.pid, signal.SIGKILL)  # it may hang; it has nothing to save
        async with locked(self.directory / LOCK, shared=True):
            pass  # it is gone

    @property
    def _log(self) -> Path:
        return self.directory / LOG

    def _waiting(self, seconds: float) -> None:
        """Tells once a second."""
        if int(seconds) != self._told:
            self._told = int(seconds)
            self._on_progress(Progress("loading", "loading the model", self._told))

    async def _start(self) -> None:
        library = importlib.util.find_spec("xllamacpp")
        if library is None or library.origin is None:
            raise UsageError(
                f"The embedded model needs the package xllamacpp, which this Python lacks: {sys.executable} -m pip "
                "install xllamacpp. Any other model can be set with --model."
            )
        for name in (RECORD, FAILURE):
            (self.directory / name).unlink(missing_ok=True)
        roots = [Path(journeyman.__file__).parent.parent, Path(library.origin).parent.parent]
        env = self._env | {
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(str, roots))),
            "OMP_WAIT_POLICY": "passive",  # threads that spin while they wait are slowed to a fifth by any neighbour
        }
        command = (sys.executable, "-P", "-m", "journeyman.models.local.serve", str(self.directory))
        await asyncio.to_thread(self._run, (*command, json.dumps(asdict(self.serving))), env)

    def _run(self, command: tuple[str, ...], env: Mapping[str, str]) -> None:
        """Runs `command`, which ends as soon as the server, nobody's child, is on its way."""
        with self._log.open("wb") as log:
            subprocess.run(
                command,
                check=False,
                cwd="/",
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _failure(self) -> ModelError | UsageError:
        """Why the server that was started has ended."""
        try:
            failure: dict[str, Any] = json.loads((self.directory / FAILURE).read_text())
        except (OSError, ValueError):
            return LoadFailed(f"The embedded model's server ended while loading ({self._last_words()}).")
        if failure["kind"] == "import":
            missing = str(failure["message"])
            hint = " On Debian or Ubuntu: apt install libgomp1." if "libgomp" in missing else ""
            return UsageError(f"The embedded model cannot run here: {missing}.{hint}")
        return LoadFailed(f"The embedded model cannot be loaded ({self._last_words()}).")

    def _last_words(self) -> str:
        """The line of the log that tells most: the first error, else the last line."""
        with suppress(OSError):
            lines = [line for line in decode(self._log.read_bytes()[-8_000:]).splitlines() if line.strip()]
            errors = [line for line in lines if " E " in line]
            if lines:
                return f"{one_line((errors or lines[-1:])[0], 160)}; see {self._log}"
        return f"see {self._log}"


def cores() -> int:
    """Processor cores that this process may use: those it is bound to, without hyperthreads, within the quota."""
    mine = os.sched_getaffinity(0)
    found: set[str] = set()
    for number in mine:
        try:
            found.add((CPUS / f"cpu{number}" / "topology" / "thread_siblings_list").read_text())
        except OSError:
            found.add(str(number))
    try:
        quota, period = QUOTA.read_text().split()
        allowed = -(-int(quota) // int(period))
    except (OSError, ValueError):
        allowed = len(found)
    return max(min(len(found), allowed), 1)
