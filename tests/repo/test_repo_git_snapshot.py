"""Snapshots: the tree that plain git would make, without touching anything of the person's."""

import os
from pathlib import Path

import pytest
from repo_git_person import Person, person

from journeyman.repo import repository_snapshot
from journeyman.repo.repository import Repository, open_repository

ODD = [
    b"new\nline",
    b"caf\xe9",
    b"-rf",
    b"--stdin",
    b":(top)x",
    b'quo"te',
    b"tab\there",
    b"*",
    b"a\\b",
    "ünï/cödé".encode(),
]


@pytest.fixture
def worker(tmp_path: Path) -> Person:
    made = person(tmp_path / "repository")
    for name in ("a.txt", "b.txt", "gone.txt", "dir/c.txt", "dir/d.txt"):
        made.write(name, f"{name}\n")
    made.write(".gitignore", "*.log\n/out/\n")
    made.commit("first")
    return made


async def opened(worker: Person, tmp_path: Path, excludes: Path | None = None) -> Repository:
    return await open_repository(worker.root, tmp_path / "state", excludes=excludes)


async def test_a_clean_tree_is_the_commit(worker: Person, tmp_path: Path) -> None:
    base = await (await opened(worker, tmp_path)).snapshot()
    assert base.tree == worker.git("rev-parse", "HEAD^{tree}").strip()
    assert (base.branch, base.changed_files, base.untracked_files) == ("main", 0, 0)


async def test_every_kind_of_change_is_in_it_and_counted(worker: Person, tmp_path: Path) -> None:
    worker.write("a.txt", "changed\n")
    worker.write("staged.txt", "staged\n")
    worker.write("b.txt", "staged, then changed\n")
    worker.git("add", "staged.txt", "b.txt")
    worker.write("b.txt", "changed again\n")
    (worker.root / "gone.txt").unlink()
    worker.write("new.txt", "new\n", 0o755)
    worker.write("noise.log", "x")
    worker.write("out/made.o", "x")
    (worker.root / "link").symlink_to("../../outside")
    base = await (await opened(worker, tmp_path)).snapshot()
    assert base.tree == worker.tree()
    assert (base.changed_files, base.untracked_files) == (4, 2)


async def test_files_and_directories_that_change_places(worker: Person, tmp_path: Path) -> None:
    (worker.root / "a.txt").unlink()
    worker.write("a.txt/inside", "a\n")
    for name in ("c.txt", "d.txt"):
        (worker.root / "dir" / name).unlink()
    (worker.root / "dir").rmdir()
    worker.write("dir", "a file now\n")
    worker.write("elsewhere/b.txt", "b.txt\n")
    (worker.root / "b.txt").unlink()
    os.mkfifo(worker.root / "gone.txt.tmp")
    (worker.root / "gone.txt").unlink()
    os.mkfifo(worker.root / "gone.txt")
    base = await (await opened(worker, tmp_path)).snapshot()
    expected = {b".gitignore", b"a.txt/inside", b"dir", b"elsewhere/b.txt"}
    assert set(await (await opened(worker, tmp_path)).paths(base.tree)) == expected


async def test_a_directory_that_became_a_link(worker: Person, tmp_path: Path) -> None:
    (worker.root / "dir").rename(worker.root / "moved")
    (worker.root / "dir").symlink_to("moved")
    base = await (await opened(worker, tmp_path)).snapshot()
    assert base.tree == worker.tree()


async def test_nothing_of_the_persons_is_touched(worker: Person, tmp_path: Path) -> None:
    worker.write("a.txt", "changed\n")
    worker.write("new.txt", "new\n")
    before, files = worker.frozen(), worker.files()
    repository = await opened(worker, tmp_path)
    base = await repository.snapshot()
    await repository.snapshot("HEAD")
    tree = await repository.tree_with(base.tree, [b"a.txt"], {b"x": (0o100644, b"x")})
    await repository.diff(base.tree, tree)
    await repository.checkout(tree, tmp_path / "out")
    await repository.git_layer(tmp_path / "layer", base)
    assert worker.frozen() == before
    assert worker.files() == files


async def test_a_change_that_only_the_index_time_gives_away(worker: Person, tmp_path: Path) -> None:
    """Same size and same time as the index has it: git looks into such a file only when the index is as young."""
    now = 1_800_000_000 * 10**9
    worker.write("a.txt", "aaaa\n")
    os.utime(worker.root / "a.txt", ns=(now, now))
    worker.git("add", "a.txt")
    os.utime(worker.root / ".git" / "index", ns=(now, now))
    worker.write("a.txt", "bbbb\n")
    os.utime(worker.root / "a.txt", ns=(now, now))
    repository = await opened(worker, tmp_path)
    base = await repository.snapshot()
    async with repository.tree(base.tree) as tree:
        assert await tree.get("a.txt") == b"bbbb\n"


async def test_odd_names(worker: Person, tmp_path: Path) -> None:
    for number, name in enumerate(ODD):
        worker.write(name, f"{number}\n")
    worker.git("add", "-A", "--", "caf*")
    repository = await opened(worker, tmp_path)
    base = await repository.snapshot()
    assert base.tree == worker.tree()
    assert set(await repository.paths(base.tree)) >= set(ODD)
    assert base.untracked_files + base.changed_files == len(ODD)
    changes = await repository.changes(worker.git("rev-parse", "HEAD^{tree}").strip(), base.tree)
    assert set(changes) >= {b"new\nline", b"caf\xe9", b"-rf"}
    assert changes[b"caf\xe9"].path == "caf\\xe9"
    assert all(change.model_dump_json() for change in changes.values())


async def test_the_persons_own_excludes_count(worker: Person, tmp_path: Path) -> None:
    (tmp_path / "global").write_text("*.swp\n!kept.swp\n")
    worker.write(".git/info/exclude", "private/\n!__pycache__/\n")
    for name in ("x.swp", "kept.swp", "private/y", "__pycache__/m.py", ".pytest_cache/v", "node_modules/n/index.js"):
        worker.write(name, "x")
    repository = await opened(worker, tmp_path, tmp_path / "global")
    base = await repository.snapshot()
    added = set(await repository.changes(worker.git("rev-parse", "HEAD^{tree}").strip(), base.tree))
    assert added == {b"kept.swp", b"__pycache__/m.py"}


async def test_submodules_and_inner_repositories_are_left_out_and_said(worker: Person, tmp_path: Path) -> None:
    inner = person(tmp_path / "library")
    inner.write("lib.txt", "lib\n")
    inner.commit()
    worker.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.root), "sub")
    worker.commit("with a submodule")
    nested = person(worker.root / "nested")
    nested.write("n.txt", "n\n")
    nested.commit()
    worker.write("sub/lib.txt", "changed in the submodule\n")
    repository = await opened(worker, tmp_path)
    base = await repository.snapshot()
    assert base.tree == worker.git("rev-parse", "HEAD^{tree}").strip()
    assert base.left_out == (
        "Submodules are left out of the work: sub.",
        "Repositories inside the repository are left out: nested.",
    )
    assert (await repository.snapshot("HEAD")).left_out == ("Submodules are left out of the work: sub.",)
    assert (await repository.snapshot("HEAD~1")).left_out == ()
    tree = await repository.tree_with(base.tree, [b"sub/lib.txt"], {b"sub/x": (0o100644, b"x")})
    assert tree == base.tree


async def test_large_untracked_files_are_left_out_and_said(
    worker: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository_snapshot, "LARGE", 1024 * 1024)
    with (worker.root / "huge.bin").open("wb") as file:
        file.truncate(1024 * 1024 + 1)
    worker.write("fine.bin", b"\0" * 1024)
    repository = await opened(worker, tmp_path)
    base = await repository.snapshot()
    assert base.untracked_files == 1
    assert base.left_out == ("Untracked files over 1 MiB are left out of the result: huge.bin.",)


async def test_a_split_index_and_one_with_flags(worker: Person, tmp_path: Path) -> None:
    worker.git("update-index", "--split-index")
    worker.write("new.txt", "new\n")
    worker.git("add", "new.txt")
    worker.git("update-index", "--assume-unchanged", "b.txt")
    worker.git("update-index", "--skip-worktree", "gone.txt")
    (worker.root / "gone.txt").unlink()
    worker.git("add", "-N", "a.txt")
    assert list((worker.root / ".git").glob("sharedindex.*"))
    repository = await opened(worker, tmp_path)
    base = await repository.snapshot()
    assert set(await repository.paths(base.tree)) >= {b"gone.txt", b"new.txt"}
    assert (base.changed_files, base.untracked_files) == (1, 0)


async def test_line_ends_are_as_git_would_store_them(worker: Person, tmp_path: Path) -> None:
    worker.write(".gitattributes", "*.txt text eol=crlf\n")
    worker.write("a.txt", "a\r\nb\r\n")
    repository = await opened(worker, tmp_path)
    base = await repository.snapshot()
    assert base.tree == worker.tree()
    tree = await repository.tree_with(
        base.tree, [], {b"a.txt": (0o100644, b"a\r\nc\r\n"), b"n.bin": (0o100755, b"\r\n"), b"l": (0o120000, b"a.txt")}
    )
    async with repository.tree(tree) as reader:
        assert await reader.get("n.bin") == b"\r\n"
        assert await reader.get("l") == b"a\nc\n"
    await repository.checkout(tree, tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"a\r\nc\r\n"
