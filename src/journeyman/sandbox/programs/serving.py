"""The first process inside a sandbox: a part of `entering.py`, which forks it into one, and of `supervisor.py`, which
a container starts.

It starts commands and touches files for the host, which it hears over a socket of sequenced packets. A request is a
marshalled tuple `(kind, id, arguments)`, or `(kind, id, None)` when the tuple lies in a file whose descriptor comes
last; an answer is a record of `REPLY_SIZE` bytes. A command's output goes straight into a pipe of the host's, never
through here.

Each command has a keeper, a fork of this process that is the reaper of all the command's descendants, however they
daemonise: so a whole tree can be found and killed. A keeper ends with the command's main process, and what it leaves
running comes to process 1 and lives on.

It imports little and nothing of Journeyman but its own parts, which `link.py` puts together, since its start is part
of every sandbox's start. The host believes none of its answers.
"""

from __future__ import annotations

import errno
import marshal
import os
import sys
import time

from journeyman.sandbox.programs.files import FILES, Refusal
from journeyman.sandbox.programs.keeper import (
    PR_SET_DUMPABLE,
    Command,
    children_end,
    keep,
    kill_descendants,
    prctl,
    say,
    signal_process,
)
from journeyman.sandbox.programs.terminal import open_terminal, resize

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any
else:
    import _signal  # what `signal` wraps into enumerations

EXEC, KILL, RESIZE = 1, 2, 7
READY, EXIT, DONE, FAIL = 1, 2, 3, 4
REPLY_SIZE = 13
MAX_REQUEST = 64 * 1024
MAX_FDS = 4
PROCESSORS = "processors"


def record(kind: int, ident: int, value: int = 0) -> bytes:
    return bytes([kind]) + ident.to_bytes(4, "little") + value.to_bytes(8, "little", signed=True)


class Sacrifice:
    """Makes children that go before process 1 when memory ends.

    They get the score by inheritance, while process 1 has it for a moment. A process that can set its own must be open
    to all others of its user; so the file is opened here, once, before there are any.
    """

    def __init__(self) -> None:
        self.file = os.open("/proc/self/oom_score_adj", os.O_RDWR | os.O_CLOEXEC)
        self.own = int(os.read(self.file, 16))
        self.theirs = min(self.own + 500, 1000)

    def fork(self) -> int:
        os.write(self.file, b"%d" % self.theirs)
        pid = -1
        try:
            pid = os.fork()
            return pid
        finally:
            if pid:
                os.write(self.file, b"%d" % self.own)


class Supervisor:
    def __init__(self, channel: int, workspace: str, cpu: int) -> None:
        self.channel = channel
        self.end: Any = None
        self.sacrifice: Any = None
        self.workspace = os.path.realpath(workspace)
        self.cpu = cpu
        self.keepers: dict[int, int] = {}  # process id -> id of the request
        self.terminals: dict[int, int] = {}  # id of the request -> the terminal's master, kept to resize it

    def reply(self, kind: int, ident: int, value: int = 0) -> None:
        try:
            self.end.send(record(kind, ident, value))
        except OSError:
            os._exit(0)  # the host has gone

    def greet(self, gateway: int) -> None:
        """The first word, which alone may carry a descriptor: a listener on the port `gateway`, for the host."""
        if not gateway:  # half a millisecond sooner
            os.write(self.channel, record(READY, 0))
        import _socket

        self.end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fileno=self.channel)
        os.set_inheritable(self.channel, False)
        if gateway:
            listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            listener.bind(("127.0.0.1", gateway))
            listener.listen(128)
            number = listener.detach()
            listed = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, number.to_bytes(4, sys.byteorder))
            self.end.sendmsg([record(READY, 0)], [listed])
            os.close(number)

    def serve(self) -> None:
        import _socket
        import select

        ended = children_end()
        wanted = select.poll()
        wanted.register(ended, select.POLLIN)
        wanted.register(self.channel, select.POLLIN)
        space = _socket.CMSG_SPACE(4 * MAX_FDS)
        while True:
            ready: dict[int, int] = dict(wanted.poll())
            if ended in ready:
                os.read(ended, 4096)
                self.reap()
            if self.channel not in ready:
                continue
            data, extra, _, _ = self.end.recvmsg(MAX_REQUEST, space, _socket.MSG_CMSG_CLOEXEC)
            if not data:
                os._exit(0)
            handles = [
                int.from_bytes(item[at : at + 4], sys.byteorder)
                for _, _, item in extra
                for at in range(0, len(item) - 3, 4)
            ]
            kind, ident, arguments = marshal.loads(data)
            if arguments is None:
                packed = handles.pop()
                _, _, arguments = marshal.loads(os.pread(packed, os.fstat(packed).st_size, 0))
                os.close(packed)
            try:
                self.handle(kind, ident, arguments, handles)
            finally:
                for handle in handles:
                    os.close(handle)

    def handle(self, kind: int, ident: int, arguments: Any, handles: list[int]) -> None:
        if kind == EXEC:
            self.start(ident, arguments, handles)
        elif kind == KILL:
            self.kill(ident)
        elif kind == RESIZE:
            if ident in self.terminals:
                resize(self.terminals[ident], *arguments)
        else:
            try:
                self.reply(DONE, ident, FILES[kind](self.workspace, arguments, handles))
            except Refusal as refusal:
                self.reply(FAIL, ident, refusal.code)
            except OSError as error:
                self.reply(FAIL, ident, error.errno or errno.EIO)
            except (ValueError, MemoryError, RecursionError):
                self.reply(FAIL, ident, errno.ENAMETOOLONG)

    def start(self, ident: int, arguments: Any, handles: list[int]) -> None:
        argv, folder, environment, size = arguments
        command = Command(argv, folder, environment, self.cpu)
        if size:
            try:
                self.terminals[ident], command.terminal = open_terminal(*size)
            except OSError as error:
                say(handles[0], b"the sandbox has no terminal: " + os.strerror(error.errno or errno.EIO).encode())
                self.reply(EXIT, ident, 126 << 8)
                return
        for _ in range(20):
            try:
                pid = self.sacrifice.fork()
                if pid == 0:
                    self.keep(ident, command, handles)
                self.keepers[pid] = ident
                return
            except OSError:  # no room now; those that have ended make some
                self.reap()
                time.sleep(0.05)
        self.forget(ident)
        say(handles[0], b"the sandbox has no room for another process")
        self.reply(EXIT, ident, 126 << 8)

    def keep(self, ident: int, command: Command, handles: list[int]) -> None:
        """Run a command as its keeper; never returns."""
        try:
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
            master = self.terminals.pop(ident, -1)
            for other in self.terminals.values():
                os.close(other)
            status = keep(command, handles, master)
            self.end.send(record(EXIT, ident, status))
            os._exit(0)
        finally:
            os._exit(1)  # never back into the loop of process 1

    def forget(self, ident: int) -> None:
        master = self.terminals.pop(ident, -1)
        if master >= 0:
            os.close(master)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ident = self.keepers.pop(pid, None)
            if ident is not None:
                self.forget(ident)
                if status != 0:  # it was killed before it could tell
                    self.reply(EXIT, ident, _signal.SIGKILL)

    def kill(self, ident: int) -> None:
        """Kill a command with all its descendants; the reply comes when none is left."""
        keeper = next((pid for pid, known in self.keepers.items() if known == ident), 0)
        if keeper:
            signal_process(keeper, _signal.SIGSTOP)  # it must not end before its orphans
            kill_descendants(keeper)
            signal_process(keeper, _signal.SIGKILL)


def few(processors: int) -> None:
    """Stay on some of the processors, where no control group bounds them. A command may undo it."""
    mine = sorted(os.sched_getaffinity(0))
    first = int.from_bytes(os.urandom(2), "little") % len(mine)
    os.sched_setaffinity(0, (mine[first:] + mine[:first])[:processors])


def supervise(
    channel: int, workspace: str, gateway: int, cpu: int, limits: list[tuple[str, int]], sacrifice: Any = None
) -> None:
    """Be process 1 until the host goes. `limits` are numbers of `setrlimit`, or PROCESSORS, with their values."""
    supervisor = Supervisor(channel, workspace, cpu)
    supervisor.greet(gateway)  # first: the host may go on while the rest is done, and nothing foreign runs before
    supervisor.sacrifice = sacrifice or Sacrifice()
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # commands run as the same user: keep them out of this process
    for kind, value in limits:
        if kind == PROCESSORS:
            few(value)
        else:
            import resource

            resource.setrlimit(int(kind), (value, value))
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # which process 1 ignores
    os.umask(0o022)
    supervisor.serve()
