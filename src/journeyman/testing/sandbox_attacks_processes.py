"""Attacks on processes: the host's, the supervisor, and what is meant to outlive its sandbox."""

import asyncio
import ctypes
import os
import signal
import textwrap
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from journeyman.sandbox.protocol import SandboxBackend, SandboxSpec
from journeyman.testing.sandbox_attack import (
    PRELUDE,
    REACHED,
    Attack,
    Stage,
    commands_of_the_host,
    each,
    is_stopped,
    run,
    spec_in,
    succeeds_without_protection,
    until,
    victim,
)

KEY = 0x5EC2E8


@contextmanager
def shared_memory(folder: Path) -> Generator[Stage]:
    """Memory and semaphores of the host that everybody may use, by the names that the old and the new calls know."""
    libc = ctypes.CDLL(None)
    memory, semaphore = libc.shmget(KEY, 4096, 0o1666), libc.semget(KEY, 1, 0o1666)
    assert memory >= 0
    assert semaphore >= 0
    name = Path(f"/dev/shm/journeyman-test-{os.getpid()}")
    name.write_text("shared")
    try:
        yield Stage({"key": KEY, "name": str(name)})
    finally:
        name.unlink()
        libc.shmctl(memory, 0, None)
        libc.semctl(semaphore, 0, 0)


PROCESSES = (
    Attack(
        "kill a process of the host",
        """
        for pid in (host["victim"],):
            try:
                os.kill(pid, signal.SIGKILL)
                time.sleep(0.2)
            except OSError as error:
                print(error)
        try:
            signal.pidfd_send_signal(os.pidfd_open(host["victim"]), signal.SIGKILL)
        except OSError as error:
            print(error)
        """,
        victim,
    ),
    Attack(
        "see the processes of the host",
        """
        for pid in (host["victim"], host["us"]):
            try:
                reached(open(f"/proc/{pid}/cmdline").read())
            except OSError as error:
                print(error)
        if len([name for name in os.listdir("/proc") if name.isdigit()]) > 8:
            reached("many")
        """,
        victim,
    ),
    Attack(
        "use memory and semaphores of the host",
        """
        if libc.shmget(host["key"], 0, 0) >= 0: reached("memory")
        if libc.semget(host["key"], 0, 0) >= 0: reached("semaphore")
        if os.path.exists(host["name"]): reached("a file in memory")
        """,
        shared_memory,
    ),
    Attack(
        "stop what watches over it",
        """
        for pid in (1, os.getppid()):
            try:
                os.setpriority(os.PRIO_PROCESS, pid, 19)
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, 0))
                reached(pid)
            except OSError as error:
                print(error)
        """,
        control="root",
    ),
)


FORGE = """
            # a supervisor's answer to request 1: "it ended with 0", sent on everything that could be its socket
            packet = bytes([2]) + (1).to_bytes(4, "little") + bytes(8)
            for number in range(3, 256):
                try:
                    os.write(number, packet)
                    reached("own descriptor", number)
                except OSError:
                    pass
            for pid in (1, os.getppid()):
                for path in glob.glob(f"/proc/{pid}/fd/*"):
                    reached(path)
                try:
                    handle = os.pidfd_open(pid)
                    for number in range(64):
                        if call(438, handle, number, 0)[0] >= 0:
                            reached("taken", pid, number)
                except OSError as error:
                    print(error)
                if call(101, 16, pid, 0, 0)[0] == 0:
                    reached("traced", pid)
            os._exit(9)
"""


RACE = """
    # whoever gets at the memory of a command's keeper, which is a copy of the supervisor, speaks in its name
    import os, sys, time
    open("ready", "w").close()
    end, last = time.monotonic() + float(sys.argv[1]), os.getpid()
    while time.monotonic() < end:
        for pid in range(last + 1, last + 6):
            handle = -1
            for _ in range(3000):
                try:
                    handle = os.open(f"/proc/{pid}/mem", os.O_RDWR)
                    break
                except PermissionError:
                    last = max(last, pid - 1)
                except OSError:
                    break
            if handle >= 0:
                try:
                    name = open(f"/proc/{pid}/cmdline").read()
                except OSError:
                    name = ""
                os.close(handle)
                if "supervisor" in name:
                    print("REACHED", pid, name)
        last = max(last, int(open("/proc/loadavg").read().split()[-1]) - 3)
"""


class AttacksOnProcesses:
    """Each of them in a sandbox; what its supervisor does when it is attacked; what is left at the end."""

    @each(PROCESSES)
    async def test_processes(self, attack: Attack, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        await is_stopped(attack, backend, tmp_path, python)

    async def test_nobody_answers_in_the_supervisors_name(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        code = PRELUDE + "\n".join(line[12:] for line in FORGE.splitlines())
        async with backend.open(spec_in(tmp_path)) as sandbox:
            result = await sandbox.exec([python, "-c", code, "{}"], timeout=120)
            assert (result.exit_code, REACHED in result.output.decode()) == (9, False), result

    async def test_nobody_gets_at_a_keepers_memory_in_time(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox:
            words = [python, "-c", textwrap.dedent(RACE), "1.5"]
            racing = asyncio.create_task(sandbox.exec(words, timeout=120))
            await sandbox.exec(["sh", "-c", "until test -e ready; do sleep 0.01; done"], timeout=120)
            commands = 0
            while not racing.done():
                assert (await sandbox.exec(["true"], timeout=120)).exit_code == 0
                commands += 1
            result = await racing
            assert (result.exit_code, result.output, commands > 0) == (0, b"", True)

    @pytest.mark.parametrize(
        "script", ["kill -9 1", "kill -9 -1", "kill -STOP 1; kill -INT 1; kill -TERM 1; kill -SEGV 1"]
    )
    async def test_killing_the_supervisor_hangs_nobody(
        self, backend: SandboxBackend, tmp_path: Path, script: str
    ) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox, asyncio.timeout(120):
            result = await sandbox.exec(["sh", "-c", f"{script}; sleep 0.2; echo end"], timeout=120)
            assert (result.cut, result.exit_code) in (("gone", None), (None, 137), (None, 0)), result
            after = await sandbox.exec(["true"], timeout=120)
            assert after.cut == "gone" or after.exit_code == 0

    async def test_nothing_outlives_close(self, backend: SandboxBackend, tmp_path: Path) -> None:
        mark = f"86400.{time.time_ns() % 10**9}"
        async with backend.open(spec_in(tmp_path)) as sandbox:
            script = f"setsid sh -c 'trap \"\" TERM HUP; nohup sleep {mark} & sleep {mark}' >/dev/null 2>&1 & sleep 0.2"
            assert (await sandbox.exec(["sh", "-c", script], timeout=120)).exit_code == 0
            assert mark in commands_of_the_host()
        assert mark not in commands_of_the_host()

    async def test_nobody_goes_on_when_it_closes(self, backend: SandboxBackend, tmp_path: Path) -> None:
        """A command whose pipe is closed must not come to its next step."""
        spec = spec_in(tmp_path)
        for _ in range(3):
            async with backend.open(spec) as sandbox:
                running = asyncio.create_task(sandbox.exec(["sh", "-c", "yes; echo > after"], timeout=120))
                await sandbox.exec(["sleep", "0.1"], timeout=120)
                running.cancel()
                await asyncio.wait([running])
        async with backend.open(spec) as sandbox:
            assert (await sandbox.exec(["test", "-e", "after"], timeout=120)).exit_code == 1

    async def test_nothing_outlives_a_killed_host(self, backend: SandboxBackend, tmp_path: Path) -> None:
        mark = f"86400.{time.time_ns() % 10**9}"
        spec = spec_in(tmp_path)
        with warnings.catch_warnings():  # threads of the test's loop may be idle; the child does not use them
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _hold_open(backend, spec, mark)
        try:

            async def running() -> bool:
                return f"sleep {mark}" in commands_of_the_host()

            await until(running)
        finally:
            os.kill(child, signal.SIGKILL)
            await asyncio.to_thread(os.waitpid, child, 0)

        async def gone() -> bool:
            return f"sleep {mark}" not in commands_of_the_host()

        await until(gone)
        async with backend.open(spec) as sandbox:
            assert await sandbox.read("begun") == b"yes\n"

    async def test_its_processes_have_a_small_view(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        """What lies in /dev and /proc is what a program needs."""
        code = f"""
            import os
            print(sorted(name for name in os.listdir("/dev") if name not in {sorted(ALLOWED_DEVICES)}))
            print([path for path in ("/sys/kernel", "/sys/fs/cgroup", "/proc/1/environ") if os.access(path, os.R_OK)])
        """
        assert (await run(backend, spec_in(tmp_path), python, code)).splitlines() == ["[]", "[]"]


ALLOWED_DEVICES = {
    *("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts", "shm", "fd", "core", "mqueue"),
    *("stdin", "stdout", "stderr"),
}


class ControlsOfProcesses:
    @each(PROCESSES)
    def test_processes_without_protection(self, attack: Attack, tmp_path: Path) -> None:
        succeeds_without_protection(attack, tmp_path)


def _hold_open(backend: SandboxBackend, spec: SandboxSpec, mark: str) -> None:
    """The host that will be killed, in a process of its own; never returns."""

    async def hold() -> None:
        async with backend.open(spec) as sandbox:
            await sandbox.exec(["sh", "-c", f"echo yes > begun; setsid sleep {mark} & sleep {mark}"], timeout=1000)

    try:
        asyncio.new_event_loop().run_until_complete(hold())
    finally:
        os._exit(1)
