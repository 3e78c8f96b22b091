"""What a small model is given to answer from, since it cannot find its way by itself: excerpts that the question names.

Lines are scored by the words of the question that they hold, rarer words counting more (inverse document frequency,
Spärck Jones 1972, by file); the best places come with the lines around them, numbered, so that they can be cited.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from journeyman.core.errors import ToolError
from journeyman.core.text import decode, plain
from journeyman.sandbox.protocol import Sandbox

BUDGET = 5_000
"""Characters of excerpts; reading is what a small model on two cores is slow at."""
AROUND = 6
LINE = 160
FILES = 40
HITS = 4_000
COMMON = frozenset(
    re.findall(
        r"\w+",
        "the and for are was what when where which who why how does did has have with this that from into not can you "
        "there their its about code file files function class method repository project please explain tell show use",
    )
)

Place = tuple[str, int]


def words(question: str) -> tuple[str, ...]:
    """The words of a question that are worth looking for, without repetition."""
    found = re.findall(r"[^\W\d]\w{2,}", question)
    return tuple(dict.fromkeys(word.lower() for word in found if word.lower() not in COMMON))[:12]


async def brief(sandbox: Sandbox, question: str) -> str:
    """The files of the repository and the places that fit the question best, at most about `BUDGET` characters."""
    listed = await sandbox.exec(["rg", "--files", "--sort=path"], timeout=20, output_limit=4 * 2**20)
    paths = plain(decode(listed.output)).split("\n")[:-1]
    named = [path for path in paths if path in question or path.rsplit("/", 1)[-1] in question]
    hits = await _hits(sandbox, words(question))
    places = [(path, 1) for path in named] + ranked(hits)
    if not places:
        places = [(path, 1) for path in paths if path.lower().startswith("readme")]
    shown = "\n".join(paths[:FILES]) + (f"\n… {len(paths) - FILES} more" if len(paths) > FILES else "")
    return f"Files:\n{shown}\n\n{await _excerpts(sandbox, places)}"


def ranked(hits: Mapping[Place, Iterable[str]]) -> list[Place]:
    """The places from the best down; places that another one's surroundings show are left out."""
    files: dict[str, set[str]] = defaultdict(set)
    for (path, _), found in hits.items():
        for word in found:
            files[word].add(path)
    total = len({path for path, _ in hits}) or 1
    weight = {word: 1.0 + math.log(total / len(paths)) for word, paths in files.items()}
    of_place = {place: sum(weight[word] for word in set(found)) for place, found in hits.items()}
    of_file: dict[str, float] = defaultdict(float)
    for (path, _), score in of_place.items():
        of_file[path] += score
    order = sorted(hits, key=lambda place: (-of_place[place], -of_file[place[0]], place))
    chosen: list[Place] = []
    for path, line in order:
        if not any(path == other and abs(line - near) <= AROUND for other, near in chosen):
            chosen.append((path, line))
    return chosen


async def _hits(sandbox: Sandbox, wanted: Sequence[str]) -> dict[Place, list[str]]:
    if not wanted:
        return {}
    argv = ["rg", "--line-number", "--no-heading", "--ignore-case", "--max-columns=300", "--sort=path", "--null"]
    argv += [f"--regexp={re.escape(word)}" for word in wanted]
    done = await sandbox.exec(argv, timeout=20, output_limit=4 * 2**20)
    hits: dict[Place, list[str]] = {}
    for row in plain(decode(done.output).replace("\0", "\t")).splitlines()[:HITS]:
        path, _, rest = row.partition("\t")
        number, _, text = rest.partition(":")
        if number.isdigit():
            hits[path, int(number)] = [word for word in wanted if word in text.lower()]
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
