"""What PostgreSQL can do to the store: connections that end, commits of which nobody knows, servers that crash."""

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Literal

import pytest

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import Event, Progressed
from journeyman.core.task import Message, Turn, TurnRequest
from journeyman.store import Store, open_store, this_process
from journeyman.testing.postgres import PostgresServer
from journeyman.testing.store import a_task, an_attempt
from tests.store.postgres_wire import wire

LONG = 30.0


def at(home: Path, url: str, patience: float = LONG) -> AbstractAsyncContextManager[Store]:
    return open_store(home, url=url, patience=patience)


def texts(events: Sequence[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Progressed)]


async def test_no_event_is_lost_or_doubled_while_connections_are_cut(tmp_path: Path, postgres: PostgresServer) -> None:
    chance = random.Random(4)
    heard: list[str] = []
    url = postgres.emptied()
    async with at(tmp_path, url) as store, at(tmp_path, url) as reader:
        await store.create(a_task(attempts=3), [an_attempt(number) for number in (1, 2, 3)])

        async def work(number: int) -> list[str]:
            async with store.claim(f"0task.1.{number}", this_process()) as log:
                for step in range(25):
                    await log.append(Progressed(text=f"{number}.{step}"), Progressed(text="and"))
                    output = log.chunk()
                    output.write(f"{number}.{step}".encode())
                    await output.close()
                await log.set_status("done")
                return texts(log.events)

        async def read() -> None:
            async with reader.tail.follow("0task") as following:
                async for found in following:
                    heard.extend(texts([found.event]))
                    if len(heard) == 150:
                        return

        async def cut() -> int:
            ended = 0
            while not all(task.done() for task in (*working, reading)):
                await asyncio.sleep(chance.random() * 0.1)
                ended += await asyncio.to_thread(postgres.cut)
            return ended

        async with asyncio.timeout(2 * LONG), asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            working = [group.create_task(work(number)) for number in (1, 2, 3)]
            cutting = group.create_task(cut())
        assert cutting.result() > 0
        for number, done in enumerate(working, 1):
            expected = [text for step in range(25) for text in (f"{number}.{step}", "and")]
            assert done.result() == expected == texts(await store.events(f"0task.1.{number}"))
            assert len(await store.chunks(f"0task.1.{number}")) == 25
        assert heard == texts([found.event for found in await store.task_events("0task")])
        assert [attempt.status for attempt in await store.attempts("0task")] == ["done"] * 3


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_commit_in_doubt_is_settled(
    tmp_path: Path, postgres: PostgresServer, where: Literal["before", "after"]
) -> None:
    url = postgres.emptied()
    async with (
        wire(postgres.folder) as between,
        at(tmp_path, url.replace(str(postgres.folder), str(between.folder))) as store,
    ):
        between.cut = where
        await store.create(a_task(), [an_attempt()])
        between.cut = where
        async with store.claim("0task.1.1", this_process()) as log:
            assert log.epoch == 1
            for number in range(3):
                between.cut = where
                await log.append(Progressed(text=f"{number}"), Progressed(text="and"))
            between.cut = where
            output = log.chunk()
            output.write(b"output")
            await output.close()
        between.cut = where
        message = await store.messages.add(Message(task_id="0task", kind="steer", text="more"))
        between.cut = where
        request = TurnRequest(prompt="more", repository="/repo")
        turn = await store.turns.add(Turn(task_id="0task", request=request))
        assert between.cuts == 8
        assert texts(await store.events("0task.1.1")) == ["0", "and", "1", "and", "2", "and"] == texts(log.events)
        assert [event.place for event in await store.task_events("0task")] == [1, 2, 3, 4, 5, 6]
        assert await store.messages.after("0task") == [message]
        assert [one.number for one in await store.turns.all("0task")] == [turn.number] == [2]
        assert await store.chunk("0task.1.1", output.id) == b"output"


async def test_work_goes_on_after_a_crash_of_the_server(tmp_path: Path, postgres: PostgresServer) -> None:
    async with at(tmp_path, postgres.emptied()) as store:
        await store.create(a_task(), [an_attempt()])
        async with store.claim("0task.1.1", this_process()) as log:
            for number in range(20):
                if number == 10:
                    ((pid,),) = postgres.run("select pid from pg_stat_activity where query like '%COMMIT%' limit 1")
                    os.kill(int(str(pid)), signal.SIGKILL)  # for PostgreSQL this is a crash: all start anew
                await log.append(Progressed(text=f"{number}"))
        assert texts(await store.events("0task.1.1")) == [f"{number}" for number in range(20)]


async def test_what_cannot_be_reached_is_named_without_its_password(tmp_path: Path, postgres: PostgresServer) -> None:
    gone = f"postgresql://me:hush@/none?host={tmp_path}"
    with pytest.raises(
        StoreError, match=r"postgresql://me:\*\*\*@/none.* cannot be reached .*All that was recorded"
    ) as told:
        async with at(tmp_path, gone, patience=0.1):
            pass
    assert "hush" not in str(told.value)
    with pytest.raises(StoreError, match=r'does not let us in.*database "none" does not exist'):
        async with at(tmp_path, postgres.url("none"), patience=60):
            pass
    for wrong in ("mysql://me:hush@there/x", "hush", "postgresql://:hush@[::"):
        with pytest.raises(UsageError, match=r"form postgresql://user:password@host/database\.") as usage:
            async with at(tmp_path, wrong):
                pass
        assert "hush" not in str(usage.value)


async def test_a_process_that_is_stopped_holds_no_row_for_ever(tmp_path: Path, postgres: PostgresServer) -> None:
    import psycopg

    url = postgres.emptied()
    async with at(tmp_path, url, patience=0.2) as store:
        await store.create(a_task(), [an_attempt()])
        async with store.claim("0task.1.1", this_process()) as log:
            with psycopg.connect(url) as other:
                other.execute("select * from attempt for update")
                with pytest.raises(StoreError, match=r"is locked by another program\. All that was recorded"):
                    await log.append(Progressed(text="waits"))
            await log.append(Progressed(text="goes on"))
            assert texts(await store.events("0task.1.1")) == ["goes on"]
