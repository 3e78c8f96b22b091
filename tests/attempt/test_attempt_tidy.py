"""Room on a machine: which workspaces go, which stay, and what a budget takes."""

import os
import time
from pathlib import Path

import pytest

from journeyman.attempt.tidy import tidy, told
from journeyman.core.settings import KeepSettings
from journeyman.core.task import Status
from journeyman.repo.index.store import IndexStore
from journeyman.store import Store, open_store, this_process
from journeyman.store.garbage import DAY
from journeyman.testing.store import HandClock, a_task, an_attempt
from journeyman.testing.store_keeping import a_worked_task, there

SIZE = 64 * 1024


def workspace(state: Path, attempt_id: str) -> Path:
    """A folder as an attempt leaves it, with a directory that its owner may not write to and a link to elsewhere."""
    folder = state / "attempts" / attempt_id
    (folder / "upper" / "closed").mkdir(parents=True)
    (folder / "upper" / "closed" / "file").write_bytes(os.urandom(SIZE))
    (folder / "upper" / "link").symlink_to(state / "precious")
    (folder / "upper" / "closed").chmod(0o500)
    return folder


async def a_task_of(store: Store, state: Path, clock: HandClock, name: str, status: Status, days: float) -> Path:
    """A task whose last change was so many days ago, with its folder."""
    now, clock.now = clock.now, clock.now - days * DAY
    await store.create(a_task(f"0{name}"), [an_attempt(task_id=f"0{name}")])
    await store.update_task(f"0{name}", status=status)
    clock.now = now
    return workspace(state, f"0{name}.1.1")


@pytest.fixture
def clock() -> HandClock:
    return HandClock(time.time())


async def test_workspaces_of_tasks_that_are_over_go_after_their_time(tmp_path: Path, clock: HandClock) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("stays")
    async with open_store(tmp_path, clock=clock) as store:
        done = await a_task_of(store, tmp_path, clock, "done", "done", 8)
        stays = [
            await a_task_of(store, tmp_path, clock, "new", "done", 6),
            await a_task_of(store, tmp_path, clock, "stopped", "interrupted", 30),
            await a_task_of(store, tmp_path, clock, "held", "done", 30),
            workspace(tmp_path, "0unknown.1.1"),  # its task may be about to be stored
        ]
        other = tmp_path / "attempts" / "not-an-attempt"
        other.mkdir()
        async with store.claim("0held.1.1", this_process()):
            would = await tidy(tmp_path, store, KeepSettings(), clock, dry_run=True)
            assert ([each.attempt_id for each in would.workspaces], done.exists()) == (["0done.1.1"], True)
            assert SIZE <= would.workspaces[0].bytes < 2 * SIZE
            assert await tidy(tmp_path, store, KeepSettings(), clock) == would
        assert told(would) == "0 tasks, outputs of 0 tasks, 1 workspace, 0 blobs: 0.1 MB in all."
        assert not done.exists()
        assert all(folder.exists() for folder in stays)
        assert sorted(path.name for path in (tmp_path / "attempts").iterdir()) == sorted(
            [other.name, *(folder.name for folder in stays)]
        )
        assert (tmp_path / "precious" / "file").read_text() == "stays"
        clock.now += 2 * DAY
        await tidy(tmp_path, store, KeepSettings(workspaces_days=None), clock)
        assert all(folder.exists() for folder in stays)
        await tidy(tmp_path, store, KeepSettings(workspaces_days=7), clock)
        assert [folder.exists() for folder in stays] == [False, True, False, True]
        await tidy(tmp_path, store, KeepSettings(workspaces_days=1), clock)
        assert [folder.exists() for folder in stays] == [False, True, False, False]


async def test_a_budget_takes_the_oldest_workspaces_and_then_outputs(tmp_path: Path, clock: HandClock) -> None:
    async with open_store(tmp_path, clock=clock) as store:
        blobs = await a_worked_task(store, "0out")
        folders = [await a_task_of(store, tmp_path, clock, f"t{age}", "done", age) for age in (5, 4, 3)]
        running = await a_task_of(store, tmp_path, clock, "run", "running", 9)
        everything = await tidy(tmp_path, store, KeepSettings(), clock, dry_run=True)
        assert everything.workspaces == ()
        room = everything.left - SIZE
        went = await tidy(tmp_path, store, KeepSettings(disk_bytes=room), clock)
        assert [each.attempt_id for each in went.workspaces] == ["0t5.1.1"]
        assert went.left <= room
        assert went.collected.blobs == 0
        assert [folder.exists() for folder in (*folders, running)] == [False, True, True, True]
        clock.now += 2 * DAY
        went = await tidy(tmp_path, store, KeepSettings(disk_bytes=0), clock)
        assert [folder.exists() for folder in (*folders, running)] == [False, False, False, True]
        assert [(one.id, one.what) for one in went.collected.tasks][-1] == ("0out", "outputs")
        assert len(await there(store, blobs)) == len(blobs) - 3
        assert went.left >= SIZE  # a task at work keeps what it has


async def test_a_task_that_leaves_takes_its_workspace_along(tmp_path: Path, clock: HandClock) -> None:
    async with open_store(tmp_path, clock=clock) as store:
        folder = await a_task_of(store, tmp_path, clock, "old", "done", 30)
        keep = KeepSettings(tasks_days=20, workspaces_days=None)
        assert [each.id for each in (await tidy(tmp_path, store, keep, clock)).collected.tasks] == ["0old"]
        assert not folder.exists()
        assert await store.tasks() == []


async def test_the_index_of_a_repository_that_nobody_asks_about_goes(tmp_path: Path, clock: HandClock) -> None:
    for name in ("old", "used"):
        IndexStore(tmp_path / "index" / f"{name}.sqlite").close()
        os.utime(tmp_path / "index" / f"{name}.sqlite", (clock() - 40 * DAY, clock() - 40 * DAY))
    IndexStore(tmp_path / "index" / "used.sqlite").close()
    async with open_store(tmp_path, clock=clock) as store:
        await tidy(tmp_path, store, KeepSettings(), clock, dry_run=True)
        assert len(list((tmp_path / "index").glob("*.sqlite"))) == 2
        await tidy(tmp_path, store, KeepSettings(), clock)
    assert [place.name for place in (tmp_path / "index").iterdir()] == ["used.sqlite"]
