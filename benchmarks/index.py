"""How well and how fast the places are found that a question is about, in a repository of 5,000 files.

    scripts/bench index [--files 5000] [--questions 60]

The repository is made of the Python files of this environment. A question is the first sentence of a docstring of one,
which is taken out of the copy; the answer is where the function is defined. The floor is `git grep` for the same words,
with files in the order of how many different words they hold.
"""

import argparse
import ast
import asyncio
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.agent.brief import find, words
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec
from journeyman.sandbox.toolchains import find_toolchains

SEED = 7
NEAR = 12
NOWHERE = 10**9
WORDS = 6


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    path: str
    line: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--questions", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), given.files, given.questions))


async def measure(folder: Path, files: int, questions: int) -> None:
    root = folder / "code"
    asked = laid_out(root, files, questions)
    here = [path for path in root.rglob("*.py")]
    size = sum(path.stat().st_size for path in here)
    print(f"{len(here)} files, {size / 1e6:.0f} MB, {len(asked)} questions")
    tools = find_toolchains("/usr/bin:/bin", root, folder, virtual_env=None, own_prefix=Path(sys.prefix))
    spec = SandboxSpec(workspace=root, lower=(root,), upper=None, read_only=True, toolchains=tools)
    async with Bubblewrap(folder / "sandbox").open(spec) as sandbox:
        await find(sandbox, "warm the page cache")
        await _ours(sandbox, asked)
    _floor(root, asked)


def laid_out(root: Path, files: int, questions: int) -> list[Question]:
    """Copy files, without the docstrings of the functions that are asked for."""
    picked = random.Random(SEED)
    sources = sorted({*Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"), *Path(sys.prefix).rglob("*.py")})
    picked.shuffle(sources)
    asked: list[Question] = []
    base = Path(sys.base_prefix)
    for number, source in enumerate(sources[:files]):
        text = source.read_text(errors="replace")
        anchor = Path(sys.prefix) if source.is_relative_to(sys.prefix) else base
        path = str(source.relative_to(anchor)) if source.is_relative_to(anchor) else source.name
        found = list(_functions(text)) if number % (files // (questions * 4) or 1) == 0 else []
        if found and len(asked) < questions and "test" not in path:
            function, sentence = picked.choice(found)
            docstring = function.body[0]
            lines = text.split("\n")
            for at in range(docstring.lineno - 1, docstring.end_lineno or docstring.lineno):
                lines[at] = ""
            text = "\n".join(lines)
            asked.append(Question(sentence, path, function.lineno))
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "-A", "-f"], check=True)
    return asked


def _functions(text: str) -> Iterator[tuple[ast.FunctionDef, str]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (doc := ast.get_docstring(node)):
            sentence = doc.split("\n\n")[0].replace("\n", " ").split(". ")[0]
            if len(words(sentence)) >= WORDS and len(node.body) > 1:
                yield node, sentence


async def _ours(sandbox: Sandbox, asked: list[Question]) -> None:
    seconds: list[float] = []
    files: list[int] = []
    lines: list[int] = []
    for question in asked:
        began = time.perf_counter()
        places = await find(sandbox, question.text)
        seconds.append(time.perf_counter() - began)
        files.append(_rank(list(dict.fromkeys(path for path, _ in places)), question.path))
        near = [path == question.path and abs(line - question.line) <= NEAR for path, line in places]
        lines.append(_rank(near, True))
    _tell("places", seconds, files, lines)


def _rank(found: Sequence[object], wanted: object) -> int:
    return found.index(wanted) + 1 if wanted in found else NOWHERE


def _floor(root: Path, asked: list[Question]) -> None:
    seconds: list[float] = []
    ranks: list[int] = []
    for question in asked:
        began = time.perf_counter()
        held: Counter[str] = Counter()
        for word in words(question.text):
            done = subprocess.run(
                ["git", "-C", root, "grep", "-l", "-i", "-F", word], capture_output=True, text=True, check=False
            )
            held.update(done.stdout.splitlines())
        order = [path for path, _ in held.most_common()]
        seconds.append(time.perf_counter() - began)
        ranks.append(_rank(order, question.path))
    _tell("git grep", seconds, ranks, None)


def _tell(name: str, seconds: list[float], files: list[int], places: list[int] | None) -> None:
    def at(ranks: list[int], most: int) -> str:
        return f"{sum(rank <= most for rank in ranks) / len(ranks):4.0%}"

    slowest = sorted(seconds)[int(len(seconds) * 0.95)]
    line = f"{name:10} {statistics.median(seconds):6.3f} s median, {slowest:6.3f} s p95; "
    line += f"right file first {at(files, 1)}, in 5 {at(files, 5)}, in 10 {at(files, 10)}"
    if places is not None:
        line += f"; right lines first {at(places, 1)}, in 5 {at(places, 5)}"
    print(line)


if __name__ == "__main__":
    main()
