"""What root's tests of sandboxes say holds for an ordinary user's too: of bubblewrap's, and of podman's own of his."""

import subprocess
import tempfile
from pathlib import Path

import pytest

from journeyman.testing import ordinary

ROOT = Path(__file__).parents[2]
QUICK = (
    "climb or chroot or datagram or dangerous or no_privileges or known_way or gateway_answers or at_once_see_nothing "
    "or diff_tells or stdin_folder or session_is_talked_to or processes_are_bounded or nothing_outlives_close"
)
"""A part of the contract that touches each of its sides, in a tenth of its time."""


@pytest.mark.skipif(ordinary.missing() != "", reason=ordinary.missing() or "-")
@pytest.mark.parametrize("rooms", ["files or kernel or network", "processes or limits or home or room or race or call"])
def test_the_contract_as_an_ordinary_user(rooms: str) -> None:
    said = run("test_sandbox_bubblewrap.py::TestBubblewrap", rooms)
    assert " passed" in said


def test_the_contract_with_an_ordinary_users_own_podman() -> None:
    if reason := ordinary.without_containers():
        pytest.skip(reason)
    said = run("test_sandbox_container.py::TestImage", QUICK, containers=True)
    assert " passed" in said


def run(tests: str, names: str, *, containers: bool = False) -> str:
    """What the tests of these names say as somebody else; they have to pass."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)
        words = ["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--basetemp", f"{home}/temp", "-k", names]
        place = f"{ordinary.PLACE}/repository/tests/sandbox/{tests}"
        command = ordinary.ordinary([*words, place], {"repository": ROOT}, home, containers=containers)
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
        return done.stdout
