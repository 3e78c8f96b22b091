"""Output of commands for a page: lines of a chunk, and recordings that a player shows (asciicast, version 2)."""

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from journeyman.core.api.work import ChunkText
from journeyman.core.text import decode, plain

LINES = 5_000
BYTES = 1024 * 1024
"""What one answer with lines holds at most."""

WIDTH, HEIGHT = 120, 32


@dataclass(frozen=True, slots=True)
class Recording:
    """A command and its raw output. `at` is when it began; `pieces` are (seconds after that, bytes) as they came,
    empty where that was not written down."""

    command: str
    at: float
    output: bytes
    pieces: Sequence[tuple[float, int]] = ()


def chunk_text(chunk: str, data: bytes, start: int, end: int | None) -> ChunkText:
    """Lines `start` to `end` of a chunk (from 1, inclusive), fewer where they are too many for an answer."""
    lines = data.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    last = len(lines) if end is None else min(end, len(lines))
    shown: list[str] = []
    size = 0
    for line in lines[start - 1 : last]:
        size += len(line)
        if shown and (len(shown) >= LINES or size > BYTES):
            break
        shown.append(plain(decode(line[:BYTES])))
    stop = start + len(shown) - 1
    clipped = stop < last or any(len(line) > BYTES for line in lines[start - 1 : stop])
    return ChunkText(
        chunk=chunk, start=start, end=stop, total=len(lines), size=len(data), lines=tuple(shown), clipped=clipped
    )


def cast(recordings: Iterable[Recording], title: str) -> Iterator[str]:
    """The lines of an asciicast: each command as it would be typed, and what it wrote, at the times that it had."""
    all_of = list(recordings)
    began = all_of[0].at if all_of else 0.0
    header = {
        "version": 2,
        "width": WIDTH,
        "height": HEIGHT,
        "timestamp": int(began),
        "title": title,
        "idle_time_limit": 2.0,
    }
    yield json.dumps(header)
    last = 0.0
    for recording in all_of:
        last = max(recording.at - began, last)
        yield json.dumps([round(last, 3), "m", recording.command[:200]])
        prompt = plain(recording.command).replace("\n", "\r\n> ")
        yield json.dumps([round(last, 3), "o", f"\x1b[1m$ {prompt}\x1b[0m\r\n"], ensure_ascii=False)
        for after, text in _timed(recording):
            last = max(recording.at - began + after, last)
            yield json.dumps([round(last, 3), "o", text], ensure_ascii=False)


def _timed(recording: Recording) -> Iterator[tuple[float, str]]:
    """The output as text in the pieces in which it came; ends with a line end."""
    reader = codecs.getincrementaldecoder("utf-8")(errors="replace")
    pieces = recording.pieces or ((0.0, len(recording.output)),)
    at, ended, after = 0, True, 0.0
    for after, size in pieces:
        data = recording.output[at : at + size]
        at += size
        if text := reader.decode(data):
            yield after, _on_screen(text)
            ended = text.endswith("\n")
    if rest := reader.decode(recording.output[at:], final=True):
        yield after, _on_screen(rest)
        ended = rest.endswith("\n")
    if not ended:
        yield after, "\r\n"


def _on_screen(text: str) -> str:
    """A terminal's line ends: pipes have none of its own."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n")
