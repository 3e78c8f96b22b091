"""Opening a repository, and what is said when it cannot be worked on."""

import os
from pathlib import Path

import pytest
from repo_git_person import Person, person

from journeyman.core.errors import JourneymanError, RepositoryError, UsageError
from journeyman.repo.git_dir import find_git_dir, parse_config
from journeyman.repo.repository import open_repository


@pytest.fixture
def started(tmp_path: Path) -> Person:
    made = person(tmp_path / "repository")
    made.write("a.txt", "one\n")
    made.commit("first")
    return made


async def said(path: Path, state: Path, ref: str | None = None) -> JourneymanError:
    with pytest.raises(JourneymanError) as caught:
        await (await open_repository(path, state)).snapshot(ref)
    return caught.value


async def test_a_subdirectory_and_a_symlink_lead_to_the_root(started: Person, tmp_path: Path) -> None:
    started.write("deep/er/b.txt", "b")
    (tmp_path / "link").symlink_to(started.root)
    for start in (started.root, started.root / "deep" / "er", tmp_path / "link", started.root / ".git" / "refs"):
        assert (await open_repository(start, tmp_path / "state")).root == started.root


async def test_no_repository(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").write_text("x")
    missing = await said(tmp_path / "nowhere", tmp_path / "state")
    assert isinstance(missing, UsageError)
    assert str(missing) == f"{tmp_path}/nowhere does not exist; check the path given with -C."
    assert "is a file; give the directory" in str(await said(tmp_path / "plain" / "file", tmp_path / "state"))
    plain = await said(tmp_path / "plain", tmp_path / "state")
    assert isinstance(plain, UsageError)
    assert "is not in a git repository" in str(plain)
    assert "git init" in str(plain)


async def test_a_bare_repository(started: Person, tmp_path: Path) -> None:
    started.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    error = await said(tmp_path / "bare.git", tmp_path / "state")
    assert isinstance(error, UsageError)
    assert "is a bare repository" in str(error)
    assert f"git clone {tmp_path}/bare.git" in str(error)


async def test_empty_repositories(tmp_path: Path) -> None:
    empty = person(tmp_path / "empty")
    error = await said(empty.root, tmp_path / "state")
    assert isinstance(error, RepositoryError)
    assert "no commits and no files" in str(error)
    empty.write("new.txt", "n\n")
    base = await (await open_repository(empty.root, tmp_path / "state")).snapshot()
    assert (base.commit, base.branch, base.changed_files, base.untracked_files) == (None, "main", 0, 1)


async def test_in_the_middle_of_something(started: Person, tmp_path: Path) -> None:
    first = started.git("rev-parse", "HEAD").strip()
    started.git("checkout", "-qb", "other")
    started.write("a.txt", "other\n")
    other = started.commit("other")
    started.git("checkout", "-q", "main")
    started.write("a.txt", "main\n")
    main = started.commit("main")
    for begin, what, abort in (
        (("merge", "other"), "a merge", ("merge", "--abort")),
        (("rebase", "other"), "a rebase", ("rebase", "--abort")),
        (("cherry-pick", "other"), "a cherry-pick", ("cherry-pick", "--abort")),
        (("revert", first), "a revert", ("revert", "--abort")),
        (("bisect", "start", "HEAD", first), "a bisect", ("bisect", "reset")),
    ):
        started.git(*begin, ok=(0, 1))
        error = await said(started.root, tmp_path / "state")
        assert isinstance(error, RepositoryError)
        assert f"in the middle of {what}" in str(error)
        assert f"git {' '.join(abort)}" in str(error)
        assert "--base HEAD" in str(error)
        base = await (await open_repository(started.root, tmp_path / "state")).snapshot("other")
        assert (base.commit, base.branch, base.ref) == (other, "other", "other")
        started.git(*abort)
    base = await (await open_repository(started.root, tmp_path / "state")).snapshot()
    assert (base.commit, base.changed_files) == (main, 0)


async def test_refs_of_every_kind_and_none(started: Person, tmp_path: Path) -> None:
    started.git("tag", "-a", "v1.0", "-m", "release")
    started.git("pack-refs", "--all")
    first = started.git("rev-parse", "HEAD").strip()
    started.write("a.txt", "two\n")
    second = started.commit("second")
    started.git("branch", "feature/x")
    repository = await open_repository(started.root, tmp_path / "state")
    for ref, commit, branch in (
        ("v1.0", first, None),
        ("HEAD~1", first, None),
        (first[:9], first, None),
        ("HEAD", second, "main"),
        ("feature/x", second, "feature/x"),
        ("refs/heads/main", second, None),
    ):
        base = await repository.snapshot(ref)
        assert (base.commit, base.branch, base.ref) == (commit, branch, ref)
        assert base.tree == started.git("rev-parse", f"{commit}^{{tree}}").strip()
    near = await said(started.root, tmp_path / "state", "featur/x")
    assert isinstance(near, UsageError)
    assert str(near).endswith("Did you mean 'feature/x'?")
    assert "See `git branch -a`" in str(await said(started.root, tmp_path / "state", "zzzz"))
    for hostile in ("--all", "", "HEAD\nHEAD", "HEAD:a.txt", "@{1}"):
        assert "There is no commit" in str(await said(started.root, tmp_path / "state", hostile))


async def test_a_linked_worktree(started: Person, tmp_path: Path) -> None:
    started.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    side = Person(tmp_path / "side")
    side.write("b.txt", "b\n")
    repository = await open_repository(side.root, tmp_path / "state")
    base = await repository.snapshot()
    assert (base.branch, base.untracked_files, base.repository) == ("side", 1, str(side.root))
    assert sorted(await repository.paths(base.tree)) == [b"a.txt", b"b.txt"]
    (started.root / ".git").rename(tmp_path / "moved")
    assert "git worktree repair" in str(await said(side.root, tmp_path / "state"))


async def test_sha256_shallow_and_partial_clones(started: Person, tmp_path: Path) -> None:
    started.write("a.txt", "two\n")
    head = started.commit("second")
    started.git("config", "uploadpack.allowFilter", "true")
    source = f"file://{started.root}"
    started.git("clone", "-q", "--depth", "1", source, str(tmp_path / "shallow"))
    started.git("clone", "-q", "--filter=blob:none", source, str(tmp_path / "partial"))
    for name in ("shallow", "partial"):
        clone = Person(tmp_path / name)
        clone.write("c.txt", "c\n")
        repository = await open_repository(clone.root, tmp_path / "state")
        base = await repository.snapshot()
        assert (base.commit, base.untracked_files) == (head, 1)
        assert base.tree == clone.tree()
    error = await said(tmp_path / "shallow", tmp_path / "state", "HEAD~1")
    assert "There is no commit" in str(error)
    long = person(tmp_path / "long", "--object-format=sha256")
    long.write("a.txt", "one\n")
    long.commit()
    long.write("b.txt", "two\n")
    repository = await open_repository(long.root, tmp_path / "state")
    base = await repository.snapshot()
    assert (len(base.tree), base.tree) == (64, long.tree())
    tree = await repository.tree_with(base.tree, [b"a.txt"], {b"d/c.txt": (0o100644, b"c\n")})
    assert sorted(await repository.paths(tree)) == [b"b.txt", b"d/c.txt"]


async def test_object_stores_that_are_none_are_refused(started: Person, tmp_path: Path) -> None:
    secrets = tmp_path / ".ssh"
    secrets.mkdir()
    (secrets / "id_ed25519").write_text("secret")
    alternates = started.root / ".git" / "objects" / "info" / "alternates"
    alternates.write_text(f"{secrets}\n")
    error = await said(started.root, tmp_path / "state")
    assert isinstance(error, RepositoryError)
    assert "is named as a store of git objects but holds 'id_ed25519'" in str(error)
    alternates.unlink()
    started.git("clone", "-q", "--shared", str(started.root), str(tmp_path / "borrower"))
    place = find_git_dir(tmp_path / "borrower")
    assert place.objects == (tmp_path / "borrower" / ".git" / "objects", started.root / ".git" / "objects")


async def test_a_damaged_index_is_told(started: Person, tmp_path: Path) -> None:
    (started.root / ".git" / "index").write_bytes(b"not an index at all, but long enough to be read as one")
    error = await said(started.root, tmp_path / "state")
    assert "index is damaged" in str(error)
    assert "git reset" in str(error)


async def test_git_inside_the_repository_is_not_run(started: Person, tmp_path: Path) -> None:
    started.write("bin/git", "#!/bin/sh\ntouch fired\n", 0o755)
    with pytest.raises(RepositoryError, match="not installed"):
        await open_repository(started.root, tmp_path / "state", search_path=f"{started.root}/bin:.:bin")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_an_unreadable_file_is_named(started: Person, tmp_path: Path) -> None:
    started.write("closed.txt", "c", 0o000)
    error = await said(started.root, tmp_path / "state")
    assert "closed.txt cannot be read: permission denied" in str(error)


def test_configuration_is_read_as_git_reads_it(started: Person) -> None:
    started.write(
        ".git/config",
        '[core]\n\tbare = false ; no\n\tautocrlf=input # yes\n\tname = "a ; b\\n" c  \n'
        '[Remote "Or\\"igin"] url = x\\\ny\n'
        "[a.B]\n\tKey\n[core]\n\tEOL = lf\n",
    )
    listed = started.git("config", "--file", ".git/config", "--list", "-z").split("\0")
    expected = {name: value or "true" for name, _, value in (each.partition("\n") for each in listed if each)}
    assert parse_config((started.root / ".git" / "config").read_bytes()) == expected
