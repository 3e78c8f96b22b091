"""A small project on disk, and its checks run in real sandboxes."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from journeyman.checks.detect import runner_of
from journeyman.checks.run import PROBE, run_check
from journeyman.core.errors import SandboxUnavailable
from journeyman.core.evidence import Check, CheckRun, Outcome
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import SandboxSpec
from journeyman.sandbox.toolchains import find_toolchains
from tests.conftest import PLAIN_PYTEST


@dataclass(slots=True)
class Output:
    """Where a run's raw output goes."""

    id: str
    data: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        self.data += data


@dataclass(slots=True)
class Project:
    root: Path
    backend: Bubblewrap
    outputs: list[Output] = field(default_factory=list[Output])

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def spec(self, readable: Iterable[Path]) -> SandboxSpec:
        folders = (f"{sys.prefix}/bin", str(Path.home() / ".cargo/bin"), os.environ["PATH"])
        toolchains = find_toolchains(
            ":".join(folders), self.root, Path.home(), virtual_env=None, own_prefix=Path(sys.prefix)
        )
        return SandboxSpec(workspace=self.root, lower=(self.root,), toolchains=toolchains, readable=tuple(readable))

    async def check(
        self,
        command: str,
        *,
        timeout: float = 60.0,
        test_seconds: float | None = None,
        only: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
        readable: tuple[Path, ...] = (PROBE,),
    ) -> CheckRun:
        """Run `command` as a check in a sandbox of its own; its output is the last of `outputs`."""
        check = Check(command=command, source="flag", runner=runner_of(command), timeout=timeout)
        self.outputs.append(Output(f"c{len(self.outputs)}"))
        async with self.backend.open(replace(self.spec(readable), env=dict(env or {}))) as sandbox:
            return await run_check(
                sandbox,
                check,
                on="base",
                tree="t",
                chunk=self.outputs[-1],
                only=only,
                test_seconds=test_seconds,
            )

    @property
    def output(self) -> str:
        return self.outputs[-1].data.decode()


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    return Bubblewrap(tmp_path_factory.mktemp("state"))


@pytest.fixture
def project(tmp_path: Path, backend: Bubblewrap) -> Project:
    if missing := unavailable(backend):
        pytest.skip(missing)
    root = tmp_path / "project"
    root.mkdir()
    made = Project(root, backend)
    made.write(PLAIN_PYTEST)
    return made


_MISSING: list[str] = []


def unavailable(backend: Bubblewrap) -> str:
    """Why no sandbox can be opened here, asked once."""
    if not _MISSING:
        try:
            _MISSING.append("; ".join(backend.probe()))
        except SandboxUnavailable as error:
            _MISSING.append(str(error))
    return _MISSING[0]


def outcomes(run: CheckRun) -> dict[str, Outcome]:
    return {test.id: test.outcome for test in run.tests}


@pytest.fixture
def outcomes_of() -> Callable[[CheckRun], dict[str, Outcome]]:
    return outcomes
