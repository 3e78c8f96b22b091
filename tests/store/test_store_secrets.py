"""Secrets are encrypted at rest, and nothing that is stored holds one."""

import asyncio
import base64
import os
import sqlite3
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import CommandEnded, Progressed, Stopped, ToolReturned
from journeyman.core.folds import conversation
from journeyman.core.items import ToolResult
from journeyman.store import open_store, this_process
from journeyman.store.secrets import SecretInfo
from journeyman.testing.store import a_task, an_attempt

SECRET = "s3cr&t/va lue+1"


def kept(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below a folder: the bytes of each file, and what they are when they are unpacked."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield str(path), data
        if path.parent.parent.name == "blobs":
            yield f"{path} unpacked", zlib.decompress(data)


async def test_secrets_come_back_and_lie_there_encrypted(tmp_path: Path) -> None:
    async with open_store(tmp_path, clock=lambda: 7.0) as store:
        await store.secrets.set("TOKEN", SECRET)
        await store.secrets.set("TOKEN", "the shop's own", "shop")
        await store.secrets.set("OTHER", "first value")
        await store.secrets.set("OTHER", "second value")
        assert await store.secrets.all() == [
            SecretInfo("OTHER", None, 7.0),
            SecretInfo("TOKEN", None, 7.0),
            SecretInfo("TOKEN", "shop", 7.0),
        ]
        assert await store.secrets.values("shop") == {"TOKEN": "the shop's own", "OTHER": "second value"}
        assert await store.secrets.values("elsewhere") == {"TOKEN": SECRET, "OTHER": "second value"}
    async with open_store(tmp_path) as store:
        await store.secrets.remove("TOKEN", "shop")
        assert await store.secrets.values("shop") == {"TOKEN": SECRET, "OTHER": "second value"}
        with pytest.raises(UsageError, match="There is no secret TOKEN for the environment shop"):
            await store.secrets.remove("TOKEN", "shop")
    for name, data in kept(tmp_path):
        assert SECRET.encode() not in data, name
        assert b"second value" not in data, name
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("A-B", "long enough", "'A-B' cannot be the name of a secret"),
        ("A", "short", "at least 8 characters"),
        ("A", "x" * 70_000, "at most 32 KiB"),
        ("A", "with a \0 in it", "without NUL"),
    ],
)
async def test_what_cannot_be_a_secret_is_refused(tmp_path: Path, name: str, value: str, words: str) -> None:
    async with open_store(tmp_path) as store:
        with pytest.raises(UsageError, match=words):
            await store.secrets.set(name, value)
        assert await store.secrets.all() == []


async def test_a_row_cannot_take_another_s_place(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.secrets.set("ONE", "the value of one")
        await store.secrets.set("TWO", "the value of two")
    with sqlite3.connect(tmp_path / "journeyman.sqlite") as database:
        database.execute("update secret set body = (select body from secret where name = 'ONE') where name = 'TWO'")
    database.close()
    async with open_store(tmp_path) as store:
        with pytest.raises(StoreError, match=r"The secret TWO cannot be read.*`journeyman secret remove TWO`"):
            await store.secrets.values("")
        await store.secrets.remove("TWO")
        assert await store.secrets.values("") == {"ONE": "the value of one"}


async def test_without_the_key_nothing_is_read_and_no_new_key_is_made(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.secrets.set("ONE", "the value of one")
    key = tmp_path / "secret.key"
    key.rename(tmp_path / "away")
    async with open_store(tmp_path) as store:
        with pytest.raises(StoreError, match=r"secret\.key, cannot be read: No such file"):
            await store.secrets.values("")
    assert not key.exists()
    (tmp_path / "away").rename(key)
    key.chmod(0o644)
    async with open_store(tmp_path) as store:
        assert await store.secrets.values("") == {"ONE": "the value of one"}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


async def test_many_make_one_key(tmp_path: Path) -> None:
    async def one(number: int) -> None:
        async with open_store(tmp_path) as store:
            await store.secrets.set(f"S{number}", f"the value of {number}")

    await asyncio.gather(*(one(number) for number in range(6)))
    async with open_store(tmp_path) as store:
        assert await store.secrets.values("") == {f"S{number}": f"the value of {number}" for number in range(6)}


async def test_nothing_that_is_stored_holds_a_secret(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.secrets.set("TOKEN", SECRET)
        task = a_task().model_copy(update={"prompt": f"Use {SECRET} to sign in", "title": f"Use {SECRET}"})
        attempt = an_attempt()
        await store.create(task, [attempt], {attempt.id: [Progressed(text=f"it is {SECRET}")]})
        async with store.claim(attempt.id, this_process()) as log:
            chunk = log.chunk()
            encoded = base64.b64encode(f"user:{SECRET}".encode())
            big = os.urandom(300_000)  # large enough for the spool's file
            for piece in (b"say s3c", b"r&t/va ", b"lue+1.", big, encoded[:9], encoded[9:], SECRET.encode()[:6]):
                chunk.write(piece)
            await chunk.close()
            ended = CommandEnded(command=f"echo {SECRET}", exit_code=0, chunk=chunk.id, seconds=0, output=SECRET)
            url = quote(SECRET, safe="")
            seen: list[object] = []
            log.listen(seen.extend)
            await log.append(ToolReturned(call_id="c", name="shell", content=f"got {SECRET} {url}", detail=ended))
            assert seen == log.events[-1:]
        blob = await store.put_blob(SECRET.encode() * 3)
        assert await store.blob(blob) == b"[secret TOKEN]" * 3
        said = await store.chunk(attempt.id, chunk.id)
        assert said.startswith(b"say [secret TOKEN]." + big[:100])
        assert said.endswith(SECRET.encode()[:6])  # not the secret, but the beginning of one
        events = await store.events(attempt.id)
        assert conversation(events)[-1] == ToolResult(call_id="c", content="got [secret TOKEN] [secret TOKEN]")
        assert (await store.task(task.id)).prompt == "Use [secret TOKEN] to sign in"
    for name, data in kept(tmp_path):
        for form in (SECRET.encode(), encoded, url.encode()):
            assert form not in data, name


async def test_a_secret_that_is_a_word_of_ours_does_no_harm(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.secrets.set("ODD", "finished")
        task = a_task()
        attempt = an_attempt()
        await store.create(task, [attempt], {attempt.id: [Stopped(reason="finished", message="It has finished.")]})
        [event] = await store.events(attempt.id)
        assert event == Stopped(seq=1, at=event.at, reason="finished", message="It has [secret ODD].")
