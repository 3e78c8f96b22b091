"""The host's reading of an upper layer, made by hand the way that a kernel may write it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman.core.errors import SandboxError
from journeyman.sandbox import layer, layer_copy
from journeyman.sandbox.protocol import FileChange


@pytest.fixture
def upper(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    folder = tmp_path / "upper"
    folder.mkdir()
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    yield folder, handle
    os.close(handle)


def test_the_extended_attribute_forms_of_deletion(upper: tuple[Path, int]) -> None:
    folder, handle = upper
    (folder / "x" / "inner").mkdir(parents=True)
    (folder / "x" / "gone").touch()
    (folder / "x" / "empty").touch()
    (folder / "opaque").mkdir()
    (folder / "opaque" / "f").write_text("1")
    os.setxattr(folder / "x", "user.overlay.opaque", b"x")
    os.setxattr(folder / "x" / "gone", "user.overlay.whiteout", b"")
    os.setxattr(folder / "opaque", "user.overlay.opaque", b"y")
    assert layer.diff(handle) == (
        (
            FileChange(b"opaque", "delete"),
            FileChange(b"x/gone", "delete"),
            FileChange(b"opaque/f", "write"),
            FileChange(b"x/empty", "write"),
        ),
        [],
    )


def test_a_whiteout_attribute_outside_a_marked_folder_is_a_file(upper: tuple[Path, int]) -> None:
    folder, handle = upper
    (folder / "f").touch()
    os.setxattr(folder / "f", "user.overlay.whiteout", b"")
    assert layer.diff(handle)[0] == (FileChange(b"f", "write"),)


def test_only_the_top_git_directory_is_left_out(upper: tuple[Path, int]) -> None:
    folder, handle = upper
    for name in (".git", "sub/.git"):
        (folder / name).mkdir(parents=True)
        (folder / name / "config").write_text("[core]")
    assert layer.diff(handle)[0] == (FileChange(b"sub/.git/config", "write"),)
    assert layer.size(handle) >= 2 * 512


def test_a_worktrees_git_file_is_left_out(upper: tuple[Path, int]) -> None:
    folder, handle = upper
    (folder / ".git").write_text("gitdir: /elsewhere")
    assert layer.diff(handle) == ((), [])


def test_sockets_and_fifos_are_remarked(upper: tuple[Path, int]) -> None:
    folder, handle = upper
    os.mkfifo(folder / "fifo")
    changes, remarks = layer.diff(handle)
    assert (changes, remarks) == ((), ["'fifo' was left out: it is neither a file nor a link."])


def test_a_link_for_a_folder_is_not_entered(upper: tuple[Path, int], tmp_path: Path) -> None:
    folder, handle = upper
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("x")
    (folder / "d").symlink_to(outside)
    for path in (b"d/secret", b"./d", b"../outside/secret", b"d\0", b"a//b", b"/d"):
        with pytest.raises(SandboxError):
            layer.read(handle, path, 1000)
    assert layer.read(handle, b"d", 1000) == (0o120000, os.fsencode(outside))


def test_descriptors_are_not_leaked(upper: tuple[Path, int]) -> None:
    folder, handle = upper
    deep = folder
    for _ in range(30):
        deep = deep / "n"
        deep.mkdir()
        (deep / "f").write_text("x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert len(layer.diff(handle)[0]) == 30
    assert layer.read(handle, b"/".join([b"n"] * 30 + [b"f"]), 10) == (0o100644, b"x")
    with pytest.raises(SandboxError):
        layer.read(handle, b"n/n/missing/f", 10)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_layer_of_the_hosts_files_is_adopted(upper: tuple[Path, int]) -> None:
    if os.getuid() != 0:
        pytest.skip("only root gives files away")
    folder, handle = upper
    (folder / "d").mkdir()
    (folder / "d" / "f").touch()
    (folder / "l").symlink_to("/etc/passwd")
    layer.adopt(handle, 65533, 65532)
    owners = {path.name: (path.lstat().st_uid, path.lstat().st_gid) for path in folder.rglob("*")}
    assert owners == dict.fromkeys(("d", "f", "l"), (65533, 65532))
    assert Path("/etc/passwd").stat().st_uid == 0


def test_what_directories_forbid_holds_nobody_up_and_stays_in_force(upper: tuple[Path, int]) -> None:
    folder, handle = upper
    for name, mode in (("no-entry", 0o600), ("no-listing", 0o300), ("nothing", 0)):
        (folder / name).mkdir()
        (folder / name / "f").write_text("1")
        (folder / name / "f").chmod(0)
        (folder / name).chmod(mode)
    for _ in range(2):
        assert [change.path for change in layer.diff(handle)[0]] == [b"no-entry/f", b"no-listing/f", b"nothing/f"]
        assert [path.stat().st_mode & 0o777 for path in sorted(folder.iterdir())] == [0o600, 0o300, 0]
    assert layer.size(handle) > 0
    layer_copy.copy(folder, folder.parent / "copy", None, 10**6)
    assert [path.stat().st_mode & 0o777 for path in sorted((folder.parent / "copy").iterdir())] == [0o600, 0o300, 0]
    for left in (folder, folder.parent / "copy"):
        layer_copy.erase(left)
        assert not left.exists()


def test_more_than_the_limit_is_not_copied(upper: tuple[Path, int]) -> None:
    folder, _ = upper
    (folder / "f").write_bytes(b"x" * 100_000)
    with pytest.raises(SandboxError, match="too much"):
        layer_copy.copy(folder, folder.parent / "copy", None, 90_000)
    with (folder / "g").open("wb") as file:
        file.truncate(10**12)
    layer_copy.copy(folder, folder.parent / "holes", None, 200_000)
    assert (folder.parent / "holes" / "g").stat().st_blocks == 0
