"""`fork` and `rewind`: from a step of a task of this machine, in a new task or in the same one."""

import asyncio
from dataclasses import dataclass

from journeyman.attempt.prepare import first_events, worked
from journeyman.cli import read
from journeyman.cli.commands import Flags, interrupted, open_host, prompt_of, show_ended, watcher_of
from journeyman.cli.door import Door, open_door, open_stored
from journeyman.cli.further import at_its_end, go_on, planner
from journeyman.cli.work import work
from journeyman.core import folds
from journeyman.core.errors import UsageError
from journeyman.core.ids import attempt_id, new_id
from journeyman.core.task import Attempt, Task, Turn, TurnRequest
from journeyman.core.text import counted, one_line
from journeyman.store.store import Store


@dataclass(frozen=True, slots=True)
class Point:
    """A step of an attempt ("number" or "turn.number"); the chosen attempt of the newest turn and its end where none is
    named. `prompt` is what is to be done from there; empty where that stays as it was."""

    task: str | None
    attempt: str | None
    step: int | None
    prompt: str


async def fork(point: Point, flags: Flags) -> int:
    """Start a new task from the conversation and the files of a step."""
    door = open_door(flags.directory, {"model": flags.model, "attempts": flags.attempts})
    async with open_stored(door) as store, open_host(door, store) as host:
        task, attempt, request = await _found(store, point, flags, door)
        request = request.model_copy(update={"attempts": door.settings.attempts, "model": flags.model or request.model})
        new = Task(
            id=new_id(host.clock),
            prompt=request.prompt,
            mode=request.mode,
            repository=task.repository,
            model=request.model or task.model,
            created=host.clock(),
            attempts=request.attempts,
            title=one_line(request.prompt),
            environment=request.environment,
            ref=request.ref,
            parent=task.id,
        )
        turn = Turn(task_id=new.id, request=request, created=new.created, continues=attempt.id)
        firsts = await first_events(host, turn, planner(door), door.settings.checks)
        numbers = range(1, request.attempts + 1)
        attempts = tuple(Attempt(id=attempt_id(new.id, 1, one), task_id=new.id, number=one) for one in numbers)
        where = f"A fork of task {task.id} after step {request.step} of attempt {attempt.turn}.{attempt.number}."
        try:
            await store.create(new, attempts, firsts, turn=turn)
            ended = await work(host, new, attempts, watcher_of(new, attempts, flags, (where,)))
        except asyncio.CancelledError:
            return interrupted(new)
        return await show_ended(door, store, ended, flags)


async def rewind(point: Point, flags: Flags) -> int:
    """Put a task's workspace and conversation back to a step, and go on from there where there is a prompt."""
    if point.step is None:
        raise UsageError("Say which step to go back to: --at N. `journeyman log` numbers the steps.")
    door = open_door(flags.directory, {"model": flags.model})
    async with open_stored(door) as store, open_host(door, store) as host:
        task, attempt, request = await _found(store, point, flags, door)
        await at_its_end(store, task)
        wanted = request.model_copy(
            update={"rewind": not point.prompt, "model": flags.model or request.model, "attempts": 1}
        )
        turn = Turn(task_id=task.id, number=task.turn + 1, request=wanted, created=host.clock(), continues=attempt.id)
        code = await go_on(door, host, turn, flags)
        return code if point.prompt or code not in (0, 1) else 0


async def _attempt(store: Store, task: Task, name: str | None) -> Attempt:
    if name is None:
        return await read.chosen(store, task, None)
    for attempt in await store.attempts(task.id):
        if name in (f"{attempt.turn}.{attempt.number}", str(attempt.number)) and (
            "." in name or attempt.turn == task.turn
        ):
            return attempt
    raise UsageError(f"Task {task.id} has no attempt {name}.")


async def _found(store: Store, point: Point, flags: Flags, door: Door) -> tuple[Task, Attempt, TurnRequest]:
    """The task, the attempt, and what its turn asked for, at the step that is meant."""
    task = await read.find(store, point.task, read.repository_of(flags.directory))
    attempt = await worked(store, await _attempt(store, task, point.attempt))
    steps = folds.replies(await store.events(attempt.id))
    step = steps if point.step is None else point.step
    if step > steps:
        raise UsageError(f"The attempt has {counted(steps, 'step')}; there is no step {step}.")
    known = [turn for turn in await store.turns.all(task.id) if turn.number == attempt.turn]
    plain = TurnRequest(prompt=task.prompt, mode=task.mode, repository=task.repository, environment="off")
    request = known[0].request if known else plain
    changes = {
        "prompt": prompt_of(point.prompt) if point.prompt else request.prompt,
        "limits": door.settings.limits,
        "checks": flags.checks or request.checks,
        "starting_diff": None,
        "step": step,
        "rewind": False,
    }
    if point.prompt:
        changes["images"] = ()
    return task, attempt, request.model_copy(update=changes)
