"""The loop: ask the model, run what it asks for, append, until it is done."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from journeyman.agent import blocks, limits, prompts
from journeyman.agent.compact import Facts, compact, failing, is_compacted, near_the_end
from journeyman.agent.prompts import CUT_REPLY, MAY_HAVE_RUN
from journeyman.agent.stuck import circle, since_told
from journeyman.agent.work import Stop, Work
from journeyman.core import folds
from journeyman.core.errors import Refused, TooLong
from journeyman.core.events import AttemptStarted, Prepared, Replied, Said, ToolReturned, ToolStarted
from journeyman.core.ids import Clock
from journeyman.core.images import Image
from journeyman.core.items import AssistantMessage, DeveloperMessage, Item, ToolCall, UserMessage
from journeyman.core.model import Delta, ModelRequest, Profile
from journeyman.tools import registry
from journeyman.tools.recall import RECALL
from journeyman.tools.registry import Outcome, Toolbox

Checkpoint = Callable[[], Awaitable[tuple[str | None, bool]]]
"""Keeps the workspace's changes: the manifest's blob id, None when nothing changed, and whether it is all of them."""

RulesBelow = Callable[[tuple[str, ...]], Awaitable[str]]
"""The rules of the folders of these paths that the model was not told yet, rendered; empty when there are none."""

Boundary = Callable[[], Awaitable[None]]
"""Called between two steps: takes in what people said, and raises what ends the work there."""

Hear = Callable[[], Awaitable[bool]]
"""Takes in what people said; whether the model is told something."""

Complaints = Callable[[str], Awaitable[str]]
"""What is wrong with the form of an answer, in words for the model; empty where nothing is."""

Changed = Callable[[], Awaitable[Sequence[str]]]
"""The paths that differ from the base now, without what is ignored."""

STUCK = (
    "You go in circles: {what}. Work out why before the next call, then try something else: another way, another "
    "place, a smaller step. If nothing else is left, answer without a tool call and say what stops you."
)


WRITTEN = 1_200
"""Tokens that an answer in blocks may have, beside those for the code that is shown."""

TEMPERATURES = (0.0, 0.5, 0.8)
"""Of a small model's answers: the first is its best guess, the later ones are to be others."""


@dataclass(frozen=True, slots=True)
class Loop:
    """What the loop needs beyond `Work`. `announced` are the calls whose intent this process has just written."""

    work: Work
    toolbox: Toolbox
    prepared: Prepared
    checkpoint: Checkpoint
    rules_below: RulesBelow
    boundary: Boundary
    hear: Hear
    complaints: Complaints
    changed: Changed
    rerun: bool
    images: Mapping[str, Image] = field(default_factory=dict[str, Image])
    clock: Clock = time.time
    on_delta: Callable[[Delta], None] | None = None
    on_retry: Callable[[str, float], None] | None = None
    announced: set[str] = field(default_factory=set[str])


async def run(loop: Loop) -> Stop:
    """Work until the model answers without a call, and nobody has more to say, or a limit is reached."""
    log = loop.work.log
    while True:
        await run_pending(loop)
        await loop.boundary()
        if stop := limits.exceeded(log.events, loop.work.start.limits, loop.clock):
            return stop
        if stop := await break_circle(loop):
            return stop
        stop = Stop("finished") if blocks.are_done(log.events) else await step(loop)
        if stop is not None and not (stop.reason == "finished" and (await loop.hear() or await sent_back(loop))):
            return stop


async def step(loop: Loop) -> Stop | None:
    """The next request, or a shorter conversation where there is no room for one."""
    try:
        if near_the_end(loop.work.log.events, loop.work.model.profile):
            return await shorten(loop)
        return await ask(loop)
    except TooLong:  # the server counts otherwise than we do
        return await shorten(loop)


async def ask(loop: Loop) -> Stop | None:
    """One request; its reply goes to the log. A stop when it has no calls or the model cannot go on.

    Raises `TooLong`.
    """
    log, request = loop.work.log, _request(loop)
    began = time.monotonic()
    try:
        reply = await loop.work.model.reply(request, loop.on_delta, loop.on_retry)
    except Refused as error:
        return Stop("model", str(error))
    seconds = time.monotonic() - began
    if loop.work.start.mode == "code" and loop.work.start.profile.small:
        from journeyman.agent import written

        reply = await written.read(reply, loop.work.sandbox, loop.toolbox.context.root)
    replied = Replied(reply=reply, seconds=seconds)
    await log.append(replied, *_first_intent(loop, reply.calls))
    if reply.calls:
        return None
    if reply.stop == "length" and not _writes(loop.work.start):
        await log.append(Said(item=UserMessage(text=CUT_REPLY), why="limit"))
        return None
    return Stop("finished")


async def sent_back(loop: Loop) -> bool:
    """Tell the model once what its answer cites wrongly, before a person reads it."""
    events = folds.current(loop.work.log.events)
    if any(isinstance(event, Said) and event.why == "format" for event in events):
        return False
    if not (told := await loop.complaints(folds.last_text(events))):
        return False
    await loop.work.log.append(Said(item=DeveloperMessage(text=told), why="format"))
    return True


def _request(loop: Loop) -> ModelRequest:
    items = folds.conversation(loop.work.log.events)
    start = loop.work.start
    begun = sum(isinstance(item, AssistantMessage) for item in items)
    writes = _writes(start)
    if writes:
        items = _of_this_try(loop, items)
    more = (RECALL.spec,) if loop.prepared.tools and is_compacted(items) else ()
    return ModelRequest(
        instructions=loop.prepared.instructions,
        tools=(*loop.prepared.tools, *more),
        items=items,
        temperature=_temperature(start, begun),
        seed=start.seed + begun if start.profile.small else None,  # or two tries of one temperature are the same
        max_output_tokens=_longest(items, start.profile) if writes else None,
        cache_key=loop.work.log.id,
        images=loop.images,
    )


def _temperature(start: AttemptStarted, begun: int) -> float | None:
    """Of the request after so many replies. What a small model says of code by chance is mostly wrong, so its answers
    are its best guess; where it finds its way by calls it would go in circles so, and others know best themselves."""
    if not start.profile.small:
        return None
    if _writes(start):
        return TEMPERATURES[min(begun, len(TEMPERATURES) - 1)]
    return 0.0 if start.mode != "code" else None


def _writes(start: AttemptStarted) -> bool:
    return start.mode == "code" and prompts.writes(start.profile)


def _longest(items: Sequence[Item], profile: Profile) -> int:
    """Tokens that code takes where as much is shown; a small model that begins to repeat itself never ends."""
    shown = sum(len(item.text) for item in items if isinstance(item, UserMessage))
    return min(profile.max_output, WRITTEN + shown // 8)


def _of_this_try(loop: Loop, items: Sequence[Item]) -> Sequence[Item]:
    """What was said since the task was put, in this turn and at this try of it."""
    events = folds.current(loop.work.log.events)
    told = [event.item for event in events if isinstance(event, Said) and event.why == "checks"]
    put = [*loop.prepared.items, *told][-1]
    return items[next((at for at in reversed(range(len(items))) if items[at] == put), 0) :]


async def shorten(loop: Loop) -> Stop | None:
    """Make the conversation shorter; a stop where that is of no use."""
    log = loop.work.log
    facts = Facts(folds.plan(log.events), await loop.changed(), failing(log.events))
    made = await compact(loop.work.model, _request(loop), log.events, facts)
    if isinstance(made, Stop):
        return made
    await log.append(made)
    return None


async def run_pending(loop: Loop) -> None:
    """Answer every open call: side by side where all only read, else one after the other."""
    calls = folds.pending(loop.work.log.events)
    if not calls:
        return
    prepared = [loop.toolbox.prepare(call) for call in calls]
    touched: list[str] = []
    if len(calls) > 1 and all(isinstance(one, registry.Prepared) and one.tool.reads_only for one in prepared):
        outcomes = await asyncio.gather(*(answer(loop, call, one) for call, one in zip(calls, prepared, strict=True)))
    else:
        outcomes = [await answer(loop, call, one) for call, one in zip(calls, prepared, strict=True)]
    for outcome in outcomes:
        touched += outcome.touched
    if touched and (rules := await loop.rules_below(tuple(touched))):
        await loop.work.log.append(Said(item=UserMessage(text=rules), why="rules"))


async def answer(loop: Loop, call: ToolCall, prepared: registry.Prepared | Outcome) -> Outcome:
    """One call: its intent, its run, its outcome with a checkpoint of what it changed."""
    log = loop.work.log
    if isinstance(prepared, Outcome):
        await log.append(_returned(call, prepared))
        return prepared
    if call.call_id in loop.announced:
        loop.announced.remove(call.call_id)
        return await _run(loop, call, prepared)
    before = next((one for one in folds.interrupted(log.events) if one.call_id == call.call_id), None)
    if before is not None and not before.reads_only and not loop.rerun:
        outcome = Outcome(MAY_HAVE_RUN, is_error=True)
        await log.append(_returned(call, outcome))
        return outcome
    await log.append(_intent(call, prepared, again=before is not None))
    return await _run(loop, call, prepared)


async def _run(loop: Loop, call: ToolCall, prepared: registry.Prepared) -> Outcome:
    outcome = await loop.toolbox.run(prepared)
    manifest, complete = (None, True) if prepared.tool.reads_only else await loop.checkpoint()
    await loop.work.log.append(_returned(call, outcome, manifest, complete))
    return outcome


def _first_intent(loop: Loop, calls: Sequence[ToolCall]) -> list[ToolStarted]:
    """The intent of a reply's first call, to be written with the reply: one transaction less in most steps."""
    prepared = loop.toolbox.prepare(calls[0]) if calls else None
    if not isinstance(prepared, registry.Prepared):
        return []
    loop.announced.add(calls[0].call_id)
    return [_intent(calls[0], prepared)]


async def break_circle(loop: Loop) -> Stop | None:
    """Tell the model that it goes in circles; stop where it goes on with that."""
    events = loop.work.log.events
    if (found := circle(events)) is None:
        return None
    told = since_told(events)
    if told is None:
        await loop.work.log.append(Said(item=DeveloperMessage(text=STUCK.format(what=found.what)), why="stuck"))
    elif told >= found.patience:
        return Stop("stuck", f"Stopped: the model went in circles, also when it was told: {found.what}.")
    return None


def _intent(call: ToolCall, prepared: registry.Prepared, *, again: bool = False) -> ToolStarted:
    return ToolStarted(
        call_id=call.call_id,
        name=call.name,
        summary=prepared.summary[:200],
        reads_only=prepared.tool.reads_only,
        again=again,
        command=prepared.command,
    )


def _returned(call: ToolCall, outcome: Outcome, manifest: str | None = None, complete: bool = True) -> ToolReturned:
    return ToolReturned(
        call_id=call.call_id,
        name=call.name,
        content=outcome.content,
        is_error=outcome.is_error,
        freeform=call.freeform,
        checkpoint=manifest,
        checkpointed=complete,
        detail=outcome.detail,
    )
