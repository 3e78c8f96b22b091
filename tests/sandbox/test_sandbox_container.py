"""Containers' sandboxes against the contract, and what is the containers' own."""

from pathlib import Path

import pytest

from journeyman.sandbox import plan
from journeyman.sandbox.container import Containers
from journeyman.testing.sandbox import SandboxContract


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


@pytest.fixture
def backend(state: Path) -> Containers:
    return Containers(state)


class TestContainers(SandboxContract):
    """With the host's own system in an empty image."""

    @pytest.fixture
    def python(self) -> str:
        return str(plan.interpreter()[0])
