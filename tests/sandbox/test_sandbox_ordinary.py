"""What root's tests of bubblewrap's sandboxes say holds for an ordinary user's too."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from journeyman.testing import ordinary

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(ordinary.missing() != "", reason=ordinary.missing() or "-")
@pytest.mark.parametrize("rooms", ["files or kernel or network", "processes or limits or home or room or race or call"])
def test_the_contract_as_an_ordinary_user(rooms: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        home = Path(folder)
        home.chmod(0o755)
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", f"{home}/temp", "-k", rooms]
        tests = f"{ordinary.PLACE}/repository/tests/sandbox/test_sandbox_bubblewrap.py::TestBubblewrap"
        command = ordinary.ordinary([*words, tests], {"repository": ROOT}, home)
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
        assert " passed" in done.stdout
