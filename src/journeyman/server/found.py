"""From the names in a path to the task and the attempt that they stand for, if who asks may see them."""

import re
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import Depends, Request
from fastapi import Path as InPath

from journeyman.core.ids import attempt_id
from journeyman.core.task import Attempt, Task
from journeyman.server.auth.actor import Actor, Reader, Writer
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError, not_found
from journeyman.server.parts import parts_of
from journeyman.server.visible import require_changed, sees
from journeyman.store.store import Store

TaskName = Annotated[
    str,
    InPath(
        description="The task's id, or the beginning of it where no other task begins so.",
        min_length=1,
        max_length=64,
        examples=["0f3k9x2m1qa8zt"],
    ),
]
AttemptName = Annotated[
    str,
    InPath(
        description='"chosen", the number of an attempt of the newest turn ("1"), or turn and number ("2.1").',
        min_length=1,
        max_length=80,
        examples=["chosen"],
    ),
]

_OF_TURN = re.compile(r"([1-9][0-9]{0,8})\.([1-9][0-9]{0,8})")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_ID = re.compile(r"[0-9a-z]+")


async def find_task(store: Store, actor: Reader, name: str) -> Task:
    """The one task that `name` begins, of those that `actor` sees. Raises 404 where there is none, 409 for several."""
    name = name.lower()
    found = await store.pages.beginning(name, 1000) if _ID.fullmatch(name) else []
    mine = [task for task in found if sees(actor, task)]
    match mine:
        case [task]:
            return task
        case []:
            raise not_found("task", name)
        case _:
            some = ", ".join(task.id for task in mine[:3]) + (", …" if len(mine) > 3 else "")
            raise ApiError(409, "conflict", f"More than one task begins with {name!r}: {some}. Give more of its id.")


async def _seen(request: Request, actor: Reader, task_id: TaskName) -> Task:
    return await find_task(parts_of(request).store, actor, task_id)


async def _changed(request: Request, actor: Writer, task_id: TaskName) -> AsyncGenerator[Task]:
    task = await find_task(parts_of(request).store, actor, task_id)
    yield require_changed(actor, task, "task", task.id)
    act = request.scope["route"].name.removesuffix("_task")
    if act not in NOTED:
        await note_for_owner(request, actor, task, act)


async def note_for_owner(request: Request, actor: Actor, task: Task, act: str) -> None:
    """Write down what was done to somebody else's task."""
    if task.owner != actor.id:
        await note(request, actor, f"task.{act}", task.id, f"of {task.owner or 'nobody'}")


NOTED = ("delete", "approve", "mark_applied")
"""What their routes write down themselves, or is of no weight."""

SeenTask = Annotated[Task, Depends(_seen)]
"""The task of the path; 404 where who asks does not see it."""
ChangedTask = Annotated[Task, Depends(_changed)]
"""The same for who may change it; 403 where they only see it. What is done to somebody else's is in the audit log."""


async def find_attempt(store: Store, task: Task, name: str) -> Attempt:
    """The attempt of a task that `name` stands for. Raises 404 where there is none."""
    attempts = await store.attempts(task.id)
    newest = [attempt for attempt in attempts if attempt.turn == task.turn]
    wanted = name.removeprefix(f"{task.id}.")
    if wanted == "chosen":
        found = [attempt for attempt in newest if attempt.id == task.chosen] or newest[:1]
    elif _OF_TURN.fullmatch(wanted):
        turn, _, number = wanted.partition(".")
        found = [attempt for attempt in attempts if attempt.id == attempt_id(task.id, int(turn), int(number))]
    elif _NUMBER.fullmatch(wanted):
        found = [attempt for attempt in newest if attempt.number == int(wanted)]
    else:
        found = []
    if not found:
        raise ApiError(404, "not_found", f"Task {task.id} has no attempt {name!r}.")
    return found[0]


async def _attempt(request: Request, task: SeenTask, attempt: AttemptName) -> Attempt:
    return await find_attempt(parts_of(request).store, task, attempt)


SeenAttempt = Annotated[Attempt, Depends(_attempt)]
"""The attempt of the path."""
