"""What the API hands to the engine."""

from dataclasses import dataclass

from journeyman.core.ids import Clock
from journeyman.core.task import Budget, Message, MessageKind, Origin, Task, Turn, TurnRequest
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
        continues: str | None = None,
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
            continues=continues,
        )

    async def follow_up(
        self, task_id: str, request: TurnRequest, *, author: str | None, continues: str | None, key: str | None
    ) -> Turn:
        return await submission.follow_up(
            self.store, self.engine, task_id, request, author=author, continues=continues, key=key
        )

    async def say(
        self,
        task_id: str,
        kind: MessageKind,
        text: str,
        *,
        author: str | None,
        attempt: str | None,
        key: str | None,
    ) -> Message:
        return await submission.say(
            self.store, self.engine, task_id, kind, text, author=author, attempt=attempt, key=key
        )

    async def approve(self, task_id: str, budget: Budget, *, author: str | None, key: str | None) -> Task:
        return await submission.approve(self.store, self.engine, task_id, budget, author=author, key=key)

    async def again(self, task: Task) -> Task:
        return await submission.again(self.store, self.engine, task)
