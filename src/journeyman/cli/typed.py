"""Options that several commands take, and how a command's work is run."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

GARBAGE = 1.0
"""Seconds of work after which garbage is collected again."""

Directory = Annotated[
    Path, typer.Option("-C", "--directory", metavar="FOLDER", help="The repository, or a folder in it.")
]
TaskId = Annotated[str | None, typer.Argument(metavar="TASK", help="The beginning of its id; else the latest here.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on stdout and nothing else.")]
Ref = Annotated[
    str | None,
    typer.Option("--base", metavar="REF", help="Start from this commit, branch or tag instead of the working tree."),
]
EnvironmentName = Annotated[
    str | None,
    typer.Option("--env", metavar="NAME", help="A stored environment, or `auto`, `ready` or `off`."),
]


async def _until_told(work: Coroutine[Any, Any, int]) -> int:
    """Run `work`; SIGTERM and SIGHUP end it as Ctrl-C does, with everything kept."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        loop.add_signal_handler(signal.SIGHUP, _hung_up, task)
    loop.call_later(GARBAGE, _collect)
    return await task


def _hung_up(task: asyncio.Task[int]) -> None:
    """End the work; what is still to be said goes nowhere where the terminal has gone."""
    for stream in (1, 2):
        try:
            os.write(stream, b"")
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream)
            os.close(nowhere)
    task.cancel()


def _collect() -> None:
    """Collect garbage from now on, leaving out what the imports made: that stays."""
    gc.freeze()
    gc.enable()


def finish(work: Coroutine[Any, Any, int], stopped: str = "Everything is kept; `journeyman resume` goes on.") -> None:
    """Run a command's work and end with its exit code; `stopped` is what is said when a person ends it."""
    try:
        code = asyncio.run(_until_told(work))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print(f"\njourneyman: stopped.{' ' if stopped else ''}{stopped}", file=sys.stderr)
        code = 130
    if code:
        raise typer.Exit(code)
