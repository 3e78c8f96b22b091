"""The host's end of the talk with the program that starts sandboxes (`zygote.py`)."""

import asyncio
import hashlib
import os
import select
import signal
import socket
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path

from journeyman.core.errors import SandboxError
from journeyman.sandbox.process import Process
from journeyman.sandbox.programs.zygote import CONTROL, HOST, PROGRAM, REFUSED, START, STARTED

PATIENCE = 30.0
"""Seconds in which a launcher has to be started. Nothing waits meanwhile but who asked for it."""
ENDING = 5.0
"""Seconds in which the program has to end its sandboxes and itself."""


def mark(program: Path) -> str:
    """What processes of this program are known by. Supervisors are forks of it, and show their command line to all
    that they run; so it names no place of the host's."""
    return hashlib.sha256(os.fsencode(program.parent)).hexdigest()[:12]


class Launchers:
    """Starts launchers of sandboxes. The program behind it is started on first use, and anew where it has ended.

    Any number of loops and threads may ask at a time: each answer comes over a pair of sockets of its own.
    """

    def __init__(self, python: Path, program: Path) -> None:
        self._python = python
        self._program = program
        self._lock = threading.Lock()
        self._owner = 0
        self._control: socket.socket | None = None
        self._end: weakref.finalize[[int, int, socket.socket], Launchers] | None = None

    async def start(self, orders: bytes, theirs: socket.socket, filters: int, locks: Sequence[int] = ()) -> Process:
        """Start a launcher with the marshalled `orders`, our end's peer and the descriptor of the seccomp program.

        `locks` are descriptors that are kept open until its last process has gone, also where this one is killed. When
        this is cancelled, what was started has ended before it raises."""
        errors, errors_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        paper = os.memfd_create("plan", os.MFD_CLOEXEC)
        try:
            os.write(paper, orders)
            asking = asyncio.ensure_future(self._ask([paper, theirs.fileno(), filters, errors_in], locks))
            try:
                outer = await asyncio.shield(asking)
            except asyncio.CancelledError:
                await _ended(asking)
                raise
        except BaseException:
            os.close(errors)
            raise
        finally:
            os.close(paper)
            os.close(errors_in)
        return Process(outer, errors)

    async def _ask(self, handles: list[int], locks: Sequence[int]) -> int:
        """A descriptor of the process that was started."""
        gone: socket.socket | None = None
        for _ in range(2):
            control = self._running(gone)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours:
                ours.setblocking(False)
                with theirs:
                    try:
                        await _send(control, [*handles, theirs.fileno(), *locks])
                        said, process = await _answer(ours, theirs)
                    except TimeoutError:
                        self._abandon(control)
                        continue
                    except OSError:
                        gone = control
                        continue
            if process is not None:
                return process
            if said:
                raise SandboxError(f"No sandbox could be started: {said.removeprefix(REFUSED).decode()}.")
            gone = control
        raise SandboxError("The program that starts sandboxes ends at once, or does not answer.")

    def _running(self, gone: socket.socket | None) -> socket.socket:
        """The way to the program, which is started anew where it has ended as the one behind `gone` has."""
        with self._lock:
            if self._control is None or self._control is gone or self._owner != os.getpid():
                return self._begin()
            return self._control

    def _abandon(self, control: socket.socket) -> None:
        """Ask another program from now on. The one that does not answer keeps its sandboxes, and ends with us."""
        with self._lock:
            if self._control is control:
                self._control = self._end = None

    def _begin(self) -> socket.socket:
        """Start the program."""
        if self._end and self._owner == os.getpid():
            self._end()
        elif self._control:  # of the process that this one was forked from
            self._control.close()
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setblocking(False)
        host = os.pidfd_open(os.getpid())
        nothing = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in range(3)]
        try:
            # high ones first, so that none is overwritten before it is copied
            high = [os.dup(handle) for handle in (theirs.fileno(), host)]
            while min(high) <= PROGRAM:
                high = [*[os.dup(handle) for handle in high], *high]
            copies = [(os.POSIX_SPAWN_DUP2, high[place], target) for place, target in enumerate((CONTROL, HOST))]
            program = (os.POSIX_SPAWN_OPEN, PROGRAM, str(self._program), os.O_RDONLY, 0)
            pid = os.posix_spawn(
                self._python,
                [str(self._python), "-I", "-S", f"/proc/self/fd/{PROGRAM}", "supervisor", mark(self._program)],
                {},
                file_actions=[*nothing, *copies, program],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
            for handle in high:
                os.close(handle)
        except OSError as error:
            control.close()
            raise SandboxError(f"The program that starts sandboxes cannot be run: {error}.") from error
        finally:
            theirs.close()
            os.close(host)
        self._control, self._owner = control, os.getpid()
        self._end = weakref.finalize(self, _end, self._owner, pid, control)
        return control


async def _send(control: socket.socket, handles: list[int]) -> None:
    """Send an order. Raises `OSError` where the program has gone, and `TimeoutError`, which is one, where its queue of
    orders, ten in most kernels, stays full."""
    pause = 0.0005
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                socket.send_fds(control, [START], handles)
            except BlockingIOError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, 0.01)
            else:
                return


async def _answer(ours: socket.socket, theirs: socket.socket) -> tuple[bytes, int | None]:
    """What the program says over `theirs`, which it has by now, and the process that it started; nothing where it has
    ended.

    Raises `TimeoutError` when it says nothing for `PATIENCE` seconds. Then, and where this is cancelled, what it starts
    all the same is ended: by the program, which cannot tell us of it, or here, where it just has.
    """
    theirs.close()
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(ours, ready.set)
    try:
        async with asyncio.timeout(PATIENCE):
            await ready.wait()
    except BaseException:
        ours.shutdown(socket.SHUT_RD)
        _, process = _received(ours)
        if process is not None:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            os.close(process)
        raise
    finally:
        loop.remove_reader(ours)
    return _received(ours)


def _received(ours: socket.socket) -> tuple[bytes, int | None]:
    try:
        said, found, _, _ = socket.recv_fds(ours, 256, 1, socket.MSG_CMSG_CLOEXEC)
    except OSError:
        return b"", None
    return said, found[0] if said == STARTED and found else None


async def _ended(asking: "asyncio.Future[int]") -> None:
    """Wait for an answer that nobody wants any more, and end what it tells of."""
    try:
        await asyncio.wait([asking])
    finally:
        asking.cancel()  # where this is cancelled too
    if not asking.cancelled() and asking.exception() is None:
        await Process(asking.result(), -1).end()


def _end(owner: int, pid: int, control: socket.socket) -> None:
    """Let the program end, which ends what is still open of its sandboxes."""
    control.close()
    if os.getpid() != owner:  # in a process that was forked from it
        return
    process = os.pidfd_open(pid)
    try:
        if not select.select([process], [], [], ENDING)[0]:
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    finally:
        os.close(process)
