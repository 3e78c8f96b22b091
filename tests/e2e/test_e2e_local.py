"""The main job with the embedded model itself, for real: no key, no network, two cores."""

import os
import shutil
from pathlib import Path

import platformdirs
import pytest

from journeyman.models.local.model_file import QWEN
from tests.conftest import PLAIN_PYTEST, Program, git, lay

EXAMPLE = Path(__file__).parents[2] / "examples" / "opening-hours"
CACHE = Path(os.environ.get("JOURNEYMAN_TEST_CACHE") or platformdirs.user_cache_dir("journeyman"))

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (CACHE / QWEN.name).exists(), reason="the embedded model is not in the cache"),
]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    folder = tmp_path / "opening-hours"
    shutil.copytree(EXAMPLE, folder)
    lay(folder, PLAIN_PYTEST)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Opening hours")
    return folder


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """One state directory, and so one model server, for the tests of this file."""
    return Program(tmp_path_factory.mktemp("local") / "home", {"JOURNEYMAN_CACHE": str(CACHE)})


async def test_the_embedded_model_fixes_the_example(program: Program, example: Path) -> None:
    ran = await program.run("run", "Two tests in tests/test_spans.py fail. Find the bug and fix it.", "-C", example)
    assert ran.code == 0, ran.err
    assert "2 of 9 tests failed before, all 9 tests pass now." in ran.out
    assert "Using the embedded model" in ran.err
    assert (await program.run("apply", "-C", example)).code == 0
    assert git(example, "status", "--porcelain") == " M hours/spans.py\n"


async def test_the_embedded_model_answers_a_question(program: Program, example: Path) -> None:
    ran = await program.run("ask", "Which function sums up the minutes that a shop is open?", "-C", example)
    assert ran.code == 0, ran.err
    assert "minutes_open" in ran.out
