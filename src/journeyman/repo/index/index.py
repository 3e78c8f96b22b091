"""What is where in a tree of a repository: definitions and text that fit a question, and what files import.

Files are read once by the ids of their contents, so another commit costs what it changes. Where many have not been
read, those that a plain search of the text points to are read at once, and all others while the work goes on.
"""

import asyncio
import contextlib
import re
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import ParamSpec, TypeVar

from journeyman.core.errors import RepositoryError
from journeyman.repo.index.languages import language_of
from journeyman.repo.index.readers import Facts as Facts
from journeyman.repo.index.readers import File, read_files
from journeyman.repo.index.store import IndexStore, Part
from journeyman.repo.index.terms import joined, names, parts
from journeyman.repo.repository import Repository

PROCESSES = 2
AT_ONCE = 400
AT_ONCE_BYTES = 4 * 1024**2
"""What is read before a question is answered, however little the text search says of it."""
NARROWED, NARROWED_BYTES = 80, 2 * 1024**2
"""What of the files that a text search points to is read first."""
STALE = 4
"""Begin anew when it holds this many times the contents that the tree has."""
SMALL_STORE = 20_000
ASIDE = re.compile(
    r"(^|/)(tests?|testing|docs?|examples?|benchmarks?|vendor|third_party|node_modules|dist|build)/"
    r"|(^|/)(test_|conftest)|_test\.\w+$|\.(test|spec)\.\w+$|\.(md|rst|txt|adoc)$"
)
ASKS_ASIDE = re.compile(r"\b(tests?|tested|docs?|documentation|readme|examples?|benchmarks?)\b", re.IGNORECASE)
LESS, OF_FILE, NAMED = 0.6, 0.1, 2.0
"""How much a place counts that is aside; what the rest of a file adds; what a name that is asked for adds, by the best
score."""
OF_KIND = {"text": 0.8, "constant": 0.7}
"""How much a place counts that is no function, class or type: it is short, or says little."""
_STOP = (
    "the an and or but for are is was were be been by of on in at to as it its if do does did what when where which "
    "who whom why how has have had with without this that these those from into not can could should would will you "
    "me my we our there their them they then than so such also only about any all each every both some one explain "
    "tell show describe please give find code codebase file files function functions class classes method methods "
    "repository repo project module modules implemented implementation defined happens work works use used uses "
    "using make makes diagram mermaid draw"
)
STOP = frozenset(_STOP.split())
"""Words of questions that say nothing of what is looked for."""

P = ParamSpec("P")
R = TypeVar("R")
Narrow = Callable[[], Awaitable[Sequence[str]]]
"""The paths that a plain search of the text points to, the best first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Lines of a file, and what is defined there."""

    path: str
    start: int
    end: int
    kind: str
    name: str
    parent: str
    doc: str
    score: float

    @property
    def title(self) -> str:
        return f"{self.parent}.{self.name}" if self.parent and self.name else self.name


def wanted(question: str) -> list[str]:
    """The words of a question that are looked for."""
    words = [word for word in parts(question) if word not in STOP]
    return list(dict.fromkeys([*words, *(joined(name) for name in names(question))]))[:24]


class Index:
    """The index of one tree. Nothing is opened or read before the first question; `close` ends what reads on.

    Raises `RepositoryError` in words where there can be no index.
    """

    def __init__(self, repository: Repository, tree: str) -> None:
        self._repository = repository
        self._tree = tree
        self._opening = asyncio.Lock()
        self._using = asyncio.Lock()
        self._store: IndexStore | None = None
        self._rest: asyncio.Task[None] | None = None
        self.files: dict[str, File] = {}
        """By path, all files that are read."""
        self.paths: dict[str, list[str]] = {}
        """By the id of their content, the paths of files."""
        self._missing: dict[str, File] = {}
        self.were_missing = 0
        """Contents that were not read when it was opened."""

    @property
    def missing(self) -> int:
        """Contents that are not read yet."""
        return len(self._missing)

    async def find(self, question: str, narrow: Narrow, limit: int = 60) -> list[Place]:
        """The places that fit a question, the best first."""
        await self._read_first(narrow)
        store = await self._opened()
        words = wanted(question)
        found = await self._use(store.search, words)
        asked = names(question)
        named = await self._use(store.named, [*asked, *_quoted(question)]) if "`" in question or asked else []
        return self._ranked(found, named, question)[:limit]

    async def definitions(self, paths: Collection[str]) -> list[Place]:
        """All that is defined in some files, in order."""
        store = await self._opened()
        oids = [self.files[path].id for path in paths if path in self.files]
        found = [place for part in await self._use(store.of, oids) for place in self._places(part, part.score)]
        return [place for place in found if place.path in paths and place.kind != "text"]

    async def calls(self, paths: Collection[str]) -> dict[str, set[str]]:
        """The names that are called in each of some files."""
        store = await self._opened()
        oids = [self.files[path].id for path in paths if path in self.files]
        called: dict[str, set[str]] = defaultdict(set)
        for part in await self._use(store.of, oids):
            for path in self.paths.get(part.oid, ()):
                called[path].update(part.calls)
        return {path: called[path] for path in paths if path in called}

    async def imports(self) -> dict[str, tuple[str, ...]]:
        """What each file imports, as it is written there."""
        store = await self._opened()
        found = await self._use(store.imports)
        return {path: found[file.id] for path, file in self.files.items() if file.id in found}

    async def read_all(self) -> None:
        """Read everything that was not read."""
        await self._opened()
        await self._read(list(self._missing.values()))

    async def close(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            await asyncio.wait([self._rest])
        async with self._using:
            if self._store is not None:
                self._store.close()

    async def _opened(self) -> IndexStore:
        async with self._opening:
            if self._store is None:
                self._store = await self._open()
            return self._store

    async def _open(self) -> IndexStore:
        name = f"{self._repository.git.store.stem}.sqlite"
        try:
            store = await asyncio.to_thread(IndexStore, self._repository.state / "index" / name)
            known = await asyncio.to_thread(store.known)
        except (sqlite3.Error, OSError) as error:
            raise RepositoryError(f"There is no index of the repository: {error}.") from error
        for entry in await self._repository.entries(self._tree, deep=True):
            path = entry.path.decode("utf-8", errors="replace")
            language = language_of(path)
            if language is None or entry.mode not in (0o100644, 0o100755) or entry.size is None or "\ufffd" in path:
                continue
            self.files[path] = File(entry.id, entry.size, language, path)
            self.paths.setdefault(entry.id, []).append(path)
        if len(known) > max(STALE * len(self.paths), SMALL_STORE):
            await asyncio.to_thread(store.clear)
            known = set[str]()
        self._missing = {file.id: file for file in self.files.values() if file.id not in known}
        self.were_missing = len(self._missing)
        return store

    async def _read_first(self, narrow: Narrow) -> None:
        """Read what a question needs now, and have the rest read meanwhile."""
        await self._opened()
        if not self._missing:
            return
        if len(self._missing) <= AT_ONCE and sum(file.size for file in self._missing.values()) <= AT_ONCE_BYTES:
            await self._read(list(self._missing.values()))
            return
        first = [self.files[path] for path in await narrow() if path in self.files]
        await self._read(_within([file for file in first if file.id in self._missing][:NARROWED], NARROWED_BYTES))
        if self._rest is None:
            self._rest = asyncio.create_task(self._read_rest())

    async def _read_rest(self) -> None:
        with contextlib.suppress(RepositoryError):  # what is there already has to do
            await self._read(sorted(self._missing.values(), key=lambda file: file.path), idle=True)

    async def _read(self, files: Sequence[File], *, idle: bool = False) -> None:
        store = await self._opened()
        unread = {file.id: file for file in files if file.id in self._missing}

        async def take(found: Sequence[Facts]) -> None:
            await self._use(store.add, found)
            for facts in found:
                self._missing.pop(facts.file.id, None)

        if unread:
            try:
                await read_files(
                    self._repository.git, list(unread.values()), take, processes=1 if idle else PROCESSES, idle=idle
                )
            except* RepositoryError as errors:
                raise errors.exceptions[0] from None

    async def _use(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._using:
            doing = asyncio.ensure_future(asyncio.to_thread(partial(call, *args, **kwargs)))
            try:
                return await asyncio.shield(doing)
            except asyncio.CancelledError:
                await asyncio.wait([doing])  # a thread does not stop, and the file must not be closed under it
                raise
            except sqlite3.Error as error:
                raise RepositoryError(f"The index of the repository cannot be used: {error}.") from error

    def _places(self, part: Part, score: float) -> list[Place]:
        return [
            Place(path, part.start, part.end, part.kind, part.name, part.parent, part.doc, score)
            for path in self.paths.get(part.oid, ())
        ]

    def _ranked(self, found: Sequence[Part], named: Sequence[Part], question: str) -> list[Place]:
        aside = ASKS_ASIDE.search(question) is not None
        top = max((part.score for part in found), default=1.0)
        scores: dict[tuple[str, int], float] = {}
        places: dict[tuple[str, int], Place] = {}
        for part in (*found, *named):
            for place in self._places(part, part.score):
                less = LESS if not aside and ASIDE.search(place.path) else 1.0
                of_kind = OF_KIND.get(place.kind, 1.0) if less == 1.0 and not aside else 1.0
                key = (place.path, place.start)
                more = NAMED * top if not part.score else 0.0
                scores[key] = scores.get(key, 0.0) + (part.score * of_kind + more) * less
                places.setdefault(key, place)
        best: dict[str, list[float]] = defaultdict(list)
        for (path, _), score in scores.items():
            best[path].append(score)
        second = {path: sum(sorted(each)[-3:-1]) for path, each in best.items()}
        order = sorted(scores, key=lambda key: (-(scores[key] + OF_FILE * second[key[0]]), key))
        return [places[key] for key in order]


def _within(files: Sequence[File], most: int) -> list[File]:
    """As many of the first files as have no more than `most` bytes together; at least one."""
    sizes = accumulate(file.size for file in files)
    return [file for at, (file, size) in enumerate(zip(files, sizes, strict=True)) if size <= most or at == 0]


def _quoted(question: str) -> list[str]:
    """Single words in backticks, and what is called in them."""
    return [name.rsplit(".", 1)[-1] for name in re.findall(r"`([\w.]+)(?:\(\))?`", question)]
