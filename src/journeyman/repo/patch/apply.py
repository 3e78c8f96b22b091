"""A patch and the files it names, to the files as they shall be: all of it or nothing."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from journeyman.core.evidence import Change
from journeyman.repo.patch.document import Document, Placement
from journeyman.repo.patch.errors import PatchError, visible
from journeyman.repo.patch.match import BLANKS, FOLDED, Haystack
from journeyman.repo.patch.mend import mend
from journeyman.repo.patch.parse import AddFile, DeleteFile, Hunk, Patch, UpdateFile, parse, render
from journeyman.repo.patch.place import place_all

_CANDIDATE = 8_000
"""Characters of a corrected patch that an error repeats whole; of a longer one it shows the corrected files alone."""
_COMPARED = 4_000_000  # pairs of lines; beyond, changed lines are counted without regard to their order


@dataclass(frozen=True, slots=True)
class Applied:
    """What has to be done to the files; paths are relative to the root.

    `summary` is the format's success text, a line for each file (A, M, D). `notes` tell the model where its lines
    matched only loosely. `moves` are (from, to), so that file modes can follow; the contents are in `writes`.
    """

    writes: dict[str, bytes]
    deletes: tuple[str, ...]
    changes: tuple[Change, ...]
    summary: str
    notes: tuple[str, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()


def apply(patch: Patch, contents: Mapping[str, bytes | None], *, directories: Collection[str] = ()) -> Applied:
    """Apply `patch` to `contents`, which has every path of `patch.reads`; None where there is no file.

    `directories` are those of the paths at which there is one. Raises `PatchError` if any part does not fit: then its
    message has, for the model, every misfit, the nearest blocks, and a patch that would apply where one was found.
    """
    work = _Work(contents, directories)
    for hunk in patch.hunks:
        work.take(hunk)
    if work.problems:
        raise _misfit(work, contents, directories)
    if not patch.hunks:
        raise PatchError("No files were modified.")
    return work.applied()


@dataclass(slots=True)
class _Work:
    """The files while the hunks are taken one after the other.

    `kept` are the hunks as they would apply: themselves, corrected, or left out when they were applied before.
    """

    contents: Mapping[str, bytes | None]
    directories: Collection[str]
    files: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])
    letters: dict[str, str] = field(default_factory=dict[str, str])
    notes: list[str] = field(default_factory=list[str])
    moves: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    problems: list[str] = field(default_factory=list[str])
    kept: list[Hunk] = field(default_factory=list[Hunk])
    corrected: list[Hunk] = field(default_factory=list[Hunk])
    hopeless: bool = False

    def take(self, hunk: Hunk) -> None:
        target = hunk.move_to if isinstance(hunk, UpdateFile) and hunk.move_to is not None else hunk.path
        if target in self.directories or hunk.path in self.directories:
            at = target if target in self.directories else hunk.path
            self.fail(f"'{at}' is a directory; a patch works on files")
            return
        if (above := self.file_above(target)) is not None and not isinstance(hunk, DeleteFile):
            self.fail(f"'{target}' cannot be written: '{above}' is a file, not a directory")
            return
        match hunk:
            case AddFile():
                self.add(hunk)
            case DeleteFile():
                self.delete(hunk)
            case UpdateFile():
                self.update(hunk)

    def fail(self, problem: str) -> None:
        self.problems.append(problem)
        self.hopeless = True

    def now(self, path: str) -> bytes | None:
        return self.files[path] if path in self.files else self.contents[path]

    def file_above(self, path: str) -> str | None:
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        known = {**self.contents, **self.files}
        return next((each for each in above if known.get(each) is not None), None)

    def add(self, hunk: AddFile) -> None:
        """An existing file is overwritten; one whose lines all end in CRLF keeps that."""
        before = self.now(hunk.path)
        ends = set(Document.of(before).ends) - {""} if before else set[str]()
        end = "\r\n" if ends == {"\r\n"} else "\n"
        self.files[hunk.path] = "".join(line + end for line in hunk.lines).encode("utf-8", "surrogateescape")
        self.letters[hunk.path] = "M" if self.letters.get(hunk.path) == "D" else "A"
        self.kept.append(hunk)

    def delete(self, hunk: DeleteFile) -> None:
        if self.now(hunk.path) is None:
            self.problems.append(f"Failed to delete file {hunk.path}: there is no such file. Already deleted?")
            return
        self.files[hunk.path] = None
        self.letters[hunk.path] = "D"
        self.kept.append(hunk)

    def update(self, hunk: UpdateFile) -> None:
        before = self.now(hunk.path)
        if before is None:
            self.fail(f"Failed to read file to update {hunk.path}: there is no such file")
            return
        document = Document.of(before)
        haystack = Haystack(document.lines)
        places = place_all(haystack, hunk.chunks)
        found = [place for place in places if isinstance(place, Placement)]
        if len(found) == len(places):
            after = document.rewritten(found)
            self.notes.extend(_notes(hunk.path, found))
        else:
            mended = mend(hunk.path, document, haystack, places)
            self.problems.extend(mended.problems)
            if mended.chunks is None:
                self.hopeless = True
                return
            after = mended.document
            if not mended.chunks and hunk.move_to is None:
                return
            hunk = UpdateFile(hunk.path, mended.chunks, hunk.move_to)
            self.corrected.append(hunk)
        self.finish(hunk, after.data)

    def finish(self, hunk: UpdateFile, after: bytes) -> None:
        self.kept.append(hunk)
        self.letters.setdefault(hunk.path, "M")
        self.files[hunk.path] = after
        if hunk.move_to is not None:
            self.files[hunk.path] = None
            del self.letters[hunk.path]
            self.files[hunk.move_to] = after
            self.letters[hunk.move_to] = "M"
            self.moves.append((hunk.path, hunk.move_to))

    def applied(self) -> Applied:
        changes: list[Change] = []
        writes: dict[str, bytes] = {}
        deletes: list[str] = []
        notes = list(self.notes)
        for path, after in self.files.items():
            before = self.contents[path]
            if after == before:
                if after is not None:
                    notes.append(f"{path} is as it was: the new lines equal the old ones")
                continue
            changes.append(_change(path, before, after))
            if after is None:
                deletes.append(path)
            else:
                writes[path] = after
        listed = [f"{letter} {path}" for letter in "AMD" for path, its in self.letters.items() if its == letter]
        summary = "\n".join(["Success. Updated the following files:", *listed]) + "\n"
        return Applied(writes, tuple(deletes), tuple(changes), summary, tuple(notes), tuple(self.moves))


def _notes(path: str, placements: Iterable[Placement]) -> Iterable[str]:
    for place in placements:
        where = f"{path} line {place.start + 1}: the lines matched"
        if place.closeness == BLANKS:
            fitted = "the added lines were indented like the file" if place.shifted else "the added lines are as given"
            yield f"{where} but for indentation; {fitted}"
        elif place.closeness == FOLDED:
            yield f"{where} but for typographic characters; kept lines have the file's own"


def _change(path: str, before: bytes | None, after: bytes | None) -> Change:
    if before is None:
        return Change(path=path, kind="add", added=len(_lines(after)))
    if after is None:
        return Change(path=path, kind="delete", removed=len(_lines(before)))
    added, removed = _counts(_lines(before), _lines(after))
    return Change(path=path, kind="update", added=added, removed=removed)


def _lines(data: bytes | None) -> list[bytes]:
    pieces = (data or b"").split(b"\n")
    last = pieces.pop()
    return [piece + b"\n" for piece in pieces] + ([last] if last else [])


def _counts(before: Sequence[bytes], after: Sequence[bytes]) -> tuple[int, int]:
    """Lines added and removed, as a diff counts them."""
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    if len(old) * len(new) > _COMPARED:
        return (Counter(new) - Counter(old)).total(), (Counter(old) - Counter(new)).total()
    same = sum(block.size for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
    return len(new) - same, len(old) - same


def _misfit(work: _Work, contents: Mapping[str, bytes | None], directories: Collection[str]) -> PatchError:
    """The error that tells everything that did not fit, and what would."""
    parts = [*work.problems, "Nothing was changed."]
    if work.hopeless:
        return PatchError("\n\n".join(parts))
    if not work.kept:
        return PatchError("\n\n".join([*parts, "There is nothing left to do: all of this patch is in the files."]))
    candidate = visible(render(work.kept))
    if not _holds(candidate, work, contents, directories):
        return PatchError("\n\n".join(parts))
    if len(candidate) <= _CANDIDATE:
        parts.append(f"This patch would apply; send it if it does what you mean:\n{candidate}")
    elif work.corrected:
        files = visible(render(work.corrected))
        if len(files) <= _CANDIDATE:
            parts.append(f"With these files corrected the patch would apply; send it whole again:\n{files}")
    return PatchError("\n\n".join(parts), candidate=candidate)


def _holds(candidate: str, work: _Work, contents: Mapping[str, bytes | None], directories: Collection[str]) -> bool:
    """Whether the text of the candidate does to the files what was meant by it."""
    try:
        hunks = parse(candidate).hunks
    except PatchError:
        return False
    trial = _Work(contents, directories)
    for hunk in hunks:
        trial.take(hunk)
    return not trial.problems and trial.files == work.files
