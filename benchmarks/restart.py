"""How long a service that is ended under load is away: killed, and told to end.

24 tasks are at work with a model that takes a second for a reply; then `journeyman serve` is ended and started again.
Told are the seconds from the end until it is ready, and until the first and the last task has gone on.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from throughput import a_model, hand_in, lay_repository

from journeyman.store import open_store

TASKS = 24


async def start(home: Path) -> tuple[asyncio.subprocess.Process, str, float]:
    """A service, its address, and how many seconds it took to be ready."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("journeyman")), "serve", "--no-auth", "--port", "0", "--slots", "32"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "JOURNEYMAN_HOME": str(home)},
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    return process, line.partition(" serves at ")[2].split()[0], time.monotonic() - began


async def measured(how: signal.Signals, patience: float) -> None:
    with tempfile.TemporaryDirectory(prefix="restart-") as temporary:
        folder, home = Path(temporary) / "shop", Path(temporary) / "home"
        folder.mkdir()
        home.mkdir()
        lay_repository(folder)
        async with a_model(1.0) as model, open_store(home) as store:
            (home / "config.toml").write_text(
                f'model = "box"\n[models.box]\nwire = "responses"\nbase_url = "{model}"\nname = "scripted"\n'
            )
            process, address, cold = await start(home)
            async with httpx.AsyncClient(base_url=f"{address}/api/v1", timeout=60) as client:
                ids = [await hand_in(client, folder, number) for number in range(TASKS)]
            while True:
                if all([(await store.task(task_id)).status == "running" for task_id in ids]):
                    break
                await asyncio.sleep(0.2)
            await asyncio.sleep(3.0)
            process.send_signal(how)
            await process.wait()
            before = {task_id: (await store.task(task_id)).seq for task_id in ids}
            ended = time.monotonic()
            process, _, again = await start(home)
            went: dict[str, float] = {}
            while len(went) < TASKS and time.monotonic() - ended < patience:
                for task_id in before.keys() - went.keys():
                    if (await store.task(task_id)).seq > before[task_id]:
                        went[task_id] = time.monotonic() - ended
                await asyncio.sleep(0.1)
            process.kill()
            await process.wait()
    print(f"{how.name:8} {cold:10.1f} {again:11.1f} {min(went.values()):10.1f} {max(went.values()):9.1f} {len(went):6}")


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench restart", description=__doc__)
    parser.add_argument("--patience", type=float, default=90.0, help="seconds to wait for the last task")
    arguments = parser.parse_args()
    print("ended by ready cold ready again first task last task  tasks")
    for how in (signal.SIGKILL, signal.SIGTERM):
        await measured(how, arguments.patience)


asyncio.run(main())
