"""A repository's history: which commits may be tasks, by their files alone."""

import posixpath
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from journeyman.core.text import decode, plain
from journeyman.repo.repository import Repository

MOST_FILES = 30
MOST_LINES = 600
"""Source lines that a commit changes at most, added and removed together; what is larger is no one fix."""

LANGUAGES = {
    **dict.fromkeys(("py", "pyi", "pyx"), "python"),
    **dict.fromkeys(("js", "mjs", "cjs", "jsx"), "javascript"),
    **dict.fromkeys(("ts", "tsx", "mts"), "typescript"),
    **dict.fromkeys(("c", "h"), "c"),
    **dict.fromkeys(("cc", "cpp", "cxx", "hpp"), "c++"),
    **{"go": "go", "rs": "rust", "java": "java", "kt": "kotlin", "rb": "ruby", "php": "php", "cs": "c#"},
    **{"scala": "scala", "swift": "swift", "ex": "elixir", "exs": "elixir", "lua": "lua", "sh": "shell"},
}
_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs", "testdata"})
_TEST_NAME = re.compile(
    r"test_.*\.py|.*_tests?\.py|conftest\.py|.*_test\.(go|rb|exs|c|cc|cpp)|.*[.\-_](test|spec)\.[cm]?[jt]sx?"
    r"|test-.*\.[cm]?[jt]sx?|.*(Test|Tests|Spec)\.(java|kt|scala|cs)|.*_spec\.rb"
)
_RUNNABLE = {
    "pytest": re.compile(r"(.*/)?(test_[^/]*|[^/]*_test)\.py"),
    "node": re.compile(r".*\.[cm]?js"),
    "go": re.compile(r".*_test\.go"),
}
_TRAILER = re.compile(
    r"^(signed-off-by|co-authored-by|reviewed-by|acked-by|tested-by|reported-by|change-id|cc|pr-url|reviewed-on|"
    r"(fixes|closes|resolves|refs?|see|issue)\s*:?\s*#?\d+.*|\(cherry picked from .*)[:\s]?.*$",
    re.IGNORECASE,
)
_HEAD = re.compile(rb"([0-9a-f]{40,64}) ([0-9a-f]{40,64})\Z")
_LINE = re.compile(rb"\n?(\d+|-)\t(\d+|-)\t(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit with one parent. `tests` and `sources` are paths that it changes, `others` the rest of them."""

    id: str
    parent: str
    message: str
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    others: tuple[str, ...]
    lines: int

    @property
    def unfit(self) -> str:
        """Why it can be no task, by its files alone; empty when it may be one."""
        if not self.sources:
            return "changes no source"
        if not self.tests:
            return "changes no tests"
        if len(self.sources) + len(self.others) > MOST_FILES or self.lines > MOST_LINES:
            return "too large for one fix"
        return ""

    @property
    def language(self) -> str:
        kinds = Counter(LANGUAGES[path.rpartition(".")[2]] for path in self.sources)
        return kinds.most_common(1)[0][0]

    @property
    def prompt(self) -> str:
        """What the commit says of itself, without what only its forge understands."""
        lines = [line.rstrip() for line in plain(self.message).strip().splitlines()]
        kept = [line for line in lines if not _TRAILER.match(line)]
        text = re.sub(r"\s*\(#\d+\)", "", "\n".join(kept)).strip()
        return text or "Fix the bug that the tests of this change would show."


def is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return bool(_TEST_FOLDERS.intersection(folders)) or _TEST_NAME.fullmatch(name) is not None


def is_source(path: str) -> bool:
    return not is_test(path) and path.rpartition(".")[2] in LANGUAGES and "." in posixpath.basename(path)


async def commits(repository: Repository, ref: str, most: int) -> list[Commit]:
    """The newest commits with one parent that lead to `ref`, at most `most` of them, the newest first."""
    done = await repository.git.run(
        *("log", "--no-merges", "--no-renames", "--no-ext-diff", "--no-textconv", "--numstat", "-z"),
        *("--ignore-submodules=all", f"--max-count={most}", "--format=%x1e%H %P%x1f%B%x1f", ref),
        doing="Reading the history",
    )
    return list(_commits(done.out))


def _commits(data: bytes) -> Iterator[Commit]:
    for record in data.split(b"\x1e"):
        parts = record.split(b"\x1f")
        head = _HEAD.match(parts[0])
        if head is None or len(parts) != 3:  # the first commit, or a message that holds our marks
            continue
        changed: list[tuple[str, int]] = []
        for entry in parts[2].split(b"\0"):
            if (found := _LINE.fullmatch(entry)) is not None:
                lines = sum(int(number) for number in found.groups()[:2] if number.isdigit())
                changed.append((found[3].decode("utf-8", "surrogateescape"), lines))
        paths = [path for path, _ in changed]
        yield Commit(
            id=head[1].decode(),
            parent=head[2].decode(),
            message=decode(parts[1]),
            sources=tuple(path for path in paths if is_source(path)),
            tests=tuple(path for path in paths if is_test(path)),
            others=tuple(path for path in paths if not is_source(path) and not is_test(path)),
            lines=sum(lines for path, lines in changed if is_source(path)),
        )


def narrowed(command: str, runner: str | None, files: Sequence[str]) -> str:
    """`command` for the changed test files alone, where the runner takes files; else as it is."""
    wanted = [path for path in files if runner in _RUNNABLE and _RUNNABLE[runner].fullmatch(path)]
    if not wanted:
        return command
    if runner == "pytest" and "\n" not in command and not re.search(r"[;&|]", command):
        # Else one file that cannot be imported before the fix would make all tests of the others look failing.
        return f"{command} --continue-on-collection-errors {shlex.join(wanted)}"
    if runner == "node" and command.strip() == "node --test":
        return f"node --test {shlex.join(wanted)}"
    if runner == "go" and command.strip() == "go test ./...":
        folders = dict.fromkeys(posixpath.dirname(path) for path in wanted)
        return "go test " + " ".join(shlex.quote(f"./{folder}".rstrip("/")) for folder in folders)
    return command
