"""A patch in git's format, file by file and line by line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from journeyman.core.api.work import DiffLine, FileDiff, Hunk
from journeyman.core.text import decode

LINES = 20_000
"""Lines of one file that are listed."""

_HUNK = re.compile(rb"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_KINDS: dict[bytes, Literal[" ", "+", "-"]] = {b" ": " ", b"+": "+", b"-": "-"}


@dataclass(slots=True)
class _File:
    """A file's change while its lines come in."""

    path: bytes
    kind: Literal["add", "delete", "update"] = "update"
    old_mode: str | None = None
    new_mode: str | None = None
    binary: bool = False
    added: int = 0
    removed: int = 0
    lines: int = 0
    hunks: list[Hunk] = field(default_factory=lambda: list[Hunk]())


def files_of(patch: bytes, most: int = LINES) -> tuple[FileDiff, ...]:
    """The files of a patch in their order; of each at most `most` lines. What is no UTF-8 is escaped."""
    return tuple(_done(file, most) for file in _read(patch, most))


def _done(file: _File, most: int) -> FileDiff:
    return FileDiff(
        path=decode(file.path),
        kind=file.kind,
        binary=file.binary,
        old_mode=file.old_mode,
        new_mode=file.new_mode,
        added=file.added,
        removed=file.removed,
        hunks=tuple(file.hunks),
        clipped=file.lines > most,
    )


def _read(patch: bytes, most: int) -> Iterator[_File]:
    lines = patch.split(b"\n")
    at, end = 0, len(lines) - 1  # after the last line end there is nothing
    file: _File | None = None
    while at < end:
        line = lines[at]
        if line.startswith(b"diff --git "):
            if file is not None:
                yield file
            file = _File(_path(line[len(b"diff --git ") :]))
        elif file is not None:
            if match := _HUNK.match(line):
                at = _hunk(file, match, lines, at + 1, most)
                continue
            _header(file, line)
        at += 1
    if file is not None:
        yield file


def _path(both: bytes) -> bytes:
    """The path of "a/PATH b/PATH", in which both are the same: there are no renames in our patches."""
    half = both[: (len(both) - 1) // 2]
    if half.startswith(b'"'):
        half = _ESCAPE.sub(_unescape, half[1:-1])
    return half[2:]


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    return bytes([int(code, 8) & 255]) if len(code) == 3 else _LETTERS.get(code, code)


def _header(file: _File, line: bytes) -> None:
    name, _, mode = line.rpartition(b" ")
    match name:
        case b"new file mode":
            file.kind, file.new_mode = "add", mode.decode()
        case b"deleted file mode":
            file.kind, file.old_mode = "delete", mode.decode()
        case b"old mode":
            file.old_mode = mode.decode()
        case b"new mode":
            file.new_mode = mode.decode()
        case _ if line == b"GIT binary patch" or line.startswith(b"Binary files "):
            file.binary = True
        case _:
            pass


def _hunk(file: _File, match: re.Match[bytes], lines: list[bytes], at: int, most: int) -> int:
    """Take a hunk's lines, by the counts in its header; the place after it."""
    old, new = int(match[1]), int(match[3])
    old_end, new_end = old + int(match[2] or 1), new + int(match[4] or 1)
    found: list[DiffLine] = []
    start = (old, new)
    while at < len(lines) and (old < old_end or new < new_end):
        kind = _KINDS.get(lines[at][:1])
        if kind is None:
            break
        file.lines += 1
        if file.lines <= most:
            found.append(
                DiffLine(
                    kind=kind,
                    old=old if kind != "+" else None,
                    new=new if kind != "-" else None,
                    text=decode(lines[at][1:]),
                )
            )
        file.added += kind == "+"
        file.removed += kind == "-"
        old += kind != "+"
        new += kind != "-"
        at += 1
        if at < len(lines) and lines[at].startswith(b"\\"):
            if found and file.lines <= most:
                found[-1] = found[-1].model_copy(update={"no_newline": True})
            at += 1
    if found:
        file.hunks.append(
            Hunk(
                old_start=start[0],
                old_lines=int(match[2] or 1),
                new_start=start[1],
                new_lines=int(match[4] or 1),
                heading=decode(match[5]),
                lines=tuple(found),
            )
        )
    return at
