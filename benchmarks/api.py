"""What the API costs, over real sockets, beside a floor for each figure.

event to 100 streams     from the append in the server's process to the line in each reader; the floor is a bare
                         server that writes the same bytes to 100 connections
first page               of 100,000 tasks; the floor is the same rows read by sqlite3
a task of 50,000 events  opened: the task, its attempt, the newest part of its work log; the floor is the same rows
under load               requests while 200 tasks append, each as one that waits two seconds for each reply; the
                         floor are the same requests while nothing else happens
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.events import CommandEnded, Event, Progressed, Replied, ToolReturned, ToolStarted
from journeyman.core.model import call
from journeyman.core.task import Attempt, Task
from journeyman.core.usage import Usage
from journeyman.store import Store, open_store, this_process

STREAMS = 100


@dataclass(frozen=True, slots=True)
class Size:
    tasks: int = 100_000
    events: int = 50_000
    told: int = 200
    asked: int = 60
    running: int = 200
    seconds: float = 10.0

    @classmethod
    def quick(cls) -> "Size":
        return cls(tasks=5_000, events=5_000, told=40, asked=20, running=50, seconds=3.0)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in milliseconds; `bar` is what it may be at most."""

    name: str
    value: float
    floor: float
    bar: float | None = None


# ---------------------------------------------------------------- what there is to ask for


def step(number: int) -> Sequence[Event]:
    """What a step of an attempt leaves in the log."""
    name = f"c{number}"
    reply = call("exec_command", name, cmd="pytest -q tests/test_orders.py")
    used = Usage(input_tokens=9000 + number, output_tokens=80, cost=0.01)
    ended = CommandEnded(
        command="pytest -q", exit_code=0, chunk=f"{number % 0xFFFFFF:06x}", seconds=0.4, output="." * 400 + " [100%]\n"
    )
    return (
        Replied(reply=reply.model_copy(update={"usage": used}), seconds=2.0),
        ToolStarted(call_id=name, name="exec_command", summary="pytest -q tests/test_orders.py"),
        ToolReturned(call_id=name, name="exec_command", content="." * 400 + " [100%]\n", detail=ended),
    )


async def fill(home: Path, size: Size) -> None:
    async with open_store(home) as store:
        await add_task(store, "0long")
        async with store.claim("0long.1.1", this_process()) as log:
            await log.set_status("running")
            for number in range(1, size.events // 3 + 1, 200):
                await log.append(*(event for each in range(200) for event in step(number + each)))
            await log.set_status("done", "verified")
        await store.update_task("0long", status="done", chosen="0long.1.1")
        await add_task(store, "0told")
        for number in range(size.running):
            await add_task(store, f"0busy{number:04}")
    copies(home / "journeyman.sqlite", size.tasks)


async def add_task(store: Store, task_id: str) -> None:
    task = Task(
        id=task_id, prompt=f"Do {task_id}", mode="code", repository="/r", model="m", created=time.time(), origin="api"
    )
    await store.create(task, [Attempt(id=f"{task_id}.1.1", task_id=task_id)])


def copies(database: Path, count: int) -> None:
    """Many tasks like the long one, with an attempt each."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for table, key in (("task", "id"), ("attempt", "id")):
            names = [row[1] for row in connection.execute(f'pragma table_info("{table}")')]
            found = connection.execute(f"select * from {table} where {key} like '0long%'").fetchone()
            row = dict(zip(names, found, strict=True))
            marks = ", ".join("?" for _ in names)
            quoted = ", ".join(f'"{name}"' for name in names)
            rows = (list(row.values()) for row in (changed(table, row, number) for number in range(count)))
            connection.executemany(f"insert into {table} ({quoted}) values ({marks})", rows)


def changed(table: str, row: dict[str, object], number: int) -> dict[str, object]:
    name = f"1{number:09}"
    if table == "attempt":
        return row | {"id": f"{name}.1.1", "task_id": name}
    age = 1_700_000_000.0 + number
    return row | {"id": name, "created": age, "updated": age, "title": f"Task {number}", "key": None, "seq": 10}


# ---------------------------------------------------------------- the server, in a process of its own


async def serve(home: Path) -> None:
    """The application, and, told so on stdin, what appends beside it."""
    import uvicorn

    from journeyman.server.auth.gate import Rates, SignIn
    from journeyman.server.auth.limits import Limiter
    from journeyman.server.parts import Parts
    from journeyman.server.service import create_service

    async with open_store(home) as store:
        parts = Parts(store=store, engine=None, state=home, clock=time.time, model="m")  # type: ignore[arg-type]
        endless = Limiter(1e12, 1e12)
        app = create_service(parts, SignIn(open=True), Rates(requests=endless, strangers=endless))
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as asyncio does for sockets of its own
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        print(listener.getsockname()[1], flush=True)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        work: asyncio.Task[None] | None = None
        while line := (await reader.readline()).decode().split():
            if work is not None:
                work.cancel()
                await asyncio.wait([work])
            if line[0] == "tell":
                work = asyncio.create_task(tell(store, int(line[1])))
            print("ok", flush=True)
        if work is not None:
            work.cancel()
            await asyncio.wait([work])
        server.should_exit = True
        await serving


async def tell(store: Store, count: int) -> None:
    async with store.claim("0told.1.1", this_process()) as log:
        for number in range(count):
            await log.append(Progressed(text=f"line {number}"))
            await asyncio.sleep(0.05)


async def busy(home: Path, count: int) -> None:
    """What a worker has to store, in a process of its own as beside `serve`."""
    async with open_store(home) as store, asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one_busy(store, f"0busy{number:04}", number / count))


async def one_busy(store: Store, task_id: str, begin: float) -> None:
    """A task whose model takes two seconds for each reply."""
    await asyncio.sleep(2 * begin)
    async with store.claim(f"{task_id}.1.1", this_process()) as log:
        await log.set_status("running")
        await store.update_task(task_id, status="running")
        for number in range(10_000):
            for event in step(number):
                await log.append(event)
            await asyncio.sleep(2)


@asynccontextmanager
async def serving(home: Path) -> AsyncGenerator[tuple[int, Callable[..., Awaitable[None]], int]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--serve", str(home)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdin is not None and process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    async def say(*words: object) -> None:
        stdin.write((" ".join(map(str, words)) + "\n").encode())
        await stdout.readline()

    try:
        yield int(await stdout.readline()), say, process.pid
    finally:
        stdin.close()
        await process.wait()


@asynccontextmanager
async def working(home: Path, count: int) -> AsyncGenerator[None]:
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, "--busy", str(home), str(count))
    try:
        await asyncio.sleep(4)
        yield
    finally:
        process.terminate()
        await process.wait()


# ---------------------------------------------------------------- asking


async def follow(port: int, path: str, begun: asyncio.Semaphore, told: list[float], count: int) -> None:
    """Read a stream until `count` events came; `told` gets for each how many milliseconds it was under way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    begun.release()
    seen = 0
    while seen < count:
        line = await reader.readline()
        if line.startswith(b'data: {"place"'):
            now = time.time()
            event = json.loads(line[6:])
            told.append((now - event["event"]["at"]) * 1000)
            seen += 1
    writer.close()


async def streams(port: int, path: str, count: int, begin: Callable[[], Awaitable[None]]) -> list[float]:
    told: list[float] = []
    begun = asyncio.Semaphore(0)
    readers = [asyncio.create_task(follow(port, path, begun, told, count)) for _ in range(STREAMS)]
    for _ in readers:
        await begun.acquire()
    await asyncio.sleep(1.0)
    await begin()
    await asyncio.gather(*readers)
    return told


async def bare_streams(count: int) -> list[float]:
    """The floor: the same bytes to as many connections, from a server that does nothing else."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writers.append(writer)

    async def begin() -> None:
        async def write() -> None:
            for place in range(count):
                event = {"place": place, "attempt": "0told.1.1", "event": {"at": time.time(), "text": "line"}}
                line = b"event: event\ndata: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"
                for writer in writers:
                    writer.write(line)
                await asyncio.sleep(0.05)

        running.append(asyncio.create_task(write()))

    running: list[asyncio.Task[None]] = []
    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    told = await streams(server.sockets[0].getsockname()[1], "/", count, begin)
    server.close()
    return told


class Asking:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> float:
        """Milliseconds from the request to the whole answer."""
        if self._pair is None:
            self._pair = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._pair
        began = time.perf_counter()
        writer.write(f"GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(f"{path}: {head[:200]!r}")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        return (time.perf_counter() - began) * 1000


async def repeated(asking: Asking, paths: Sequence[str], times: int) -> list[float]:
    """Milliseconds for all of `paths`, one after the other."""
    await asking.get(paths[0])
    return [sum([await asking.get(path) for path in paths]) for _ in range(times)]


async def mixed(port: int, seconds: float) -> list[float]:
    """Requests as of people who look at lists and pages, ten at a time."""
    paths = ("/tasks", "/tasks/counts", "/tasks/0busy0001", "/tasks/0long/attempts/1/work", "/tasks?status=running")
    told: list[float] = []
    until = time.monotonic() + seconds

    async def person(number: int) -> None:
        asking = Asking(port)
        at = number
        while time.monotonic() < until:
            told.append(await asking.get(paths[at % len(paths)]))
            at += 1
            await asyncio.sleep(0.2)

    await asyncio.gather(*(person(number) for number in range(10)))
    return told


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def processor(pid: int) -> float:
    """Milliseconds that a process was at work so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") * 1000


def sql(home: Path, statement: str, times: int) -> float:
    """Milliseconds, at the median, of a bare query."""
    with contextlib.closing(sqlite3.connect(home / "journeyman.sqlite")) as connection:
        taken: list[float] = []
        for _ in range(times):
            began = time.perf_counter()
            connection.execute(statement).fetchall()
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


async def measure(size: Size) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="journeyman-api-") as folder:
        home = Path(folder)
        await fill(home, size)
        async with serving(home) as (port, say, pid):
            asking = Asking(port)
            await repeated(asking, ["/tasks?limit=50"], 5)
            before = processor(pid)
            page = await repeated(asking, ["/tasks?limit=50"], size.asked)
            spent = (processor(pid) - before) / (size.asked + 1)
            found = await repeated(asking, ["/tasks?search=nowhere"], size.asked)
            opened = ["/tasks/0long", "/tasks/0long/attempts/chosen", "/tasks/0long/attempts/chosen/work"]
            opening = await repeated(asking, opened, size.asked)
            idle = await mixed(port, size.seconds)
            path = "/api/v1/tasks/0told/events"
            told = await streams(port, path, size.told, lambda: say("tell", size.told))
            async with working(home, size.running):
                loaded = await mixed(port, size.seconds)
        bare = await bare_streams(size.told)
        rows_of_page = sql(home, "select * from task order by updated desc, id desc limit 51", size.asked)
        rows_of_search = sql(home, "select id from task where words like '%nowhere%'", size.asked)
        newest = "select body from event where attempt_id = '0long.1.1' order by seq desc limit 200"
        rows_of_task = sql(home, newest, size.asked)
    median = statistics.median
    return [
        Row("event to 100 streams, median", median(told), median(bare), 100),
        Row("event to 100 streams, 99 %", percentile(told, 0.99), percentile(bare, 0.99)),
        Row(f"first page of {size.tasks:,} tasks, median", median(page), rows_of_page, 50),
        Row("  of that, processor time of the server, mean", spent, rows_of_page),
        Row(f"a word that none of {size.tasks:,} tasks has, median", median(found), rows_of_search),
        Row(f"a task of {size.events:,} events opens, median", median(opening), rows_of_task, 300),
        Row(f"a request while {size.running} tasks run, median", median(loaded), median(idle)),
        Row(f"a request while {size.running} tasks run, 99 %", percentile(loaded, 0.99), percentile(idle, 0.99), 100),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--busy", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.busy is not None:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(busy(Path(options.busy[0]), int(options.busy[1])))
        return
    if options.serve is not None:
        asyncio.run(serve(options.serve))
        return
    rows = asyncio.run(measure(Size.quick() if options.quick else Size()))
    if options.json:
        print(json.dumps([{"name": row.name, "ms": row.value, "floor": row.floor, "bar": row.bar} for row in rows]))
        return
    print(f"{'':52}{'ms':>9}{'floor':>9}{'bar':>7}")
    for row in rows:
        bar = f"{row.bar:g}" if row.bar is not None else ""
        over = "  over" if row.bar is not None and row.value > row.bar else ""
        print(f"{row.name:52}{row.value:9.2f}{row.floor:9.2f}{bar:>7}{over}")


if __name__ == "__main__":
    main()
