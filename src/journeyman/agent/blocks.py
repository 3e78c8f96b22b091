"""Blocks of code in a model's answer, and the calls that were read from them (`written.py`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.core import folds
from journeyman.core.events import Event, Replied, Said, ToolReturned

MARK = "block_"
"""What the ids of such calls begin with."""
ABOVE = 120
"""Characters of a line that can be a path of its own."""

_BLOCK = re.compile(r"^[ \t]*```[ \t]*([^\n`]{0,200})\n(.*?)(^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"(?<![\w/.-])((?:[\w@.-]+/)*[\w@-][\w@.-]*\.\w{1,8})(?![\w/])")
_COMMENT = re.compile(r"\A\s*(?:#|//|/\*|--|<!--)\s*(?:file(?:name)?:?\s*)?(\S+\.\w{1,8})(?:\s*(?:\*/|-->))?\s*\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of an answer: its language, the path that is named for it ("" where none is), its code, and whether its
    end was written too."""

    language: str
    path: str
    code: str
    closed: bool = True


def blocks(text: str) -> list[Block]:
    """The blocks of code in an answer; one that was not closed ends with it."""
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        info, code = match[1].strip(), match[2]
        language = re.split(r"[\s:,{]", info, maxsplit=1)[0].lower()
        named = _PATH.findall(info.removeprefix(language)) or _PATH.findall(_line_above(text[: match.start()]))
        if (first := _COMMENT.match(code)) and (not named or named[-1].endswith(first[1])):
            named, code = [first[1]], code[first.end() :]
        found.append(Block(language, named[-1] if named else "", code, bool(match[3])))
    return found


def _line_above(text: str) -> str:
    line = next((row for row in reversed(text.split("\n")) if row.strip()), "")
    return line if len(line) <= ABOVE else ""


def are_done(events: Sequence[Event]) -> bool:
    """Whether the newest reply wrote edits, all of them are made, and nobody has said anything since: it is an answer
    then, since whoever writes so says all at once."""
    made: set[str] = set()
    for event in reversed(folds.current(events)):
        match event:
            case ToolReturned(is_error=False):
                made.add(event.call_id)
            case Replied(reply=reply):
                calls = reply.calls
                are_edits = all(call.call_id.startswith(MARK) and call.name == "edit" for call in calls)
                return bool(calls) and are_edits and made >= {call.call_id for call in calls}
            case Said():
                return False
            case _:
                pass
    return False
