"""The program that starts sandboxes is asked without holding anybody up, and what nobody wants any more is ended."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from journeyman.sandbox import launchers
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import Sandbox, SandboxSpec

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def backend(tmp_path: Path) -> Bubblewrap:
    return Bubblewrap(tmp_path / "state")


def spec(tmp_path: Path, name: str) -> SandboxSpec:
    lower = tmp_path / "lower"
    lower.mkdir(exist_ok=True)
    return SandboxSpec(workspace=Path("/workspace"), lower=(lower,), upper=tmp_path / name)


def children(pid: int) -> list[int]:
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(") ")[2].split()[:2]
            if int(parent) == pid and state != "Z":
                found.append(int(stat.parent.name))
    return found


def program(tmp_path: Path) -> int:
    """The process that starts the sandboxes of this test."""
    mark = launchers.mark(next((tmp_path / "state").rglob("zygote*")))
    [found] = [pid for pid in children(os.getpid()) if mark in Path(f"/proc/{pid}/cmdline").read_text().split("\0")]
    return found


@contextmanager
def halted(pid: int) -> Generator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def own_descriptors() -> list[str]:
    found: list[str] = []
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found.append(str(handle.readlink()))
    return found


async def until(holds: Callable[[], bool]) -> None:
    while True:
        if holds():
            return
        await asyncio.sleep(0.001)


async def asked() -> None:
    """Return when somebody has asked for a sandbox and has no answer yet."""
    await until(lambda: any("memfd:plan" in name for name in own_descriptors()))


async def opened(backend: Bubblewrap, spec: SandboxSpec) -> int | None:
    async with backend.open(spec) as sandbox:
        return (await sandbox.exec(["true"], timeout=30)).exit_code


@asynccontextmanager
async def with_one_open(backend: Bubblewrap, tmp_path: Path) -> AsyncGenerator[tuple[Sandbox, int]]:
    """A sandbox, and the process of the program that started it."""
    async with backend.open(spec(tmp_path, "first")) as sandbox:
        yield sandbox, program(tmp_path)


async def test_who_waits_for_a_sandbox_holds_nobody_up(backend: Bubblewrap, tmp_path: Path) -> None:
    async with with_one_open(backend, tmp_path) as (first, pid):
        with halted(pid):
            opening = [asyncio.create_task(opened(backend, spec(tmp_path, f"more{number}"))) for number in range(30)]
            await asked()
            assert (await first.exec(["echo", "here"], timeout=30)).output == b"here\n"
            assert not any(one.done() for one in opening)
        assert await asyncio.gather(*opening) == [0] * 30


async def test_who_is_cancelled_before_the_answer_leaves_nothing(backend: Bubblewrap, tmp_path: Path) -> None:
    async with with_one_open(backend, tmp_path) as (_, pid):
        before, processes = sorted(own_descriptors()), children(pid)
        with halted(pid):
            opening = asyncio.create_task(opened(backend, spec(tmp_path, "second")))
            await asked()
            opening.cancel()
            await asyncio.sleep(0)
            assert not opening.done(), "what it asked for will be started"
        with pytest.raises(asyncio.CancelledError):
            await opening
        await until(lambda: children(pid) == processes)
        await until(lambda: len(own_descriptors()) == len(before))
        assert await opened(backend, spec(tmp_path, "second")) == 0


async def test_who_cannot_wait_for_the_answer_leaves_nothing_either(backend: Bubblewrap, tmp_path: Path) -> None:
    async with with_one_open(backend, tmp_path) as (_, pid):
        before, processes = sorted(own_descriptors()), children(pid)
        with halted(pid):
            opening = asyncio.create_task(opened(backend, spec(tmp_path, "second")))
            await asked()
            while not opening.done():
                opening.cancel()
                await asyncio.sleep(0)
            await until(lambda: len(own_descriptors()) == len(before))
        assert await opened(backend, spec(tmp_path, "third")) == 0, "the program has come past that order"
        await until(lambda: children(pid) == processes)
        assert await opened(backend, spec(tmp_path, "second")) == 0


async def test_a_program_that_does_not_answer_keeps_its_sandboxes(
    backend: Bubblewrap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_one_open(backend, tmp_path) as (first, pid):
        with halted(pid):
            monkeypatch.setattr(launchers, "PATIENCE", 0.2)
            opening = asyncio.create_task(opened(backend, spec(tmp_path, "second")))
            await asked()
            await until(lambda: children(os.getpid()) != [pid])  # another program is there
            monkeypatch.setattr(launchers, "PATIENCE", 60.0)
            assert await opening == 0
        assert (await first.exec(["echo", "here"], timeout=30)).output == b"here\n"


async def test_a_program_that_has_ended_is_started_anew_once(backend: Bubblewrap, tmp_path: Path) -> None:
    """By the first of many who find it gone; the others must not end what that one started."""
    assert await opened(backend, spec(tmp_path, "first")) == 0
    os.kill(program(tmp_path), signal.SIGKILL)
    again = [opened(backend, spec(tmp_path, f"more{number}")) for number in range(10)]
    assert await asyncio.gather(*again) == [0] * 10
