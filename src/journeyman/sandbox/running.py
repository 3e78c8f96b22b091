"""A command on its way: its output read, its limits held, and how it ended."""

import asyncio
import inspect
import itertools
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from journeyman.core.errors import ToolError
from journeyman.sandbox import notes
from journeyman.sandbox.cgroups import Counts, Group
from journeyman.sandbox.channel import Answer, Channel
from journeyman.sandbox.output import PIECE, Drains, Kept, Typing
from journeyman.sandbox.programs import serving
from journeyman.sandbox.protocol import OnOutput, Poll, SandboxSpec

PIPE_GRACE = 0.1
"""Seconds that the output of an ended command is waited for while somebody else still holds its pipe."""
KILL_GRACE = 10.0
"""Seconds in which a supervisor has to kill a command; one that does not is taken for hostile."""
KEEP = 1024 * 1024
"""Bytes of a session's output that are kept between two polls."""


@dataclass(frozen=True, slots=True)
class Inside:
    """What is open of a sandbox: the talk with its first process, descriptors of the upper layers (`on_disk` those of
    them whose room has to be watched), its control group, what kills it, and what waits until its processes have
    gone."""

    channel: Channel
    stop: Callable[[], None]
    end: Callable[[], Awaitable[None]]
    spec: SandboxSpec
    workspace: int | None = None
    home: int | None = None
    on_disk: tuple[int, ...] = ()
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and bytes that a command has, and who is told what it writes."""

    timeout: float
    output: int
    on_output: OnOutput | None = None


class Running:
    """One command. `streams` are its input and, if they go elsewhere than its output, its errors; they are closed here.
    `follow` has to run until it has ended; then `status` and `cut` tell how."""

    def __init__(
        self,
        inside: Inside,
        drains: Drains,
        request: tuple[object, ...],
        streams: Sequence[int],
        bounds: Bounds,
        kept: Kept,
        clock: Callable[[], float],
    ) -> None:
        self._inside = inside
        self._drains = drains
        self._clock = clock
        self._bounds = bounds
        self.kept = kept
        self.total = 0
        self.cut: str | None = None
        self.status: int | None = None
        self.notes: tuple[str, ...] = ()
        self.started = clock()
        self._before = inside.group.counts() if inside.group else Counts()
        self._pipe, writer = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._pipe, False)
        self._ident, self._answer = inside.channel.request(serving.EXEC, request, [writer, *streams])
        self._wake = asyncio.Event()
        self._ended_at: float | None = None
        self._act_at = float("inf")

    async def follow(self) -> None:
        """Read the output until the command has ended and its pipe is empty, or a limit has ended it."""
        try:
            await self._read(self.started + self._bounds.timeout)
        finally:
            if not self._answer.done():
                self.kill()
            self._drains.add(self._pipe)
        self.status = self._how_it_ended()

    def kill(self) -> None:
        self._inside.channel.tell(serving.KILL, self._ident)

    def resize(self, rows: int, columns: int) -> None:
        self._inside.channel.tell(serving.RESIZE, self._ident, (rows, columns))

    def cut_by(self, limit: str) -> None:
        """End it because of a limit."""
        if self.cut is None:
            self.cut = limit
            self._act_at = self._clock() + KILL_GRACE
            self._wake.set()
            self.kill()

    async def _read(self, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        wake, limit = self._wake, self._bounds.output
        self._answer.add_done_callback(lambda _: wake.set())
        loop.add_reader(self._pipe, wake.set)
        try:
            for turn in itertools.count(1):
                wake.clear()
                data = _read_pipe(self._pipe, min(PIECE, limit - self.total + 1))
                if data:
                    fitting = data[: limit - self.total]
                    await self._take(fitting)
                    if len(fitting) < len(data):
                        self.cut_by("output")
                elif data is not None:
                    loop.remove_reader(self._pipe)
                if self._is_over(deadline, empty=data == b""):
                    return
                if not data or self.cut:
                    await _wait(wake, self._act_at - self._clock())
                elif turn % 16 == 0:
                    await asyncio.sleep(0)
        finally:
            loop.remove_reader(self._pipe)

    async def _take(self, data: bytes) -> None:
        self.total += len(data)
        self.kept.add(data)
        if self._bounds.on_output and inspect.isawaitable(waiting := self._bounds.on_output(data)):
            await waiting

    def _is_over(self, deadline: float, *, empty: bool) -> bool:
        """Whether there is nothing more to wait for; otherwise `_act_at` is when to look again."""
        now = self._clock()
        if self._answer.done():
            if self._ended_at is None:
                self._ended_at = now
            self._act_at = self._ended_at + PIPE_GRACE
            return empty or now >= self._act_at or self.cut == "output" or self._answer.result() is None
        if self.cut is None and now >= deadline:
            self.cut_by("time")
        if self.cut is None:
            self._act_at = deadline
        elif now >= self._act_at:
            self._inside.stop()
            self._inside.channel.close("it did not end a command")
        return False

    def _how_it_ended(self) -> int | None:
        """The exit code, or None with `cut` set; and `notes`."""
        spec, group = self._inside.spec, self._inside.group
        hits = group.counts().since(self._before) if group else Counts()
        answer = self._answer.result() if self._answer.done() else None
        if answer is None or answer.kind != serving.EXIT:
            self.cut = self.cut or "gone"
            return None
        code = exit_code(answer)
        seconds = self._clock() - self.started
        self.cut = self.cut or notes.cut(code, hits, seconds, spec)
        self.notes = notes.about(code, self.cut, hits, seconds, self.kept.tail(), spec)
        return None if self.cut else code


class Talk:
    """The `Session` of a command; `follow` follows it to its end."""

    def __init__(
        self, running: Running, follow: Callable[[Running], Awaitable[None]], typing: Typing | None, *, terminal: bool
    ) -> None:
        self._running = running
        self._follow = follow
        self._typing = typing
        self._terminal = terminal
        self._task = asyncio.create_task(self._live())

    async def _live(self) -> None:
        try:
            await self._follow(self._running)
        finally:
            if self._typing:
                self._typing.close()

    @property
    def ended(self) -> bool:
        return self._task.done()

    async def write(self, data: bytes) -> None:
        if self._task.done():
            raise ToolError("The session has ended; it takes no more input.")
        if self._typing is None:
            raise ToolError("The session has no input.")
        self._typing.write(data)

    async def end_input(self) -> None:
        if self._terminal:
            await self.write(b"\x04")
        elif self._typing:
            self._typing.end()

    async def resize(self, rows: int, columns: int) -> None:
        if self._terminal and not self._task.done():
            self._running.resize(rows, columns)

    async def poll(self, seconds: float, *, keep: int = KEEP) -> Poll:
        if not self._task.done():
            await asyncio.wait([self._task], timeout=max(seconds, 0))
        running = self._running
        kept, running.kept = running.kept, Kept(KEEP)
        output, dropped = kept.result(keep)
        if not self._task.done():
            return Poll(output, dropped)
        if self._task.cancelled():
            return Poll(output, dropped, True, None, "gone")
        self._task.result()  # an error of the listener is raised here
        return Poll(output, dropped, True, running.status, running.cut, running.notes)

    async def kill(self) -> None:
        if not self._task.done():
            self._running.kill()
            await asyncio.wait([self._task], timeout=KILL_GRACE)
        if not self._task.done():
            self._running.cut_by("gone")

    async def close(self) -> None:
        """Wait until it has seen that the sandbox is gone."""
        await asyncio.wait([self._task], timeout=PIPE_GRACE)
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # which a poll raises, if there is one


def exit_code(answer: Answer) -> int:
    """A wait status as a shell tells it; 255 for what is none."""
    status = answer.value
    if not (0 <= status <= 0xFFFF and (os.WIFEXITED(status) or os.WIFSIGNALED(status))):
        return 255
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


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
