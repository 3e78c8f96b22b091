"""Whether a mermaid block can be drawn: a light check of the kinds of diagram that models draw of code.

It knows less than mermaid does: what it lets through is nearly always drawn, and what it finds wrong never is. Kinds of
diagram that it does not know pass when they begin with a known word.
"""

import re
from collections.abc import Callable

MOST = 50_000
LINES = 2_000
LINE = 500

_BLOCK = re.compile(
    r"^[ \t]*```+[ \t]*mermaid[ \t]*\n(.*?)^[ \t]*```+[ \t]*$", re.DOTALL | re.MULTILINE | re.IGNORECASE
)
_OPEN = re.compile(
    r"^[ \t]*```+[ \t]*mermaid[ \t]*\n(?!.*^[ \t]*```+[ \t]*$)", re.DOTALL | re.MULTILINE | re.IGNORECASE
)

# Nothing backtracks into a node or an arrow: what a model writes must not take this long.
_ID = r"[^\W\d_](?:[\w./:]|-(?=\w))*+|\w[\w.]*+"
_QUOTED = r'"[^"\n]*"'
_PLAIN = r'[^"\[\](){}<>|\n;]+'
_LABEL = rf"(?:{_QUOTED}|{_PLAIN})"
_SHAPE = (
    rf"(?:\[\[{_LABEL}\]\]|\[\({_LABEL}\)\]|\(\({_LABEL}\)\)|\(\[{_LABEL}\]\)|\{{\{{{_LABEL}\}}\}}"
    rf"|\[/{_LABEL}[/\\]\]|\[\\{_LABEL}[/\\]\]|>{_LABEL}\]|\[{_LABEL}\]|\({_LABEL}\)|\{{{_LABEL}\}})"
)
_NODE = rf"(?>(?:{_ID})(?:{_SHAPE})?(?::::\w+)?)"
_GROUP = rf"{_NODE}(?:\s*&\s*{_NODE})*+"
_ON = rf'(?:{_QUOTED}|(?:[^"|<>\[\](){{}}\n;.=-]|(?<=\w)[-.](?=\w))+)'
_ARROW = (
    rf"(?:[<ox]?(?:--+[->ox]|==+[=>ox]|-\.+->?)(?:\s*\|{_LABEL}\|)?"
    rf"|[<ox]?--\s*{_ON}--+[->ox]|[<ox]?==\s*{_ON}==+[=>ox]|[<ox]?-\.\s*{_ON}\.+->?|~~~)"
)
_FLOW = re.compile(rf"{_GROUP}(?:\s*(?>{_ARROW})\s*{_GROUP})*+\s*")
_FLOW_OTHER = re.compile(
    r"(?:subgraph\b.*|end|direction\s+(?:TB|TD|BT|RL|LR)|(?:style|linkStyle|classDef|class|click)\s+\S.*)\s*"
)
_WORD = r"[^\W\d]\w*"
_MESSAGE = re.compile(r"[\w.\"'/ -]+?(?:<<)?(?:-->>|->>|-->|->|--x|-x|--\)|-\))[+-]?\s*[\w.\"'/ -]+?\s*:\s*\S.*")
_SEQUENCE_OTHER = re.compile(
    r"(?:(?:create\s+)?(?:participant|actor)\s+\S.*|destroy\s+\S.*|autonumber.*|(?:activate|deactivate)\s+\S.*"
    r"|[Nn]ote\s+(?:(?:left|right)\s+of|over)\s+[^:]+:.*|(?:loop|alt|else|opt|par|and|critical|option|break|rect|box)\b.*"
    r"|end|title\b.*|links?\b.*)\s*"
)
_BEGINS = re.compile(r"(?:loop|alt|opt|par|critical|break|rect|box)\b")
_RELATION = r"(?:<\|--|--\|>|<\|\.\.|\.\.\|>|\*--|--\*|o--|--o|<--|-->|<\.\.|\.\.>|--|\.\.)"
_CLASS = re.compile(
    rf'(?:class\s+(?:{_WORD}|`[^`]+`)(?:~[\w, ]+~)?(?:\["[^"]+"\])?(?:\s*:::\w+)?\s*(?:\{{\s*\}}?)?'
    rf'|(?:{_WORD}|`[^`]+`)\s*(?:"[^"]*"\s*)?{_RELATION}\s*(?:"[^"]*"\s*)?(?:{_WORD}|`[^`]+`)(?:\s*:\s*\S.*)?'
    rf"|{_WORD}\s*:\s*\S.*|<<\w+>>\s*{_WORD}|direction\s+\w\w|note\b.*|namespace\s+\w+\s*\{{|\}}|(?:style|classDef|link|click)\s.*)\s*"
)
_MEMBER = re.compile(r"[^{}]+")
_STATE = re.compile(
    r"(?:(?:\[\*\]|\w+)\s*-->\s*(?:\[\*\]|\w+)(?:\s*:\s*\S.*)?|state\s+.*|\w+\s*:\s*\S.*|\w+|\}|--"
    r"|direction\s+\w\w|note\b.*|end note)\s*"
)
_OTHERS = re.compile(
    r"(?:erDiagram|gantt|pie|journey|gitGraph|mindmap|timeline|quadrantChart|requirementDiagram|C4\w+|sankey(?:-beta)?"
    r"|xychart(?:-beta)?|block(?:-beta)?|packet(?:-beta)?|kanban|architecture(?:-beta)?|radar-beta|treemap(?:-beta)?)\b"
)


def blocks(text: str) -> list[re.Match[str]]:
    """The mermaid blocks of an answer; group 1 is the source."""
    return list(_BLOCK.finditer(text))


def without(text: str) -> str:
    """An answer without its diagrams."""
    return _BLOCK.sub("", text)


def unclosed(text: str) -> bool:
    """Whether a block was begun and not ended."""
    return _OPEN.search(text) is not None


def problem(source: str) -> str:
    """Why a diagram cannot be drawn, in a sentence; empty where it can."""
    lines = [(number, line.strip()) for number, line in enumerate(source[:MOST].split("\n"), 1)]
    lines = [(number, line.rstrip(";")) for number, line in lines if line and not line.startswith("%%")][:LINES]
    if long := next((number for number, line in lines if len(line) > LINE), 0):
        return f"Line {long} is too long."
    if not lines:
        return "The diagram is empty."
    head, rest = lines[0][1], lines[1:]
    if re.fullmatch(r"(?:flowchart|graph)(?:\s+(?:TB|TD|BT|RL|LR))?", head):
        return _first_wrong(rest, _flow_line) or _balance(rest, r"subgraph\b")
    if head == "sequenceDiagram":
        return _first_wrong(rest, lambda line: _MESSAGE.fullmatch(line) or _SEQUENCE_OTHER.fullmatch(line)) or _balance(
            rest, _BEGINS.pattern
        )
    if re.fullmatch(r"classDiagram(?:-v2)?", head):
        return _class_problem(rest)
    if re.fullmatch(r"stateDiagram(?:-v2)?", head):
        return _first_wrong(rest, _STATE.fullmatch)
    if _OTHERS.match(head):
        return "" if rest else "The diagram is empty."
    return f"Line {lines[0][0]} is not the beginning of a diagram: {head[:80]!r}; begin with `flowchart LR`."


def _flow_line(line: str) -> object:
    if _FLOW_OTHER.fullmatch(line):
        return True
    return all(_FLOW.fullmatch(part.strip()) and not _reserved(part) for part in line.split(";") if part.strip())


def _reserved(part: str) -> bool:
    """`end` in small letters cannot be a node."""
    return re.search(r"(?:^|[\s>|-])end(?:$|[\s\[({-])", re.sub(_QUOTED, "", part)) is not None


def _first_wrong(lines: list[tuple[int, str]], fits: Callable[[str], object]) -> str:
    if not lines:
        return "The diagram is empty."
    wrong = next(((number, line) for number, line in lines if not fits(line)), None)
    return f"Line {wrong[0]} does not parse: {wrong[1][:80]!r}." if wrong else ""


def _balance(lines: list[tuple[int, str]], opening: str) -> str:
    depth = 0
    for number, line in lines:
        if re.match(opening, line):
            depth += 1
        elif line == "end":
            depth -= 1
        if depth < 0:
            return f"Line {number} ends a block that was not begun."
    return "A block is begun and not ended with `end`." if depth else ""


def _class_problem(lines: list[tuple[int, str]]) -> str:
    inside = 0
    outside: list[tuple[int, str]] = []
    for number, line in lines:
        if inside and line != "}" and not line.startswith("class "):
            if not _MEMBER.fullmatch(line):
                return f"Line {number} does not parse: {line[:80]!r}."
            continue
        outside.append((number, line))
        inside += line.endswith("{") - (line == "}")
        if inside < 0:
            return f"Line {number} ends a block that was not begun."
    return _first_wrong(outside, _CLASS.fullmatch) or ("A class is begun and not ended with `}`." if inside else "")
