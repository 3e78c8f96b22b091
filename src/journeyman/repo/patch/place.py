"""From the chunks of an update to places in the file."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from journeyman.repo.patch.document import Placement
from journeyman.repo.patch.indent import fitted
from journeyman.repo.patch.match import BLANKS, Haystack
from journeyman.repo.patch.parse import Chunk, PatchLine

_UNIFIED = re.compile(r"-\d+(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)")


@dataclass(frozen=True, slots=True)
class Lost:
    """A chunk that has no place: its lines, or its `anchor`, are not in the file from line index `cursor` on."""

    chunk: Chunk
    index: int
    cursor: int
    anchor: str | None = None


def place_all(haystack: Haystack, chunks: Sequence[Chunk]) -> list[Placement | Lost]:
    """A place for each chunk, in their order and each below the one before."""
    places: list[Placement | Lost] = []
    cursor = 0
    for index, chunk in enumerate(chunks):
        place = locate(haystack, chunk, cursor, index)
        places.append(place)
        if isinstance(place, Placement) and (chunk.old or chunk.anchors):
            cursor = place.stop
    return _settled(places)


def locate(haystack: Haystack, chunk: Chunk, cursor: int, index: int = 0) -> Placement | Lost:
    """Where `chunk` goes at or after the line index `cursor`.

    A chunk without old lines goes to the end of the file, before a last empty line; or, unlike in the format's first
    implementation, right below its anchor if it has one. When the lines are not found, empty ones at the end of the
    block are given up one by one.
    """
    start = cursor
    for anchor in chunk.anchors:
        below = _below(haystack, anchor, start)
        if below is None:
            return Lost(chunk, index, cursor, anchor)
        start = below
    anchored = start > cursor
    lines: tuple[PatchLine, ...] | None = chunk.lines
    while lines is not None:
        old = [line.text for line in lines if line.sign != "+"]
        if not old:
            at = start if anchored and not chunk.end_of_file else max(_end(haystack, chunk), cursor)
            return Placement(at, lines, chunk=index)
        hit = haystack.find(old, start, at_end=chunk.end_of_file)
        if hit is None and anchored:
            hit = haystack.find(old, start - 1)  # the anchor's line written again as the first line of the block
        if hit is not None:
            return placed(haystack, lines, hit, index)
        lines = _without_last_blank(lines)
    return Lost(chunk, index, cursor)


def placed(haystack: Haystack, lines: tuple[PatchLine, ...], hit: tuple[int, int], index: int) -> Placement:
    """The placement at a hit; where only the indentation differs, the added lines are indented like the file."""
    start, closeness = hit
    shifted = False
    if closeness >= BLANKS:
        old = [line.text for line in lines if line.sign != "+"]
        new = fitted(lines, list(zip(old, haystack.lines[start : start + len(old)], strict=True)))
        lines, shifted = new, new != lines
    return Placement(start, lines, closeness, shifted, index)


def _below(haystack: Haystack, anchor: str, start: int) -> int | None:
    """The index after the anchor's line; `start` itself when it says nothing (the line numbers of a unified diff)."""
    if (hit := haystack.find([anchor], start)) is not None:
        return hit[0] + 1
    if (header := _UNIFIED.fullmatch(anchor)) is not None:
        hit = haystack.find([header[1]], start) if header[1].strip() else None
        return hit[0] + 1 if hit is not None else start
    if (bare := anchor.removesuffix("@@").rstrip()) and bare != anchor:
        return _below(haystack, bare, start)
    return None


def _end(haystack: Haystack, chunk: Chunk) -> int:
    lines = haystack.lines
    return len(lines) - 1 if lines and not lines[-1] and not chunk.end_of_file else len(lines)


def _without_last_blank(lines: tuple[PatchLine, ...]) -> tuple[PatchLine, ...] | None:
    """Without the last old line, and its new counterpart, if it is empty; None if it is not."""
    last = max((at for at, line in enumerate(lines) if line.sign != "+"), default=None)
    if last is None or lines[last].text:
        return None
    before, after = lines[:last], lines[last + 1 :]
    if lines[last].sign == " ":
        return before if not after else (*before, PatchLine("+", ""), *after)
    return before + (after[:-1] if after and not after[-1].text else after)


def _settled(places: list[Placement | Lost]) -> list[Placement | Lost]:
    """An insertion at the end that fell into a later chunk's block goes below that block."""
    blocks = [place for place in places if isinstance(place, Placement)]
    for at, place in enumerate(places):
        if isinstance(place, Placement):
            around = [block.stop for block in blocks if block.start < place.start < block.stop]
            if around and place.start == place.stop:
                places[at] = replace(place, start=max(around))
    return places
