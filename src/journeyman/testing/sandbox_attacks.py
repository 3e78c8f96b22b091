"""The attacks that every sandbox backend must stop; part of the contract in `sandbox.py`."""

import asyncio
import json
import os
import platform
import signal
import socket
import sys
import textwrap
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman.sandbox.protocol import SandboxBackend, SandboxSpec

CALLS_X86_64 = {
    "mount": (165, "b'none', b'/tmp', b'tmpfs', 0, 0"),
    "umount2": (166, "b'/tmp', 2"),
    "pivot_root": (155, "b'/tmp', b'/tmp'"),
    "chroot": (161, "b'/tmp'"),
    "open_tree": (428, "-100, b'/tmp', 1"),
    "fsopen": (430, "b'tmpfs', 0"),
    "setns": (308, "os.open('/proc/self/ns/net', 0), 0"),
    "unshare a user namespace": (272, "0x10000000"),
    "unshare a mount namespace": (272, "0x20000"),
    "clone a user namespace": (56, "0x10000011, 0, 0, 0, 0"),
    "clone3": (435, "bytes(64) + b'x', 64"),
    "bpf": (321, "5, bytes(128), 128"),
    "io_uring_setup": (425, "8, bytes(120)"),
    "userfaultfd": (323, "1"),
    "perf_event_open": (298, "bytes(112), 0, -1, -1, 0"),
    "add_key": (248, "b'user', b'x', b'y', 1, -3"),
    "keyctl": (250, "0, -3, 1"),
    "request_key": (249, "b'user', b'x', 0, -3"),
    "ptrace": (101, "0x4206, os.getppid(), 0, 0"),
    "process_vm_readv": (310, "os.getppid(), 0, 0, 0, 0, 0"),
    "pidfd_getfd": (438, "os.open('/dev/null', 0), 0, 0"),
    "kexec_load": (246, "0, 0, 0, 0"),
    "init_module": (175, "b'', 0, b''"),
    "delete_module": (176, "b'x', 0"),
    "open_by_handle_at": (304, "-100, bytes(16), 0"),
    "quotactl": (179, "0x800002, 0, 0, 0"),
    "swapon": (167, "b'/tmp/x', 0"),
    "reboot": (169, "0xfee1dead, 672274793, 0, 0"),
    "sethostname": (170, "b'x', 1"),
    "settimeofday": (164, "bytes(16), 0"),
    "syslog": (103, "3, bytes(16), 16"),
    "personality READ_IMPLIES_EXEC": (135, "0x0400000"),
    "personality with a stray high bit": (135, "0x80400000"),
    "socket AF_VSOCK": (41, "40, 1, 0"),
    "socket AF_VSOCK with a stray high bit": (41, "(1 << 32) + 40, 1, 0"),
    "socket AF_ALG": (41, "38, 5, 0"),
    "socket AF_PACKET": (41, "17, 3, 0"),
    "socket NETLINK_AUDIT": (41, "16, 3, 9"),
    "socket AF_INET raw": (41, "2, 3, 1"),
    "TIOCSTI": (16, "os.openpty()[1], 0x5412, b'x'"),
    "TIOCSTI with a stray high bit": (16, "os.openpty()[1], (1 << 32) + 0x5412, b'x'"),
}
"""System calls that must fail whatever they are given, with arguments that would let most of them succeed."""

CALL = """
import ctypes, json, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *wide)
    if result == 0 and number in (56, 435) and os.getpid() != me:
        os._exit(0)
    return result, ctypes.get_errno()
me = os.getpid()
"""


def spec_in(folder: Path, *, files: dict[str, bytes] | None = None, **changes: Any) -> SandboxSpec:
    """A spec with its layers in `folder`: a lower directory with `files`, and an upper on disk."""
    lower, upper = folder / "lower", folder / "upper"
    lower.mkdir(parents=True, exist_ok=True)
    for name, data in (files or {}).items():
        (lower / name).parent.mkdir(parents=True, exist_ok=True)
        (lower / name).write_bytes(data)
    if "upper" not in changes:
        upper.mkdir(exist_ok=True)
    settings: dict[str, Any] = {"workspace": folder / "work", "lower": (lower,), "upper": upper, **changes}
    return SandboxSpec(**settings)


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    """Wait for something that comes true soon; fails when it does not."""
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "it did not come true"
        await asyncio.sleep(0.02)


def commands_of_the_host() -> str:
    """The command lines of all processes that the host sees."""
    lines: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


class SandboxAttacks:
    """Out of the sandbox, into the kernel, onto the network, on the host's time."""

    async def run(self, backend: SandboxBackend, spec: SandboxSpec, python: str, code: str, timeout: float = 20) -> str:
        """What an attack in Python prints; it has to end by itself, and the sandbox to work after it."""
        async with backend.open(spec) as sandbox:
            result = await sandbox.exec([python, "-c", textwrap.dedent(code)], timeout=timeout)
            assert (result.exit_code, result.cut) == (0, None), result
            assert (await sandbox.exec(["echo", "well"], timeout=10)).output == b"well\n"
        return result.output.decode()

    @pytest.mark.skipif(platform.machine() != "x86_64", reason="the table has the numbers of x86-64")
    async def test_no_dangerous_system_call(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        lines = [f"print(json.dumps([{name!r}, *call({n}, {a})]))" for name, (n, a) in CALLS_X86_64.items()]
        printed = await self.run(backend, spec_in(tmp_path), python, CALL + "\n".join(lines))
        answers: dict[str, tuple[int, int]] = {}
        for line in printed.splitlines():
            name, result, number = json.loads(line)
            answers[name] = result, number
        refused = {name for name, (result, number) in answers.items() if result == -1 and number in (1, 38)}
        assert refused == CALLS_X86_64.keys(), {name: answers.get(name) for name in CALLS_X86_64.keys() - refused}

    async def test_what_builds_and_tests_need_works(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        code = """
            import mmap, multiprocessing, os, pty, socket, subprocess
            assert multiprocessing.get_context("fork").Pool(2).map(abs, [-1, -2]) == [1, 2]
            a, b = socket.socketpair()
            a.send(b"x"); assert b.recv(1) == b"x"
            server = socket.create_server(("127.0.0.1", 0))
            client = socket.create_connection(server.getsockname())
            assert socket.socket(socket.AF_INET6).fileno() > 0
            assert socket.gethostbyname("localhost") == "127.0.0.1"
            memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            master, slave = pty.openpty()
            assert subprocess.run(["id", "-un"], capture_output=True).returncode == 0
            assert os.path.exists("/dev/null") and os.path.exists("/dev/shm") and os.urandom(1)
            multiprocessing.Lock()
            print("all of it")
        """
        assert await self.run(backend, spec_in(tmp_path), python, code) == "all of it\n"

    async def test_no_privileges(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        printed = await self.run(backend, spec_in(tmp_path), python, "print(open('/proc/self/status').read())")
        status = dict(line.split(":\t", 1) for line in printed.splitlines() if ":\t" in line)
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        assert "0" not in status["Uid"].split()
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")

    async def test_nothing_outside_is_written_or_read(
        self, backend: SandboxBackend, tmp_path: Path, python: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_OF_THE_HOST", "hush-hush")
        secret = tmp_path / "secret"
        secret.write_text("hush-hush")
        paths = [
            secret,
            Path.home() / ".ssh",
            Path("/etc/shadow"),
            Path("/home"),
            Path("/sys/kernel"),
            Path("/var/log"),
        ]
        code = f"""
            import glob, os
            for path in {[str(path) for path in paths]}:
                print(path, os.path.exists(path))
            for path in ["/etc/x", "/usr/x", "/x", "/run/x", "/dev/x", "/proc/sys/kernel/hostname", "/etc/passwd",
                         "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/mem", "/proc/1/environ"]:
                try:
                    print(path, os.open(path, os.O_WRONLY | os.O_CREAT))
                except OSError:
                    pass
            for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
                try:
                    print("-".join(["hush", "hush"]) in open(path).read())
                except OSError:
                    pass
            print(sorted(name for name in os.listdir("/dev") if name not in {sorted(ALLOWED_DEVICES)}))
        """
        printed = (await self.run(backend, spec_in(tmp_path), python, code)).splitlines()
        assert printed[: len(paths)] == [f"{path} False" for path in paths]
        assert set(printed[len(paths) :]) == {"False", "[]"}

    async def test_the_network_is_not_there(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind(f"\0journeyman-test-{os.getpid()}")
        abstract.listen()
        with tcp, udp, abstract:
            udp.setblocking(False)
            code = f"""
                import os, socket
                def attempt(family, kind, address):
                    end = socket.socket(family, kind)
                    end.settimeout(3)
                    try:
                        end.connect(address)
                        end.send(b"out")
                        print("out:", address)
                    except OSError:
                        pass
                attempt(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", {tcp.getsockname()[1]}))
                attempt(socket.AF_UNIX, socket.SOCK_STREAM, "\\0journeyman-test-{os.getpid()}")
                attempt(socket.AF_INET, socket.SOCK_STREAM, ("1.1.1.1", 443))
                attempt(socket.AF_INET, socket.SOCK_DGRAM, ("1.1.1.1", 53))
                end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                end.sendto(b"out", ("127.0.0.1", {udp.getsockname()[1]}))
                try:
                    print(socket.getaddrinfo("example.com", 80))
                except OSError:
                    print("no names")
            """
            assert await self.run(backend, spec_in(tmp_path), python, code) == "no names\n"
            with pytest.raises(BlockingIOError):
                udp.recv(10)

    async def test_servers_inside_are_reached_inside(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        serve = "import socket; s = socket.create_server(('127.0.0.1', 8123)); c, _ = s.accept(); c.send(b'hello')"
        ask = "import socket; print(socket.create_connection(('127.0.0.1', 8123)).recv(5))"
        async with backend.open(spec_in(tmp_path)) as sandbox:
            start = f'nohup {python} -c "{serve}" & while ! grep -q :1FBB /proc/net/tcp; do sleep 0.02; done'
            assert (await sandbox.exec(["sh", "-c", start], timeout=20)).exit_code == 0
            assert (await sandbox.exec([python, "-c", ask], timeout=20)).output == b"b'hello'\n"

    async def test_processes_of_the_host_are_out_of_reach(
        self, backend: SandboxBackend, tmp_path: Path, python: str
    ) -> None:
        code = f"""
            import os
            for pid in ({os.getpid()}, {os.getppid()}):
                try:
                    os.kill(pid, 0)
                    print(pid, open(f"/proc/{{pid}}/cmdline").read())
                except OSError:
                    pass
            print(len([name for name in os.listdir("/proc") if name.isdigit()]) < 8)
        """
        printed = await self.run(backend, spec_in(tmp_path), python, code)
        assert printed.splitlines()[-1] == "True"
        assert Path(sys.executable).name not in printed.replace(python, "")

    @pytest.mark.parametrize(
        "script", ["kill -9 1", "kill -9 -1", "kill -STOP 1; kill -INT 1; kill -TERM 1; kill -SEGV 1"]
    )
    async def test_killing_the_supervisor_hangs_nobody(
        self, backend: SandboxBackend, tmp_path: Path, script: str
    ) -> None:
        async with backend.open(spec_in(tmp_path)) as sandbox, asyncio.timeout(20):
            result = await sandbox.exec(["sh", "-c", f"{script}; sleep 0.2; echo end"], timeout=10)
            assert (result.cut, result.exit_code) in (("gone", None), (None, 137), (None, 0)), result
            after = await sandbox.exec(["true"], timeout=5)
            assert after.cut == "gone" or after.exit_code == 0

    async def test_nothing_outlives_close(self, backend: SandboxBackend, tmp_path: Path) -> None:
        mark = f"86400.{time.time_ns() % 10**9}"
        async with backend.open(spec_in(tmp_path)) as sandbox:
            script = f"setsid sh -c 'trap \"\" TERM HUP; nohup sleep {mark} & sleep {mark}' >/dev/null 2>&1 & sleep 0.2"
            assert (await sandbox.exec(["sh", "-c", script], timeout=10)).exit_code == 0
            assert mark in commands_of_the_host()
        assert mark not in commands_of_the_host()

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

            await until(running, seconds=30)
        finally:
            os.kill(child, signal.SIGKILL)
            await asyncio.to_thread(os.waitpid, child, 0)

        async def gone() -> bool:
            return f"sleep {mark}" not in commands_of_the_host()

        await until(gone, seconds=5)
        async with backend.open(spec) as sandbox:
            assert await sandbox.read("begun") == b"yes\n"


ALLOWED_DEVICES = {
    *("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "pts", "shm", "fd", "core", "mqueue"),
    *("stdin", "stdout", "stderr"),
}


def _hold_open(backend: SandboxBackend, spec: SandboxSpec, mark: str) -> None:
    """The host that will be killed, in a process of its own; never returns."""

    async def hold() -> None:
        async with backend.open(spec) as sandbox:
            await sandbox.exec(["sh", "-c", f"echo yes > begun; setsid sleep {mark} & sleep {mark}"], timeout=1000)

    try:
        asyncio.new_event_loop().run_until_complete(hold())
    finally:
        os._exit(1)
