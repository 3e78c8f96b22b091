"""From what a person asked for to the first events of a turn's attempts: what they start from, or go on from."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from journeyman.agent.prompts import NOT_RUN, STOPPED_BEFORE, STOPPED_BY_PERSON
from journeyman.attempt.begin import Order, beginning, survey, surveyed
from journeyman.attempt.cascade import named, priced
from journeyman.attempt.clones import ground_of, open_base
from journeyman.attempt.host import Host, ModelPlan
from journeyman.core import folds
from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import AttemptStarted, Continued, Event, Stopped
from journeyman.core.ids import attempt_id
from journeyman.core.items import (
    AssistantMessage,
    DeveloperMessage,
    Item,
    Reasoning,
    ToolCall,
    ToolResult,
    UserMessage,
)
from journeyman.core.model import Way
from journeyman.core.task import Attempt, Turn, TurnRequest
from journeyman.core.text import counted
from journeyman.store.environments import Environments
from journeyman.store.store import Store

First = AttemptStarted | Continued | Stopped
"""What an attempt may begin with; a stop where there is nothing to be worked."""

Plan = Callable[[str | None], Awaitable[ModelPlan]]
"""The model that a name stands for here, the default one for None. Raises `UsageError` where there is none."""


async def first_events(
    host: Host, turn: Turn, plan: Plan, checks: tuple[str, ...] = ()
) -> dict[str, tuple[First, ...]]:
    """The first events of each attempt of a turn, by attempt id. Looks at the repository; stores nothing.

    `checks` are commands of the settings, which yield to a task's own. A turn that names no attempt goes on from the
    one that the turn before handed over. Raises what is wrong in words.
    """
    maker = _Maker(host, plan, checks)
    before = turn.continues or await _handed_over(host, turn)
    start, *more = await (maker.first(turn) if before is None else maker.further(turn, before))
    seed = turn.request.seed
    return {
        attempt_id(turn.task_id, turn.number, number): (start.model_copy(update={"seed": seed + number - 1}), *more)
        for number in range(1, turn.request.attempts + 1)
    }


async def _handed_over(host: Host, turn: Turn) -> str | None:
    """The attempt that the newest of the turns before came to; one that has at least begun where none was chosen."""
    attempts = [one for one in await host.store.attempts(turn.task_id) if one.turn < turn.number and one.began]
    if not attempts:
        return None
    newest = max(one.turn for one in attempts)
    chosen = {one.number: one.chosen for one in await host.store.turns.all(turn.task_id)}.get(newest)
    return chosen or next(one.id for one in attempts if one.turn == newest)


async def worked(store: Store, attempt: Attempt) -> Attempt:
    """The attempt whose steps are meant: of one that did no more than to go back, the one that it went back in."""
    while attempt.summary.steps == 0 and attempt.turn > 1:
        back = folds.continued(await store.events(attempt.id))
        if back is None or not back.rewound:
            break
        attempt = await store.attempt(back.attempt)
    return attempt


@dataclass(frozen=True, slots=True)
class _Maker:
    host: Host
    plan: Plan
    checks: tuple[str, ...]

    async def first(self, turn: Turn) -> tuple[AttemptStarted]:
        order = await self._order(turn, None)
        found = await survey(order, ground_of(self.host), _ready(self.host.store.environments.seen_by(turn.author)))
        start = beginning(turn.task_id, order, found)
        return (start.model_copy(update={"turn": turn.number}),)

    async def further(self, turn: Turn, continues: str) -> tuple[First, ...]:
        events: Sequence[Event] = await self.host.store.events(continues)
        if turn.request.step is not None:
            events = _until(events, turn.request.step, continues)
        before = folds.started(events)
        if before is None:
            raise StoreError(f"The attempt {continues}, which this turn goes on from, has no beginning.")
        order = await self._order(turn, before)
        repository = await open_base(self.host, before.base)
        stored = _ready(self.host.store.environments.seen_by(turn.author))
        found = await surveyed(repository, before.base, order, stored)
        start = beginning(turn.task_id, order, found)
        heard, left = await self._heard(turn)
        items = _carried(events, same_model=start.model == before.model)
        manifest, complete = folds.checkpoint(events)
        result = folds.result(events)
        plan = folds.plan(events)
        start = start.model_copy(update={"turn": turn.number, "continues": continues, "heard": heard})
        back = Continued(
            attempt=continues,
            items=(*items, *left),
            rules=_rules(events),
            checkpoint=manifest,
            checkpointed=complete,
            tree=result.tree if result is not None else None,
            diff=result.diff if result is not None else None,
            step=turn.request.step,
            rewound=turn.request.rewind,
            plan=plan if any(step.status != "completed" for step in plan) else (),
        )
        return (start, back, *([Stopped(reason="finished", message=_rewound(back))] if turn.request.rewind else []))

    async def _order(self, turn: Turn, before: AttemptStarted | None) -> Order:
        """A follow-up keeps the model, unless it names another one."""
        request = turn.request
        if before is not None and request.model in (None, before.model):
            model = ModelPlan(before.model, before.profile)
        else:
            model = await self.plan(request.model)
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
            cascade=await self._cascade(request),
            cascade_order=request.cascade_order,
            strategy=request.strategy or (before.strategy if before is not None and request.step is not None else None),
            seed=request.seed,
            environment=request.environment,
            starting_diff=(diff, await self.host.store.blob(diff)) if diff else None,
            images=request.images,
            against=request.against,
        )

    async def _cascade(self, request: TurnRequest) -> tuple[tuple[ModelPlan, Way | None], ...]:
        if request.strategy != "cascade":
            return ()
        return tuple([(await priced(await self.plan(name)), way) for name, way in map(named, request.cascade)])

    async def _heard(self, turn: Turn) -> tuple[int, tuple[Item, ...]]:
        """The number of the last message that was for a turn before, and what people said too late for that one."""
        attempts = await self.host.store.attempts(turn.task_id)
        logs = [await self.host.store.events(one.id) for one in attempts if one.turn < turn.number]
        taken = max((folds.last_message(events) for events in logs), default=0)
        messages = await self.host.store.messages.after(turn.task_id)
        past = [one for one in messages if one.at <= turn.created]
        left = tuple(UserMessage(text=one.text) for one in past if one.number > taken and one.kind == "steer")
        return max([taken, *(one.number for one in past)]), left


def _ready(stored: Environments) -> asyncio.Future[Environments]:
    future: asyncio.Future[Environments] = asyncio.get_running_loop().create_future()
    future.set_result(stored)
    return future


def _until(events: Sequence[Event], step: int, attempt: str) -> Sequence[Event]:
    """The events of an attempt until a step has ended. Raises `UsageError` where there is no such step, or its files
    are not kept."""
    steps = folds.replies(events)
    if step > steps:
        raise UsageError(f"Attempt {attempt} has {counted(steps, 'step')}; there is no step {step}.")
    found = folds.up_to(events, step)
    if step < steps and not folds.checkpoint(found)[1]:
        kept = next((one for one in range(step, 0, -1) if folds.checkpoint(folds.up_to(events, one))[1]), 0)
        raise UsageError(
            f"The files after step {step} of attempt {attempt} are not kept, since they were too many. The last step "
            f"before it whose files are kept is {kept}."
        )
    return found


def _rewound(back: Continued) -> str:
    _, _, name = back.attempt.partition(".")
    return f"The workspace is as it was after step {back.step} of attempt {name}, and so is the conversation."


def _carried(events: Sequence[Event], *, same_model: bool) -> list[Item]:
    """The conversation of a turn for the next one: every call has its result, and what only the model that wrote it
    can read goes to no other one."""
    start, items = folds.started(events), folds.conversation(events)
    before = folds.continued(events)
    if folds.prepared(events) is None and start is not None and not (before is not None and before.rewound):
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
