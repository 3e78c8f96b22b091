"""What every sandbox backend must do with commands that are talked to; part of the contract in `sandbox.py`."""

import asyncio
import time
from pathlib import Path

import pytest

from journeyman.core.errors import ToolError
from journeyman.sandbox.protocol import Poll, SandboxBackend, Session
from journeyman.testing.sandbox_attacks import spec_in, until

ASKS = "while printf '> ' && read line; do echo \"got $line\"; done; echo end"


async def said(session: Session, wanted: bytes, *, seconds: float = 120) -> bytes:
    """All that a session says until `wanted` is part of it."""
    output, end = b"", time.monotonic() + seconds
    while wanted not in output:
        assert time.monotonic() < end, output
        poll = await session.poll(0.05)
        output += poll.output
        assert not poll.ended or wanted in output, (output, poll)
    return output


async def ending(session: Session, *, seconds: float = 120) -> Poll:
    poll = await session.poll(seconds)
    assert poll.ended, poll
    return poll


class SandboxSessions:
    """Sessions: input and output while a command runs, terminals, several at once, limits, their end."""

    async def test_a_session_is_talked_to(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path, env={"MINE": "spec"})) as sandbox:
            session = await sandbox.start(ASKS, timeout=120)
            assert await said(session, b"> ") == b"> "
            await session.write(b"one\ntw")
            assert await said(session, b"got one\n> ") == b"got one\n> "
            await session.write(b"o\n")
            await said(session, b"got two\n> ")
            waiting = await session.poll(0)
            assert waiting == Poll(b"")
            await session.end_input()
            assert await ending(session) == Poll(b"end\n", ended=True, exit_code=0)
            assert await session.poll(0) == Poll(b"", ended=True, exit_code=0)
            with pytest.raises(ToolError, match="ended"):
                await session.write(b"more")
            again = await sandbox.start(["sh", "-c", "pwd; echo $MINE $OTHER; exit 3"], env={"OTHER": "o"}, timeout=120)
            poll = await ending(again)
            assert (poll.output, poll.exit_code) == (f"{tmp_path}/work\nspec o\n".encode(), 3)

    async def test_a_poll_comes_back_as_soon_as_it_ends(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start("sleep 0.3; echo done", timeout=120)
            began = time.monotonic()
            assert (await session.poll(0.05)).ended is False
            assert (await ending(session, seconds=60)).output == b"done\n"
            assert time.monotonic() - began < 20

    async def test_a_terminal_is_one(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        code = "import os; print(os.ttyname(0), os.isatty(2), os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp())"
        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start([python, "-c", code], terminal=(33, 120), timeout=120)
            poll = await ending(session)
            size = b"os.terminal_size(columns=120, lines=33)"
            assert poll.output == b"/dev/pts/0 True " + size + b" True\r\n", poll
            plain = await sandbox.start("test -t 0 || echo none", timeout=120)
            assert (await ending(plain)).output == b"none\n"

    async def test_a_terminal_is_resized(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        code = """if True:
            import os, signal
            signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"resized %d %d\\n" % (*os.get_terminal_size(),)))
            print("ready", flush=True)
            while True: signal.pause()
        """
        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start([python, "-c", code], terminal=(24, 80), timeout=120)
            await said(session, b"ready")
            await session.resize(50, 132)
            await said(session, b"resized 132 50")
            await session.kill()
            assert (await session.poll(0)).exit_code == 137

    async def test_control_c_reaches_the_foreground(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            shell = await sandbox.start(["sh", "-i"], terminal=(24, 80), env={"PS1": "$ "}, timeout=120)
            await said(shell, b"$ ")
            await shell.write(b"sleep 300; echo code $?\n")
            await said(shell, b"sleep 300; echo code $?")

            async def asleep() -> bool:
                return b"sleep\x00300" in (await sandbox.exec("cat /proc/[0-9]*/cmdline", timeout=120)).output

            await until(asleep)
            await shell.write(b"\x03")
            await said(shell, b"$ ")
            await shell.write(b"echo still $((40 + 2))\n")
            await said(shell, b"still 42")
            await shell.end_input()
            assert (await ending(shell)).ended

    async def test_control_c_passes_a_flood(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async def slowly(data: bytes) -> None:
            await asyncio.sleep(0.02)

        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start("yes", terminal=(24, 80), timeout=120, on_output=slowly)
            await said(session, b"y\r\ny")
            await session.write(b"\x03")
            assert (await ending(session, seconds=30)).exit_code == 130

    async def test_sessions_run_side_by_side(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            sessions = [
                await sandbox.start(ASKS, terminal=(24, 80) if number % 2 else None, timeout=120) for number in range(8)
            ]
            for number, session in enumerate(sessions):
                await session.write(f"n{number}\n".encode())
            for number, session in enumerate(sessions):
                assert f"got n{number}".encode() in await said(session, b"got")
            assert (await sandbox.exec(["echo", "beside"], timeout=120)).output == b"beside\n"
            for session in sessions:
                await session.end_input()
            assert [(await ending(session)).exit_code for session in sessions] == [0] * 8

    async def test_all_output_is_handed_on_and_polls_are_bounded(self, backend: SandboxBackend, tmp_path: Path) -> None:
        whole = bytearray()
        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start(["seq", "1", "400000"], timeout=120, on_output=whole.extend)
            expected = "".join(f"{number}\n" for number in range(1, 400_001)).encode()

            async def all_there() -> bool:
                return len(whole) == len(expected)

            await until(all_there)
            poll = await session.poll(15, keep=1000)
            assert (bytes(whole), poll.ended, poll.exit_code) == (expected, True, 0)
            assert (poll.output, poll.dropped) == (expected[:500] + expected[-500:], len(expected) - 1000)

    @pytest.mark.parametrize("terminal", [None, (24, 80)])
    async def test_limits_end_a_session(
        self, backend: SandboxBackend, tmp_path: Path, terminal: tuple[int, int] | None
    ) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            long = await sandbox.start("echo begun; sleep 300.5 & sleep 300.5", terminal=terminal, timeout=2)
            poll = await ending(long)
            assert (poll.output.strip(), poll.exit_code, poll.cut) == (b"begun", None, "time")
            loud = await sandbox.start("yes", terminal=terminal, timeout=120, output_limit=1_000_000)
            poll = await ending(loud)
            assert (poll.exit_code, poll.cut, len(poll.output) + poll.dropped) == (None, "output", 1_000_000)

            async def all_dead() -> bool:
                seen = (await sandbox.exec("cat /proc/[0-9]*/cmdline", timeout=120)).output
                return b"sleep\x00300.5" not in seen and b"yes\x00" not in seen.replace(b"cat /proc", b"")

            await until(all_dead)

    async def test_a_session_is_killed_whole(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start("trap '' TERM HUP INT; setsid sleep 300.5 & sleep 300.5", timeout=120)

            async def asleep() -> bool:
                seen = (await sandbox.exec("cat /proc/[0-9]*/cmdline", timeout=120)).output
                return seen.count(b"sleep\x00300.5") == 2

            await until(asleep)
            await session.kill()
            assert (await session.poll(0)).ended

            async def dead() -> bool:
                return b"sleep\x00300.5" not in (await sandbox.exec("cat /proc/[0-9]*/cmdline", timeout=120)).output

            await until(dead)

    async def test_input_that_nobody_reads_is_refused_at_last(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start(["sleep", "60"], timeout=120)
            with pytest.raises(ToolError, match="does not read"):
                for _ in range(100):
                    await session.write(b"x" * 60_000)
            await session.kill()
            closed = await sandbox.start("exec <&-; sleep 60", timeout=120)
            with pytest.raises(ToolError, match="closed"):
                for _ in range(100):
                    await session_write_later(closed)
            await closed.kill()

    async def test_sessions_end_with_the_sandbox(self, backend: SandboxBackend, tmp_path: Path) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            session = await sandbox.start(["sleep", "300"], timeout=600)
            terminal = await sandbox.start(["sleep", "300"], terminal=(24, 80), timeout=600)
            await sandbox.exec("kill -9 -1", timeout=120)
            for one in (session, terminal):
                poll = await ending(one)
                assert poll.cut == "gone" or poll.exit_code == 137
            left = await sandbox.start(["sleep", "300"], timeout=600)
        poll = await left.poll(0)
        assert (poll.ended, poll.exit_code) == (True, None)


async def session_write_later(session: Session) -> None:
    await session.write(b"x" * 10_000)
    await asyncio.sleep(0.05)
