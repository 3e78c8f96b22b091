"""What the earlier stages of a cascade have learned: in words for a model, and as patches for a search."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from journeyman.agent.work import Earlier
from journeyman.core.errors import StoreError, UsageError
from journeyman.core.events import (
    PROVISIONAL,
    CandidateTried,
    CommandEnded,
    Escalated,
    Event,
    Replied,
    Stopped,
    ToolReturned,
)
from journeyman.core.evidence import CheckRun, Result, best
from journeyman.core.model import Profile
from journeyman.core.text import clip, counted, decode, one_line
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store

HELPED = 2
"""Edits that helped some tests, of each stage."""
COMMANDS = 3
"""Failing commands of each stage that are told."""


@dataclass(frozen=True, slots=True)
class Room:
    """Characters that a model is told: of a summary, of the best patch, of another one, of how a test fails; and how
    many tests."""

    summary: int = 1_500
    patch: int = 6_000
    other: int = 1_500
    failure: int = 400
    tests: int = 20


SMALL = Room(summary=400, patch=1_500, other=400, failure=160, tests=5)


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage that is over: its events, with the one that ended it."""

    end: Escalated
    events: Sequence[Event]

    @property
    def result(self) -> Result:
        return self.end.result


def _stages(events: Sequence[Event]) -> Iterator[_Stage]:
    begin = 0
    for at, event in enumerate(events):
        if isinstance(event, Escalated):
            yield _Stage(event, events[begin:at])
            begin = at + 1


async def earlier(store: Store, events: Sequence[Event]) -> tuple[Earlier, ...]:
    """What a search may try first, and need not try again."""
    found: list[Earlier] = []
    for stage in _stages(events):
        patch = await _patch(store, stage.result.diff) if stage.result.diff is not None else ""
        found.append(Earlier(patch, _helped(stage)))
    return tuple(found)


async def learned(store: Store, log: AttemptLog, profile: Profile) -> str:
    """What the stages before came to, for the model of `profile` that goes on; empty for the first one."""
    stages, room = list(_stages(log.events)), SMALL if profile.small else Room()
    if not stages:
        return ""
    changed = {f"{at:03}": stage.result for at, stage in enumerate(stages) if stage.result.diff is not None}
    top = int(best(changed)) if changed else -1
    parts = [await _words(store, log, stage, room, at == top) for at, stage in enumerate(stages)]
    return "\n\n".join([*parts, "Learn from that; do not take over what is wrong."])


async def _words(store: Store, log: AttemptLog, stage: _Stage, room: Room, is_best: bool) -> str:
    result = stage.result
    said = [f"Another try at this, whose changes are gone, did not get there: {stage.end.why}"]
    said += _tried(stage)
    if result.summary.strip():
        said.append(f"It said:\n{clip(result.summary, room.summary)}")
    if result.diff is not None:
        title = "Its change, the best so far" if is_best else "Its change"
        said.append(f"{title}:\n{clip(await _patch(store, result.diff), room.patch if is_best else room.other)}")
    else:
        said += [f"An edit that helped some tests:\n{clip(diff, room.other)}" for diff in _helped(stage)]
    runs = result.result_checks or result.base_checks
    for run in (run for run in runs if not run.passed):
        when = "after it" if result.result_checks else "as before"
        said.append(f"Fails {when}: {await _failure(store, log, run, room)}")
    if result.comparison.fixed:
        said.append("Mended by it: " + ", ".join(result.comparison.fixed[: room.tests]))
    if result.comparison.broken:
        said.append("Broken by it: " + ", ".join(result.comparison.broken[: room.tests]))
    return "\n".join(said)


def _tried(stage: _Stage) -> list[str]:
    """In a sentence or two how the stage went about it."""
    told: list[str] = []
    stop = next((one for one in reversed(stage.events) if isinstance(one, Stopped)), None)
    if stop is not None and stop.reason != "finished" and stop.message:
        told.append(f"It ended so: {one_line(stop.message, 300)}")
    edits = [one for one in stage.events if isinstance(one, CandidateTried)]
    if edits:
        kinds = dict.fromkeys(one.source.partition(":")[0] for one in edits)
        told.append(f"It tried {counted(len(edits), 'small edit')} ({', '.join(kinds)}).")
    else:
        told.append(f"It took {counted(sum(isinstance(one, Replied) for one in stage.events), 'step')}.")
    ended = [
        one.detail for one in stage.events if isinstance(one, ToolReturned) and isinstance(one.detail, CommandEnded)
    ]
    failed = list(dict.fromkeys(one_line(one.command, 120) for one in ended if one.exit_code))[-COMMANDS:]
    if failed:
        told.append("Commands that failed when it ran them: " + ", ".join(f"`{command}`" for command in failed))
    return told


def _helped(stage: _Stage) -> tuple[str, ...]:
    better = [one.diff for one in stage.events if isinstance(one, CandidateTried) and one.outcome == "better"]
    whole = {one.diff for one in stage.events if isinstance(one, CandidateTried) and one.note == PROVISIONAL}
    return tuple(dict.fromkeys(diff for diff in better if diff not in whole))[:HELPED]


async def _failure(store: Store, log: AttemptLog, run: CheckRun, room: Room) -> str:
    """How a check fails: its tests with what they say, or the end of what it wrote."""
    lines = [f"`{one_line(run.check.command, 200)}`" + (f", cut: {run.cut}" if run.cut else "")]
    for test in run.failing[: room.tests]:
        message = clip(test.message.strip(), room.failure)
        lines.append(f"- {test.id}" + (f": {message}" if message else ""))
    if len(run.failing) > room.tests:
        lines.append(f"- and {len(run.failing) - room.tests} more")
    if not run.failing:
        try:
            output = decode(await store.chunk(log.id, run.chunk)).strip()
        except (StoreError, UsageError):
            output = ""
        lines += [output[-2 * room.failure :]] if output else []
    return "\n".join(lines)


async def _patch(store: Store, blob: str) -> str:
    try:
        return decode(await store.blob(blob))
    except StoreError:
        return "(not kept)"
