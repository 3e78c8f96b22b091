"""Sandboxes made by a container engine, podman or docker: any image, the same supervisor, the same layers.

The engine makes the container: namespaces, no network, no capabilities, our seccomp profile, limits. Its first program
is ours, run by an interpreter that comes along (`container_runtime.py`). It waits until the host has hung layers and
readable paths into the container's mount namespace (`stage.py`) and has handed over the channel; only then
does anything of the image run. From there on a sandbox is what it is with bubblewrap.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journeyman.core.errors import SandboxError, SandboxUnavailable
from journeyman.core.text import decode, plain
from journeyman.sandbox import plan, seccomp
from journeyman.sandbox.backend import SANDBOX_ID, Backend
from journeyman.sandbox.cgroups import Group
from journeyman.sandbox.container import plan as layout
from journeyman.sandbox.container.api import (
    About,
    Engine,
    EngineError,
    connected,
    listens,
    sockets,
    start_service,
)
from journeyman.sandbox.container.plan import HOST, Image, System
from journeyman.sandbox.container.runtime import Runtime, runtime
from journeyman.sandbox.opening import OPENING, Seeds, come_up, serve
from journeyman.sandbox.process import CLOSING, explained
from journeyman.sandbox.programs import link
from journeyman.sandbox.protocol import SandboxSpec
from journeyman.sandbox.running import Inside

HERE = Path(__file__).parent
BOOT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from journeyman.sandbox.container.stage import run; run()"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
LABEL = "journeyman.sandbox"
"""The label of our containers; its value is `<process id of the host> <state directory>`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What all sandboxes of one engine share. `ids` are what the stager shows files as, where it is root; with
    `by_engine` it is root only in a container."""

    about: About
    runtime: Runtime
    system: System
    ids: tuple[int, int] | None
    by_engine: bool


class Containers(Backend):
    """The `SandboxBackend` of container engines.

    `places` are the engines' sockets to try; None finds them, and starts podman where none listens. A spec without an
    image gets `image`, or the host's own system as with bubblewrap; in an image there are no toolchains of the host.
    `on_progress` is told how the fetching of an image goes on.
    """

    name = "container"

    def __init__(
        self,
        state: Path,
        *,
        ids: tuple[int, int] = (SANDBOX_ID, SANDBOX_ID),
        interpreter: tuple[Path, Path] | None = None,
        clock: Callable[[], float] = time.monotonic,
        places: Sequence[Path] | None = None,
        image: str | None = None,
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(state, ids=ids, interpreter=interpreter, clock=clock)
        self._sockets = places
        self._image = image or HOST
        self._on_progress = on_progress
        self._known: tuple[Path, Ready] | None = None
        self._images: dict[str, Image] = {}

    async def identify(self, image: str) -> str:
        where, _ = await self.engine()
        async with connected(where) as engine:
            return (await self._have(engine, image)).ident

    def _environment(self, spec: SandboxSpec) -> Mapping[str, str]:
        return layout.environment(spec, self._images[spec.image or self._image])

    async def _start(self, spec: SandboxSpec, uppers: plan.Uppers, stack: AsyncExitStack, seeds: Seeds) -> Inside:
        plan.check_workspace(spec.workspace)
        where, ready = await self.engine()
        folder = self._folder(stack)
        layout.lay_out(folder, spec)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = seeds.channel(ours)
        stack.callback(channel.release)
        stack.callback(channel.close)
        with theirs, door_in(folder) as door:
            async with connected(where) as engine:
                image = await self._have(engine, spec.image or self._image)
                container = await self._create(engine, spec, image, ready, folder)
                stack.push_async_callback(self._remove, container)
                knock, process, pid = await _answer(engine, container, door)
                stack.callback(os.close, process)
                stack.push_async_callback(_end, process)
                with knock:
                    orders = layout.orders(
                        spec,
                        ready.system if image.name == HOST else None,
                        ids=ready.ids,
                        user=self._user(),
                        process=pid if ready.by_engine else process,
                        channel=theirs.fileno(),
                        uppers=uppers,
                        seeded=seeds.seed is not None,
                    )
                    with _paper(orders) as paper:
                        if ready.by_engine:
                            await self._stage_by_engine(engine, ready, (theirs.fileno(), paper))
                        else:
                            await self._stage(paper, (process, theirs.fileno()))
                    socket.send_fds(knock, [b"!"], [theirs.fileno()])
        came_up = await seeds.ready()
        if not came_up:
            raise SandboxError("The container's first process did not come up.")
        if spec.gateway:
            await serve(spec.gateway, channel, stack)
        return come_up(spec, uppers, channel, Group.of(pid) if ready.about.bounds else None, First(process))

    def _folder(self, stack: AsyncExitStack) -> Path:
        folder = self.state / "c" / f"{os.getpid()}-{os.urandom(6).hex()}"
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _user(self) -> tuple[int, int]:
        """Who runs the commands, in the eyes of the container."""
        return self._ids or (os.getuid(), os.getgid())

    async def engine(self) -> tuple[Path, Ready]:
        """The socket of an engine that can be used; podman is started where none listens. Raises `SandboxUnavailable`
        with what is missing."""
        if self._known and await asyncio.to_thread(listens, self._known[0]):
            return self._known
        problems: list[str] = []
        for where in sockets() if self._sockets is None else self._sockets:
            if await asyncio.to_thread(listens, where):
                try:
                    self._known = where, await self._prepare_engine(where)
                except SandboxError as error:
                    problems.append(str(error))
                else:
                    return self._known
        if self._sockets is not None:
            places = ", ".join(map(str, self._sockets))
            raise SandboxUnavailable(" ".join(problems) or f"No container engine listens at {places}.")
        try:
            where = await asyncio.to_thread(start_service, self.state)
        except SandboxUnavailable as error:
            raise SandboxUnavailable(" ".join([*problems, str(error)])) from error
        self._known = where, self._known[1] if self._known else await self._prepare_engine(where)
        return self._known

    async def _prepare_engine(self, where: Path) -> Ready:
        """What all sandboxes of an engine share, made once; what killed hosts have left is removed."""
        async with connected(where) as engine:
            about = await engine.about()
            if about.rootless and (self._ids or about.name != "podman"):
                raise SandboxUnavailable(
                    f"The container engine at {where} is a rootless {about.name}, where the workspace's files cannot "
                    "be this user's own; install podman, or let root run the engine."
                )
            self.state.mkdir(parents=True, exist_ok=True)
            await self._sweep(engine)
        parts = [HERE / f"{name}.py" for name in ("init", "helper")]
        parts.append(link.written("supervisor", self.state))
        return Ready(
            about=about,
            runtime=runtime(self.state, self._interpreter[0], parts, layout.RUNTIME),
            system=layout.system(self.state, self._interpreter, self._user()),
            ids=None if about.rootless else self._user(),
            by_engine=not about.rootless and self._ids is None,
        )

    async def _sweep(self, engine: Engine) -> None:
        for found in await engine.labelled(LABEL):
            owner, _, state = str(found["Labels"][LABEL]).partition(" ")
            if state == str(self.state) and not Path(f"/proc/{owner}").exists():
                await engine.remove(str(found["Id"]))
        for folder in (self.state / "c").glob("*-*"):
            if not Path(f"/proc/{folder.name.partition('-')[0]}").exists():
                shutil.rmtree(folder, ignore_errors=True)

    async def _have(self, engine: Engine, name: str) -> Image:
        """An image that the engine has, or is made to have."""
        known = self._images.get(name)
        if known:
            return known
        found = await engine.image(name)
        if found is None and name == HOST:
            await engine.load(layout.empty_image(), HOST)
            found = await engine.image(name)
        elif found is None:
            await engine.pull(name, self._on_progress)
            found = await engine.image(name)
        if found is None:
            raise SandboxError(f"The image {name} was fetched, but the container engine does not have it.")
        kind, machine = str(found.get("Architecture", "")), os.uname().machine
        if kind and kind != ARCHITECTURES.get(machine, kind):
            raise SandboxError(f"The image {name} is made for {kind}, but this machine is {machine}.")
        image = Image(name, str(found["Id"]), layout.variables(found.get("Config") or {}))
        self._images[name] = image
        return image

    async def _create(self, engine: Engine, spec: SandboxSpec, image: Image, ready: Ready, folder: Path) -> str:
        """Make a container and start it; its id."""
        body = layout.container(spec, image, ready.about, self._user(), (ready.runtime, folder))
        security = ["no-new-privileges"]
        if ready.about.name == "podman":
            security.append(f"seccomp={seccomp.profile_file(self.state)}")
        else:
            security.append(f"seccomp={seccomp.profile()}")
        if Path("/sys/fs/selinux/enforce").exists():  # it would not let the container read what is ours
            security.append("label=disable")
        body["HostConfig"]["SecurityOpt"] = security
        try:
            return await self._run(engine, body, folder)
        except EngineError as error:
            if error.status == 404:  # the image was removed meanwhile
                self._images.pop(image.name, None)
            raise

    async def _run(self, engine: Engine, body: dict[str, Any], folder: Path) -> str:
        body["Labels"] = {LABEL: f"{os.getpid()} {self.state}"}
        container = await engine.create(f"journeyman-{folder.name}", body)
        try:
            await engine.start(container)
        except BaseException:
            await engine.remove(container)
            raise
        return container

    async def _remove(self, container: str) -> None:
        where, _ = await self.engine()
        async with connected(where) as engine:
            await engine.remove(container)

    async def _stage(self, paper: int, handles: tuple[int, ...]) -> None:
        """Have the container's file system laid out by a process of this user's."""
        stager = await asyncio.create_subprocess_exec(
            *(str(self._interpreter[0]), "-I", "-S", "-c", BOOT, str(layout.SOURCES), str(paper)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=(paper, *handles),
        )
        try:
            async with asyncio.timeout(OPENING):
                _, said = await stager.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                stager.kill()
            await stager.wait()
            raise
        if stager.returncode:
            raise explained(plain(decode(said)).strip()[-2000:])

    async def _stage_by_engine(self, engine: Engine, ready: Ready, handles: tuple[int, int]) -> None:
        """Have it laid out by the engine's root, in a container of ours that sees the host."""
        async with AsyncExitStack() as stack:
            folder = self._folder(stack)
            layout.lay_out(folder)
            image = await self._have(engine, HOST)
            door = stack.enter_context(door_in(folder))
            body = layout.helper(image, ready.runtime, folder)
            helper = await self._run(engine, body, folder)
            stack.push_async_callback(engine.remove, helper)
            knock, process, _ = await _answer(engine, helper, door)
            os.close(process)
            stack.enter_context(knock)
            knock.setblocking(False)
            socket.send_fds(knock, [b"!"], handles)
            async with asyncio.timeout(OPENING):
                said = await asyncio.get_running_loop().sock_recv(knock, 4096)
        if said != b"+":
            raise explained(plain(decode(said)).strip())


@contextmanager
def _paper(orders: bytes) -> Generator[int]:
    """A file in memory that holds the stager's plan."""
    handle = os.memfd_create("plan", os.MFD_CLOEXEC)
    try:
        os.write(handle, orders)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def door_in(folder: Path) -> Generator[socket.socket]:
    """A socket at which the container's first program knocks. It is unlinked before anything of the image runs."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    path = Path(f"/proc/self/fd/{handle}") / Path(layout.DOOR).name  # its own may be too long for a socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.bind(str(path))
            path.chmod(0o666)
            door.listen(1)
            door.setblocking(False)
            yield door
    finally:
        os.close(handle)


async def _answer(engine: Engine, container: str, door: socket.socket) -> tuple[socket.socket, int, int]:
    """Wait until the container's first program knocks: the connection, a descriptor of the process, and its number."""
    knocking = asyncio.ensure_future(asyncio.get_running_loop().sock_accept(door))
    ending = asyncio.ensure_future(engine.wait(container))
    try:
        await asyncio.wait({knocking, ending}, timeout=OPENING, return_when=asyncio.FIRST_COMPLETED)
        if not knocking.done():
            said = plain(await engine.said(container)).strip()
            raise SandboxError(f"The container did not come up: {said or 'it ended without a word'}.")
        knock, _ = knocking.result()
        Path(door.getsockname()).unlink()
    finally:
        for task in (knocking, ending):
            task.cancel()
        await asyncio.wait({knocking, ending})
    pid, _, _ = struct.unpack("3i", knock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        process = os.pidfd_open(pid)
        if (await engine.state(container)).get("Pid") == pid:
            return knock, process, pid
        os.close(process)
    except (OSError, ValueError) as error:
        knock.close()
        raise SandboxError("The container ended as soon as it was started.") from error
    knock.close()
    raise SandboxError("Somebody else than the container's first process answered; nothing was run.")


@dataclass(frozen=True, slots=True)
class First:
    """The first process of a container, by its descriptor."""

    process: int

    def kill(self) -> None:
        _kill(self.process)

    async def end(self) -> None:
        await _end(self.process)


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)


async def _end(process: int) -> None:
    """Kill a container's first process, and with it all others, and wait until it has gone."""
    _kill(process)
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_reader(process, done.set)
    try:
        async with asyncio.timeout(CLOSING):
            await done.wait()
    except TimeoutError:
        return  # the engine will see to it
    finally:
        loop.remove_reader(process)
