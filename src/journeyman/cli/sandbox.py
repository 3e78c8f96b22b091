"""`journeyman sandbox`: one command in a sandbox as an attempt's, with its streams passed through.

The command works on a copy-on-write layer over the folder. What it changed is put onto the folder by the host when it
has ended, so that nothing that it did meanwhile can lead the host's writes anywhere else.
"""

import asyncio
import os
import re
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from journeyman.cli.door import Door, open_door
from journeyman.cli.terminal import is_terminal, joined
from journeyman.cli.through import Out, ReaderGone, one_stream, standard_error, standard_input
from journeyman.cli.throwaway import sweep, throwaway
from journeyman.core.environment import NetworkPolicy, Refusal
from journeyman.core.errors import JourneymanError, SandboxError, UsageError
from journeyman.core.task import Base
from journeyman.core.text import decode, one_line, plain
from journeyman.repo import git_layer
from journeyman.repo.repository import open_repository
from journeyman.repo.tree_write import is_git_name
from journeyman.sandbox import landing, layer
from journeyman.sandbox.choice import Wanted, choose_backend
from journeyman.sandbox.plan import KERNEL_PLACES, check_workspace
from journeyman.sandbox.protocol import ExecResult, Sandbox, SandboxBackend, SandboxSpec
from journeyman.sandbox.toolchains import find_toolchains

UNBOUNDED = 10 * 365 * 86400.0
ENDLESS = 1 << 62
FAILED = 125
"""The exit code of a sandbox that could not be opened, as `timeout`, `env` and `docker run` have it."""
_CODES = {"time": 124, "memory": 128 + signal.SIGKILL, "cpu": 128 + signal.SIGXCPU}
_CUTS = {
    "time": "the command was killed when it reached its time limit, {seconds:g} s.",
    "memory": "the command was killed when it reached its memory limit, {memory} bytes.",
    "disk": "the command was killed when it reached its disk limit, {disk} bytes; its changes were thrown away.",
    "cpu": "the command was killed when it reached its limit of processor time.",
    "gone": "the sandbox ended before the command did.",
}
_SIZE = re.compile(r"(\d+)([KMGT]?)(?:i?B)?\Z", re.IGNORECASE)
_NAMES = 5


@dataclass(frozen=True, slots=True)
class Order:
    """The options of the command. `memory` and `disk` are as typed; what is None is as in the settings."""

    command: tuple[str, ...]
    directory: Path
    readable: tuple[Path, ...] = ()
    network: str = "off"
    backend: str = "auto"
    env: tuple[str, ...] = ()
    timeout: float | None = None
    memory: str | None = None
    processes: int | None = None
    disk: str | None = None
    discard: bool = False


@dataclass(frozen=True, slots=True)
class _Limits:
    seconds: float
    memory: int
    processes: int
    disk: int


@dataclass(frozen=True, slots=True)
class _Room:
    """What a sandbox over `workspace` needs. `handle` is open on that folder, so that what lands goes to the one that
    the command saw; `kept` are paths in it that are never written to."""

    folder: Path
    workspace: Path
    readable: tuple[Path, ...]
    env: dict[str, str]
    kept: tuple[bytes, ...]
    handle: int

    @property
    def over(self) -> Path:
        return self.folder / "over"

    @property
    def upper(self) -> Path:
        return self.folder / "upper"


def run(order: Order) -> int:
    """The exit code: the command's own, 128 + N for a signal, 124 at the time limit, 125 when there was no sandbox."""
    try:
        return asyncio.run(_run(order))
    except UsageError:
        raise
    except JourneymanError as error:
        _say(str(error))
        return FAILED


async def _run(order: Order) -> int:
    door = open_door(order.directory, {})
    if not order.command:
        raise UsageError("Say which command to run: journeyman sandbox -- make test")
    limits = _limits(order, door)
    try:
        check_workspace(_own_path(order.directory))
    except SandboxError as error:
        raise UsageError(str(error)) from error
    parent = _parent(door, Path(os.path.realpath(order.directory)))
    sweep(parent)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(throwaway(parent))
        signals = stack.enter_context(_Signals())
        room = await stack.enter_async_context(_room(order, door, folder))
        result = await _inside(order, door, limits, room, signals)
        if result.cut:
            _say(_CUTS[result.cut].format(**asdict(limits)))
        for note in result.notes:
            _say(note)
        if not order.discard and result.cut != "disk":
            await asyncio.to_thread(_land, room, limits.disk)
    if result.exit_code is not None:
        return result.exit_code
    return _CODES.get(result.cut or "", FAILED)


class _Signals:
    """What ends us ends the command first; its changes are put in place as at any other end."""

    def __init__(self) -> None:
        self.number = 0
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> "_Signals":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._stop, number)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)

    def _stop(self, number: int) -> None:
        self.number = self.number or number
        if self._task is not None:
            self._task.cancel()

    async def until(self, work: Coroutine[Any, Any, ExecResult]) -> ExecResult:
        """The result of `work`, which a signal ends."""
        self._task = asyncio.create_task(work)
        if self.number:
            self._task.cancel()
        try:
            return await self._task
        except asyncio.CancelledError:
            if not self.number:
                raise
            return ExecResult(128 + self.number, b"", 0.0)
        finally:
            self._task = None


async def _inside(order: Order, door: Door, limits: _Limits, room: _Room, signals: _Signals) -> ExecResult:
    """Run the command. The sandbox is closed afterwards: nothing is at work in the layer any more."""
    policy = network_policy(order.network)
    spec = SandboxSpec(
        workspace=room.workspace,
        lower=(room.over, room.workspace),
        upper=room.upper,
        toolchains=find_toolchains(
            door.environ.get("PATH", "/usr/bin:/bin"),
            room.workspace,
            door.home,
            virtual_env=Path(chosen) if (chosen := door.environ.get("VIRTUAL_ENV")) else None,
            own_prefix=Path(sys.prefix),
        ),
        readable=room.readable,
        env=room.env | _pairs(order.env),
        memory_bytes=limits.memory,
        processes=limits.processes,
        disk_bytes=limits.disk,
    )
    async with AsyncExitStack() as stack:
        if policy.access != "off":
            from journeyman.cli.network import index_variables, way_out

            known = await index_variables(door) if policy.indexes else dict[str, str]()
            gateway = await stack.enter_async_context(way_out(door)(policy, {}, _refused))
            spec = replace(spec, gateway=gateway, env={**known, **spec.env})
        sandbox = await stack.enter_async_context(_backend(order, door).open(spec))
        if is_terminal():
            shown = {"TERM": door.environ.get("TERM", "xterm"), "NO_COLOR": door.environ.get("NO_COLOR", "")}
            return await signals.until(_on_terminal(order.command, shown | _pairs(order.env), limits.seconds, sandbox))
        return await signals.until(_pass_through(order.command, limits.seconds, sandbox))


async def _on_terminal(command: Sequence[str], env: dict[str, str], seconds: float, sandbox: Sandbox) -> ExecResult:
    try:
        return await joined(sandbox, command, env=env, seconds=seconds)
    except ReaderGone:
        return ExecResult(128 + signal.SIGHUP, b"", 0.0)


def network_policy(text: str) -> NetworkPolicy:
    """`off`, `on`, or a list of host patterns, of which `indexes` stands for those of the machine's package tools."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words in (["off"], ["on"]):
        return NetworkPolicy(access="off" if words == ["off"] else "on")
    if not words or {"off", "on"} & set(words):
        raise UsageError(f"--network takes off, on, indexes or host patterns, not {plain(text)!r}.")
    hosts = tuple(word for word in words if word != "indexes")
    return NetworkPolicy(access="allow-list", hosts=hosts, indexes="indexes" in words)


def _refused(refusal: Refusal) -> None:
    remedy = f" (--network {refusal.remedy} would allow it)" if refusal.remedy else ""
    _say(
        one_line(f"the network refused {refusal.method} {refusal.host}:{refusal.port}: {refusal.reason}", 300) + remedy
    )


async def _pass_through(command: Sequence[str], seconds: float, sandbox: Sandbox) -> ExecResult:
    out = Out(1)
    try:
        async with AsyncExitStack() as stack:
            stdin = await stack.enter_async_context(standard_input())
            errors = None if one_stream() else await stack.enter_async_context(standard_error())
            return await sandbox.exec(
                command, stdin=stdin, errors=errors, timeout=seconds, output_limit=ENDLESS, keep=0, on_output=out.write
            )
    except ReaderGone:
        return ExecResult(128 + signal.SIGPIPE, b"", 0.0)


def _backend(order: Order, door: Door) -> SandboxBackend:
    wanted = next((each for each in get_args(Wanted) if each == order.backend), None)
    if wanted is None:
        raise UsageError(
            f"There is no sandbox backend {plain(order.backend)!r}; there are {', '.join(get_args(Wanted))}."
        )
    return choose_backend(door.settings.sandbox if wanted == "auto" else wanted, door.state / "sandbox")


@asynccontextmanager
async def _room(order: Order, door: Door, folder: Path) -> AsyncGenerator[_Room]:
    """Lay out what lies over the folder, and find what is not to be touched in it."""
    workspace = _own_path(order.directory)
    try:
        handle = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{plain(str(order.directory))} cannot be worked in: {error.strerror}.") from error
    try:
        real = Path(os.path.realpath(workspace))
        over = folder / "over"
        over.mkdir()
        (folder / "upper").mkdir()
        ours = [door.state, door.cache, Path(sys.prefix)]
        for place in filter(None, (_within(each, real) for each in ours[:2])):
            (over / place).mkdir(parents=True, exist_ok=True)
            os.setxattr(over / place, layer.OPAQUE, b"y")
        env, stores = await _git(door, workspace, over)
        readable = tuple(_readable(path) for path in order.readable)
        kept = filter(None, (_within(each, real) for each in (*ours, *readable, *_mounts())))
        yield _Room(folder, workspace, (*readable, *stores), env, tuple(os.fsencode(each) for each in kept), handle)
    finally:
        os.close(handle)


def _mounts() -> list[Path]:
    """Where something is mounted. Inside, such a folder is empty, and what is done to it there is not meant for it."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    escaped = (line.split(b" ")[4] for line in lines)
    return [
        Path(os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), each))) for each in escaped
    ]


def _own_path(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - links on the way are part of it


def _within(path: Path, folder: Path) -> Path | None:
    """`path` relative to `folder`, when it lies there."""
    real = Path(os.path.realpath(path))
    return real.relative_to(folder) if real.is_relative_to(folder) else None


def _readable(path: Path) -> Path:
    if any(_own_path(path).is_relative_to(kernel) for kernel in KERNEL_PLACES) or _own_path(path) == Path("/"):
        raise UsageError(f"{plain(str(path))} cannot be made readable: inside there is another one.")
    if not os.path.exists(path):  # noqa: PTH110 - pathlib raises where it may not look
        raise UsageError(f"{plain(str(path))} cannot be made readable: it does not exist.")
    return _own_path(path)


async def _git(door: Door, workspace: Path, over: Path) -> tuple[dict[str, str], tuple[Path, ...]]:
    """Lay a git directory over the person's own, which may hold passwords and things that run: variables that git
    needs, and the object stores that it borrows from."""
    if not os.path.lexists(workspace / ".git"):
        return {}, ()
    try:
        repository = await open_repository(workspace, door.state, excludes=door.excludes)
        branch, commit = repository.place.head()
        base = Base(
            repository=str(workspace), tree="", commit=commit, branch=branch and branch.removeprefix("refs/heads/")
        )
        stores = await repository.git_layer(over, base)
    except JourneymanError as error:
        _say(f"git does not work in there: {error}")
        os.mknod(over / ".git", stat.S_IFCHR, os.makedev(0, 0))  # overlayfs's sign for: it is not there
        return {}, ()
    return git_layer.environment(workspace), stores


def _land(room: _Room, limit: int) -> None:
    """Put what was changed in place, and say what was not."""

    def may_touch(path: bytes) -> bool:
        if any(path == kept or path.startswith(kept + b"/") for kept in room.kept):
            return False
        return not any(is_git_name(part) for part in path.split(b"/"))

    upper = os.open(room.folder / "upper", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        left_out = [path for path in landing.land(upper, room.handle, may_touch, limit=limit) if path != b".git/index"]
    except OSError as error:
        raise SandboxError(f"Not everything could be put in place: {error.strerror}.") from error
    finally:
        os.close(upper)
    names = dict.fromkeys(_shown(path) for path in left_out)
    if names:
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        _say(f"left out: {', '.join(list(names)[:_NAMES])}{more}")


def _shown(path: bytes) -> str:
    """A path for people; of what is in a git directory only that."""
    parts = path.split(b"/")
    end = next((number for number, part in enumerate(parts, 1) if is_git_name(part)), len(parts))
    return one_line(decode(b"/".join(parts[:end])), 100)


def _parent(door: Door, workspace: Path) -> Path:
    """Where the layer lies: below the state, unless that lies in the folder itself, over which nothing can be laid
    that lies in it."""
    own = f"journeyman-{os.getuid()}"
    for place in (door.state / "sandbox", Path("/var/tmp") / own, Path(tempfile.gettempdir()) / own):
        if not Path(os.path.realpath(place)).is_relative_to(workspace):
            if place.name == own:
                _own_folder(place)
            return place / "runs"
    raise UsageError(f"{plain(str(workspace))} holds every place where its changes could be kept meanwhile.")


def _own_folder(place: Path) -> None:
    """Make a folder that nobody else can write to, where everybody may make folders."""
    try:
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)
        about = place.lstat()
    except OSError as error:
        raise SandboxError(f"{place} cannot be made: {error.strerror}.") from error
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise SandboxError(f"{place} belongs to somebody else; remove it.")


def _limits(order: Order, door: Door) -> _Limits:
    usual = door.settings.limits
    return _Limits(
        seconds=order.timeout or UNBOUNDED,
        memory=bytes_of(order.memory) or usual.memory_bytes,
        processes=order.processes or usual.processes,
        disk=bytes_of(order.disk) or usual.disk_bytes,
    )


def bytes_of(text: str | None) -> int | None:
    if text is None:
        return None
    found = _SIZE.match(text)
    if not found or not int(found[1]):
        raise UsageError(f"{text!r} is not a size; write for instance 512M or 4G.")
    return int(found[1]) * 1024 ** " KMGT".index(found[2].upper() or " ")


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not name or not sign or "\0" in text:
            raise UsageError(f"--env takes NAME=VALUE, not {plain(text)!r}.")
        pairs[name] = value
    return pairs


def _say(text: str) -> None:
    with suppress(OSError):
        print(f"journeyman: {text}", file=sys.stderr, flush=True)
