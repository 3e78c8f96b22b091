"""Replies while they are written, over real sockets: to each who asks, once, and never behind the reply itself."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journeyman.core.events import Progressed, Replied
from journeyman.core.items import AssistantMessage
from journeyman.core.model import Delta, Reply
from journeyman.store import open_store
from journeyman.store.log import AttemptLog
from tests.server.listening import Told, stream
from tests.server.test_server_live import at_work, serving

ATTEMPT = "0task.1.1"


@dataclass(slots=True)
class Reader:
    """Somebody who reads a task's stream, and shows what of a reply is written until the reply comes."""

    told: AsyncIterator[Told]
    draft: str | None = None
    shown: list[str] = field(default_factory=list[str])
    """Drafts and replies, each as it was first seen."""

    async def until(self, shown: str) -> None:
        async with asyncio.timeout(120):
            while not self.shown or self.shown[-1] != shown:
                self.read(await anext(self.told))

    def read(self, told: Told) -> None:
        if told.name == "draft":
            assert told.id is None
            self._piece(told.data)
        elif told.name == "event" and told.data["event"]["kind"] == "replied":
            self.draft = None
            self.shown.append(f"reply: {told.data['event']['reply']['items'][0]['text']}")
        elif told.name == "event":
            self.shown.append(told.data["event"]["kind"])

    def _piece(self, piece: dict[str, Any]) -> None:
        assert piece["attempt"] == ATTEMPT
        before = None if piece["fresh"] else self.draft
        assert piece["fresh"] or before is not None
        self.draft = (before or "") + piece["text"] if piece["written"] else None
        self.shown.append(f"draft: {self.draft}")


@asynccontextmanager
async def reading(address: str, after: int = 0, **query: str) -> AsyncGenerator[Reader]:
    async with stream(address, "/tasks/0task/events", after=after, **query) as told:
        yield Reader(told)


def replied(text: str) -> Replied:
    return Replied(reply=Reply(items=(AssistantMessage(text=text),)), seconds=1.0)


async def until_told(log: AttemptLog, *readers: Reader) -> None:
    """Have something happen that all of them are told of."""
    await log.append(Progressed(text="and on"))
    for reader in readers:
        await reader.until("progressed")


async def test_two_who_watch_see_a_reply_grow_and_then_the_reply(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as (address, store, _),
        at_work(store) as log,
        store.drafts.writing(log) as writing,
        reading(address, drafts="true") as one,
        reading(address, drafts="true") as two,
        reading(address) as without,
    ):
        writing.add(Delta("text", "The price "))
        for reader in (one, two):
            await reader.until("draft: The price ")
        writing.add(Delta("text", "is right."))
        for reader in (one, two):
            await reader.until("draft: The price is right.")
        async with reading(address, drafts="true") as late:
            await late.until("draft: The price is right.")
            assert late.shown == ["draft: The price is right."]
        await log.append(replied("The price is right."))
        await until_told(log, one, two, without)
        for reader in (one, two):
            drafts = ["draft: The price ", "draft: The price is right."]
            assert reader.shown == [*drafts, "reply: The price is right.", "progressed"]
        assert without.shown == ["reply: The price is right.", "progressed"]


async def test_who_comes_back_has_the_draft_from_its_beginning_and_the_events_from_behind_theirs(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as (address, store, _), at_work(store) as log, store.drafts.writing(log) as writing:
        await log.append(replied("First."))
        async with reading(address, drafts="true") as one:
            writing.add(Delta("text", "Sec"))
            await one.until("draft: Sec")
        writing.add(Delta("text", "ond."))
        async with reading(address, drafts="true", after=1) as one:
            await one.until("draft: Second.")
            assert one.shown in (["draft: Second."], ["draft: Sec", "draft: Second."])
        writing.clear()
        writing.add(Delta("text", "Third"))
        async with reading(address, drafts="true", after=1) as one:
            await one.until("draft: Third")


async def test_a_draft_that_leads_to_no_reply_vanishes(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as (address, store, _),
        at_work(store) as log,
        reading(address, drafts="true") as one,
    ):
        async with store.drafts.writing(log) as writing:
            writing.add(Delta("text", "Half a"))
            await one.until("draft: Half a")
            writing.clear()  # the request is sent again
            writing.add(Delta("text", "Whole"))
            await one.until("draft: Whole")
        await one.until("draft: None")


async def test_what_another_process_writes_is_seen_as_well(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as (address, _, _),
        open_store(tmp_path) as worker,
        at_work(worker) as log,
        worker.drafts.writing(log) as writing,
        reading(address, drafts="true", form="lines") as one,
    ):
        writing.add(Delta("reasoning", "Hm."))
        writing.add(Delta("text", "From elsewhere"))
        await one.until("draft: From elsewhere")
