"""Putting patches on the person's working tree: all or nothing, and nothing else."""

import asyncio
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from repo_git_person import Person, person

from journeyman.core.errors import RepositoryError
from journeyman.repo import worktree_write
from journeyman.repo.repository import Repository, open_repository
from journeyman.repo.worktree import ApplyOutcome, Conflict
from journeyman.repo.worktree_write import LayOut, Seen

FILE, PROGRAM, LINK = 0o100644, 0o100755, 0o120000
TEXT = "".join(f"line {number}\n" for number in range(20))
Writes = Mapping[bytes, tuple[int, bytes]]


@pytest.fixture
def worker(tmp_path: Path) -> Person:
    made = person(tmp_path / "repository")
    made.write("a.txt", TEXT)
    made.write("b.txt", "b\n")
    made.write("run.sh", "#!/bin/sh\n", 0o755)
    made.write("old/gone.txt", "gone\n")
    made.write("picture.bin", bytes(range(256)))
    (made.root / "link").symlink_to("a.txt")
    made.write(".gitignore", "*.log\n")
    made.commit("first")
    made.write("mine.txt", "the person's own\n")
    made.write("b.txt", "the person's own\n")
    made.git("add", "b.txt")
    return made


async def patch_of(worker: Person, tmp_path: Path, deletes: list[bytes], writes: Writes) -> tuple[Repository, bytes]:
    repository = await open_repository(worker.root, tmp_path / "state")
    base = await repository.snapshot()
    tree = await repository.tree_with(base.tree, deletes, writes)
    return repository, await repository.diff(base.tree, tree)


def edited(number: int, to: str) -> bytes:
    return TEXT.replace(f"line {number}\n", f"{to}\n").encode()


async def test_every_kind_of_change_lands_and_nothing_else(worker: Person, tmp_path: Path) -> None:
    (worker.root / "run.sh").chmod(0o700)
    (worker.root / "a.txt").chmod(0o640)
    writes = {
        b"a.txt": (FILE, edited(3, "three")),
        b"run.sh": (FILE, b"#!/bin/sh\n"),
        b"new/deep/n.txt": (PROGRAM, b"n\n"),
        b"picture.bin": (FILE, bytes(reversed(range(256)))),
        b"link": (LINK, b"b.txt"),
        b"caf\xe9\n": (FILE, b"odd"),
        b"-rf": (FILE, b""),
    }
    repository, patch = await patch_of(worker, tmp_path, [b"old"], writes)
    before, git = worker.files(), worker.frozen()
    checked = await repository.apply(patch, check_only=True)
    assert (worker.files(), worker.frozen()) == (before, git)
    outcome = await repository.apply(patch)
    names = ("-rf", "a.txt", "caf\\xe9\n", "link", "new/deep/n.txt", "old/gone.txt", "picture.bin", "run.sh")
    assert outcome == ApplyOutcome(applied=True, changed=names)
    assert checked == ApplyOutcome(applied=False, changed=names)
    expected = before | {path.decode("utf-8", "surrogateescape"): content for path, (_, content) in writes.items()}
    expected["link"] = b"-> b.txt"
    del expected["old/gone.txt"]
    assert worker.files() == expected
    assert worker.frozen() == git
    assert not (worker.root / "old").exists()
    modes = {name: (worker.root / name).stat().st_mode & 0o777 for name in ("a.txt", "run.sh", "new/deep/n.txt")}
    assert modes == {"a.txt": 0o640, "run.sh": 0o600, "new/deep/n.txt": 0o755}
    again = await repository.apply(patch)
    assert again == ApplyOutcome(applied=True, already=names)


async def test_changes_elsewhere_in_a_file_are_kept(worker: Person, tmp_path: Path) -> None:
    repository, patch = await patch_of(
        worker, tmp_path, [], {b"a.txt": (FILE, edited(3, "three")), b"run.sh": (FILE, b"#!/bin/sh\n")}
    )
    worker.write("a.txt", edited(17, "seventeen"))
    worker.write("run.sh", "#!/bin/sh\necho more\n", 0o755)
    outcome = await repository.apply(patch)
    assert outcome == ApplyOutcome(applied=True, changed=("a.txt", "run.sh"), merged=("a.txt",))
    assert (worker.root / "a.txt").read_bytes() == edited(17, "seventeen").replace(b"line 3\n", b"three\n")
    assert (worker.root / "run.sh").stat().st_mode & 0o777 == 0o644
    assert (worker.root / "run.sh").read_text() == "#!/bin/sh\necho more\n"


async def test_conflicts_change_nothing_and_are_named(worker: Person, tmp_path: Path) -> None:
    repository, patch = await patch_of(
        worker,
        tmp_path,
        [b"old/gone.txt"],
        {
            b"a.txt": (FILE, edited(3, "three")),
            b"run.sh": (FILE, b"fine\n"),
            b"picture.bin": (FILE, b"\0new"),
            b"new.txt": (FILE, b"new\n"),
            b"noise.log/x": (FILE, b"x\n"),
            b"link": (LINK, b"b.txt"),
            b"there": (FILE, b"t\n"),
            b"pipe": (FILE, b"p\n"),
            b"mine.txt": (FILE, b"changed\n"),
        },
    )
    worker.write("a.txt", edited(3, "drei"))
    worker.write("picture.bin", b"\0mine")
    worker.write("new.txt", "in the way\n")
    worker.write("noise.log", "ignored, and in the way\n")
    worker.write("old/gone.txt", "changed\n")
    (worker.root / "link").unlink()
    (worker.root / "link").symlink_to("elsewhere")
    worker.write("there/file", "in a directory of that name")
    (worker.root / "mine.txt").unlink()
    files, git = worker.files(), worker.frozen()
    os.mkfifo(worker.root / "pipe")
    for check_only in (True, False):
        outcome = await repository.apply(patch, check_only=check_only)
        assert outcome.applied is False
        assert outcome.changed == ()
        assert {conflict.path: conflict.reason for conflict in outcome.conflicts} == {
            "a.txt": "was changed in the meantime in the same place",
            "picture.bin": "was changed in the meantime in the same place",
            "new.txt": "exists already with other content",
            "old/gone.txt": "is deleted by the patch but was changed in the meantime",
            "link": "was changed in the meantime, and is not a plain file on both sides",
            "mine.txt": "was deleted or renamed in the meantime",
            "pipe": "cannot be written: something that is not a file is there",
        }
    (worker.root / "pipe").unlink()
    assert (worker.files(), worker.frozen()) == (files, git)


async def test_what_stands_in_the_way(worker: Person, tmp_path: Path) -> None:
    repository, patch = await patch_of(
        worker, tmp_path, [], {b"noise/x": (FILE, b"x\n"), b"there": (FILE, b"t\n"), b"empty": (FILE, b"e\n")}
    )
    worker.write("noise", "a file in the way of a directory\n")
    worker.write("there/file.log", "ignored, in a directory of that name\n")
    (worker.root / "empty" / "er").mkdir(parents=True)
    outcome = await repository.apply(patch)
    assert outcome.conflicts == (
        Conflict("noise/x", "cannot be written: noise is not a directory"),
        Conflict("there", "cannot be written: a directory of that name has other files in it"),
    )
    (worker.root / "noise").unlink()
    shutil.rmtree(worker.root / "there")
    (worker.root / "empty" / "er").rmdir()
    assert (await repository.apply(patch)).applied
    assert (worker.root / "empty").read_text() == "e\n"


async def test_files_and_directories_that_change_places(worker: Person, tmp_path: Path) -> None:
    repository, patch = await patch_of(
        worker, tmp_path, [b"old", b"b.txt"], {b"old": (FILE, b"a file\n"), b"b.txt/inside": (FILE, b"in\n")}
    )
    outcome = await repository.apply(patch)
    assert outcome.applied, outcome
    assert (worker.root / "old").read_text() == "a file\n"
    assert (worker.root / "b.txt" / "inside").read_text() == "in\n"


async def test_nothing_is_written_through_a_link(worker: Person, tmp_path: Path) -> None:
    repository, patch = await patch_of(
        worker, tmp_path, [], {b"lib/x.txt": (FILE, b"x\n"), b"old/gone.txt": (FILE, b"y\n")}
    )
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "gone.txt").write_text("gone\n")
    (worker.root / "lib").symlink_to(outside)
    shutil.rmtree(worker.root / "old")
    (worker.root / "old").symlink_to(outside)
    outcome = await repository.apply(patch)
    assert outcome.conflicts == (Conflict("old/gone.txt", "was deleted or renamed in the meantime"),)
    (worker.root / "old").unlink()
    worker.write("old/gone.txt", "gone\n")
    outcome = await repository.apply(patch)
    assert outcome.conflicts == (Conflict("lib/x.txt", "cannot be written: lib is not a directory"),)
    assert [path.name for path in outside.iterdir()] == ["gone.txt"]
    assert (outside / "gone.txt").read_text() == "gone\n"


@pytest.mark.parametrize(("failing", "links"), [("rename", True), ("rename", False), ("mkdir", True)])
async def test_a_full_disk_half_way_is_rolled_back(
    worker: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, links: bool
) -> None:
    writes = {
        b"a.txt": (FILE, edited(3, "three")),
        b"new/er/x": (FILE, b"x"),
        b"z/y/n": (FILE, b"n"),
        b"run.sh": (FILE, b""),
    }
    repository, patch = await patch_of(worker, tmp_path, [b"old", b"picture.bin"], writes)
    before, git = worker.files(), worker.frozen()
    modes = {path: path.lstat().st_mode for path in worker.root.rglob("*") if ".git" not in path.parts}
    real, calls = getattr(os, failing), 0

    def refuse(*args: object, **options: object) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*args, **options)

    def no_links(*args: object, **options: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    for at in range(1, 30):
        calls = 0
        with monkeypatch.context() as patched:
            patched.setattr(worktree_write.os, failing, refuse)
            if not links:
                patched.setattr(worktree_write.os, "link", no_links)
            try:
                outcome = await repository.apply(patch)
            except RepositoryError as error:
                assert str(error).endswith("No space left on device. Nothing was changed.")
                assert (worker.files(), worker.frozen()) == (before, git)
                assert {path: path.lstat().st_mode for path in modes} == modes
                continue
        assert outcome.applied
        assert at > 2
        break
    assert (worker.root / "new" / "er" / "x").read_bytes() == b"x"


async def test_a_file_saved_while_the_patch_is_applied(
    worker: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, patch = await patch_of(
        worker, tmp_path, [b"old"], {b"a.txt": (FILE, edited(3, "three")), b"n": (FILE, b"n")}
    )
    real = worktree_write.replace_files

    async def late(root: Path, wanted: Mapping[bytes, int | None], seen: Mapping[bytes, Seen], lay_out: LayOut) -> None:
        worker.write("a.txt", "saved by an editor just now\n")
        await real(root, wanted, seen, lay_out)

    monkeypatch.setattr("journeyman.repo.worktree.replace_files", late)
    outcome = await repository.apply(patch)
    assert outcome.conflicts == (Conflict("a.txt", "was changed while the patch was applied"),)
    assert (worker.root / "a.txt").read_text() == "saved by an editor just now\n"
    assert (worker.root / "old" / "gone.txt").exists()
    assert not list(worker.root.glob(".journeyman*"))


async def test_cancelled_it_is_done_or_not_done(worker: Person, tmp_path: Path) -> None:
    writes = {f"many/{number}": (FILE, b"x") for number in range(200)}
    repository, patch = await patch_of(worker, tmp_path, [], {path.encode(): write for path, write in writes.items()})
    for delay in (0.001, 0.02, 0.03, 0.04, 0.05):
        work = asyncio.create_task(repository.apply(patch))
        await asyncio.sleep(delay)
        work.cancel()
        await asyncio.wait([work])
        there = len(list((worker.root / "many").iterdir())) if (worker.root / "many").exists() else 0
        assert there in (0, 200)
        assert not list(worker.root.glob(".journeyman*"))
        if there:
            shutil.rmtree(worker.root / "many")


async def test_line_ends_stay_the_persons(worker: Person, tmp_path: Path) -> None:
    worker.write(".gitattributes", "*.txt text eol=crlf\n")
    worker.write("a.txt", TEXT.replace("\n", "\r\n"))
    repository, patch = await patch_of(
        worker,
        tmp_path,
        [],
        {b"a.txt": (FILE, edited(3, "three").replace(b"\n", b"\r\n")), b"new.txt": (FILE, b"n\r\n")},
    )
    assert b"\r" not in patch
    worker.write("a.txt", edited(17, "seventeen").replace(b"\n", b"\r\n"))
    assert (await repository.apply(patch)).merged == ("a.txt",)
    merged = edited(17, "seventeen").replace(b"line 3\n", b"three\n").replace(b"\n", b"\r\n")
    assert (worker.root / "a.txt").read_bytes() == merged
    assert (worker.root / "new.txt").read_bytes() == b"n\r\n"


async def test_a_patch_from_elsewhere_has_to_fit(worker: Person, tmp_path: Path) -> None:
    other = person(tmp_path / "other")
    for name in ("a.txt", "b.txt"):
        other.write(name, "not known here\n" + TEXT)
    other.commit()
    other.write("a.txt", "not known here\n" + edited(3, "three").decode())
    (tmp_path / "patch").write_text(other.git("diff", "--full-index"))
    repository = await open_repository(worker.root, tmp_path / "state")
    outcome = await repository.apply((tmp_path / "patch").read_bytes())
    assert outcome == ApplyOutcome(applied=True, changed=("a.txt",))
    assert (worker.root / "a.txt").read_bytes() == edited(3, "three")
    worker.write("a.txt", "something else\n")
    outcome = await repository.apply((tmp_path / "patch").read_bytes())
    assert outcome.conflicts == (Conflict("a.txt", "does not fit: the file is not as the patch expects"),)


async def test_damaged_and_hostile_patches(worker: Person, tmp_path: Path) -> None:
    repository = await open_repository(worker.root, tmp_path / "state")
    before, git = worker.files(), worker.frozen()
    with pytest.raises(RepositoryError, match="The patch is damaged"):
        await repository.apply(b"this is no patch\n")
    for name in ("../escape", ".git/config", ".git/hooks/post-checkout", "sub/.git/config", "/etc/passwd"):
        header = f"diff --git a/{name} b/{name}\nnew file mode 100755\n--- /dev/null\n+++ b/{name}\n"
        with pytest.raises(RepositoryError):
            await repository.apply(header.encode() + b"@@ -0,0 +1 @@\n+x\n")
    assert await repository.apply(b"") == ApplyOutcome(applied=True)
    assert (worker.files(), worker.frozen()) == (before, git)
    assert not (tmp_path / "escape").exists()


async def test_in_the_middle_of_a_merge_it_still_works(worker: Person, tmp_path: Path) -> None:
    repository, patch = await patch_of(worker, tmp_path, [], {b"a.txt": (FILE, edited(3, "three"))})
    worker.git("commit", "-qm", "mine")
    worker.git("checkout", "-qb", "side", "HEAD~1")
    worker.write("b.txt", "side\n")
    worker.git("commit", "-qam", "side")
    worker.git("merge", "main", ok=(1,))
    git = worker.frozen()
    assert (await repository.apply(patch)).applied
    assert worker.frozen() == git
