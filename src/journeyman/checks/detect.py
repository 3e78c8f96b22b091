"""Which commands tell whether the work is right: given by the person, by AGENTS.md, or found in the tree."""

import json
import posixpath
import re
import shlex
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any, Literal, cast

from journeyman.core.evidence import Check
from journeyman.core.text import decode

Runner = Literal["pytest", "unittest", "node", "go", "cargo", "make"]
Get = Callable[[str], Awaitable[bytes | None]]
"""The bytes of a file of the tree by its path; None when it is missing or too large."""

MAX_PATHS = 200_000
MAX_FILE = 512 * 1024
SAMPLE = 24  # test files that are looked into
_SKIPPED = re.compile(r"(^|/)(node_modules|vendor|third_party|\.venv|venv|\.git|\.tox|dist|build|target)/")
_PYTHON_TEST = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
_NODE_TEST = re.compile(r"(^|/)([^/]*[.\-_]test\.[cm]?js|test-[^/]*\.[cm]?js|test\.[cm]?js|test/.*\.[cm]?js)$")
_WRAPPERS = frozenset(
    [
        "run",
        "exec",
        "env",
        "nice",
        "time",
        "timeout",
        "command",
        "xvfb-run",
        "uv",
        "uvx",
        "poetry",
        "pdm",
        "pipenv",
        "rye",
        "hatch",
        "npx",
    ]
)
_BY_MODULE: dict[str, Runner] = {"pytest": "pytest", "py.test": "pytest", "unittest": "unittest"}
_BY_PROGRAM: dict[str, tuple[Runner, str | None]] = {
    "pytest": ("pytest", None),
    "py.test": ("pytest", None),
    "make": ("make", None),
    "go": ("go", "test"),
    "cargo": ("cargo", "test|t|nextest"),
    "node": ("node", "--test.*"),
    "vitest": ("node", None),
    "jest": ("node", None),
    "mocha": ("node", None),
    "npm": ("node", "t|tst|test.*"),
    "yarn": ("node", "t|test.*"),
    "pnpm": ("node", "t|test.*"),
}
"""The runner that a program is, and by which of its first words."""


async def find_checks(
    paths: Sequence[str],
    get: Get,
    *,
    flags: Sequence[str] = (),
    configured: Sequence[str] = (),
    rule_commands: Sequence[str] = (),
    seconds: float,
) -> tuple[Check, ...]:
    """The checks of a repository, by the first source that has any; each may take `seconds`.

    `flags` are the person's own, `configured` come from the environment or the settings, `rule_commands` from
    AGENTS.md. Without them the tree (`paths` relative to its root, `get`) is looked at; what it holds is not trusted
    with anything but the choice of a command, which runs in the sandbox.
    """
    sources: tuple[tuple[Literal["flag", "environment", "AGENTS.md"], Sequence[str]], ...] = (
        ("flag", flags),
        ("environment", configured),
        ("AGENTS.md", rule_commands),
    )
    for source, commands in sources:
        given = [command.strip() for command in commands if command.strip()]
        if given:
            return tuple(
                Check(command=command, source=source, runner=runner_of(command), timeout=seconds)
                for command in dict.fromkeys(given)
            )
    found = await _Detection(paths, get).commands()
    return tuple(Check(command=command, source="detected", runner=runner, timeout=seconds) for command, runner in found)


def runner_of(command: str) -> Runner | None:
    """The test runner that a command line starts, as far as its words tell."""
    for part in re.split(r"&&|\|\||;|\||\n", command):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            words = part.split()
        if (runner := _runner_of_words(words)) is not None:
            return runner
    return None


def _runner_of_words(words: Sequence[str]) -> Runner | None:
    for number, word in enumerate(words):
        name, rest = posixpath.basename(word), words[number + 1 :]
        if re.fullmatch(r"(python|pypy)[\d.]*|coverage", name):
            if "-m" in rest[:-1]:
                return _BY_MODULE.get(rest[rest.index("-m") + 1])
            if name != "coverage":
                return None
        elif name in _BY_PROGRAM:
            runner, first = _BY_PROGRAM[name]
            options = list(takewhile(lambda other: other.startswith("-"), rest)) if name == "node" else rest[:3]
            return runner if first is None or any(re.fullmatch(first, other) for other in options) else None
        elif not (word.startswith("-") or "=" in word or name in _WRAPPERS or re.fullmatch(r"[\d.]+[smh]?", name)):
            return None
    return None


class _Detection:
    """A look at one tree."""

    def __init__(self, paths: Iterable[str], get: Get) -> None:
        self.paths = [path for path, _ in zip(paths, range(MAX_PATHS), strict=False) if not _SKIPPED.search(path)]
        self.known = set(self.paths)
        self.get = get

    async def text(self, path: str) -> str:
        data = await self.get(path) if path in self.known else None
        return decode(data[:MAX_FILE]) if data else ""

    async def commands(self) -> list[tuple[str, Runner]]:
        found = await self._python()
        for folder in self._folders("package.json"):
            for command in await self._node(folder):
                found.append((_within(folder, command), "node"))
        if not any(runner == "node" for _, runner in found) and any(_NODE_TEST.search(path) for path in self.paths):
            found.append(("node --test", "node"))
        for folder in self._folders("go.mod"):
            if any(_below(path, folder) and path.endswith("_test.go") for path in self.paths):
                found.append((_within(folder, "go test ./..."), "go"))
        for folder in self._folders("Cargo.toml"):
            if await self._cargo(folder):
                found.append((_within(folder, "cargo test"), "cargo"))
        return found or await self._make()

    def _folders(self, name: str) -> list[str]:
        """Where a project of this kind begins: the root, else up to three folders right below it."""
        if name in self.known:
            return [""]
        return sorted(
            path[: -len(name) - 1] for path in self.paths if path.count("/") == 1 and path.endswith("/" + name)
        )[:3]

    async def _python(self) -> list[tuple[str, Runner]]:
        tests = sorted((path for path in self.paths if _PYTHON_TEST.search(path)), key=lambda path: path.count("/"))
        if not tests:
            return []
        configured = await self._pytest_configured()
        unittest = False
        if not configured:
            for path in tests[:SAMPLE]:
                text = await self.text(path)
                if re.search(r"^[ \t]*(import|from) pytest\b|^(async )?def test", text, re.MULTILINE):
                    configured = True
                    break
                unittest = unittest or re.search(r"^[ \t]*(import|from) unittest\b", text, re.MULTILINE) is not None
        if configured or not unittest:
            return [(await self._source_path() + "python3 -m pytest -q", "pytest")]
        return [(self._unittest(tests), "unittest")]

    async def _pytest_configured(self) -> bool:
        if any(
            path in ("pytest.ini", ".pytest.ini") or posixpath.basename(path) == "conftest.py" for path in self.paths
        ):
            return True
        for path, section in (
            ("pyproject.toml", "[tool.pytest"),
            ("setup.cfg", "[tool:pytest]"),
            ("tox.ini", "[pytest]"),
        ):
            if section in await self.text(path):
                return True
        return False

    async def _source_path(self) -> str:
        """A package below src/ is tested as it is in the tree, whether or not it is installed."""
        if not any(re.fullmatch(r"src/[^/]+(/__init__)?\.py", path) for path in self.paths):
            return ""
        settings = [await self.text(path) for path in ("pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini")]
        return (
            ""
            if any(re.search(r"^[ \t]*pythonpath[ \t]*=", text, re.MULTILINE) for text in settings)
            else "PYTHONPATH=src "
        )

    def _unittest(self, tests: Sequence[str]) -> str:
        """`python -m unittest` finds packages and the top folder by itself; a plain folder has to be named."""
        suffix = any(path.endswith("_test.py") and not posixpath.basename(path).startswith("test_") for path in tests)
        command = "python3 -m unittest"
        top = tests[0].split("/")[0] if "/" in tests[0] else ""
        if (top and f"{top}/__init__.py" not in self.known) or suffix:
            command += " discover" + (f" -s {shlex.quote(top)}" if top else "")
            command += " -p '*_test.py'" if suffix else ""
        return command

    async def _node(self, folder: str) -> list[str]:
        try:
            package: object = json.loads(await self.text(posixpath.join(folder, "package.json")))
        except (ValueError, RecursionError):
            return []
        scripts = cast(dict[str, Any], package).get("scripts") if isinstance(package, dict) else None
        test = cast(dict[str, Any], scripts).get("test") if isinstance(scripts, dict) else None
        if not isinstance(test, str) or not test.strip() or "no test specified" in test:
            return []
        hooks = {"pretest", "posttest"} & set(cast(dict[str, Any], scripts))
        return [test.strip()] if re.fullmatch(r"node --test[\w ./*'\"-]*", test.strip()) and not hooks else ["npm test"]

    async def _cargo(self, folder: str) -> bool:
        sources = [path for path in self.paths if _below(path, folder) and path.endswith(".rs")]
        if any("/tests/" in "/" + path for path in sources):
            return True
        for path in sources[: 4 * SAMPLE]:
            if "#[test]" in await self.text(path) or "#[tokio::test" in await self.text(path):
                return True
        return False

    async def _make(self) -> list[tuple[str, Runner]]:
        for name in ("GNUmakefile", "makefile", "Makefile"):
            text = await self.text(name)
            for target in ("test", "check"):
                if re.search(rf"^{target}[ \t]*:(?!=)", text, re.MULTILINE):
                    return [(f"make {target}", "make")]
        return []


def _below(path: str, folder: str) -> bool:
    return not folder or path.startswith(folder + "/")


def _within(folder: str, command: str) -> str:
    return f"cd {shlex.quote(folder)} && {command}" if folder else command
