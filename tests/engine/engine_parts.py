"""Tasks for the engine, and workers that only say that they did them."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from journeyman.core.errors import JourneymanError
from journeyman.core.events import Finished, Progressed
from journeyman.core.evidence import Result
from journeyman.core.people import Offer
from journeyman.core.task import Task, TurnRequest
from journeyman.engine.activities import Run
from journeyman.engine.engine import Engine, open_engine
from journeyman.engine.orders import Ended
from journeyman.engine.server import server
from journeyman.engine.submission import Sender, submit
from journeyman.engine.worker import Duties, worker
from journeyman.store import Store, open_store, this_process

MACHINE = "here"


def an_offer(worker: str = "one", *, machine: str = MACHINE, slots: int = 20, **more: object) -> Offer:
    facts = {"host": "box", "version": "1", "backends": ("bubblewrap",), "cores": 2, "memory_bytes": 8 << 30}
    return Offer.model_validate({"worker": worker, "machine": machine, "slots": slots, **facts, **more})


@asynccontextmanager
async def an_engine(home: Path, heartbeat: float = 10.0) -> AsyncGenerator[Engine]:
    async with server(home) as where, open_engine(where, MACHINE, heartbeat=heartbeat) as engine:
        yield engine


def working(
    engine: Engine, store: Store, run: Run, offer: Offer | None = None, duties: Duties | None = None
) -> contextlib.AbstractAsyncContextManager[object]:
    return worker(engine, store, run, offer or an_offer(), duties, grace=10.0)


async def hand_in(
    store: Store,
    engine: Engine,
    prompt: str = "fix it",
    *,
    sender: Sender | None = None,
    priority: int = 3,
    **request: object,
) -> Task:
    asked = TurnRequest.model_validate({"prompt": prompt, "repository": "/repo", **request})
    return await submit(store, engine, asked, sender or Sender(), clock=time.time, priority=priority)


async def finished(engine: Engine, task_id: str) -> tuple[Ended, ...]:
    """Wait for the end of a task, though the engine may be away for a while."""
    while True:
        with contextlib.suppress(JourneymanError):
            return await engine.ended(task_id)
        await asyncio.sleep(0.1)


def doing(store: Store, work: Callable[[str], Awaitable[None]] | None = None) -> Run:
    """Does `work` for an attempt, then says that its result is verified."""

    async def run(attempt_id: str, drain: asyncio.Event) -> str:
        async with store.claim(attempt_id, this_process()) as log:
            await log.set_status("running")
            if work is not None:
                await work(attempt_id)
            await log.append(Progressed(text="did it"), Finished(result=Result(verdict="verified", summary="Done.")))
            await log.set_status("done", "verified")
        return "verified"

    return run


@asynccontextmanager
async def a_store(home: Path) -> AsyncGenerator[Store]:
    async with open_store(home) as store:
        yield store


async def until(store: Store, task_id: str, holds: Callable[[Task], bool]) -> Task:
    """Wait until something is true of a task."""
    async with store.tail.watch(task_id) as news:
        while not holds(task := await store.task(task_id)):
            await news.wait()
        return task


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


def listening(pid: int) -> list[IPv4Address | IPv6Address]:
    """The addresses on which a process takes connections."""
    own = {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink()}
    found: list[IPv4Address | IPv6Address] = []
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in own:
                address = bytes.fromhex(words[1].partition(":")[0])
                words32 = [address[at : at + 4][::-1] for at in range(0, len(address), 4)]
                found.append(ip_address(b"".join(words32)))
    return found
