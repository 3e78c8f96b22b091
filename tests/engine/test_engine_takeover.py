"""Workers that die, attempts that go on."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from journeyman.core.events import Progressed
from journeyman.engine.orders import Ended
from tests.engine.engine_parts import a_store, an_engine, hand_in

WORKER = """
import asyncio, os, sys
from pathlib import Path
from journeyman.core.events import Progressed, Resumed
from journeyman.engine.connection import Where
from journeyman.engine.engine import open_engine
from journeyman.engine.worker import worker
from journeyman.store import open_store, this_process
from tests.engine.engine_parts import MACHINE, an_offer

STEPS = 40

async def main():
    async with open_store(Path(sys.argv[2])) as store:
        async def run(attempt_id, drain):
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
        async with open_engine(Where(sys.argv[1]), MACHINE, heartbeat=60.0) as engine:
            async with worker(engine, store, run, an_offer(str(os.getpid()))):
                await asyncio.Event().wait()

asyncio.run(main())
"""


async def start(address: str, home: Path) -> asyncio.subprocess.Process:
    """A worker that has loaded all it needs and begins at a line on its stdin."""
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WORKER, address, home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"loaded\n"
    return process


async def test_another_worker_goes_on_where_a_killed_one_was(tmp_path: Path) -> None:
    async with an_engine(tmp_path, heartbeat=60.0) as engine, a_store(tmp_path) as store:
        first, second = [await start(engine.where.address, tmp_path) for _ in range(2)]
        assert first.stdin is not None
        assert first.stdout is not None
        assert second.stdin is not None
        try:
            task = await hand_in(store, engine, attempts=2)
            first.stdin.write(b"go\n")
            for _ in range(20):
                await first.stdout.readline()
            first.send_signal(signal.SIGKILL)
            second.stdin.write(b"go\n")
            attempts = await store.attempts(task.id)
            before = {attempt.id: await store.events(attempt.id) for attempt in attempts}
            # Sooner than the heartbeat tells: the second one sees that the process has gone.
            assert await asyncio.wait_for(engine.ended(task.id), 120) == tuple(
                Ended(attempt_id=attempt.id, status="done", outcome="verified") for attempt in attempts
            )
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
        assert [(attempt.status, attempt.epoch) for attempt in await store.attempts(task.id)] == [("done", 2)] * 2
