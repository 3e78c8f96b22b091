"""Handing work in: stored first, in one transaction, then given to the engine. What a process that dies in between
leaves behind is found by `tend`."""

from dataclasses import dataclass

from journeyman.attempt.clones import is_address
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.core.ids import Clock, attempt_id, new_id
from journeyman.core.task import Attempt, Budget, Message, MessageKind, Origin, Status, Task, Turn, TurnRequest
from journeyman.core.text import one_line
from journeyman.engine.engine import Engine
from journeyman.engine.orders import ENDED
from journeyman.store.store import Store


@dataclass(frozen=True, slots=True)
class Sender:
    """Who hands a task in, and from where. `owner` and `group` are ids; None for a terminal's."""

    owner: str | None = None
    group: str | None = None
    origin: Origin = "api"


async def submit(
    store: Store,
    engine: Engine,
    request: TurnRequest,
    sender: Sender,
    *,
    clock: Clock,
    key: str | None = None,
    budget: Budget | None = None,
    priority: int = 3,
    parent: str | None = None,
    schedule: str | None = None,
    title: str = "",
    continues: str | None = None,
) -> Task:
    """Store a task and have it worked on. The same `key` of the same owner gives the same task.

    Raises `StoreError` when it was not stored. When the engine cannot be reached just now it is stored all the same,
    and started as soon as it can be. With `continues` it goes on from an attempt of another task: a fork of it.
    """
    request = placed(request, engine.machine)
    task = Task(
        id=new_id(clock),
        prompt=request.prompt,
        mode=request.mode,
        repository=request.repository,
        model=request.model or "",
        created=clock(),
        attempts=request.attempts,
        title=title or one_line(request.prompt),
        owner=sender.owner,
        group=sender.group,
        environment=request.environment,
        ref=request.ref,
        parent=parent,
        priority=priority,
        origin=sender.origin,
        schedule=schedule,
        budget=budget or Budget(),
    )
    turn = Turn(
        task_id=task.id, number=1, request=request, author=sender.owner, created=task.created, continues=continues
    )
    attempts = [
        Attempt(id=attempt_id(task.id, 1, number), task_id=task.id, number=number)
        for number in range(1, request.attempts + 1)
    ]
    stored = await store.create(task, attempts, turn=turn, key=key)
    await start(store, engine, stored, 1)
    return stored


async def follow_up(
    store: Store,
    engine: Engine,
    task_id: str,
    request: TurnRequest,
    *,
    author: str | None = None,
    continues: str | None = None,
    key: str | None = None,
) -> Turn:
    """Store a further turn of a task and have it worked on, after those before it. It goes on from the attempt
    `continues`, or from the one that the turn before hands over."""
    turn = Turn(task_id=task_id, request=placed(request, engine.machine), author=author, continues=continues)
    stored = await store.turns.add(turn, attempts=request.attempts, key=key)
    await start(store, engine, await store.task(task_id), stored.number)
    return stored


async def say(
    store: Store,
    engine: Engine,
    task_id: str,
    kind: MessageKind,
    text: str = "",
    *,
    author: str | None = None,
    attempt: str | None = None,
    key: str | None = None,
) -> Message:
    """Say something to a task at work, which its attempts take at the end of their step; `interrupt` and `cancel` also
    stop what has not begun, and `approve` lets one go on that waits for that.

    Raises `UsageError` where the task is at its end, or all that it is said to have their result already: then a
    follow-up is what goes on.
    """
    task = await store.task(task_id)
    turn = await store.turns.get(task_id, task.turn)
    if turn.status in (("done",) if kind == "approve" else ENDED):
        raise UsageError(f"Task {task_id} is at its end ({turn.status}); hand in a follow-up to go on with it.")
    message = Message(task_id=task_id, kind=kind, text=text, author=author, attempt=attempt)
    message = await store.messages.add(message, key=key, to_open=kind != "approve")
    if kind == "approve":
        await again(store, engine, task)
    elif kind != "steer" and attempt is None:
        await stop(store, engine, task, turn, "cancelled" if kind == "cancel" else "interrupted")
    return message


async def stop(store: Store, engine: Engine, task: Task, turn: Turn, status: Status) -> None:
    """Have the engine stop a turn. Where it has not got it yet, the turn ends here and now; where it has it no more,
    somebody has to bring what was begun to its end."""
    try:
        await engine.stop(task.id, turn.number)
    except UsageError:
        attempts = await store.attempts(task.id, turn.number)
        if any(one.began is not None and one.verdict is None for one in attempts):
            await start(store, engine, task, turn.number)
        else:
            await store.jobs.give_up(task.id, turn.number, status)


async def approve(
    store: Store, engine: Engine, task_id: str, budget: Budget, *, author: str | None = None, key: str | None = None
) -> Task:
    """Give a task that waits at the end of its budget a new one, and have it go on where it was."""
    await store.update_task(task_id, budget=budget)
    await say(store, engine, task_id, "approve", author=author, key=key)
    return await store.task(task_id)


async def again(store: Store, engine: Engine, task: Task) -> Task:
    """Have the attempts of a task's last turn that have no result go on where they were: one that failed, was
    interrupted, or waits for approval."""
    turn = await store.turns.get(task.id, task.turn)
    if turn.status == "done":
        raise UsageError(f"Task {task.id} is done; hand in a follow-up to go on with it.")
    if turn.status in ENDED:
        await store.jobs.reopen(task.id, turn.number)
    await start(store, engine, task, turn.number)
    return await store.task(task.id)


async def start(store: Store, engine: Engine, task: Task, turn: int) -> None:
    """Give a stored turn to the engine; where that does not answer, the task says so, and is started later."""
    try:
        await engine.start(task, turn)
    except JourneymanError as error:
        await store.update_task(task.id, reason=f"Stored, and started as soon as the engine answers. {error}")


def placed(request: TurnRequest, machine: str) -> TurnRequest:
    """The request with the machine whose folder it names; an address needs none."""
    if request.machine is None and not is_address(request.repository):
        return request.model_copy(update={"machine": machine})
    return request
