"""What is sent to a server elsewhere: laying the patch over the commit gives the folder's files."""

import subprocess
from pathlib import Path

import pytest

from journeyman.cli.door import Door, open_door
from journeyman.cli.starting_diff import Start, start_of
from journeyman.core.errors import UsageError
from tests.conftest import MakeRepository, git, lay


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return open_door(tmp_path, {}, {"JOURNEYMAN_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)})


@pytest.fixture
def folder(make_repository: MakeRepository, tmp_path: Path) -> Path:
    """A clone whose `origin` has one commit, and an address that a server elsewhere could reach."""
    origin = make_repository({"a.txt": "one\n", "b.txt": "one\n", ".gitignore": "*.log\n"})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    git(clone, "remote", "set-url", "origin", "https://ann:secret@host.example/ann/shop.git")
    return clone


def commit(folder: Path, files: dict[str, str], message: str) -> str:
    lay(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD").strip()


def laid_over(folder: Path, start: Start, place: Path) -> dict[str, str]:
    """The files of the commit with the patch over them."""
    git(folder, "worktree", "add", "-q", "--detach", str(place), start.ref)
    if start.diff:
        subprocess.run(["git", "apply", "-"], cwd=place, input=start.diff, check=True)
    return {path.name: path.read_text() for path in place.iterdir() if path.name not in (".git", ".gitignore")}


async def test_what_is_there_already_needs_no_patch(folder: Path, door: Door) -> None:
    head = git(folder, "rev-parse", "HEAD").strip()
    start = await start_of(folder, door)
    assert (start.repository, start.ref, start.diff) == ("https://host.example/ann/shop.git", head, b"")
    assert start.words == (f"Starting from {head[:10]} of origin, as it is there.",)


async def test_commits_that_are_not_pushed_and_changes_are_in_the_patch(
    folder: Path, door: Door, tmp_path: Path
) -> None:
    pushed = git(folder, "rev-parse", "HEAD").strip()
    commit(folder, {"a.txt": "two\n"}, "Two")
    commit(folder, {"c.txt": "new\n"}, "Three")
    lay(folder, {"b.txt": "changed\n", "d.txt": "untracked\n", "e.log": "ignored\n"})
    start = await start_of(folder, door)
    assert start.ref == pushed
    assert laid_over(folder, start, tmp_path / "there") == {
        "a.txt": "two\n",
        "b.txt": "changed\n",
        "c.txt": "new\n",
        "d.txt": "untracked\n",
    }
    said = start.words[0].replace(f"{len(start.diff)} bytes", "SIZE")
    assert said == (
        f"Starting from {pushed[:10]} of origin, with 2 commits that are not pushed, 1 changed file and 1 new file "
        "as a starting diff of SIZE."
    )


async def test_a_named_commit_leaves_the_working_tree_out(folder: Path, door: Door, tmp_path: Path) -> None:
    pushed = git(folder, "rev-parse", "HEAD").strip()
    second = commit(folder, {"a.txt": "two\n"}, "Two")
    commit(folder, {"a.txt": "three\n"}, "Three")
    lay(folder, {"b.txt": "changed\n"})
    start = await start_of(folder, door, second)
    assert start.ref == pushed and "1 commit that is not pushed" in start.words[0]
    assert laid_over(folder, start, tmp_path / "there") == {"a.txt": "two\n", "b.txt": "one\n"}


async def test_the_newest_common_commit_of_a_merge_is_taken(folder: Path, door: Door, tmp_path: Path) -> None:
    git(folder, "checkout", "-q", "-b", "side")
    commit(folder, {"side.txt": "s\n"}, "Side")
    git(folder, "checkout", "-q", "main")
    upstream = commit(folder, {"a.txt": "upstream\n"}, "Upstream")
    git(folder, "update-ref", "refs/remotes/origin/main", upstream)
    git(folder, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    start = await start_of(folder, door)
    assert start.ref == upstream and b"side.txt" in start.diff and b"upstream" not in start.diff
    assert laid_over(folder, start, tmp_path / "there") == {"a.txt": "upstream\n", "b.txt": "one\n", "side.txt": "s\n"}


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ([("remote", "remove", "origin")], "has no remote called origin"),
        ([("remote", "set-url", "origin", "../repository")], "is a folder of this machine"),
        ([("update-ref", "-d", "refs/remotes/origin/main"), ("remote", "set-head", "origin", "-d")], "git push"),
        ([("checkout", "-q", "--orphan", "new")], "has no commit yet"),
    ],
    ids=["no remote", "a folder", "nothing pushed", "no commit"],
)
async def test_where_there_is_nothing_to_start_from_a_person_is_told(
    folder: Path, door: Door, commands: list[tuple[str, ...]], said: str
) -> None:
    for command in commands:
        git(folder, *command)
    with pytest.raises(UsageError, match=said):
        await start_of(folder, door)
