"""Disks that are full, folders that cannot be written, databases that are damaged or locked."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from journeyman.core.errors import StoreError
from journeyman.core.events import Progressed
from journeyman.sandbox.bubblewrap import find_bwrap
from journeyman.store import open_store, this_process
from journeyman.testing.store import a_task, an_attempt

FILL = """
import asyncio, json, sys
from pathlib import Path
from journeyman.core.errors import StoreError
from journeyman.core.events import Progressed
from journeyman.store import open_store, this_process
from journeyman.testing.store import a_task, an_attempt

home = Path(sys.argv[1])
filler = home / "filler"
filler.write_bytes(bytes(1_000_000))

async def until_full(write):
    for number in range(10_000):
        try:
            await write(number)
        except StoreError as error:
            return str(error)

async def main():
    async with open_store(home) as store:
        await store.create(a_task(), [an_attempt()])
        async with store.claim("0task.1.1", this_process()) as log:
            async def event(number):
                await log.append(Progressed(text="x" * 5_000), Progressed(text="y"))

            async def chunk(number):
                output = log.chunk()
                output.write(number.to_bytes(4) + __import__("os").urandom(300_000))
                await output.close()

            no_event, kept = await until_full(event), len(log.events)
            filler.unlink()
            await log.append(Progressed(text="room again"))
            no_chunk = await until_full(chunk)
            chunks = await store.chunks("0task.1.1")
            sizes = [len(await store.chunk("0task.1.1", info.id)) for info in chunks]
    async with open_store(home) as store:
        events = await store.events("0task.1.1")
    print(json.dumps([no_event, no_chunk, kept, [e.seq for e in events], events[-1].text, sizes]))

asyncio.run(main())
"""
OPEN = """
import asyncio, sys
from pathlib import Path
from journeyman.core.errors import StoreError
from journeyman.store import open_store

async def main():
    try:
        async with open_store(Path(sys.argv[1])) as store:
            await store.tasks()
            await store.update_task("0task", title="new")
    except StoreError as error:
        print(error)

asyncio.run(main())
"""


def run(program: str, home: Path, *mount: str) -> str:
    """What `program` prints, with `home` mounted as bubblewrap's options say."""
    bwrap, libraries = find_bwrap()
    answer = subprocess.run(
        [bwrap, "--dev-bind", "/", "/", *mount, home, "--", sys.executable, "-c", program, home],
        env={"LD_LIBRARY_PATH": str(libraries or ""), "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout


def test_a_full_disk_loses_nothing_and_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    no_event, no_chunk, kept, seqs, last, sizes = json.loads(
        run(FILL, tmp_path, "--perms", "0700", "--size", "4000000", "--tmpfs")
    )
    database = tmp_path / "journeyman.sqlite"
    assert no_event == (
        f"The disk that holds {database} is full. All that was recorded so far is kept: free some space, "
        "then run `journeyman resume`."
    )
    assert "All that was recorded so far is kept" in no_chunk
    assert "No space left" in no_chunk
    assert kept > 20
    assert seqs == list(range(1, kept + 2))
    assert last == "room again"
    assert sizes
    assert set(sizes) == {300_004}


async def test_a_read_only_home_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert f"Nothing in it was changed: make {home} writable" in run(OPEN, home, "--ro-bind", str(home))
    async with open_store(home) as store:
        await store.create(a_task(), [])
    assert f"Nothing in it was changed: make {home} writable" in run(OPEN, home, "--ro-bind", str(home))


async def test_a_home_that_is_a_file_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("no folder")
    for place in (home, home / "below"):
        with pytest.raises(StoreError, match=f"{place} cannot be used: .*set JOURNEYMAN_HOME to another one"):
            async with open_store(place):
                pass
    assert home.read_text() == "no folder"


async def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "journeyman.sqlite"
    database.write_bytes(b"my diary, nothing else" * 500)
    with pytest.raises(StoreError, match=r"is damaged, or no database of Journeyman's .* left as it is"):
        async with open_store(tmp_path):
            pass
    assert database.read_bytes() == b"my diary, nothing else" * 500


async def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.create(a_task(), [an_attempt()], {"0task.1.1": [Progressed(text="x" * 3000)] * 20})
    database = tmp_path / "journeyman.sqlite"
    content = database.read_bytes()
    page = 4096
    database.write_bytes(content[:page] + b"\xa5" * (len(content) - page))
    with pytest.raises(StoreError, match="is damaged, or no database of Journeyman's"):
        async with open_store(tmp_path) as store:
            await store.events("0task.1.1")


async def test_a_locked_database_is_waited_for_and_then_named(tmp_path: Path) -> None:
    async with open_store(tmp_path, patience=0.1) as store:
        await store.create(a_task(), [an_attempt()])
        other = sqlite3.connect(tmp_path / "journeyman.sqlite", isolation_level=None)
        async with store.claim("0task.1.1", this_process()) as log:
            other.execute("begin immediate")
            assert await store.task("0task") == a_task()  # reading goes on
            with pytest.raises(StoreError, match=r"is locked by another program\. All that was recorded"):
                await log.append(Progressed(text="waits"))
            other.execute("rollback")
            other.close()
            await log.append(Progressed(text="goes on"))
            assert [event.seq for event in await store.events("0task.1.1")] == [1]


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"x" * 40, lambda data: b""])
async def test_a_damaged_blob_is_named(tmp_path: Path, damage: Any) -> None:
    async with open_store(tmp_path) as store:
        blob_id = await store.put_blob(b"a patch" * 1000)
        (file,) = (path for path in (tmp_path / "blobs").rglob("*") if path.is_file())
        file.write_bytes(damage(file.read_bytes()))
        with pytest.raises(StoreError, match=f"The blob {blob_id[:12]} below .* is damaged"):
            await store.blob(blob_id)


async def test_what_is_kept_is_for_the_owner_alone_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with open_store(home) as store:
        await store.create(a_task(), [an_attempt()])
        async with store.claim("0task.1.1", this_process()) as log:
            for size in (10, 1_000_000):
                output = log.chunk()
                output.write(b"x" * size)
                await output.close()
            log.chunk().write(b"y" * 1_000_000)
    assert home.stat().st_mode & 0o077 == 0
    assert list((home / "spool").iterdir()) == []
    assert sorted(path.name for path in home.iterdir()) == ["blobs", "journeyman.sqlite", "spool"]
