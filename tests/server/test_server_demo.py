"""The example of a first task."""

import asyncio
from pathlib import Path

from journeyman.server.demo import PROMPT, lay_out
from tests.conftest import git


async def test_the_example_is_a_repository_with_everything_committed(tmp_path: Path) -> None:
    folder = await lay_out(tmp_path)
    assert git(folder, "status", "--porcelain") == ""
    assert "tests/test_spans.py" in PROMPT
    assert (folder / "tests" / "test_spans.py").is_file()


async def test_it_is_made_once_and_keeps_what_was_done_to_it(tmp_path: Path) -> None:
    folder = await lay_out(tmp_path)
    (folder / "hours" / "spans.py").write_text("changed\n")
    assert await lay_out(tmp_path) == folder
    assert (folder / "hours" / "spans.py").read_text() == "changed\n"


async def test_half_of_one_is_made_anew(tmp_path: Path) -> None:
    half = tmp_path / "demo" / ".opening-hours" / ".git"
    await asyncio.to_thread(half.mkdir, parents=True)
    folder = await lay_out(tmp_path)
    assert git(folder, "log", "--format=%s").strip() == "Opening hours"
