"""Text that comes from outside: clipped before a model reads it, made harmless before a person sees it."""

import re

CLIP = 16_000
"""Characters of one tool result that enter the context, about 4,000 tokens."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[@-Z\\-_]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    re.DOTALL,
)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f]")


def clip(text: str, limit: int = CLIP, *, whole: str = "") -> str:
    """At most `limit` characters: head and tail, and in between what was cut and where the whole is."""
    if len(text) <= limit:
        return text
    where = f"; {whole}" if whole else ""
    note = f"\n… {len(text) - limit} characters cut{where} …\n"
    room = max(limit - len(note), 0)
    head = room // 2
    tail = room - head
    return text[:head] + note + (text[-tail:] if tail else "")


def plain(text: str) -> str:
    """`text` without terminal escapes, control characters and direction overrides; line ends and tabs stay."""
    return _BIDI.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n"))).replace("\r", "\n")


def counted(number: int, noun: str) -> str:
    """1 file, 2 files."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def sentence(text: str) -> str:
    """`text` with a full stop, unless it ends in a mark already."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def decode(data: bytes) -> str:
    """UTF-8 with every invalid byte made visible, never an error."""
    return data.decode("utf-8", errors="backslashreplace")


def one_line(text: str, width: int = 80) -> str:
    """The first line that says something, without control characters, at most `width` characters."""
    line = next((line.strip() for line in plain(text).splitlines() if line.strip()), "")
    return line if len(line) <= width else line[: width - 1] + "…"
