"""From the bytes of a file to its parts: definitions with their lines, their comments and the words in them.

This runs only in the reading program (`reader.py`), since the bytes are a stranger's.
"""

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from journeyman.repo.index.languages import LANGUAGES
from journeyman.repo.index.terms import distinct

if TYPE_CHECKING:
    from tree_sitter import Node, Parser, Query

PIECE = 60
"""Lines of a definition that are one part; a longer one is several."""
TEXT_PIECE = 40
GAP = 10
WORDS = 300
"""Different words of a part."""
DOC = 240
CALLS = 60
IMPORTS = 100
UNITS = 20_000
NAME = 100
LINE = 2_000

_CALL = re.compile(r"([^\W\d]\w*)\s*\(")
_COMMENT = re.compile(r"^\s*(?:#|//+|/\*+|\*+/?|--|;+)[!/]?\s?")
_HEADING = re.compile(r"^(?:#{1,6}\s+|={2,}\s+)(.+)|^\[([\w.\" -]+)\]\s*$")
_QUOTES = re.compile(r"^[rRbBuUfF]*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')\s*$")


@dataclass(slots=True)
class Unit:
    """A part of a file: lines `start` to `end`, from 1. `kind` is function, method, class, type, constant, or text for
    what is in none; `parent` is the class around it. `doc` is the beginning of its comment."""

    kind: str
    name: str
    start: int
    end: int
    parent: str = ""
    doc: str = ""
    words: str = ""
    calls: list[str] = field(default_factory=list[str])
    own: list[int] = field(default_factory=list[int])

    def row(self) -> list[Any]:
        return [self.kind, self.name, self.parent, self.start, self.end, self.doc, self.words, self.calls]


def parsed(data: bytes, language: str) -> tuple[list[Unit], list[str]]:
    """The parts of a file in the order of their lines, and what it imports."""
    text = data.decode("utf-8", errors="replace")
    lines = [line[:LINE] for line in text.split("\n")]
    units: list[Unit] = []
    imports: list[str] = []
    if language in LANGUAGES:
        units, imports = _definitions(data, language, lines)
    whole = Unit("text", "", 1, len(lines))
    for unit in units:
        unit.own = []
    owner: list[Unit] = [whole] * len(lines)
    for unit in units:  # outer ones come before those inside
        owner[unit.start - 1 : unit.end] = [unit] * (min(unit.end, len(lines)) - unit.start + 1)
    for number, unit in enumerate(owner, 1):
        unit.own.append(number)
    found: list[Unit] = []
    for unit in (*units, whole):
        found += _pieces(unit, lines, PIECE if language in LANGUAGES else TEXT_PIECE)
    found.sort(key=lambda unit: unit.start)
    return found[:UNITS], imports


def _pieces(unit: Unit, lines: list[str], most: int) -> list[Unit]:
    found: list[Unit] = []
    if unit.kind != "text":  # also where all of its lines belong to what is inside
        rows, rest = unit.own[:most], unit.own[most:]
        found.append(_filled(unit, rows, lines))
    else:
        rest = unit.own
    for rows in _together([number for number in rest if lines[number - 1].strip()], most):
        piece = Unit(unit.kind, unit.name, rows[0], rows[-1], unit.parent)
        if unit.kind == "text":
            heading = next((one for number in rows if (one := _HEADING.match(lines[number - 1]))), None)
            piece.name = (heading[1] or heading[2] or "")[:NAME] if heading else ""
        found.append(_filled(piece, rows, lines))
    return found


def _together(rows: list[int], most: int) -> list[list[int]]:
    """Line numbers in parts of at most `most`, with no wide gap in any."""
    found: list[list[int]] = []
    for number in rows:
        if not found or number - found[-1][-1] > GAP or len(found[-1]) == most:
            found.append([])
        found[-1].append(number)
    return found


def _filled(unit: Unit, rows: list[int], lines: list[str]) -> Unit:
    text = "\n".join(lines[number - 1] for number in rows)
    unit.words = " ".join(distinct(text, WORDS))
    if unit.kind != "text":
        called = dict.fromkeys(_CALL.findall(text))
        called.pop(unit.name, None)
        unit.calls = [name[:NAME] for name in called][:CALLS]
    return unit


def _definitions(data: bytes, language: str, lines: list[str]) -> tuple[list[Unit], list[str]]:
    from tree_sitter import QueryCursor

    parser, query = _grammar(language)
    root = parser.parse(data).root_node
    units: dict[tuple[int, int, str], Unit] = {}
    imports: dict[str, None] = {}
    constants: set[str] = set()
    for _, captures in QueryCursor(query, match_limit=100_000).matches(root):
        for node in captures.get("import", ()):
            imports[_text(node, 200)] = None
        if not (named := captures.get("name")):
            continue
        kind, nodes = next((kind, nodes) for kind, nodes in captures.items() if kind != "name")
        node, name = nodes[0], _text(named[0], NAME)
        start, end = node.start_point[0] + 1, _last(node)
        if kind == "constant":
            if name in constants:
                continue
            constants.add(name)
        if start <= len(lines) and len(units) < UNITS:
            key = (start, -end, name)
            if key not in units or units[key].kind == "constant":  # which a function may be bound to
                units[key] = Unit(kind, name, start, min(end, len(lines)), "", _doc(node, lines, start))
    found = [unit for _, unit in sorted(units.items())]
    _nest(found)
    return found, list(imports)[:IMPORTS]


def _nest(units: list[Unit]) -> None:
    """Name the class around each definition; a function in one is a method."""
    around: list[Unit] = []
    for unit in units:
        while around and around[-1].end < unit.start:
            around.pop()
        if around:
            unit.parent = around[-1].name
            if unit.kind == "function" and around[-1].kind in ("class", "type"):
                unit.kind = "method"
        around.append(unit)


def _last(node: "Node") -> int:
    row, column = node.end_point
    return row + 1 if column or row == node.start_point[0] else row


def _doc(node: "Node", lines: list[str], start: int) -> str:
    """The first words of a docstring, or of the comment above."""
    body = node.child_by_field_name("body")
    first = body.named_child(0) if body is not None and body.named_child_count else None
    if first is not None and first.type == "expression_statement" and first.named_child_count:
        first = first.named_child(0)
    if first is not None and first.type == "string":
        return " ".join(_QUOTES.sub("", _text(first, DOC * 2)).split())[:DOC]
    above: list[str] = []
    for line in reversed(lines[max(start - 13, 0) : start - 1]):
        if line.lstrip().startswith(("@", "#[")) and not above:  # a decorator
            continue
        if not _COMMENT.match(line):
            break
        above.append(_COMMENT.sub("", line))
    return " ".join(" ".join(reversed(above)).split())[:DOC]


def _text(node: "Node", most: int) -> str:
    return (node.text or b"")[: most * 4].decode("utf-8", errors="replace")[:most]


@cache
def _grammar(language: str) -> "tuple[Parser, Query]":
    from tree_sitter import Language, Parser, Query

    known = LANGUAGES[language]
    capsule: object = getattr(importlib.import_module(known.module), known.function)()
    grammar = Language(capsule)
    return Parser(grammar), Query(grammar, known.query)


def load(languages: Iterable[str]) -> None:
    """Import what there is to import, while files can still be opened."""
    for language in languages:
        _grammar(language)
