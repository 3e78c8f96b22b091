"""How many tasks the service does, and what they take: `journeyman serve` with a model that answers at once.

A task has 23 calls of the model on a repository of 30 Python files: 20 reads, an edit, a test run, the end. All tasks
are handed in over the API at once; as many run at a time as there are slots. Then tasks that wait for a slow model
(`--delay` seconds a reply), all of them at once. Memory is the share of the service's own processes (PSS, with the
sandboxes, without the engine's and the model's), less what it was before, for each task that ran.
"""

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from overhead import CHECK, lay_repository

MODEL = """
import asyncio, sys
from overhead import script
from journeyman.models.script import Step
from journeyman.models.script_server import ScriptServer

def slow(reply, delay):
    return Step.model_validate({
        "text": reply.text,
        "calls": [{"name": one.name, "arguments": one.arguments, "call_id": one.call_id} for one in reply.calls],
        "delay": delay,
    })

async def main():
    delay = float(sys.argv[2])
    replies = script(sys.argv[1])
    async with ScriptServer([slow(reply, delay) for reply in replies] if delay else replies) as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""
HANDS = 8
"""People who hand tasks in at the same time, one after the other each."""
ENDED = ("done", "failed", "cancelled", "interrupted")


@dataclass(slots=True)
class Seen:
    """What was seen while tasks ran: memory in bytes, tasks at work, and seconds that the API took to answer."""

    memory: int = 0
    running: int = 0
    answers: list[float] = field(default_factory=list[float])


@asynccontextmanager
async def a_model(delay: float) -> AsyncGenerator[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MODEL, CHECK, str(delay)),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def a_service(home: Path, model: str, slots: int) -> AsyncGenerator[tuple[httpx.AsyncClient, int, float]]:
    """A client of a service that is ready, its process, and how many seconds that took."""
    home.mkdir()
    (home / "config.toml").write_text(
        f'model = "box"\n[models.box]\nwire = "responses"\nbase_url = "{model}"\nname = "scripted"\n'
    )
    began = time.monotonic()
    program = str(Path(sys.executable).with_name("journeyman"))
    process = await asyncio.create_subprocess_exec(
        *(program, "serve", "--no-auth", "--port", "0", "--slots", str(slots)),
        stdout=subprocess.PIPE,
        env={**os.environ, "JOURNEYMAN_HOME": str(home)},
    )
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        ready = time.monotonic() - began
        if " serves at " not in line:
            sys.exit(f"The service did not start: {line}")
        drain = asyncio.create_task(process.stdout.read())
        address = line.partition(" serves at ")[2].split()[0]
        async with httpx.AsyncClient(base_url=f"{address}/api/v1", timeout=60) as client:
            yield client, process.pid, ready
        drain.cancel()
    finally:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 60)


def memory(pid: int) -> int:
    """Bytes of a process and all its descendants but the engine: each page counted once."""
    total = 0
    for one in (pid, *descendants(pid)):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{one}/comm").read_text().strip() == "temporal":
                continue
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def descendants(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(") ")[2].split()[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


async def hand_in_all(client: httpx.AsyncClient, folder: Path, numbers: Iterable[int]) -> None:
    for number in numbers:
        await hand_in(client, folder, number)


async def hand_in(client: httpx.AsyncClient, folder: Path, number: int) -> str:
    """Hand a task to the service; its id."""
    body = {"prompt": f"Make price multiply by 7, please ({number})", "repository": str(folder)}
    answer = await client.post("/tasks", json=body)
    answer.raise_for_status()
    return answer.json()["task"]["id"]


async def watch(client: httpx.AsyncClient, pid: int, seen: Seen, tasks: int) -> dict[str, int]:
    """Ask how the tasks stand again and again until so many have ended; how many ended how."""
    step = 0
    while True:
        began = time.monotonic()
        answer = await client.get("/tasks/counts")
        seen.answers.append(time.monotonic() - began)
        answer.raise_for_status()
        counts = answer.json()
        counts = counts.get("by_status", counts.get("status", counts))
        seen.running = max(seen.running, counts.get("running", 0))
        if step % 10 == 0:
            seen.memory = max(seen.memory, await asyncio.to_thread(memory, pid))
        step += 1
        if sum(counts.get(status, 0) for status in ENDED) >= tasks:
            return counts
        await asyncio.sleep(0.2)


async def measured(tasks: int, slots: int, delay: float) -> None:
    with tempfile.TemporaryDirectory(prefix="throughput-") as temporary:
        folder = Path(temporary) / "shop"
        folder.mkdir()
        lay_repository(folder)
        async with (
            a_model(delay) as model,
            a_service(Path(temporary) / "home", model, slots) as (client, pid, ready),
        ):
            await hand_in(client, folder, -1)  # what is made once
            await watch(client, pid, Seen(), 1)
            before, seen, unspent = memory(pid), Seen(), cpu(pid)
            began = time.monotonic()
            watching = asyncio.create_task(watch(client, pid, seen, tasks + 1))
            async with asyncio.TaskGroup() as group:
                for hand in range(HANDS):
                    group.create_task(hand_in_all(client, folder, range(hand, tasks, HANDS)))
            counts = await watching
            took = time.monotonic() - began
            spent = {name: seconds - unspent[name] for name, seconds in cpu(pid).items()}
        grown = max(0, seen.memory - before)
        p99 = statistics.quantiles(seen.answers, n=100)[98] if len(seen.answers) > 1 else seen.answers[0]
        print(
            f"{tasks:5} {slots:5} {delay:5g} {took:7.1f} {tasks / took * 60:8.0f} {seen.running:8} "
            f"{seen.memory / 2**20:8.0f} {grown / 2**20 / max(1, seen.running):8.1f} {p99 * 1e3:8.0f} {ready:7.1f} "
            f"{sum(spent.values()) / tasks:6.2f}  "
            + " ".join(f"{name} {seconds / tasks:.2f}" for name, seconds in spent.items())
            + f" { ({key: value for key, value in counts.items() if value}) }"
        )


def cpu(pid: int) -> dict[str, float]:
    """Seconds of processor time of a process and all its descendants, living and ended: the engine, the service's own
    process, its worker's, and what those have started."""
    spent = {"engine": 0.0, "service": 0.0, "worker": 0.0, "below": 0.0}
    for one in (pid, *descendants(pid)):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
            name = "engine" if command[0].endswith(b"temporal") else "worker" if b"worker" in command else "below"
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(") ")[2].split()
            times = [int(each) / os.sysconf("SC_CLK_TCK") for each in fields[11:15]]
            spent["service" if one == pid else name] += sum(times[:2])
            spent["below"] += sum(times[2:])
    return spent


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench throughput", description=__doc__)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--waiting", type=int, default=200, help="tasks that wait for the slow model; 0 for none")
    parser.add_argument("--delay", type=float, default=2.0)
    arguments = parser.parse_args()
    print("tasks slots delay seconds a minute  running MB in all  MB each API p99   ready  CPU each")
    if arguments.tasks:
        await measured(arguments.tasks, arguments.slots, 0.0)
    if arguments.waiting:
        await measured(arguments.waiting, 256, arguments.delay)


if __name__ == "__main__":
    asyncio.run(main())
