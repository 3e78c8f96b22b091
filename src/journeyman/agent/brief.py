"""What a small model is given to answer from, since it cannot find its way by itself: excerpts that the question names.

The text of the repository is searched at once for all words of the question, as stems, so that "eviction" finds
`evict_oldest`. A line counts by the words that it holds, rarer ones more (inverse document frequency, Spärck Jones
1972, by file), more where it defines what such a word names, and by what else its file and its path say; tests,
documents and what comes from elsewhere count less. The best places come with the lines around them, numbered, so that
they can be cited.
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from journeyman.core.errors import ToolError
from journeyman.core.text import decode, plain
from journeyman.sandbox.protocol import Sandbox

BUDGET = 5_000
"""Characters of excerpts; reading is what a small model on two cores is slow at."""
AROUND = 6
LINE = 160
FILES = 40
PLACES = 200
HITS = 100_000
OUTPUT = 32 * 2**20
PER_FILE = 30
"""Lines of a file that are looked at."""
DEFINES, OF_PATH, OF_FILE = 1.0, 0.5, 1.0
"""How much a definition, a word in the path, and a word elsewhere in the file count."""
ASIDE = re.compile(
    r"(^|/)(tests?|docs?|examples?|benchmarks?|vendor|third_party|node_modules|dist)/|(^|/)test_|\.(md|rst|txt)$"
)
LESS = 0.6
DEFINITION = re.compile(
    r"^\s*(?:@\w+\s+|pub(?:\([^)]*\))?\s+|(?:export|default|public|private|protected|static|final|abstract|async)\s+)*"
    r"(?:def|class|function|func|fn|interface|struct|enum|trait|type|module|impl|const|let|var)\b"
    r"\s*(?:\([^)]*\)\s*)?(\w+)"
    r"|^(\w+)\s*(?::\s*[^=]+)?=(?!=)",
)
"""The name that a line defines, in the languages that are most used."""
STEMS = (
    *("ications", "ication", "ations", "ation", "ions", "ion"),
    *("ingly", "ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s"),
)
COMMON = frozenset(
    re.findall(
        r"\w+",
        "the and for are was what when where which who why how does did has have with this that from into not can you "
        "there their its about code file files function class method repository project please explain tell show use",
    )
)

Place = tuple[str, int]


def words(question: str) -> tuple[str, ...]:
    """The stems of the words of a question that are worth looking for, without repetition."""
    found = re.findall(r"[^\W\d]\w{2,}", question)
    return tuple(dict.fromkeys(_stem(word.lower()) for word in found if word.lower() not in COMMON))[:12]


def _stem(word: str) -> str:
    if "_" in word:
        return word
    ending = next((one for one in STEMS if word.endswith(one) and len(word) - len(one) >= 4), "")
    return word.removesuffix(ending)


async def find(sandbox: Sandbox, question: str) -> list[Place]:
    """The places of the repository that fit a question best, the best first."""
    wanted = words(question)
    return ranked(await _hits(sandbox, wanted), wanted)


async def brief(sandbox: Sandbox, question: str) -> str:
    """The files of the repository and the places that fit the question best, at most about `BUDGET` characters."""
    listed = await sandbox.exec(["rg", "--files"], timeout=20, output_limit=OUTPUT, keep=OUTPUT)
    paths = sorted(plain(decode(listed.output)).split("\n")[:-1])
    named = [path for path in paths if path in question or path.rsplit("/", 1)[-1] in question]
    places = [(path, 1) for path in named] + await find(sandbox, question)
    if not places:
        places = [(path, 1) for path in paths if path.lower().startswith("readme")]
    shown = "\n".join(paths[:FILES]) + (f"\n… {len(paths) - FILES} more" if len(paths) > FILES else "")
    return f"Files:\n{shown}\n\n{await _excerpts(sandbox, places)}"


@dataclass(frozen=True, slots=True)
class Hit:
    """The words that a line holds, and those of them that are part of a name which it defines."""

    held: frozenset[str]
    defined: frozenset[str]


def hit(text: str, wanted: Sequence[str]) -> Hit:
    lowered = text.lower()
    found = DEFINITION.match(text)
    name = (found[1] or found[2] or "").lower() if found else ""
    held = frozenset(word for word in wanted if word in lowered)
    return Hit(held, frozenset(word for word in held if word in name))


def ranked(hits: Mapping[Place, Hit], wanted: Sequence[str]) -> list[Place]:
    """The places from the best down; places that another one's surroundings show are left out."""
    files: dict[str, set[str]] = defaultdict(set)
    held_by: dict[str, set[str]] = defaultdict(set)
    for (path, _), one in hits.items():
        held_by[path] |= one.held
        for word in one.held:
            files[word].add(path)
    total = len(held_by) or 1
    weight = {word: 1.0 + math.log(total / len(paths)) for word, paths in files.items()}
    of_file = {path: _of_file(path, held, weight, wanted) for path, held in held_by.items()}
    score: dict[Place, float] = {}
    for (path, line), one in hits.items():
        here = sum(weight[word] for word in one.held) + DEFINES * sum(weight[word] for word in one.defined)
        score[path, line] = (here + of_file[path]) * (LESS if ASIDE.search(path) else 1.0)
    chosen: list[Place] = []
    for path, line in sorted(hits, key=lambda place: (-score[place], place)):
        if not any(path == other and abs(line - near) <= AROUND for other, near in chosen):
            chosen.append((path, line))
            if len(chosen) == PLACES:
                break
    return chosen


def _of_file(path: str, held: Collection[str], weight: Mapping[str, float], wanted: Sequence[str]) -> float:
    lowered = path.lower()
    named = sum(weight.get(word, 1.0) for word in wanted if word in lowered)
    return OF_FILE * sum(weight[word] for word in held) + OF_PATH * named


async def _hits(sandbox: Sandbox, wanted: Sequence[str]) -> dict[Place, Hit]:
    if not wanted:
        return {}
    argv = ["rg", "--line-number", "--no-heading", "--ignore-case", "--max-columns=300", "--null"]
    argv += [f"--max-count={PER_FILE}", *(f"--regexp={re.escape(word)}" for word in wanted)]
    done = await sandbox.exec(argv, timeout=20, output_limit=OUTPUT, keep=OUTPUT)
    hits: dict[Place, Hit] = {}
    for row in plain(decode(done.output).replace("\0", "\t")).splitlines()[:HITS]:
        path, _, rest = row.partition("\t")
        number, _, text = rest.partition(":")
        if number.isdigit():
            hits[path, int(number)] = hit(text, wanted)
    return hits


async def _excerpts(sandbox: Sandbox, places: Sequence[Place]) -> str:
    parts: list[str] = []
    size = 0
    for path, line in places:
        try:
            lines = plain(decode(await sandbox.read(path))).split("\n")
        except ToolError:
            continue
        first = max(line - AROUND, 1)
        rows = [f"{number} {text[:LINE]}" for number, text in enumerate(lines[first - 1 : line + AROUND * 2], first)]
        part = f"{path}:\n" + "\n".join(rows)
        if parts and size + len(part) > BUDGET:
            break
        parts.append(part[:BUDGET])
        size += len(part)
    return "\n\n".join(parts)
