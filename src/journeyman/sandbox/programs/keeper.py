"""Keepers of commands: a part of the program that `supervisor.py` is."""

# pathlib and contextlib would double the time to start:
# ruff: noqa: PTH113, PTH208, SIM105
from __future__ import annotations

import errno
import os
import time

from journeyman.sandbox.programs.libc import function
from journeyman.sandbox.programs.terminal import relay

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any
else:
    import _signal  # what `signal` wraps into enumerations

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
CPU_GRACE = 1
"""Seconds of processor time between the signal that a process may handle and the one that it may not."""

prctl = function("prctl")


def signal_process(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def heard(*_: object) -> None:
    """What a signal does by itself: no more than end a wait."""


def children_end() -> int:
    """A pipe that can be read once children of this process may have ended.

    A handler alone would not do: where the signal comes just before a call that blocks, it would wait for that call's
    end, and whoever asked for the child's would hear nothing. Nor may a handler do the work, which would come between
    any two steps of the rest."""
    ended, told = os.pipe()
    os.set_blocking(ended, False)
    os.set_blocking(told, False)
    _signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    _signal.signal(_signal.SIGCHLD, heard)
    return ended


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


class Command:
    """What is to be run: an argv, or the text of a script; where, with which environment, on which terminal."""

    def __init__(self, argv: list[bytes] | bytes, folder: str, environment: dict[bytes, bytes], cpu: int) -> None:
        self.argv: list[bytes] | bytes = argv
        self.folder, self.environment, self.cpu = folder, environment, cpu
        self.terminal = b""

    def words(self) -> list[bytes]:
        if isinstance(self.argv, list):
            return self.argv  # pyright: ignore[reportUnknownVariableType] - a list of bytes
        shell = b"bash" if candidates(b"bash", self.environment) else b"sh"
        return [shell, b"-c", self.argv]


def keep(command: Command, handles: list[int], master: int) -> int:
    """Run a command and wait for its end, its orphans ours: its status."""
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    main, status = spawn(command, handles)
    if not main:
        return status
    if master >= 0:
        return relay(master, handles[0], handles[1], main)
    for handle in handles:
        os.close(handle)
    ended = 0
    while ended != main:
        ended, status = os.waitpid(-1, 0)
    return status


def say(output: int, what: bytes) -> None:
    """A line for the host in the place of a command's output."""
    os.write(output, what + b"\n")


def spawn(command: Command, handles: list[int]) -> tuple[int, int]:
    """Start the command as a child in a session of its own: its process id. What cannot be started says so, and has
    no id but the status that a shell would give it."""
    if command.cpu:
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (command.cpu, command.cpu + CPU_GRACE))
    normal = (_signal.SIGPIPE, _signal.SIGXFSZ)  # which Python ignores, and so would its children
    how: dict[str, Any] = {"file_actions": streams(command, handles), "setsid": True, "setsigdef": normal}
    what, problem = os.fsencode(command.folder), errno.ENOENT
    try:
        os.chdir(command.folder)
        words = command.words()
        what = words[0]
        for program in candidates(what, command.environment):
            try:
                return spawn_soon(program, words, command.environment, **how), 0
            except OSError as error:
                problem = error.errno if problem == errno.ENOENT else problem
    except OSError as error:
        problem = error.errno
    say(handles[0], what + b": " + os.strerror(problem or errno.EINVAL).encode())
    return 0, (127 if problem in (errno.ENOENT, errno.ENOTDIR) else 126) << 8


def streams(command: Command, handles: list[int]) -> list[tuple[int, ...] | tuple[int, int, bytes, int, int]]:
    """Where the command's input comes from and its output goes."""
    if command.terminal:  # the first that the head of a session opens is its own
        first: Any = (os.POSIX_SPAWN_OPEN, 0, command.terminal, os.O_RDWR, 0)
        return [first, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
    source = handles[1] if len(handles) > 1 else os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    targets = (source, handles[0], handles[2] if len(handles) > 2 else handles[0])
    return [(os.POSIX_SPAWN_DUP2, handle, number) for number, handle in enumerate(targets)]


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
