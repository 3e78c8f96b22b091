"""The git directory that a sandbox sees, in a real sandbox."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from repo_git_person import Person, person

from journeyman.core.errors import RepositoryError
from journeyman.core.task import Base
from journeyman.repo.git_layer import environment
from journeyman.repo.repository import Repository, open_repository
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec


@pytest.fixture
def worker(tmp_path: Path) -> Person:
    made = person(tmp_path / "home" / "repository")
    made.write("a.txt", "one\n")
    made.write("b.txt", "b\n")
    made.write("c.txt", "c\n")
    made.write(".gitignore", "*.log\n")
    made.commit("the first commit")
    made.write("d.txt", "d\n")
    made.commit("the second commit")
    made.git("tag", "-a", "v1", "-m", "tagged", "HEAD~1")
    made.git("config", "remote.origin.url", "https://user:hunter2@example.org/x.git")
    made.git("config", "alias.st", "!touch fired-alias")
    made.write(".git/hooks/post-commit", "#!/bin/sh\ntouch fired-hook.log\n", 0o755)
    return made


@asynccontextmanager
async def inside(worker: Person, repository: Repository, base: Base, tmp_path: Path) -> AsyncIterator[Sandbox]:
    readable = await repository.git_layer(tmp_path / "layer", base)
    lower = worker.root if base.ref is None else await repository.checked_out(base.tree)
    (tmp_path / "upper").mkdir()
    (tmp_path / "box").mkdir()
    spec = SandboxSpec(
        workspace=worker.root,
        lower=(tmp_path / "layer", lower),
        upper=tmp_path / "upper",
        readable=readable,
        env=environment(worker.root),
    )
    async with Bubblewrap(tmp_path / "box").open(spec) as sandbox:
        yield sandbox


async def git(sandbox: Sandbox, *args: str) -> str:
    done = await sandbox.exec(["git", *args], timeout=120)
    assert done.exit_code == 0, done.output
    return done.output.decode()


async def test_the_state_of_the_person_is_seen_inside(worker: Person, tmp_path: Path) -> None:
    worker.write("a.txt", "changed\n")
    worker.write("b.txt", "staged\n")
    worker.git("add", "b.txt")
    (worker.root / "c.txt").unlink()
    worker.write("new.txt", "new\n")
    worker.write("noise.log", "x")
    expected = worker.git("status", "--porcelain", "--branch")
    repository = await open_repository(worker.root, tmp_path / "state")
    base = await repository.snapshot()
    async with inside(worker, repository, base, tmp_path) as sandbox:
        assert await git(sandbox, "status", "--porcelain", "--branch") == expected
        assert (await git(sandbox, "log", "--format=%s")).splitlines() == ["the second commit", "the first commit"]
        assert (await git(sandbox, "tag", "-l", "-n")).split() == ["v1", "tagged"]
        assert "+changed" in await git(sandbox, "diff", "a.txt")
        assert "+staged" in await git(sandbox, "diff", "--cached")
        shown = await sandbox.exec(["git", "config", "--list", "--show-scope"], timeout=120)
        assert b"hunter2" not in shown.output
        assert b"alias" not in shown.output
        await git(sandbox, "add", "-A")
        await git(sandbox, "commit", "-qm", "inside")
        await git(sandbox, "stash", "list")
        assert await git(sandbox, "status", "--porcelain") == ""
        listed = await sandbox.exec(["find", ".", "-name", "fired*", "-o", "-name", "*.sample"], timeout=120)
        assert listed.output == b""
        changed = [change.path for change in await sandbox.diff()]
    assert not [path for path in changed if path == b".git" or path.startswith(b".git/")]
    assert worker.git("status", "--porcelain", "--branch") == expected


async def test_a_commit_to_start_from(worker: Person, tmp_path: Path) -> None:
    worker.write("a.txt", "changed\n")
    repository = await open_repository(worker.root, tmp_path / "state")
    base = await repository.snapshot("v1")
    async with inside(worker, repository, base, tmp_path) as sandbox:
        assert await git(sandbox, "status", "--porcelain") == ""
        assert (await git(sandbox, "log", "--format=%s")).splitlines() == ["the first commit"]
        assert (await git(sandbox, "symbolic-ref", "-q", "HEAD") if base.branch else "detached") == "detached"
        names = await sandbox.exec(["ls"], timeout=120)
        assert names.output.split() == [b"a.txt", b"b.txt", b"c.txt"]


async def test_a_worktree_and_a_submodule(worker: Person, tmp_path: Path) -> None:
    library = person(tmp_path / "library")
    library.write("lib.txt", "lib\n")
    library.commit()
    worker.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library.root), "sub")
    worker.commit("with a submodule")
    worker.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "home" / "side"))
    side = Person(tmp_path / "home" / "side")
    for number, each in enumerate((worker, side)):
        folder = tmp_path / str(number)
        folder.mkdir()
        each.write("new.txt", "new\n")
        repository = await open_repository(each.root, tmp_path / "state")
        base = await repository.snapshot()
        async with inside(each, repository, base, folder) as sandbox:
            assert await git(sandbox, "status", "--porcelain") == "?? new.txt\n"
            assert (await git(sandbox, "branch", "--show-current")).strip() == ("main", "side")[number]


async def test_no_commits_yet_and_a_shallow_clone(worker: Person, tmp_path: Path) -> None:
    fresh = person(tmp_path / "home" / "fresh")
    fresh.write("x.txt", "x\n")
    worker.git("clone", "-q", "--depth", "1", f"file://{worker.root}", str(tmp_path / "home" / "shallow"))
    for number, each in enumerate((fresh, Person(tmp_path / "home" / "shallow"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        repository = await open_repository(each.root, tmp_path / "state")
        async with inside(each, repository, await repository.snapshot(), folder) as sandbox:
            assert await git(sandbox, "status", "--porcelain") == ("?? x.txt\n", "")[number]
            if number:
                assert (await git(sandbox, "log", "--format=%s")).splitlines() == ["the second commit"]


async def test_it_hides_what_lies_below_and_is_made_once(worker: Person, tmp_path: Path) -> None:
    repository = await open_repository(worker.root, tmp_path / "state")
    base = await repository.snapshot()
    stores = await repository.git_layer(tmp_path / "layer", base)
    assert [store.resolve() for store in stores] == [worker.root / ".git" / "objects"]
    assert not stores[0].is_relative_to(worker.root)
    assert os.getxattr(tmp_path / "layer" / ".git", "user.overlay.opaque") == b"y"
    with pytest.raises(RepositoryError, match="exists already"):
        await repository.git_layer(tmp_path / "layer", base)
