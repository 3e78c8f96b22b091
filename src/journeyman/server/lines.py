"""Tasks as lists and pages show them, read for one person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from journeyman.core import folds
from journeyman.core.api.tasks import AttemptUsage, TaskLine, TaskUsage, TaskView
from journeyman.core.task import Attempt, Message, Task, Turn
from journeyman.core.usage import Usage
from journeyman.server.auth.actor import Actor
from journeyman.server.errors import not_found
from journeyman.server.parts import Parts
from journeyman.server.views.lines import Names, acts, task_line, turn_views
from journeyman.server.visible import Sight, changes, sight
from journeyman.store.lines import Line, Viewer

OPEN = "-"
"""Whose marks of what was read are kept on a server without sign-in."""


def reader(actor: Actor) -> str:
    """Under which name what somebody has read is kept."""
    return actor.id or OPEN


def viewer(actor: Actor) -> Viewer | None:
    """The bounds of what somebody sees, as the store takes them."""
    bounds: Sight | None = sight(actor)
    return None if bounds is None else Viewer(bounds.owner, tuple(sorted(bounds.groups)))


async def task_lines(parts: Parts, lines: Sequence[Line]) -> tuple[TaskLine, ...]:
    names = await _names(parts, (line.task.owner for line in lines))
    return tuple(task_line(line, names, unread=line.unread) for line in lines)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a task stands, the same for all who look at it. `seen` says how far each person has read."""

    line: Line
    attempts: Sequence[Attempt]
    turns: Sequence[Turn]
    names: Names
    messages: tuple[Message, ...]
    seen: Mapping[str, int]

    @property
    def task(self) -> Task:
        return self.line.task

    def view(self, actor: Actor) -> TaskView:
        """The task as it is for somebody."""
        line, task = self.line, self.line.task
        unread = self.seen.get(reader(actor), 0) < task.seq
        shown = task_line(line, self.names, unread=unread)
        return TaskView(
            task=shown,
            prompt=task.prompt,
            budget=task.budget,
            turns=turn_views(task, self.turns, self.attempts, self.names),
            messages=self.messages if shown.status in ("queued", "running") else (),
            acts=acts(shown, line.attempts, may=changes(actor, task)),
        )


async def standing(parts: Parts, task_id: str) -> Standing | None:
    """How a task stands now, by its rows alone, whatever the length of its log. None where there is no such task."""
    store = parts.store
    found = await store.lines.of((task_id,))
    if not found:
        return None
    attempts, turns = await store.attempts(task_id), await store.turns.all(task_id)
    seen = await store.pages.seen_of((task_id,))
    names = await _names(parts, (found[0].task.owner, *(turn.author for turn in turns)))
    return Standing(
        line=found[0],
        attempts=attempts,
        turns=turns,
        names=names,
        messages=await _waiting(parts, found[0]),
        seen={person: seq for (person, _), seq in seen.items()},
    )


async def task_view(parts: Parts, actor: Actor, task_id: str) -> TaskView:
    """A task as its page opens."""
    found = await standing(parts, task_id)
    if found is None:
        raise not_found("task", task_id)
    return found.view(actor)


async def _waiting(parts: Parts, line: Line) -> tuple[Message, ...]:
    """What people said that an attempt at work has not taken yet."""
    running = [attempt for attempt in line.attempts if attempt.status in ("queued", "running")]
    said = await parts.store.messages.after(line.task.id) if running else []
    if not said:
        return ()
    taken = [await _taken(parts, attempt) for attempt in running]
    return tuple(message for message in said if taken and message.number > min(taken))


async def _taken(parts: Parts, attempt: Attempt) -> int:
    """The number of the last message that an attempt took."""
    found = await parts.store.pages.of_kinds(attempt.id, ("said", "heard"), newest=50)
    return folds.last_message(found)


async def task_usage(parts: Parts, task: Task) -> TaskUsage:
    attempts = await parts.store.attempts(task.id)
    models = {turn.number: turn.request.model for turn in await parts.store.turns.all(task.id)}
    total = Usage()
    for attempt in attempts:
        total = total + attempt.summary.usage
    return TaskUsage(
        total=total,
        budget=task.budget,
        attempts=tuple(
            AttemptUsage(
                attempt=attempt.id,
                name=f"{attempt.turn}.{attempt.number}",
                model=models.get(attempt.turn) or task.model,
                steps=attempt.summary.steps,
                seconds=max((attempt.ended or parts.clock()) - attempt.began, 0.0) if attempt.began else 0.0,
                usage=attempt.summary.usage,
            )
            for attempt in attempts
        ),
    )


async def _names(parts: Parts, ids: Iterable[str | None]) -> Names:
    wanted = {one for one in ids if one is not None}
    return await parts.store.people.names(wanted) if wanted else {}
