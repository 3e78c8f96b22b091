"""Whose files a working tree's are."""

import os
from pathlib import Path

import pytest

from journeyman.repo.writable import all_writable

PATHS = [b"a.txt", b"sub/deep/b.txt", b"link", b"gone/c.txt"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "sub/deep").mkdir(parents=True)
    (tmp_path / "a.txt").touch()
    (tmp_path / "sub/deep/b.txt").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    return tmp_path


def test_own_files_are_writable_and_links_and_what_has_gone_do_not_matter(tree: Path) -> None:
    (tree / "other.txt").touch(0o444)
    assert all_writable(os.fsencode(tree), PATHS)


@pytest.mark.parametrize("name", ["a.txt", "sub/deep/b.txt", "sub/deep", "sub", "."])
def test_a_file_or_a_folder_that_is_only_to_be_read(tree: Path, name: str) -> None:
    mode = (tree / name).stat().st_mode
    (tree / name).chmod(mode & 0o555)
    assert not all_writable(os.fsencode(tree), PATHS)
    (tree / name).chmod(mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["a.txt", "sub"])
def test_for_root_the_owner_of_the_root_counts(tree: Path, name: str) -> None:
    os.chown(tree / name, 65532, 65532)
    assert not all_writable(os.fsencode(tree), PATHS)
    for path in (tree, *tree.rglob("*")):
        os.chown(path, 65532, 65532, follow_symlinks=False)
    assert all_writable(os.fsencode(tree), PATHS)
