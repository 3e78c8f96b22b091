"""What every store must do with replies while they are written."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from journeyman.core.events import Progressed, Replied, Stopped
from journeyman.core.items import AssistantMessage
from journeyman.core.model import Delta, Reply
from journeyman.store import Store, this_process
from journeyman.store.drafts import MOST, Draft, Onlooker
from journeyman.store.log import AttemptLog
from journeyman.testing.store_parts import Backing, HandClock, a_task, an_attempt, elsewhere

LONG = 30.0
"""Seconds for what comes soon, on a machine however busy."""
REPLIED = Replied(reply=Reply(items=(AssistantMessage(text="whole"),)), seconds=1.0)


class Looking:
    """Somebody who watches a task."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self.onlooker: Onlooker | None = None

    def wake(self) -> None:
        self._news.set()

    @property
    def drafts(self) -> dict[str, Draft]:
        assert self.onlooker is not None
        return dict(self.onlooker.drafts)

    async def until(self, holds: Callable[[dict[str, Draft]], bool]) -> None:
        """Wait until something is true of the drafts."""
        async with asyncio.timeout(LONG):
            while not holds(self.drafts):
                await self._news.wait()
                self._news.clear()


@asynccontextmanager
async def looking(store: Store) -> AsyncGenerator[Looking]:
    one = Looking()
    async with store.drafts.follow("0task", one.wake) as one.onlooker:
        yield one


@asynccontextmanager
async def at_work(store: Store, number: int = 1) -> AsyncGenerator[AttemptLog]:
    async with store.claim(f"0task.1.{number}", this_process()) as log:
        await log.append(Progressed(text="at work"))
        yield log


async def rows(store: Store) -> int:
    """How many drafts are in the database, of whomever."""

    def count(connection: object) -> int:
        from sqlalchemy import Connection, func, select

        from journeyman.store.schema import draft

        assert isinstance(connection, Connection)
        return connection.execute(select(func.count()).select_from(draft)).scalar_one()

    return await store.drafts.database.read(count)


class DraftsContract:
    async def test_a_reply_is_seen_while_it_is_written(self, backing: Backing) -> None:
        async with backing() as worker, backing() as server:
            await worker.create(a_task(attempts=2), [an_attempt(1), an_attempt(2)])
            async with (
                at_work(worker) as log,
                worker.drafts.writing(log) as writing,
                looking(server) as first,
                looking(server) as second,
            ):
                writing.add(Delta("reasoning", "Hm."))
                writing.add(Delta("text", "The pri"))
                for one in (first, second):
                    await one.until(lambda drafts: "0task.1.1" in drafts)
                    assert one.drafts == {"0task.1.1": Draft("0task.1.1", 1, 10, "Hm.", "The pri")}
                writing.add(Delta("text", "ce is right."))
                writing.add(Delta("arguments", '{"command": "ls"}'))
                whole = Draft("0task.1.1", 1, 39, "Hm.", "The price is right.")
                await first.until(lambda drafts: drafts.get("0task.1.1") == whole)
                async with looking(server) as late:
                    assert late.drafts == {"0task.1.1": whole}
                await log.append(REPLIED)
                for one in (first, second):
                    await one.until(lambda drafts: not drafts)
                writing.add(Delta("text", "Next"))
                await first.until(lambda drafts: drafts == {"0task.1.1": Draft("0task.1.1", 2, 4, "", "Next")})
                await log.append(Stopped(reason="interrupted"))
                await first.until(lambda drafts: not drafts)

    async def test_nothing_is_stored_while_nobody_watches(self, backing: Backing) -> None:
        async with backing() as worker, backing() as server:
            await worker.create(a_task(attempts=2), [an_attempt(1), an_attempt(2)])
            await worker.create(a_task("0other"), [an_attempt(task_id="0other")])
            async with (
                worker.claim("0other.1.1", this_process()) as other,
                worker.drafts.writing(other) as unseen,
                at_work(worker) as log,
                worker.drafts.writing(log) as writing,
            ):
                unseen.add(Delta("text", "Nobody looks"))
                writing.add(Delta("text", "Early"))
                async with looking(server) as one:
                    await one.until(lambda drafts: "0task.1.1" in drafts)  # and with it all that is to be stored
                    assert await rows(server) == 1
                    writing.add(Delta("text", " bird"))
                    await one.until(lambda drafts: drafts["0task.1.1"].text == "Early bird")
                    assert await rows(server) == 1
            assert await rows(server) == 0

    async def test_a_reply_that_begins_again_replaces_what_there_was(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with at_work(store) as log, store.drafts.writing(log) as writing, looking(store) as one:
                writing.add(Delta("text", "Cut off in the mid"))
                await one.until(lambda drafts: bool(drafts))
                writing.clear()
                writing.add(Delta("text", "Whole"))
                await one.until(lambda drafts: drafts.get("0task.1.1") == Draft("0task.1.1", 1, 5, "", "Whole"))

    async def test_the_draft_of_a_process_that_is_gone_is_no_more(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as worker, backing() as server:
            await worker.create(a_task(), [an_attempt()])
            async with worker.claim("0task.1.1", elsewhere()) as log, worker.drafts.writing(log) as writing:
                writing.add(Delta("text", "Half"))
                async with looking(server) as one:
                    await one.until(lambda drafts: bool(drafts))
                    clock.now += 31.0  # its lease is over, as if it had been killed
                    await one.until(lambda drafts: not drafts)
                async with (
                    at_work(server) as other,
                    server.drafts.writing(other) as further,
                    looking(server) as one,
                ):
                    further.add(Delta("text", "Again"))
                    await one.until(lambda drafts: bool(drafts))
                    assert one.drafts == {"0task.1.1": Draft("0task.1.1", 1, 5, "", "Again")}

    async def test_drafts_hold_no_secret_and_have_an_end(self, backing: Backing) -> None:
        async with backing() as store:
            await store.secrets.set("KEY", "open-sesame-now")
            await store.create(a_task(), [an_attempt()])
            async with at_work(store) as log, store.drafts.writing(log) as writing, looking(store) as one:
                writing.add(Delta("text", "It is open-ses"))
                await one.until(lambda drafts: bool(drafts))
                assert one.drafts["0task.1.1"].text == "It is "
                writing.add(Delta("text", "ame-now, \0\ud800 you see."))
                said = "It is [secret KEY], \\x00\\ud800 you see."
                await one.until(lambda drafts: drafts["0task.1.1"].text == said)
                for _ in range(20):
                    writing.add(Delta("reasoning", "x" * (MOST // 10)))
                written = len("It is open-sesame-now, .. you see.") + 20 * (MOST // 10)
                await one.until(lambda drafts: drafts["0task.1.1"].written == written)
                assert len(one.drafts["0task.1.1"].reasoning) == MOST

    async def test_drafts_go_with_their_task(self, backing: Backing) -> None:
        async with backing() as worker, backing() as server:
            await worker.create(a_task(), [an_attempt()])
            async with looking(server) as one:
                async with at_work(worker) as log, worker.drafts.writing(log) as writing:
                    writing.add(Delta("text", "Half"))
                    await one.until(lambda drafts: bool(drafts))
                await one.until(lambda drafts: not drafts)
            await server.delete("0task")
            assert await rows(server) == 0
