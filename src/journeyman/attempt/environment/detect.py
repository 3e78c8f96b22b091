"""What a repository needs installed, told from its lock files and manifests.

Only texts are looked at; what they say is not trusted with anything but the choice of commands, which run in a sandbox.
"""

import json
import posixpath
import re
import shlex
import tomllib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from journeyman.core.environment import Environment, Script
from journeyman.core.environment_file import INDEXES, slug
from journeyman.core.text import decode

Get = Callable[[str], Awaitable[bytes | None]]
"""The bytes of a file of the tree by its path; None when it is missing or too large."""

_LOCKS = (
    *("uv.lock", "poetry.lock", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"),
    *("go.sum", "Cargo.lock", "gradle.lockfile", "Gemfile.lock"),
)
_MANIFESTS = (
    *("pyproject.toml", "setup.py", "setup.cfg", "package.json", "go.mod", "Cargo.toml", "pom.xml", "Gemfile"),
    *("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "pnpm-workspace.yaml"),
    *(".yarnrc.yml", ".python-version", ".nvmrc", ".tool-versions", "rust-toolchain", "rust-toolchain.toml"),
)
_REQUIREMENTS = re.compile(r"(?:requirements/)?[\w.-]*\.(?:txt|in)\Z")
_NAMED_REQUIREMENTS = re.compile(r"(?:[\w.-]*[_.-])?requirements?(?:[_.-][\w.-]*)?\.txt\Z")
_DEVELOPMENT = ("dev", "development", "test", "tests", "testing", "ci", "all", "base", "main", "prod")
_FOR = frozenset(_DEVELOPMENT)
_EXTRAS = ("dev", "test", "tests", "testing")
_NO_ROOT = re.compile(r"(?:\.|_|docs?|examples?|tests?|fixtures?|vendor|third_party|node_modules|benchmarks?)", re.I)
_PYTHON_TEST = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")
_PYTEST = re.compile(r"(?im)^\s*[\"']?pytest\b|\bpytest\s*[<>=~!\"']")
MOST_FOLDERS = 6

VENV = '''\
if [ ! -x "$HOME/.venv/bin/python" ]; then
  rm -rf "$HOME/.venv"
  python3 -m venv "$HOME/.venv"
fi
export VIRTUAL_ENV="$HOME/.venv" PATH="$HOME/.venv/bin:$PATH"'''


@dataclass(frozen=True, slots=True)
class Detected:
    """An environment made of what was found, and that in a few words ("pip (requirements.txt), npm")."""

    environment: Environment
    summary: str


def depends_on(paths: Iterable[str], script: str = "") -> tuple[str, ...]:
    """The files whose content decides what a set-up installs: locks and manifests of the root and of the folders in
    it, and the repository's own files that `script` names."""
    named = {posixpath.normpath(word) for word in _words(script)}
    return tuple(sorted(path for path in paths if _matters(path) or path in named))


def _matters(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if path.count("/") > 2:
        return False
    if "/" in folder:
        return folder.endswith("/requirements") and bool(_REQUIREMENTS.match(name))
    if folder == "requirements":
        return bool(_REQUIREMENTS.match(name))
    return name in _LOCKS or name in _MANIFESTS or bool(_NAMED_REQUIREMENTS.match(name))


def _words(script: str) -> Sequence[str]:
    try:
        return [word.strip(";&|()") for word in shlex.split(script, comments=True)]
    except ValueError:
        return script.split()


async def detect(name: str, paths: Sequence[str], get: Get) -> Detected | None:
    """The environment of a repository called `name`; None when there is nothing to install."""
    steps: list[_Step] = []
    for folder in _folders(paths):
        steps += await _Folder(folder, _below(paths, folder), get).steps()
    if not steps:
        return None
    parts: list[str] = ["set -e"]
    if any(step.python for step in steps):
        parts.append(VENV)
    at = ""
    for step in steps:
        if step.folder != at:
            back = "cd - >/dev/null\n" if at else ""
            parts.append(f"{back}cd {shlex.quote(step.folder)}" if step.folder else back.rstrip())
            at = step.folder
        parts.append(step.script)
    environment = Environment(name=slug(name), setup=Script(script="\n".join(parts) + "\n", network=INDEXES))
    return Detected(environment, ", ".join(dict.fromkeys(step.what for step in steps)))


@dataclass(frozen=True, slots=True)
class _Step:
    folder: str
    what: str
    script: str
    python: bool = False


def _folders(paths: Sequence[str]) -> list[str]:
    """The root, and those folders in it that have a lock of their own."""
    locked = {
        path.partition("/")[0]
        for path in paths
        if path.count("/") == 1 and (path.rpartition("/")[2] in _LOCKS or path.endswith("/requirements.txt"))
    }
    return ["", *sorted(folder for folder in locked if not _NO_ROOT.match(folder))[:MOST_FOLDERS]]


def _below(paths: Sequence[str], folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    return [path.removeprefix(start) for path in paths if path.startswith(start)]


def _guarded(program: str, lock: str, script: str, missing: str = "") -> str:
    """A step that is left out, with a word, where its program is not there."""
    body = "\n".join(f"  {line}" for line in script.splitlines())
    get = f"elif command -v npm >/dev/null; then\n  {missing}\n{body}\n" if missing else ""
    return (
        f"if command -v {program} >/dev/null; then\n{body}\n{get}"
        f"else\n  echo {shlex.quote(f'{program} is not installed here, so {lock} is left out.')}\nfi"
    )


@dataclass(slots=True)
class _Folder:
    """A look at one folder; `paths` are relative to it."""

    folder: str
    paths: list[str]
    get: Get
    here: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.here = {path for path in self.paths if "/" not in path}

    async def text(self, name: str) -> str:
        data = await self.get(f"{self.folder}/{name}" if self.folder else name)
        return decode(data) if data is not None else ""

    async def steps(self) -> list[_Step]:
        found = [*await self.python(), *await self.node(), *self.others()]
        return [_Step(self.folder, what, script, python) for what, script, python in found]

    def shown(self, *names: str) -> str:
        return ", ".join(f"{self.folder}/{name}" if self.folder else name for name in names)

    # ------------------------------------------------------------ Python

    async def python(self) -> list[tuple[str, str, bool]]:
        if "uv.lock" in self.here:
            script = (
                "command -v uv >/dev/null || python -m pip install -q uv\n"
                'UV_PROJECT_ENVIRONMENT="$HOME/.venv" uv sync --frozen --inexact'
            )
            return [(f"uv ({self.shown('uv.lock')})", script, True)]
        if "poetry.lock" in self.here:
            script = (
                'python3 -m venv "$HOME/.poetry"\n"$HOME/.poetry/bin/python" -m pip install -q poetry\n'
                '"$HOME/.poetry/bin/poetry" install --no-interaction'
            )
            return [(f"poetry ({self.shown('poetry.lock')})", script, True)]
        return await self.pip()

    async def pip(self) -> list[tuple[str, str, bool]]:
        files = self.requirements()
        texts = [await self.text(file) for file in files]
        lines = [f"python -m pip install -r {shlex.quote(file)}" for file in files]
        project = await self.project()
        if project is not None:
            words, sources = project
            lines += words
            texts.append(sources)
            files = [*files, "pyproject.toml" if "pyproject.toml" in self.here else "setup.py"]
        if not lines:
            return []
        tests = any(_PYTHON_TEST.search(path) for path in self.paths)
        if tests and not any(_PYTEST.search(text) for text in texts):
            lines.append("python -m pip install pytest  # the tests look as if they need it")
        return [(f"pip ({self.shown(*files)})", "\n".join(lines), True)]

    def requirements(self) -> list[str]:
        """requirements.txt and what is for development beside it, or the widest of a folder of them."""
        found = sorted(name for name in self.here if _NAMED_REQUIREMENTS.match(name))
        wanted = [
            name for name in found if {*re.split(r"[_.-]", name)} - {"requirements", "requirement", "txt"} <= _FOR
        ]
        if wanted:
            return sorted(wanted, key=lambda name: (name != "requirements.txt", name))
        below = {path for path in self.paths if path.startswith("requirements/") and path.count("/") == 1}
        return [f"requirements/{name}.txt" for name in _DEVELOPMENT if f"requirements/{name}.txt" in below][:1]

    async def project(self) -> tuple[list[str], str] | None:
        """How the package itself is installed, with what it wants for its tests; None when it is no package."""
        text = await self.text("pyproject.toml") if "pyproject.toml" in self.here else ""
        try:
            about: dict[str, Any] = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            about = {}
        groups = _groups(about.get("dependency-groups"))
        lines: list[str] = []
        is_package = isinstance(about.get("project"), dict) or "build-system" in about
        if is_package or self.here & {"setup.py"}:
            project = cast("dict[str, Any]", about.get("project")) if isinstance(about.get("project"), dict) else {}
            optional = project.get("optional-dependencies")
            names = [name for name in _EXTRAS if isinstance(optional, dict) and name in optional]
            extras = f"[{','.join(names)}]" if names else ""
            lines.append(f"python -m pip install -e {shlex.quote('.' + extras)}")
        if groups:
            lines.append(f"python -m pip install {shlex.join(groups)}")
        return (lines, text) if lines else None

    # ------------------------------------------------------------ Node

    async def node(self) -> list[tuple[str, str, bool]]:
        if "pnpm-lock.yaml" in self.here:
            get = 'npm install -g --prefix "$HOME/.local" pnpm && export PATH="$HOME/.local/bin:$PATH"'
            script = _guarded("pnpm", "pnpm-lock.yaml", "pnpm install --frozen-lockfile", get)
            return [(f"pnpm ({self.shown('pnpm-lock.yaml')})", script, False)]
        if "yarn.lock" in self.here:
            berry = ".yarnrc.yml" in self.here or "__metadata:" in await self.text("yarn.lock")
            install = "yarn install --immutable" if berry else "yarn install --frozen-lockfile --non-interactive"
            get = 'npm install -g --prefix "$HOME/.local" yarn && export PATH="$HOME/.local/bin:$PATH"'
            return [(f"yarn ({self.shown('yarn.lock')})", _guarded("yarn", "yarn.lock", install, get), False)]
        for lock in ("npm-shrinkwrap.json", "package-lock.json"):
            if lock in self.here:
                return [(f"npm ({self.shown(lock)})", _guarded("npm", lock, "npm ci --no-audit --no-fund"), False)]
        if "package.json" in self.here and _wants_packages(await self.text("package.json")):
            script = _guarded("npm", "package.json", "npm install --no-package-lock --no-audit --no-fund")
            return [(f"npm ({self.shown('package.json')})", script, False)]
        return []

    # ------------------------------------------------------------ the others

    def others(self) -> list[tuple[str, str, bool]]:
        found: list[tuple[str, str, bool]] = []
        if "go.sum" in self.here:
            script = _guarded("go", "go.sum", "GOFLAGS=-modcacherw go mod download")
            found.append((f"go ({self.shown('go.sum')})", script, False))
        if "Cargo.lock" in self.here:
            script = _guarded("cargo", "Cargo.lock", "cargo fetch --locked")
            found.append((f"cargo ({self.shown('Cargo.lock')})", script, False))
        if "pom.xml" in self.here:
            maven = "./mvnw" if "mvnw" in self.here else "mvn"
            script = _guarded(maven, "pom.xml", f"{maven} -B -q -DskipTests dependency:go-offline")
            found.append((f"maven ({self.shown('pom.xml')})", script, False))
        builds = sorted(self.here & {"build.gradle", "build.gradle.kts"})
        if builds:
            gradle = "./gradlew" if "gradlew" in self.here else "gradle"
            script = _guarded(gradle, builds[0], f"{gradle} --no-daemon --console=plain testClasses")
            lock = ["gradle.lockfile"] if "gradle.lockfile" in self.here else []
            found.append((f"gradle ({self.shown(*builds, *lock)})", script, False))
        if "Gemfile.lock" in self.here:
            install = 'bundle config set --global path "$HOME/.gems"\nbundle install'
            found.append(
                (f"bundler ({self.shown('Gemfile.lock')})", _guarded("bundle", "Gemfile.lock", install), False)
            )
        return found


def _wants_packages(text: str) -> bool:
    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(about, dict):
        return False
    return any(cast("dict[str, object]", about).get(key) for key in ("dependencies", "devDependencies"))


def _groups(groups: object) -> list[str]:
    """The requirements of the groups that are for development and tests."""
    if not isinstance(groups, dict):
        return []
    table = cast("dict[str, object]", groups)
    found: dict[str, None] = {}
    waiting = [name for name in _EXTRAS if name in table]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        entries = table.get(name)
        if name in seen or not isinstance(entries, list):
            continue
        seen.add(name)
        for entry in cast("list[object]", entries):
            if isinstance(entry, str):
                found[entry] = None
            elif isinstance(entry, dict) and isinstance(
                more := cast("dict[str, object]", entry).get("include-group"), str
            ):
                waiting.append(more)
    return list(found)
