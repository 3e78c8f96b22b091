"""What an attempt's model writes is there for whoever looks on, with either strategy, and begins again with a retry."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest

from journeyman.attempt.host import Tell
from journeyman.attempt.run import run_attempt
from journeyman.core.events import Replied
from journeyman.core.model import Delta, ModelRequest, Profile, Reply, say
from journeyman.models.protocol import Model, OnDelta, OnRetry
from journeyman.models.scripted import Scripted
from journeyman.store import open_store
from journeyman.testing.store_drafts import Looking
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository

FILES = {"counting.py": "def evens(xs):\n    return [x for x in xs if x % 2 == 1]\n"}


@dataclass(slots=True)
class Slow:
    """A model whose first reply is cut off and sent again, and then waits in its middle until `gate` is set."""

    inner: Scripted
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def profile(self) -> Profile:
        return self.inner.profile

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply:
        assert on_delta is not None and on_retry is not None
        if not self.gate.is_set():
            on_delta(Delta("text", "No wor"))
            on_retry("The connection was cut.", 0.0)
            on_delta(Delta("reasoning", "Hm."))
            on_delta(Delta("text", "nothing mu"))
            await self.gate.wait()
        return await self.inner.reply(request, on_delta, on_retry)

    async def close(self) -> None:
        await self.inner.close()


@pytest.mark.parametrize("strategy", ["loop", "repair"])
async def test_a_reply_is_seen_from_elsewhere_while_it_is_written(
    bench: MakeBench, make_repository: MakeRepository, strategy: Literal["loop", "repair"]
) -> None:
    one = bench([say("nothing much")] * 100)
    slow = Slow(one.model)

    @asynccontextmanager
    async def open_model(name: str, tell: Tell | None) -> AsyncGenerator[Model]:
        yield slow

    attempt = await one.begin(make_repository(FILES), "Mend evens in counting.py.", strategy=strategy)
    task_id = (await one.host.store.attempt(attempt)).task_id
    looking = Looking()
    async with (
        open_store(one.host.state) as elsewhere,
        elsewhere.drafts.follow(task_id, looking.wake) as looking.onlooker,
    ):
        work = asyncio.create_task(run_attempt(replace(one.host, open_model=open_model), attempt))
        await looking.until(lambda drafts: attempt in drafts)
        draft = looking.drafts[attempt]
        assert (draft.reasoning, draft.text, draft.written) == ("Hm.", "nothing mu", 13)
        assert not any(isinstance(event, Replied) for event in await one.host.store.events(attempt))
        slow.gate.set()
        await work
        await looking.until(lambda drafts: not drafts)
    replies = [event.reply.text for event in await one.host.store.events(attempt) if isinstance(event, Replied)]
    assert set(replies) == {"nothing much"}
