"""Citations: 【F:path†L1-L2】 for lines of a file, 【chunk†L1-L2】 for lines of a command's output.

The form is that of codex's final messages. The model writes them; nothing of them is believed before it is resolved.
"""

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from journeyman.core.errors import UsageError
from journeyman.core.events import Checked, CommandEnded, Event, FilesChanged, ToolReturned
from journeyman.core.evidence import Citation
from journeyman.core.text import decode, one_line, plain

Get = Callable[[str], Awaitable[bytes | None]]

MOST = 200
_FORM = re.compile(r"【(F:)?([^†【】\n]{1,4096})†L([0-9]{1,9})(?:-L?([0-9]{1,9}))?】")
_CODE = re.compile(r"`([^`\n]+)`")
_NAME = re.compile(r"[^\W\d]\w{2,}")
_PASSED = ("✅", "✔", "☑")
_SLACK = 2  # lines around a range that still count as the place


@dataclass(frozen=True, slots=True)
class Found:
    """A citation as it is written, with the sentence and the line that it stands in."""

    text: str
    kind: str
    target: str
    start: int
    end: int
    sentence: str
    line: str


@dataclass(frozen=True, slots=True)
class _Command:
    """What the log says of the command whose output is a chunk."""

    command: str
    exit_code: int | None
    stale: bool = False


def cite_file(path: str, start: int, end: int | None = None) -> str:
    return f"【F:{path}†L{start}" + (f"-L{end}】" if end is not None and end != start else "】")


def cite_chunk(chunk: str, start: int, end: int | None = None) -> str:
    return cite_file(chunk, start, end).replace("F:", "", 1)


def parse(text: str) -> tuple[Found, ...]:
    """All citations of `text` in their order, at most `MOST`."""
    found: list[Found] = []
    sentence, last = "", 0
    for match in _FORM.finditer(text):
        between = text[last : match.start()]
        if between.strip(" ,;") or not found:
            sentence = re.split(r"\n|(?<=[.!?])\s", between.rstrip())[-1].strip()
        last = match.end()
        begin = text.rfind("\n", 0, match.start()) + 1
        line = text[begin:].split("\n", 1)[0]
        start = int(match[3])
        found.append(
            Found(
                text=match[0],
                kind="file" if match[1] else "terminal",
                target=match[2].strip(),
                start=start,
                end=int(match[4]) if match[4] else start,
                sentence=sentence,
                line=line,
            )
        )
        if len(found) == MOST:
            break
    return tuple(found)


async def resolve(text: str, get_file: Get, get_chunk: Get, events: Iterable[Event] = ()) -> tuple[Citation, ...]:
    """Every citation of `text` with whether it holds, and if not, why, in a sentence.

    Files are those of the result (`get_file` by path), chunks the stored raw outputs (`get_chunk` by id, None or a
    `UsageError` when there is none); `events` tell which command a chunk belongs to and how it ended. A line marked as
    passed is only supported by a command that ended with 0 and ran after the last edit.
    """
    commands = _commands(events)
    citations: list[Citation] = []
    for found in parse(text):
        kind, data = found.kind, None
        if kind == "terminal":
            data = await _chunk(get_chunk, found.target)
            if data is None and found.target not in commands and await _file(get_file, found.target) is not None:
                kind = "file"  # the prefix was forgotten
        if kind == "file":
            reason = _check_file(found, await _file(get_file, found.target))
        else:
            reason = _check_chunk(found, data, commands.get(found.target))
        citations.append(
            Citation(
                text=found.text,
                kind="file" if kind == "file" else "terminal",
                target=found.target,
                start=found.start,
                end=found.end,
                supported=not reason,
                reason=reason,
            )
        )
    return tuple(citations)


async def _file(get: Get, path: str) -> bytes | None:
    """A file by its path; composed and decomposed accents are the same."""
    path = path.removeprefix("./")
    for form in dict.fromkeys((path, unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path))):
        if (data := await get(form)) is not None:
            return data
    return None


async def _chunk(get: Get, chunk: str) -> bytes | None:
    try:
        return await get(chunk)
    except UsageError:
        return None


def _commands(events: Iterable[Event]) -> dict[str, _Command]:
    """Each chunk's command. It is stale when files were edited after it ran."""
    found: dict[str, _Command] = {}
    for event in events:
        match event:
            case ToolReturned(detail=CommandEnded() as ended):
                found[ended.chunk] = _Command(ended.command, ended.exit_code)
            case Checked(run=run):
                found[run.chunk] = _Command(run.check.command, run.exit_code)
            case ToolReturned(detail=FilesChanged()):
                found = {chunk: _Command(old.command, old.exit_code, True) for chunk, old in found.items()}
            case _:
                pass
    return found


# ---------------------------------------------------------------- whether one holds; the answer is a reason or ""


def _check_file(found: Found, data: bytes | None) -> str:
    if data is None:
        return f"There is no file {found.target} in the result."
    lines = decode(data).split("\n")
    return _check_range(found, lines, found.target) or _check_place(found, lines)


def _check_chunk(found: Found, data: bytes | None, command: _Command | None) -> str:
    if data is None:
        return f"There is no command output {found.target}."
    if reason := _check_range(found, decode(data).split("\n"), f"the output {found.target}"):
        return reason
    if not any(mark in found.line for mark in _PASSED):
        return ""
    if command is None:
        return f"No exit code is recorded for {found.target}, so it does not show that anything passed."
    name = one_line(command.command)
    if command.exit_code is None:
        return f"The command was cut before its end: `{name}`."
    if command.exit_code != 0:
        return f"The command failed with exit code {command.exit_code}: `{name}`."
    named = set(_NAME.findall(" ".join(_CODE.findall(found.line))))
    if named and not named & set(_NAME.findall(command.command)):
        return f"The output {found.target} is that of another command: `{name}`."
    return "Files were changed after this command ran." if command.stale else ""


def _check_range(found: Found, lines: Sequence[str], where: str) -> str:
    count = len(lines) - (1 if lines and not lines[-1] else 0)
    if found.start < 1 or found.end < found.start:
        return f"L{found.start}-L{found.end} is not a range of lines."
    if found.end > count:
        return f"Line {found.end} is beyond the end of {where}, which has {count} line{'' if count == 1 else 's'}."
    if not any(plain(line).strip() for line in lines[found.start - 1 : found.end]):
        return f"The cited lines of {where} are blank."
    return ""


def _check_place(found: Found, lines: Sequence[str]) -> str:
    """Whether the lines have to do with the code that the sentence names: they may have moved since they were read.

    Only said when a name of the sentence stands elsewhere in the file, and none of its names in the range, near it,
    or in a line that encloses it.
    """
    names: dict[str, None] = {}
    for span in _CODE.findall(found.sentence):
        if span not in found.target:
            names.update((name, None) for name in _NAME.findall(span))
    if not names:
        return ""
    place = range(max(found.start - 1 - _SLACK, 0), min(found.end + _SLACK, len(lines)))
    seen = [lines[number] for number in (*place, *_enclosing(lines, found.start - 1))]
    if any(_mentions(line, name) for line in seen for name in names):
        return ""
    for name in names:
        at = [number + 1 for number, line in enumerate(lines) if _mentions(line, name)]
        if at:
            nearest = min(at, key=lambda number: abs(number - found.start))
            return f"The cited lines do not concern `{name}`; it is in line {nearest} of {found.target}."
    return ""


def _enclosing(lines: Sequence[str], start: int) -> list[int]:
    """The lines above `start` that are less indented, up to one that is not indented at all."""
    found: list[int] = []
    first = next((line for line in lines[start:] if line.strip()), "")
    depth = _indent(first)
    for number in range(start - 1, -1, -1):
        if depth == 0:
            break
        if lines[number].strip() and _indent(lines[number]) < depth:
            depth = _indent(lines[number])
            found.append(number)
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _mentions(line: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line) is not None
