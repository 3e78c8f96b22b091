"""A task in a line of a list, and as its page opens."""

from collections.abc import Mapping, Sequence
from typing import Literal

from journeyman.core.api.tasks import Act, AttemptLine, TaskLine, TurnView
from journeyman.core.task import Attempt, Status, StopReason, Summary, Task, Turn
from journeyman.server.views.choice import ranked, why
from journeyman.store.holder import is_dead
from journeyman.store.lines import Line

Names = Mapping[str, str]
"""People's names by their ids."""

OVER: tuple[Status, ...] = ("interrupted", "done", "failed", "cancelled")


def shown(task: Task, attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt that stands for a task: the chosen one, one at work, the best, the first."""
    chosen = [attempt for attempt in attempts if attempt.id == task.chosen]
    running = [attempt for attempt in attempts if attempt.status == "running"]
    return next(iter((*chosen, *running, *ranked(attempts), *attempts)), None)


def status_of(task: Task, attempts: Sequence[Attempt]) -> Status:
    """The task's status; one of a terminal whose process has gone was interrupted, whatever was last written down."""
    if task.origin != "cli" or task.status not in ("queued", "running"):
        return task.status
    held = any(attempt.holder and not is_dead(attempt.holder) for attempt in attempts)
    return task.status if held or task.turn > 1 else "interrupted"


def task_line(line: Line, names: Names, *, unread: bool) -> TaskLine:
    """A line as somebody sees it who has read all of it, or not."""
    task, attempts = line.task, line.attempts
    status = status_of(task, attempts)
    one = shown(task, attempts)
    begun = [attempt.began for attempt in attempts if attempt.began is not None]
    ended = [attempt.ended for attempt in attempts if attempt.ended is not None]
    stop = one.summary.stop if one else None
    return TaskLine(
        id=task.id,
        title=task.title,
        mode=task.mode,
        status=status,
        verdict=one.verdict if one else None,
        stop=stop,
        reason=task.reason,
        needs=needs(status, stop, unread=unread and not task.archived),
        repository=task.repository,
        environment=task.environment,
        ref=task.ref,
        model=task.model,
        turn=task.turn,
        attempts=task.attempts,
        running=sum(attempt.status == "running" for attempt in attempts) if status == "running" else 0,
        chosen=task.chosen,
        created=task.created,
        updated=max((task.updated, *ended)),
        began=min(begun) if begun else None,
        ended=max(ended) if ended and status in OVER else None,
        owner=task.owner,
        owner_name=names.get(task.owner) if task.owner else None,
        group=task.group,
        origin=task.origin,
        parent=task.parent,
        schedule=task.schedule,
        priority=task.priority,
        archived=task.archived,
        applied=task.applied,
        seq=task.seq,
        unread=unread,
        summary=one.summary if one else Summary(),
        usage=line.usage,
        pull_request=line.pull_request,
    )


def needs(status: Status, stop: StopReason | None, *, unread: bool) -> Literal["approve", "review", "retry"] | None:
    """What a person should do about a task."""
    if status == "interrupted" and stop == "budget":
        return "approve"
    if status in ("failed", "interrupted"):
        return "retry"
    return "review" if status == "done" and unread else None


def attempt_line(attempt: Attempt, chosen: str | None) -> AttemptLine:
    fields = {name: getattr(attempt, name) for name in Attempt.model_fields}
    return AttemptLine(**fields, name=f"{attempt.turn}.{attempt.number}", chosen=attempt.id == chosen)


def turn_views(task: Task, turns: Sequence[Turn], attempts: Sequence[Attempt], names: Names) -> tuple[TurnView, ...]:
    """All turns of a task, those too that have no row: a terminal's first."""
    rows = {turn.number: turn for turn in turns}
    numbers = sorted({*rows, *(attempt.turn for attempt in attempts), 1})
    return tuple(
        _turn(task, number, rows.get(number), [one for one in attempts if one.turn == number], names)
        for number in numbers
    )


def _turn(task: Task, number: int, row: Turn | None, attempts: Sequence[Attempt], names: Names) -> TurnView:
    newest = number == task.turn
    chosen = (row.chosen if row else None) or (task.chosen if newest else None)
    lines = tuple(attempt_line(attempt, chosen) for attempt in attempts)
    if row is None:
        return TurnView(
            number=number,
            prompt=task.prompt,
            mode=task.mode,
            model=task.model,
            created=task.created,
            status=status_of(task, attempts) if newest else "done",
            chosen=chosen,
            why=why(attempts, chosen),
            attempts=lines,
        )
    request = row.request
    return TurnView(
        number=number,
        prompt=request.prompt,
        mode=request.mode,
        model=request.model or task.model,
        strategy=request.strategy,
        author=row.author,
        author_name=names.get(row.author) if row.author else None,
        created=row.created,
        status=row.status,
        reason=row.reason,
        chosen=chosen,
        why=why(attempts, chosen),
        continues=row.continues,
        images=request.images,
        starting_diff=request.starting_diff,
        limits=request.limits,
        checks=request.checks,
        attempts=lines,
    )


def acts(line: TaskLine, attempts: Sequence[Attempt], *, may: bool) -> tuple[Act, ...]:
    """What somebody who may change a task can do with it now."""
    if not may:
        return ()
    possible: dict[Act, bool] = {
        "steer": line.status in ("queued", "running"),
        "interrupt": line.status in ("queued", "running"),
        "cancel": line.status in ("queued", "running"),
        "approve": line.needs == "approve",
        "retry": line.status in ("failed", "interrupted", "cancelled"),
        "follow_up": line.status in OVER,
        "choose": sum(attempt.verdict is not None for attempt in attempts) > 1,
        "publish": any(attempt.verdict is not None and attempt.summary.files for attempt in attempts),
        "archive": True,
        "delete": line.status in OVER,
    }
    return tuple(act for act, can in possible.items() if can)
