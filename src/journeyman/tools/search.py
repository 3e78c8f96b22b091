"""Search the workspace with ripgrep."""

from pydantic import Field

from journeyman.core.errors import ToolError
from journeyman.core.text import clip, decode, plain
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext

SECONDS = 30.0
OUTPUT = 4 * 1024 * 1024
MATCHES = 200


class SearchArguments(Arguments):
    pattern: str = Field(description="regular expression; empty lists files")
    path: str = ""
    glob: str = Field("", description="e.g. *.py")


async def search(context: ToolContext, arguments: SearchArguments) -> Outcome:
    """Matching lines as `path:line:text`, or the files themselves for an empty pattern."""
    argv = ["rg", "--color=never", "--no-messages", "--hidden", "--glob=!.git", "--sort=path"]
    if arguments.glob:
        argv.append(f"--glob={arguments.glob}")
    if arguments.pattern:
        argv += ["--line-number", "--no-heading", "--smart-case", "--max-columns=300", "--max-columns-preview"]
        argv += [f"--regexp={arguments.pattern}"]
    else:
        argv.append("--files")
    argv += ["--", arguments.path or "."]
    result = await context.sandbox.exec(argv, timeout=SECONDS, output_limit=OUTPUT)
    text = plain(decode(result.output)).strip()
    if result.exit_code == 1 and not text:
        return Outcome("No matches.")
    if result.exit_code not in (0, 1) and result.cut is None:
        raise ToolError(f"The search failed: {clip(text, 500) or f'no such path: {arguments.path}'}")
    lines = [line.removeprefix("./") for line in text.splitlines()]
    more = f"\n({len(lines) - MATCHES} more; narrow the search)" if len(lines) > MATCHES else ""
    return Outcome(clip("\n".join(lines[:MATCHES]), whole="narrow the search") + more)


SEARCH = Tool(
    name="search",
    description="Search files with a regular expression (ripgrep), or list them.",
    arguments=SearchArguments,
    run=search,
    summary=lambda arguments: f"search {arguments.pattern or arguments.glob or 'files'}",
    reads_only=True,
)
