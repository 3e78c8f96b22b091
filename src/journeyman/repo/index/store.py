"""The index on disk: one SQLite file for a repository, by the ids of contents, so that a commit costs what it changes.

The text index (FTS5, with Porter's stemmer and BM25) has no copy of the text. It is a cache: what is broken is made
anew.
"""

import contextlib
import os
import sqlite3
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.text import plain
from journeyman.repo.index.readers import Facts
from journeyman.repo.index.terms import joined, parts

VERSION = 1
"""Rises when what is read of a file changes."""
CANDIDATES = 600
WEIGHTS = (4.0, 2.0, 3.0, 2.0, 2.0)
"""How much a word counts in: the name, the class around it, the path, the comment, the lines themselves."""

_TABLES = """
CREATE TABLE content (id INTEGER PRIMARY KEY, oid TEXT NOT NULL UNIQUE, broken INTEGER NOT NULL, imports TEXT NOT NULL);
CREATE TABLE part (
    id INTEGER PRIMARY KEY, content INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, parent TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, comment TEXT NOT NULL, calls TEXT NOT NULL
);
CREATE INDEX part_name ON part (name COLLATE NOCASE);
CREATE INDEX part_content ON part (content);
CREATE VIRTUAL TABLE words USING fts5 (
    name, parent, path, comment, body, content='', tokenize='porter unicode61'
);
"""
_FOUND = """
SELECT part.id, content.oid, part.kind, part.name, part.parent, part.first, part.last, part.comment, part.calls
FROM part JOIN content ON content.id = part.content
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A definition, or lines of text, in a content; `score` is better when higher."""

    oid: str
    kind: str
    name: str
    parent: str
    start: int
    end: int
    doc: str
    calls: tuple[str, ...]
    score: float = 0.0


class IndexStore:
    """Opens the file, makes it where there is none, and makes it anew where it is of another version or broken.

    Raises `sqlite3.Error` where there can be none. To be used by one thread at a time.
    """

    def __init__(self, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        self._place = place
        try:
            self._base = self._opened()
        except sqlite3.DatabaseError:
            self._discard()
            self._base = self._opened()
        os.utime(place)

    def _opened(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._place, timeout=60.0, isolation_level=None, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=OFF")
            base.execute("BEGIN IMMEDIATE")
            version = base.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _TABLES.split(";"):
                    base.execute(statement)
                base.execute(f"PRAGMA user_version={VERSION}")
            base.execute("COMMIT")
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError("another version")
        except BaseException:
            base.close()
            raise
        return base

    def _discard(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self._place.with_name(self._place.name + ending).unlink(missing_ok=True)

    def close(self) -> None:
        self._base.close()

    def known(self) -> set[str]:
        """The ids of the contents that are in it."""
        return {oid for (oid,) in self._base.execute("SELECT oid FROM content")}

    def clear(self) -> None:
        """Begin anew. Others that have the old file open go on with that."""
        self._base.close()
        self._discard()
        self._base = self._opened()

    def add(self, found: Sequence[Facts]) -> None:
        """Take in what was read of files."""
        with self._writing() as base:
            for facts in found:
                new = base.execute(
                    "INSERT OR IGNORE INTO content (oid, broken, imports) VALUES (?, ?, ?)",
                    (facts.file.id, facts.broken, "\n".join(facts.imports)),
                )
                if not new.rowcount:
                    continue
                path = " ".join(parts(facts.file.path))
                rows = facts.rows or (("text", "", "", 1, 1, "", "", ""),)  # so that its path is found
                for kind, name, parent, first, last, doc, words, calls in rows:
                    part = base.execute(
                        "INSERT INTO part (content, kind, name, parent, first, last, comment, calls) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        (new.lastrowid, kind, name, parent, first, last, doc, calls),
                    )
                    called = f"{joined(name)} {' '.join(parts(name))}" if kind != "text" else " ".join(parts(name))
                    base.execute(
                        "INSERT INTO words (rowid, name, parent, path, comment, body) VALUES (?, ?, ?, ?, ?, ?)",
                        (part.lastrowid, called, " ".join(parts(parent)), path, " ".join(parts(doc)), words),
                    )

    @contextlib.contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield self._base
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def search(self, words: Sequence[str]) -> list[Part]:
        """The parts that hold these words, the best first."""
        if not words:
            return []
        wanted = " OR ".join(f'"{word}"' for word in words)
        weights = ", ".join(map(str, WEIGHTS))
        best = self._base.execute(
            f"SELECT rowid, bm25(words, {weights}) AS score FROM words WHERE words MATCH ? ORDER BY score LIMIT ?",
            (wanted, CANDIDATES),
        ).fetchall()
        scores = {row: -score for row, score in best}
        found = self._parts("part.id", list(scores))
        return sorted((_part(row, scores[row[0]]) for row in found), key=lambda one: -one.score)

    def named(self, names: Collection[str]) -> list[Part]:
        """The definitions of these names, whatever the case of their letters."""
        found: list[Part] = []
        for name in names:
            rows = self._base.execute(
                f"{_FOUND} WHERE part.name = ? COLLATE NOCASE AND kind != 'text' LIMIT 200", (name,)
            )
            found += [_part(row) for row in rows]
        return found

    def of(self, oids: Sequence[str]) -> list[Part]:
        """All definitions in these contents, in order."""
        return [_part(row) for row in self._parts("content.oid", oids)]

    def imports(self) -> dict[str, tuple[str, ...]]:
        """What each content imports, by its id."""
        rows = self._base.execute("SELECT oid, imports FROM content WHERE imports != ''")
        return {oid: tuple(text.split("\n")) for oid, text in rows}

    def broken(self, oids: Collection[str]) -> int:
        """How many of these contents could not be parsed."""
        return sum(oid in oids for (oid,) in self._base.execute("SELECT oid FROM content WHERE broken"))

    def _parts(
        self, column: str, values: Sequence[str | int]
    ) -> list[tuple[int, str, str, str, str, int, int, str, str]]:
        found: list[tuple[int, str, str, str, str, int, int, str, str]] = []
        for at in range(0, len(values), 500):
            some = values[at : at + 500]
            marks = ",".join("?" * len(some))
            found += self._base.execute(f"{_FOUND} WHERE {column} IN ({marks}) ORDER BY part.id", some).fetchall()
        return found


def _part(row: tuple[int, str, str, str, str, int, int, str, str], score: float = 0.0) -> Part:
    _, oid, kind, name, parent, first, last, doc, calls = row
    return Part(oid, kind, plain(name), plain(parent), first, last, plain(doc), tuple(calls.split()), score)


def sweep_unused(folder: Path, since: float) -> None:
    """Take away the files that were not opened since then, a time in seconds.

    Whoever has one open keeps it; the next question makes it anew.
    """
    for place in folder.glob("*.sqlite"):
        with contextlib.suppress(FileNotFoundError):
            if place.stat().st_mtime < since:
                for name in (place.name, f"{place.name}-wal", f"{place.name}-shm"):
                    place.with_name(name).unlink(missing_ok=True)
