"""The example that a newcomer's first task works on: a small repository with a bug and two tests that show it."""

import shutil
from pathlib import Path

from journeyman.core.errors import RepositoryError
from journeyman.repo.git import SEARCH_PATH, Git, find_git

PROMPT = "Two tests in tests/test_spans.py fail. Find the bug and fix it with the smallest change."
NAME = "opening-hours"

_PACKAGED = Path(__file__).parent / "example"
_CHECKOUT = Path(__file__).parents[3] / "examples" / NAME
"""Where it stands in a wheel, and in a checkout of Journeyman's own."""


async def lay_out(state: Path) -> Path:
    """The example as a git repository in `state`, made when it is first asked for."""
    folder = state / "demo" / NAME
    if (folder / ".git" / "HEAD").is_file():
        return folder
    source = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    if not source.is_dir():
        raise RepositoryError("This installation comes without its example; hand out a task on a repository of yours.")
    making = folder.with_name(f".{NAME}")
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(source, making, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache", ".benchmarks"))
    store = making / ".git"
    store.mkdir()
    git = Git(find_git(SEARCH_PATH, making), store)
    by = ("-c", "user.name=Journeyman", "-c", "user.email=journeyman@localhost")
    await git.run("init", "--quiet", "--initial-branch", "main", work_tree=making, doing="Making the example")
    await git.run("add", "--all", work_tree=making, doing="Making the example")
    await git.run(*by, "commit", "--quiet", "--message", "Opening hours", work_tree=making, doing="Making the example")
    if folder.exists():
        shutil.rmtree(folder)
    making.rename(folder)
    return folder
