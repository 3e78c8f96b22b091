"""The beginning of an attempt of the service: from a turn's request to the first events of its log."""

import asyncio
import fcntl
import os
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass

from journeyman.agent.prompts import NOT_RUN, STOPPED_BEFORE, STOPPED_BY_PERSON
from journeyman.attempt.begin import Order, beginning, survey, surveyed
from journeyman.attempt.clones import ground_of, open_base
from journeyman.attempt.host import Host, ModelPlan
from journeyman.core import folds
from journeyman.core.errors import StoreError
from journeyman.core.events import AttemptStarted, Continued, Event
from journeyman.core.items import (
    AssistantMessage,
    DeveloperMessage,
    Item,
    Reasoning,
    ToolCall,
    ToolResult,
    UserMessage,
)
from journeyman.core.task import Attempt, Turn
from journeyman.store.environments import Environments
from journeyman.store.log import AttemptLog

Beginning = tuple[AttemptStarted, Continued | None]

Plan = Callable[[str | None], ModelPlan]
"""The model that a name stands for here, the default one for None. Raises `UsageError` where there is none."""


LOCKS = 64


@dataclass(frozen=True, slots=True)
class Beginnings:
    """Writes the beginnings of attempts. `checks` are commands of the settings, which yield to a task's own."""

    host: Host
    plan: Plan
    checks: tuple[str, ...] = ()

    async def __call__(self, log: AttemptLog) -> None:
        """The `prepare` of `run_attempt`. Attempts of one turn begin alike, but for their seed."""
        attempt = await self.host.store.attempt(log.id)
        turn = await self.host.store.turns.get(log.task_id, attempt.turn)
        async with _alone(self.host, log.task_id) if turn.request.attempts > 1 else nullcontext():
            start, before = await self._like_a_sibling(attempt) or await self._new(turn)
            start = start.model_copy(update={"seed": turn.request.seed + attempt.number - 1})
            await log.append(start, *([before] if before is not None else []))
        await self.host.store.update_task(log.task_id, model=start.model)

    async def _like_a_sibling(self, attempt: Attempt) -> Beginning | None:
        for other in await self.host.store.attempts(attempt.task_id):
            if other.turn == attempt.turn and other.id != attempt.id and other.began is not None:
                events = await self.host.store.events(other.id)
                if (start := folds.started(events)) is not None:
                    return start, folds.continued(events)
        return None

    async def _new(self, turn: Turn) -> Beginning:
        if turn.continues is None:
            order = await self._order(turn, None)
            found = await survey(order, ground_of(self.host), _ready(self.host.store.environments))
            return self._start(turn, beginning(turn.task_id, order, found)), None
        events = await self.host.store.events(turn.continues)
        before = folds.started(events)
        if before is None:
            raise StoreError(f"The attempt {turn.continues}, which this turn goes on from, has no beginning.")
        order = await self._order(turn, before)
        repository = await open_base(self.host, before.base)
        found = await surveyed(repository, before.base, order, _ready(self.host.store.environments))
        start = self._start(turn, beginning(turn.task_id, order, found))
        heard, left = await self._heard(turn)
        items = _carried(events, same_model=start.model == before.model)
        manifest, complete = folds.checkpoint(events)
        result = folds.result(events)
        return start.model_copy(update={"heard": heard}), Continued(
            attempt=turn.continues,
            items=(*items, *left),
            rules=_rules(events),
            checkpoint=manifest,
            checkpointed=complete,
            tree=result.tree if result is not None else None,
            diff=result.diff if result is not None else None,
        )

    async def _order(self, turn: Turn, before: AttemptStarted | None) -> Order:
        """A follow-up keeps the model, unless it names another one."""
        request = turn.request
        if before is not None and request.model in (None, before.model):
            model = ModelPlan(before.model, before.profile)
        else:
            model = self.plan(request.model)
        diff = request.starting_diff if before is None else None
        return Order(
            prompt=request.prompt,
            mode=request.mode,
            place=request.repository,
            model=model,
            ref=request.ref,
            checks=request.checks,
            configured=self.checks,
            attempts=request.attempts,
            limits=request.limits,
            strategy=request.strategy,
            seed=request.seed,
            environment=request.environment,
            starting_diff=(diff, await self.host.store.blob(diff)) if diff else None,
            images=request.images,
        )

    def _start(self, turn: Turn, start: AttemptStarted) -> AttemptStarted:
        return start.model_copy(update={"turn": turn.number, "continues": turn.continues})

    async def _heard(self, turn: Turn) -> tuple[int, tuple[Item, ...]]:
        """The number of the last message that was for a turn before, and what people said too late for that one."""
        attempts = await self.host.store.attempts(turn.task_id)
        logs = [await self.host.store.events(one.id) for one in attempts if one.turn < turn.number]
        taken = max((folds.last_message(events) for events in logs), default=0)
        messages = await self.host.store.messages.after(turn.task_id)
        past = [one for one in messages if one.at <= turn.created]
        left = tuple(UserMessage(text=one.text) for one in past if one.number > taken and one.kind == "steer")
        return max((one.number for one in past), default=0), left


def _ready(stored: Environments) -> asyncio.Future[Environments]:
    future: asyncio.Future[Environments] = asyncio.get_running_loop().create_future()
    future.set_result(stored)
    return future


def _carried(events: Sequence[Event], *, same_model: bool) -> list[Item]:
    """The conversation of a turn for the next one: every call has its result, and what only the model that wrote it
    can read goes to no other one."""
    start, items = folds.started(events), folds.conversation(events)
    if folds.prepared(events) is None and start is not None:
        items += [UserMessage(text=start.prompt)]
        result = folds.result(events)
        items += [AssistantMessage(text=result.summary)] if result is not None and result.summary else []
    begun = {one.call_id for one in folds.interrupted(events)}
    for call in folds.pending(events):
        text = STOPPED_BY_PERSON if call.call_id in begun else NOT_RUN
        items.append(ToolResult(call_id=call.call_id, content=text, is_error=True, freeform=call.freeform))
    if not same_model:
        items = [_plain(item) for item in items if not isinstance(item, Reasoning)]
    stop = folds.stopped(events)
    if stop is not None and stop.reason in ("interrupted", "cancelled"):
        items.append(DeveloperMessage(text=STOPPED_BEFORE))
    return items


def _plain(item: Item) -> Item:
    return item.model_copy(update={"id": None}) if isinstance(item, AssistantMessage | ToolCall) else item


def _rules(events: Sequence[Event]) -> tuple[str, ...]:
    before, prepared = folds.continued(events), folds.prepared(events)
    known = (*(before.rules if before else ()), *(prepared.rules if prepared else ()))
    return tuple(dict.fromkeys(known))


@asynccontextmanager
async def _alone(host: Host, task_id: str) -> AsyncGenerator[None]:
    """One attempt of a task begins at a time on this machine, so that all start from the same state of a folder."""
    folder = host.state / "beginnings"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = folder / f"{zlib.crc32(task_id.encode()) % LOCKS}.lock"  # shared, since one that is taken away holds nobody
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(0.02)
        yield
    finally:
        os.close(handle)
