"""Which lines a patch in git's format touches."""

import re

from journeyman.core.text import decode

_HUNK = re.compile(rb"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")


def touched(patch: bytes) -> dict[str, list[tuple[int, int]]]:
    """For each file of the new side its touched ranges of lines (from 1, inclusive), with the lines around them that
    the patch shows. A deletion touches the line that it leaves behind it. Deleted files have none."""
    found: dict[str, list[tuple[int, int]]] = {}
    path: str | None = None
    left = 0  # lines of the new side that the hunk still has: in there, nothing is a header
    for line in patch.split(b"\n"):
        if left > 0:
            left -= not line.startswith((b"-", b"\\"))
        elif line.startswith(b"+++ "):
            path = _path(line[4:].rstrip(b"\r").removesuffix(b"\t"))
        elif path is not None and (hunk := _HUNK.match(line)):
            start, count = int(hunk[1]), int(hunk[2]) if hunk[2] is not None else 1
            found.setdefault(path, []).append((max(start, 1), max(start + count - 1, start, 1)))
            left = count
    return found


def _path(name: bytes) -> str | None:
    if name == b"/dev/null":
        return None
    if name.startswith(b'"'):
        name = re.sub(rb"\\(\d{3}|.)", _unescaped, name[1:-1])
    return decode(name.split(b"/", 1)[1] if name.startswith((b"b/", b"a/")) else name)


def _unescaped(match: "re.Match[bytes]") -> bytes:
    code = match[1]
    if code.isdigit():
        return bytes([int(code, 8) & 0xFF])
    return {b"n": b"\n", b"t": b"\t"}.get(code, code)
