"""The engine's own server, as a child of ours."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.core.errors import JourneymanError
from journeyman.engine.connection import Tls, Where, connect
from journeyman.engine.engine import open_engine
from journeyman.engine.server import server, shared
from tests.engine.engine_parts import (
    MACHINE,
    a_store,
    an_engine,
    children,
    doing,
    finished,
    hand_in,
    listening,
    working,
)


async def test_tasks_outlive_the_server(tmp_path: Path) -> None:
    async with a_store(tmp_path) as store:
        async with an_engine(tmp_path) as engine:
            task = await hand_in(store, engine)
        async with an_engine(tmp_path) as engine, working(engine, store, doing(store)):
            await asyncio.wait_for(engine.ended(task.id), 120)
        assert (await store.task(task.id)).status == "done"


async def test_a_server_that_dies_is_started_anew_and_the_work_goes_on(tmp_path: Path) -> None:
    at_work, go_on = asyncio.Event(), asyncio.Event()

    async def work(attempt_id: str) -> None:
        at_work.set()
        await go_on.wait()

    async with (
        a_store(tmp_path) as store,
        an_engine(tmp_path) as engine,
        working(engine, store, doing(store, work)),
    ):
        tasks = [await hand_in(store, engine) for _ in range(3)]
        await asyncio.wait_for(at_work.wait(), 120)
        (pid,) = engines(tmp_path)
        os.kill(pid, signal.SIGKILL)
        go_on.set()
        ended = await asyncio.wait_for(asyncio.gather(*(finished(engine, task.id) for task in tasks)), 90)
        assert [[one.outcome for one in each] for each in ended] == [["verified"]] * 3
        assert engines(tmp_path) not in ([], [pid])
        epochs = [(await store.attempts(task.id))[0].epoch for task in tasks]
        assert epochs == [1, 1, 1], "the attempts themselves never noticed"
    assert engines(tmp_path) == []


def engines(home: Path, of: int | None = None) -> list[int]:
    """The live servers of the engine below `home` that the process `of`, or this one, has started."""
    return [pid for pid in children("temporal", of) if os.fsencode(home) in Path(f"/proc/{pid}/cmdline").read_bytes()]


HOST = """
import asyncio, sys
from pathlib import Path
from journeyman.engine.engine import open_engine
from journeyman.engine.server import server, shared

async def main():
    async with server(Path(sys.argv[1])) as where:
        print(where.address, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_server_goes_with_a_killed_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", HOST, tmp_path, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    address = (await parent.stdout.readline()).decode().strip()
    (pid,) = engines(tmp_path, parent.pid)
    end = os.pidfd_open(pid)
    parent.kill()
    await parent.wait()
    assert (await asyncio.to_thread(select.select, [end], [], [], 20))[0] == [end]
    os.close(end)
    with pytest.raises(JourneymanError, match="does not answer"):
        await connect(Where(address), patience=0.5)
    async with server(tmp_path):  # and its lock does not stay behind
        assert len(engines(tmp_path)) == 1


async def test_one_engine_for_each_home(tmp_path: Path) -> None:
    async with server(tmp_path):
        with pytest.raises(JourneymanError, match="Another process runs the engine below"):
            async with server(tmp_path):
                pass


async def test_processes_of_one_home_share_the_engine_and_one_inherits_it(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", HOST, tmp_path, stdout=subprocess.PIPE)
    assert owner.stdout is not None
    address = (await owner.stdout.readline()).decode().strip()
    async with a_store(tmp_path) as store, shared(tmp_path) as where, open_engine(where, MACHINE) as engine:
        assert where.address == address
        async with working(engine, store, doing(store)):
            before = await hand_in(store, engine)
            await asyncio.wait_for(engine.ended(before.id), 120)
            owner.kill()
            await owner.wait()
            async with asyncio.timeout(120):
                after = await hand_in(store, engine)
                await finished(engine, after.id)
        assert len(engines(tmp_path)) == 1
    assert engines(tmp_path) == []


async def test_the_server_listens_on_loopback_only(tmp_path: Path) -> None:
    async with server(tmp_path):
        (pid,) = engines(tmp_path)
        addresses = listening(pid)
    assert addresses
    assert {address for address in addresses if not address.is_loopback} == set()


async def test_nobody_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(JourneymanError, match=r"The engine at 127\.0\.0\.1:1 does not answer"):
        await connect(Where("127.0.0.1:1"), patience=0.5)


async def test_an_api_key_is_not_sent_in_the_open() -> None:
    with pytest.raises(JourneymanError, match=r"is not sent to example\.test:7233 without TLS"):
        await connect(Where("example.test:7233", api_key="secret"))
    assert "secret" not in repr(Where("example.test:7233", tls=Tls(key=b"secret"), api_key="secret"))


async def test_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "state.sqlite").write_text("no database" * 1000)
    with pytest.raises(JourneymanError, match=r"The engine did not start: .*not a database"):
        async with server(tmp_path, patience=5.0):
            pass
