"""What earlier models of a cascade changed, in a search: places to look at, and edits to begin with."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.locate import Evidence, is_source
from journeyman.agent.repair.resume import HUNK, patched, path_of
from journeyman.agent.repair.search import Search
from journeyman.agent.work import Earlier

MODEL = "model: an earlier one"
"""The source of what an earlier model wrote; it is told to the next one as what did not help."""


def pieces(patch: str) -> Iterator[str]:
    """The parts of a patch in git's format that change the text of one file each."""
    for part in patch.split("\ndiff --git "):
        rows = part.splitlines(keepends=True)
        first = next((at for at, row in enumerate(rows) if row.startswith("--- a/")), None)
        if first is not None and first + 1 < len(rows) and rows[first + 1].startswith("+++ b/"):
            yield "".join(rows[first:])


def hinted(evidence: Evidence, earlier: Iterable[Earlier]) -> Evidence:
    """The evidence with the places at which earlier models have looked for the fault."""
    frames: list[tuple[str, int]] = []
    for diff in (diff for one in earlier for diff in _diffs(one)):
        path = path_of(diff)
        if is_source(path) and path in evidence.paths:
            frames += [(path, int(hunk[1])) for hunk in map(HUNK.match, diff.splitlines()) if hunk]
    return replace(evidence, frames=[*evidence.frames, *frames]) if frames else evidence


async def try_earlier(search: Search) -> None:
    """Begin with what earlier models came to: a part of it may be right, and what is wrong is not written again."""
    found: list[Candidate] = []
    for one in search.work.earlier:
        for diff in _diffs(one):
            path = path_of(diff)
            before = search.texts.get(path)
            text = patched(before, diff) if before else None
            if before and text and text != before:
                source = MODEL if diff not in one.helped else "an edit that helped"
                found.append(Candidate(path, before, text, source, 1.0))
    new = [candidate for candidate in found if search.tried.is_new(candidate)]
    if new:
        await search.say(f"Beginning with what was tried before: {len(new)} edits.")
        await search.attempt(new, max(search.seconds, 1.0))


def _diffs(one: Earlier) -> Sequence[str]:
    return [*pieces(one.patch), *one.helped]
