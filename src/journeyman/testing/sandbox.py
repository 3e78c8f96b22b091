"""What every sandbox backend must do. A backend is done when it passes.

    class TestMine(SandboxContract):
        @pytest.fixture
        def backend(self, tmp_path: Path) -> SandboxBackend: ...

Commands are run with `sh` and Python 3 (`python`), which the backend has to have inside. The attacks are in
`sandbox_attacks.py`, which this suite includes.
"""

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest

from journeyman.core.errors import SandboxError, ToolError
from journeyman.sandbox.protocol import FileChange, Sandbox, SandboxBackend
from journeyman.testing.sandbox_attacks import SandboxAttacks, spec_in, until
from journeyman.testing.sandbox_home import SandboxHome
from journeyman.testing.sandbox_network import SandboxGateways
from journeyman.testing.sandbox_sessions import SandboxSessions
from journeyman.testing.sandbox_snapshots import SandboxSnapshots
from journeyman.testing.sandbox_words import SandboxWords


async def sh(sandbox: Sandbox, script: str, *, timeout: float = 20, cwd: str = "") -> str:
    """The output of a script that has to succeed."""
    result = await sandbox.exec(["sh", "-ec", script], timeout=timeout, cwd=cwd)
    assert (result.exit_code, result.cut) == (0, None), result
    return result.output.decode()


class SandboxCommands:
    """Commands: what they see, how they end, what is left of them."""

    async def test_a_command_has_output_and_an_exit_code(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            result = await sandbox.exec(["sh", "-c", "echo one; echo two >&2; exit 3"], timeout=120)
            assert (result.exit_code, result.output, result.cut, result.dropped) == (3, b"one\ntwo\n", None, 0)
            assert 0 < result.seconds < 10
            signalled = await sandbox.exec(["sh", "-c", "kill -TERM $$"], timeout=120)
            assert (signalled.exit_code, signalled.cut) == (128 + 15, None)
            missing = await sandbox.exec(["no-such-program"], timeout=120)
            assert missing.exit_code == 127
            assert b"no-such-program" in missing.output

    async def test_a_command_has_stdin_folder_and_environment(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = spec_in(tmp_path, env={"MINE": "spec", "OTHER": "spec"})
        async with backend.open(spec) as sandbox:
            data = bytes(range(256)) * 4096
            assert (await sandbox.exec(["cat"], timeout=120, stdin=data)).output == data
            assert (await sandbox.exec(["cat"], timeout=120)).output == b""
            assert await sh(sandbox, "mkdir -p a/b; pwd") == f"{spec.workspace}\n"
            assert await sh(sandbox, "pwd", cwd="a/b") == f"{spec.workspace}/a/b\n"
            result = await sandbox.exec(
                ["sh", "-c", "echo $MINE $OTHER $NO_COLOR $TERM $CI $PAGER $LANG"], env={"OTHER": "call"}, timeout=120
            )
            assert result.output == b"spec call 1 dumb 1 cat C.UTF-8\n"
            await sh(sandbox, 'test -w "$HOME" && test -w "$TMPDIR" && touch "$HOME/x" && test "$(id -u)" != 0')
            nowhere = await sandbox.exec(["true"], timeout=120, cwd="not/there")
            assert nowhere.exit_code in (126, 127)
            assert b"not/there" in nowhere.output

    async def test_long_arguments_and_bytes_pass_unchanged(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            words = ["x" * 100_000, "", "a b\n'\"", os.fsdecode(b"\xff\xfe")]
            result = await sandbox.exec(["printf", "%s|", *words], timeout=120)
            assert result.output == b"|".join(os.fsencode(word) for word in words) + b"|"
            with pytest.raises(ToolError, match="NUL"):
                await sandbox.exec(["echo", "a\0b"], timeout=120)

    async def test_commands_run_side_by_side(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            met = "touch here{n}; until test $(ls here* | wc -l) = 8; do sleep 0.05; done; echo {n}"
            results = await asyncio.gather(*(sandbox.exec(met.format(n=n), timeout=120) for n in range(8)))
            assert [result.output for result in results] == [f"{n}\n".encode() for n in range(8)]

    async def test_output_is_handed_on_as_it_comes(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            await sh(sandbox, "mkfifo fifo")
            seen: list[bytes] = []
            first = asyncio.Event()

            async def on_output(data: bytes) -> None:
                seen.append(data)
                first.set()

            running = asyncio.create_task(
                sandbox.exec(["sh", "-c", "echo early; read go < fifo; echo late"], timeout=120, on_output=on_output)
            )
            await asyncio.wait_for(first.wait(), 120)
            assert (b"".join(seen), running.done()) == (b"early\n", False)
            await sh(sandbox, "echo go > fifo")
            assert (await running).output == b"early\nlate\n" == b"".join(seen)

    async def test_head_and_tail_are_kept(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            result = await sandbox.exec(["seq", "1", "200000"], timeout=120, keep=1000)
            whole = "".join(f"{n}\n" for n in range(1, 200_001)).encode()
            assert result.output == whole[:500] + whole[-500:]
            assert result.dropped == len(whole) - 1000
            assert (result.exit_code, result.cut) == (0, None)

    async def test_a_background_server_lives_on_and_holds_nobody_up(
        self, backend: SandboxBackend, tmp_path: Path
    ) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            start = time.monotonic()
            await sh(sandbox, "(while sleep 0.05; do echo tick; date >> ticks; done) & echo started")
            await sh(sandbox, "setsid sh -c 'nohup sleep 60 >/dev/null 2>&1 & echo $! > pid'")
            assert time.monotonic() - start < 50
            before = len(await sandbox.read("ticks"))

            async def ticked() -> bool:
                return len(await sandbox.read("ticks")) > before

            await until(ticked)  # also with its output's reader gone
            await sh(sandbox, "kill -0 $(cat pid)")


class SandboxLimits:
    """Limits: time, output, memory, processes, disk."""

    async def test_the_whole_tree_dies_at_the_time_limit(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            script = (
                "echo begun; sleep 300.25 & setsid sleep 300.25 &"
                "(setsid sh -c 'env -i sleep 300.25 & sleep 300.25' &);"
                "trap '' TERM; sleep 300.25"
            )
            result = await sandbox.exec(["sh", "-c", script], timeout=2)
            assert (result.exit_code, result.cut, result.output) == (None, "time", b"begun\n")
            assert result.seconds < 60

            async def all_dead() -> bool:
                return "300.25" not in await sh(sandbox, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")

            await until(all_dead)

    async def test_a_cancelled_command_is_killed(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            task = asyncio.create_task(sandbox.exec(["sh", "-c", "echo $$ > pid; sleep 300"], timeout=300))

            async def started() -> bool:
                return "pid" in await sh(sandbox, "ls")

            await until(started)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

            async def dead() -> bool:
                return "gone" in await sh(sandbox, "kill -0 $(cat pid) 2>/dev/null || echo gone")

            await until(dead)

    async def test_endless_output_is_cut(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            handed_on = 0

            def on_output(data: bytes) -> None:
                nonlocal handed_on
                handed_on += len(data)

            script = "(head -c 10000000000 /dev/zero &) ; head -c 10000000000 /dev/zero"
            limit = 8 * 1024 * 1024
            result = await sandbox.exec(
                ["sh", "-c", script], timeout=120, output_limit=limit, keep=4096, on_output=on_output
            )
            assert (result.exit_code, result.cut) == (None, "output")
            assert (len(result.output), result.dropped, handed_on) == (4096, limit - 4096, limit)
            assert await sh(sandbox, "echo alive") == "alive\n"

    async def test_a_slow_reader_holds_a_command_back(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            most = 0
            go = asyncio.Event()

            async def on_output(data: bytes) -> None:
                nonlocal most
                most = max(most, len(data))
                await go.wait()

            script = "yes | head -c 1000000 && touch done"
            slow = asyncio.create_task(sandbox.exec(["sh", "-c", script], timeout=120, on_output=on_output))
            assert "done" not in await sh(sandbox, "ls")  # others are not held back
            go.set()
            result = await slow
            assert (result.exit_code, len(result.output)) == (0, 1_000_000)
            assert most <= 1024 * 1024

    async def test_memory_is_bounded(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        spec = spec_in(tmp_path, memory_bytes=256 * 1024 * 1024)
        async with backend.open(spec) as sandbox:
            hog = "b = []\nfor i in range(1024): b.append(bytearray(b'x') * 1048576)\nprint('all of it')"
            result = await sandbox.exec([python, "-c", hog], timeout=120)
            assert b"all of it" not in result.output
            assert result.cut == "memory" or b"MemoryError" in result.output, result
            assert await sh(sandbox, "echo alive") == "alive\n"

    async def test_processes_are_bounded(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path, processes=48)) as sandbox:
            result = await sandbox.exec(["sh", "-c", "b() { b | b & b; }; b"], timeout=1.5, output_limit=10**9)
            assert result.cut in ("time", None), result
            counts: list[int] = []

            async def calm() -> bool:
                count = await sandbox.exec(["sh", "-c", "ls -d /proc/[0-9]* 2>/dev/null | wc -l"], timeout=120)
                counts.extend([int(count.output)] if count.exit_code == 0 else [])
                return bool(counts)

            await until(calm)
            assert counts[0] <= 48

    async def test_a_scratch_layer_is_bounded_and_a_full_disk_destroys_nothing(
        self, backend: SandboxBackend, tmp_path: Path
    ) -> None:
        spec = spec_in(tmp_path, upper=None, disk_bytes=16 * 1024 * 1024, files={"kept": b"before"})
        async with backend.open(spec) as sandbox:
            full = await sandbox.exec(["sh", "-c", "cat /dev/zero > fill0; cat /dev/zero > fill1"], timeout=120)
            assert (full.exit_code, full.cut) == (1, None), full
            with pytest.raises(ToolError, match="full"):
                await sandbox.write("kept", b"x" * (1024 * 1024))
            assert await sandbox.read("kept") == b"before"

    async def test_a_layer_on_disk_is_bounded(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path, disk_bytes=32 * 1024 * 1024)) as sandbox:
            script = "for i in $(seq 200); do head -c 8000000 /dev/zero > f$i; sleep 0.02; done"
            result = await sandbox.exec(["sh", "-c", script], timeout=120)
            assert (result.exit_code, result.cut) == (None, "disk"), result


class SandboxFiles:
    """Files: read, written and removed by path; layers; what changed."""

    async def test_files_are_read_written_and_removed(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = spec_in(tmp_path, files={"a.txt": b"old", "run.sh": b"#!/bin/sh\n"})
        (spec.lower[0] / "run.sh").chmod(0o755)
        (spec.lower[0] / "a.txt").chmod(0o600)
        async with backend.open(spec) as sandbox:
            assert await sandbox.read("a.txt") == b"old" == await sandbox.read(f"{spec.workspace}/a.txt")
            await sandbox.write("a.txt", b"new")
            await sandbox.write("deep/er/b.bin", bytes(range(256)) * 40_000)
            await sandbox.write("run.sh", b"#!/bin/sh\necho hi\n")
            await sandbox.write("tool", b"#!/bin/sh\necho tool\n", executable=True)
            assert await sh(sandbox, "cat a.txt; ./run.sh; ./tool; wc -c < deep/er/b.bin") == "newhi\ntool\n10240000\n"
            assert await sandbox.read("deep/er/b.bin") == bytes(range(256)) * 40_000
            await sandbox.write("run.sh", b"", executable=False)
            await sandbox.remove("tool")
            await sandbox.remove("deep")
            assert await sh(sandbox, "ls; test -x run.sh || echo plain") == "a.txt\nrun.sh\nplain\n"
        assert (spec.lower[0] / "a.txt").read_bytes() == b"old"

    async def test_what_cannot_be_read_or_written_is_said(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path, files={"big": b"x" * 1000, "d/f": b"y"})) as sandbox:
            await sh(sandbox, "mkfifo fifo; ln -s /etc/passwd out; ln -s /tmp tmp; ln -s d/f in; ln -s loop loop")
            for path, words in {
                "nothing": "does not exist",
                "d": "is a directory",
                "fifo": "not a regular file",
                "out": "not below the workspace",
                "tmp/x": "not below the workspace",
                "../x": "not below the workspace",
                "/etc/passwd": "not below the workspace",
                "a\0b": "NUL",
            }.items():
                with pytest.raises(ToolError, match=words):
                    await asyncio.wait_for(sandbox.read(path), 120)
                if path != "nothing":
                    with pytest.raises(ToolError, match=words):
                        await asyncio.wait_for(sandbox.write(path, b"z"), 120)
            with pytest.raises(ToolError, match="larger than 999 bytes"):
                await sandbox.read("big", limit=999)
            with pytest.raises(ToolError):
                await sandbox.read("loop")
            assert await sandbox.read("big", limit=1000) == b"x" * 1000
            await sandbox.write("in", b"through a link in the workspace")
            assert await sandbox.read("d/f") == b"through a link in the workspace"
            with pytest.raises(ToolError, match="does not exist"):
                await sandbox.remove("nothing")
            await sandbox.remove("out")  # the link, not what it points at
            await sh(sandbox, "test -e /etc/passwd && test ! -L out")

    async def test_an_upper_layer_goes_on_where_it_was(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = spec_in(tmp_path, files={"gone": b"", "stays": b""})
        async with backend.open(spec) as sandbox:
            await sh(sandbox, "rm gone; echo 1 > made; mkdir -m 700 d; echo 2 > d/inner; chmod 600 made")
        async with backend.open(spec) as sandbox:
            assert await sh(sandbox, "ls; cat made d/inner; echo 3 >> made") == "d\nmade\nstays\n1\n2\n"
        assert spec.upper is not None
        assert (spec.upper / "made").read_bytes() == b"1\n3\n"
        above = spec_in(tmp_path / "above", lower=(spec.upper, *spec.lower))
        async with backend.open(above) as sandbox:  # a layer can lie below another
            assert await sh(sandbox, "ls; cat made; echo 4 > d/inner; cat d/inner") == "d\nmade\nstays\n1\n3\n4\n"

    async def test_one_upper_layer_has_one_sandbox(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = spec_in(tmp_path)
        async with backend.open(spec):
            with pytest.raises(SandboxError):
                async with backend.open(spec):
                    pytest.fail("two sandboxes share one layer")

    async def test_a_scratch_layer_is_gone_at_the_end(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = spec_in(tmp_path, upper=None, files={"a": b"1"})
        for _ in range(2):
            async with backend.open(spec) as sandbox:
                assert await sh(sandbox, "ls; echo 2 > a; echo 3 > b") == "a\n"
                assert await sandbox.diff() == (FileChange(b"a", "write"), FileChange(b"b", "write"))
                assert await sandbox.read_change(b"b") == (0o100644, b"3\n")
        assert [path.name for path in spec.lower[0].iterdir()] == ["a"]

    async def test_read_only_refuses_all_writes(self, backend: SandboxBackend, tmp_path: Path) -> None:
        spec = spec_in(tmp_path, read_only=True, upper=None, files={"a": b"1"})
        async with backend.open(spec) as sandbox:
            assert await sh(sandbox, "cat a; touch b 2>&1 || rm a 2>&1 || touch /tmp/ok && echo yes") != ""
            await sh(sandbox, "test ! -e b && test -e a && test -e /tmp/ok")
            with pytest.raises(ToolError, match="read-only"):
                await sandbox.write("a", b"2")
            with pytest.raises(ToolError, match="read-only"):
                await sandbox.remove("a")
            assert await sandbox.diff() == ()

    async def test_diff_tells_every_kind_of_change(self, backend: SandboxBackend, tmp_path: Path) -> None:
        files = {name: b"." for name in ("del", "edit", "moved", "d/one", "e/old", "f/x", "same", ".git/HEAD")}
        async with backend.open(spec_in(tmp_path, files=files)) as sandbox:
            await sh(
                sandbox,
                "rm del; echo x >> edit; mv moved new; rm -r d; rm -r e; mkdir e; echo x > e/new; ln -s /etc/shadow l;"
                "printf 'a' > exe; chmod 755 exe; echo x > .git/HEAD; mkdir empty; touch same.new; cat same >/dev/null",
            )
            found = await sandbox.diff()
            assert found == (
                *(FileChange(path, "delete") for path in (b"d", b"del", b"e", b"moved")),
                *(FileChange(path, "write") for path in (b"e/new", b"edit", b"exe", b"l", b"new", b"same.new")),
            )
            assert await sandbox.read_change(b"exe") == (0o100755, b"a")
            assert await sandbox.read_change(b"edit") == (0o100644, b".x\n")
            assert await sandbox.read_change(b"l") == (0o120000, b"/etc/shadow")
            with pytest.raises(SandboxError):
                await sandbox.read_change(b"edit", limit=2)

    async def test_odd_names_are_bytes(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        names = [b"new\nline", b"\xff\xfe", b"-rf", b"a:b,c\\d", "grün 🦜".encode(), b" ", b"x" * 255]
        async with backend.open(spec_in(tmp_path)) as sandbox:
            code = f"for n in {names!r}: open(n, 'wb').write(n)"
            assert (await sandbox.exec([python, "-c", code], timeout=120)).exit_code == 0
            assert await sandbox.diff() == tuple(FileChange(name, "write") for name in sorted(names))
            for name in names:
                assert await sandbox.read_change(name) == (0o100644, name)
                assert await sandbox.read(os.fsdecode(name)) == name

    async def test_traps_in_a_layer_catch_nobody(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        (tmp_path / "secret").write_text("of the host")
        async with backend.open(spec_in(tmp_path)) as sandbox:
            await sh(
                sandbox,
                f"ln -s {tmp_path} link; ln -s secret file; mkfifo fifo; mkdir d; mkfifo d/fifo;"
                "mkdir -m 0 locked; echo 1 > f; chmod 0 f",
            )
            dig = "import os\nfor _ in range(900): os.mkdir('n'); os.chdir('n')\nopen('bottom', 'w').close()"
            assert (await sandbox.exec([python, "-c", dig], timeout=120)).exit_code == 0
            async with asyncio.timeout(120):
                found = await sandbox.diff()
                assert found == tuple(FileChange(path, "write") for path in (b"f", b"file", b"link"))
                assert len(sandbox.remarks) == 3, sandbox.remarks
                for path in (b"link/secret", b"fifo", b"d/fifo", b"d", b"../secret", b"d/../f", b"", b"/etc/passwd"):
                    with pytest.raises(SandboxError):
                        await sandbox.read_change(path)
                assert await sandbox.read_change(b"f") == (0o100000 | 0o644, b"1\n")

    async def test_the_layer_belongs_to_nobody_privileged(self, backend: SandboxBackend, tmp_path: Path) -> None:
        """A set-user-id program made inside must not become one of the host's root."""
        spec = spec_in(tmp_path)
        async with backend.open(spec) as sandbox:
            await sh(sandbox, "cp /bin/true x; chmod 4755 x")
        assert spec.upper is not None
        about = (spec.upper / "x").stat()
        assert not about.st_mode & stat.S_ISUID or about.st_uid != 0


class SandboxContract(
    SandboxCommands,
    SandboxWords,
    SandboxLimits,
    SandboxFiles,
    SandboxSessions,
    SandboxSnapshots,
    SandboxHome,
    SandboxGateways,
    SandboxAttacks,
):
    """Everything that a backend has to pass. `python` is a Python 3 that the sandbox has inside."""

    @pytest.fixture
    def python(self) -> str:
        return "python3"
