"""What the API hands to the engine."""

from dataclasses import dataclass

from journeyman.core.ids import Clock
from journeyman.core.task import Budget, Message, Origin, Task, Turn, TurnRequest
from journeyman.engine import submission
from journeyman.engine.engine import Engine
from journeyman.engine.submission import Sender
from journeyman.store.store import Store


@dataclass(frozen=True, slots=True)
class Handing:
    """The `Submissions` of an engine."""

    store: Store
    engine: Engine
    clock: Clock

    async def submit(
        self,
        request: TurnRequest,
        *,
        owner: str | None,
        group: str | None,
        origin: Origin,
        key: str | None,
        budget: Budget,
        priority: int,
        parent: str | None,
    ) -> Task:
        return await submission.submit(
            self.store,
            self.engine,
            request,
            Sender(owner, group, origin),
            clock=self.clock,
            key=key,
            budget=budget,
            priority=priority,
            parent=parent,
        )

    async def follow_up(
        self, task_id: str, request: TurnRequest, *, author: str | None, continues: str | None, key: str | None
    ) -> Turn:
        return await submission.follow_up(
            self.store, self.engine, task_id, request, author=author, continues=continues, key=key
        )

    async def say(self, message: Message, *, key: str | None = None) -> Message:
        return await submission.say(
            self.store,
            self.engine,
            message.task_id,
            message.kind,
            message.text,
            author=message.author,
            attempt=message.attempt,
            key=key,
        )
