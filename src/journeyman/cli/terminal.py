"""A command on a terminal in a sandbox, joined to the person's own."""

import asyncio
import contextlib
import os
import signal
import termios
import tty
from collections.abc import Mapping, Sequence

from journeyman.cli.through import Out
from journeyman.core.errors import ToolError
from journeyman.sandbox.protocol import ExecResult, Sandbox, Session

LOOK = 3600.0
ENDLESS = 1 << 62


def is_terminal() -> bool:
    """Whether somebody sits in front of us: our stdin, stdout and stderr are a terminal."""
    return all(map(os.isatty, (0, 1, 2)))


async def joined(sandbox: Sandbox, command: Sequence[str], *, env: Mapping[str, str], seconds: float) -> ExecResult:
    """Run `command` until it ends, at most `seconds`. What is typed goes to it as it is typed, Ctrl-C included, and its
    terminal has the size of ours. Raises `ReaderGone`."""
    session = await sandbox.start(
        command, env=env, terminal=_size(), timeout=seconds, output_limit=ENDLESS, on_output=Out(1).write
    )
    before = termios.tcgetattr(0)
    loop = asyncio.get_running_loop()
    typed: asyncio.Queue[bytes] = asyncio.Queue()
    sized = asyncio.Event()
    helpers = [asyncio.create_task(_pass_on(session, typed)), asyncio.create_task(_resize(session, sized))]
    tty.setraw(0)
    loop.add_reader(0, _read, typed)
    loop.add_signal_handler(signal.SIGWINCH, sized.set)
    try:
        while not (poll := await session.poll(LOOK)).ended:
            continue
    finally:
        loop.remove_reader(0)
        loop.remove_signal_handler(signal.SIGWINCH)
        with contextlib.suppress(termios.error):  # it was closed
            termios.tcsetattr(0, termios.TCSADRAIN, before)
        for task in helpers:
            task.cancel()
        await asyncio.wait(helpers)
    return ExecResult(poll.exit_code, b"", 0.0, poll.cut)


def _read(typed: asyncio.Queue[bytes]) -> None:
    with contextlib.suppress(OSError):
        typed.put_nowait(os.read(0, 4096))


async def _pass_on(session: Session, typed: asyncio.Queue[bytes]) -> None:
    with contextlib.suppress(ToolError):  # it has ended
        while data := await typed.get():
            await session.write(data)
        await session.kill()  # the terminal has gone


async def _resize(session: Session, sized: asyncio.Event) -> None:
    while await sized.wait():
        sized.clear()
        await session.resize(*_size())


def _size() -> tuple[int, int]:
    columns, rows = os.get_terminal_size(1)
    return rows or 24, columns or 80
