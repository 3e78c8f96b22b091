"""The host's end of the reading programs (`reader.py`): feeds them files, and starts another where one has ended."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from journeyman.core.errors import RepositoryError
from journeyman.core.text import decode, plain
from journeyman.repo.git import Git, end
from journeyman.repo.index.languages import LANGUAGES
from journeyman.repo.tree import Objects

PATIENCE = 60.0
"""Seconds for a reading program to start, or to answer; it ends by itself long before."""
SECONDS = 4.0
"""For one file; most take some milliseconds."""
AT_A_TIME = 16
MOST = 1024**2
"""Bytes of a file; a larger one was not written by hand."""
DATA_BYTES = 32 * 1024
OUTPUT = 16 * 1024**2
NAME, DOC = 100, 240
KINDS = ("function", "method", "class", "type", "constant", "text")
Row = tuple[str, str, str, int, int, str, str, str]
"""kind, name, parent, first line, last line, comment, words, calls"""


@dataclass(frozen=True, slots=True)
class File:
    """A file to be read: the id of its content, its size, its language, and the words of its path."""

    id: str
    size: int
    language: str
    path: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What was read in a file; `broken` where the parser did not come to its end with it."""

    file: File
    rows: tuple[Row, ...]
    imports: tuple[str, ...]
    broken: bool = False


Take = Callable[[Sequence[Facts]], Awaitable[None]]


async def read_files(
    git: Git, files: Sequence[File], take: Take, *, processes: int, idle: bool = False, seconds: float = SECONDS
) -> None:
    """Read files and hand over what is in them, some at a time; `idle` while nobody else wants the processor.

    A file that takes more than `seconds` is broken.
    """
    waiting = list(reversed(files))
    orders = ["idle" if idle else "now", str(seconds), *sorted({one.language for one in files} & LANGUAGES.keys())]
    count = max(1, min(processes, len(files) // AT_A_TIME))
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(_share(git, waiting, orders, take))


async def _share(git: Git, waiting: list[File], orders: Sequence[str], take: Take) -> None:
    """One reading program, and another where it ended at a file, until there is nothing left."""
    async with Objects(git) as objects:
        while waiting:
            async with _reader(orders) as reader:
                while waiting:
                    files = [waiting.pop() for _ in range(min(AT_A_TIME, len(waiting)))]
                    found = await _read(reader, [(one, await _content(objects, one)) for one in files])
                    if len(found) == len(files):
                        await take(found)
                        continue
                    waiting += reversed(files[len(found) + 1 :])
                    await take([*found, Facts(files[len(found)], (), (), broken=True)])
                    break


async def _read(reader: asyncio.subprocess.Process, files: Sequence[tuple[File, bytes]]) -> list[Facts]:
    """What the program says of these files; fewer where it ended."""
    sending = asyncio.create_task(_send(reader, files))
    found: list[Facts] = []
    try:
        for file, _ in files:
            if (line := await _line(reader)) is None:
                break
            found.append(facts(file, line))
    finally:
        sending.cancel()
        await asyncio.wait([sending])
    return found


async def _send(reader: asyncio.subprocess.Process, files: Sequence[tuple[File, bytes]]) -> None:
    assert reader.stdin is not None
    with suppress(ConnectionError):  # it ended; the missing answer tells
        for file, data in files:
            reader.stdin.write(f"{file.language} {len(data)}\n".encode() + data)
            await reader.stdin.drain()


async def _line(reader: asyncio.subprocess.Process) -> bytes | None:
    """The next line of a program; None where it ended, or does not answer."""
    assert reader.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            line = await reader.stdout.readline()
    except (TimeoutError, ValueError):
        return None
    return line if line.endswith(b"\n") else None


@asynccontextmanager
async def _reader(orders: Sequence[str]) -> AsyncGenerator[asyncio.subprocess.Process]:
    try:
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-m", "journeyman.repo.index.reader", *orders),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=OUTPUT * 2,
            env={},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise RepositoryError(f"The program that reads files for the index does not start: {error}") from error
    try:
        if await _line(program) != b"ready\n":
            await end(program)
            said = await program.stderr.read(4_000) if program.stderr is not None else b""
            raise RepositoryError(f"The program that reads files for the index does not start: {_last(said)}")
        yield program
    finally:
        await end(program)
        if program.stdin is not None:
            program.stdin.close()


def _last(said: bytes) -> str:
    return plain(decode(said)).strip().rsplit("\n", 1)[-1][:300] or "it says nothing."


def facts(file: File, line: bytes) -> Facts:
    """An answer of a reading program, which may say anything: what is not of the right form is left out."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return Facts(file, (), (), broken=True)
    if not isinstance(answer, list) or len(cast("list[Any]", answer)) != 2:
        return Facts(file, (), (), broken=True)
    parts, imports = cast("list[Any]", answer)
    rows = [row for part in _list(parts) if (row := _row(_list(part))) is not None]
    return Facts(file, tuple(rows), tuple(one[:200] for one in _list(imports) if isinstance(one, str)))


def _row(part: list[Any]) -> Row | None:
    if len(part) != 8:
        return None
    kind, name, parent, start, last, doc, words, calls = part
    texts = (name, parent, doc, words)
    if kind not in KINDS or not all(isinstance(one, str) for one in texts):
        return None
    if not (isinstance(start, int) and isinstance(last, int) and 1 <= start <= last <= 10_000_000):
        return None
    called = " ".join(one for one in _list(calls) if isinstance(one, str))
    return kind, _clean(name, NAME), _clean(parent, NAME), start, last, _clean(doc, DOC), words[:8_000], called[:4_000]


def _clean(text: str, most: int) -> str:
    return " ".join(plain(text[:most]).split())


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


async def _content(objects: Objects, file: File) -> bytes:
    """The beginning of a file, as much of it as is read; nothing of what looks like no text."""
    found = await objects.read(file.id, MOST)
    data = found[1] if found is not None else b""
    if file.language == "data":
        data = data[:DATA_BYTES]
    return b"" if b"\0" in data[:8192] else data
