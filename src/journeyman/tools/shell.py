"""Run a command in the sandbox."""

from pydantic import Field

from journeyman.core.events import CommandEnded
from journeyman.core.text import clip, decode, plain
from journeyman.tools.patch import apply_text
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext

SHOWN = 4_000
"""Characters of output that the log keeps for display; the chunk has the whole."""

CUT_WORDS = {
    "time": "The command was killed: it ran longer than its time limit of {timeout:g} s.",
    "output": "The command was killed: it wrote more than the limit of {megabytes} MB of output.",
    "memory": "The command was killed: it used more memory than the sandbox allows.",
    "disk": "The command was killed: the sandbox's disk is full.",
    "gone": "The sandbox died while the command ran.",
}


class ShellArguments(Arguments):
    command: str
    workdir: str = Field("", description="relative to the repository")
    timeout: float | None = Field(None, gt=0, le=3600, description="seconds")


async def shell(context: ToolContext, arguments: ShellArguments) -> Outcome:
    """Run `bash -c command`; the whole raw output goes into a chunk, the model reads it clipped.

    A command that is a call of apply_patch is taken as one, since models are used to that form.
    """
    from journeyman.repo.patch.shell import extract_from_shell

    if (patch := extract_from_shell(arguments.command)) is not None:
        return await apply_text(context, patch[1], patch[0] or arguments.workdir)
    timeout = min(arguments.timeout or context.limits.command_seconds, context.limits.seconds)
    chunk = context.log.chunk()
    result = await context.sandbox.exec(
        ["bash", "-c", arguments.command],
        cwd=arguments.workdir,
        timeout=timeout,
        output_limit=context.limits.output_bytes,
        on_output=chunk.write,
    )
    await chunk.close()
    text = plain(decode(result.output))
    ending = f"Process exited with code {result.exit_code}"
    if result.cut is not None:
        ending = CUT_WORDS.get(result.cut, "The command was killed: " + result.cut).format(
            timeout=timeout, megabytes=context.limits.output_bytes // 2**20
        )
    head = f"Chunk ID: {chunk.id}\nWall time: {result.seconds:.4f} seconds\n{ending}\nOutput:\n"
    return Outcome(
        head + clip(text, whole="narrow the command or write its output to a file and read that in pieces"),
        CommandEnded(
            command=arguments.command,
            exit_code=result.exit_code,
            chunk=chunk.id,
            seconds=result.seconds,
            output=clip(text, SHOWN),
            cut=result.cut,
        ),
        is_error=result.exit_code != 0,
    )


SHELL = Tool(
    name="shell",
    description="Run a bash command in the repository. There is no network.",
    arguments=ShellArguments,
    run=shell,
    summary=lambda arguments: arguments.command,
    command=lambda arguments: arguments.command,
)
