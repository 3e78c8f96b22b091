import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import pytest

from journeyman.core.errors import UsageError
from journeyman.core.events import Progressed, Resumed
from journeyman.core.ids import Clock
from journeyman.core.task import Attempt, Status, Task
from journeyman.store import this_process
from journeyman.store.lines import Tally, Viewer
from journeyman.store.store import Store, open_store


class Opening(Protocol):
    """Opens a store that was empty."""

    def __call__(self, clock: Clock = time.time) -> AbstractAsyncContextManager[Store]: ...


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Opening:
    url = request.getfixturevalue("postgres").emptied() if request.param == "postgres" else None
    return lambda clock=time.time: open_store(tmp_path, url=url, clock=clock)


async def with_task(store: Store, task_id: str) -> str:
    task = Task(id=task_id, prompt="p", mode="code", repository="/r", model="m", created=1.0)
    attempt = Attempt(id=f"{task_id}.1.1", task_id=task_id)
    await store.create(task, [attempt])
    return attempt.id


async def test_a_log_is_read_in_parts(opening: Opening) -> None:
    async with opening() as store:
        attempt = await with_task(store, "0task")
        async with store.claim(attempt, this_process()) as log:
            await log.append(*(Progressed(text=f"line {number}") for number in range(1, 8)), Resumed(holder="h"))
        pages = store.pages
        assert [event.seq for event in await pages.after(attempt, 2, 3)] == [3, 4, 5]
        assert [event.seq for event in await pages.before(attempt, 5, 2)] == [3, 4]
        assert [event.seq for event in await pages.of_kinds(attempt, ("progressed",), newest=2)] == [6, 7]
        assert [event.seq for event in await pages.of_kinds(attempt, ("progressed",), holding='"line 3"')] == [3]
        assert [event.seq for event in await pages.of_kinds(attempt, ("progressed", "resumed"), after=6)] == [7, 8]
        assert await pages.count(attempt, "progressed", 5) == 4
        raw = await pages.raw("0task", 6, 10)
        assert [(one.place, one.attempt_id) for one in raw] == [(7, attempt), (8, attempt)]
        assert '"line 7"' in raw[0].body
        assert [one.place for one in await pages.raw("0task", 0, 10, kinds=("resumed",))] == [8]


async def test_a_task_is_found_by_the_beginning_of_its_id(opening: Opening) -> None:
    async with opening() as store:
        for task_id in ("0aa1", "0aa2", "0aa"):
            await with_task(store, task_id)
        assert [task.id for task in await store.pages.beginning("0AA1")] == ["0aa1"]
        assert [task.id for task in await store.pages.beginning("0")] == ["0aa", "0aa1", "0aa2"]
        assert [task.id for task in await store.pages.beginning("0aa")] == ["0aa"]
        assert await store.pages.beginning("1") == []


async def test_when_output_came_is_kept_with_it(opening: Opening) -> None:
    now = [10.0]
    async with opening(lambda: now[0]) as store:
        attempt = await with_task(store, "0task")
        async with store.claim(attempt, this_process()) as log:
            chunk = log.chunk()
            for at, data in ((10.5, b"one\n"), (10.51, b"more\n"), (12.0, b"two\n")):
                now[0] = at
                chunk.write(data)
            await chunk.close()
        row = await store.pages.chunk(attempt, chunk.id)
        assert (row.at, row.pieces, row.size) == (10.0, ((0.5, 9), (2.0, 4)), 13)
        with pytest.raises(UsageError, match="has no output 'ffffff'"):
            await store.pages.chunk(attempt, "ffffff")


async def test_times_of_long_output_are_coarser_and_none_of_it_is_lost(tmp_path: Path) -> None:
    now = [0.0]
    async with open_store(tmp_path, clock=lambda: now[0]) as store:
        attempt = await with_task(store, "0task")
        async with store.claim(attempt, this_process()) as log:
            chunk = log.chunk()
            for _ in range(10_000):
                now[0] += 0.03
                chunk.write(b"x")
            await chunk.close()
        row = await store.pages.chunk(attempt, chunk.id)
        assert len(row.pieces) <= 4096
        assert sum(size for _, size in row.pieces) == row.size == 10_000
        assert row.pieces[-1][0] == pytest.approx(300, abs=0.5)


async def test_tasks_are_counted_in_one_go(opening: Opening) -> None:
    async with opening() as store:
        rows: list[tuple[Status, bool, str | None]] = [
            ("done", False, "ann"),
            ("done", False, "bob"),
            ("failed", True, "ann"),
            ("running", False, None),
        ]
        for number, (status, archived, owner) in enumerate(rows, 1):
            task = Task(
                id=f"0t{number}",
                prompt="p",
                mode="code",
                repository="/r",
                model="m",
                created=1.0,
                status=status,
                archived=archived,
                owner=owner,
            )
            attempt = Attempt(id=f"{task.id}.1.1", task_id=task.id)
            await store.create(task, [attempt], {attempt.id: [Progressed(text="one")]})
        await store.lines.mark_seen("ann", "0t1", 1)

        def told(tallies: list[Tally]) -> set[tuple[str, bool, int, int]]:
            return {(tally.status, tally.archived, tally.count, tally.unread) for tally in tallies}

        everything = await store.lines.tally(None, "ann")
        assert told(everything) == {("done", False, 2, 1), ("failed", True, 1, 1), ("running", False, 1, 1)}
        assert told(await store.lines.tally(Viewer("ann"), "ann")) == {("done", False, 1, 0), ("failed", True, 1, 1)}
        await store.lines.mark_seen("ann", "0t1", 0)
        assert told(await store.lines.tally(Viewer("ann"), "ann")) == {("done", False, 1, 1), ("failed", True, 1, 1)}
        assert await store.pages.seen_of(("0t1",)) == {}
