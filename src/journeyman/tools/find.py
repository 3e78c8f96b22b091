"""Find places in the workspace by what they are about."""

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from journeyman.core.errors import RepositoryError, ToolError
from journeyman.sandbox.protocol import Sandbox
from journeyman.tools.registry import Arguments, Outcome, Tool, ToolContext

if TYPE_CHECKING:
    from journeyman.repo.index.index import Index, Place

SHOWN = 15


class FindArguments(Arguments):
    query: str = Field(min_length=1, description="a name, or words")


async def places(index: "Index", sandbox: Sandbox, question: str) -> "list[Place]":
    """The places that fit a question, the best first. Raises `RepositoryError` where there is no index."""
    from journeyman.tools.text_search import in_files

    return await index.find(question, partial(in_files, sandbox, question))


async def find(context: ToolContext, arguments: FindArguments) -> Outcome:
    """Definitions and texts as `path:first-last what it is`, the best first, as they were before the work."""
    if context.index is None:
        raise ToolError("There is no index here; use search.")
    try:
        found = await places(await context.index(), context.sandbox, arguments.query)
    except RepositoryError as error:
        raise ToolError(f"{error} Use search.") from error
    if not found:
        return Outcome("Nothing fits. Try other words, or search for text.")
    return Outcome("\n".join(told(place) for place in found[:SHOWN]))


def told(place: "Place") -> str:
    what = f"{place.kind} {place.title}".strip() if place.kind != "text" else place.title
    words = " — ".join(part for part in (what, place.doc[:120]) if part)
    return f"{place.path}:{place.start}-{place.end} {words}".rstrip()


FIND = Tool(
    name="find",
    description="Find where something is defined or done, by an index of symbols and text: best places first.",
    arguments=FindArguments,
    run=find,
    summary=lambda arguments: f"find {arguments.query}",
    reads_only=True,
)
