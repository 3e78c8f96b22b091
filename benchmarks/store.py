"""What the store costs, on SQLite and on PostgreSQL, beside the bare database.

    scripts/bench store [--tasks 100000] [--events 50000] [--only sqlite|postgresql]

append      one event of a kilobyte, fenced and summed up, until it is kept; the floor is one INSERT and a commit
list        the first page of all tasks, of one person's, of a search; the floor is reading 50 rows along the index
open        a task's events, read and decoded; the floor is reading the rows
tail        from an append until 100 followers have the event, in the same process and in another one
"""

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert

from journeyman.core.events import Progressed
from journeyman.store import Filter, Store, Viewer, open_store, schema, this_process
from journeyman.store.rows import attempt_row, task_row
from journeyman.testing.postgres import postgres_server
from journeyman.testing.store import a_task, an_attempt

TEXT = "x" * 1000
PERSONS = 50


@asynccontextmanager
async def opened(home: Path, url: str | None) -> AsyncGenerator[Store]:
    async with open_store(home, url=url) as store:
        yield store


def told(name: str, values: list[float], floor: list[float], note: str = "") -> None:
    """A line of milliseconds: the median, the slowest of a hundred, and the floor's median."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    bare = f"{statistics.median(floor) * 1000:8.2f}" if floor else "       -"
    print(f"  {name:38} {statistics.median(values) * 1000:8.2f} {p99 * 1000:8.2f} {bare}  {note}")


async def timed(job: Callable[[], Any], times: int) -> list[float]:
    found: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        await job()
        found.append(time.perf_counter() - begun)
    return found


def bare_times(job: Callable[[int], Any], times: int) -> list[float]:
    found: list[float] = []
    for number in range(times):
        begun = time.perf_counter()
        job(number)
        found.append(time.perf_counter() - begun)
    return found


class Bare:
    """The database by its driver alone."""

    def __init__(self, home: Path, url: str | None) -> None:
        self._mark = "?" if url is None else "%s"
        if url is None:
            self.connection: Any = sqlite3.connect(home / "journeyman.sqlite", isolation_level=None, timeout=30)
            self.connection.execute("pragma synchronous = normal")
            self.connection.execute("create table if not exists bare (id integer primary key, body text)")
        else:
            self.connection = psycopg.connect(url, autocommit=True)
            self.connection.execute("create table if not exists bare (id serial primary key, body text)")

    def append(self, number: int) -> None:
        self.connection.execute(f"insert into bare (body) values ({self._mark})", (TEXT,))

    def page(self, number: int) -> None:
        self.connection.execute("select * from task order by updated desc, id desc limit 50").fetchall()

    def events(self, number: int) -> None:
        query = f"select body from event where task_id = {self._mark} order by place"
        self.connection.execute(query, ("0long",)).fetchall()


async def appends(home: Path, url: str | None, bare: Bare) -> None:
    async with opened(home, url) as store:
        await store.create(a_task("0append"), [an_attempt(task_id="0append")])
        async with store.claim("0append.1.1", this_process()) as log:
            await timed(lambda: log.append(Progressed(text=TEXT)), 100)
            worked = time.process_time()
            values = await timed(lambda: log.append(Progressed(text=TEXT)), 1000)
            worked = (time.process_time() - worked) / 1000
            floor = bare_times(bare.append, 1000)
            told("append", values, floor, f"{worked * 1000:.2f} ms of processor time each")
        many = [an_attempt(number, "0many") for number in range(1, 17)]
        await store.create(a_task("0many", attempts=16), many)

        async def work(number: int) -> None:
            async with store.claim(f"0many.1.{number}", this_process()) as log:
                for _ in range(60):
                    await log.append(Progressed(text=TEXT))

        begun = time.perf_counter()
        await asyncio.gather(*(work(number) for number in range(1, 17)))
        each = (time.perf_counter() - begun) / (16 * 60)
        print(f"  {'16 logs of a task at once':38} {1 / each:8.0f} appends a second")


async def lists(home: Path, url: str | None, bare: Bare, tasks: int) -> None:
    async with opened(home, url) as store:
        for start in range(0, tasks, 5000):
            ids = range(start, min(start + 5000, tasks))
            prompts = ("fix the parser of dates", "rename a column", "write the docs of the client")
            rows = [
                task_row(
                    a_task(f"0t{number:08}", created=float(number)).model_copy(
                        update={
                            "owner": f"p{number % PERSONS}",
                            "group": f"g{number % 7}",
                            "prompt": f"{prompts[number % 3]} number {number}, please; " + "as we said " * 20,
                            "status": "done",
                            "seq": 10,
                        }
                    )
                )
                for number in ids
            ]
            attempts = [attempt_row(an_attempt(task_id=row["id"])) for row in rows]

            def fill(connection: Any, rows: Any = rows, attempts: Any = attempts) -> None:
                connection.execute(insert(schema.task), rows)
                connection.execute(insert(schema.attempt), attempts)

            await store._database.write(fill)
        bare.connection.execute("analyze")
        floor = bare_times(bare.page, 100)
        rare = Filter(text=f"number {tasks // 2},")
        for name, which, person, times in (
            ("all", None, None, 100),
            ("all, with what was read", None, "p1", 100),
            ("one person and their 2 groups", Filter(viewer=Viewer("p1", ("g1", "g2"))), "p1", 100),
            ("one person, nothing done", Filter(viewer=Viewer("p1"), status=("failed",)), "p1", 30),
            ("unread", Filter(unread_by="p1"), "p1", 100),
            ("search, many found", Filter(text="rename column"), None, 100),
            ("search, one found", rare, None, 10),
        ):
            values = await timed(lambda which=which, person=person: store.lines.page(which, person=person), times)
            told(f"first page of {tasks}: {name}", values, floor)
        page = await store.lines.page()
        for _ in range(20):
            page = await store.lines.page(cursor=page.next)
        told("the 20th page", await timed(lambda: store.lines.page(cursor=page.next), 50), floor)


async def opening(home: Path, url: str | None, bare: Bare, events: int) -> None:
    async with opened(home, url) as store:
        await store.create(a_task("0long"), [an_attempt(task_id="0long")])
        async with store.claim("0long.1.1", this_process()) as log:
            for _ in range(0, events, 1000):
                await log.append(*(Progressed(text=TEXT[:300]) for _ in range(1000)))
        floor = bare_times(bare.events, 5)
        told(f"first 500 of {events} events", await timed(lambda: store.task_events("0long"), 20), [])
        end = events - 500
        told(f"last 500 of {events} events", await timed(lambda: store.task_events("0long", after=end), 20), [])
        told(f"all {events} events", await timed(lambda: store.task_events("0long", limit=events), 5), floor)


async def followed(store: Store, reader: Store, task_id: str) -> list[float]:
    """Seconds from an append by `store` until a follower of `reader` has it, for 50 events and 100 followers."""
    late: list[float] = []
    sent: list[float] = []

    async def follow() -> None:
        async with reader.tail.follow(task_id) as following:
            async for event in following:
                late.append(time.perf_counter() - sent[event.place - 1])
                if event.place == 50:
                    return

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(follow())
        async with store.claim(f"{task_id}.1.1", this_process()) as log:
            for _ in range(50):
                await asyncio.sleep(0.05)
                sent.append(time.perf_counter())
                await log.append(Progressed(text=TEXT))
    return late


async def tails(home: Path, url: str | None) -> None:
    async with opened(home, url) as store, opened(home, url) as other:
        for name, reader in (("the same process", store), ("another store", other)):
            task_id = f"0tail{name[0]}"
            await store.create(a_task(task_id), [an_attempt(task_id=task_id)])
            late = await followed(store, reader, task_id)
            told(f"event to 100 tails, {name}", late, [])


async def main(tasks: int, events: int, only: str | None) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-store-") as folder, postgres_server(fsync=True) as server:
        for name, url in (("sqlite", None), ("postgresql", server.emptied())):
            if only in (None, name):
                home = Path(folder) / name
                async with opened(home, url):
                    pass
                bare = Bare(home, url)
                print(f"{name:40} {'median':>8} {'p99':>8} {'floor':>8}  (milliseconds)")
                await appends(home, url, bare)
                await tails(home, url)
                await opening(home, url, bare, events)
                await lists(home, url, bare, tasks)
                bare.connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.tasks, given.events, given.only)))
