"""Tasks as lists and pages show them, read for one person."""

from collections.abc import Iterable, Sequence

from journeyman.core import folds
from journeyman.core.api.tasks import AttemptUsage, TaskLine, TaskUsage, TaskView
from journeyman.core.task import Attempt, Message, Task
from journeyman.core.usage import Usage
from journeyman.server.auth.actor import Actor
from journeyman.server.parts import Parts
from journeyman.server.views.lines import Names, acts, task_line, turn_views
from journeyman.server.visible import Sight, changes, sight
from journeyman.store.lines import Filter, Line, Viewer

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
    return tuple(task_line(line.task, line.attempts, line.usage, names, unread=line.unread) for line in lines)


async def line_of(parts: Parts, actor: Actor, task_id: str) -> TaskLine | None:
    """One task's line; None where there is no such task, or who asks does not see it."""
    found = await parts.store.lines.of((task_id,), Filter(viewer=viewer(actor), archived=None), person=reader(actor))
    return (await task_lines(parts, found))[0] if found else None


async def changed_line(parts: Parts, actor: Actor, task_id: str) -> TaskLine:
    """The line of a task that was just changed, by somebody who may have given it out of their own sight by that."""
    return (await task_lines(parts, await parts.store.lines.of((task_id,), person=reader(actor))))[0]


async def task_view(parts: Parts, actor: Actor, task: Task) -> TaskView:
    """A task as its page opens: rows only, whatever the length of its log."""
    store = parts.store
    lines = await store.lines.of((task.id,), person=reader(actor))
    attempts, turns = await store.attempts(task.id), await store.turns.all(task.id)
    names = await _names(parts, (task.owner, *(turn.author for turn in turns)))
    line = lines[0] if lines else Line(task, ())
    shown = task_line(line.task, line.attempts, line.usage, names, unread=line.unread)
    waiting = await _waiting(parts, line) if shown.status in ("queued", "running") else ()
    return TaskView(
        task=shown,
        prompt=task.prompt,
        budget=task.budget,
        turns=turn_views(task, turns, attempts, names),
        messages=waiting,
        acts=acts(shown, line.attempts, may=changes(actor, task)),
    )


async def _waiting(parts: Parts, line: Line) -> tuple[Message, ...]:
    """What people said that an attempt at work has not taken yet."""
    said = await parts.store.messages.after(line.task.id)
    if not said:
        return ()
    running = [attempt for attempt in line.attempts if attempt.status in ("queued", "running")]
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
