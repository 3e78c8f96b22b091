"""What a small model is given to answer from, since it cannot find its way by itself: the places that the index finds.

The best places come with their lines, numbered, so that they can be cited; of a long definition its beginning and the
lines that the question is about.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.agent import diagram
from journeyman.core.errors import RepositoryError, ToolError
from journeyman.core.text import decode, plain
from journeyman.repo.index.index import Index, Place
from journeyman.repo.index.languages import LANGUAGES, language_of
from journeyman.sandbox.protocol import Sandbox
from journeyman.tools.find import places, told
from journeyman.tools.text_search import in_files, stems

BUDGET = 4_200
"""Characters of excerpts; reading is what a small model on two cores is slow at."""
LINE = 160
FILES = 40
IMPORTS = "Which of these import or call each other, as a diagram that you may take or change:"
BEGINNING = 14
LINES = 26
"""Lines of a place."""
BETWEEN = 8
"""Lines of what stands between the definitions of a file."""
ALSO = 6


@dataclass(frozen=True, slots=True)
class Brief:
    """The text, the places it was made of, and a sentence for people where there was no index."""

    text: str
    places: tuple[Place, ...]
    note: str = ""


async def brief(sandbox: Sandbox, index: Index, question: str) -> Brief:
    """The files of the repository and the places that fit the question best, at most about `BUDGET` characters."""
    note = ""
    try:
        found = await places(index, sandbox, question)
        paths = sorted(index.files)
    except RepositoryError as error:
        note = f"{error} The places are those of a text search."
        paths = await in_files(sandbox, question)
        found = [_whole(path) for path in paths]
    named = [_whole(path) for path in paths if path in question or _has_name(path, question)]
    if not found and not named:
        found = [_whole(path) for path in paths if path.lower().startswith("readme")]
    shown = [*named[:2], *found]
    parts = [_files(paths, few=bool(shown)), await _excerpts(sandbox, shown, question)]
    if diagram.asked(question) and not note and (source := await diagram.drawn(index, shown, question)):
        parts.append(f"{IMPORTS}\n```mermaid\n{source}\n```")
    return Brief("\n\n".join(part for part in parts if part), tuple(shown), note)


def _whole(path: str) -> Place:
    return Place(path, 1, 10_000, "text", "", "", "", 0.0)


def _has_name(path: str, question: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return "." in name and re.search(rf"(?<![\w/]){re.escape(name)}(?!\w)", question) is not None


def _files(paths: Sequence[str], *, few: bool) -> str:
    """All files where they are few, else the folders with how many each has; then with `few` nothing."""
    if len(paths) <= FILES:
        return "Files:\n" + "\n".join(paths)
    if few:
        return ""
    folders = Counter("/".join(path.split("/")[:2]) + "/" for path in paths if path.count("/") > 1)
    rows = [f"{folder} ({count} files)" for folder, count in folders.most_common(FILES // 2)]
    return "Folders:\n" + "\n".join(sorted(rows))


async def _excerpts(sandbox: Sandbox, found: Sequence[Place], question: str) -> str:
    parts: list[str] = []
    size = 0
    shown: dict[str, set[int]] = {}
    also: list[Place] = []
    for place in found:
        if size > BUDGET:
            also.append(place)
            continue
        try:
            lines = plain(decode(await sandbox.read(place.path))).split("\n")
        except ToolError:
            continue
        rows = [number for number in chosen(lines, place, stems(question)) if number not in shown.get(place.path, ())]
        if not rows:
            continue
        shown.setdefault(place.path, set()).update(rows)
        part = excerpt(lines, place, rows)
        if parts and size + len(part) > BUDGET:
            size = BUDGET + 1
            also.append(place)
            continue
        parts.append(part[:BUDGET])
        size += len(part)
    more = [told(place)[:LINE] for place in also if place.kind != "text"][:ALSO]
    return "\n\n".join(parts) + ("\n\nAlso there:\n" + "\n".join(more) if more else "")


def chosen(lines: Sequence[str], place: Place, words: Sequence[str]) -> list[int]:
    """The lines of a place that are shown: its beginning and those around the words of the question."""
    last = min(place.end, len(lines))
    span = range(place.start, last + 1)
    most = BETWEEN if place.kind == "text" and language_of(place.path) in LANGUAGES and place.score else LINES
    if len(span) <= most:
        return list(span)
    rows = set(span[:BEGINNING]) if place.kind != "text" else set[int]()
    often = Counter(word for number in span for word in words if word in lines[number - 1].lower())
    weight = {word: 1.0 / count for word, count in often.items()}
    scores = {number: sum(weight[word] for word in weight if word in lines[number - 1].lower()) for number in span}
    for number in sorted((number for number in span if scores[number]), key=lambda number: (-scores[number], number)):
        if len(rows) >= most - 2:
            break
        rows.update(near for near in range(number - 2, number + 4) if near in span)
    return sorted(rows or set(span[:most]))[:most]


def excerpt(lines: Sequence[str], place: Place, rows: Sequence[int]) -> str:
    """Numbered lines under their path; `…` where some are left out."""
    shown: list[str] = []
    for before, number in zip([rows[0] - 1, *rows], rows, strict=False):
        if number != before + 1:
            shown.append("…")
        shown.append(f"{number} {lines[number - 1][:LINE]}")
    inside = f" (in {place.parent})" if place.parent else ""
    return f"{place.path}{inside}:\n" + "\n".join(shown)
