"""An open sandbox, seen from the host: commands, files, and what they left in the upper layer."""

import asyncio
import errno
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from journeyman.core.errors import NoSuchFile, SandboxError, ToolError
from journeyman.sandbox import layer, layer_copy
from journeyman.sandbox.disk import Disk
from journeyman.sandbox.output import Drains, Kept, Typing
from journeyman.sandbox.programs import files, serving
from journeyman.sandbox.protocol import Entry, ExecResult, FileChange, OnOutput, Session
from journeyman.sandbox.running import KEEP, Bounds, Inside, Running, Talk

DISK_PAUSE = 0.5
"""Seconds between two looks at the room that the upper layers take while commands run."""
FILE_GRACE = 60.0
"""Seconds in which a supervisor has to answer about a file."""
KINDS: Mapping[bytes, Literal["file", "directory", "link", "other"]] = {
    b"f": "file",
    b"x": "file",
    b"d": "directory",
    b"l": "link",
    b"o": "other",
}
MAX_NAME = 300
"""Bytes of a row about one name of a directory."""


Again = Callable[[Path], Awaitable[Inside]]


class Box:
    """The `Sandbox` of bubblewrap and of what works like it. `again` ends what is inside and opens it anew from a
    snapshot; `ids` own copies of layers, where this process may say so."""

    def __init__(
        self,
        inside: Inside,
        again: Again,
        ids: tuple[int, int] | None,
        *,
        env: Mapping[str, str],
        backend: str = "bubblewrap",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.backend = backend
        self._inside = inside
        self._again = again
        self._ids = ids
        self._workspace = str(inside.spec.workspace)
        self._env = dict(env)
        self._clock = clock
        self._drains = Drains()
        self._disk = _disk(inside)
        self._running: list[Running] = []
        self._talks: list[Talk] = []
        self._watch: asyncio.Task[None] | None = None
        self.remarks: list[str] = []

    async def exec(
        self,
        command: Sequence[str] | str,
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
        request = self._request(command, cwd, env, ())
        bounds = Bounds(timeout, output_limit, on_output)
        running = self._launch(request, _streams(stdin, errors), bounds, Kept(keep))
        await self._follow(running)
        output, dropped = running.kept.result()
        seconds = self._clock() - running.started
        return ExecResult(running.status, output, seconds, running.cut, dropped, running.notes)

    async def start(
        self,
        command: Sequence[str] | str,
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        terminal: tuple[int, int] | None = None,
        stdin: bool = True,
        timeout: float,
        output_limit: int = 64 * 1024 * 1024,
        on_output: OnOutput | None = None,
    ) -> Session:
        request = self._request(command, cwd, env, terminal or ())
        streams: tuple[int, ...] = ()
        typing = None
        if stdin or terminal:
            source, typed = os.pipe2(os.O_CLOEXEC)
            streams, typing = (source,), Typing(typed)
        running = self._launch(request, streams, Bounds(timeout, output_limit, on_output), Kept(KEEP))
        talk = Talk(running, self._follow, typing, terminal=terminal is not None)
        self._talks = [*(other for other in self._talks if not other.ended), talk]
        return talk

    def _request(
        self, command: Sequence[str] | str, cwd: str, env: Mapping[str, str] | None, size: tuple[int, ...]
    ) -> tuple[object, ...]:
        """What the supervisor is told about a command. Raises `ToolError` for one that cannot be."""
        words = [command] if isinstance(command, str) else command
        raw = [os.fsencode(word) for word in words]
        pairs = {os.fsencode(name): os.fsencode(value) for name, value in {**self._env, **(env or {})}.items()}
        folder = os.path.join(self._workspace, cwd)  # noqa: PTH118 - a path inside, where cwd may be absolute
        if not raw or not raw[0] or any(b"\0" in part for part in (*raw, *pairs, *pairs.values(), folder.encode())):
            raise ToolError("A command is at least one word, without NUL characters.")
        return (raw[0] if isinstance(command, str) else raw, folder, pairs, size)

    def _launch(self, request: tuple[object, ...], streams: Sequence[int], bounds: Bounds, kept: Kept) -> Running:
        running = Running(self._inside, self._drains, request, streams, bounds, kept, self._clock)
        self._running.append(running)
        if self._disk and self._watch is None:
            self._watch = asyncio.create_task(self._watch_disk(self._disk))
        return running

    async def _follow(self, running: Running) -> None:
        try:
            await running.follow()
        finally:
            self._running.remove(running)

    async def _watch_disk(self, disk: Disk) -> None:
        """While commands run, cut them when the upper layers outgrow their limit."""
        try:
            while self._running:
                await asyncio.sleep(DISK_PAUSE)
                if self._running and await asyncio.to_thread(disk.is_full):
                    for running in self._running:
                        running.cut_by("disk")
        except OSError:  # a layer that changes under our eyes is looked at again with the next command
            return
        finally:
            self._watch = None

    async def read(self, path: str, *, limit: int = 16 * 1024 * 1024) -> bytes:
        file = os.memfd_create("read", os.MFD_CLOEXEC)
        try:
            size = await self._file(files.READ, path, (limit,), [os.dup(file)], limit=limit)
            return os.pread(file, min(size, limit), 0)
        finally:
            os.close(file)

    async def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        await self._file(files.WRITE, path, (executable,), [_file_with(data)])

    async def remove(self, path: str) -> None:
        await self._file(files.REMOVE, path, (), [])

    async def list(self, path: str = "", *, limit: int = 10_000) -> tuple[Entry, ...]:
        file = os.memfd_create("list", os.MFD_CLOEXEC)
        try:
            await self._file(files.LIST, path, (limit,), [os.dup(file)])
            return _entries(os.pread(file, limit * MAX_NAME, 0), limit)
        finally:
            os.close(file)

    async def diff(self) -> tuple[FileChange, ...]:
        if self._inside.workspace is None:
            return ()
        try:
            found, self.remarks = await asyncio.to_thread(layer.diff, self._inside.workspace)
        except OSError as error:
            raise SandboxError(f"The workspace's layer cannot be read: {error.strerror}.") from error
        return found

    async def read_change(self, path: bytes, *, limit: int = 256 * 1024 * 1024) -> tuple[int, bytes]:
        if self._inside.workspace is None:
            raise SandboxError("A read-only sandbox has no changes.")
        return await asyncio.to_thread(layer.read, self._inside.workspace, path, limit)

    async def snapshot(self, folder: Path) -> None:
        await asyncio.to_thread(self._snapshot, folder)

    def _snapshot(self, folder: Path) -> None:
        if folder.exists():
            raise SandboxError(f"{folder} is there already; a snapshot is a new directory.")
        fresh = folder.with_name(f".{folder.name}.{os.getpid()}")
        layers = {"workspace": self._inside.workspace, "home": self._inside.home}
        try:
            fresh.mkdir(parents=True)
            for name, upper in layers.items():
                layer_copy.copy_into(upper, fresh / name, self._ids, self._inside.spec.disk_bytes)
            fresh.rename(folder)
        except OSError as error:
            raise SandboxError(f"No snapshot could be made in {folder}: {error.strerror}.") from error
        finally:
            layer_copy.erase(fresh)

    async def restore(self, folder: Path) -> None:
        if not (folder / "workspace").is_dir() or not (folder / "home").is_dir():
            raise SandboxError(f"{folder} is no snapshot of a sandbox.")
        await self._end("it is restored")
        try:
            self._inside = await self._again(folder)
        except OSError as error:
            raise SandboxError(f"The snapshot {folder} could not be restored: {error.strerror}.") from error
        self._drains, self._disk = Drains(), _disk(self._inside)

    async def close(self) -> None:
        await self._end("it is closed")

    async def _end(self, reason: str) -> None:
        """End all commands, and let go of their output."""
        if self._watch:
            self._watch.cancel()
        self._inside.channel.close(reason)
        await self._inside.end()  # first: a command whose pipe is closed would go on with its next step
        for talk in self._talks:
            await talk.close()
        self._drains.close()

    async def _file(
        self, kind: int, path: str, arguments: tuple[Any, ...], handles: Sequence[int], *, limit: int = 0
    ) -> int:
        """A request about a file; the number that answers it. Failures that the model can act on are `ToolError`s."""
        try:
            place = self._relative(path)
        except ToolError:
            for handle in handles:
                os.close(handle)
            raise
        _, waiting = self._inside.channel.request(kind, (place, *arguments), [*handles])
        try:
            async with asyncio.timeout(FILE_GRACE):  # `wait_for` may keep a cancellation for itself
                answer = await waiting
        except TimeoutError:
            self._inside.channel.close("it did not answer")
            answer = None
        if answer is None:
            raise SandboxError(f"The sandbox is gone: {self._inside.channel.gone.result()}.")
        if answer.kind == serving.FAIL:
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


def _disk(inside: Inside) -> Disk | None:
    return Disk(inside.on_disk, inside.spec.disk_bytes) if inside.on_disk else None


def _streams(stdin: bytes | int, errors: int | None) -> list[int]:
    """Descriptors of a command's input and errors, where they are not what they are by themselves."""
    if not stdin and not isinstance(stdin, int) and errors is None:
        return []
    source = os.dup(stdin) if isinstance(stdin, int) else _file_with(stdin)
    return [source] if errors is None else [source, os.dup(errors)]


def _file_with(data: bytes) -> int:
    """A file in memory that holds `data`, read from its start."""
    handle = os.memfd_create("data", os.MFD_CLOEXEC)
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _entries(data: bytes, limit: int) -> tuple[Entry, ...]:
    """The rows that a supervisor wrote about a directory, as far as they make sense."""
    entries: list[Entry] = []
    for row in data.split(b"\0")[:-1]:
        kind, size, name = (*row.split(b" ", 2), b"", b"")[:3]
        if kind not in KINDS or not size.isdigit() or len(size) > 19 or not name or b"/" in name:
            raise SandboxError("The sandbox talks nonsense about a directory.")
        entries.append(Entry(os.fsdecode(name), KINDS[kind], int(size), executable=kind == b"x"))
    return tuple(entries[:limit])


def _sentence(path: str, code: int, limit: int) -> str:
    match code:
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} does not exist."
        case files.DIRECTORY | errno.EISDIR:
            return f"{path} is a directory."
        case files.NO_DIRECTORY:
            return f"{path} is not a directory."
        case files.OUTSIDE:
            return f"{path} is not below the workspace."
        case files.SPECIAL | errno.ENXIO:
            return f"{path} is not a regular file."
        case files.TOO_LARGE:
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
