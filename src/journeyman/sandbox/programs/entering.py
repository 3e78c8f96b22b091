"""How a supervisor comes into its sandbox: a part of the program that `zygote.py` is.

bubblewrap makes the room: its namespaces, its root, an end to further user namespaces. To start Python in there would
take longer than all of that. So the supervisor is a fork of the program that is ready: process 1 of the process
namespace that bubblewrap works in. It waits until the room stands, goes into it, gives up every right, kills what
bubblewrap has left there, and greets the host only when it is alone.

What it brings along is the memory of that program, which nobody in the sandbox may look at, since no process that has
it can be traced; no descriptor of the host's files; and no way to load code later.
"""

from __future__ import annotations

import errno
import gc
import os
import sys

from journeyman.sandbox.programs.keeper import PR_SET_DUMPABLE, prctl
from journeyman.sandbox.programs.libc import address, function, last_error
from journeyman.sandbox.programs.serving import Sacrifice, supervise

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    import signal as _signal
    from typing import Any
else:
    import _signal  # what `signal` wraps into enumerations

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
ROOM = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
SECCOMP_MODE_FILTER, FILTER_SIZE = 2, 8
CAPABILITIES = (0x20080522).to_bytes(4, sys.byteorder) + bytes(4)
"""Version 3 of the structure, about oneself."""
CHILD_ID = b'"child-pid":'
ALONE = b"!"

setns, unshare, capset = function("setns"), function("unshare"), function("capset")


def refused(what: str) -> OSError:
    number = last_error()
    return OSError(number, f"{what}: {os.strerror(number)}")


def change_user(plan: dict[str, Any]) -> None:
    """As root, become the sandbox's user for good."""
    if plan["as_root"]:
        os.setgroups([])
        os.setresgid(plan["gid"], plan["gid"], plan["gid"])
        os.setresuid(plan["uid"], plan["uid"], plan["uid"])


def keep_only(*handles: int) -> None:
    """Close all descriptors but these and the first three."""
    low = 3
    for handle in sorted(handles):
        os.closerange(low, handle)
        low = handle + 1
    os.closerange(low, 1 << 30)


def enter(plan: dict[str, Any], filters: int, mark: _socket.socket, told: int, alone: int) -> None:
    """Become the supervisor of the room that bubblewrap is about to make; never returns. `mark` is the other end of
    what bubblewrap blocks on, `told` where it says who waits in the room; `alone` says when bubblewrap itself is
    gone. `filters` holds the seccomp program."""
    try:
        channel: int = plan["channel"]
        keep_only(channel, filters, mark.fileno(), told, alone)
        sacrifice = Sacrifice()
        rules = bytearray(os.pread(filters, os.fstat(filters).st_size, 0))
        flags = ROOM | (CLONE_NEWCGROUP if os.path.exists("/proc/self/ns/cgroup") else 0)  # noqa: PTH110
        change_user(plan)
        os.setsid()
        go_into(room(mark, told), flags)
        give_up()
        look_around()
        os.kill(-1, _signal.SIGKILL)
        confine(rules)
        be_alone(alone)
        keep_only(channel, sacrifice.file)
        gc.enable()
        supervise(channel, *plan["supervisor"], sacrifice=sacrifice)
    except (OSError, ValueError) as error:
        os.write(2, f"{getattr(error, 'strerror', None) or error}\n".encode())
    finally:
        os._exit(70)  # never back into the launcher


def room(mark: _socket.socket, told: int) -> int:
    """Wait until the room stands: a descriptor of the process in it."""
    try:
        left = mark.recv(1)
    except ConnectionResetError:
        os._exit(70)  # bubblewrap ended without having read its mark, and has said why
    if left:
        raise OSError(errno.EPROTO, "the room cannot be told from an unfinished one")
    mark.close()
    who = os.read(told, 4096).partition(CHILD_ID)[2].partition(b",")[0].strip(b" \n}")
    return os.pidfd_open(int(who))


def go_into(process: int, flags: int) -> None:
    """Take over all namespaces of the process, and its root; from here on no code is loaded, whatever the root shows
    at the place of Python's library."""
    if setns(process, flags):
        raise refused("cannot go into the room")
    os.close(process)
    os.chdir("/")
    sys.meta_path.clear()
    sys.path.clear()


def give_up() -> None:
    """Have no capability, now or by any program; be nobody's to trace; end with the launcher."""
    number = 0
    while not prctl(PR_CAPBSET_DROP, number, 0, 0, 0):
        number += 1
    if last_error() != errno.EINVAL or not number:
        raise refused("cannot give up capabilities")
    for what, failed in (
        ("give up rights", capset(CAPABILITIES, bytes(24))),
        ("forgo privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)),
        ("hide", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)),
        ("be bound to the launcher", prctl(PR_SET_PDEATHSIG, _signal.SIGKILL, 0, 0, 0)),
    ):
        if failed:
            raise refused(f"cannot {what}")


def look_around() -> None:
    """Raises where the room is not what it has to be, whatever bubblewrap has said: the root cannot be written to, and
    nobody makes a user namespace."""
    if not os.statvfs("/").f_flag & os.ST_RDONLY or os.path.exists("/oldroot"):  # noqa: PTH110
        raise OSError(errno.EPROTO, "the room is not finished")
    if not unshare(CLONE_NEWUSER):
        raise OSError(errno.EPROTO, "user namespaces can be made in the room")


def confine(rules: bytearray) -> None:
    """Put the seccomp program in force."""
    program = (len(rules) // FILTER_SIZE).to_bytes(2, sys.byteorder) + bytes(6)
    program += address(rules).to_bytes(8, sys.byteorder)
    if not rules or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program):
        raise refused("cannot restrict system calls")


def be_alone(alone: int) -> None:
    """Wait until nobody else is in the process namespace. bubblewrap's own process still sees the host's files, so no
    command may ever meet it. Its end is told by the launcher, which was alive after `give_up` then."""
    if os.read(alone, 1) != ALONE:
        raise OSError(errno.EPIPE, "the launcher has gone")
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass
    try:
        os.kill(-1, 0)
    except ProcessLookupError:
        return
    raise OSError(errno.EBUSY, "somebody else is left in the sandbox")
