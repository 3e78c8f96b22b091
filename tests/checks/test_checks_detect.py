"""Which commands are taken as checks."""

import json
from collections.abc import Mapping

import pytest

from journeyman.checks.detect import find_checks, runner_of
from journeyman.core.evidence import Check

PYTEST, UNITTEST = "def test_a():\n    pass\n", "import unittest\n\nclass T(unittest.TestCase):\n    pass\n"


async def found(files: Mapping[str, str]) -> list[tuple[str, str | None]]:
    async def get(path: str) -> bytes | None:
        return files[path].encode() if path in files else None

    checks = await find_checks(tuple(files), get, seconds=60.0)
    assert all(check.source == "detected" and check.timeout == 60.0 for check in checks)
    return [(check.command, check.runner) for check in checks]


def package(test: str, **scripts: str) -> str:
    return json.dumps({"scripts": {"test": test, **scripts}})


@pytest.mark.parametrize(
    ("files", "checks"),
    [
        ({"tests/test_a.py": PYTEST}, [("python3 -m pytest -q", "pytest")]),
        ({"a_test.py": "import pytest\n"}, [("python3 -m pytest -q", "pytest")]),
        ({"tests/test_a.py": UNITTEST, "conftest.py": ""}, [("python3 -m pytest -q", "pytest")]),
        (
            {"test_a.py": UNITTEST, "pyproject.toml": "[tool.pytest.ini_options]\n"},
            [("python3 -m pytest -q", "pytest")],
        ),
        ({"src/app/__init__.py": "", "tests/test_a.py": PYTEST}, [("PYTHONPATH=src python3 -m pytest -q", "pytest")]),
        (
            {"src/app/__init__.py": "", "tests/test_a.py": PYTEST, "pytest.ini": "[pytest]\npythonpath = src\n"},
            [("python3 -m pytest -q", "pytest")],
        ),
        ({"tests/test_a.py": UNITTEST, "tests/__init__.py": ""}, [("python3 -m unittest", "unittest")]),
        ({"test_a.py": UNITTEST}, [("python3 -m unittest", "unittest")]),
        ({"tests/test_a.py": UNITTEST}, [("python3 -m unittest discover -s tests", "unittest")]),
        ({"a_test.py": UNITTEST}, [("python3 -m unittest discover -p '*_test.py'", "unittest")]),
        ({"package.json": package("jest")}, [("npm test", "node")]),
        ({"package.json": package("node --test test/")}, [("node --test test/", "node")]),
        ({"package.json": package("node --test", pretest="tsc")}, [("npm test", "node")]),
        ({"package.json": package('echo "Error: no test specified" && exit 1')}, []),
        ({"package.json": "[" * 50_000}, []),
        ({"package.json": '{"scripts": [1]}', "a.test.mjs": ""}, [("node --test", "node")]),
        ({"web/package.json": package("vitest run")}, [("cd web && npm test", "node")]),
        ({"node_modules/x/test/a.test.js": "", "node_modules/x/package.json": package("x")}, []),
        ({"go.mod": "module x", "a_test.go": ""}, [("go test ./...", "go")]),
        ({"go.mod": "module x", "a.go": ""}, []),
        ({"Cargo.toml": "", "src/lib.rs": "#[test]\nfn a() {}"}, [("cargo test", "cargo")]),
        ({"Cargo.toml": "", "src/main.rs": "fn main() {}"}, []),
        ({"Makefile": "all:\n\ntest: all\n\t./run\n"}, [("make test", "make")]),
        ({"Makefile": "test := 3\ncheck:\n\t./run\n"}, [("make check", "make")]),
        ({"Makefile": "test:\n\tpytest\n", "test_a.py": PYTEST}, [("python3 -m pytest -q", "pytest")]),
        (
            {"tests/test_a.py": PYTEST, "package.json": package("jest")},
            [("python3 -m pytest -q", "pytest"), ("npm test", "node")],
        ),
        ({"README.md": "", "main.py": "print(1)"}, []),
    ],
)
async def test_detection(files: dict[str, str], checks: list[tuple[str, str]]) -> None:
    assert await found(files) == checks


async def test_the_first_source_that_has_any_is_taken() -> None:
    async def get(path: str) -> bytes | None:
        return PYTEST.encode()

    async def checks(**sources: tuple[str, ...]) -> list[tuple[str, str]]:
        given = await find_checks(["test_a.py"], get, seconds=9.0, **sources)
        return [(check.source, check.command) for check in given]

    assert await checks(flags=("a", " "), configured=("b",), rule_commands=("c",)) == [("flag", "a")]
    assert await checks(configured=("b", "b"), rule_commands=("c",)) == [("environment", "b")]
    assert await checks(rule_commands=("c", "d")) == [("AGENTS.md", "c"), ("AGENTS.md", "d")]
    assert await checks() == [("detected", "python3 -m pytest -q")]


async def test_a_given_command_keeps_its_text_and_gets_its_runner() -> None:
    async def get(path: str) -> bytes | None:
        return None

    assert await find_checks((), get, flags=(" uv run pytest -x ",), seconds=5.0) == (
        Check(command="uv run pytest -x", source="flag", runner="pytest", timeout=5.0),
    )


@pytest.mark.parametrize(
    ("command", "runner"),
    [
        ("python -m pytest -q", "pytest"),
        ("uv run pytest", "pytest"),
        ("/opt/venv/bin/python3.12 -W error -m pytest", "pytest"),
        ("poetry run python -m pytest", "pytest"),
        ("coverage run --source=x -m pytest", "pytest"),
        ("pip install -e . && FOO=1 pytest tests", "pytest"),
        ("timeout 60 python -m unittest discover", "unittest"),
        ("cd web && npm run test:unit", "node"),
        ("node --test", "node"),
        ("npx vitest run", "node"),
        ("jest --ci", "node"),
        ("npx mocha", "node"),
        ("go test ./...", "go"),
        ("cargo +nightly test", "cargo"),
        ("make check", "make"),
        ("tox", None),
        ("./run_tests.sh pytest", None),
        ("npm run build", None),
        ("go vet ./...", None),
        ("node server.js --test", None),
        ('bash -c "pytest', None),
        ("", None),
    ],
)
def test_runners(command: str, runner: str | None) -> None:
    assert runner_of(command) == runner


@pytest.mark.timeout(120)
@pytest.mark.parametrize("text", ["\n", " ", "test\n", "[", "import ", '{"scripts":'])
async def test_hostile_files_take_no_time(text: str) -> None:
    names = ("test_a.py", "src/a.py", "pyproject.toml", "package.json", "Cargo.toml", "a.rs", "Makefile", "go.mod")
    checks = await found(dict.fromkeys(names, text * 300_000))
    assert checks[0] == ("PYTHONPATH=src python3 -m pytest -q", "pytest")
