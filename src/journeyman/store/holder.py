"""Who holds an attempt, as one string, and whether that process is still there.

`host pid boot-id.pid-namespace.start-time`: the last word tells a process from a later one with the same number, and
from one of another machine or container whose number means nothing here.
"""

import os
import socket
from pathlib import Path

PROC = Path("/proc")


def this_process() -> str:
    """The holder string of the calling process."""
    return f"{socket.gethostname()} {os.getpid()} {_place()}.{_started(os.getpid())}"


def is_dead(holder: str) -> bool:
    """True only when the holder certainly runs no more: a process of this very system that is gone or a zombie."""
    words = holder.split(" ")
    if len(words) != 3 or not words[1].isdigit():
        return False
    place, _, started = words[2].rpartition(".")
    if not _place() or place != _place():
        return False
    return _started(int(words[1])) != started


def describe(holder: str) -> str:
    """The holder in words for a person."""
    words = holder.split(" ")
    return f"process {words[1]} on {words[0]}" if len(words) == 3 else holder


def _place() -> str:
    """Where process numbers mean the same: one boot of one kernel, one pid namespace. Empty without /proc."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = (PROC / "self/ns/pid").readlink().name
    except OSError:
        return ""
    return f"{boot}.{namespace}"


def _started(pid: int) -> str:
    """Start time in clock ticks since boot; empty when there is no such process or only its exit status is left."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(") ")[2].split()  # the name before it may hold blanks and brackets
    return "" if fields[0] in "ZX" else fields[19]
