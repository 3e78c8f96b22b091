"""Live streams, over real sockets: nothing lost, nothing twice, whoever is slow or comes back."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from journeyman.core.events import Event, Progressed
from journeyman.core.stream import lines_of
from journeyman.core.task import Attempt, Task
from journeyman.server.auth.gate import SignIn
from journeyman.server.parts import Parts
from journeyman.server.service import create_service
from journeyman.server.streams import Streams
from journeyman.store import Store, open_store, this_process
from journeyman.store.log import AttemptLog
from tests.server.listening import Told, listening, stream, take
from tests.server.worked import Worked, served


@asynccontextmanager
async def serving(home: Path, heartbeat: float = 15.0) -> AsyncGenerator[tuple[str, Store, FastAPI]]:
    async with open_store(home) as store:
        parts = Parts(
            store=store,
            engine=None,  # type: ignore[arg-type]  # nothing is handed in here
            state=home,
            clock=time.time,
            model="scripted",
            heartbeat=heartbeat,
        )
        app = create_service(parts, SignIn(open=True))
        async with listening(app) as address:
            yield address, store, app


@asynccontextmanager
async def at_work(store: Store, task_id: str = "0task") -> AsyncGenerator[AttemptLog]:
    attempt = Attempt(id=f"{task_id}.1.1", task_id=task_id)
    task = Task(id=task_id, prompt="p", mode="code", repository="/r", model="m", created=time.time(), origin="api")
    await store.create(task, [attempt])
    await store.update_task(task_id, status="running")
    async with store.claim(attempt.id, this_process()) as log:
        await log.set_status("running")
        yield log


def lines(first: int, last: int) -> list[Event]:
    return [Progressed(text=f"line {number}") for number in range(first, last + 1)]


def texts(told: list[Told]) -> list[str]:
    return [one.data["event"]["text"] for one in told]


async def test_a_task_is_followed_as_it_goes_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, store, _), at_work(store) as log:
        await log.append(*lines(1, 2))
        async with stream(address, "/tasks/0task/events") as events:
            [view] = await take(events, "task")
            assert view.data["task"]["status"] == "running"
            assert texts(await take(events, "event", 2)) == ["line 1", "line 2"]
            await log.append(*lines(3, 3))
            [third] = await take(events, "event")
            assert (third.id, third.data["place"], third.data["attempt"]) == ("3", 3, "0task.1.1")
            await store.update_task("0task", title="A new name")
            [view] = await take(events, "task")
            assert view.data["task"]["title"] == "A new name"


async def test_who_comes_back_goes_on_where_they_were(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, store, _), at_work(store) as log:
        await log.append(*lines(1, 5))
        async with stream(address, "/tasks/0task/events", last=3) as events:
            assert texts(await take(events, "event", 2)) == ["line 4", "line 5"]
        await log.append(*lines(6, 7))
        async with stream(address, "/tasks/0task/events", after=5) as events:
            assert texts(await take(events, "event", 2)) == ["line 6", "line 7"]


async def test_a_slow_reader_gets_everything_and_holds_nobody_up(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as (address, store, _),
        at_work(store) as log,
        stream(address, "/tasks/0task/events") as slow,
        stream(address, "/tasks/0task/events") as quick,
    ):
        long = "x" * 2000
        for first in range(1, 1501, 100):
            await log.append(*(Progressed(text=f"{number} {long}") for number in range(first, first + 100)))
        for events in (quick, slow):  # the slow one has read nothing all the while
            told = await take(events, "event", 1500)
            assert [one.id for one in told] == [str(number) for number in range(1, 1501)]


async def test_a_silent_stream_says_that_it_lives(tmp_path: Path) -> None:
    async with serving(tmp_path, heartbeat=0.05) as (address, store, _), at_work(store):
        for path in ("/tasks/0task/events", "/events"):
            async with stream(address, path) as events:
                await take(events, "", 3)


async def test_a_task_that_is_deleted_ends_its_stream(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, store, _):
        async with at_work(store):
            pass
        await store.update_task("0task", status="failed")
        async with stream(address, "/tasks/0task/events") as events:
            await take(events, "task")
            await store.delete("0task")
            assert (await take(events, "gone"))[0].data == {"id": "0task"}
            async with asyncio.timeout(120):
                assert [told async for told in events] == []


async def test_the_list_is_followed_from_the_moment_that_it_is_ready(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, store, _), stream(address, "/events") as events:
        await take(events, "ready")
        async with at_work(store, "0one") as log:
            [new, *_] = await take(events, "task")
            assert new.data["id"] == "0one"
            await log.append(Progressed(text="Looking around"))
            async with asyncio.timeout(120):
                while (await take(events, "task"))[0].data["summary"]["line"] != "Looking around":
                    pass
        await store.update_task("0one", status="failed", reason="It broke.")
        async with asyncio.timeout(120):
            while (told := (await take(events, "task"))[0].data)["status"] != "failed":
                pass
        assert (told["reason"], told["needs"]) == ("It broke.", "retry")
        await store.delete("0one")
        assert (await take(events, "gone"))[0].data == {"id": "0one"}


async def test_what_changed_while_nobody_listened_is_told_later(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, store, _):
        async with stream(address, "/events") as events:
            [ready] = await take(events, "ready")
        async with (
            at_work(store, "0one"),
            at_work(store, "0two"),
            stream(address, "/events", last=ready.id) as events,
        ):
            told = await take(events, "task", 2)
            assert {one.data["id"] for one in told} == {"0one", "0two"}


async def test_streams_end_when_the_server_is_to_end(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, store, app), at_work(store) as log:
        streams: Streams = app.state.streams
        async with stream(address, "/tasks/0task/events") as task, stream(address, "/events") as listed:
            await take(task, "task")
            await take(listed, "ready")
            await streams.close()
            await log.append(*lines(1, 1))
            async with asyncio.timeout(120):
                [told async for told in task]
                [told async for told in listed]


async def test_the_public_vocabulary_is_the_same_as_that_of_a_terminal(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path):
        pass
    async with serving(tmp_path / "home") as (address, store, _):
        wanted = {
            attempt.id: lines_of(worked.task, await store.events(attempt.id))
            for attempt in await store.attempts(worked.task)
        }
        path = f"/tasks/{worked.task}/events"
        async with stream(address, path, form="lines") as events:
            told = [(await take(events, "lines"))[0]]
            while sum(line["type"] == "turn.completed" for one in told for line in one.data["lines"]) < 2:
                told += await take(events, "lines")
        found: dict[str, list[Any]] = {id: [] for id in wanted}
        for one in told:
            found[one.data["attempt"]] += one.data["lines"]
        assert found == wanted
        async with stream(address, path, last=told[5].id, form="lines") as events:
            assert await take(events, "lines", len(told) - 6) == told[6:]
