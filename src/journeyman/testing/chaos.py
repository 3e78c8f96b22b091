"""Kill the service's processes at random while it works, and look whether anybody could tell afterwards.

Each task appends a line to a file in every step. It must come to the very tree that it comes to when nobody kills
anything, its events must be numbered without a hole, and each line must be there once, or the log must say that a
command may have run.
"""

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from journeyman.core import folds
from journeyman.core.events import Event, ToolReturned, ToolStarted
from journeyman.core.model import Reply, call, say
from journeyman.store.store import Store, open_store

TRAIL = "trail.txt"
ENDED = ("done", "failed", "cancelled", "interrupted")
ACTS = ("worker", "serve", "engine", "database")
UP = 60.0
"""Seconds that a process has to come up."""


def script(steps: int, pause: float) -> list[Reply]:
    """`steps` commands that each leave a line, half of it at the beginning and half at the end."""
    lines = [
        call("shell", f"step{at}", command=f"printf 'step {at}' >> {TRAIL}; sleep {pause}; echo ' done' >> {TRAIL}")
        for at in range(steps)
    ]
    return [*lines, say("All steps are done.")]


def lay(folder: Path) -> None:
    """A repository of one file."""
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("one\n")
    who = ("-c", "user.name=chaos", "-c", "user.email=chaos@localhost")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "The beginning")):
        subprocess.run(["git", *who, *words], cwd=folder, check=True)


@dataclass(slots=True)
class Service:
    """`journeyman serve` and some `journeyman worker` beside it, all of one folder."""

    home: Path
    workers: int
    environ: Mapping[str, str]
    settings: Sequence[str] = ()
    address: str = ""
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict[str, asyncio.subprocess.Process])
    heard: list[asyncio.Task[bytes]] = field(default_factory=list[asyncio.Task[bytes]])

    @property
    def names(self) -> list[str]:
        return ["serve", *(f"worker{number}" for number in range(self.workers))]

    async def start(self, name: str) -> None:
        """Start a process and wait until it is of use."""
        port = self.address.rpartition(":")[2] or "0"
        what = ("serve", "--no-auth", "--port", port, "--no-worker") if name == "serve" else ("worker", "--slots", "8")
        with (self.home / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "journeyman.cli.main", *what, *self.settings),
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(self.environ) | {"JOURNEYMAN_HOME": str(self.home)},
            )
        self.processes[name] = process
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), UP)).decode()
        if name == "serve":
            if " serves at " not in line:
                raise RuntimeError(f"The service did not come up: {(self.home / 'serve.log').read_text()[-2000:]}")
            self.address = line.partition(" serves at ")[2].split()[0]
        elif "Working for the engine" not in line:
            raise RuntimeError(f"{name} did not come up: {(self.home / f'{name}.log').read_text()[-2000:]}")
        self.heard.append(asyncio.create_task(process.stdout.read()))

    async def kill(self, name: str) -> None:
        """Kill a process, where it is there, and wait until it is gone."""
        process = self.processes.pop(name, None)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def engine(self) -> int | None:
        """The process of the engine, whoever started it."""
        own = {process.pid for process in self.processes.values()}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                head, _, tail = stat.read_text().rpartition(") ")
                if head.partition("(")[2] == "temporal" and int(tail.split()[1]) in own:
                    return int(stat.parent.name)
        return None


@asynccontextmanager
async def service(
    home: Path, model: str, workers: int, environ: Mapping[str, str], settings: Sequence[str] = (), config: str = ""
) -> AsyncGenerator[Service]:
    """A service whose model answers at the address `model`."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(
        f'model = "box"\nenvironment = "off"\n{config}\n'
        f'[models.box]\nwire = "responses"\nbase_url = "{model}"\nname = "scripted"\n'
    )
    running = Service(home, workers, environ, settings)
    try:
        for name in running.names:
            await running.start(name)
        yield running
    finally:
        for process in running.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in running.processes.values():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 30)
        for name in list(running.processes):
            await running.kill(name)
        for task in running.heard:
            task.cancel()


async def hand_in(running: Service, folder: Path, number: int) -> str:
    """The id of a new task. The same number is the same task, so that it may be asked for until it is answered."""
    body = {"prompt": f"Leave a trail ({number})", "repository": str(folder)}
    while True:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(base_url=running.address, timeout=30) as client:
                answer = await client.post("/api/v1/tasks", json=body, headers={"Idempotency-Key": f"chaos-{number}"})
            if answer.status_code < 500:
                answer.raise_for_status()
                return answer.json()["task"]["id"]
        await asyncio.sleep(0.2)


@dataclass(frozen=True, slots=True)
class Killer:
    """Does one bad thing after the other until the time is over. `cut` ends the connections to the database."""

    running: Service
    chance: random.Random
    cut: Callable[[], object]
    tell: Callable[[str], None]

    async def rage(self, seconds: float, pause: tuple[float, float]) -> Counter[str]:
        """What was done how often."""
        done: Counter[str] = Counter()
        end = time.monotonic() + seconds

        while time.monotonic() < end:
            await asyncio.sleep(self.chance.uniform(*pause))
            what = ACTS[done.total() % len(ACTS)]
            await self.do(what)
            done[what] += 1
        return done

    async def do(self, what: str) -> None:
        """One bad thing: to a "worker", "serve", the "engine" or the "database"."""
        match what:
            case "worker":
                name = f"worker{self.chance.randrange(self.running.workers)}"
                self.tell(f"kill -9 {name}")
                await self.running.kill(name)
                await self.running.start(name)
            case "serve":
                self.tell("kill -9 serve")
                await self.running.kill("serve")
                await self.running.start("serve")
            case "engine":
                pid = self.running.engine()
                self.tell(f"kill -9 the engine ({pid})")
                if pid is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            case _:
                self.tell("cut the database")
                await asyncio.to_thread(self.cut)


def lock_sqlite(home: Path, seconds: float = 2.0) -> None:
    """What comes nearest to a lost connection: nobody else can write for a while."""
    connection = sqlite3.connect(home / "journeyman.sqlite", timeout=30, isolation_level=None)
    try:
        connection.execute("begin immediate")
        time.sleep(seconds)
        connection.execute("rollback")
    finally:
        connection.close()


async def all_ended(store: Store, ids: Sequence[str], patience: float) -> list[str]:
    """Wait until all tasks have ended; those that have not in time."""
    end = time.monotonic() + patience
    async with store.tail.watch() as news:
        while True:
            waiting = [one for one in ids if (await store.task(one)).status not in ENDED]
            if not waiting or time.monotonic() > end:
                return waiting
            await news.wait(1.0)


@dataclass(frozen=True, slots=True)
class Found:
    """What a task came to. `faults` are sentences about what should not be."""

    tree: str | None
    takeovers: int
    again: int
    faults: tuple[str, ...]


async def look_at(store: Store, task_id: str, steps: int) -> Found:
    """Look whether anything was lost, doubled or done twice unnoticed."""
    task = await store.task(task_id)
    [attempt] = await store.attempts(task_id)
    events = await store.events(attempt.id)
    faults = [] if task.status == "done" else [f"it ended as {task.status}: {task.reason}"]
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        faults.append("its events are not numbered without a hole")
    places: list[int] = []
    while more := await store.task_events(task_id, places[-1] if places else 0):
        places += [event.place for event in more]
    if places != list(range(1, len(events) + 1)) or task.seq != len(events):
        faults.append("the task's stream of events has a hole, or one twice")
    faults += _calls(events, steps)
    result = folds.result(events)
    if result is None or result.diff is None:
        return Found(None, 0, 0, (*faults, "it has no result"))
    patch = (await store.blob(result.diff)).decode()
    trail = [line[1:] for line in patch.splitlines() if line.startswith("+step")]
    told = any(isinstance(event, ToolReturned) and "may have run" in event.content for event in events)
    if trail != [f"step {at} done" for at in range(steps)] and not told:
        faults.append(f"its trail is not what it should be, and nothing says why: {trail}")
    again = sum(isinstance(event, ToolStarted) and event.again for event in events)
    return Found(result.tree, sum(event.kind == "resumed" for event in events), again, tuple(faults))


def _calls(events: Sequence[Event], steps: int) -> list[str]:
    """Each call returned once, and none was started twice without a word."""
    returned = Counter(event.call_id for event in events if isinstance(event, ToolReturned))
    started = Counter(event.call_id for event in events if isinstance(event, ToolStarted) and not event.again)
    wanted = {f"step{at}" for at in range(steps)}
    faults = [f"{name} returned {count} times" for name, count in returned.items() if count != 1]
    faults += [f"{name} was started {count} times" for name, count in started.items() if count != 1]
    return faults + ([] if set(returned) == wanted else ["not every step was taken"])


@asynccontextmanager
async def opened(home: Path, url: str | None) -> AsyncGenerator[Store]:
    async with open_store(home, url=url, patience=30.0) as store:
        yield store
