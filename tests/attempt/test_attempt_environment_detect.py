"""What a repository needs installed, from its lock files and manifests."""

import subprocess
from collections.abc import Mapping

import pytest

from journeyman.attempt.environment.detect import Detected, depends_on, detect
from journeyman.core.environment_file import INDEXES


async def look(files: Mapping[str, str]) -> Detected | None:
    async def get(path: str) -> bytes | None:
        return files[path].encode() if path in files else None

    return await detect("shop", sorted(files), get)


def bash(script: str, *options: str) -> list[str]:
    """The lines that a script writes where there are no programs."""
    done = subprocess.run(
        ["/bin/bash", *options, "-c", script], env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("files", "summary", "script"),
    [
        (
            {"requirements.txt": "pytest", "requirements-dev.txt": "", "requirements-docs.txt": "sphinx"},
            "pip (requirements.txt, requirements-dev.txt)",
            ["-m venv", "-r requirements.txt\n", "-r requirements-dev.txt"],
        ),
        (
            {"requirements/base.txt": "", "requirements/test.txt": ""},
            "pip (requirements/test.txt)",
            ["-r requirements/test.txt"],
        ),
        (
            {"pyproject.toml": "[project]\nname='x'\n[project.optional-dependencies]\ntest=['pytest']\ndocs=['y']"},
            "pip (pyproject.toml)",
            ["pip install -e '.[test]'"],
        ),
        (
            {"pyproject.toml": "[dependency-groups]\ndev=['ruff', {include-group='test'}]\ntest=['pytest>=8']"},
            "pip (pyproject.toml)",
            ["pip install ruff 'pytest>=8'"],
        ),
        ({"setup.py": ""}, "pip (setup.py)", ["pip install -e ."]),
        ({"requirements.txt": "flask", "tests/test_a.py": ""}, "pip (requirements.txt)", ["pip install pytest"]),
        ({"uv.lock": "", "pyproject.toml": "[project]"}, "uv (uv.lock)", ["uv sync --frozen"]),
        ({"poetry.lock": "", "pyproject.toml": ""}, "poetry (poetry.lock)", ['poetry" install']),
        ({"package-lock.json": "{}", "package.json": "{}"}, "npm (package-lock.json)", ["npm ci"]),
        ({"npm-shrinkwrap.json": "{}"}, "npm (npm-shrinkwrap.json)", ["npm ci"]),
        ({"package.json": '{"dependencies": {"x": "1"}}'}, "npm (package.json)", ["npm install --no-package-lock"]),
        ({"pnpm-lock.yaml": ""}, "pnpm (pnpm-lock.yaml)", ["pnpm install --frozen-lockfile"]),
        ({"yarn.lock": "# yarn lockfile v1"}, "yarn (yarn.lock)", ["yarn install --frozen-lockfile"]),
        ({"yarn.lock": "__metadata:\n  version: 8"}, "yarn (yarn.lock)", ["yarn install --immutable"]),
        ({"go.sum": "", "go.mod": ""}, "go (go.sum)", ["go mod download"]),
        ({"Cargo.lock": ""}, "cargo (Cargo.lock)", ["cargo fetch --locked"]),
        ({"pom.xml": "", "mvnw": ""}, "maven (pom.xml)", ["./mvnw -B"]),
        (
            {"build.gradle.kts": "", "gradle.lockfile": ""},
            "gradle (build.gradle.kts, gradle.lockfile)",
            ["gradle --no-daemon"],
        ),
        ({"Gemfile.lock": ""}, "bundler (Gemfile.lock)", ["bundle install"]),
        (
            {"requirements.txt": "pytest", "web/package-lock.json": "{}", "examples/yarn.lock": ""},
            "pip (requirements.txt), npm (web/package-lock.json)",
            ["cd web\n"],
        ),
    ],
)
async def test_each_kind_of_lock_is_known(files: dict[str, str], summary: str, script: list[str]) -> None:
    found = await look(files)
    assert found is not None
    assert found.summary == summary
    setup = found.environment.setup
    assert [part for part in script if part not in setup.script] == []
    assert setup.network == INDEXES
    assert bash(setup.script, "-n") == []
    for unwanted in ("requirements-docs", "examples", "docs"):
        assert unwanted not in setup.script


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": "", "main.py": "", "tests/test_main.py": ""},
        {"package.json": '{"name": "x"}'},
        {"package.json": "not json ["},
        {"pyproject.toml": "[tool.ruff]"},
        {"pyproject.toml": "not = [toml"},
        {"examples/shop/requirements.txt": "flask"},
        {"tests/package-lock.json": "{}"},
    ],
)
async def test_where_nothing_is_to_be_installed_there_is_no_environment(files: dict[str, str]) -> None:
    assert await look(files) is None


async def test_a_program_that_is_missing_is_left_out_with_a_word() -> None:
    found = await look({"Gemfile.lock": "", "go.sum": ""})
    assert found is not None
    assert bash(found.environment.setup.script, "-e") == [
        "go is not installed here, so go.sum is left out.",
        "bundle is not installed here, so Gemfile.lock is left out.",
    ]


def test_what_a_set_up_depends_on() -> None:
    paths = [
        *("README.md", "requirements.txt", "requirements/test.txt", "dev-requirements.txt", "src/a.py", "setup.py"),
        *("web/package-lock.json", "web/src/deep/package-lock.json", "scripts/setup.sh", "scripts/other.sh", "go.sum"),
    ]
    assert depends_on(paths, "bash ./scripts/setup.sh --all; true") == (
        "dev-requirements.txt",
        "go.sum",
        "requirements.txt",
        "requirements/test.txt",
        "scripts/setup.sh",
        "setup.py",
        "web/package-lock.json",
    )
