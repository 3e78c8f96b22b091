"""What every store must do with what is to be kept, given up, or taken elsewhere."""

import hashlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Sequence

import pytest

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import AttemptStarted, CommandEnded, Finished, Progressed, ToolReturned
from journeyman.core.evidence import Result
from journeyman.core.model import Profile
from journeyman.core.task import Base, Limits, Message, Status, Turn, TurnRequest
from journeyman.store import Store, this_process
from journeyman.store.garbage import DAY, Leaving, Retention
from journeyman.testing.store_parts import Backing, HandClock, a_task, an_attempt


async def a_worked_task(store: Store, task_id: str = "0task", *, status: Status = "done", salt: str = "") -> set[str]:
    """A task with an image, two checkpoints of one file each, an output and a patch; returns the ids of its blobs.

    Without a `salt` two tasks have the same ones.
    """

    async def put(text: str) -> str:
        return await store.put_blob(f"{text}{salt}".encode())

    image, before, after, diff = [await put(one) for one in ("image", "one file", "that file changed", "patch")]
    manifests = [
        await put(json.dumps({"a": {"mode": 33188, "owner": [0, 0], "stamp": [1, 1, 1, 1], "blob": blob}}))
        for blob in (before, after)
    ]
    request = TurnRequest(prompt="fix it", repository="/repo", images=(image,))
    turn = Turn(task_id=task_id, request=request, created=1.0, author="ann")
    task = a_task(task_id).model_copy(update={"owner": "ann", "title": f"Fix {salt}"})
    await store.create(task, [an_attempt(task_id=task_id)], turn=turn)
    await store.messages.add(Message(task_id=task_id, kind="steer", text="quick", author="ann"))
    async with store.claim(f"{task_id}.1.1", this_process()) as log:
        output = log.chunk()
        output.write(f"output{salt}".encode())
        await output.close()
        detail = CommandEnded(command="make", exit_code=0, chunk=output.id, seconds=1.0, output="output")
        result = Result(verdict="unverified", summary="", diff=diff, tree="1")
        await log.append(
            AttemptStarted(
                task_id=task_id,
                prompt="fix it",
                mode="code",
                model="m",
                profile=Profile(name="m"),
                strategy="loop",
                base=Base(repository="/repo", tree="0"),
                limits=Limits(),
            )
        )
        for manifest in manifests:
            await log.append(
                ToolReturned(call_id="c", name="shell", content="", checkpoint=manifest, detail=detail),
            )
        await log.append(Finished(result=result))
        await log.set_status("done", "unverified")
    await store.turns.update(task_id, 1, status=status, chosen=f"{task_id}.1.1")
    await store.update_task(task_id, status=status, chosen=f"{task_id}.1.1")
    kept = hashlib.sha256(f"output{salt}".encode()).hexdigest()
    return {image, before, after, diff, *manifests, kept}


async def there(store: Store, blobs: set[str]) -> set[str]:
    """Those of `blobs` that can be read."""
    found: set[str] = set()
    for blob in blobs:
        try:
            await store.blob(blob)
        except StoreError:
            continue
        found.add(blob)
    return found


class KeepingContract:
    async def test_what_a_task_needs_is_kept_and_goes_with_it(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            clock.now = time.time()
            one = await a_worked_task(store, "0one")
            two = await a_worked_task(store, "0two", salt="!")
            loose = await store.put_blob(b"nobody names me")
            lasting = await store.put_blob(b"but me", lasting=9 * DAY)
            assert len(one) == 7
            assert (await store.garbage.collect([])).blobs == 0  # an event may be about to name the loose one
            clock.now = time.time() + 2 * DAY
            told = await store.garbage.collect([], dry_run=True)
            assert (told.blobs, await there(store, {loose})) == (1, {loose})
            assert (await store.garbage.collect([])).blobs == 1
            assert await there(store, {*one, *two, loose, lasting}) == {*one, *two, lasting}
            leaving = [Leaving("0two", "Fix !", clock.now, "task")]
            told = await store.garbage.collect(leaving, dry_run=True)
            assert (told.tasks, told.blobs) == (tuple(leaving), len(two))
            assert 0 < told.bytes < told.all_bytes
            assert await there(store, two) == two
            assert await store.garbage.collect(leaving) == told
            assert await there(store, {*one, *two}) == one
            assert [task.id for task in await store.tasks()] == ["0one"]
            clock.now += 9 * DAY
            await store.garbage.collect([])
            assert await there(store, {*one, lasting}) == one

    async def test_tasks_leave_when_their_time_is_over(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            begun = clock.now
            states: Sequence[tuple[str, Status]] = (
                ("0old", "done"),
                ("0run", "running"),
                ("0stop", "interrupted"),
                ("0fail", "failed"),
                ("0new", "done"),
            )
            for days, (task_id, status) in enumerate(states):
                clock.now = begun + days * DAY
                await store.create(a_task(task_id), [an_attempt(task_id=task_id)])
                await store.update_task(task_id, status=status)
            clock.now = begun + 10 * DAY

            async def ids(retention: Retention) -> list[tuple[str, str]]:
                return [(one.id, one.what) for one in await store.garbage.leaving(retention)]

            assert await ids(Retention()) == []
            assert await ids(Retention(tasks=6.5 * DAY)) == [("0old", "task"), ("0fail", "task")]
            assert await ids(Retention(tasks=8 * DAY, outputs=DAY)) == [
                ("0old", "task"),
                ("0fail", "outputs"),
                ("0new", "outputs"),
            ]

    async def test_outputs_go_before_the_task_does(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            blobs = await a_worked_task(store)
            clock.now = time.time() + 2 * DAY
            await store.update_task("0task", archived=True)
            clock.now += 30 * DAY
            leaving = await store.garbage.leaving(Retention(outputs=DAY))
            assert [(one.id, one.title, one.what) for one in leaving] == [("0task", "Fix ", "outputs")]
            assert await store.garbage.thinnest(1) == leaving
            went = await store.garbage.collect(leaving)
            assert went.blobs == 3  # the output, the first checkpoint and its file
            left = await there(store, blobs)
            assert {(await store.blob(blob))[:1] for blob in left} == {b"i", b"t", b"p", b"{"}
            assert await store.garbage.leaving(Retention(outputs=DAY)) == []
            assert (await store.garbage.collect([])).blobs == 0
            async with store.claim("0task.1.1", this_process()) as log:  # it goes on: what comes then is kept
                output = log.chunk()
                output.write(b"more output")
                await output.close()
                await log.append(Progressed(text="goes on"))
            clock.now += 2 * DAY
            await store.garbage.collect([])
            assert await store.chunk("0task.1.1", output.id) == b"more output"

    async def test_a_task_goes_into_a_file_and_into_another_store(self, backing: Backing, clock: HandClock) -> None:
        file = io.BytesIO()
        async with backing() as store:
            blobs = await a_worked_task(store)
            clock.now += 5
            assert await store.transfer.write("0task", file) == []
            with pytest.raises(UsageError, match="Task 0task is here already"):
                await store.transfer.read(file)
            before = await whole(store)
            kept, turns = await store.task("0task"), await store.turns.all("0task")
            clock.now = time.time() + 2 * DAY
            await store.garbage.collect([Leaving("0task", "", 0.0, "task")])
            assert await there(store, blobs) == set()
            task = await store.transfer.read(file, owner="ben", group="g")
            changed = {"owner": "ben", "group": "g", "origin": "import", "updated": clock.now}
            assert task == await store.task("0task") == kept.model_copy(update=changed)
            assert await whole(store) == before
            assert await store.turns.all("0task") == [turn.model_copy(update={"author": None}) for turn in turns]
            assert await there(store, blobs) == blobs
            with pytest.raises(UsageError, match="no task '0none'"):
                await store.transfer.write("0none", io.BytesIO())

    async def test_an_unfinished_task_comes_as_a_cancelled_one(self, backing: Backing) -> None:
        file = io.BytesIO()
        async with backing() as store:
            await store.create(a_task(), [an_attempt()], {"0task.1.1": [Progressed(text="at work")]})
            await store.transfer.write("0task", file)
            await store.delete("0task")
            task = await store.transfer.read(file)
            assert (task.status, task.reason) == ("cancelled", "It was not finished when it was exported.")
            assert [attempt.status for attempt in await store.attempts("0task")] == ["cancelled"]

    async def test_a_file_that_is_no_task_is_refused_and_nothing_of_it_stored(self, backing: Backing) -> None:
        good = io.BytesIO()
        async with backing() as store:
            await a_worked_task(store)
            await store.transfer.write("0task", good)
            await store.delete("0task")

            def event(line: int, old: str, new: str) -> Callable[[str, bytes], bytes]:
                def change(name: str, data: bytes) -> bytes:
                    lines = data.decode().splitlines(keepends=True)
                    if name == "events.jsonl":
                        assert old in lines[line]
                        lines[line] = lines[line].replace(old, new)
                    return "".join(lines).encode() if name == "events.jsonl" else data

                return change

            def head(old: str, new: str) -> Callable[[str, bytes], bytes]:
                return lambda name, data: data.replace(old.encode(), new.encode()) if name == "task.json" else data

            for wrong in (
                b"",
                b"no archive",
                good.getvalue()[:-40],
                rezipped(good, lambda name, data: data + b"x" if name.startswith("blobs/") else data),
                rezipped(good, lambda name, data: b"" if name == "events.jsonl" else data, drop="task.json"),
                rezipped(good, head('"0task"', '"../up"')),
                rezipped(good, head('"id": "0task.1.1"', '"id": "0task.1.9"')),
                rezipped(good, head('"format": 1', '"format": 2')),
                rezipped(good, event(1, '"seq":2', '"seq":3')),
                rezipped(good, event(1, '"0task.1.1"', '"0other.1.1"')),
                rezipped(good, event(1, '"tool_returned"', '"teleported"')),
                rezipped(good, lambda name, data: data.replace(b'"number": 0', b'"number": 1')),
            ):
                with pytest.raises(UsageError, match="no task that Journeyman exported, or it is damaged"):
                    await store.transfer.read(io.BytesIO(wrong))
            assert await store.tasks() == []
            assert (await store.transfer.read(good)).id == "0task"


async def whole(store: Store) -> tuple[object, ...]:
    """What was done in 0task and said about it."""
    return (
        [attempt.model_copy(update={"holder": None}) for attempt in await store.attempts("0task")],
        await store.task_events("0task"),
        await store.chunks("0task.1.1"),
        await store.messages.after("0task"),
    )


def rezipped(file: io.BytesIO, change: Callable[[str, bytes], bytes], drop: str = "") -> bytes:
    """The archive with other contents."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(made, "w") as other:
        for name in archive.namelist():
            if name != drop:
                other.writestr(name, change(name, archive.read(name)))
    return made.getvalue()
