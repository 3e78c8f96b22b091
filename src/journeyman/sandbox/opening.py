"""Opening a sandbox of bubblewrap: its layers held, its processes started, and both once more when it is restored."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from journeyman.core.errors import SandboxError
from journeyman.sandbox import cgroups, layer, layer_copy, plan
from journeyman.sandbox.channel import Channel
from journeyman.sandbox.process import OwnersUnmapped
from journeyman.sandbox.protocol import Gateway, SandboxSpec
from journeyman.sandbox.running import Inside
from journeyman.sandbox.upper import adopt, held

Start = Callable[[SandboxSpec, plan.Uppers, AsyncExitStack, "Seeds"], Awaitable[Inside]]

OPENING = 30.0
"""Seconds in which a sandbox has to come up."""
SEEDING = 600.0
"""Seconds in which layers in memory have to be filled."""


class Ends(Protocol):
    """The processes of a sandbox, as far as they can be ended."""

    def kill(self) -> None: ...

    async def end(self) -> None: ...


class Opening:
    """The way from a spec to an open sandbox. `start` starts its processes and puts what has to be undone at their end
    on a stack; `ids` are their user and group, where these can be chosen."""

    def __init__(self, spec: SandboxSpec, start: Start, state: Path, ids: tuple[int, int] | None) -> None:
        self.spec = spec
        self._start = start
        self._state = state
        self._ids = ids
        self._uppers = plan.Uppers()
        self._outer = AsyncExitStack()
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def layers(self) -> AsyncGenerator[None]:
        """Hold the upper layers; at the end everything that was started is undone."""
        spec, ids = self.spec, self._ids
        async with self._outer as outer:
            if not spec.read_only and spec.upper:
                self._uppers = replace(self._uppers, workspace=await outer.enter_async_context(held(spec.upper, ids)))
            elif spec.upper and ids:
                adopt(spec.upper, ids)
            if spec.home_upper:
                self._uppers = replace(self._uppers, home=await outer.enter_async_context(held(spec.home_upper, ids)))
            try:
                yield
            finally:
                await self._stack.aclose()

    async def open(self, seed: Path | None = None) -> Inside:
        """Start the processes; layers in memory become what they are in the snapshot `seed`."""
        seeds = Seeds(seed, self._ids, self.spec.disk_bytes)
        try:
            return await self._start(self.spec, self._uppers, self._stack, seeds)
        except OwnersUnmapped:
            await self._stack.aclose()
            self.spec = await self._outer.enter_async_context(_copies(self.spec, self._state, self._ids))
            return await self._start(self.spec, self._uppers, self._stack, seeds)

    async def again(self, seed: Path) -> Inside:
        """End all processes, make the layers what they are in the snapshot `seed`, and start anew."""
        await self._stack.aclose()
        for upper, name in ((self._uppers.workspace, "workspace"), (self._uppers.home, "home")):
            if upper:
                await asyncio.to_thread(upper.replace, seed / name, self._ids, self.spec.disk_bytes)
        return await self.open(seed)


def come_up(
    spec: SandboxSpec, uppers: plan.Uppers, channel: Channel, group: cgroups.Group | None, process: Ends
) -> Inside:
    """What has come up: its layers are those on disk, and those that came over the channel."""
    workspace, home = uppers.workspace, uppers.home
    return Inside(
        channel,
        process.kill,
        process.end,
        spec,
        workspace=workspace.handle if workspace else channel.layers.get(b"workspace"),
        home=home.handle if home else channel.layers.get(b"home"),
        on_disk=uppers.handles,
        group=group,
    )


class Seeds:
    """Fills layers in memory from a snapshot while the launcher waits."""

    def __init__(self, seed: Path | None, ids: tuple[int, int] | None, limit: int) -> None:
        self.seed = seed
        self._ids = ids
        self._limit = limit
        self._tasks: list[asyncio.Task[None]] = []
        self._channel: Channel | None = None

    def channel(self, ours: socket.socket) -> Channel:
        """The talk with the launcher and the supervisor, over `ours`."""
        self._channel = Channel(ours, self.sow if self.seed else None)
        return self._channel

    async def ready(self) -> int:
        """The process id of the supervisor once it is up, 0 if it does not come up. Raises what a layer failed of."""
        assert self._channel
        pid = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEEDING if self.seed else OPENING):
                pid = await self._channel.ready
        await self.done()
        return pid

    def sow(self, name: str, handle: int) -> None:
        self._tasks.append(asyncio.create_task(self._fill(name, handle)))

    async def done(self) -> None:
        """Raises what went wrong."""
        for task in self._tasks:
            await task

    async def _fill(self, name: str, handle: int) -> None:
        assert self.seed
        assert self._channel
        try:
            await asyncio.to_thread(layer_copy.fill, handle, self.seed / name, self._ids, self._limit)
        except (OSError, SandboxError):
            self._channel.close("a layer could not be filled")
            raise
        self._channel.proceed()


async def serve(gateway: Gateway, channel: Channel, stack: AsyncExitStack) -> None:
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


def sweep(state: Path) -> None:
    """Remove the copies of hosts that were killed before they could."""
    for folder in (state / "copies").glob("*-*"):
        if not Path(f"/proc/{folder.name.partition('-')[0]}").exists():
            layer_copy.erase(folder)


@asynccontextmanager
async def _copies(spec: SandboxSpec, state: Path, ids: tuple[int, int] | None) -> AsyncGenerator[SandboxSpec]:
    """The same with copies of the layers that belong to the sandbox's user, where no mount can show them as his.
    Slow but as safe."""
    folder = state / "copies" / f"{os.getpid()}-{os.urandom(6).hex()}"
    try:
        lower = await asyncio.to_thread(_copy, spec.lower, folder / "workspace", ids)
        home = await asyncio.to_thread(_copy, spec.home_lower, folder / "home", ids)
        yield replace(spec, lower=lower, home_lower=home)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


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
