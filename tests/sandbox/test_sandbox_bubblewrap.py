"""Bubblewrap's sandboxes against the contract, and what is bubblewrap's own."""

import pytest

from journeyman.sandbox import plan
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.testing.sandbox import SandboxContract


class TestBubblewrap(SandboxContract):
    @pytest.fixture
    def backend(self, tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
        return Bubblewrap(tmp_path_factory.mktemp("state"))

    @pytest.fixture
    def python(self) -> str:
        return str(plan.interpreter()[0])
