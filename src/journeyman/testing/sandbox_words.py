"""How every sandbox backend tells which limit was hit; part of the contract in `sandbox.py`."""

from pathlib import Path

import pytest

from journeyman.core.errors import ToolError
from journeyman.sandbox.protocol import Entry, SandboxBackend
from journeyman.testing.sandbox_attacks import spec_in

SPIN = "import time\nend = time.process_time() + 30\nwhile time.process_time() < end: pass\nprint('all of it')"
SHARE = """
import time
began, used = time.monotonic(), time.process_time()
while time.monotonic() - began < 1.5: pass
print((time.process_time() - used) / (time.monotonic() - began))
"""
FORK = """
import os, sys, time
for _ in range(200):
    try:
        if not os.fork(): time.sleep(5); os._exit(0)
    except BlockingIOError as error:
        sys.exit(str(error))
"""


class SandboxWords:
    """Limits that are told in words; commands that are a text; directories that are listed."""

    async def test_processor_time_is_bounded(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        async with backend.open(spec_in(tmp_path, cpu_seconds=1)) as sandbox:
            spun = await sandbox.exec([python, "-c", SPIN], timeout=120)
            assert (spun.exit_code, spun.cut, spun.output) == (None, "cpu", b"")
            child = await sandbox.exec(f'{python} -c "{SPIN}"; exit $?', timeout=120)
            assert (child.exit_code, child.cut) == (None, "cpu")
            deaf = await sandbox.exec(
                [python, "-c", f"import signal; signal.signal(24, lambda *_: None)\n{SPIN}"], timeout=120
            )
            assert deaf.exit_code == 137
            assert "limits.cpu_seconds" in deaf.notes[0]
            assert (await sandbox.exec(["true"], timeout=120)).exit_code == 0

    async def test_processors_are_bounded(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        async with backend.open(spec_in(tmp_path, cpus=0.25)) as sandbox:
            used = await sandbox.exec([python, "-c", SHARE], timeout=120)
            alone = await sandbox.exec([python, "-c", "import os; print(len(os.sched_getaffinity(0)))"], timeout=120)
            # by the kernel's shares, or by being kept on one of them
            assert float(used.output) < 0.4 or alone.output == b"1\n", used

    async def test_open_files_are_bounded_and_told(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        async with backend.open(spec_in(tmp_path, open_files=64)) as sandbox:
            code = "import os\nhandles = [os.dup(0) for _ in range(100)]"
            result = await sandbox.exec([python, "-c", code], timeout=120)
            assert result.exit_code == 1
            assert result.notes == (
                "It said “Too many open files”; in this sandbox a process may have at most 64 files open "
                "(limits.open_files).",
            )
            assert (await sandbox.exec(["true"], timeout=120)).notes == ()

    async def test_refused_processes_are_told(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        async with backend.open(spec_in(tmp_path, processes=32)) as sandbox:
            result = await sandbox.exec([python, "-c", FORK], timeout=120)
            assert (result.exit_code, len(result.notes)) == (1, 1), result
            assert "32 processes and threads (limits.processes)" in result.notes[0]

    async def test_a_full_disk_is_told(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path, upper=None, disk_bytes=16 * 1024 * 1024)) as sandbox:
            result = await sandbox.exec("cat /dev/zero > a; cat /dev/zero > b", timeout=120)
            assert result.exit_code == 1
            assert "16 MB" in result.notes[0]
            assert "limits.disk_bytes" in result.notes[0]

    async def test_a_command_may_be_a_text(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            result = await sandbox.exec("echo $((1 + 1)) 'a  b' | cat; false | true; echo \"$0\"; exit 4", timeout=120)
            assert (result.exit_code, result.output) in ((4, b"2 a  b\nbash\n"), (4, b"2 a  b\nsh\n"))
            bare = await sandbox.exec("echo $0", env={"PATH": "/nowhere"}, timeout=120)
            assert bare.exit_code == 127  # neither shell is on that path
            with pytest.raises(ToolError):
                await sandbox.exec("", timeout=120)

    async def test_directories_are_listed(self, backend: SandboxBackend, tmp_path: Path) -> None:
        files = {"d/b": b"12345", "d/a": b"", "d/c/inner": b"", "d/run": b"#!"}
        spec = spec_in(tmp_path, files=files)
        (spec.lower[0] / "d" / "run").chmod(0o755)
        async with backend.open(spec) as sandbox:
            made = 'rm d/a; mkfifo d/fifo; ln -s b d/link; ln -s d in; ln -s / out; touch "d/new\nline"'
            assert (await sandbox.exec(made, timeout=120)).exit_code == 0
            found = await sandbox.list("d")
            assert [(entry.name, entry.kind, entry.executable) for entry in found] == [
                ("b", "file", False),
                ("c", "directory", False),
                ("fifo", "other", False),
                ("link", "link", False),
                ("new\nline", "file", False),
                ("run", "file", True),
            ]
            assert found[0] == Entry("b", "file", 5)
            assert await sandbox.list("d", limit=2) == found[:2]
            assert await sandbox.list("in") == found
            assert [entry.name for entry in await sandbox.list()] == ["d", "in", "out"]
            for path, words in {"nothing": "does not exist", "d/b": "not a directory", "out": "not below"}.items():
                with pytest.raises(ToolError, match=words):
                    await sandbox.list(path)
