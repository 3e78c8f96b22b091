"""What an attack is, and how it is run: in a sandbox, where it has to fail, and outside, where it has to succeed.

An attack that fails outside too proves nothing. So each comes with a control, which runs the same code without the
protection: as the user that runs the tests, or as root of throw-away namespaces where it would do harm.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from journeyman.sandbox.protocol import SandboxBackend, SandboxSpec

REACHED = "REACHED"
"""What an attack prints when it has got where it must not."""

PRELUDE = f"""
import ctypes, errno, glob, json, os, platform, resource, select, signal, socket, stat, struct, subprocess, sys, time
host = json.loads(sys.argv[1])
def reached(*words):
    print("{REACHED}", *words, flush=True)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
me = os.getpid()
def call(number, *arguments):
    "The result of a system call and its errno; a child that it makes ends at once."
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *wide)
    if result == 0 and os.getpid() != me:
        os._exit(0)
    return result, ctypes.get_errno()
"""

Control = Literal["plain", "root", "none"]


@dataclass(slots=True)
class Stage:
    """What the host set up for an attack: `facts` that its code finds in `host`, and what tells that it got out, to
    the host's own eyes."""

    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    reached: Callable[[], bool] = lambda: False
    spec: dict[str, Any] = field(default_factory=dict[str, Any])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])


Arrange = Callable[[Path], AbstractContextManager[Stage]]


@contextmanager
def nothing(_: Path) -> Generator[Stage]:
    yield Stage()


@dataclass(frozen=True, slots=True)
class Attack:
    """Python that prints REACHED when it succeeds and ends by itself in any case.

    `control` says how it succeeds without the protection: "plain" as it is, "root" as root of namespaces of its own,
    "none" for the reason in `why`. `lacking` and `uncontrolled` give the reason why neither, or not the control, can be
    tried on this machine.
    """

    name: str
    code: str
    arrange: Arrange = nothing
    control: Control = "plain"
    why: str = ""
    lacking: Callable[[], str] = lambda: ""
    uncontrolled: Callable[[], str] = lambda: ""

    def __str__(self) -> str:
        return self.name


def each(attacks: tuple[Attack, ...]) -> Any:
    """The parameters of a test for all of them."""
    return pytest.mark.parametrize("attack", attacks, ids=str)


def spec_in(folder: Path, *, files: Mapping[str, bytes] | None = None, **changes: Any) -> SandboxSpec:
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


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = 120) -> None:
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


async def run(backend: SandboxBackend, spec: SandboxSpec, python: str, code: str, *words: str) -> str:
    """What Python code prints in a sandbox; it has to end by itself, and the sandbox to work after it."""
    async with backend.open(spec) as sandbox:
        result = await sandbox.exec([python, "-c", textwrap.dedent(code), *words], timeout=120)
        assert (result.exit_code, result.cut) == (0, None), result
        assert (await sandbox.exec(["echo", "well"], timeout=120)).output == b"well\n"
    return result.output.decode(errors="replace")


async def is_stopped(attack: Attack, backend: SandboxBackend, tmp_path: Path, python: str) -> None:
    """Run an attack in a sandbox and assert that it got nowhere."""
    if lacking := attack.lacking():
        pytest.skip(lacking)
    with attack.arrange(tmp_path) as stage:
        spec = spec_in(tmp_path, files=stage.files, **stage.spec)
        said = await run(backend, spec, python, PRELUDE + textwrap.dedent(attack.code), json.dumps(stage.facts))
        assert REACHED not in said, said
        assert not stage.reached(), said


def succeeds_without_protection(attack: Attack, tmp_path: Path) -> None:
    """Run an attack outside and assert that it gets where it wants."""
    if lacking := attack.lacking():
        pytest.skip(lacking)
    if reason := attack.uncontrolled() or (attack.why if attack.control == "none" else ""):
        pytest.skip(reason)
    folder = tmp_path / "work"
    folder.mkdir()
    with attack.arrange(tmp_path) as stage:
        for name, data in stage.files.items():
            (folder / name).write_bytes(data)
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(attack.code), json.dumps(stage.facts)]
        if attack.control == "root":
            command = [*as_root_of_nothing(), *command]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
        )
        assert REACHED in done.stdout or stage.reached(), (done.stdout, done.stderr)


def as_root_of_nothing() -> list[str]:
    """The start of a command that runs the rest as root of new namespaces, where nothing is worth protecting: its own
    processes, mounts, network and names. Skips where they cannot be made."""
    tool = shutil.which("unshare")
    if tool is None:
        pytest.skip("the control needs util-linux's unshare")
    spaces = ["--mount", "--pid", "--fork", "--mount-proc", "--net", "--uts", "--ipc", "--kill-child"]
    command = [tool, *spaces, *([] if os.geteuid() == 0 else ["--map-root-user"]), "--"]
    if subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("the control needs namespaces of its own, which this user cannot make here")
    return command


def needs_root() -> str:
    return "" if os.geteuid() == 0 else "only root can set this up"


def needs_x86_64() -> str:
    return "" if os.uname().machine == "x86_64" else "the numbers are those of x86-64"


def needs_tracing() -> str:
    """Whether one process may look into another of the same user's."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if os.geteuid() and scope.exists() and scope.read_text().strip() != "0":
        return "this kernel lets nobody look into processes that are not their own children"
    return ""


@contextmanager
def victim(_: Path) -> Generator[Stage]:
    """A process of the host's, which a signal would end."""
    process = subprocess.Popen(["sleep", "300"])
    try:
        yield Stage({"victim": process.pid, "us": os.getpid()}, lambda: process.poll() is not None)
    finally:
        process.kill()
        process.wait()
