import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.core.errors import JourneymanError, StoreError, UsageError
from journeyman.engine.server import server
from journeyman.engine.submit import cancel, connect, ended, submit
from journeyman.engine.worker import worker
from journeyman.engine.workflow import Ended


async def test_attempts_run_side_by_side_and_each_has_its_own_end(tmp_path: Path) -> None:
    both = asyncio.Barrier(2)
    failed_before: set[str] = set()

    async def run(attempt_id: str) -> str:
        if attempt_id.endswith("3"):
            raise UsageError("no such ref: nowhere")
        if attempt_id.endswith("4") and attempt_id not in failed_before:
            failed_before.add(attempt_id)
            raise StoreError("the database is locked")
        if not attempt_id.endswith("4"):
            await both.wait()
        return f"verified {attempt_id}"

    async with server(tmp_path) as address, worker(address, run):
        attempts = [f"0task.1.{number}" for number in range(1, 5)]
        await submit(address, "0task", attempts)
        await submit(address, "0task", attempts)  # it is being worked on: nothing happens
        assert await asyncio.wait_for(ended(address, "0task"), 20) == [
            Ended(attempt_id="0task.1.1", status="done", outcome="verified 0task.1.1"),
            Ended(attempt_id="0task.1.2", status="done", outcome="verified 0task.1.2"),
            Ended(attempt_id="0task.1.3", status="failed", message="UsageError: no such ref: nowhere"),
            Ended(attempt_id="0task.1.4", status="done", outcome="verified 0task.1.4"),
        ]
        assert failed_before == {"0task.1.4"}


async def test_a_cancelled_task_stops_in_good_order(tmp_path: Path) -> None:
    running, put_in_order = asyncio.Event(), asyncio.Event()

    async def run(attempt_id: str) -> str:
        if attempt_id == "0task.1.2":
            return "quick"
        running.set()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            put_in_order.set()
        return "never"

    async with server(tmp_path) as address, worker(address, run):
        await submit(address, "0task", ["0task.1.1", "0task.1.2"], heartbeat=1.0)
        await asyncio.wait_for(running.wait(), 20)
        await cancel(address, "0task")
        assert await asyncio.wait_for(ended(address, "0task"), 20) == [
            Ended(attempt_id="0task.1.1", status="cancelled"),
            Ended(attempt_id="0task.1.2", status="done", outcome="quick"),
        ]
        assert put_in_order.is_set()
        with pytest.raises(UsageError, match="is not working on task 0other"):
            await cancel(address, "0other")


async def test_orders_outlive_the_server(tmp_path: Path) -> None:
    async def run(attempt_id: str) -> str:
        return "late"

    async with server(tmp_path) as address:
        await submit(address, "0task", ["0task.1.1"])
    async with server(tmp_path) as address, worker(address, run):
        assert await asyncio.wait_for(ended(address, "0task"), 30) == [
            Ended(attempt_id="0task.1.1", status="done", outcome="late")
        ]


async def test_a_server_that_dies_is_started_anew(tmp_path: Path) -> None:
    async def run(attempt_id: str) -> str:
        return "done after all"

    async with server(tmp_path) as address:
        await submit(address, "0task", ["0task.1.1"])
        (pid,) = children("temporal")
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(JourneymanError):
                    await connect(address, patience=1.0)
                    break
        assert children("temporal") not in ([], [pid])
        async with worker(address, run):
            assert (await asyncio.wait_for(ended(address, "0task"), 30))[0].outcome == "done after all"
    assert children("temporal") == []


HOST = """
import asyncio, sys
from pathlib import Path
from journeyman.engine.server import server

async def main():
    async with server(Path(sys.argv[1])) as address:
        print(address, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_the_server_goes_with_a_killed_parent(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", HOST, tmp_path, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    address = (await parent.stdout.readline()).decode().strip()
    (pid,) = children("temporal", parent.pid)
    end = os.pidfd_open(pid)
    parent.kill()
    await parent.wait()
    assert (await asyncio.to_thread(select.select, [end], [], [], 20))[0] == [end]
    os.close(end)
    with pytest.raises(JourneymanError, match="does not answer"):
        await connect(address, patience=0.5)
    async with server(tmp_path):  # and its lock does not stay behind
        assert len(children("temporal")) == 1


async def test_one_engine_for_each_home(tmp_path: Path) -> None:
    async with server(tmp_path):
        with pytest.raises(JourneymanError, match="Another process runs the engine below"):
            async with server(tmp_path):
                pass


async def test_nobody_at_the_address(tmp_path: Path) -> None:
    with pytest.raises(JourneymanError, match=r"The engine at 127\.0\.0\.1:1 does not answer"):
        await connect("127.0.0.1:1", patience=0.5)


async def test_damaged_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "state.sqlite").write_text("no database" * 1000)
    with pytest.raises(JourneymanError, match=r"The engine did not start: .*not a database"):
        async with server(tmp_path, patience=5.0):
            pass


def children(name: str, of: int | None = None) -> list[int]:
    """Live processes of this name that were started by the process `of`, or by this one."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, tail = stat.read_text().rpartition(") ")
            state, parent = tail.split()[:2]
            if head.partition("(")[2] == name and int(parent) == (of or os.getpid()) and state != "Z":
                found.append(int(stat.parent.name))
    return found
