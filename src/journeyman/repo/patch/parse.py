"""Reading a patch: text to values, with the usual slips of models forgiven.

Forgiven: blank space around the whole, a heredoc or code fence around it, blanks around markers and headers, carriage
returns, a first `@@` left out, a context line that is entirely empty, several `@@ line` in a row (each is looked for
below the one before), an empty line without its plus in a new file, blank lines between files.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from journeyman.repo.patch.errors import PatchError
from journeyman.repo.patch.paths import beneath

BEGIN, END = "*** Begin Patch", "*** End Patch"
ADD, DELETE, UPDATE = "*** Add File:", "*** Delete File:", "*** Update File:"
MOVE, END_OF_FILE, ENVIRONMENT = "*** Move to:", "*** End of File", "*** Environment ID:"
HEADERS = (ADD, DELETE, UPDATE)

Sign = Literal[" ", "+", "-"]
_HEREDOC = re.compile(r"""<<(['"]?)EOF\1""")


@dataclass(frozen=True, slots=True)
class PatchLine:
    """A line of a chunk: kept (" "), added ("+") or removed ("-")."""

    sign: Sign
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """One place of an update. `anchors` are the texts after `@@`; `line` is where in the patch it starts, from 1."""

    lines: tuple[PatchLine, ...]
    anchors: tuple[str, ...] = ()
    end_of_file: bool = False
    line: int = 0

    @property
    def old(self) -> list[str]:
        return [line.text for line in self.lines if line.sign != "+"]

    @property
    def new(self) -> list[str]:
        return [line.text for line in self.lines if line.sign != "-"]


@dataclass(frozen=True, slots=True)
class AddFile:
    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeleteFile:
    path: str


@dataclass(frozen=True, slots=True)
class UpdateFile:
    path: str
    chunks: tuple[Chunk, ...]
    move_to: str | None = None


Hunk = AddFile | DeleteFile | UpdateFile


@dataclass(frozen=True, slots=True)
class Patch:
    """The hunks in their order, with paths relative to the root."""

    hunks: tuple[Hunk, ...]

    @property
    def reads(self) -> tuple[str, ...]:
        """The paths whose contents `apply` has to be given, each once; those of new files among them."""
        paths: list[str] = []
        for hunk in self.hunks:
            paths.append(hunk.path)
            if isinstance(hunk, UpdateFile) and hunk.move_to is not None:
                paths.append(hunk.move_to)
        return tuple(dict.fromkeys(paths))


def parse(text: str, *, root: str = "", cwd: str = "") -> Patch:
    """The patch in `text`; raises `PatchError` with the line, counted from `*** Begin Patch` as 1.

    `root` is the repository's absolute path where absolute paths are to be understood, `cwd` the folder that relative
    ones start at (relative to the root, or absolute below it).
    """
    lines = _unwrapped([line.removesuffix("\r") for line in text.strip().split("\n")])
    if lines[0].strip() != BEGIN:
        raise PatchError(f"The first line of the patch must be '{BEGIN}'", line=1)
    if len(lines) == 1 or lines[-1].strip() != END:
        raise PatchError(f"The last line of the patch must be '{END}'", line=len(lines))
    _refuse_unwritable(lines)
    reader = _Reader(lines, root, cwd)
    hunks = tuple(reader.hunks())
    _refuse_conflicts(hunks)
    return Patch(hunks)


def render(hunks: Iterable[Hunk]) -> str:
    """The text of a patch; `parse` reads it back."""
    out = [BEGIN]
    for hunk in hunks:
        match hunk:
            case AddFile(path, lines):
                out.append(f"{ADD} {path}")
                out.extend("+" + line for line in lines)
            case DeleteFile(path):
                out.append(f"{DELETE} {path}")
            case UpdateFile(path, chunks, move_to):
                out.append(f"{UPDATE} {path}")
                if move_to is not None:
                    out.append(f"{MOVE} {move_to}")
                for chunk in chunks:
                    out.extend(f"@@ {anchor}" for anchor in chunk.anchors)
                    if not chunk.anchors:
                        out.append("@@")
                    out.extend(line.sign + line.text for line in chunk.lines)
                    if chunk.end_of_file:
                        out.append(END_OF_FILE)
    return "\n".join([*out, END]) + "\n"


def _unwrapped(lines: list[str]) -> list[str]:
    """Without a heredoc (`<<'EOF'` … `EOF`) or a code fence around the patch."""
    heredoc = len(lines) >= 4 and _HEREDOC.fullmatch(lines[0].strip()) and lines[-1].endswith("EOF")
    fence = len(lines) >= 4 and lines[0].startswith("```") and lines[-1].strip() == "```"
    if not heredoc and not fence:
        return lines
    return "\n".join(lines[1:-1]).strip().split("\n")


def _refuse_unwritable(lines: list[str]) -> None:
    """Half a surrogate pair has no bytes; invalid bytes carried as surrogates have."""
    for number, line in enumerate(lines, 1):
        try:
            line.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise PatchError("half of a surrogate pair cannot be written to a file", line=number) from error


def _refuse_conflicts(hunks: tuple[Hunk, ...]) -> None:
    """Hunks on one path are taken one after the other where that has one meaning; the rest is refused.

    An update may follow an update, an addition or a move to its path; an addition or a move may take a path that was
    deleted or moved away.
    """
    done: dict[str, str] = {}

    def take(path: str, after: tuple[str, ...], becomes: str) -> None:
        if done.get(path, "") not in after:
            raise PatchError(f"multiple operations target {path}")
        done[path] = becomes

    for hunk in hunks:
        match hunk:
            case AddFile():
                take(hunk.path, ("", "deleted", "moved away"), "written")
            case DeleteFile():
                take(hunk.path, ("",), "deleted")
            case UpdateFile(move_to=None):
                take(hunk.path, ("", "updated", "written"), done.get(hunk.path, "updated"))
            case UpdateFile(move_to=target):
                take(hunk.path, ("", "updated"), "moved away")
                take(target or "", ("", "deleted", "moved away"), "written")


@dataclass(slots=True)
class _Reader:
    """The lines of a patch and where reading has come to; `at` is an index, so line `at + 1` for people."""

    lines: list[str]
    root: str
    cwd: str
    at: int = 1

    def hunks(self) -> Iterable[Hunk]:
        if self.lines[1].strip().startswith(ENVIRONMENT):
            self.at = 2
        while self.at < len(self.lines) - 1:
            line = self.lines[self.at].strip()
            if not line:
                self.at += 1
            elif (path := self.header(line, ADD)) is not None:
                yield AddFile(path, tuple(self.added()))
            elif (path := self.header(line, DELETE)) is not None:
                yield DeleteFile(path)
            elif (path := self.header(line, UPDATE)) is not None:
                yield self.update(path)
            elif line == END:
                raise self.error(f"nothing may follow '{END}'")
            else:
                raise self.no_header(line)

    def header(self, line: str, marker: str) -> str | None:
        """The path if `line` is the header `marker`; steps over it."""
        if not line.startswith(marker):
            return None
        written = line.removeprefix(marker).strip()
        if not written:
            raise self.error(f"a path is missing after '{marker}'")
        path = beneath(written, root=self.root, cwd=self.cwd, line=self.at + 1)
        self.at += 1
        return path

    def added(self) -> Iterable[str]:
        """The lines of a new file; empty ones may lack their plus."""
        blanks = 0
        while self.at < len(self.lines) - 1:
            line = self.lines[self.at]
            if line.startswith("+"):
                yield from [""] * blanks
                blanks = 0
                yield line[1:]
            elif not line.strip():
                blanks += 1
            elif line.strip() != END_OF_FILE:
                break
            self.at += 1

    def update(self, path: str) -> UpdateFile:
        number = self.at
        target = self.header(self.lines[self.at].rstrip(), MOVE)
        if target == path:
            target = None
        chunks = _Chunks(self).read()
        if not chunks and target is None:
            raise PatchError(f"Update file hunk for path '{path}' is empty", line=number)
        return UpdateFile(path, tuple(chunks), target)

    def error(self, message: str) -> PatchError:
        return PatchError(message, line=self.at + 1)

    def no_header(self, line: str) -> PatchError:
        known = ", ".join(f"'{header} {{path}}'" for header in HEADERS)
        hint = "" if line.startswith("***") else ". Every line of a new file starts with '+'"
        return self.error(f"'{line}' is not a valid hunk header. Valid hunk headers: {known}{hint}")


@dataclass(slots=True)
class _Chunks:
    """The chunks of one update, from where the reader stands to the next header."""

    reader: _Reader
    chunks: list[Chunk] = field(default_factory=list[Chunk])
    anchors: list[str] = field(default_factory=list[str])
    body: list[PatchLine] = field(default_factory=list[PatchLine])
    blanks: int = 0  # empty lines before the first chunk, of which nobody knows yet whether they are context
    trailing: int = 0  # empty lines, without the space of a context line, at the end of `body`
    opened: int | None = None  # the line of the chunk that is being read
    ended: bool = False  # after "*** End of File"

    def read(self) -> list[Chunk]:
        reader = self.reader
        while reader.at < len(reader.lines) - 1:
            line = reader.lines[reader.at]
            bare = line.rstrip()
            if bare.startswith(HEADERS) or bare == END:
                break
            if bare == END_OF_FILE:
                self.close(end_of_file=True)
            elif line.startswith("@@"):
                self.heading(bare)
            elif not line:
                self.blank()
            else:
                self.content(line)
            reader.at += 1
        if self.opened is not None:
            self.close()
        return self.chunks

    def heading(self, line: str) -> None:
        text = line[2:].removeprefix(" ")
        stacked = self.opened is not None and not self.body and self.anchors and text
        if not stacked:
            if self.opened is not None:
                self.close()
            self.opened, self.anchors = self.reader.at + 1, []
        if text:
            self.anchors.append(text)
        self.blanks, self.ended = 0, False

    def blank(self) -> None:
        if self.opened is not None:
            self.body.append(PatchLine(" ", ""))
            self.trailing += 1
        elif not self.ended:
            self.blanks += 1

    def content(self, line: str) -> None:
        sign, text = line[0], line[1:]
        if sign not in (" ", "+", "-"):
            if line.startswith("***"):
                raise self.reader.no_header(line.strip())
            raise self.reader.error(
                f"Unexpected line found in update hunk: '{line}'. Every line should start with ' ' (context line), "
                "'+' (added line), or '-' (removed line)"
            )
        if self.opened is None:
            if self.ended:
                raise self.reader.error(f"after '{END_OF_FILE}' a chunk must start with '@@'")
            self.opened = self.reader.at + 1
            self.body = [PatchLine(" ", "")] * self.blanks
        self.body.append(PatchLine(sign, text))
        self.trailing = 0

    def close(self, *, end_of_file: bool = False) -> None:
        written = self.body[: len(self.body) - self.trailing]
        if all(line.sign == "+" for line in written):
            self.body = written  # only additions: the empty lines after them are space, not something to look for
        if self.opened is None or not self.body:
            raise PatchError("Update hunk does not contain any lines", line=self.opened or self.reader.at + 1)
        self.chunks.append(Chunk(tuple(self.body), tuple(self.anchors), end_of_file, self.opened))
        self.body, self.anchors, self.opened, self.ended, self.trailing = [], [], None, end_of_file, 0
