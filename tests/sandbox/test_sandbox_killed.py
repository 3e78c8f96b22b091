"""Hosts that are killed at any moment: nothing of their sandboxes is left."""

import asyncio
import contextlib
import os
import random
import signal
import time
import warnings
from pathlib import Path

import pytest

from journeyman.core.errors import SandboxError
from journeyman.sandbox import cgroups
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import SandboxSpec
from journeyman.testing.sandbox import sh
from journeyman.testing.sandbox_attacks import commands_of_the_host, spec_in, until

HOSTS = 20
GIVEN_UP = 200


async def test_nothing_is_left_of_hosts_that_were_killed(tmp_path: Path) -> None:
    moments = random.Random(1)
    mark = f"86400.{time.time_ns() % 10**9}"
    spec = spec_in(tmp_path, home_upper=tmp_path / "home", files={"f": b"1"})
    await warm(tmp_path / "state", spec)
    killed = [kill_a_host(tmp_path / "state", spec, mark, moments.uniform(0.0, 0.25)) for _ in range(HOSTS)]
    ran = tmp_path / "upper" / "f0"
    killed.append(kill_a_host(tmp_path / "state", spec, mark, 0.0, there=ran))  # this one is at work for certain

    async def gone() -> bool:
        seen = commands_of_the_host()
        return mark not in seen and str(tmp_path) not in seen

    await until(gone)
    assert ran.exists()
    async with Bubblewrap(tmp_path / "state").open(spec) as sandbox:
        assert await sh(sandbox, "cat f") == "1"
        assert {name.partition("-")[0] for name in groups()} & {str(pid) for pid in killed} == set()
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "lower", "state", "upper"]
    assert list((tmp_path / "state").glob("copies/*")) == []


async def test_nothing_is_left_of_openings_that_were_given_up(tmp_path: Path) -> None:
    """Where bubblewrap is killed as it starts, its child would wait for it for ever: about one in fifty."""
    moments = random.Random(2)
    spec = spec_in(tmp_path)
    backend = Bubblewrap(tmp_path / "state")
    async with backend.open(spec):
        pass
    for _ in range(GIVEN_UP):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(moments.uniform(0.004, 0.014)), backend.open(spec):
                pass

    async def gone() -> bool:
        return str(spec.workspace) not in commands_of_the_host()

    await until(gone)


async def test_a_layer_is_held_until_the_sandbox_of_a_killed_host_has_gone(tmp_path: Path) -> None:
    mark = f"86400.{time.time_ns() % 10**9}"
    spec = spec_in(tmp_path)
    backend = Bubblewrap(tmp_path / "state")
    for _ in range(5):
        kill_a_host(tmp_path / "state", spec, mark, 0.2)
        async with backend.open(spec):
            assert mark not in commands_of_the_host()
    async with backend.open(spec):
        with pytest.raises(SandboxError, match="Another sandbox is open"):
            async with Bubblewrap(tmp_path / "state").open(spec):
                pass


async def test_commands_that_are_killed_beside_others_are_all_answered(tmp_path: Path) -> None:
    """Their keepers end while the supervisor is at work for others; each end has to be heard."""
    async with Bubblewrap(tmp_path / "state").open(spec_in(tmp_path)) as sandbox:
        for _ in range(20):
            ends = await asyncio.gather(
                *(sandbox.exec("kill -9 $PPID", timeout=120) for _ in range(3)),
                *(sandbox.exec("sleep 300", timeout=0.01) for _ in range(3)),
                *(sandbox.exec("exit 3", timeout=120) for _ in range(3)),
            )
            assert [end.exit_code for end in ends] == [137] * 3 + [None] * 3 + [3] * 3
            assert {end.cut for end in ends[3:6]} == {"time"}


async def test_copies_of_a_host_that_was_killed_are_removed(tmp_path: Path) -> None:
    dead = tmp_path / "state" / "copies" / "4194305-ab" / "workspace" / "0"  # no process has such a number
    ours = tmp_path / "state" / "copies" / f"{os.getpid()}-ab"
    for folder in (dead, ours):
        folder.mkdir(parents=True)
    await warm(tmp_path / "state", spec_in(tmp_path))
    assert [path.name for path in (tmp_path / "state" / "copies").iterdir()] == [ours.name]


async def warm(state: Path, spec: SandboxSpec) -> None:
    async with Bubblewrap(state).open(spec) as sandbox:
        assert (await sandbox.exec(["true"], timeout=120)).exit_code == 0


def kill_a_host(state: Path, spec: SandboxSpec, mark: str, seconds: float, *, there: Path | None = None) -> int:
    """Run a host in a process of its own and kill it after a while, not before a file is `there`; its number."""
    with warnings.catch_warnings():  # threads of the test's loop may be idle; the child does not use them
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        be_a_host(state, spec, mark)
    time.sleep(seconds)  # the moment, not a wait for anything
    while there is not None and not there.exists():
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return child


def be_a_host(state: Path, spec: SandboxSpec, mark: str) -> None:
    """Never returns."""

    async def work() -> None:
        backend = Bubblewrap(state)
        for turn in range(1000):
            async with backend.open(spec) as sandbox:
                await sandbox.exec(["sh", "-c", f"setsid sleep {mark} & echo x > f{turn}"], timeout=100)
                await sandbox.start(["sleep", mark], terminal=(24, 80), timeout=100)
                await asyncio.sleep(0.02)

    try:
        asyncio.new_event_loop().run_until_complete(work())
    finally:
        os._exit(1)


def groups() -> list[str]:
    found: list[str] = []
    for name in ("memory", "pids", "cpu", ""):
        with contextlib.suppress(OSError):
            found += [path.name for path in (cgroups.ROOT / name / cgroups.PARENT).iterdir() if path.is_dir()]
    return found
