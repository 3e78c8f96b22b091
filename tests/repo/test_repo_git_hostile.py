"""Repositories that run something when plain git touches them. Here nothing runs.

Each trap makes the file `fired` beside the repository, and comes with a plain git command that springs it: else it
would prove nothing.
"""

import os
import shutil
import struct
from collections.abc import Callable
from hashlib import sha1
from pathlib import Path

import pytest
from repo_git_person import ENVIRONMENT, Person, person, plumbing

from journeyman.core.errors import RepositoryError, UsageError
from journeyman.repo import repository_snapshot
from journeyman.repo.repository import open_repository

FILE = 0o100644


def script(worker: Person, name: str = "trap.sh", then: str = "cat") -> str:
    """A program outside the repository's tracked files that tells that it ran."""
    place = worker.root / ".git" / name
    place.write_text(f"#!/bin/sh\ntouch '{fired(worker)}'\n{then}\n")
    place.chmod(0o755)
    return str(place)


def fired(worker: Person) -> Path:
    return worker.root.parent / "fired"


def hooks(worker: Person) -> list[list[str]]:
    for name in ("pre-commit", "post-checkout", "post-index-change", "post-commit", "reference-transaction"):
        shutil.copy(script(worker), worker.root / ".git" / "hooks" / name)
    return [["add", "-A"], ["update-ref", "refs/x", "HEAD"]]


def hooks_path(worker: Person) -> list[list[str]]:
    worker.write("hooks/post-index-change", Path(script(worker)).read_bytes(), 0o755)
    worker.git("config", "core.hooksPath", "hooks")
    return [["add", "-A"]]


def clean_and_smudge(worker: Person) -> list[list[str]]:
    worker.git("config", "filter.evil.clean", script(worker))
    worker.git("config", "filter.evil.smudge", script(worker))
    worker.git("config", "filter.evil.required", "true")
    worker.write(".gitattributes", "* filter=evil\n")
    return [["add", "-A"], ["checkout", "--", "a.txt"]]


def filter_process(worker: Person) -> list[list[str]]:
    worker.git("config", "filter.evil.process", script(worker, then="exit 1"))
    worker.write(".git/info/attributes", "* filter=evil\n")
    return [["add", "-A"]]


def fsmonitor(worker: Person) -> list[list[str]]:
    worker.git("config", "core.fsmonitor", script(worker, then="exit 1"))
    return [["status"]]


def included(worker: Person) -> list[list[str]]:
    worker.write("settings", f"[core]\n\tfsmonitor = {script(worker, then='exit 1')}\n")
    worker.git("config", "include.path", "../settings")
    return [["status"]]


def external_diff(worker: Person) -> list[list[str]]:
    worker.git("config", "diff.external", script(worker))
    return [["diff"]]


def textconv(worker: Person) -> list[list[str]]:
    worker.git("config", "diff.evil.textconv", script(worker))
    worker.write(".gitattributes", "* diff=evil\n")
    return [["diff"]]


def diff_command(worker: Person) -> list[list[str]]:
    worker.git("config", "diff.evil.command", script(worker))
    worker.write(".git/info/attributes", "* diff=evil\n")
    return [["diff"]]


def merge_driver(worker: Person) -> list[list[str]]:
    worker.git("config", "merge.evil.driver", script(worker))
    worker.git("config", "merge.default", "evil")
    worker.write(".git/info/attributes", "* merge=evil\n")
    return [["-c", "user.name=x", "merge", "--no-commit", "side"]]


def pager(worker: Person) -> list[list[str]]:
    worker.git("config", "core.pager", script(worker))
    return [["script", "-qec", "git log", "/dev/null"]]


def alias(worker: Person) -> list[list[str]]:
    for name in ("st", "ls-files", "apply", "diff-tree", "write-tree"):
        worker.git("config", f"alias.{name}", f"!{script(worker)}")
    return [["st"]]


def promisor(worker: Person) -> list[list[str]]:
    """A partial clone fetches a missing object from wherever its configuration says."""
    worker.git("config", "core.repositoryformatversion", "1")
    worker.git("config", "extensions.partialClone", "origin")
    worker.git("config", "remote.origin.promisor", "true")
    worker.git("config", "remote.origin.url", f"file://{worker.root}")
    worker.git("config", "remote.origin.uploadpack", script(worker, then="exit 1"))
    worker.git("config", "core.sshCommand", script(worker, then="exit 1"))
    return [["cat-file", "-p", "1" * 40]]


def nested(worker: Person) -> list[list[str]]:
    """A repository in the repository, which is tracked as a submodule, with traps of its own."""
    inner = person(worker.root / "inner")
    inner.write("x.txt", "x\n")
    inner.commit()
    worker.git("add", "inner")
    monitor = script(worker, then="exit 1")
    inner.git("config", "core.fsmonitor", monitor)
    inner.git("config", "filter.evil.clean", script(worker))
    inner.write(".gitattributes", "* filter=evil\n")
    inner.write("x.txt", "y\n")
    return [["status"]]


def submodules(worker: Person) -> list[list[str]]:
    worker.write(
        ".gitmodules", '[submodule "x"]\n\tpath = -x\n\turl = -u./y\n\tpath = ../../z\n[submodule "../y"]\n\tpath\n'
    )
    worker.git("config", "submodule.active", ".")
    worker.git("config", "submodule.recurse", "true")
    return nested(worker)


TRAPS = (
    hooks,
    hooks_path,
    clean_and_smudge,
    filter_process,
    fsmonitor,
    included,
    external_diff,
    textconv,
    diff_command,
    merge_driver,
    pager,
    alias,
    promisor,
    nested,
    submodules,
)


@pytest.fixture
def worker(tmp_path: Path) -> Person:
    made = person(tmp_path / "at" / "repository")
    made.write("a.txt", "".join(f"{number}\n" for number in range(20)))
    made.write("b.txt", "b\n")
    made.commit("first")
    made.git("checkout", "-qb", "side")
    made.write("a.txt", "".join(f"{number}\n" for number in range(19)) + "side\n")
    made.commit("side")
    made.git("checkout", "-q", "main")
    made.write("a.txt", "first\n" + "".join(f"{number}\n" for number in range(1, 20)))
    made.commit("main")
    return made


async def everything(worker: Person, tmp_path: Path) -> None:
    """Every operation on a repository, on changed, new and merged files."""
    worker.write("b.txt", "changed\n")
    worker.write("new.txt", "new\n")
    repository = await open_repository(worker.root, tmp_path / "state")
    base = await repository.snapshot()
    assert base.changed_files >= 1
    named = await repository.snapshot("side")
    async with repository.tree(base.tree) as tree:
        assert await tree.get("b.txt") == b"changed\n"
        assert await tree.get("nowhere") is None
    changed = (await read(worker, "a.txt")).replace(b"10\n", b"ten\n")
    result = await repository.tree_with(
        base.tree, [b"b.txt"], {b"a.txt": (FILE, changed), b"n.txt": (FILE, b"n\n"), b"inner/y": (FILE, b"y\n")}
    )
    patch = await repository.diff(base.tree, result)
    assert set(await repository.changes(base.tree, result)) >= {b"a.txt", b"b.txt", b"n.txt"}
    await repository.checkout(result, tmp_path / "out")
    await repository.checked_out(named.tree)
    await repository.git_layer(tmp_path / "layer", base)
    await repository.git_layer(tmp_path / "layer-of-side", named)
    worker.write("a.txt", (await read(worker, "a.txt")).replace(b"15\n", b"fifteen\n"))
    assert (await repository.apply(patch)).merged == ("a.txt",)
    with pytest.raises(UsageError):
        await repository.snapshot("1" * 40)


async def read(worker: Person, name: str) -> bytes:
    return (worker.root / name).read_bytes()


def spring(worker: Person, command: list[str]) -> None:
    if command[0] == "script":
        if shutil.which("script") is None:
            pytest.skip("no `script` here to give git a terminal")
        os.spawnve(os.P_WAIT, "/usr/bin/env", ["env", *command], ENVIRONMENT | {"PWD": str(worker.root)})
        return
    worker.git(*command, ok=(0, 1, 2, 128))


@pytest.mark.parametrize("trap", TRAPS)
async def test_nothing_fires(
    worker: Person, tmp_path: Path, trap: Callable[[Person], list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(worker.root)
    commands = trap(worker)
    fired(worker).unlink(missing_ok=True)
    twin = Person(worker.root.parent / "twin")
    for command in commands:
        shutil.copytree(worker.root, twin.root, symlinks=True)
        worker.write("b.txt", "control\n")
        spring(worker, command)
        assert fired(worker).exists(), f"the control of {trap.__name__} ({command}) does not fire"
        fired(worker).unlink()
        shutil.rmtree(worker.root)
        twin.root.rename(worker.root)
    os.chdir(worker.root)
    await everything(worker, tmp_path)
    assert not fired(worker).exists()


async def test_links_in_the_git_directory_do_not_leak(worker: Person, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "exclude").write_text("hunter2\n")
    git = worker.root / ".git"
    for name in ("info/exclude", "info/attributes", "shallow", "packed-refs", "refs/heads/leak"):
        (git / name).unlink(missing_ok=True)
        (git / name).symlink_to(secret)
    await everything(worker, tmp_path)
    assert "hunter2" not in all_text(tmp_path / "layer", tmp_path / "state")
    shutil.rmtree(git / "info")
    (git / "info").symlink_to(tmp_path / "folder")
    repository = await open_repository(worker.root, tmp_path / "state")
    await repository.git_layer(tmp_path / "second", await repository.snapshot())
    assert "hunter2" not in all_text(tmp_path / "second", tmp_path / "state")
    (git / "index").unlink()
    (git / "index").symlink_to(secret)
    with pytest.raises(RepositoryError, match="is not a file"):
        await repository.snapshot()


def all_text(*folders: Path) -> str:
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return "".join(path.read_bytes().decode("latin-1") for path in files)


async def test_a_git_file_that_points_to_another_repository(worker: Person, tmp_path: Path) -> None:
    (tmp_path / "hostile").mkdir()
    (tmp_path / "hostile" / ".git").write_text(f"gitdir: {worker.root}/.git\n")
    with pytest.raises(UsageError, match="belongs to another working tree"):
        await open_repository(tmp_path / "hostile", tmp_path / "state")
    (tmp_path / "hostile" / ".git").unlink()
    (tmp_path / "hostile" / ".git").symlink_to(worker.root / ".git")
    with pytest.raises(UsageError, match="belongs to another working tree"):
        await open_repository(tmp_path / "hostile", tmp_path / "state")
    (tmp_path / "hostile" / ".git").unlink()
    made = person(tmp_path / "hostile")
    (made.root / ".git" / "commondir").write_text(f"{worker.root}/.git\n")
    with pytest.raises(UsageError, match="does not know it"):
        await open_repository(made.root, tmp_path / "state")


async def test_pipes_do_not_hold(worker: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = worker.root / ".git"
    for name in ("info/exclude", "info/attributes", "shallow", "packed-refs"):
        (git / name).unlink(missing_ok=True)
        os.mkfifo(git / name)
    (worker.root / ".gitmodules").unlink(missing_ok=True)
    os.mkfifo(worker.root / ".gitmodules")
    await everything(worker, tmp_path)
    monkeypatch.setattr(repository_snapshot, "PATIENCE", 0.3)
    for name in (".gitignore", ".gitattributes"):
        os.mkfifo(worker.root / name)
        worker.write("b.txt", f"changed because of {name}\n")
        with pytest.raises(RepositoryError, match=f"{name} is a pipe, on which git waits for ever"):
            await (await open_repository(worker.root, tmp_path / "state")).snapshot()
        (worker.root / name).unlink()
    (git / "HEAD").unlink()
    os.mkfifo(git / "HEAD")
    with pytest.raises(RepositoryError, match="cannot be read"):
        await (await open_repository(worker.root, tmp_path / "state")).snapshot()


@pytest.mark.parametrize("name", [b"../escape", b".git/hooks/post-checkout", b"/etc/escape", b"a.txt/../../escape"])
async def test_an_index_with_odd_entries(worker: Person, tmp_path: Path, name: bytes) -> None:
    blob = bytes.fromhex(worker.git("rev-parse", "HEAD:a.txt").strip())
    entry = struct.pack(">10I", 0, 0, 0, 0, 0, 0, FILE, 0, 0, 0) + blob + struct.pack(">H", len(name)) + name
    entry += b"\0" * (8 - len(entry) % 8)
    content = b"DIRC" + struct.pack(">2I", 2, 1) + entry
    (worker.root / ".git" / "index").write_bytes(content + sha1(content, usedforsecurity=False).digest())
    outside = worker.root.parent / "escape"
    outside.write_text("not of the repository\n")
    before = sorted(path.name for path in worker.root.parent.iterdir())
    repository = await open_repository(worker.root, tmp_path / "state")
    try:
        base = await repository.snapshot()
        paths = await repository.paths(base.tree)
        await repository.checkout(base.tree, tmp_path / "out" / "deep" / "er")
    except RepositoryError:
        paths = {}
    assert b"not of the repository" not in b"".join(
        [await blob_of(repository.git.store, each) for each in paths.values()]
    )
    assert sorted(path.name for path in worker.root.parent.iterdir()) == before
    assert [path for path in (tmp_path / "out").rglob("*escape*")] == []
    assert not (worker.root / ".git" / "hooks" / "post-checkout").exists()


async def blob_of(store: Path, entry: tuple[int, str]) -> bytes:
    return plumbing(store, "cat-file", "-p", entry[1]).encode()
