"""The system calls that nothing in a sandbox may make, as a BPF program and as a profile for container engines.

A deny list: what builds, tests and servers use stays possible, what widens the way to the kernel or out of the
namespaces does not. Built with libseccomp, which also kills calls of a foreign architecture (i386, x32).
"""

import errno
import importlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from journeyman.core.errors import SandboxUnavailable

VERSION = 3
"""Rises with every change below, so that a cached program is not used past its time."""

DENIED = (
    "mount umount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr "
    "open_tree_attr statmount listmount name_to_handle_at open_by_handle_at fanotify_init "
    "setns unshare "
    "bpf perf_event_open userfaultfd kcmp lookup_dcookie "
    "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd "
    "keyctl add_key request_key "
    "kexec_load kexec_file_load init_module finit_module delete_module create_module query_module get_kernel_syms "
    "swapon swapoff reboot acct quotactl quotactl_fd nfsservctl syslog vhangup uselib ustat sysfs _sysctl "
    "iopl ioperm modify_ldt vm86 vm86old "
    "settimeofday stime clock_settime clock_settime64 adjtimex clock_adjtime clock_adjtime64 "
    "sethostname setdomainname "
)
UNKNOWN = ("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register")
"""Answered as if the kernel had none, so that programs take their other way: the flags of clone3 lie in memory, where
no filter sees them."""

NEW_NAMESPACES = (0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
LAST_FAMILY = 46
ON_TERMINALS = (0x5412, 0x541C, 0x5423)  # TIOCSTI, TIOCLINUX; TIOCSETD, which loads rarely used modules
PROTOCOLS = (33, 132)  # DCCP and SCTP: modules with a history
PERSONALITY = (0x8, 0x20000, 0x40000)  # PER_LINUX32, UNAME26, ADDR_NO_RANDOMIZE
ALL_SET = 0x80000000
LOW = 0xFFFFFFFF  # the kernel reads 32 bits of these arguments, so must the filter


@dataclass(frozen=True, slots=True)
class When:
    """A condition on the argument `index` of a call: `MASKED_EQ` compares it with `value` under `mask`."""

    index: int
    compare: Literal["EQ", "NE", "GE", "MASKED_EQ"]
    value: int
    mask: int = 0


@dataclass(frozen=True, slots=True)
class Denial:
    """A call that is answered with the error `number` when all conditions hold."""

    call: str
    number: int
    when: tuple[When, ...] = ()


def denials() -> Iterator[Denial]:
    """Everything that is denied."""
    for name in DENIED.split():
        yield Denial(name, errno.EPERM)
    for name in UNKNOWN:
        yield Denial(name, errno.ENOSYS)
    for flag in NEW_NAMESPACES:
        yield _refused("clone", When(0, "MASKED_EQ", flag, flag))
    for request in ON_TERMINALS:
        yield _refused("ioctl", When(1, "MASKED_EQ", request, LOW))
    for family in range(LAST_FAMILY):
        if family not in (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK):
            yield _refused("socket", When(0, "EQ", family))
    yield _refused("socket", When(0, "GE", LAST_FAMILY))  # also what has bits above the 32 that the kernel reads
    yield _refused("socket", When(0, "EQ", AF_NETLINK), When(2, "NE", 0))  # only NETLINK_ROUTE
    for protocol in PROTOCOLS:
        yield _refused("socket", When(2, "EQ", protocol))
    yield _refused("socketpair", When(0, "NE", AF_UNIX))
    yield _refused("prlimit64", When(0, "NE", 0), When(2, "NE", 0))  # of another process: the supervisor's
    for bit in (1 << place for place in range(31)):  # all set is the question for the present one
        if bit not in PERSONALITY:
            yield _refused("personality", When(0, "MASKED_EQ", bit, ALL_SET | bit))
        yield _refused("personality", When(0, "MASKED_EQ", ALL_SET, ALL_SET | bit))


def _refused(call: str, *when: When) -> Denial:
    return Denial(call, errno.EPERM, when)


def profile() -> str:
    """The same as a container engine takes it: JSON of the OCI's `linux.seccomp`, for the machine's own architecture,
    which kills calls of a foreign one."""
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [_oci(denial) for denial in denials()]})


def profile_file(state: Path) -> Path:
    """A file in `state` that holds the profile."""
    path = state / f"seccomp-{VERSION}.json"
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=state, delete=False) as file:
            file.write(profile())
        Path(file.name).replace(path)
    return path


def _oci(denial: Denial) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": [denial.call], "action": "SCMP_ACT_ERRNO", "errnoRet": denial.number}
    if denial.when:
        rule["args"] = [
            {"index": when.index, "op": f"SCMP_CMP_{when.compare}", "value": when.mask, "valueTwo": when.value}
            if when.compare == "MASKED_EQ"
            else {"index": when.index, "op": f"SCMP_CMP_{when.compare}", "value": when.value}
            for when in denial.when
        ]
    return rule


def program(state: Path) -> Path:
    """A file in `state` that holds the program, made on first use. Raises `SandboxUnavailable` without libseccomp."""
    path = state / f"seccomp-{VERSION}-{os.uname().machine}.bpf"
    if not path.exists():
        with tempfile.NamedTemporaryFile(dir=state, delete=False) as file:
            _export(file.fileno())
        Path(file.name).replace(path)
    return path


def _export(handle: int) -> None:
    try:
        lib: Any = importlib.import_module("pyseccomp")
    except (ImportError, RuntimeError, OSError) as error:
        raise SandboxUnavailable(
            "The library libseccomp is missing, without which no command is run; "
            "install it (Debian and Ubuntu: apt install libseccomp2)."
        ) from error
    rules = lib.SyscallFilter(lib.ALLOW)
    for denial in denials():
        if lib.resolve_syscall(lib.system_arch(), denial.call) != -1:
            conditions = [
                lib.Arg(when.index, lib.MASKED_EQ, when.mask, when.value)
                if when.compare == "MASKED_EQ"
                else lib.Arg(when.index, getattr(lib, when.compare), when.value)
                for when in denial.when
            ]
            rules.add_rule(lib.ERRNO(denial.number), denial.call, *conditions)
    with os.fdopen(os.dup(handle), "wb") as file:
        rules.export_bpf(file)
