"""The first process inside a sandbox: `python -I -S supervisor CHANNEL WORKSPACE`, with process id 1.

It starts commands and touches files for the host, which it hears over a socket of sequenced packets. A request is a
marshalled tuple `(kind, id, arguments)`, or `(kind, id, None)` when the tuple lies in a file whose descriptor comes
last; an answer is a `REPLY` record. A command's output goes straight into a pipe of the host's, never through here.

Each command has a keeper, a fork of this process that is the reaper of all the command's descendants, however they
daemonise: so a whole tree can be found and killed. A keeper ends with the command's main process, and what it leaves
running comes to process 1 and lives on.

It imports little and nothing of Journeyman, since its start is part of every sandbox's start. The host believes none
of its answers.
"""

# pathlib and contextlib would double the time to start:
# ruff: noqa: PTH103, PTH106, PTH108, PTH112, PTH113, PTH114, PTH120, PTH208, SIM105
from __future__ import annotations

import _ctypes
import _socket
import errno
import marshal
import os
import resource
import stat
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from collections.abc import Callable
    from typing import Any

    def function(name: str) -> Callable[..., int]: ...
else:
    import _signal  # what `signal` wraps into enumerations

    # what `ctypes` wraps, without the 4 ms that the wrapping takes to load
    class Long(_ctypes._SimpleCData):
        _type_ = "l"

    class Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
        _restype_ = Long

    def function(name: str) -> Function:
        """A function of the C library; its arguments are bytes and integers, which are passed as longs."""
        bound = Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), name))
        return lambda *words: bound(*(Long(word) if isinstance(word, int) else word for word in words))


EXEC, KILL, READ, WRITE, REMOVE = 1, 2, 3, 4, 5
READY, EXIT, DONE, FAIL = 1, 2, 3, 4
OUTSIDE, DIRECTORY, SPECIAL, TOO_LARGE = 1001, 1002, 1003, 1004  # codes of FAIL beside the numbers of errno
REPLY_SIZE = 13
MAX_REQUEST = 64 * 1024
MAX_FDS = 4
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
CHILD = {_signal.SIGCHLD}

prctl = function("prctl")


class Refusal(Exception):
    """A file request that is answered with a code of ours."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def record(kind: int, ident: int, value: int = 0) -> bytes:
    return bytes([kind]) + ident.to_bytes(4, "little") + value.to_bytes(8, "little", signed=True)


class Supervisor:
    def __init__(self, channel: int, workspace: str) -> None:
        self.end = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fileno=channel)
        os.set_inheritable(channel, False)
        self.workspace = os.path.realpath(workspace)
        self.keepers: dict[int, int] = {}  # process id -> id of the request

    def reply(self, kind: int, ident: int, value: int = 0) -> None:
        try:
            self.end.send(record(kind, ident, value))
        except OSError:
            os._exit(0)  # the host has gone

    def greet(self, gateway: int) -> None:
        """The first word, which alone may carry a descriptor: a listener on the port `gateway`, for the host."""
        handles: list[tuple[int, int, bytes]] = []
        if gateway:
            listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            listener.bind(("127.0.0.1", gateway))
            listener.listen(128)
            number = listener.detach()
            handles = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, number.to_bytes(4, sys.byteorder))]
        self.end.sendmsg([record(READY, 0)], handles)
        for _, _, number in handles:
            os.close(int.from_bytes(number, sys.byteorder))

    def serve(self, gateway: int) -> None:
        _signal.signal(_signal.SIGCHLD, self.reap)
        self.greet(gateway)
        while True:
            # blocks; a keeper's end is handled by the signal while it does
            space = _socket.CMSG_SPACE(4 * MAX_FDS)
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
        for _ in range(20):
            _signal.pthread_sigmask(_signal.SIG_BLOCK, CHILD)  # it must be known before it can be reaped
            try:
                pid = os.fork()
                if pid == 0:
                    keep(self.end, ident, arguments, handles)
                self.keepers[pid] = ident
                return
            except OSError:  # no room now; the end of others is handled meanwhile
                _signal.pthread_sigmask(_signal.SIG_UNBLOCK, CHILD)
                time.sleep(0.05)
            finally:
                _signal.pthread_sigmask(_signal.SIG_UNBLOCK, CHILD)
        os.write(handles[0], b"the sandbox has no room for another process\n")
        self.reply(EXIT, ident, 126 << 8)

    def reap(self, *_: object) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ident = self.keepers.pop(pid, None)
            if ident is not None and status != 0:  # it was killed before it could tell
                self.reply(EXIT, ident, _signal.SIGKILL)

    def kill(self, ident: int) -> None:
        """Kill a command with all its descendants; the reply comes when none is left."""
        keeper = next((pid for pid, known in self.keepers.items() if known == ident), 0)
        if keeper:
            signal_process(keeper, _signal.SIGSTOP)  # it must not end before its orphans
            kill_descendants(keeper)
            signal_process(keeper, _signal.SIGKILL)


def signal_process(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def descendants(root: int) -> dict[int, bytes]:
    """The living descendants of a process with their states."""
    children: dict[int, list[tuple[int, bytes]]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                handle = os.open(f"/proc/{name}/stat", os.O_RDONLY)
            except OSError:
                continue
            try:
                state, parent = os.read(handle, 1024).rpartition(b")")[2].split()[:2]
            except (OSError, ValueError):
                continue
            finally:
                os.close(handle)
            children.setdefault(int(parent), []).append((int(name), state))
    found: dict[int, bytes] = {}
    waiting = [root]
    while waiting:
        for pid, state in children.get(waiting.pop(), []):
            if pid not in found:
                waiting.append(pid)
                found[pid] = state
    return {pid: state for pid, state in found.items() if state not in (b"Z", b"X")}


def kill_descendants(root: int) -> None:
    """Stop everything first, until nothing new appears, so that nobody forks away; then kill."""
    stopped: set[int] = set()
    while fresh := descendants(root).keys() - stopped:
        for pid in fresh:
            signal_process(pid, _signal.SIGSTOP)
        stopped |= fresh
    for pid in stopped:
        signal_process(pid, _signal.SIGKILL)


def keep(end: Any, ident: int, arguments: Any, handles: list[int]) -> None:
    """Run a command as its keeper; never returns."""
    try:
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, CHILD)
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        main, status = spawn(arguments, handles)
        for handle in handles:
            os.close(handle)
        ended = 0
        while ended != main:
            ended, status = os.waitpid(-1, 0)
        end.send(record(EXIT, ident, status))
        os._exit(0)
    finally:
        os._exit(1)  # never back into the loop of process 1


def spawn(arguments: Any, handles: list[int]) -> tuple[int, int]:
    """Start the command as a child in a session of its own: its process id. What cannot be started says so, and has
    no id but the status that a shell would give it."""
    argv, folder, environment = arguments
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the next file is closed to its own process
    score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(score, b"500")  # when memory ends, a command goes, not process 1
    os.close(score)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    source = handles[1] if len(handles) > 1 else os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    targets = (source, handles[0], handles[2] if len(handles) > 2 else handles[0])
    streams = [(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in enumerate(targets)]
    normal = (_signal.SIGPIPE, _signal.SIGXFSZ)  # which Python ignores, and so would its children
    what, problem = os.fsencode(folder), errno.ENOENT
    try:
        os.chdir(folder)
        what = argv[0]
        for program in candidates(argv[0], environment):
            try:
                return spawn_soon(program, argv, environment, file_actions=streams, setsid=True, setsigdef=normal), 0
            except OSError as error:
                problem = error.errno if problem == errno.ENOENT else problem
    except OSError as error:
        problem = error.errno
    os.write(handles[0], what + b": " + os.strerror(problem or errno.EINVAL).encode() + b"\n")
    return 0, (127 if problem in (errno.ENOENT, errno.ENOTDIR) else 126) << 8


def spawn_soon(*how: Any, **more: Any) -> int:
    """Start a program; where there are too many processes, wait a little for those that are just being killed."""
    for _ in range(20):
        try:
            return os.posix_spawn(*how, **more)
        except BlockingIOError:
            time.sleep(0.05)
    return os.posix_spawn(*how, **more)


def candidates(name: bytes, environment: dict[bytes, bytes]) -> list[bytes]:
    """Where a program of that name lies."""
    if b"/" in name:
        return [name]
    places = [folder + b"/" + name for folder in environment.get(b"PATH", b"/usr/bin:/bin").split(b":")]
    return [place for place in places if os.path.isfile(place)]


def locate(workspace: str, path: str) -> str:
    """The real path of what lies at `path`, which must be below the workspace."""
    real = os.path.realpath(f"{workspace}/{path}")
    if real != workspace and not real.startswith(workspace + "/"):
        raise Refusal(OUTSIDE)
    return real


def regular(real: str, flags: int) -> int:
    """Open a regular file; a FIFO or a device does not block and is refused."""
    handle = os.open(real, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC, 0o644)
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise Refusal(DIRECTORY if stat.S_ISDIR(mode) else SPECIAL)
    return handle


def read(workspace: str, arguments: Any, handles: list[int]) -> int:
    """Copy a file into the host's file; the number of bytes."""
    path, limit = arguments
    handle = regular(locate(workspace, path), os.O_RDONLY)
    try:
        total = 0
        while piece := os.read(handle, 1 << 18):
            total += len(piece)
            if total > limit:
                raise Refusal(TOO_LARGE)
            put(handles[0], piece)
        return total
    finally:
        os.close(handle)


def put(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def write(workspace: str, arguments: Any, handles: list[int]) -> int:
    """Make a file hold what the host's file holds. On a full disk the file keeps what it had."""
    path, executable = arguments
    real = locate(workspace, path)
    os.makedirs(os.path.dirname(real), exist_ok=True)
    if os.path.isdir(real):
        raise Refusal(DIRECTORY)
    if os.path.lexists(real) and not stat.S_ISREG(os.lstat(real).st_mode):
        raise Refusal(SPECIAL)
    size = os.fstat(handles[0]).st_size
    is_new = not os.path.lexists(real)
    handle = regular(real, os.O_RDWR | os.O_CREAT)
    try:
        before = os.fstat(handle)
        if size:
            try:
                os.posix_fallocate(handle, 0, size)  # room first, so that a full disk destroys nothing
            except OSError:
                os.ftruncate(handle, before.st_size)
                if is_new:
                    os.unlink(real)
                raise
        done = 0
        while done < size and (piece := os.pread(handles[0], 1 << 18, done)):
            put(handle, piece)
            done += len(piece)
        os.ftruncate(handle, size)
        if executable is not None:
            bits = (before.st_mode & 0o444) >> 2 if executable else 0
            os.fchmod(handle, before.st_mode & 0o666 | bits)
    finally:
        os.close(handle)
    return size


def remove(workspace: str, arguments: Any, handles: list[int]) -> int:
    """Remove a file, a link or a whole directory."""
    (path,) = arguments
    folder, name = os.path.split(path.rstrip("/"))
    real = f"{locate(workspace, folder)}/{name}"
    if name in ("", ".", "..") or real == workspace:
        raise Refusal(OUTSIDE)
    if stat.S_ISDIR(os.lstat(real).st_mode):
        remove_tree(real)
    else:
        os.unlink(real)
    return 0


def remove_tree(top: str) -> None:
    for folder, folders, files in os.walk(top, topdown=False):
        for name in files:
            os.unlink(f"{folder}/{name}")
        for name in folders:
            inner = f"{folder}/{name}"
            if os.path.islink(inner):
                os.unlink(inner)
            else:
                os.rmdir(inner)
    os.rmdir(top)


FILES = {READ: read, WRITE: write, REMOVE: remove}


def main() -> None:
    channel, workspace, gateway = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # commands run as the same user: keep them out of this process
    for kind, value in (pair.split("=") for pair in sys.argv[4:]):
        resource.setrlimit(int(kind), (int(value), int(value)))
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # which process 1 ignores
    os.umask(0o022)
    Supervisor(channel, workspace).serve(gateway)


if __name__ == "__main__":
    main()
