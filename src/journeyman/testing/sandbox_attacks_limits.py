"""Attacks on the host's memory, disk and time."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from journeyman.sandbox.protocol import SandboxBackend
from journeyman.testing.sandbox_attack import spec_in

MEGABYTE = 1024 * 1024
MEMORY, DISK = 192 * MEGABYTE, 64 * MEGABYTE
MUCH = 320
"""Megabytes that no place may hold under these limits."""

PLACES = (".", "/tmp", "/dev/shm", "$HOME")

FILL = """
    import os, sys, time
    folder, much = os.path.expandvars(sys.argv[1]), int(sys.argv[2])
    done = 0
    try:
        for number in range(much // 16):
            with open(f"{folder}/fill{number}", "wb", 0) as file:
                for _ in range(16):
                    file.write(bytes(1 << 20))
                    done += 1
            time.sleep(float(sys.argv[3]))
    except OSError as error:
        print(error)
    print("filled", done)
"""

LITTER = """
    import os, sys, time
    for number in range(int(sys.argv[1])):
        if number % 500 == 0:
            os.mkdir(f"folder{number}")
            time.sleep(0.05)
        os.close(os.open(f"folder{number // 500 * 500}/empty{number}", os.O_CREAT | os.O_WRONLY))
    print("littered", number + 1)
"""

EAT = """
    import os, select, signal
    # every process of a crowd takes a part, so that no limit of one alone stops it
    reader, writer = os.pipe()
    for _ in range(8):
        if os.fork() == 0:
            part = bytearray(b"x") * (48 << 20)
            os.write(writer, b"1")
            signal.pause()
    eaten = dead = 0
    while eaten + dead < 8:
        if select.select([reader], [], [], 0.05)[0]:
            eaten += len(os.read(reader, 1))
        elif os.waitpid(-1, os.WNOHANG)[0]:
            dead += 1
    print("eaten", eaten, flush=True)
    os.killpg(0, signal.SIGKILL)
"""

CROWD = """
    import os, signal, sys
    children = []
    try:
        for _ in range(int(sys.argv[1])):
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError as error:
        print(error)
    print("made", len(children), flush=True)
    for child in children:
        os.kill(child, signal.SIGKILL)
"""


def number(output: bytes, word: str) -> int:
    """The number that follows a word in what was printed; 0 without the word."""
    found = output.decode(errors="replace").partition(f"{word} ")[2].split()
    return int(found[0]) if found else 0


class AttacksOnLimits:
    """Who takes too much is stopped, and the next command has room again."""

    @pytest.fixture
    def bounded_together(self) -> bool:
        """Whether the memory of all processes of a sandbox is bounded together on this machine."""
        return True

    @pytest.mark.parametrize("place", PLACES)
    @pytest.mark.parametrize("in_memory", [True, False], ids=["in-memory", "on-disk"])
    async def test_no_place_holds_more_than_the_limits(
        self, backend: SandboxBackend, tmp_path: Path, python: str, place: str, in_memory: bool
    ) -> None:
        where: dict[str, Any] = {"upper": None} if in_memory else {}
        spec = spec_in(tmp_path, memory_bytes=MEMORY, disk_bytes=DISK, **where)
        async with backend.open(spec) as sandbox:
            code = textwrap.dedent(FILL)
            result = await sandbox.exec([python, "-c", code, place, str(MUCH), "0.2"], timeout=120)
            assert result.cut in ("memory", "disk", None), result
            assert number(result.output, "filled") * MEGABYTE <= MEMORY, result
            if result.cut is None:
                assert "filled" in result.output.decode(), result
            assert (await sandbox.exec(["true"], timeout=120)).exit_code == 0

    async def test_no_crowd_of_empty_files_uses_the_disk_up(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        async with backend.open(spec_in(tmp_path, disk_bytes=16 * MEGABYTE)) as sandbox:
            code = textwrap.dedent(LITTER)
            result = await sandbox.exec([python, "-c", code, "100000"], timeout=120)
            assert (result.cut, result.exit_code) == ("disk", None), result
            assert (await sandbox.exec(["true"], timeout=120)).exit_code in (0, None)

    async def test_no_crowd_of_processes_eats_more_than_the_limit(
        self, backend: SandboxBackend, tmp_path: Path, python: str, bounded_together: bool
    ) -> None:
        if not bounded_together:
            pytest.skip("without control groups only single processes are bounded here, as the documentation says")
        async with backend.open(spec_in(tmp_path, memory_bytes=MEMORY)) as sandbox:
            result = await sandbox.exec([python, "-c", textwrap.dedent(EAT)], timeout=120)
            assert number(result.output, "eaten") < 8, result
            assert (await sandbox.exec(["true"], timeout=120)).exit_code == 0

    async def test_no_crowd_is_larger_than_the_limit(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        async with backend.open(spec_in(tmp_path, processes=40)) as sandbox:
            result = await sandbox.exec([python, "-c", textwrap.dedent(CROWD), "200"], timeout=120)
            assert 0 < number(result.output, "made") <= 40, result
            assert (await sandbox.exec(["true"], timeout=120)).exit_code == 0

    async def test_a_flood_of_output_costs_the_host_nothing(self, backend: SandboxBackend, tmp_path: Path) -> None:
        """10 GB, of which the host looks at what was asked for."""
        before = resident()
        async with backend.open(spec_in(tmp_path)) as sandbox:
            result = await sandbox.exec(
                ["head", "-c", "10000000000", "/dev/zero"], timeout=120, output_limit=64 * MEGABYTE, keep=4096
            )
            assert (result.cut, len(result.output)) == ("output", 4096), result.cut
        assert resident() - before < 48 * MEGABYTE


class ControlsOfLimits:
    """The same without a sandbox: nobody stops them."""

    def test_filling_without_protection(self, tmp_path: Path) -> None:
        assert number(outside(FILL, tmp_path, ".", str(MUCH), "0"), "filled") == MUCH

    def test_littering_without_protection(self, tmp_path: Path) -> None:
        assert number(outside(LITTER, tmp_path, "4000"), "littered") == 4000

    def test_eating_without_protection(self, tmp_path: Path) -> None:
        assert number(outside(EAT, tmp_path), "eaten") == 8

    def test_crowding_without_protection(self, tmp_path: Path) -> None:
        assert number(outside(CROWD, tmp_path, "200"), "made") == 200


def outside(code: str, folder: Path, *words: str) -> bytes:
    command = [sys.executable, "-c", textwrap.dedent(code), *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, start_new_session=True)
    for path in folder.glob("fill*"):
        path.unlink()
    return done.stdout


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
