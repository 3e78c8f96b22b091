"""Workers that die, attempts that go on."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

from journeyman.core.events import Progressed
from journeyman.engine.server import server
from journeyman.engine.submit import ended, submit
from journeyman.engine.workflow import Ended
from journeyman.store import open_store
from journeyman.testing.store import a_task, an_attempt

WORKER = """
import asyncio, os, sys
from pathlib import Path
from journeyman.core.events import Progressed, Resumed
from journeyman.engine.worker import worker
from journeyman.store import open_store, this_process

STEPS = 40

async def main():
    async with open_store(Path(sys.argv[2])) as store:
        async def run(attempt_id):
            async with store.claim(attempt_id, this_process()) as log:
                if log.epoch > 1:
                    await log.append(Resumed(holder=str(os.getpid())))
                done = sum(isinstance(event, Progressed) for event in log.events)
                for step in range(done, STEPS):
                    await log.append(Progressed(text=f"step {step} by {os.getpid()}"))
                    print(step, flush=True)
                    await asyncio.sleep(0.05)
                await log.set_status("done", "verified")
                return "verified"

        import temporalio.worker, journeyman.engine.workflow
        print("loaded", flush=True)
        sys.stdin.readline()
        async with worker(sys.argv[1], run):
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def start(address: str, home: Path) -> asyncio.subprocess.Process:
    """A worker that has loaded all it needs and begins at a line on its stdin."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, address, home, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"loaded\n"
    return process


async def test_another_worker_goes_on_where_a_killed_one_was(tmp_path: Path) -> None:
    attempts = [an_attempt(1), an_attempt(2)]
    async with server(tmp_path) as address, open_store(tmp_path) as store:
        await store.create(a_task(attempts=2), attempts)
        first, second = [await start(address, tmp_path) for _ in range(2)]
        assert first.stdin is not None
        assert first.stdout is not None
        assert second.stdin is not None
        try:
            await submit(address, "0task", [attempt.id for attempt in attempts], heartbeat=1.5)
            first.stdin.write(b"go\n")
            for _ in range(20):
                await first.stdout.readline()
            first.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            second.stdin.write(b"go\n")
            before = {attempt.id: await store.events(attempt.id) for attempt in attempts}
            assert await asyncio.wait_for(ended(address, "0task"), 40) == [
                Ended(attempt_id=attempt.id, status="done", outcome="verified") for attempt in attempts
            ]
            print(f"done {time.monotonic() - killed:.1f} s after the kill")
        finally:
            for process in (first, second):
                if process.returncode is None:
                    process.kill()
                await process.wait()
        for attempt in attempts:
            events = await store.events(attempt.id)
            kept = before[attempt.id]
            assert 5 < len(kept) < 40
            assert events[: len(kept)] == kept
            assert [event.kind for event in events].count("resumed") == 1
            assert events[len(kept)].kind == "resumed"
            steps = [event.text.split(" by ") for event in events if isinstance(event, Progressed)]
            assert [step for step, _ in steps] == [f"step {number}" for number in range(40)]
            assert [int(pid) for _, pid in steps] == [first.pid] * len(kept) + [second.pid] * (40 - len(kept))
        assert [(attempt.status, attempt.epoch) for attempt in await store.attempts("0task")] == [("done", 2)] * 2
