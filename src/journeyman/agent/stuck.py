"""Work that goes in circles: noticed, told to the model, and stopped where it goes on all the same.

A step's signature is what it asked for and what came of it, without what differs from run to run. Three kinds of circle
are told apart: the same step again and again, two or three steps in turn, and calls that fail however they are put.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from journeyman.core.events import Compacted, Escalated, Event, Replied, Said, ToolReturned
from journeyman.core.text import one_line

REPEATS = 4
"""The same step with the same answer, this often in a row."""
ROUNDS = 3
"""Rounds of two or three steps that alternate."""
PERIODS = (2, 3)
FAILURES = 8
"""Steps in a row in which every call failed."""
SAME_FAILURES = 5
"""The same where all of them failed alike, though the calls differ."""
LOOKED_AT = 40
WAITING = "Process running with session ID"

_CHANGING = re.compile(r"0x[0-9a-f]+|\d+")
_NOISE = ("Chunk ID:", "Wall time:")


@dataclass(frozen=True, slots=True)
class Circle:
    """What goes round, in words for the model and for a person, and how many more steps the model is given when it has
    been told."""

    what: str
    patience: int


@dataclass(frozen=True, slots=True)
class _Step:
    asked: tuple[str, ...]
    answers: tuple[str, ...]
    failed: bool
    errors: tuple[str, ...]

    @property
    def waits(self) -> bool:
        """Whether it only waited for what runs: that has a time limit of its own."""
        return all(asked.startswith("write_stdin ") for asked in self.asked) and WAITING in "".join(self.answers)

    @property
    def same(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.asked, self.answers


def circle(events: Sequence[Event]) -> Circle | None:
    """The circle that the last steps make; None where they make none."""
    steps = _steps(events)
    if not steps:
        return None
    if _run(steps, 1) >= REPEATS:
        return Circle(f"{_named(steps[0])} was done {_run(steps, 1)} times in a row with the same result", 1)
    for period in PERIODS:
        if _run(steps, period) >= ROUNDS * period:
            turns = " and ".join(dict.fromkeys(_named(step) for step in reversed(steps[:period])))
            return Circle(f"{turns} were done in turn, {ROUNDS} times with the same results", period)
    failures = next((at for at, step in enumerate(steps) if not step.failed), len(steps))
    alike = next((at for at, step in enumerate(steps) if step.errors != steps[0].errors or not step.failed), len(steps))
    if alike >= SAME_FAILURES:
        return Circle(f'the last {alike} steps failed with "{one_line(steps[0].errors[0], 100)}"', 2)
    if failures >= FAILURES:
        return Circle(f"every call of the last {failures} steps failed", 3)
    return None


def since_told(events: Sequence[Event]) -> int | None:
    """The steps since the model was told that it goes in circles; None where it was not in the last ones."""
    steps = 0
    for event in reversed(events):
        if isinstance(event, Said) and event.why == "stuck":
            return steps
        steps += isinstance(event, Replied)
        if steps > FAILURES:
            return None
    return None


def _steps(events: Sequence[Event]) -> list[_Step]:
    """The last steps, the newest first, as far back as the model has them before its eyes."""
    steps: list[_Step] = []
    returned: dict[str, ToolReturned] = {}
    for event in reversed(events):
        match event:
            case ToolReturned():
                returned[event.call_id] = event
            case Replied():
                step = _step(event, returned)
                if step.waits or not (event.reply.calls or event.reply.stop == "length"):
                    break
                steps.append(step)
                if len(steps) == LOOKED_AT:
                    break
            case Said(why="steer") | Compacted() | Escalated():
                break
            case _:
                pass
    return steps


def _step(event: Replied, returned: dict[str, ToolReturned]) -> _Step:
    calls = event.reply.calls
    answers = [returned.get(call.call_id) for call in calls]
    texts = tuple(_without_noise(answer.content) if answer is not None else "" for answer in answers)
    return _Step(
        asked=tuple(f"{call.name} {call.arguments}" for call in calls) or (event.reply.text,),
        answers=texts,
        failed=bool(calls) and all(answer is not None and answer.is_error for answer in answers),
        errors=tuple(dict.fromkeys(_CHANGING.sub("0", text) for text in texts)),
    )


def _run(steps: Sequence[_Step], period: int) -> int:
    """How many of the newest steps repeat what was `period` steps before, that one counted in."""
    if period > 1 and len({step.same for step in steps[:period]}) < period:
        return 0
    count = min(period, len(steps))
    while count < len(steps) and steps[count].same == steps[count - period].same:
        count += 1
    return count


def _named(step: _Step) -> str:
    return f"`{one_line(step.asked[0], 80)}`"


def _without_noise(content: str) -> str:
    """A command's answer without what differs from run to run."""
    return "\n".join(line for line in content.split("\n") if not line.startswith(_NOISE))
