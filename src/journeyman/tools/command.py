"""Run commands in the sandbox: to their end, or for a while and then in the background, where they can be talked to."""

import time

from pydantic import Field

from journeyman.core.errors import ToolError
from journeyman.core.events import CommandEnded
from journeyman.core.task import Limits
from journeyman.core.text import CLIP, clip, decode, plain
from journeyman.sandbox.notes import amount
from journeyman.sandbox.protocol import Poll
from journeyman.tools.patch import apply_text
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext
from journeyman.tools.sessions import Open

SHOWN = 4_000
"""Characters of output that the log keeps for display; the chunk has the whole."""
TOKEN = 4
"""Characters that count as one token."""
SIZE = (24, 80)
"""Rows and columns of a terminal."""


class ExecArguments(Arguments):
    cmd: str
    workdir: str = Field("", description="relative to the repository")
    tty: bool = False
    yield_time_ms: int = Field(10_000, ge=250, le=30_000, description="wait for its end")
    max_output_tokens: int | None = Field(None, gt=0, le=10_000)
    timeout: float | None = Field(None, gt=0, le=86_400, description="seconds")


class StdinArguments(Arguments):
    session_id: int
    chars: str = Field("", description="empty: only wait")
    yield_time_ms: int | None = Field(None, ge=0, le=300_000)
    max_output_tokens: int | None = Field(None, gt=0, le=10_000)


class ShellArguments(Arguments):
    command: str
    workdir: str = Field("", description="relative to the repository")
    timeout: float | None = Field(None, gt=0, le=3600, description="seconds")


async def exec_command(context: ToolContext, arguments: ExecArguments) -> Outcome:
    """Start a command; come back when it has ended or the time to wait is over. It goes on then, as a session."""
    wait = arguments.yield_time_ms / 1000
    return await _start(context, arguments, wait, arguments.timeout)


async def shell(context: ToolContext, arguments: ShellArguments) -> Outcome:
    """The same, but to its end."""
    whole = ExecArguments.model_validate({"cmd": arguments.command, "workdir": arguments.workdir})
    return await _start(context, whole, float("inf"), arguments.timeout)


async def _start(context: ToolContext, arguments: ExecArguments, wait: float, timeout: float | None) -> Outcome:
    """A command that is a call of apply_patch is taken as one, since models are used to that form."""
    from journeyman.repo.patch.shell import extract_from_shell

    if (patch := extract_from_shell(arguments.cmd)) is not None:
        return await apply_text(context, patch[1], patch[0] or arguments.workdir)
    context.sessions.room()
    bound = min(timeout or context.limits.command_seconds, context.limits.seconds)
    began = time.monotonic()
    chunk = context.log.chunk()
    session = await context.sandbox.start(
        arguments.cmd,
        cwd=arguments.workdir,
        terminal=SIZE if arguments.tty else None,
        stdin=False,  # programs like ripgrep read what they are given, even where it is never ended
        timeout=bound,
        output_limit=context.limits.output_bytes,
        on_output=chunk.write,
    )
    one = Open(arguments.cmd, session, chunk, bound, began, arguments.tty)
    context.sessions.add(one)
    return await _look(context, one, wait, arguments.max_output_tokens)


async def write_stdin(context: ToolContext, arguments: StdinArguments) -> Outcome:
    """Give a session input, or none, and see what it says."""
    one = context.sessions.find(arguments.session_id)
    default = 250 if arguments.chars else 5_000
    wait = default if arguments.yield_time_ms is None else arguments.yield_time_ms
    if arguments.chars == "\x03" and not one.terminal:
        await one.session.kill()
    elif arguments.chars and not one.terminal:
        raise ToolError("stdin is closed for this session; run exec_command with tty=true to be able to write to it.")
    elif arguments.chars:
        try:
            await one.session.write(arguments.chars.encode("utf-8", "surrogatepass"))
        except ToolError:
            if not (await one.session.poll(0, keep=0)).ended:
                raise
    return await _look(context, one, wait / 1000, arguments.max_output_tokens)


async def _look(context: ToolContext, one: Open, wait: float, tokens: int | None) -> Outcome:
    """Wait until a command ends, at most `wait` seconds; what it said."""
    began = time.monotonic()
    poll = await one.session.poll(min(wait, one.timeout + 60))
    seconds = time.monotonic() - began
    if poll.ended:
        await context.sessions.ended(one)
    else:
        await one.chunk.keep()
    text = plain(decode(poll.output))
    lines = [f"Chunk ID: {one.chunk.id}", f"Wall time: {seconds:.4f} seconds"]
    lines += [ending(one, poll, context.limits), *poll.notes]
    size = len(text) + poll.dropped
    lines.append(f"Original token count: {-(-size // TOKEN)}")
    limit = CLIP if tokens is None else tokens * TOKEN
    shown = clip(text, limit, whole="narrow the command or write its output to a file and read that in pieces")
    return Outcome(
        "\n".join([*lines, "Output:", shown]),
        CommandEnded(
            command=one.command,
            exit_code=poll.exit_code,
            chunk=one.chunk.id,
            seconds=time.monotonic() - one.began,
            output=clip(text, SHOWN),
            cut=poll.cut,
            session=None if poll.ended else one.id,
            notes=poll.notes,
        ),
        is_error=poll.ended and poll.exit_code != 0,
    )


def ending(one: Open, poll: Poll, limits: Limits) -> str:
    """How a command stands, in a line for the model: that it runs, its exit code, or the limit that ended it."""
    if not poll.ended:
        return f"Process running with session ID {one.id}"
    match poll.cut:
        case None:
            return f"Process exited with code {poll.exit_code}"
        case "time":
            return f"The command was killed: it ran longer than its time limit of {one.timeout:g} s."
        case "output":
            megabytes = limits.output_bytes // 2**20
            return f"The command was killed: it wrote more than the limit of {megabytes} MB of output."
        case "memory":
            most = amount(limits.memory_bytes)
            return f"The command was killed: it used more memory than the sandbox has, {most} (limits.memory_bytes)."
        case "disk":
            most = amount(limits.disk_bytes)
            return f"The command was killed: more was written than the sandbox may, {most} (limits.disk_bytes)."
        case "cpu":
            return (
                "The command was killed: it used more processor time than a process may, "
                f"{limits.cpu_seconds} s (limits.cpu_seconds)."
            )
        case "gone":
            return "The sandbox died while the command ran."
        case other:
            return f"The command was killed: {other}."


EXEC = Tool(
    name="exec_command",
    description="Run a bash command in the repository. What still runs after yield_time_ms goes on as a session.",
    arguments=ExecArguments,
    run=exec_command,
    summary=lambda arguments: arguments.cmd,
    command=lambda arguments: arguments.cmd,
)
STDIN = Tool(
    name="write_stdin",
    description="Write to a running session, or wait for its output. \\u0003 is Ctrl-C.",
    arguments=StdinArguments,
    run=write_stdin,
    summary=lambda arguments: f"{arguments.session_id}: {arguments.chars!r}",
)
SHELL = Tool(
    name="shell",
    description="Run a bash command in the repository to its end.",
    arguments=ShellArguments,
    run=shell,
    summary=lambda arguments: arguments.command,
    command=lambda arguments: arguments.command,
    listed=False,
)
"""What models that were trained with it call all the same; they are not told of it."""
