"""An open sandbox, seen from the host: commands, files, and what they left in the upper layer."""

import asyncio
import errno
import inspect
import itertools
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from journeyman.core.errors import NoSuchFile, SandboxError, ToolError
from journeyman.sandbox import layer, supervisor
from journeyman.sandbox.cgroups import Group
from journeyman.sandbox.channel import Answer, Channel
from journeyman.sandbox.output import PIECE, Drains, Kept
from journeyman.sandbox.protocol import ExecResult, FileChange, OnOutput

PIPE_GRACE = 0.1
"""Seconds that the output of an ended command is waited for while somebody else still holds its pipe."""
KILL_GRACE = 10.0
"""Seconds in which a supervisor has to kill a command; one that does not is taken for hostile."""
DISK_PAUSE = 0.5
"""Seconds between two looks at the room that the upper layer takes while commands run."""
FILE_GRACE = 60.0
"""Seconds in which a supervisor has to answer about a file."""


@dataclass(slots=True)
class Running:
    """A command on its way: why it has to end, if it has to, and how it ended."""

    ident: int
    pipe: int
    answer: asyncio.Future[Answer | None]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    cut: str | None = None
    ended_at: float | None = None
    act_at: float = float("inf")


@dataclass(frozen=True, slots=True)
class Inside:
    """What is open of a sandbox: the talk with its first process, descriptors of the upper layers (`on_disk` those of
    them whose room has to be watched), its control group, what kills it, and what
    waits until its processes have gone."""

    channel: Channel
    stop: Callable[[], None]
    end: Callable[[], Awaitable[None]]
    workspace: int | None = None
    home: int | None = None
    on_disk: tuple[int, ...] = ()
    disk_bytes: int = 0
    group: Group | None = None


class Disk:
    """The room that upper layers on the host's disk may take. Walking them is dear, so they are walked only when their
    file systems have lost as much room as could bring them half way to the limit."""

    def __init__(self, uppers: tuple[int, ...], limit: int) -> None:
        self._uppers, self._limit = uppers, limit
        self._used: int | None = None
        self._free = 0

    def is_full(self) -> bool:
        free = sum(about.f_bfree * about.f_frsize for about in map(os.fstatvfs, self._uppers))
        if self._used is None or self._free - free > (self._limit - self._used) // 2:
            self._used, self._free = sum(map(layer.size, self._uppers)), free
        return self._used > self._limit


class Box:
    """The `Sandbox` of bubblewrap."""

    backend = "bubblewrap"

    def __init__(
        self,
        inside: Inside,
        *,
        workspace: str,
        env: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inside = inside
        self._channel = inside.channel
        self._workspace = workspace
        self._env = dict(env)
        self._upper = inside.workspace
        self._group = inside.group
        self._stop = inside.stop
        self._clock = clock
        self._drains = Drains()
        self._disk = Disk(inside.on_disk, inside.disk_bytes) if inside.on_disk else None
        self._running: list[Running] = []
        self._watch: asyncio.Task[None] | None = None
        self.remarks: list[str] = []

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: bytes | int = b"",
        errors: int | None = None,
        timeout: float,
        output_limit: int = 64 * 1024 * 1024,
        keep: int = 1024 * 1024,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        start = self._clock()
        killed_before = self._group.memory_kills() if self._group else 0
        kept = Kept(keep)
        command = self._launch(argv, cwd, {**self._env, **(env or {})}, stdin, errors)
        self._running.append(command)
        if self._disk and self._watch is None:
            self._watch = asyncio.create_task(self._watch_disk(self._disk))
        try:
            await self._follow(command, kept, on_output, start + timeout, output_limit)
        finally:
            self._running.remove(command)
            if not command.answer.done():
                self._channel.tell(supervisor.KILL, command.ident)
            self._drains.add(command.pipe)
        output, dropped = kept.result()
        status = self._status(command, killed_before)
        return ExecResult(status, output, self._clock() - start, command.cut, dropped)

    def _launch(
        self, argv: Sequence[str], cwd: str, env: Mapping[str, str], stdin: bytes | int, errors: int | None
    ) -> Running:
        words = [os.fsencode(word) for word in argv]
        pairs = {os.fsencode(name): os.fsencode(value) for name, value in env.items()}
        folder = os.path.join(self._workspace, cwd)  # noqa: PTH118 - a path inside, where cwd may be absolute
        if (
            not words
            or not words[0]
            or any(b"\0" in part for part in (*words, *pairs, *pairs.values(), folder.encode()))
        ):
            raise ToolError("A command is at least one word, without NUL characters.")
        reader, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(reader, False)
        handles = [writer]
        if stdin or errors is not None:
            handles.append(os.dup(stdin) if isinstance(stdin, int) else _file_with(stdin))
        if errors is not None:
            handles.append(os.dup(errors))
        ident, answer = self._channel.request(supervisor.EXEC, (words, folder, pairs), handles)
        return Running(ident, reader, answer)

    async def _follow(
        self, command: Running, kept: Kept, on_output: OnOutput | None, deadline: float, output_limit: int
    ) -> None:
        """Read the output until the command has ended and its pipe is empty, or a limit has ended it."""
        loop = asyncio.get_running_loop()
        wake = command.wake
        command.answer.add_done_callback(lambda _: wake.set())
        loop.add_reader(command.pipe, wake.set)
        try:
            for turn in itertools.count(1):
                wake.clear()
                data = _read_pipe(command.pipe, min(PIECE, output_limit - kept.total + 1))
                if data:
                    fitting = data[: output_limit - kept.total]
                    kept.add(fitting)
                    if on_output and inspect.isawaitable(waiting := on_output(fitting)):
                        await waiting
                    if len(fitting) < len(data):
                        self._cut(command, "output")
                elif data is not None:
                    loop.remove_reader(command.pipe)
                if self._is_over(command, deadline, empty=data == b""):
                    return
                if not data or command.cut:
                    await _wait(wake, command.act_at - self._clock())
                elif turn % 16 == 0:
                    await asyncio.sleep(0)
        finally:
            loop.remove_reader(command.pipe)

    def _is_over(self, command: Running, deadline: float, *, empty: bool) -> bool:
        """Whether there is nothing more to wait for; otherwise `command.act_at` is when to look again."""
        now = self._clock()
        if command.answer.done():
            if command.ended_at is None:
                command.ended_at = now
            command.act_at = command.ended_at + PIPE_GRACE
            return empty or now >= command.act_at or command.cut == "output" or command.answer.result() is None
        if command.cut is None and now >= deadline:
            self._cut(command, "time")
        if command.cut is None:
            command.act_at = deadline
        elif now >= command.act_at:
            self._stop()
            self._channel.close("it did not end a command")
        return False

    def _cut(self, command: Running, limit: str) -> None:
        if command.cut is None:
            command.cut = limit
            command.act_at = self._clock() + KILL_GRACE
            command.wake.set()
            self._channel.tell(supervisor.KILL, command.ident)

    async def _watch_disk(self, disk: "Disk") -> None:
        """While commands run, cut them when the upper layer outgrows its limit."""
        try:
            while self._running:
                await asyncio.sleep(DISK_PAUSE)
                if self._running and await asyncio.to_thread(disk.is_full):
                    for command in self._running:
                        self._cut(command, "disk")
        except OSError:  # a layer that changes under our eyes is looked at again with the next command
            return
        finally:
            self._watch = None

    def _status(self, command: Running, memory_kills: int) -> int | None:
        """The exit code, or None with `command.cut` set."""
        answer = command.answer.result() if command.answer.done() else None
        if answer is None or answer.kind != supervisor.EXIT:
            command.cut = command.cut or "gone"
            return None
        if command.cut:
            return None
        code = os.waitstatus_to_exitcode(answer.value) if _is_end(answer.value) else 255
        code = 128 - code if code < 0 else code
        if code == 128 + signal.SIGKILL and self._group and self._group.memory_kills() > memory_kills:
            command.cut = "memory"
            return None
        return code

    async def read(self, path: str, *, limit: int = 16 * 1024 * 1024) -> bytes:
        file = os.memfd_create("read", os.MFD_CLOEXEC)
        try:
            size = await self._file(supervisor.READ, path, (limit,), [os.dup(file)], limit=limit)
            return os.pread(file, min(size, limit), 0)
        finally:
            os.close(file)

    async def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        await self._file(supervisor.WRITE, path, (executable,), [_file_with(data)])

    async def remove(self, path: str) -> None:
        await self._file(supervisor.REMOVE, path, (), [])

    async def diff(self) -> tuple[FileChange, ...]:
        if self._upper is None:
            return ()
        try:
            found, self.remarks = await asyncio.to_thread(layer.diff, self._upper)
        except OSError as error:
            raise SandboxError(f"The workspace's layer cannot be read: {error.strerror}.") from error
        return found

    async def read_change(self, path: bytes, *, limit: int = 256 * 1024 * 1024) -> tuple[int, bytes]:
        if self._upper is None:
            raise SandboxError("A read-only sandbox has no changes.")
        return await asyncio.to_thread(layer.read, self._upper, path, limit)

    async def close(self) -> None:
        if self._watch:
            self._watch.cancel()
        self._channel.close()
        await self._inside.end()  # first: a command whose pipe is closed would go on with its next step
        self._drains.close()

    async def _file(
        self, kind: int, path: str, arguments: tuple[Any, ...], handles: list[int], *, limit: int = 0
    ) -> int:
        """A request about a file; the number that answers it. Failures that the model can act on are `ToolError`s."""
        try:
            place = self._relative(path)
        except ToolError:
            for handle in handles:
                os.close(handle)
            raise
        _, waiting = self._channel.request(kind, (place, *arguments), handles)
        try:
            answer = await asyncio.wait_for(waiting, FILE_GRACE)
        except TimeoutError:
            self._channel.close("it did not answer")
            answer = None
        if answer is None:
            raise SandboxError(f"The sandbox is gone: {self._channel.gone.result()}.")
        if answer.kind == supervisor.FAIL:
            failure = NoSuchFile if answer.value in (errno.ENOENT, errno.ENOTDIR) else ToolError
            raise failure(_sentence(path, answer.value, limit))
        return answer.value

    def _relative(self, path: str) -> str:
        pure = PurePosixPath(path)
        if pure.is_absolute():
            if not pure.is_relative_to(self._workspace):
                raise ToolError(f"{path} is not below the workspace {self._workspace}.")
            pure = pure.relative_to(self._workspace)
        if "\0" in path:
            raise ToolError("A path cannot hold a NUL character.")
        return str(pure)


def _read_pipe(pipe: int, size: int) -> bytes | None:
    """What is there now; None for nothing yet, empty when all writers have gone."""
    try:
        return os.read(pipe, size)
    except BlockingIOError:
        return None


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return


def _file_with(data: bytes) -> int:
    """A file in memory that holds `data`, read from its start."""
    handle = os.memfd_create("data", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _is_end(status: int) -> bool:
    return 0 <= status <= 0xFFFF and (os.WIFEXITED(status) or os.WIFSIGNALED(status))


def _sentence(path: str, code: int, limit: int) -> str:
    match code:
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} does not exist."
        case supervisor.DIRECTORY | errno.EISDIR:
            return f"{path} is a directory."
        case supervisor.OUTSIDE:
            return f"{path} is not below the workspace."
        case supervisor.SPECIAL | errno.ENXIO:
            return f"{path} is not a regular file."
        case supervisor.TOO_LARGE:
            return f"{path} is larger than {limit} bytes; read it in pieces with a command."
        case errno.EROFS:
            return f"{path} cannot be changed: the workspace is read-only."
        case errno.ENOSPC | errno.EDQUOT:
            return f"{path} cannot be written: the sandbox's disk is full."
        case _:
            try:
                return f"{path}: {os.strerror(code)}."
            except (OverflowError, ValueError):
                return f"{path} cannot be used."
