"""The index of symbols and text: what is read of files, by whom, how often, and what is found."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from journeyman.repo.index.index import Index, Place, wanted
from journeyman.repo.index.parse import parsed
from journeyman.repo.index.readers import Facts, File, facts, read_files
from journeyman.repo.index.terms import names, parts
from journeyman.repo.repository import Repository, open_repository
from tests.conftest import MakeRepository, git, lay

CACHE = '''\
"""Things that are kept for a while."""

import re
from shop.store import Store, load


LIMIT = 3


class LruCache(Store):
    """Keeps what was asked for last."""

    def evictOldest(self, entries):
        """Throw away the entry that nobody has asked for the longest."""
        del entries[min(entries)]

    # How full it is.
    def fill(self):
        return load(self) / LIMIT
'''
FILES = {
    "shop/cache.py": CACHE,
    "shop/store.py": "class Store:\n    pass\n\n\ndef load(store):\n    return 1\n",
    "shop/__init__.py": "",
    "tests/test_cache.py": "def test_evict_oldest():\n    assert evict_oldest([1]) is None\n",
    "README.md": "# Shop\n\nSells things.\n\n## How money is rounded\n\nBanker's rounding, to two digits.\n",
    "picture.py": "\0" * 20,
}

SNIPPETS = {
    "javascript": (
        "const LIMIT = 3;\nexport const load = async (a) => a;\nimport x from './x.js';\nclass A { b() {} }\n",
        ["constant LIMIT", "function load", "class A", "method A.b"],
        ["'./x.js'"],
    ),
    "typescript": (
        "import {x} from './x';\ninterface I { a: string }\ntype T = I;\nenum E { A }\n"
        "abstract class C { m(): void {} }\n",
        ["type I", "type T", "type E", "class C", "method C.m"],
        ["'./x'"],
    ),
    "tsx": ("export function App() { return <b>hi</b>; }\n", ["function App"], []),
    "go": (
        'package a\nimport "fmt"\nconst Limit = 3\ntype Cache struct{}\nfunc (c *Cache) Evict() { fmt.Println(c) }\n',
        ["constant Limit", "type Cache", "function Evict"],
        ['"fmt"'],
    ),
    "rust": (
        "use std::fmt;\npub struct Cache;\nimpl Cache { fn evict(&self) {} }\ntrait Keep {}\nconst LIMIT: u8 = 3;\n",
        ["type Cache", "class Cache", "method Cache.evict", "type Keep", "constant LIMIT"],
        ["std::fmt"],
    ),
    "java": (
        "import java.util.List;\nclass Cache { Cache() {}\n void evict() {} }\ninterface Keep {}\nenum Kind { A }\n",
        ["class Cache", "method Cache.Cache", "method Cache.evict", "type Keep", "type Kind"],
        ["java.util.List"],
    ),
    "c": (
        '#include "a.h"\n#define LIMIT 3\nstruct cache { int n; };\nstatic int *evict(struct cache *c) { return 0; }\n',
        ["constant LIMIT", "type cache", "function evict"],
        ['"a.h"'],
    ),
    "cpp": (
        "#include <map>\nnamespace shop {\nclass Cache { void fill() {} };\n}\nint Cache::evict() { return 1; }\n",
        ["class shop", "class shop.Cache", "method Cache.fill", "function Cache::evict"],
        ["<map>"],
    ),
    "ruby": (
        "require 'set'\nmodule Shop\n  class Cache\n    def evict; end\n    def self.make; end\n  end\nend\n",
        ["class Shop", "class Shop.Cache", "method Cache.evict", "method Cache.make"],
        ["'set'"],
    ),
}


@asynccontextmanager
async def opened(repository: Repository) -> AsyncGenerator[Index]:
    index = Index(repository, (await repository.snapshot()).tree)
    try:
        yield index
    finally:
        await index.close()


async def unasked() -> Sequence[str]:
    pytest.fail("so few files are all read at once")


def said(places: Sequence[Place]) -> list[str]:
    return [f"{place.path}:{place.start} {place.title}" for place in places]


def test_names_are_split_where_words_meet() -> None:
    assert parts("getHTTPResponse_now v2Über") == ["get", "http", "response", "now", "über"]
    assert names("Where does evictOldest, or evict_oldest, end?") == ["evictOldest", "evict_oldest"]
    assert wanted("Where is the oldest entry evicted by evict_oldest?") == [
        *("oldest", "entry", "evicted", "evict", "evictoldest"),
    ]


def test_what_is_read_of_python() -> None:
    units, imports = parsed(CACHE.encode(), "python")
    rows = [(unit.kind, unit.parent, unit.name, unit.start, unit.end, unit.doc) for unit in units]
    longest = "Throw away the entry that nobody has asked for the longest."
    assert rows == [
        ("text", "", "", 1, 4, ""),
        ("constant", "", "LIMIT", 7, 7, ""),
        ("class", "", "LruCache", 10, 19, "Keeps what was asked for last."),
        ("method", "LruCache", "evictOldest", 13, 15, longest),
        ("method", "LruCache", "fill", 18, 19, "How full it is."),
    ]
    assert imports == ["re", "from shop.store import Store, load"]
    assert units[-1].calls == ["load"]
    assert "entries" in units[3].words.split() and "entries" not in units[2].words.split()


@pytest.mark.parametrize("language", SNIPPETS)
def test_what_is_read_of_other_languages(language: str) -> None:
    text, defined, imported = SNIPPETS[language]
    units, imports = parsed(text.encode(), language)
    shown = [f"{unit.kind} {unit.parent}.{unit.name}".replace(" .", " ") for unit in units if unit.kind != "text"]
    assert (shown, imports) == (defined, imported)


async def test_questions_find_definitions_and_texts(make_repository: MakeRepository, tmp_path: Path) -> None:
    repository = await open_repository(make_repository(FILES), tmp_path / "state")
    async with opened(repository) as index:
        assert said(await index.find("Which entry is evicted first, the oldest?", unasked))[0] == (
            "shop/cache.py:13 LruCache.evictOldest"
        )
        assert said(await index.find("How is money rounded?", unasked))[0].startswith("README.md:")
        assert said(await index.find("What does `load` return?", unasked))[0] == "shop/store.py:5 load"
        assert said(await index.find("test of evict_oldest", unasked))[0] == "tests/test_cache.py:1 test_evict_oldest"
        assert await index.find("Unheard-of zebra", unasked) == []
        found = await index.definitions(["shop/store.py"])
        assert said(found) == ["shop/store.py:1 Store", "shop/store.py:5 load"]


async def test_another_commit_costs_what_it_changes(make_repository: MakeRepository, tmp_path: Path) -> None:
    folder = make_repository(FILES)
    repository = await open_repository(folder, tmp_path / "state")
    async with opened(repository) as index:
        await index.read_all()
        assert index.missing == 0
    lay(folder, {"shop/store.py": "def purge():\n    '''Empty the shelves.'''\n"})
    git(folder, "mv", "shop/cache.py", "shop/kept.py")
    async with opened(repository) as index:
        assert said(await index.find("Empty the shelves", unasked))[0] == "shop/store.py:1 purge"
        assert index.were_missing == 1
        assert said(await index.find("oldest entry", unasked))[0].startswith("shop/kept.py:13")


async def test_a_broken_index_is_made_anew(make_repository: MakeRepository, tmp_path: Path) -> None:
    repository = await open_repository(make_repository(FILES), tmp_path / "state")
    async with opened(repository) as index:
        await index.read_all()
    [file] = (tmp_path / "state" / "index").glob("*.sqlite")
    file.write_bytes(b"no database at all" * 100)
    async with opened(repository) as index:
        assert said(await index.find("oldest entry", unasked))[0] == "shop/cache.py:13 LruCache.evictOldest"


async def test_of_many_files_those_that_text_points_to_are_read_first(
    make_repository: MakeRepository, tmp_path: Path
) -> None:
    many = {f"more/f{at}.py": f"def filler_{at}():\n    return {at}\n" for at in range(420)}
    repository = await open_repository(make_repository({**FILES, **many}), tmp_path / "state")

    async def narrow() -> Sequence[str]:
        return ["shop/cache.py", "nowhere.py"]

    async with opened(repository) as index:
        found = await index.find("Which entry is the oldest?", narrow)
        assert said(found)[0] == "shop/cache.py:13 LruCache.evictOldest"
        await index.read_all()
        assert index.missing == 0
        assert said(await index.find("What is filler_417?", unasked))[0] == "more/f417.py:1 filler_417"


async def test_a_file_that_ends_the_parser_costs_only_itself(make_repository: MakeRepository, tmp_path: Path) -> None:
    """Here every file takes too long; each ends its program, and the next one begins with the next file."""
    repository = await open_repository(make_repository(FILES), tmp_path / "state")
    entries = await repository.entries((await repository.snapshot()).tree, deep=True)
    files = [File(one.id, one.size or 0, "python", "a.py") for one in entries if one.path.endswith(b".py") and one.size]
    taken: list[Facts] = []

    async def take(found: Sequence[Facts]) -> None:
        taken.extend(found)

    await read_files(repository.git, files, take, processes=1, seconds=1e-6)
    assert sorted(one.file.id for one in taken) == sorted(one.id for one in files)
    assert all(one.broken and not one.rows for one in taken)


def test_the_reading_program_can_do_nothing_but_read_and_answer() -> None:
    tries = "from journeyman.repo.index import reader; import os, socket; reader.give_up()\n"
    for attempt in ("os.open('/etc/passwd', 0)", "socket.socket()", "os.fork()", "os.write(2, b'x')", "os.kill(1, 0)"):
        tries += f"try:\n    {attempt}\n    os.write(1, b'done ')\nexcept OSError:\n    os.write(1, b'no ')\n"
    done = subprocess.run([sys.executable, "-I", "-c", tries], capture_output=True, check=False)
    assert done.stdout == b"no " * 5, done.stderr


def test_nothing_that_the_reading_program_says_is_believed() -> None:
    file = File("0" * 40, 10, "python", "a.py")
    good = ["function", "a", "", 1, 2, "doc", "words", ["b"]]
    bad = [
        *(
            ["function", "a", "", 0, 2, "", "", []],
            ["function", "a", "", 3, 2, "", "", []],
            ["evil", "a", "", 1, 2, "", "", []],
        ),
        *(["function", 3, "", 1, 2, "", "", []], ["function"], "text", None, {"a": 1}),
    ]
    read = facts(file, json.dumps([[*bad, good], [1, "re", None]]).encode())
    assert (read.rows, read.imports) == ((("function", "a", "", 1, 2, "doc", "words", "b"),), ("re",))
    long = facts(file, json.dumps([[["text", "x" * 9_999, "\x1b[31m", 1, 2, "", "w" * 99_999, []]], []]).encode())
    assert [len(one) for one in long.rows[0] if isinstance(one, str)] == [4, 100, 0, 0, 8_000, 0]
    assert all(facts(file, line).broken for line in (b"", b"{", b"[]", b"3", b"[" * 100_000))
