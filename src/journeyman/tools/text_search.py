"""The files whose text fits a question, without any index: all words of it, as stems, are searched at once.

A file counts by the different words that it holds, rarer ones more (inverse document frequency, Spärck Jones 1972), and
more where its path has them; tests, documents and what comes from elsewhere count less.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from journeyman.core.text import decode, plain
from journeyman.repo.index.index import ASIDE, LESS, STOP
from journeyman.sandbox.protocol import Sandbox

HITS = 200_000
OUTPUT = 32 * 2**20
PER_FILE = 12
"""Lines of a file that are looked at for each word."""
MOST = 12
"""Words of a question."""
OF_PATH = 1.0
STEMS = (
    *("ications", "ication", "ations", "ation", "ions", "ion"),
    *("ingly", "ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s"),
)


def stems(question: str) -> tuple[str, ...]:
    """The stems of the words of a question that are worth looking for, without repetition."""
    found = re.findall(r"[^\W\d]\w{2,}", question)
    return tuple(dict.fromkeys(_stem(word.lower()) for word in found if word.lower() not in STOP))[:MOST]


def _stem(word: str) -> str:
    if "_" in word:
        return word
    ending = next((one for one in STEMS if word.endswith(one) and len(word) - len(one) >= 4), "")
    return word.removesuffix(ending)


async def in_files(sandbox: Sandbox, question: str) -> list[str]:
    """The paths of files that fit a question, the best first."""
    wanted = stems(question)
    if not wanted:
        return []
    argv = ["rg", "--only-matching", "--no-line-number", "--no-heading", "--with-filename", "--ignore-case", "--null"]
    argv += ["--hidden", "--glob=!.git", f"--max-count={PER_FILE * len(wanted)}", "--max-filesize=1M", "--no-messages"]
    argv += [f"--regexp={re.escape(word)}" for word in wanted]
    done = await sandbox.exec(argv, timeout=20, output_limit=OUTPUT, keep=OUTPUT)
    held: dict[str, set[str]] = defaultdict(set)
    for row in plain(decode(done.output).replace("\0", "\t")).split("\n")[:HITS]:
        path, _, word = row.partition("\t")
        held[path.removeprefix("./")].add(word.lower())
    return ranked(held, wanted)


def ranked(held: Mapping[str, set[str]], wanted: Sequence[str]) -> list[str]:
    """Files from the best down, by the words that each holds."""
    often = Counter(word for found in held.values() for word in found)
    weight = {word: math.log(1.0 + len(held) / often[word]) for word in wanted if often[word]}
    scores: dict[str, float] = {}
    for path, found in held.items():
        of_path = sum(weight[word] for word in weight if word in path.lower())
        score = sum(weight.get(word, 0.0) for word in found) + OF_PATH * of_path
        scores[path] = score * (LESS if ASIDE.search(path) else 1.0)
    return sorted(scores, key=lambda path: (-scores[path], path))
