"""Trees of our own store: read, changed, compared, laid out."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repo_git_person import Person, person, plumbing

from journeyman.core.errors import RepositoryError
from journeyman.core.evidence import Change
from journeyman.repo import checkouts
from journeyman.repo.repository import Repository, open_repository

FILE, PROGRAM, LINK = 0o100644, 0o100755, 0o120000


@pytest.fixture
def worker(tmp_path: Path) -> Person:
    made = person(tmp_path / "repository")
    made.write("a.txt", "one\ntwo\nthree\n")
    made.write("run.sh", "#!/bin/sh\n", 0o755)
    made.write("deep/er/b.txt", "b\n")
    made.write("deep/c.txt", "c\n")
    made.write("picture.bin", bytes(range(256)) * 4)
    made.write(".gitignore", "*.log\nbuild/\n!keep.log\n")
    made.write("deep/.gitignore", "secret*\n")
    made.write("tracked.log", "tracked all the same\n")
    (made.root / "inside").symlink_to("deep/c.txt")
    (made.root / "folder").symlink_to("deep")
    (made.root / "outside").symlink_to("../../etc/passwd")
    (made.root / "absolute").symlink_to("/etc/passwd")
    (made.root / "circle").symlink_to("circle")
    made.git("add", "-f", "tracked.log")
    made.commit("first")
    return made


async def opened(worker: Person, tmp_path: Path) -> tuple[Repository, str]:
    repository = await open_repository(worker.root, tmp_path / "state")
    return repository, (await repository.snapshot()).tree


async def test_files_are_read_and_links_followed_within(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    async with repository.tree(base) as tree:
        assert await tree.paths() == sorted(worker.files())
        got = {
            path: await tree.get(path) for path in ("deep/c.txt", "inside", "folder/er/b.txt", "deep/../deep//c.txt")
        }
        assert got == {"deep/c.txt": b"c\n", "inside": b"c\n", "folder/er/b.txt": b"b\n", "deep/../deep//c.txt": b"c\n"}
        for path in ("outside", "absolute", "circle", "deep", "", "..", "../a.txt", "nowhere", "a.txt/x", "inside/x"):
            assert await tree.get(path) is None, path
        assert await tree.get("picture.bin", limit=100) is None
        assert await tree.get("picture.bin") == bytes(range(256)) * 4
        assert await tree.under(["", "deep", "folder"], ".gitignore") == [".gitignore", "deep/.gitignore"]


async def test_a_tree_with_changes(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    changed = await repository.tree_with(
        base,
        [b"deep/er", b"picture.bin", b"nowhere/at/all"],
        {
            b"a.txt": (FILE, b"one\n2\nthree\n"),
            b"run.sh": (FILE, b"#!/bin/sh\n"),
            b"new/er/x.py": (PROGRAM, b"x"),
            b"folder": (LINK, b"new"),
            b"deep": (FILE, b"now a file"),
        }
        | {b"inside/out.txt": (FILE, b"o")},
    )
    await repository.checkout(changed, tmp_path / "out")
    out = Person(tmp_path / "out").files()
    assert out["folder"] == b"-> new"
    assert out["deep"] == b"now a file"
    assert out["inside/out.txt"] == b"o"
    assert "picture.bin" not in out
    assert os.access(tmp_path / "out" / "new/er/x.py", os.X_OK)
    assert tuple((await repository.changes(base, changed)).values()) == (
        Change(path="a.txt", kind="update", added=1, removed=1),
        Change(path="deep", kind="add", added=1),
        Change(path="deep/.gitignore", kind="delete", removed=1),
        Change(path="deep/c.txt", kind="delete", removed=1),
        Change(path="deep/er/b.txt", kind="delete", removed=1),
        Change(path="folder", kind="update", added=1, removed=1),
        Change(path="inside", kind="delete", removed=1),
        Change(path="inside/out.txt", kind="add", added=1),
        Change(path="new/er/x.py", kind="add", added=1),
        Change(path="picture.bin", kind="delete"),
        Change(path="run.sh", kind="update"),
    )


async def test_ignored_new_files_are_left_out(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    names = {
        b"tracked.log": True,
        b"new.log": False,
        b"deep/keep.log": True,
        b"build/x": False,
        b"lib/build/x": False,
        b"build.txt": True,
        b"deep/secret.txt": False,
        b"secret.txt": True,
        b"pkg/__pycache__/m.cpython-311.pyc": False,
        b".pytest_cache/.gitignore": False,
        b".pytest_cache/v/x": False,
        b"cache/.gitignore": False,
        b"cache/deep/x": False,
        b":(top)odd": True,
        b"-n": True,
        b"new\nline": True,
    }
    writes = {name: (FILE, b"*\n") for name in names}
    tree = await repository.tree_with(base, [], writes)
    paths = await repository.paths(tree)
    rules = {name: write for name, write in writes.items() if name.endswith(b".gitignore")}
    kept = await repository.kept(base, [], list(names), rules)
    assert kept == [name for name, taken in names.items() if taken]
    assert {name: name in paths and paths[name] != (await repository.paths(base)).get(name) for name in names} == names
    widened = await repository.tree_with(
        base, [], {b".gitignore": (FILE, b"x*\n"), b"x": (FILE, b""), b"n.log": (FILE, b"")}
    )
    assert {b"x", b"n.log"} & set(await repository.paths(widened)) == {b"n.log"}
    removed = await repository.tree_with(base, [b".gitignore"], {b"n.log": (FILE, b"")})
    assert b"n.log" in await repository.paths(removed)


async def test_what_git_could_not_hold_is_left_out_or_refused(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    for name in (
        b".git/config",
        b"sub/.git",
        b".GIT/x",
        b"x/.Git /y",
        b"GIT~1",
        b".git::$INDEX_ALLOCATION",
        b".g\xe2\x80\x8cit",
    ):
        assert await repository.tree_with(base, [name], {name: (FILE, b"x")}) == base, name
    for name in (b"/etc/passwd", b"../x", b"a/../b", b"a//b", b"", b"./x", b"nul\0x"):
        with pytest.raises(RepositoryError, match="cannot be a file of a repository"):
            await repository.tree_with(base, [], {name: (FILE, b"x")})
    with pytest.raises(RepositoryError, match="beneath another file"):
        await repository.tree_with(base, [], {b"x": (LINK, b"/etc"), b"x/passwd": (FILE, b"x")})
    with pytest.raises(RepositoryError):
        await repository.tree_with(base, [], {b"x": (0o160000, b"x")})


async def test_everything_deleted_is_the_empty_tree(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    empty = await repository.tree_with(base, [path.split(b"/")[0] for path in await repository.paths(base)], {})
    assert empty == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert await repository.paths(empty) == {}
    assert b"deleted file mode 100755" in await repository.diff(base, empty)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([b"a", b"b", b"b/c", b"b/c/d", b"e/f", b"a.b", b"a-b", b"a/z"]), max_size=4),
    st.dictionaries(
        st.sampled_from([b"a", b"a.b", b"a-b", b"b/c/d", b"b/x", b"e/f"]), st.binary(max_size=4), max_size=4
    ),
)
async def test_trees_are_as_git_writes_them(tmp_path: Path, deletes: list[bytes], files: dict[bytes, bytes]) -> None:
    worker = person(tmp_path / "r") if not (tmp_path / "r").exists() else Person(tmp_path / "r")
    if not worker.files():
        for name in ("a", "a.b", "a-b", "b/c/d", "b/x", "e/f"):
            worker.write(name, name)
        worker.commit()
    repository, base = await opened(worker, tmp_path)
    tree = await repository.tree_with(base, deletes, {path: (FILE, content) for path, content in files.items()})
    expected = {path: None for path in await repository.paths(base)}
    expected = {path for path in expected if not any(path == gone or path.startswith(gone + b"/") for gone in deletes)}
    assert set(await repository.paths(tree)) == expected | set(files)
    plumbing(repository.git.store, "fsck", "--strict", "--no-dangling", tree)


async def test_a_patch_of_ours_is_one_that_plain_git_applies(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    changed = await repository.tree_with(
        base,
        [b"deep/c.txt"],
        {
            b"picture.bin": (FILE, bytes(reversed(range(256))) * 5),
            b"run.sh": (FILE, b"#!/bin/sh\n"),
            b"a.txt": (FILE, b"one\ntwo\nthree"),
            b"new\nline": (PROGRAM, b"\r\n"),
            b"caf\xe9": (LINK, b"a.txt"),
        },
    )
    (tmp_path / "patch").write_bytes(await repository.diff(base, changed))
    worker.git("apply", "--index", str(tmp_path / "patch"))
    assert worker.git("write-tree").strip() == changed
    assert await repository.diff(base, base) == b""


async def test_a_checkout_is_kept(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    first = await repository.checked_out(base)
    stamp = first.stat().st_ino
    assert Person(first).files() == worker.files()
    assert (await repository.checked_out(base), first.stat().st_ino) == (first, stamp)
    assert sorted(path.name for path in first.parent.parent.iterdir()) == [base]


async def test_checkouts_that_nobody_needs_go(worker: Person, tmp_path: Path) -> None:
    repository, base = await opened(worker, tmp_path)
    other = await repository.tree_with(base, [b"a.txt"], {})
    place = (await repository.checked_out(other)).parent
    trees, now = place.parent.parent, place.joinpath("use").stat().st_mtime
    plenty, soon, late = 1 << 40, now + checkouts.JUST_USED + 1, now + checkouts.UNUSED + 1
    async with repository.held(base) as files:
        assert checkouts.sweep(trees, plenty, soon) == []
        assert checkouts.sweep(trees, 0, now) == []  # somebody may be about to use it
        assert checkouts.sweep(trees, 0, soon) == [place]
        assert (files / "a.txt").read_text() == "one\ntwo\nthree\n"
        again = (await repository.checked_out(other)).parent
        assert again == place
        os.utime(place / "use", (now, now))
        assert checkouts.sweep(trees, plenty, late) == [place]
    assert checkouts.sweep(trees, plenty, late + 60) == [files.parent]
    assert list(trees.glob("*/*")) == list(trees.glob("*/.*")) == []
    with checkouts.held(place) as there:
        assert not there


async def test_a_tree_with_names_for_the_disk_of_somebody_else(worker: Person, tmp_path: Path) -> None:
    """Git's own plumbing writes such trees; laying one out must not leave the folder."""
    blob = worker.git("hash-object", "-w", "a.txt").strip()
    git_dir = worker.root / ".git"
    for name in ("..", ".git", ".GIT"):
        entry = f"100644 blob {blob}\tx\0".encode() if name == ".." else f"100644 blob {blob}\t{name}\0".encode()
        tree = plumbing(git_dir, "mktree", "-z", stdin=entry)
        if name == "..":
            raw = b"40000 ..\0" + bytes.fromhex(tree)
            tree = plumbing(git_dir, "hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)
        repository, _ = await opened(worker, tmp_path)
        with pytest.raises(RepositoryError, match="Laying out the files"):
            await repository.checkout(tree, tmp_path / "safe" / "out")
    assert [path.name for path in (tmp_path / "safe").iterdir()] == ["out"]
    assert list((tmp_path / "safe" / "out").iterdir()) == []
