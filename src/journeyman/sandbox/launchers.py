"""The host's end of the talk with the program that starts sandboxes (`zygote.py`)."""

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
"""Seconds in which a launcher has to be started."""
ENDING = 5.0
"""Seconds in which the program has to end its sandboxes and itself."""


def mark(program: Path) -> str:
    """What processes of this program are known by. Supervisors are forks of it, and show their command line to all
    that they run; so it names no place of the host's."""
    return hashlib.sha256(os.fsencode(program.parent)).hexdigest()[:12]


class Launchers:
    """Starts launchers of sandboxes. The program behind it is started on first use, and anew where it has ended."""

    def __init__(self, python: Path, program: Path) -> None:
        self._python = python
        self._program = program
        self._lock = threading.Lock()
        self._owner = 0
        self._control: socket.socket | None = None
        self._end: weakref.finalize[[int, int, socket.socket], Launchers] | None = None

    def start(self, orders: bytes, theirs: socket.socket, filters: int, locks: Sequence[int] = ()) -> Process:
        """Start a launcher with the marshalled `orders`, our end's peer and the descriptor of the seccomp program.

        `locks` are descriptors that are kept open until its last process has gone, also where this one is killed."""
        errors, errors_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        paper = os.memfd_create("plan", os.MFD_CLOEXEC)
        try:
            os.write(paper, orders)
            with self._lock:
                outer = self._ask([paper, theirs.fileno(), filters, errors_in, *locks])
        except BaseException:
            os.close(errors)
            raise
        finally:
            os.close(paper)
            os.close(errors_in)
        return Process(outer, errors)

    def _ask(self, handles: list[int]) -> int:
        """A descriptor of the process that was started."""
        for fresh in (self._control is None or self._owner != os.getpid(), True):
            control = self._begin() if fresh or self._control is None else self._control
            try:
                socket.send_fds(control, [START], handles)
                said, found, _, _ = socket.recv_fds(control, 256, 1)
            except OSError:
                continue
            if said == STARTED and found:
                return found[0]
            if said:
                raise SandboxError(f"No sandbox could be started: {said.removeprefix(REFUSED).decode()}.")
        raise SandboxError("The program that starts sandboxes ends at once.")

    def _begin(self) -> socket.socket:
        """Start the program."""
        if self._end and self._owner == os.getpid():
            self._end()
        elif self._control:  # of the process that this one was forked from
            self._control.close()
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.settimeout(PATIENCE)
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
