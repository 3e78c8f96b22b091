"""What to answer when a chunk has no place: the nearest block, a chunk that would fit, or that it is there already."""

from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.repo.patch.document import Document, Placement
from journeyman.repo.patch.indent import fitted
from journeyman.repo.patch.match import TRAILING, Haystack
from journeyman.repo.patch.nearest import ALIKE, Nearest, likeness, nearest
from journeyman.repo.patch.parse import Chunk, PatchLine
from journeyman.repo.patch.place import Lost, locate, placed

_ENOUGH = 0.5  # how much alike a block must be to be taken for the one that was meant
_SHOWN = 30  # lines of the nearest block
_WIDTH = 200  # characters of a shown line
_CONTEXT = 40  # lines of context that may be added to make a place unique


@dataclass(frozen=True, slots=True)
class Mended:
    """What came of the chunks of one update that did not fit.

    `problems` has a paragraph for each lost chunk. `chunks` would apply and do what was most likely meant; None when
    that cannot be told, empty when all is in the file already. `document` is the file with them applied.
    """

    problems: tuple[str, ...]
    chunks: tuple[Chunk, ...] | None
    document: Document


def mend(path: str, document: Document, haystack: Haystack, places: Sequence[Placement | Lost]) -> Mended:
    problems: list[str] = []
    found: list[Placement] = [place for place in places if isinstance(place, Placement)]
    whole = True
    for place in places:
        if isinstance(place, Placement):
            continue
        problem, placement, solved = _mended(path, haystack, place, found)
        problems.append(problem)
        if placement is not None:
            found.append(placement)
        whole = whole and solved
    chunks = _rendered(haystack, sorted(found, key=lambda each: (each.start, each.stop))) if whole else None
    if chunks is None:
        return Mended(tuple(problems), None, document)
    return Mended(tuple(problems), chunks, document.rewritten(found))


def _mended(
    path: str, haystack: Haystack, lost: Lost, found: Sequence[Placement]
) -> tuple[str, Placement | None, bool]:
    """The problem in words, the place most likely meant, and whether nothing is left open."""
    gist = _gist(path, lost)
    if (there := _already(haystack, lost.chunk)) is not None:
        first, last = there
        return f"{gist}\nAlready applied: its result is in {path} at {_span(first, last)}.", None, True
    hits = _hits(haystack, lost)
    if len(hits) == 1:
        placement = placed(haystack, lost.chunk.lines, hits[0], lost.index)
        return f"{gist}\nIt fits at {_span(placement.start, placement.stop)}.", placement, True
    if hits:
        lines = ", ".join(str(start + 1) for start, _ in hits[:10])
        return f"{gist}\nIt fits at each of the lines {lines}: give more context.", None, False
    low = max((each.stop for each in found if each.chunk < lost.index), default=0)
    high = min((each.start for each in found if each.chunk > lost.index), default=len(haystack.lines))
    near = _nearest(haystack, lost, low, high)
    if near is None:
        return f"{gist}\nNothing in {path} ({len(haystack.lines)} lines) is like it.", None, False
    shown = f"{gist}\nThe nearest block is {_span(near.start, near.stop)} ({near.ratio:.0%} alike):\n"
    shown += _numbered(haystack.lines, near.start, near.stop)
    if near.twin is not None:
        return f"{shown}\nThe one at line {near.twin + 1} is as much alike: give more context.", None, False
    placement = _aligned(haystack, lost, near)
    if placement is not None and any(each.start < placement.stop and placement.start < each.stop for each in found):
        placement = None
    return shown, placement, placement is not None


def _gist(path: str, lost: Lost) -> str:
    if lost.anchor is not None:
        return f"Failed to find context '{lost.anchor}' in {path}"
    return f"Failed to find expected lines in {path}:\n" + "\n".join(_short(text) for text in lost.chunk.old[:_SHOWN])


def _already(haystack: Haystack, chunk: Chunk) -> tuple[int, int] | None:
    """Where the chunk's result is in the file, if it says enough to be sure of that."""
    new, old = chunk.new, chunk.old
    added = [line.text for line in chunk.lines if line.sign == "+"]
    if added:
        telling = any(sum(map(str.isalnum, text)) >= 4 for text in added)
    else:
        changed = [at for at, line in enumerate(chunk.lines) if line.sign == "-"]
        if not changed:
            return None
        around = chunk.lines[: changed[0]], chunk.lines[changed[-1] + 1 :]
        telling = all(any(line.text.strip() for line in side) for side in around)
    if not telling or not old or _hit(haystack, old) is not None:
        return None
    for closeness in range(TRAILING + 1):
        start = haystack.find_as(new, 0, closeness)
        if start is not None:
            return start, start + len(new)
    return None


def _hit(haystack: Haystack, block: Sequence[str]) -> tuple[int, int] | None:
    return haystack.find(block) if block else None


def _hits(haystack: Haystack, lost: Lost) -> list[tuple[int, int]]:
    """Where the block is, when only its anchor or order is wrong; just the first below a line like the anchor."""
    old = lost.chunk.old
    hits: list[tuple[int, int]] = []
    start = 0
    while old and len(hits) < 50 and (hit := haystack.find(old, start)) is not None:
        hits.append(hit)
        start = hit[0] + 1
    if len(hits) > 1 and (anchor := _like_anchor(haystack, lost)) is not None:
        below = [hit for hit in hits if hit[0] >= anchor]
        return below[:1] or hits
    return hits


def _like_anchor(haystack: Haystack, lost: Lost) -> int | None:
    if lost.anchor is None:
        return None
    wanted = lost.anchor
    ratios = [max(likeness(wanted, line), _begins(wanted, line)) for line in haystack.lines]
    best = max(ratios, default=0.0)
    return ratios.index(best) if best >= ALIKE else None


def _begins(anchor: str, line: str) -> float:
    """Models name a definition by its beginning (`class Box` for `class Box(Base):`)."""
    return 0.9 if anchor.strip() and line.strip().startswith(anchor.strip()) else 0.0


def _nearest(haystack: Haystack, lost: Lost, low: int, high: int) -> Nearest | None:
    """Between the neighbours that have their place if it is good there, else anywhere."""
    if not lost.chunk.old:
        at = _like_anchor(haystack, lost)
        return None if at is None else Nearest(at, at + 1, likeness(lost.anchor or "", haystack.lines[at]), ())
    near = nearest(lost.chunk.old, haystack.lines, low, high)
    if near is None or near.ratio < _ENOUGH:
        anywhere = nearest(lost.chunk.old, haystack.lines)
        if anywhere is not None and (near is None or anywhere.ratio > near.ratio):
            near = anywhere
    return near


def _aligned(haystack: Haystack, lost: Lost, near: Nearest) -> Placement | None:
    """The chunk with the file's own lines, if the block is near enough and has every line that is to go."""
    lines = haystack.lines
    if not lost.chunk.old:
        return Placement(near.stop, lost.chunk.lines, chunk=lost.index)
    if near.ratio < _ENOUGH:
        return None
    pairs = dict(near.pairs)
    out: list[PatchLine] = []
    index, at = 0, near.start
    for line in lost.chunk.lines:
        if line.sign == "+":
            out.append(line)
            continue
        if (own := pairs.get(index)) is not None:
            out.extend(PatchLine(" ", text) for text in lines[at:own])
            out.append(PatchLine(line.sign, lines[own]))
            at = own + 1
        elif line.sign == "-" and line.text.strip():
            return None
        index += 1
    alike = [(lost.chunk.old[row], lines[own]) for row, own in near.pairs]
    return Placement(near.start, fitted(tuple(out), alike), chunk=lost.index)


def _rendered(haystack: Haystack, placements: Sequence[Placement]) -> tuple[Chunk, ...] | None:
    """Chunks in the file's own words that are found where the placements are."""
    chunks: list[Chunk] = []
    cursor = 0
    for at, placement in enumerate(placements):
        if placement.start < cursor:
            return None
        room = placements[at + 1].start if at + 1 < len(placements) else len(haystack.lines)
        chunk = _pinned(haystack, placement, cursor, room)
        if chunk is None:
            return None
        chunks.append(chunk)
        cursor = placement.stop
    return tuple(chunks)


def _pinned(haystack: Haystack, placement: Placement, cursor: int, room: int) -> Chunk | None:
    """The placement as a chunk, with as much context before (else after) it as makes its place the first one."""
    lines = haystack.lines
    own: list[PatchLine] = []
    at = placement.start
    for line in placement.lines:
        if line.sign == "+":
            own.append(line)
        else:
            own.append(PatchLine(line.sign, lines[at]))
            at += 1
    first, last = placement.start, placement.stop
    for _ in range(_CONTEXT):
        chunk = Chunk(tuple(own), end_of_file=last == len(lines) and last > first)
        place = locate(haystack, chunk, cursor)
        if isinstance(place, Placement) and place.start == first and place.closeness == 0:
            return chunk
        if first > cursor:
            first -= 1
            own.insert(0, PatchLine(" ", lines[first]))
        elif last < room:
            own.append(PatchLine(" ", lines[last]))
            last += 1
        else:
            return None
    return None


def _span(start: int, stop: int) -> str:
    return f"line {start + 1}" if stop - start == 1 else f"lines {start + 1}-{stop}"


def _numbered(lines: Sequence[str], start: int, stop: int) -> str:
    shown = [f"{at + 1}| {_short(lines[at])}" for at in range(start, min(stop, start + _SHOWN))]
    if stop - start > _SHOWN:
        shown.append(f"… {stop - start - _SHOWN} more lines …")
    return "\n".join(shown)


def _short(text: str) -> str:
    return text if len(text) <= _WIDTH else text[:_WIDTH] + "…"
