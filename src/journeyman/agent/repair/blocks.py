"""Functions of a program in a language that has no parser here, by its layout: their names and lines.

What is well laid out is found: a line that defines something, what is indented deeper, and the line that closes it.
"""

import re

_WORDS = (
    r"(?:(?:pub(?:\(\w+\))?|export|default|async|static|public|private|protected|inline|extern|const|unsafe|final|local)"
    r"\s+)*"
)
_NAMED = re.compile(
    rf"^(\s*){_WORDS}(?:fn|func|function\*?|def|sub|proc|fun)\s+(?:\([^)]*\)\s*)?(?:self\.)?([A-Za-z_$][\w$]*[?!]?)"
)
_BOUND = re.compile(
    rf"^(\s*){_WORDS}(?:const|let|var)\s+([A-Za-z_$][\w$]*)\b[^=]*=\s*(?:async\s*)?(?:function\b|(?:<[^>]*>)?\(|[\w$]+\s*=>)"
)
_TYPED = re.compile(rf"^(\s*){_WORDS}(?:[A-Za-z_][\w:<>,*&\[\]\s]*?[\s*&])?([A-Za-z_$~][\w$]*)\s*(?:<[^>(]*>)?\([^;]*$")
_SHELL = re.compile(r"^(\s*)([A-Za-z_][\w-]*)\s*\(\)\s*\{?\s*$")
_CONTROL = {"if", "for", "while", "switch", "catch", "return", "else", "match", "loop", "until", "unless", "with", "do"}
_CLOSING = re.compile(r"^\s*(?:\}|end\b|\)|\]|\{\s*$|else\b|elif\b|rescue\b|ensure\b)")


def functions_of(text: str) -> dict[str, range]:
    """The functions by name, with their lines (from 1); where a name occurs twice, the first."""
    rows = text.split("\n")
    found: dict[str, range] = {}
    for number, row in enumerate(rows):
        match = _NAMED.match(row) or _BOUND.match(row) or _SHELL.match(row) or _TYPED.match(row)
        if match is None or match[2] in _CONTROL or row.lstrip().startswith(("#", "//", "*", "/*")):
            continue
        end = _end(rows, number, len(match[1]))
        if end > number:
            found.setdefault(match[2], range(number + 1, end + 2))
    return found


def _end(rows: list[str], start: int, indent: int) -> int:
    """The last line of what begins at `start`; `start` itself when nothing deeper follows."""
    last = start
    for number in range(start + 1, len(rows)):
        row = rows[number]
        if not row.strip():
            continue
        depth = len(row) - len(row.lstrip())
        if depth > indent:
            last = number
        elif depth == indent and _CLOSING.match(row):
            if number == start + 1 or not row.strip().startswith(("{", "else", "elif", "rescue", "ensure")):
                last = number
            if row.strip().startswith(("}", "end", ")")) and not row.rstrip().endswith("{"):
                break
        else:
            break
    return last
