"""Terminals of commands: a part of the program that `supervisor.py` is.

A terminal belongs to the sandbox's own devpts, so that `ttyname` and job control work. The keeper relays between its
master and two pipes of the host's; it never waits for either side alone, so that a Ctrl-C gets through to a command
whose output nobody takes.
"""

from __future__ import annotations

import errno
import os

PIECE = 64 * 1024
LOOK = 200
"""Milliseconds between two looks at a terminal that nobody has open, and at orphans that have ended."""


def open_terminal(rows: int, columns: int) -> tuple[int, bytes]:
    """The master of a new terminal of that size, and the path of the terminal."""
    try:
        master, slave = os.openpty()
    except FileNotFoundError as error:
        raise OSError(errno.ENODEV, "no terminals") from error
    try:
        resize(master, rows, columns)
        os.set_blocking(master, False)
        return master, os.fsencode(os.ttyname(slave))
    finally:
        os.close(slave)


def resize(master: int, rows: int, columns: int) -> None:
    """Whoever is in the foreground is told by SIGWINCH."""
    import termios

    termios.tcsetwinsize(master, (rows, columns))


def relay(master: int, output: int, source: int, main: int) -> int:
    """Carry bytes between the terminal's master and the host until the process `main` has ended; its status."""
    os.set_blocking(output, False)
    os.set_blocking(source, False)
    way = Way(master, output, source)
    ended = os.pidfd_open(main)
    while not way.step(ended):
        reap_orphans(main)
    os.close(ended)
    _, status = os.waitpid(main, 0)
    way.drain()
    return status


def reap_orphans(main: int) -> None:
    """Reap what came to us from the command's descendants, but not the command."""
    while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and found.si_pid != main:
        os.waitpid(found.si_pid, os.WNOHANG)


class Way:
    """The bytes on their way through a keeper: `out` to the host, `into` the terminal."""

    def __init__(self, master: int, output: int, source: int) -> None:
        self.master, self.output, self.source = master, output, source
        self.out, self.into = b"", b""
        self.idle = False  # nobody has the terminal open
        self.deaf = self.silent = False  # the host takes no output any more, or gives no input

    def step(self, ended: int) -> bool:
        """Wait for something and carry it; whether the command has ended."""
        import select

        wanted = select.poll()
        wanted.register(ended, select.POLLIN)
        of_master = (0 if self.out or self.idle else select.POLLIN) | (select.POLLOUT if self.into else 0)
        if of_master:
            wanted.register(self.master, of_master)
        if self.out:
            wanted.register(self.output, select.POLLOUT)
        if not self.into and not self.silent:
            wanted.register(self.source, select.POLLIN)
        self.idle = False
        ready: dict[int, int] = dict(wanted.poll(LOOK))
        if ready.get(self.master, 0) & (select.POLLIN | select.POLLHUP) and not self.out:
            self.take()
        if self.out:
            self.give()
        if self.source in ready:
            self.into = self.read(self.source) or b""
            self.silent = not self.into
        if self.into:
            self.type()
        return ended in ready

    def read(self, handle: int) -> bytes | None:
        """What is there; empty at the end, None for nothing now."""
        try:
            return os.read(handle, PIECE)
        except BlockingIOError:
            return None

    def take(self) -> None:
        try:
            self.out = self.read(self.master) or b""
        except OSError:  # nobody has the terminal open now
            self.idle = True

    def give(self) -> None:
        try:
            self.out = self.out[os.write(self.output, self.out) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self.out = b""

    def type(self) -> None:
        try:
            self.into = self.into[os.write(self.master, self.into) :]
        except BlockingIOError:
            return
        except OSError:
            self.into = b""

    def drain(self) -> None:
        """Give the host what is left, however slowly it takes it."""
        os.set_blocking(self.output, True)
        while True:
            while self.out:
                self.give()
            self.take()
            if not self.out:
                return
