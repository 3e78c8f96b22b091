"""Files laid out on the host: a task's own, and the grader's over a result that a model wrote.

The folder is ours and nobody else is at work in it, but what lies there is hostile: a link in it must lead nothing of
ours elsewhere. So a link on the way is taken away, never followed.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from journeyman.core.errors import UsageError
from journeyman.core.text import one_line
from journeyman.repo.tree_write import is_git_name

DROPPED = frozenset({"conftest.py", "pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini"})
"""Names of files with which a result could change how tests are run; those that were not handed out are dropped."""


def is_test(path: str) -> bool:
    """Whether a handed-out file is put back before grading: a test, or what says how tests are run."""
    *folders, name = path.split("/")
    return (
        "tests" in folders
        or (name.startswith("test_") and name.endswith(".py"))
        or name.endswith(".test.js")
        or name == "package.json"
    )


def checked(path: str) -> PurePosixPath:
    """A path of a set, that leads to no other place than into its repository. Raises `UsageError`."""
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") or is_git_name(os.fsencode(part)) for part in parts):
        raise UsageError(f"{one_line(path, 200)!r} cannot be a file of a task's repository.")
    return PurePosixPath(path)


def place(root: Path, path: str) -> Path:
    """Where `path` is below `root`, with room made for a file: what stands there or on the way to it goes."""
    target = root
    for part in checked(path).parts[:-1]:
        target = target / part
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            target.unlink()
        target.mkdir(exist_ok=True)
    target = target / PurePosixPath(path).name
    clear(target)
    return target


def clear(target: Path) -> None:
    """Remove what is at `target`, whatever it is; a link itself, and nothing behind it."""
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def lay(root: Path, files: Mapping[str, str]) -> None:
    """Write texts below `root`."""
    for path, text in files.items():
        place(root, path).write_text(text, encoding="utf-8", newline="")


def take_out(root: Path, paths: Iterable[str]) -> None:
    """Delete files below `root`, never through a link."""
    for path in paths:
        target, parts = root, checked(path).parts
        for part in parts[:-1]:
            target = target / part
            if target.is_symlink() or not target.is_dir():
                break
        else:
            clear(target / parts[-1])


def put_back(root: Path, handed_out: Path, *, keep: frozenset[str] = frozenset()) -> None:
    """Make the result at `root` fair to grade: tests as they were handed out (the files at `handed_out`), and no
    configuration of a test runner that was not. Names of `keep` at the top are left alone."""
    own = {str(path.relative_to(handed_out)) for path in _files(handed_out)}
    for path in sorted(own):
        if is_test(path):
            shutil.copy2(handed_out / path, place(root, path), follow_symlinks=False)
    for file in list(_files(root, keep)):
        if file.name in DROPPED and str(file.relative_to(root)) not in own:
            clear(file)


def _files(root: Path, leave: frozenset[str] = frozenset()) -> Iterable[Path]:
    """All files and links below `root`; links to folders are not gone into."""
    for folder, names, files in os.walk(root):
        here = Path(folder)
        if here == root:
            names[:] = [name for name in names if name not in leave]
        yield from (here / name for name in names if (here / name).is_symlink())
        yield from (here / name for name in files)
