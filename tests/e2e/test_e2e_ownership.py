"""Repositories whose files are not the person's to write."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.core.model import Reply, call, say
from journeyman.models.script_server import ScriptServer
from journeyman.testing import ordinary
from tests.conftest import MakeRepository, Program, git, lay

FILES = {
    "a.txt": "one\n",
    "sub/b.txt": "bee\n",
    "sub/deep/c.txt": "sea\n",
    ".gitignore": "ignored/\n",
    "Makefile": "test:\n\tgrep -q two a.txt && test -f ignored/tool\n",
}
PATCH = """*** Begin Patch
*** Update File: a.txt
@@
-one
+two
*** Add File: sub/new.txt
+new
*** Delete File: sub/deep/c.txt
*** End Patch"""
SAID = "Some files of the repository are not yours to write, so the work goes on a copy of what git knows of it"
CHANGED = [" M a.txt", " M sub/b.txt", " D sub/deep/c.txt", "?? sub/new.txt"]


def script() -> list[Reply]:
    return [
        call("apply_patch", "c1", patch=PATCH),
        call("shell", "c2", command="echo more >> sub/b.txt; git status --porcelain"),
        say("Done."),
    ]


def lock(folder: Path) -> None:
    """Forbid writing to the whole working tree."""
    for path in [folder, *(one for one in folder.rglob("*") if ".git" not in one.parts)]:
        path.chmod(path.stat().st_mode & 0o555)


async def test_files_that_may_only_be_read_are_worked_on_all_the_same(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(FILES)
    lay(folder, {"ignored/tool": "tool\n"})
    lock(folder)
    async with ScriptServer(script()) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Do it", "-C", folder)
    assert ran.code == 0, ran.err + ran.out
    assert SAID in ran.err and "Done and verified" in ran.out
    assert git(folder, "status", "--porcelain") == ""
    log = (await program.run("log", "-C", folder)).out
    assert all(line in log for line in CHANGED)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(ordinary.missing() != "", reason=ordinary.missing() or "-")
async def test_somebody_elses_repository_is_worked_on_all_the_same(shared: Path) -> None:
    folder, home = shared / "repository", shared / "home"
    lay(folder, FILES | {"ignored/tool": "tool\n"})
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "One")):
        git(folder, *arguments)
    program = Program(home / ".local/share/journeyman")
    program.home.mkdir(parents=True)
    async with ScriptServer(script()) as server:
        program.use(server.base_url)
        for path in home.rglob("*"):
            os.chown(path, ordinary.USER, ordinary.USER)
        words = ["-m", "journeyman.cli.main", "run", "Do it", "-C", str(folder)]
        command = ordinary.ordinary(words, {}, home)
        ran = await asyncio.to_thread(subprocess.run, command, cwd="/", capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert SAID in ran.stderr and "Done and verified" in ran.stdout
    words = ["-m", "journeyman.cli.main", "apply", "-C", str(folder)]
    command = ordinary.ordinary(words, {}, home)
    ran = await asyncio.to_thread(subprocess.run, command, cwd="/", capture_output=True, text=True, timeout=500)
    assert ran.returncode != 0 and "Traceback" not in ran.stderr
    assert "ermission denied" in ran.stderr
