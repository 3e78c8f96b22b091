"""Citations with the lines that they point to."""

from collections.abc import Sequence

from journeyman.checks.citations import Get
from journeyman.core.api.work import CitationView
from journeyman.core.errors import UsageError
from journeyman.core.events import Checked, CommandEnded, Event, ToolReturned
from journeyman.core.evidence import Citation
from journeyman.core.task import Attempt
from journeyman.core.text import decode, plain
from journeyman.server.files import snapshot
from journeyman.server.parts import Parts

AROUND = 3
"""Lines before and after the place."""
MOST = 40
"""Lines of one excerpt."""


async def cited(parts: Parts, attempt: Attempt, citations: Sequence[Citation]) -> tuple[CitationView, ...]:
    if not citations:
        return ()
    commands = await _commands(parts, attempt, {one.target for one in citations if one.kind == "terminal"})
    async with snapshot(parts, attempt, None) as files:

        async def read(path: str) -> bytes | None:
            file = await files.file(path.removeprefix("./"))
            return file.data if file is not None else None

        async def output(chunk: str) -> bytes | None:
            try:
                return await parts.store.chunk(attempt.id, chunk)
            except UsageError:
                return None

        found = [await _view(one, read if one.kind == "file" else output) for one in citations]
    return tuple(
        view.model_copy(update={"command": ended[0], "exit_code": ended[1]})
        if view.citation.kind == "terminal" and (ended := commands.get(view.citation.target))
        else view
        for view in found
    )


async def _view(citation: Citation, get: Get) -> CitationView:
    data = await get(citation.target)
    lines = decode(data).split("\n") if data is not None else []
    first = max(citation.start - AROUND, 1)
    last = min(citation.end + AROUND, first + MOST - 1)
    return CitationView(citation=citation, first=first, lines=tuple(plain(line) for line in lines[first - 1 : last]))


async def _commands(parts: Parts, attempt: Attempt, chunks: set[str]) -> dict[str, tuple[str, int | None]]:
    """The commands of chunks, and how they ended."""
    found: dict[str, tuple[str, int | None]] = {}
    for chunk in chunks:
        kinds = ("tool_returned", "checked")
        for event in await parts.store.pages.of_kinds(attempt.id, kinds, holding=f'"chunk":"{chunk}"', newest=1):
            if (command := _command(event)) is not None:
                found[chunk] = command
    return found


def _command(event: Event) -> tuple[str, int | None] | None:
    match event:
        case ToolReturned(detail=CommandEnded() as ended):
            return ended.command, ended.exit_code
        case Checked(run=run):
            return run.check.command, run.exit_code
        case _:
            return None
