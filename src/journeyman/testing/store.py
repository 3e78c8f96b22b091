"""What every store must do, whatever database and object store lie below it.

    class TestMyStore(StoreContract):
        @pytest.fixture
        def backing(self, clock: HandClock) -> Backing: ...

`backing` opens a store over the same data each time that it is called, as another process would.
"""

import asyncio
import hashlib

import pytest

from journeyman.core.errors import LeaseLost, StoreError, UsageError
from journeyman.core.events import Event, Prepared, Progressed, Said, ToolReturned, ToolStarted
from journeyman.core.items import UserMessage
from journeyman.core.model import ToolSpec
from journeyman.store import Store, this_process
from journeyman.testing.store_drafts import DraftsContract
from journeyman.testing.store_forges import ForgesContract
from journeyman.testing.store_keeping import KeepingContract
from journeyman.testing.store_parts import Backing, HandClock, a_dead_process, a_task, an_attempt, elsewhere
from journeyman.testing.store_service import ServiceContract

__all__ = ["Backing", "HandClock", "StoreContract", "a_dead_process", "a_task", "an_attempt", "elsewhere"]


class StoreContract(ServiceContract, KeepingContract, DraftsContract, ForgesContract):
    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def backing(self, clock: HandClock) -> Backing:
        raise NotImplementedError("the subclass says what it tests")

    async def test_a_task_reads_back_as_it_was_created(self, backing: Backing, clock: HandClock) -> None:
        task, attempts = a_task(attempts=2), [an_attempt(1), an_attempt(2)]
        async with backing() as store:
            await store.create(task, attempts, {"0task.1.1": [Progressed(text="one"), Progressed(text="two")]})
        async with backing() as store:
            assert await store.task("0task") == task.model_copy(update={"seq": 2})
            assert await store.attempts("0task") == attempts
            assert await store.events("0task.1.1") == [
                Progressed(seq=1, at=clock.now, text="one"),
                Progressed(seq=2, at=clock.now, text="two"),
            ]
            assert await store.events("0task.1.2") == []

    async def test_a_task_is_created_whole_or_not_at_all(self, backing: Backing) -> None:
        async with backing() as store:
            with pytest.raises(StoreError):
                await store.create(a_task(), [an_attempt(), an_attempt()])
            assert await store.tasks() == []
            await store.create(a_task(), [an_attempt()])
            with pytest.raises(StoreError):
                await store.create(a_task(), [])

    async def test_a_task_is_found_by_the_beginning_of_its_id(self, backing: Backing) -> None:
        async with backing() as store:
            for task_id in ("0abc", "0abd", "0abde", "0x%"):
                await store.create(a_task(task_id), [])
            assert (await store.task("0abc")).id == "0abc"
            assert (await store.task("0ABC")).id == "0abc"
            assert (await store.task("0abd")).id == "0abd"
            assert (await store.task("0x")).id == "0x%"
            with pytest.raises(UsageError, match=r"More than one task begins with '0ab': 0abc, 0abd, 0abde\."):
                await store.task("0ab")
            with pytest.raises(UsageError, match="no task '%'"):
                await store.task("%")
            with pytest.raises(UsageError, match="no task"):
                await store.task("0\0")
            with pytest.raises(UsageError, match="no task '1'"):
                await store.task("1")

    async def test_tasks_come_newest_first(self, backing: Backing) -> None:
        async with backing() as store:
            for created, repository in ((3.0, "/a"), (1.0, "/a"), (2.0, "/b")):
                await store.create(a_task(f"0t{created:.0f}", created=created, repository=repository), [])
            assert [task.id for task in await store.tasks()] == ["0t3", "0t2", "0t1"]
            assert [task.id for task in await store.tasks(2)] == ["0t3", "0t2"]
            assert [task.id for task in await store.tasks(repository="/a")] == ["0t3", "0t1"]
            assert (await store.latest("/b")).id == "0t2"
            with pytest.raises(UsageError, match="no task for /c yet"):
                await store.latest("/c")

    async def test_a_task_changes(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            await store.update_task("0task", status="done", title="Fixed", chosen="0task.1.1")
            await store.add_attempts([an_attempt(2)])
            assert await store.task("0task") == a_task().model_copy(
                update={"status": "done", "title": "Fixed", "chosen": "0task.1.1", "updated": clock.now}
            )
            assert await store.attempts("0task") == [an_attempt(1), an_attempt(2)]
            with pytest.raises(StoreError, match="no task 0other"):
                await store.update_task("0other", status="done")

    async def test_an_append_numbers_dates_and_keeps_events(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store, backing() as reader:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                await log.append(Progressed(text="one"))
                clock.now += 5
                await log.append(
                    ToolStarted(call_id="c1", name="shell"), ToolReturned(call_id="c1", name="shell", content="é\0")
                )
                await log.append()
                expected: list[Event] = [
                    Progressed(seq=1, at=clock.now - 5, text="one"),
                    ToolStarted(seq=2, at=clock.now, call_id="c1", name="shell"),
                    ToolReturned(seq=3, at=clock.now, call_id="c1", name="shell", content="é\0"),
                ]
                assert log.events == expected
                assert await reader.events("0task.1.1") == expected
                assert await reader.events("0task.1.1", after=2) == expected[2:]

    async def test_an_append_is_all_or_nothing(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                odd = ToolSpec(name="odd", description="", parameters={"not JSON": object()})
                broken = Prepared(instructions="", tools=(odd,), items=())
                with pytest.raises(ValueError, match="serialize"):
                    await log.append(Progressed(text="fine"), broken)
                assert (log.events, await store.events("0task.1.1")) == ([], [])
                await log.append(Progressed(text="goes on"))
                assert [event.seq for event in await store.events("0task.1.1")] == [1]

    async def test_appends_side_by_side_leave_no_hole(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                pairs = [(Progressed(text=f"{n}a"), Progressed(text=f"{n}b")) for n in range(20)]
                await asyncio.gather(*(log.append(*pair) for pair in pairs))
                stored = await store.events("0task.1.1")
                assert stored == log.events
                assert [event.seq for event in stored] == list(range(1, 41))
                texts = [event.text for event in stored if isinstance(event, Progressed)]
                assert [(a, b) for a, b in zip(texts[::2], texts[1::2], strict=True)] == [
                    (a.text, b.text) for a, b in pairs
                ]

    async def test_a_cancelled_append_is_known_to_the_log(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                for round_ in range(20):
                    appending = asyncio.create_task(log.append(Progressed(text=f"cancelled {round_}")))
                    for _ in range(round_ % 4):
                        await asyncio.sleep(0)
                    appending.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await appending
                    await log.append(Progressed(text=f"whole {round_}"))
                assert await store.events("0task.1.1") == log.events
                assert [event.seq for event in log.events] == list(range(1, len(log.events) + 1))
                texts = {event.text for event in log.events if isinstance(event, Progressed)}
                assert texts >= {f"whole {round_}" for round_ in range(20)}

    async def test_half_a_surrogate_pair_is_spelled_out(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            await store.create(a_task().model_copy(update={"prompt": "bad \udcff\0 name"}), [an_attempt()])
            assert (await store.task("0task")).prompt == "bad \\udcff\\x00 name"
            await store.update_task("0task", title="\0\udcff")
            assert (await store.task("0task")).title == "\\x00\\udcff"
            async with store.claim("0task.1.1", this_process()) as log:
                await log.append(Said(item=UserMessage(text="half \ud83d"), why="steer"))
                expected = Said(seq=1, at=clock.now, item=UserMessage(text="half \\ud83d"), why="steer")
                assert log.events == await store.events("0task.1.1") == [expected]

    async def test_listeners_see_what_was_stored(self, backing: Backing) -> None:
        seen: list[tuple[int, ...]] = []
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                stop = log.listen(lambda events: seen.append(tuple(event.seq for event in events)))
                await log.append(Progressed(text="one"), Progressed(text="two"))
                await log.append(Progressed(text="three"))
                stop()
                await log.append(Progressed(text="four"))
        assert seen == [(1, 2), (3,)]

    async def test_one_writer_at_a_time(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", elsewhere()) as log:
                assert (log.id, log.task_id, log.epoch) == ("0task.1.1", "0task", 1)
                assert await other.holder("0task.1.1") == "process 7 on elsewhere"
                with pytest.raises(StoreError, match=r"0task\.1\.1 is being worked on by process 7 on elsewhere"):
                    async with other.claim("0task.1.1", this_process()):
                        pass
                await log.append(Progressed(text="undisturbed"))
            assert await other.holder("0task.1.1") is None
            async with other.claim("0task.1.1", this_process()) as log:
                assert log.epoch == 2
                assert [event.seq for event in log.events] == [1]
                await log.append(Progressed(text="goes on"))
                assert [event.seq for event in log.events] == [1, 2]
            with pytest.raises(UsageError, match=r"no attempt '0task\.1\.9'"):
                async with other.claim("0task.1.9", this_process()):
                    pass

    async def test_the_attempt_of_a_dead_process_is_free_at_once(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", a_dead_process()):
                assert await other.holder("0task.1.1") is None
                async with other.claim("0task.1.1", this_process()) as log:
                    assert log.epoch == 2

    async def test_who_lost_the_lease_writes_nothing_more(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store, backing() as other:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", elsewhere(), ttl=30.0) as old:
                await old.append(Progressed(text="mine"))
                output = old.chunk()
                output.write(b"late")
                clock.now += 31
                async with other.claim("0task.1.1", this_process()) as new:
                    with pytest.raises(LeaseLost, match="journeyman show 0task"):
                        await old.append(Progressed(text="too late"))
                    with pytest.raises(LeaseLost):
                        await output.close()
                    with pytest.raises(LeaseLost):
                        await old.set_status("failed")
                    await new.append(Progressed(text="theirs"))
                    await new.set_status("running")
            assert await store.events("0task.1.1") == new.events
            assert [event.seq for event in new.events] == [1, 2]
            assert await store.chunks("0task.1.1") == []
            assert [attempt.status for attempt in await store.attempts("0task")] == ["running"]

    async def test_a_write_or_a_renewal_puts_the_end_of_the_lease_off(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store, backing() as other:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", elsewhere(), ttl=30.0) as log:
                clock.now += 29
                await log.append(Progressed(text="alive"))
                clock.now += 29
                assert await other.holder("0task.1.1") == "process 7 on elsewhere"
                await log.renew()
                clock.now += 29
                assert await other.holder("0task.1.1") == "process 7 on elsewhere"
                clock.now += 2
                assert await other.holder("0task.1.1") is None
                await log.append(Progressed(text="late, but nobody else came"))

    async def test_a_lost_lease_cancels_the_body(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            await store.create(a_task(), [an_attempt()])
            cleaned_up = False
            with pytest.raises(LeaseLost):
                async with (
                    store.claim("0task.1.1", a_dead_process(), ttl=0.15),
                    other.claim("0task.1.1", this_process()),
                ):
                    try:
                        await asyncio.sleep(30)
                    finally:
                        cleaned_up = True
            assert cleaned_up
            await asyncio.sleep(0)  # the cancellation was taken back: this task goes on

    async def test_a_cancelled_body_stays_cancelled_and_gives_the_attempt_back(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            claimed = asyncio.Event()

            async def work() -> None:
                async with store.claim("0task.1.1", this_process()):
                    claimed.set()
                    await asyncio.sleep(30)

            task = asyncio.create_task(work())
            await claimed.wait()
            assert await store.holder("0task.1.1") is not None
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await store.holder("0task.1.1") is None

    async def test_status_and_verdict(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                await log.set_status("done", "verified")
            assert await store.attempts("0task") == [
                an_attempt().model_copy(update={"status": "done", "verdict": "verified", "epoch": 1})
            ]

    async def test_output_is_kept_whole(self, backing: Backing) -> None:
        noise = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(20_000))
        outputs = [b"", b"\xff\x00 not text \x1b[0m", b"line\n" * 200_000, noise]
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                chunks = [log.chunk() for _ in outputs]
                for chunk, output in zip(chunks, outputs, strict=True):
                    for start in range(0, len(output), 50_000):
                        chunk.write(output[start : start + 50_000])
                    await chunk.close()
                    await chunk.close()
                unfinished = log.chunk()
                unfinished.write(b"never closed")
        async with backing() as store:
            for chunk, output in zip(chunks, outputs, strict=True):
                assert await store.chunk("0task.1.1", chunk.id) == output
            assert [(info.id, info.number, info.size) for info in await store.chunks("0task.1.1")] == [
                (chunk.id, number, len(output))
                for number, (chunk, output) in enumerate(zip(chunks, outputs, strict=True))
            ]
            with pytest.raises(UsageError, match=f"no output '{unfinished.id}'"):
                await store.chunk("0task.1.1", unfinished.id)

    async def test_chunk_ids_are_alike_in_every_run_and_go_on_after_a_resume(self, backing: Backing) -> None:
        async def some(store: Store, attempt: str, count: int) -> list[str]:
            async with store.claim(attempt, this_process()) as log:
                chunks = [log.chunk() for _ in range(count)]
                for chunk in chunks:
                    await chunk.close()
                return [chunk.id for chunk in chunks]

        async with backing() as store:
            for task_id in ("0one", "0two"):
                await store.create(a_task(task_id), [an_attempt(task_id=task_id)])
            first = await some(store, "0one.1.1", 3) + await some(store, "0one.1.1", 3)
            other = await some(store, "0two.1.1", 6)
        assert len({*first, *other}) == 12
        assert all(len(chunk_id) == 6 and int(chunk_id, 16) >= 0 for chunk_id in first)
        async with backing() as store:
            assert [info.id for info in await store.chunks("0one.1.1")] == first
            assert [info.id for info in await store.chunks("0two.1.1")] == other

    async def test_blobs_go_by_their_content(self, backing: Backing) -> None:
        data = b"diff --git a/x b/x\n\x00\xff"
        async with backing() as store:
            blob_id = await store.put_blob(data)
            assert blob_id == hashlib.sha256(data).hexdigest() == await store.put_blob(data)
        async with backing() as store:
            assert await store.blob(blob_id) == data
            with pytest.raises(StoreError, match="no such blob"):
                await store.blob("0" * 64)
