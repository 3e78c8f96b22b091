"""What every sandbox backend must do with snapshots; part of the contract in `sandbox.py`."""

import stat
from pathlib import Path

import pytest

from journeyman.core.errors import SandboxError
from journeyman.sandbox.protocol import FileChange, Sandbox, SandboxBackend
from journeyman.testing.sandbox_attacks import spec_in

FILES = {"edited": b"old", "gone": b"", "folder/one": b"1", "replaced/old": b"", "same": b"same"}
CHANGE = """
echo new > edited; rm gone; rm -r replaced; mkdir replaced; echo x > replaced/new; ln -s same link
mkdir -m 700 private; echo secret > private/file; chmod 600 private/file; ln private/file private/twin
printf '#!/bin/sh\\necho runs\\n' > run; chmod 755 run; mkfifo fifo; truncate -s 1G holes; echo end >> holes
mkdir -m 0 locked
mkdir -p "$HOME/.cache"; echo cached > "$HOME/.cache/data"
"""
SEE = """
ls -A; cat edited private/twin replaced/new link; ./run; stat -c '%a %h' private private/file; stat -c %a locked
tail -c 4 holes; test -p fifo; cat "$HOME/.cache/data"; ls -A "$HOME"
"""


async def sh(sandbox: Sandbox, script: str) -> str:
    result = await sandbox.exec(["sh", "-ec", script], timeout=120)
    assert (result.exit_code, result.cut) == (0, None), result
    return result.output.decode()


class SandboxSnapshots:
    """Snapshots: whole, a layer of others, put back."""

    @pytest.mark.parametrize("on_disk", [True, False])
    async def test_a_snapshot_is_put_back(self, backend: SandboxBackend, tmp_path: Path, *, on_disk: bool) -> None:
        upper = {"home_upper": tmp_path / "home"} if on_disk else {"upper": None}
        async with backend.open(spec_in(tmp_path, files=FILES, **upper)) as sandbox:
            await sh(sandbox, CHANGE)
            seen, changed = await sh(sandbox, SEE), await sandbox.diff()
            await sandbox.snapshot(tmp_path / "snapshot")
            await sh(sandbox, "rm -r private run replaced link; echo other > edited; echo x > more; rm -r $HOME/.cache")
            left = await sandbox.start(["sleep", "300"], timeout=600)
            await sandbox.restore(tmp_path / "snapshot")
            assert (await left.poll(5)).ended
            assert (await sh(sandbox, SEE), await sandbox.diff()) == (seen, changed)
            assert FileChange(b"replaced", "delete") in changed
            assert b"sleep" not in (await sandbox.exec("cat /proc/[0-9]*/cmdline", timeout=120)).output
            await sh(sandbox, "echo more >> private/file; rm -r replaced; touch gone")
            await sandbox.restore(tmp_path / "snapshot")  # which is not used up, nor changed by what came after
            assert (await sh(sandbox, SEE), await sandbox.diff()) == (seen, changed)

    async def test_a_snapshot_is_a_layer_of_others(self, backend: SandboxBackend, tmp_path: Path) -> None:
        one = spec_in(tmp_path, files=FILES)
        async with backend.open(one) as sandbox:
            await sh(sandbox, CHANGE)
            seen = await sh(sandbox, SEE)
            await sandbox.snapshot(tmp_path / "snapshot")
        lower = (tmp_path / "snapshot" / "workspace", *one.lower)
        other = spec_in(tmp_path / "2", lower=lower, home_lower=(tmp_path / "snapshot" / "home",))
        async with backend.open(other) as sandbox:
            assert await sh(sandbox, SEE) == seen
            assert await sandbox.diff() == ()
            await sh(sandbox, "rm -r private; echo x > $HOME/.cache/data")
        assert (tmp_path / "snapshot" / "home" / ".cache" / "data").read_text() == "cached\n"

    async def test_a_snapshot_is_whole_or_not_there(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        async with backend.open(spec_in(tmp_path, files={"kept": b"1"})) as sandbox:
            (tmp_path / "there").mkdir()
            with pytest.raises(SandboxError, match="there already"):
                await sandbox.snapshot(tmp_path / "there")
            with pytest.raises(SandboxError, match="no snapshot"):
                await sandbox.restore(tmp_path / "there")
            assert await sandbox.read("kept") == b"1"  # nothing was ended
            dig = "import os\nfor _ in range(900): os.mkdir('n'); os.chdir('n')"
            assert (await sandbox.exec([python, "-c", dig], timeout=120)).exit_code == 0
            with pytest.raises(SandboxError):
                await sandbox.snapshot(tmp_path / "deep")
            assert not [path for path in tmp_path.iterdir() if "deep" in path.name]

    async def test_nothing_of_a_snapshot_is_privileged(self, backend: SandboxBackend, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("of the host")
        async with backend.open(spec_in(tmp_path)) as sandbox:
            await sh(sandbox, f"cp /bin/true x; chmod 4755 x; ln -s {tmp_path}/secret s; ln -s {tmp_path} d; touch d2")
            await sandbox.snapshot(tmp_path / "snapshot")
        made = tmp_path / "snapshot" / "workspace"
        assert not (made / "x").stat().st_mode & stat.S_ISUID
        assert str((made / "s").readlink()) == f"{tmp_path}/secret"
        assert (made / "s").is_symlink()
        assert (made / "d").is_symlink()
