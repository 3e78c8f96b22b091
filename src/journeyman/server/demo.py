"""The demonstration's repository, laid out where the service keeps its state."""

import shutil
import tempfile
from pathlib import Path

from journeyman.core.errors import UsageError
from journeyman.repo.git import SEARCH_PATH, Git, find_git

EXAMPLE = "opening-hours"
PROMPT = "Two tests in tests/test_spans.py fail. Find the bug and fix it with the smallest change."
AUTHOR = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")


def example() -> Path:
    """The example: in an installation beside the server, in a checkout where people read it."""
    here = Path(__file__)
    for place in (here.with_name("demonstration"), here.parents[3] / "examples"):
        if (place / EXAMPLE).is_dir():
            return place / EXAMPLE
    raise UsageError("This installation comes without its example repository.")


async def lay_out(state: Path) -> Path:
    """The folder of the demonstration's repository. It is made once, whole or not at all."""
    home = state / "demo"
    folder = home / EXAMPLE
    if folder.is_dir():
        return folder
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=home))
    try:
        work = making / EXAMPLE
        shutil.copytree(example(), work, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        git = Git(find_git(SEARCH_PATH, work), work / ".git")
        await git.run("init", "--quiet", "--initial-branch=main", work_tree=work)
        await git.run("add", "--all", work_tree=work)
        await git.run(*AUTHOR, "commit", "--quiet", "--message", "Opening hours", work_tree=work)
        try:
            work.rename(folder)
        except OSError:
            if not folder.is_dir():  # else somebody else was faster
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder
