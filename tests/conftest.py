"""Fixtures that every test may use: git repositories, and the program as a person starts it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from journeyman.testing.postgres import PostgresServer, postgres_server
from journeyman.testing.s3 import S3Server, s3_server

Files = Mapping[str, str]
MakeRepository = Callable[[Files], Path]

_PLUGINS = ("schemathesis", "hypothesispytest", "anyio", "asyncio", "timeout", "xdist", "xdist.looponfail")
_WITHOUT = " ".join(f"-p no:{plugin}" for plugin in _PLUGINS)
PLAIN_PYTEST = {"pytest.ini": f"[pytest]\naddopts = {_WITHOUT}\n"}
"""For repositories whose tests are run: without the plugins of this environment, which take seconds to be loaded."""

WITHOUT_PLUGINS = {"PYTEST_ADDOPTS": _WITHOUT}
"""The same for a sandbox, where tests are run that are told of no configuration of their own."""

TOGETHER = {
    "tests/web/": "web",
    "tests/models/test_models_local_server": "embedded model",
    "tests/e2e/test_e2e_local": "embedded model",
    "tests/sandbox/test_sandbox_container": "containers",
    "tests/sandbox/test_sandbox_ordinary.py::test_the_contract_with_an_ordinary_users_own_podman": "containers",
}
"""Tests whose names begin so run one after the other in one process, which starts what they share once."""

FIRST = (
    "tests/e2e/test_e2e_resume.py::test_killed_anywhere",
    "tests/sandbox/test_sandbox_ordinary.py::test_the_contract_as",
    "tests/server/test_server_schema.py",
    "tests/evals/test_evals_run.py::test_no_kind_of_set",
    "tests/docs/test_docs_tutorial.py",
    "tests/agent/test_agent_repair_differ.py::test_edits",
    "tests/agent/test_agent_repair_strategy.py::test_an_endless",
    "tests/agent/test_agent_repair_javascript.py::test_an_endless",
)
"""Tests whose names begin so take longest: begun last, one of them would keep the others' processes idle at the end."""

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "VIRTUAL_ENV")


class Grouped(LoadScopeScheduling):
    """Hands tests to workers one by one, and those of a group to one of them."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for beginning, group in TOGETHER.items() if nodeid.startswith(beginning)), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Grouped:
    return Grouped(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups are begun first, since they are of many tests; of the others, the longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


def git(folder: Path, *arguments: str) -> str:
    """Run git as a person called Test would."""
    who = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def lay(folder: Path, files: Files) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="session")
def postgres() -> Generator[PostgresServer]:
    """A PostgreSQL server, started where a test first needs one."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def description() -> dict[str, Any]:
    """What the service says of its API, the OpenAPI document: two seconds' work. Not to be changed."""
    from journeyman.server.auth.gate import SignIn
    from journeyman.server.parts import Parts
    from journeyman.server.service import create_service

    nothing: Any = None  # to describe itself, the application needs no store
    return create_service(Parts(nothing, nothing, Path("/"), time.time, "m"), SignIn(open=True)).openapi()


@pytest.fixture(scope="session")
def s3() -> Generator[S3Server]:
    """An S3 server, started where a test first needs one. Its `environ` has to be set by whoever uses it."""
    with s3_server() as server:
        yield server


@pytest.fixture
def make_repository(tmp_path: Path) -> MakeRepository:
    """Makes a repository of one commit of these files, at `tmp_path/repository`."""

    def make(files: Files) -> Path:
        folder = tmp_path / "repository"
        folder.mkdir()
        lay(folder, files)
        git(folder, "init", "-q")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", "The beginning")
        return folder

    return make


@dataclass(frozen=True, slots=True)
class Finished:
    """A run of the program that has ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Stdout as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def _heed_interrupts() -> None:
    """Undo what a background job of a shell, or nohup, starts with: signals ignored, for its children too."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@dataclass(slots=True)
class Program:
    """`journeyman`, with a state directory of its own."""

    home: Path
    env: dict[str, str] = field(default_factory=dict[str, str])

    def configure(self, text: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "config.toml").write_text(text)

    def use(self, base_url: str, wire: str = "responses", more: str = "") -> None:
        """Make a scripted server the model."""
        self.configure(
            f'model = "box"\n{more}\n[models.box]\nwire = "{wire}"\nbase_url = "{base_url}"\nname = "scripted"\n'
        )

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in KEYS}
        return kept | {"JOURNEYMAN_HOME": str(self.home), "COLUMNS": "120"} | self.env

    async def start(
        self, *arguments: str | Path, cwd: Path | None = None, stdin: int = subprocess.DEVNULL
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "journeyman.cli.main", *arguments),
            env=self.environ,
            cwd=cwd,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_heed_interrupts,
        )

    async def run(self, *arguments: str | Path, cwd: Path | None = None, typed: str | None = None) -> Finished:
        """Run it to its end; `typed` is what comes on its stdin."""
        if typed is None:
            process = await self.start(*arguments, cwd=cwd)
            out, err = await process.communicate()
        else:
            process = await self.start(*arguments, cwd=cwd, stdin=subprocess.PIPE)
            out, err = await process.communicate(typed.encode())
        assert process.returncode is not None
        return Finished(process.returncode, out.decode(), err.decode())


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")
