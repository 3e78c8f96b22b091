"""The program that parses files of a repository.

    python -I -m journeyman.repo.index.reader idle|now SECONDS LANGUAGE…

Grammars are large C programs that meet a stranger's bytes here, so this process can do nothing but read its input,
compute, and write its output: before the first file it gives up all other system calls, and memory beyond a limit. A
file that takes too long, or breaks the parser, ends the process; who reads its output knows by that which one it was.

A file comes as a line `LANGUAGE SIZE` and its bytes; the answer is a line of JSON, `[parts, imports]`. With `idle` it
works only while nobody else wants the processor. SECONDS are for one file.
"""

import json
import os
import resource
import signal
import sys
from typing import Any

from journeyman.repo.index import parse

MEMORY = 1024**3
NICE = 10
"""Not more: where many others want the processor, it would not even come to its end."""
OUTPUT = 8 * 1024**2

ALLOWED = (
    "munmap mremap brk madvise futex rt_sigreturn rt_sigaction rt_sigprocmask sigaltstack setitimer getrandom "
    "clock_gettime gettimeofday fstat newfstatat lseek sched_yield getpid gettid tgkill exit exit_group restart_syscall"
)
EXECUTABLE = 4


def main() -> None:
    seconds = float(sys.argv[2])
    parse.load(sys.argv[3:])
    if sys.argv[1] == "idle":
        os.nice(NICE)
    json.dumps([""])
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    give_up()
    outgoing.write(b"ready\n")
    outgoing.flush()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    while header := incoming.readline(200):
        language, size = header.split()
        data = incoming.read(int(size))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        outgoing.write(_answer(data, language.decode()))
        signal.setitimer(signal.ITIMER_REAL, 0)
        outgoing.flush()


def _answer(data: bytes, language: str) -> bytes:
    units, imports = parse.parsed(data, language)
    answer = json.dumps([[unit.row() for unit in units], imports], separators=(",", ":")).encode()
    return (answer if len(answer) <= OUTPUT else b"[[],[]]") + b"\n"


def give_up() -> None:
    """Refuse this process all but what computing takes: no files, no network, no other programs, no new code."""
    import pyseccomp  # pyright: ignore[reportMissingTypeStubs]

    lib: Any = pyseccomp
    rules = lib.SyscallFilter(lib.ERRNO(1))
    for name in ALLOWED.split():
        if lib.resolve_syscall(lib.system_arch(), name) >= 0:
            rules.add_rule(lib.ALLOW, name)
    rules.add_rule(lib.ALLOW, "read", lib.Arg(0, lib.EQ, 0))
    rules.add_rule(lib.ALLOW, "write", lib.Arg(0, lib.EQ, 1))
    for name in ("mmap", "mprotect"):
        rules.add_rule(lib.ALLOW, name, lib.Arg(2, lib.MASKED_EQ, EXECUTABLE, 0))
    rules.load()


if __name__ == "__main__":
    main()
