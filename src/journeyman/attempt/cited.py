"""The citations of what an attempt says."""

from journeyman.attempt.kept import Kept
from journeyman.checks import citations
from journeyman.core.evidence import Citation


async def cited(kept: Kept, tree: str, text: str) -> tuple[Citation, ...]:
    """The citations of a text, looked up in a tree and in the outputs of the attempt."""
    if "【" not in text:
        return ()
    log = kept.log
    async with kept.repository.tree(tree) as files:
        return await citations.resolve(text, files.get, lambda chunk: kept.store.chunk(log.id, chunk), log.events)
