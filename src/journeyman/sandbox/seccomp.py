"""The system calls that nothing in a sandbox may make, as a BPF program.

A deny list: what builds, tests and servers use stays possible, what widens the way to the kernel or out of the
namespaces does not. Built with libseccomp, which also kills calls of a foreign architecture (i386, x32).
"""

import errno
import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

from journeyman.core.errors import SandboxUnavailable

VERSION = 1
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
PUSHES_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
PERSONALITY = (0x8, 0x20000, 0x40000)  # PER_LINUX32, UNAME26, ADDR_NO_RANDOMIZE
ALL_SET = 0x80000000


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
    low = 0xFFFFFFFF  # the kernel reads 32 bits of these arguments, so must the filter
    refuse, unknown = lib.ERRNO(errno.EPERM), lib.ERRNO(errno.ENOSYS)
    rules = lib.SyscallFilter(lib.ALLOW)

    def deny(name: str, *conditions: Any, action: int = refuse) -> None:
        if lib.resolve_syscall(lib.system_arch(), name) != -1:
            rules.add_rule(action, name, *conditions)

    for name in DENIED.split():
        deny(name)
    for name in UNKNOWN:
        deny(name, action=unknown)
    for flag in NEW_NAMESPACES:
        deny("clone", lib.Arg(0, lib.MASKED_EQ, flag, flag))
    for request in PUSHES_INPUT:
        deny("ioctl", lib.Arg(1, lib.MASKED_EQ, low, request))
    for family in range(LAST_FAMILY):
        if family not in (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK):
            deny("socket", lib.Arg(0, lib.EQ, family))
    deny("socket", lib.Arg(0, lib.GE, LAST_FAMILY))  # also what has bits above the 32 that the kernel reads
    deny("socket", lib.Arg(0, lib.EQ, AF_NETLINK), lib.Arg(2, lib.NE, 0))  # only NETLINK_ROUTE
    deny("socketpair", lib.Arg(0, lib.NE, AF_UNIX))
    for bit in (1 << place for place in range(31)):  # all set is the question for the present one
        if bit not in PERSONALITY:
            deny("personality", lib.Arg(0, lib.MASKED_EQ, ALL_SET | bit, bit))
        deny("personality", lib.Arg(0, lib.MASKED_EQ, ALL_SET | bit, ALL_SET))
    with os.fdopen(os.dup(handle), "wb") as file:
        rules.export_bpf(file)
