"""Kill workers, the server, the engine and the database's connections in turn while tasks run, for minutes.

Every task must come to the same tree as without kills, no event may be lost or doubled, and nothing may be done twice
unnoticed. Ends with 1 where that is not so.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from journeyman.models.script_server import ScriptServer
from journeyman.testing import chaos
from journeyman.testing.postgres import postgres_server


async def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench chaos", description=__doc__)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--postgres", action="store_true", help="the store is PostgreSQL, in place of SQLite")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        folder = temporary / "repository"
        chaos.lay(folder)
        server = stack.enter_context(postgres_server()) if arguments.postgres else None
        url = server.fresh() if server is not None else None
        home = temporary / "home"
        pause = arguments.seconds / arguments.steps * 0.8
        environ = {**os.environ, **({"JOURNEYMAN_STORE": url} if url else {})}
        async with (
            ScriptServer(chaos.script(arguments.steps, pause)) as model,
            ScriptServer(chaos.script(arguments.steps, 0.0)) as quick,
        ):
            calm = await undisturbed(temporary / "calm", quick.base_url, folder, arguments.steps)
            async with (
                chaos.service(home, model.base_url, arguments.workers, environ) as running,
                chaos.opened(home, url) as store,
            ):
                ids = [await chaos.hand_in(running, folder, number) for number in range(arguments.tasks)]
                began = time.monotonic()
                killer = chaos.Killer(
                    running,
                    random.Random(arguments.seed),
                    server.cut if server is not None else lambda: chaos.lock_sqlite(home),
                    lambda words: print(f"{time.monotonic() - began:6.1f} s  {words}", flush=True),
                )
                done = await killer.rage(arguments.seconds, (2.0, 8.0))
                print(f"{time.monotonic() - began:6.1f} s  no more kills: {dict(done)}", flush=True)
                late = await chaos.all_ended(store, ids, arguments.seconds)
                print(f"{time.monotonic() - began:6.1f} s  all have ended, but {len(late)}: seed {arguments.seed}")
                found = [await chaos.look_at(store, task_id, arguments.steps) for task_id in ids if task_id not in late]
    faults = len(late)
    for task_id, one in zip([one for one in ids if one not in late], found, strict=True):
        other = [] if one.tree == calm else [f"its tree is {one.tree}, and {calm} without kills"]
        faults += len(one.faults) + len(other)
        print(f"{task_id}  {one.takeovers} takeovers, {one.again} calls run again  {'; '.join([*one.faults, *other])}")
    print(f"{len(found)} tasks, {sum(one.takeovers for one in found)} takeovers, {faults} faults")
    return 1 if faults else 0


async def undisturbed(home: Path, model: str, folder: Path, steps: int) -> str | None:
    """The tree that a task comes to when nobody kills anything."""
    async with chaos.service(home, model, 1, os.environ) as running, chaos.opened(home, None) as store:
        task_id = await chaos.hand_in(running, folder, 0)
        if await chaos.all_ended(store, [task_id], 300.0):
            sys.exit("The task without kills did not end.")
        return (await chaos.look_at(store, task_id, steps)).tree


sys.exit(asyncio.run(main()))
