"""What of a failing test's message tells why it failed, in one line: of a report with the source around, its end."""

from journeyman.core.text import clip, plain

LINES = 3


def telling(message: str, most: int) -> str:
    """The lines that pytest marks as the error, or else the first ones; at most about `most` characters."""
    rows = [row.strip() for row in plain(message).splitlines() if row.strip()]
    errors = [row.removeprefix("E ").strip() for row in rows if row.startswith("E ")]
    asked = [row.removeprefix(">").strip() for row in rows if row.startswith("> ")][-1:] if errors else []
    return clip("; ".join([*asked, *(errors or rows)[:LINES]]), most)
