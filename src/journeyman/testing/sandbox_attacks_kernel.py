"""Attacks on the kernel: system calls that widen the way out, foreign architectures, the kernel's own files."""

import json
import platform
import subprocess
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

import pytest

from journeyman.sandbox.protocol import SandboxBackend
from journeyman.testing.sandbox_attack import (
    PRELUDE,
    Attack,
    Stage,
    as_root_of_nothing,
    each,
    is_stopped,
    needs_root,
    needs_tracing,
    needs_x86_64,
    run,
    spec_in,
    succeeds_without_protection,
    victim,
)

CALLS_X86_64 = {
    "mount": (165, "b'none', b'/tmp', b'tmpfs', 0, 0"),
    "umount2": (166, "b'/tmp', 2"),
    "pivot_root": (155, "b'/tmp', b'/tmp'"),
    "chroot": (161, "b'/tmp'"),
    "open_tree": (428, "-100, b'/tmp', 1"),
    "move_mount": (429, "-100, b'/tmp', -100, b'/tmp', 0"),
    "fsopen": (430, "b'tmpfs', 0"),
    "fspick": (433, "-100, b'/tmp', 0"),
    "mount_setattr": (442, "-100, b'/tmp', 0, bytes(32), 32"),
    "setns": (308, "os.open('/proc/self/ns/net', 0), 0"),
    "unshare a user namespace": (272, "0x10000000"),
    "unshare a mount namespace": (272, "0x20000"),
    "unshare a time namespace": (272, "0x80"),
    "clone a user namespace": (56, "0x10000011, 0, 0, 0, 0"),
    "clone3": (435, "struct.pack('8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64"),
    "bpf": (321, "0, struct.pack('4I', 2, 4, 4, 1) + bytes(112), 128"),
    "io_uring_setup": (425, "8, bytes(120)"),
    "userfaultfd": (323, "0x80001"),
    "perf_event_open": (298, "struct.pack('2I', 1, 112) + bytes(104), 0, -1, -1, 0"),
    "add_key": (248, "b'user', b'x', b'y', 1, -3"),
    "keyctl": (250, "0, -3, 1"),
    "request_key": (249, "b'user', b'x', 0, -3"),
    "ptrace": (101, "0x4206, os.getppid(), 0, 0"),
    "process_vm_readv": (310, "os.getppid(), 0, 0, 0, 0, 0"),
    "process_vm_writev": (311, "os.getppid(), 0, 0, 0, 0, 0"),
    "pidfd_getfd": (438, "os.open('/dev/null', 0), 0, 0"),
    "fanotify_init": (300, "0, 0"),
    "kexec_load": (246, "0, 0, 0, 0"),
    "init_module": (175, "b'', 0, b''"),
    "finit_module": (313, "os.open('/dev/null', 0), b'', 0"),
    "delete_module": (176, "b'x', 0"),
    "name_to_handle_at": (303, "-100, b'/tmp', struct.pack('Ii', 0, 0) + bytes(128), bytes(8), 0"),
    "open_by_handle_at": (304, "-100, bytes(16), 0"),
    "quotactl": (179, "0x800002, 0, 0, 0"),
    "swapon": (167, "b'/tmp/x', 0"),
    "swapoff": (168, "b'/tmp/x'"),
    "acct": (163, "b'/nonexistent'"),
    "reboot": (169, "0xfee1dead, 672274793, 0, 0"),
    "sethostname": (170, "b'x', 1"),
    "setdomainname": (171, "b'x', 1"),
    "settimeofday": (164, "bytes(15) + b'x', 0"),
    "clock_settime": (227, "0, bytes(15) + b'\\xff'"),
    "adjtimex": (159, "struct.pack('I', 0x4000) + b'\\xff' * 204"),
    "clock_adjtime": (305, "0, struct.pack('I', 0x4000) + b'\\xff' * 204"),
    "syslog": (103, "3, bytes(16), 16"),
    "iopl": (172, "3"),
    "ioperm": (173, "0x70, 1, 1"),
    "personality READ_IMPLIES_EXEC": (135, "0x0400000"),
    "personality with a stray high bit": (135, "0x80400000"),
    "socket AF_VSOCK": (41, "40, 1, 0"),
    "socket AF_VSOCK with a stray high bit": (41, "(1 << 32) + 40, 1, 0"),
    "socketpair AF_TIPC": (53, "30, 1, 0, bytes(8)"),
    "socket AF_ALG": (41, "38, 5, 0"),
    "socket AF_PACKET": (41, "17, 3, 0"),
    "socket NETLINK_AUDIT": (41, "16, 3, 9"),
    "socket AF_INET raw": (41, "2, 3, 1"),
    "socket AF_INET6 raw": (41, "10, 3, 58"),
    "socket SCTP": (41, "2, 1, 132"),
    "socket DCCP": (41, "2, 6, 33"),
    "TIOCSETD": (16, "os.openpty()[1], 0x5423, struct.pack('i', 21)"),
    "TIOCSTI": (16, "os.openpty()[1], 0x5412, b'x'"),
    "TIOCSTI with a stray high bit": (16, "os.openpty()[1], (1 << 32) + 0x5412, b'x'"),
}
"""System calls that must fail whatever they are given, with arguments that do no harm where they succeed. What an
argument says that is no harm to root outside is an error of another kind there (EINVAL, ENOENT …)."""

UNTRIED = {"reboot", "iopl", "ioperm"}
"""What no control is run of, since it would change the machine itself."""

REFUSED = (1, 38)
"""EPERM and ENOSYS."""

SOMEWHERE_ELSE = {
    *("kexec_load", "init_module", "finit_module", "delete_module", "quotactl", "bpf", "perf_event_open", "keyctl"),
    *("open_by_handle_at", "swapon", "swapoff", "acct", "pivot_root", "name_to_handle_at", "io_uring_setup"),
    *("userfaultfd", "process_vm_readv", "process_vm_writev", "fanotify_init", "socket AF_VSOCK", "socket AF_ALG"),
    *("socket AF_VSOCK with a stray high bit", "socketpair AF_TIPC", "socket NETLINK_AUDIT", "request_key", "syslog"),
    *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "pidfd_getfd", "ptrace", "add_key", "setns"),
    *("unshare a time namespace", "TIOCSTI", "TIOCSTI with a stray high bit"),
}
"""What some kernel refuses or lacks for everybody: there the control proves nothing, and says so."""


TRY = """
def tried(name, number, arguments):
    "Print the answer to a system call that is made in a child of its own."
    global me
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        me = os.getpid()
        answer = call(number, *arguments())
        os.write(writer, json.dumps([name, *answer]).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    print(os.read(reader, 1000).decode(), flush=True)
    os.close(reader)
"""


def calls(names: Iterable[str] = CALLS_X86_64) -> str:
    """Code that makes these calls and prints a line for each."""
    lines = [f"tried({name!r}, {CALLS_X86_64[name][0]}, lambda: ({CALLS_X86_64[name][1]},))" for name in names]
    return PRELUDE + TRY + "\n".join(lines)


def answers(printed: str) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for line in filter(None, printed.splitlines()):
        name, result, number = json.loads(line)
        found[name] = result, number
    return found


MACHINE_CODE = """
import mmap
def machine(code, *arguments):
    "What a function in machine code gives back, in a child that the kernel may kill."
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
        os.write(writer, struct.pack("q", ctypes.CFUNCTYPE(ctypes.c_long)(address)()))
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    answer = os.read(reader, 8)
    os.close(reader)
    return struct.unpack("q", answer)[0] if answer else None
def i386(number, ebx=0, ecx=0):
    "mov ebx, ecx, eax; int 0x80; sign-extended: as a program of the older architecture calls."
    code = b"\\x53\\xbb" + struct.pack("I", ebx) + b"\\xb9" + struct.pack("I", ecx)
    code += b"\\xb8" + struct.pack("I", number)
    return machine(code + b"\\xcd\\x80\\x48\\x98\\x5b\\xc3")
def x32(number):
    return machine(b"\\xb8" + struct.pack("I", number | 0x40000000) + b"\\x0f\\x05\\xc3")
"""


@contextmanager
def files_of_the_kernel(_: Path) -> Generator[Stage]:
    yield Stage(
        {
            "paths": [
                *("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe"),
                *("/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"),
                *("/proc/kcore", "/proc/kmsg", "/proc/1/mem", "/proc/1/oom_score_adj"),
                *("/sys/kernel/uevent_helper", "/sys/kernel/mm/ksm/run", "/sys/power/state"),
                *("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/devices/tasks"),
            ]
        }
    )


KERNEL = (
    Attack(
        "open the kernel's own files for writing",
        """
        for path in host["paths"]:
            try:
                os.close(os.open(path, os.O_WRONLY))  # and write nothing
                reached(path)
            except OSError as error:
                print(path, error)
        """,
        files_of_the_kernel,
        control="root",
        lacking=needs_root,
    ),
    Attack(
        "call the kernel as a program of i386",
        MACHINE_CODE + "if (answer := i386(20)) and answer > 0: reached('getpid', answer)\n",
        lacking=needs_x86_64,
    ),
    Attack(
        "make a user namespace as a program of i386",
        MACHINE_CODE + "if i386(310, 0x10000000) == 0: reached('unshare')\n",
        lacking=needs_x86_64,
    ),
    Attack(
        "call the kernel as a program of x32",
        MACHINE_CODE + "if (answer := x32(39)) and answer > 0: reached('getpid', answer)\n",
        control="none",
        why="hardly any kernel is built with x32, and this one answers nobody",
        lacking=needs_x86_64,
    ),
    Attack(
        "make namespaces by a program of the system",
        """
        for option in ("--user", "--map-root-user", "--mount"):
            try:
                if subprocess.run(["unshare", option, "true"], capture_output=True).returncode == 0:
                    reached(option)
            except FileNotFoundError as error:
                print(error)
        """,
        control="root",
    ),
    Attack(
        "leave the root by chroot and an open folder",
        """
        try:
            os.mkdir("jail")
            outside = os.open(".", os.O_RDONLY)
            os.chroot("jail")
            os.fchdir(outside)
            reached()
        except OSError as error:
            print(error)
        """,
        control="root",
    ),
    Attack(
        "read and write another process's memory",
        """
        for pid in (host["victim"], 1, os.getppid()):
            try:
                with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "r+b", 0) as memory:
                    memory.seek(int(maps.readline().split("-")[0], 16))
                    memory.read(8)
                    reached(pid)
            except (OSError, ValueError, IndexError) as error:
                print(error)
        """,
        victim,
        uncontrolled=needs_tracing,
    ),
    Attack(
        "take an open file of another process",
        """
        for pid in (host["victim"], 1, os.getppid()):
            for path in glob.glob(f"/proc/{pid}/fd/*"):
                try:
                    os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                    reached(path)
                except OSError as error:
                    print(error)
        """,
        victim,
        uncontrolled=needs_tracing,
    ),
    Attack(
        "have a core of itself written",
        """
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))
            reached("the limit")
        except (OSError, ValueError) as error:
            print(error)
        """,
    ),
    Attack(
        "set the clock",
        """
        try:
            time.clock_settime(time.CLOCK_REALTIME, time.time())
            reached()
        except OSError as error:
            print(error)
        """,
        control="root",
        lacking=needs_root,
    ),
    Attack(
        "raise limits and priority",
        """
        for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
            try:
                hard = resource.getrlimit(kind)[1]
                resource.setrlimit(kind, (resource.RLIM_INFINITY if kind != resource.RLIMIT_NOFILE else hard,
                                          resource.RLIM_INFINITY if kind != resource.RLIMIT_NOFILE else hard + 1))
                reached(kind)
            except (OSError, ValueError) as error:
                print(error)
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -5)
            reached("priority")
        except OSError as error:
            print(error)
        """,
        control="root",
        lacking=needs_root,
    ),
)


class AttacksOnTheKernel:
    """Each of them in a sandbox, and the table of calls."""

    @each(KERNEL)
    async def test_kernel(self, attack: Attack, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        await is_stopped(attack, backend, tmp_path, python)

    @pytest.mark.skipif(platform.machine() != "x86_64", reason="the table has the numbers of x86-64")
    async def test_no_dangerous_system_call(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        said = answers(await run(backend, spec_in(tmp_path), python, calls(), "{}"))
        refused = {name for name, (result, number) in said.items() if result == -1 and number in REFUSED}
        assert refused == CALLS_X86_64.keys(), {name: said.get(name) for name in CALLS_X86_64.keys() - refused}

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
        assert await run(backend, spec_in(tmp_path), python, code) == "all of it\n"

    async def test_no_privileges(self, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
        printed = await run(backend, spec_in(tmp_path), python, "print(open('/proc/self/status').read())")
        status = dict(line.split(":\t", 1) for line in printed.splitlines() if ":\t" in line)
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} <= {0}, printed
        assert "0" not in status["Uid"].split()
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


class ControlsOfTheKernel:
    @each(KERNEL)
    def test_kernel_without_protection(self, attack: Attack, tmp_path: Path) -> None:
        succeeds_without_protection(attack, tmp_path)

    @pytest.mark.skipif(platform.machine() != "x86_64", reason="the table has the numbers of x86-64")
    def test_system_calls_without_protection(self) -> None:
        """Root of namespaces of its own gets through, or is told that the arguments are wrong."""
        tried = [name for name in CALLS_X86_64 if name not in UNTRIED]
        command = [*as_root_of_nothing(), sys.executable, "-c", calls(tried), "{}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        said = answers(done.stdout)
        through = {name for name, (result, number) in said.items() if result >= 0 or number not in REFUSED}
        missing = CALLS_X86_64.keys() - UNTRIED - SOMEWHERE_ELSE - through
        assert not missing, ({name: said.get(name) for name in missing}, done.stderr)
        assert len(through) > len(CALLS_X86_64) // 2
