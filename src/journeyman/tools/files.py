"""Read a file of the workspace."""

from pydantic import Field

from journeyman.core.errors import ToolError
from journeyman.core.text import clip, decode, plain
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext

LINES = 400
LINE = 2_000


class ReadArguments(Arguments):
    path: str
    start: int = Field(1, ge=1, description="first line")
    lines: int = Field(LINES, ge=1, le=2_000)


async def read(context: ToolContext, arguments: ReadArguments) -> Outcome:
    """Numbered lines of a text file, and how many more there are."""
    data = await context.sandbox.read(arguments.path)
    if b"\0" in data[:8192]:
        raise ToolError(f"{arguments.path} is a binary file of {len(data)} bytes.")
    lines = plain(decode(data)).split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if not lines:
        return Outcome(f"{arguments.path} is empty.", touched=(arguments.path,))
    if arguments.start > len(lines):
        raise ToolError(f"{arguments.path} has only {len(lines)} lines.")
    chosen = lines[arguments.start - 1 : arguments.start - 1 + arguments.lines]
    text = "\n".join(
        f"{number}\t{line if len(line) <= LINE else line[:LINE] + '…'}"
        for number, line in enumerate(chosen, arguments.start)
    )
    rest = len(lines) - (arguments.start - 1 + len(chosen))
    more = f"\n({rest} more lines; read on from line {arguments.start + len(chosen)})" if rest else ""
    return Outcome(clip(text, whole="read fewer lines") + more, touched=(arguments.path,))


READ = Tool(
    name="read",
    description="Read a file with line numbers.",
    arguments=ReadArguments,
    run=read,
    summary=lambda arguments: f"read {arguments.path}",
    reads_only=True,
)
