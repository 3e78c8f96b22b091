"""A conversation that comes near the end of the model's window is made shorter, with nothing that matters lost.

What people and rules said stays word for word, and so do the last steps. The plan, the changed files and the failing
checks are told anew from the log and the workspace, so they cannot be forgotten or made up. Only the rest is
summarised, by the model; all of it stays in the log, where `recall` finds it.

A request may fill `HIGH` of the room that the window has beside a reply. After it was made shorter it must be below
`LOW`, so that the next steps have room; where that cannot be had, or is had only for a step or two again and again, the
attempt stops and says why.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from journeyman.agent import prompts
from journeyman.agent.work import Stop
from journeyman.core import folds
from journeyman.core.errors import Refused, TooLong
from journeyman.core.events import CommandEnded, Compacted, Continued, Event, PlanStep, Prepared, Replied, ToolReturned
from journeyman.core.items import AssistantMessage, DeveloperMessage, Item, Reasoning, ToolCall, ToolResult, UserMessage
from journeyman.core.model import ModelRequest, Profile, Reply
from journeyman.core.text import clip, counted, one_line
from journeyman.core.usage import Usage
from journeyman.models.protocol import Model

HIGH = 0.9
LOW = 0.7
TAIL = 0.2
"""The part of the room that the last steps may take as they are."""
LAST = 0.35
"""The same for the very last step alone."""
SUMMARY = 0.1
"""The part that the summary may take, in all at most `MOST` tokens."""
MOST = 4_000
ROUNDS, STEPS = 3, 4
"""So often within so few steps is a loop."""
GUESS = 1 / 3
"""Tokens of a character, until the model's server has said how it counts."""
TESTS = 30
FILES = 100
IMAGE = 5_000
"""Characters that an image counts as."""


@dataclass(frozen=True, slots=True)
class Size:
    """What the next request takes, in tokens, and how many tokens a character is."""

    tokens: int
    rate: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told anew from the log and the workspace."""

    plan: tuple[PlanStep, ...]
    changed: Sequence[str]
    failing: Sequence[str]


def room(profile: Profile) -> int:
    """Tokens that a request may have beside a reply."""
    return profile.window - min(profile.max_output, profile.window // 4)


def measured(events: Sequence[Event]) -> Size:
    """The size of the next request: what the server counted of the last one, and an estimate of what came since."""
    total, since, known, rate = 0, 0, 0, GUESS
    for event in folds.current(events):
        if isinstance(event, Compacted):
            total, since, known = _overhead(events), 0, 0
            added = weight(event.items)
        else:
            added = weight(folds.items_of(event))
        if isinstance(event, Prepared):
            total += len(event.instructions) + len(json.dumps([tool.model_dump() for tool in event.tools]))
        if isinstance(event, Replied) and (used := event.reply.usage).input_tokens and total:
            rate = min(max(used.input_tokens / total, 0.1), 1.0)
            known, since = used.input_tokens + used.output_tokens, 0
            total += added
            continue
        total += added
        since += added
    return Size(int(known + since * rate) if known else int(total * rate), rate)


def _overhead(events: Sequence[Event]) -> int:
    told = folds.prepared(events)
    return len(told.instructions) + len(json.dumps([tool.model_dump() for tool in told.tools])) if told else 0


def weight(items: Sequence[Item]) -> int:
    """Characters of items, as they are sent."""
    total = 0
    for item in items:
        match item:
            case ToolCall(arguments=text) | ToolResult(content=text) | DeveloperMessage(text=text):
                total += len(text)
            case UserMessage(text=text, images=images):
                total += len(text) + IMAGE * len(images)
            case AssistantMessage(text=text):
                total += len(text)
            case Reasoning(text=text, opaque=opaque):
                total += max(len(text), len(opaque or ""))
        total += 20
    return total


def near_the_end(events: Sequence[Event], profile: Profile) -> bool:
    return measured(events).tokens > HIGH * room(profile)


def is_compacted(items: Sequence[Item]) -> bool:
    """Whether some of a conversation was left out, in this turn or one before."""
    return any(isinstance(item, DeveloperMessage) and item.text.startswith(prompts.HANDOVER) for item in items)


def circles(events: Sequence[Event]) -> bool:
    """Whether a further summary would be one of many in a row, or follow on the last one without a step between."""
    steps, rounds = 0, 0
    for event in reversed(folds.current(events)):
        if isinstance(event, Replied):
            steps += 1
        elif isinstance(event, Compacted):
            rounds += 1
            if steps == 0 or (rounds >= ROUNDS - 1 and steps <= STEPS):
                return True
        if steps > STEPS:
            return False
    return False


async def compact(model: Model, request: ModelRequest, events: Sequence[Event], facts: Facts) -> Compacted | Stop:
    """The event that makes the conversation shorter; a stop where it cannot be made short enough.

    `request` is the one that has become too long.
    """
    profile = model.profile
    most, size = room(profile), measured(events)
    if circles(events):
        return Stop("context", TOO_SMALL.format(window=profile.window, why="each step fills it anew"))
    began = time.monotonic()
    reply = await _summarise(model, request, int(min(SUMMARY * most, MOST)))
    text = reply.text.strip() if reply is not None else ""
    summary = text or outline(events)
    by: Literal["model", "harness"] = "model" if text else "harness"
    limit = int(SUMMARY * most / size.rate)
    overhead = _overhead(events)
    for tail in (_tail(request.items, int(TAIL * most / size.rate), int(LAST * most / size.rate)), ()):
        head = _said(request.items[: len(request.items) - len(tail)])
        block = DeveloperMessage(text=handover(facts, clip(summary, limit), by))
        items = (*head, block, *tail)
        after = int((weight(items) + overhead) * size.rate)
        if after <= LOW * most:
            return Compacted(
                items=items,
                summary=clip(summary, limit),
                by=by,
                before=size.tokens,
                after=after,
                usage=reply.usage if reply is not None else Usage(),
                seconds=time.monotonic() - began,
            )
    why = f"what must stay in it, the request and the rules above all, takes about {after:,} tokens"
    return Stop("context", TOO_SMALL.format(window=profile.window, why=why))


TOO_SMALL = (
    "Stopped: the model's window of {window:,} tokens is too small for this, since {why}. What was done is kept; go on "
    "with a follow-up, or with a model whose window is larger."
)


async def _summarise(model: Model, request: ModelRequest, tokens: int) -> Reply | None:
    """The model's summary. The request goes on from the one before, so that the server's cache of it holds; where it
    does not fit, the older half is left out. None where the model gives none."""
    ask = UserMessage(text=prompts.SUMMARISE.format(words=tokens // 2))
    items = list(request.items)
    small = model.profile.small
    for _ in range(3):
        shorter = ModelRequest(
            instructions=request.instructions,
            items=[*items, ask],
            tools=() if small else request.tools,
            max_output_tokens=max(tokens, 256) if small else min(model.profile.max_output, max(tokens * 2, 1_024)),
            cache_key=request.cache_key,
            images=request.images,
        )
        try:
            return await model.reply(shorter)
        except TooLong:
            items = [*_said(items), *_tail(items, weight(items) // 3, weight(items) // 3)]
        except Refused:
            return None
    return None


def _said(items: Sequence[Item]) -> list[Item]:
    """What people said, and the rules: everything that is not the model's own or what it saw."""
    return [item for item in items if isinstance(item, UserMessage) and item.text != prompts.CUT_REPLY]


def _tail(items: Sequence[Item], most: int, last: int) -> Sequence[Item]:
    """The last whole steps that take at most `most` characters; the very last may take `last`."""
    begins = [at for at, item in enumerate(items) if _writes(item) and (at == 0 or not _writes(items[at - 1]))]
    start = len(items)
    for at in reversed(begins):
        size = weight(items[at:])
        if size > most and not (start == len(items) and size <= last):
            break
        start = at
    return items[start:]


def _writes(item: Item) -> bool:
    return isinstance(item, AssistantMessage | Reasoning | ToolCall)


def handover(facts: Facts, summary: str, by: str) -> str:
    """What stands in a conversation for what was left out."""
    parts = [prompts.HANDOVER]
    if facts.plan:
        marks = {"completed": "x", "in_progress": ">", "pending": " "}
        parts.append("Plan:\n" + "\n".join(f"[{marks[one.status]}] {one.step}" for one in facts.plan))
    if facts.changed:
        more = f"\n… and {len(facts.changed) - FILES} more" if len(facts.changed) > FILES else ""
        parts.append("Files changed so far:\n" + "\n".join(facts.changed[:FILES]) + more)
    if facts.failing:
        parts.append("Failing:\n" + "\n".join(facts.failing))
    title = "Your summary" if by == "model" else "What was done, step by step"
    parts.append(f"{title}:\n{summary}")
    return "\n\n".join(parts)


def failing(events: Sequence[Event]) -> list[str]:
    """The checks, and the commands that were used as such, that failed when they last ran, with their tests."""
    told: list[str] = []
    for run in folds.checks(events, "base"):
        if not run.passed:
            tests = [test.id for test in run.failing][:TESTS]
            more = f": {', '.join(tests)}" if tests else ""
            told.append(f"`{run.check.command}` before any change{more}")
    last: dict[str, CommandEnded] = {}
    for event in folds.current(events):
        if isinstance(event, ToolReturned) and isinstance(event.detail, CommandEnded):
            last.pop(event.detail.command, None)
            last[event.detail.command] = event.detail
    checks = {run.check.command for run in folds.checks(events, "base")}
    failed = [one for one in last.values() if one.exit_code != 0 and one.session is None]
    shown = [one for one in failed if one.command in checks] + [one for one in failed if one.command not in checks][-5:]
    for one in shown:
        end = f"exit {one.exit_code}" if one.exit_code is not None else f"cut: {one.cut}"
        told.append(f"`{one_line(one.command, 200)}` when you last ran it ({end}, chunk {one.chunk})")
    return told


def outline(events: Sequence[Event]) -> str:
    """What was done, a line for each step, where the model has written no summary."""
    lines: list[str] = []
    step = 0
    for event in folds.current(events):
        if isinstance(event, Continued):
            lines.append(f"This goes on from attempt {event.attempt}.")
        if isinstance(event, Replied):
            step += 1
            if event.reply.text.strip():
                lines.append(f"{step}: {one_line(event.reply.text, 160)}")
        if isinstance(event, ToolReturned):
            what = event.detail.command if isinstance(event.detail, CommandEnded) else event.name
            lines.append(f"{step}: {one_line(what, 100)} – {'failed' if event.is_error else 'done'}")
    return "\n".join(lines) or counted(step, "step")
