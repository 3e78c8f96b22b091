"""The program that starts sandboxes: `python -I -S zygote CONTROL HOST`, one for a process of the host.

It has read all that a launcher and a supervisor do, and forks a launcher for each sandbox, which forks the supervisor:
starting Python anew would take 7 ms each.
It was started with an empty environment, closes what it inherited, and knows nothing of a sandbox's plan: only the fork
reads that. It ends with the host, which is the process of the descriptor HOST, or when the host lets CONTROL go; with
it end all sandboxes.

It takes in the orphans of what it started. Where bubblewrap is killed as it starts, its child waits for it for ever;
an orphan has nobody to be there for, so it is killed.
"""

from __future__ import annotations

import _socket
import errno
import gc
import os
import resource
import select
import sys
import termios as termios  # what a supervisor needs later, when it can no longer load it

from journeyman.sandbox.programs.entering import PR_SET_PDEATHSIG, capset, setns, unshare
from journeyman.sandbox.programs.keeper import PR_SET_CHILD_SUBREAPER, children_end, prctl
from journeyman.sandbox.programs.launcher import launch, raw_mount, raw_syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
else:
    import _signal  # what `signal` wraps into enumerations

CONTROL, HOST, PROGRAM, CHANNEL, FILTERS = 3, 4, 5, 30, 31
"""Descriptors: those of this program, and those that a launcher hands on."""
INHERITED, MOST = 4, 8
"""How many of the descriptors that come with an order are the launcher's, and how many there can be. The next one is an
end of a pair of sockets, for the answer; the others are locks."""
START, STARTED, REFUSED = b"start", b"started", b"refused"

launched: dict[int, list[int]] = {}
"""The launchers that run, and the locks that are held for each."""


def reap() -> None:
    """Forget launchers that have ended, and kill what they left."""
    try:
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            release(launched.pop(pid, []))
    except ChildProcessError:
        return
    kill(children() - launched.keys())


def children() -> set[int]:
    """The processes whose parent this one is."""
    me = os.getpid()
    try:
        handle = os.open(f"/proc/{me}/task/{me}/children", os.O_RDONLY)
    except FileNotFoundError:  # a kernel without these lists
        return {int(name) for name in os.listdir("/proc") if name.isdigit() and parent(name) == me}  # noqa: PTH208
    try:
        found = b""
        while piece := os.read(handle, 1 << 16):
            found += piece
        return {int(name) for name in found.split()}
    finally:
        os.close(handle)


def parent(name: str) -> int:
    """The parent of the process with this number; 0 where it has just ended."""
    try:
        handle = os.open(f"/proc/{name}/stat", os.O_RDONLY)
        try:
            return int(os.read(handle, 1024).rpartition(b")")[2].split()[1])
        finally:
            os.close(handle)
    except (OSError, IndexError):
        return 0


def release(handles: list[int]) -> None:
    for handle in handles:
        os.close(handle)


def kill(pids: set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, _signal.SIGKILL)
        except ProcessLookupError:
            continue


def end() -> None:
    """Kill all sandboxes and what they leave; never returns."""
    try:
        while True:
            kill(children())
            os.waitpid(-1, 0)
    except ChildProcessError:
        os._exit(0)


def fork(control: _socket.socket, handles: list[int]) -> None:
    """Start a launcher with a plan, the end of a channel, a seccomp program and a pipe for errors; tell the host the
    process by its descriptor. If whoever asked has gone, it is ended at once."""
    pid, process, said = 0, -1, STARTED
    answer = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fileno=handles.pop(INHERITED))
    try:
        pid = os.fork()
        if pid == 0:
            answer.close()
            become(control, handles)
        launched[pid], handles[INHERITED:] = handles[INHERITED:], []
        process = os.pidfd_open(pid)
    except OSError as error:
        said = REFUSED + os.strerror(error.errno or errno.EIO).encode()
    right = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, process.to_bytes(4, sys.byteorder))] if process >= 0 else []
    try:
        answer.sendmsg([said], right)
    except OSError:
        kill({pid} if pid else set())
    answer.close()
    if process >= 0:
        os.close(process)


def become(control: _socket.socket, handles: list[int]) -> None:
    """Be a launcher; never returns."""
    try:
        prctl(PR_SET_PDEATHSIG, _signal.SIGKILL, 0, 0, 0)
        _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        control.close()
        os.close(HOST)
        paper, channel, filters, errors = handles[:INHERITED]
        os.dup2(channel, CHANNEL, False)
        os.dup2(filters, FILTERS, False)
        os.dup2(errors, 2)
        release([channel, filters, errors, *handles[INHERITED:]])
        launch(paper, FILTERS)
    finally:
        os._exit(71)  # never back into the loop


def main() -> None:
    handles = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    for handle in handles:
        if handle > HOST:
            try:
                os.close(handle)
            except OSError:  # the listing's own
                continue
    for handle in (CONTROL, HOST):
        os.set_inheritable(handle, False)
    for place in (CHANNEL, FILTERS):
        os.dup2(0, place)  # so that nothing that comes takes a place that a launcher will cover
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # it holds the locks of all sandboxes
    os.chdir("/")
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for used in (prctl, raw_syscall, raw_mount, unshare, setns, capset):
        used.load()
    gc.freeze()  # so that a fork copies less
    gc.disable()  # supervisors do it again
    control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, fileno=CONTROL)
    ended = children_end()
    wanted = select.poll()
    wanted.register(ended, select.POLLIN)
    wanted.register(CONTROL, select.POLLIN)
    wanted.register(HOST, select.POLLIN)
    while True:
        ready = dict(wanted.poll())
        if HOST in ready:
            end()
        if ended in ready:
            os.read(ended, 4096)
            reap()
        if CONTROL not in ready:
            continue
        data, extra, _, _ = control.recvmsg(16, _socket.CMSG_SPACE(4 * MOST), _socket.MSG_CMSG_CLOEXEC)
        if data != START:
            end()
        handles = [
            int.from_bytes(item[at : at + 4], sys.byteorder)
            for _, _, item in extra
            for at in range(0, len(item) - 3, 4)
        ]
        if len(handles) > INHERITED:
            fork(control, handles)
        release(handles)


if __name__ == "__main__":
    main()
