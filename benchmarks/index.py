"""How well and how fast the places are found that a question is about, in a repository of 5,000 files.

    scripts/bench index [--files 5000] [--questions 40]

The repository is made of the Python files of this environment: its standard library and its packages. A question is the
first sentence of a function's docstring without the words of the function's name; the answer is the function. Of one
kind of questions the docstring is taken out of the copy, so that only the code is left to find it by; of the other it
stays, and every third word of the question is left out.

The peer is ripgrep for the words of the question, with files in the order of how often they match.
"""

import argparse
import ast
import asyncio
import random
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.repo.index.index import Index, Place, wanted
from journeyman.repo.index.terms import parts
from journeyman.repo.repository import Repository, open_repository
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec
from journeyman.sandbox.toolchains import find_toolchains
from journeyman.tools.find import places
from journeyman.tools.text_search import stems

RIPGREP = str(Path(sys.executable).with_name("rg"))
SEED = 7
NOWHERE = 10**9
WORDS = 5
"""Words of a question that are looked for, at least."""
KINDS = ("from the code", "from the docs")


@dataclass(frozen=True, slots=True)
class Question:
    kind: str
    text: str
    path: str
    line: int
    last: int

    def at(self, place: Place) -> bool:
        """Whether a place shows the function: most that it says is of it."""
        return (
            place.path == self.path
            and self.line <= place.end
            and place.start <= self.last
            and (place.end - place.start <= 2 * (self.last - self.line) + 20)
        )


@dataclass(slots=True)
class Score:
    """Seconds of each question, also of processors without the sandbox's, and the ranks of the right file and place."""

    processor: list[float] = field(default_factory=list[float])
    seconds: list[float] = field(default_factory=list[float])
    files: list[int] = field(default_factory=list[int])
    places: list[int] = field(default_factory=list[int])

    @staticmethod
    def share(ranks: Sequence[int], most: int) -> float:
        return sum(rank <= most for rank in ranks) / (len(ranks) or 1)

    def row(self, name: str) -> str:
        slowest = sorted(self.seconds)[int(len(self.seconds) * 0.95)]
        text = f"{name:28} {statistics.median(self.seconds):6.3f} s median, {slowest:6.3f} s p95, "
        text += f"{statistics.median(self.processor):.3f} s of processors; "
        text += f"right file first {self.share(self.files, 1):4.0%}, in 5 {self.share(self.files, 5):4.0%}"
        if self.places:
            text += f"; right lines first {self.share(self.places, 1):4.0%}, in 5 {self.share(self.places, 5):4.0%}"
        return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--questions", type=int, default=40, help="of each kind")
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), given.files, given.questions, given.seed))


async def measure(folder: Path, files: int, questions: int, seed: int) -> None:
    root = folder / "code"
    asked = laid_out(root, files, questions, seed)
    here = [path for path in root.rglob("*.py")]
    lines = sum(path.read_bytes().count(b"\n") for path in here)
    size = sum(path.stat().st_size for path in here)
    print(f"{len(here)} files, {lines:,} lines, {size / 1e6:.0f} MB; {len(asked)} questions")
    repository = await open_repository(root, folder / "state")
    tree = (await repository.snapshot()).tree
    tools = find_toolchains("/usr/bin:/bin", root, folder, virtual_env=None, own_prefix=Path(sys.prefix))
    spec = SandboxSpec(workspace=root, lower=(root,), upper=None, read_only=True, toolchains=tools)
    async with Bubblewrap(folder / "sandbox").open(spec) as sandbox:
        await first_question(repository, tree, sandbox, asked)
        await build(repository, tree)
        await every_question(repository, tree, sandbox, asked)


async def first_question(repository: Repository, tree: str, sandbox: Sandbox, asked: Sequence[Question]) -> None:
    """Questions to a repository that nobody has asked about before."""
    score = Score()
    for question in asked[:: max(len(asked) // 10, 1)]:
        index = Index(repository, tree)
        try:
            await timed(score, question, lambda one=index, text=question.text: places(one, sandbox, text))
        finally:
            await index.close()
            forget(repository)
    print(score.row("first question ever"))


def forget(repository: Repository) -> None:
    for file in (repository.state / "index").iterdir():
        file.unlink()


async def build(repository: Repository, tree: str) -> None:
    index = Index(repository, tree)
    began, used = time.perf_counter(), processors()
    await index.read_all()
    seconds, used = time.perf_counter() - began, processors() - used
    await index.close()
    size = sum(file.stat().st_size for file in (repository.state / "index").iterdir())
    print(
        f"building it all, in the background: {seconds:.1f} s, {used:.1f} s of processors, {size / 1e6:.0f} MB on disk"
    )


async def every_question(repository: Repository, tree: str, sandbox: Sandbox, asked: Sequence[Question]) -> None:
    """Each question opens the index anew, as another process would."""
    for kind in KINDS:
        ours, peer = Score(), Score()
        for question in asked:
            if question.kind != kind:
                continue
            index = Index(repository, tree)
            try:
                await timed(ours, question, lambda one=index, text=question.text: places(one, sandbox, text))
            finally:
                await index.close()
            by_count(repository.root, question, peer)
        print(ours.row(f"{kind}: index"))
        print(peer.row(f"{kind}: ripgrep"))
        print(f"{kind}: index / ripgrep: {ratios(ours, peer)}")


def ratios(ours: Score, peer: Score) -> str:
    def ratio(most: int) -> str:
        there = peer.share(peer.files, most)
        return f"{ours.share(ours.files, most) / there:.1f}" if there else "∞"

    seconds = statistics.median(ours.seconds) / statistics.median(peer.seconds)
    return f"right file first × {ratio(1)}, in 5 × {ratio(5)}; seconds × {seconds:.1f}"


async def timed(score: Score, question: Question, find: Callable[[], Awaitable[list[Place]]]) -> None:
    began, used = time.perf_counter(), processors()
    found = await find()
    score.seconds.append(time.perf_counter() - began)
    score.processor.append(processors() - used)
    score.files.append(rank(list(dict.fromkeys(place.path for place in found)), question.path))
    score.places.append(rank([question.at(place) for place in found], True))


def processors() -> float:
    """Seconds that this process and its children have used."""
    whose = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in whose)


def by_count(root: Path, question: Question, score: Score) -> None:
    patterns = [f"--regexp={word}" for word in stems(question.text)]
    began, used = time.perf_counter(), processors()
    done = subprocess.run(
        [RIPGREP, "--count-matches", "--ignore-case", "--fixed-strings", "--null", *patterns, "--", "."],
        **{"cwd": root, "capture_output": True, "check": False},
    )
    counts = [row.split(b"\0") for row in done.stdout.splitlines()]
    order = [path.decode().removeprefix("./") for path, count in sorted(counts, key=lambda one: (-int(one[1]), one[0]))]
    score.seconds.append(time.perf_counter() - began)
    score.processor.append(processors() - used)
    score.files.append(rank(order, question.path))


def rank(found: Sequence[object], right: object) -> int:
    return found.index(right) + 1 if right in found else NOWHERE


def laid_out(root: Path, files: int, questions: int, seed: int) -> list[Question]:
    """Copy files, without the docstrings of half of the functions that are asked for."""
    picked = random.Random(seed)
    sources = sorted({*Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"), *Path(sys.prefix).rglob("*.py")})
    sources = [source for source in sources if "journeyman" not in source.parts]
    picked.shuffle(sources)
    asked: list[Question] = []
    base = Path(sys.base_prefix)
    for source in sources[:files]:
        text = source.read_text(errors="replace")
        anchor = Path(sys.prefix) if source.is_relative_to(sys.prefix) else base
        path = str(source.relative_to(anchor)) if source.is_relative_to(anchor) else source.name
        found = list(_functions(text)) if len(asked) < 2 * questions and "test" not in path else []
        if found:
            function, sentence = picked.choice(found)
            kind = KINDS[len(asked) % 2]
            text = _without(text, function) if kind == KINDS[0] else text
            question = _reworded(sentence, function.name, thin=kind == KINDS[1])
            if len(wanted(question)) >= WORDS:
                asked.append(Question(kind, question, path, function.lineno, function.end_lineno or function.lineno))
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    subprocess.run(["git", "init", "-q", root], check=True)
    return asked


def _without(text: str, function: ast.FunctionDef) -> str:
    docstring = function.body[0]
    lines = text.split("\n")
    for at in range(docstring.lineno - 1, docstring.end_lineno or docstring.lineno):
        lines[at] = ""
    return "\n".join(lines)


def _reworded(sentence: str, name: str, *, thin: bool) -> str:
    """A sentence without the words of a name, and, to make it `thin`, without every third word that is looked for."""
    own = {*stems(name.replace("_", " ")), *parts(name)}
    kept: list[str] = []
    count = 0
    for word in sentence.split():
        roots = {*stems(word), *parts(word)}
        if roots & own:
            continue
        count += bool(wanted(word))
        if thin and wanted(word) and count % 3 == 0:
            continue
        kept.append(word)
    return " ".join(kept)


def _functions(text: str) -> Iterator[tuple[ast.FunctionDef, str]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (doc := ast.get_docstring(node)) and len(node.body) > 1:
            yield node, doc.split("\n\n")[0].replace("\n", " ").split(". ")[0]


if __name__ == "__main__":
    main()
