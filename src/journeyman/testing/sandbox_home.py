"""What every sandbox backend must do with the home directory; part of the contract in `sandbox.py`."""

from pathlib import Path
from typing import Any

import pytest

from journeyman.core.errors import SandboxError
from journeyman.sandbox.protocol import FileChange, Sandbox, SandboxBackend, SandboxSpec
from journeyman.testing.sandbox_attacks import spec_in


async def home(sandbox: Sandbox, script: str) -> str:
    """The output of a script in the home directory, which has to succeed."""
    result = await sandbox.exec(["sh", "-ec", 'cd "$HOME"\n' + script], timeout=120)
    assert (result.exit_code, result.cut) == (0, None), result
    return result.output.decode()


def with_home(tmp_path: Path, *, on_disk: bool = True, **settings: Any) -> SandboxSpec:
    lower = tmp_path / "home-lower"
    (lower / ".cache" / "tool").mkdir(parents=True)
    (lower / ".cache" / "tool" / "data").write_text("cached")
    (lower / ".settings").write_text("old")
    return spec_in(tmp_path, home_lower=(lower,), home_upper=tmp_path / "home-upper" if on_disk else None, **settings)


class SandboxHome:
    """The home directory: empty and gone at the end, or made of layers."""

    async def test_a_home_without_layers_is_empty_and_gone_at_the_end(
        self, backend: SandboxBackend, tmp_path: Path
    ) -> None:
        spec = spec_in(tmp_path)
        for _ in range(2):
            async with backend.open(spec) as sandbox:
                assert await home(sandbox, "ls -A; echo x > .rc; mkdir d; mv .rc d; cat d/.rc") == "x\n"
                assert await sandbox.diff() == ()

    async def test_home_layers_are_written_above_only(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = with_home(tmp_path)
        script = "cat .cache/tool/data .settings; echo new > .settings; rm -r .cache; echo x > made; ls -A"
        async with backend.open(spec) as sandbox:
            assert await home(sandbox, script) == "cachedold.settings\nmade\n"
            assert await sandbox.diff() == ()  # which is of the workspace
        async with backend.open(spec) as sandbox:
            assert await home(sandbox, "ls -A; cat .settings; test -O . && test -O made") == ".settings\nmade\nnew\n"
        assert spec.home_upper is not None
        assert (spec.home_upper / "made").read_text() == "x\n"
        assert (spec.home_lower[0] / ".settings").read_text() == "old"
        above = spec_in(tmp_path / "above", home_lower=(spec.home_upper, *spec.home_lower))
        async with backend.open(above) as sandbox:  # a home that was written is a layer of others
            assert await home(sandbox, "ls -A; cat .settings; rm made") == ".settings\nmade\nnew\n"
        assert (spec.home_upper / "made").exists()

    async def test_home_layers_below_one_in_memory(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = with_home(tmp_path, on_disk=False, read_only=True, upper=None)
        for _ in range(2):
            async with backend.open(spec) as sandbox:
                assert await home(sandbox, "ls -A; rm .settings; echo x > .cache/tool/more") == ".cache\n.settings\n"
        assert sorted(path.name for path in spec.home_lower[0].rglob("*")) == [".cache", ".settings", "data", "tool"]

    async def test_one_home_layer_has_one_sandbox(self, backend: SandboxBackend, tmp_path: Path) -> None:
        one = with_home(tmp_path)
        other = spec_in(tmp_path / "other", home_upper=one.home_upper)
        async with backend.open(one):
            with pytest.raises(SandboxError):
                async with backend.open(other):
                    pytest.fail("two sandboxes share one layer")

    async def test_a_home_layer_counts_as_disk(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(with_home(tmp_path, disk_bytes=32 * 1024 * 1024)) as sandbox:
            script = "cd; for i in $(seq 200); do head -c 8000000 /dev/zero > f$i; sleep 0.02; done"
            result = await sandbox.exec(["sh", "-c", script], timeout=120)
            assert (result.exit_code, result.cut) == (None, "disk"), result

    async def test_workspace_and_home_layers_change_side_by_side(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(with_home(tmp_path)) as sandbox:
            await home(sandbox, 'echo 1 > "$OLDPWD/in-workspace"; echo 2 > in-home; ln "$HOME/in-home" linked')
            assert await sandbox.diff() == (FileChange(b"in-workspace", "write"),)
