"""What a checkpoint keeps comes back to the byte: files, modes, links, deletions, ignored files, git's own."""

import hashlib
import os
from pathlib import Path

import pytest

from journeyman.sandbox import checkpoint
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec

SHOW = "find . -printf '%P %y %m %l\\n' | sort; find . -type f -exec sha256sum {} + | sort"


class Blobs:
    """Content-addressed bytes, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self.kept[name] = data
        return name

    async def get(self, name: str) -> bytes:
        return self.kept[name]


async def shown(sandbox: Sandbox, command: str = SHOW) -> str:
    result = await sandbox.exec(["bash", "-c", command], timeout=120)
    assert result.exit_code == 0, result.output.decode()
    return result.output.decode()


@pytest.fixture
def spec(tmp_path: Path) -> SandboxSpec:
    lower, upper = tmp_path / "repository", tmp_path / "upper"
    for folder in ("src", "docs/old"):
        (lower / folder).mkdir(parents=True)
    (lower / "src/a.py").write_text("a = 1\n")
    (lower / "docs/old/page.md").write_text("old\n")
    (lower / "docs/index.md").write_text("index\n")
    upper.mkdir()
    return SandboxSpec(workspace=lower, lower=(lower,), upper=upper)


async def test_a_workspace_goes_back_to_its_checkpoint(tmp_path: Path, spec: SandboxSpec) -> None:
    backend = Bubblewrap(tmp_path / "state")
    blobs = Blobs()
    upper = spec.upper
    assert upper is not None
    changes = (
        "rm -r docs; mkdir docs; echo new > docs/new.md; chmod 700 docs; ln -s ../src/a.py docs/link;"
        "echo 'a = 2' > src/a.py; chmod +x src/a.py; mkdir -p build/deep;"
        "head -c 100000 /dev/urandom > build/deep/blob;"
        "printf x > $'odd\\nname'; mkdir empty"
    )
    async with backend.open(spec) as sandbox:
        await shown(sandbox, changes)
        expected = await shown(sandbox)
        manifest = await checkpoint.take(upper, {}, blobs.put)
        await shown(sandbox, "rm -rf build docs src/a.py; echo late > late; echo 'a = 3' > src/b.py; touch empty/x")
        assert await shown(sandbox) != expected
    restored = checkpoint.load(checkpoint.dump(manifest))
    assert restored == manifest
    await checkpoint.restore(upper, restored, blobs.get)
    async with backend.open(spec) as sandbox:
        assert await shown(sandbox) == expected


async def test_only_what_changed_is_read_again(tmp_path: Path, spec: SandboxSpec) -> None:
    backend = Bubblewrap(tmp_path / "state")
    blobs = Blobs()
    assert spec.upper is not None
    async with backend.open(spec) as sandbox:
        await shown(sandbox, "echo 1 > one; echo 2 > two")
        first = await checkpoint.take(spec.upper, {}, blobs.put)
        assert set(blobs.kept.values()) == {b"1\n", b"2\n"}
        blobs.kept.clear()
        assert await checkpoint.take(spec.upper, first, blobs.put) == first
        assert blobs.kept == {}
        await shown(sandbox, "echo 3 > two")
        second = await checkpoint.take(spec.upper, first, blobs.put)
    assert set(blobs.kept.values()) == {b"3\n"}
    assert second["one"] == first["one"]


async def test_too_large_a_workspace_is_said(
    tmp_path: Path, spec: SandboxSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "ENTRIES", 10)
    assert spec.upper is not None
    for number in range(11):
        (spec.upper / f"{number}").touch()
    with pytest.raises(checkpoint.TooMuch):
        await checkpoint.take(spec.upper, {}, Blobs().put)


async def test_of_too_large_a_workspace_nothing_is_read(spec: SandboxSpec) -> None:
    assert spec.upper is not None
    blobs = Blobs()
    (spec.upper / "small").write_text("1")
    with (spec.upper / "holes").open("wb") as file:
        file.truncate(checkpoint.BYTES - 1)
    (spec.upper / "last").write_text("1")
    with pytest.raises(checkpoint.TooMuch):
        await checkpoint.take(spec.upper, {}, blobs.put)
    assert blobs.kept == {}


async def test_a_link_out_of_the_layer_is_kept_as_a_link(tmp_path: Path, spec: SandboxSpec) -> None:
    assert spec.upper is not None
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (spec.upper / "out").symlink_to(secret)
    (spec.upper / "folder").symlink_to(tmp_path)
    os.mkfifo(spec.upper / "pipe")
    blobs = Blobs()
    manifest = await checkpoint.take(spec.upper, {}, blobs.put)
    assert {path: entry.target for path, entry in manifest.items()} == {"out": str(secret), "folder": str(tmp_path)}
    assert blobs.kept == {}
    await checkpoint.restore(spec.upper, manifest, blobs.get)
    assert secret.read_text() == "secret" and (spec.upper / "out").is_symlink()
