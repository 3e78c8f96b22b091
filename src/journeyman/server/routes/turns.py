"""Speaking to a task: follow-ups, messages while it works, approval, choice."""

from typing import Annotated

from fastapi import APIRouter, Body, Request

from journeyman.attempt.prepare import worked
from journeyman.core.api.tasks import Applied, Approve, Choose, FollowUp, Fork, Interrupt, Rewind, Steer, TaskView
from journeyman.core.errors import UsageError
from journeyman.core.task import Attempt, Budget, MessageKind, Task, Turn, TurnRequest
from journeyman.core.text import counted
from journeyman.server import lines, orders
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Actor, Writer
from journeyman.server.auth.noted import note
from journeyman.server.counted import one_by_one
from journeyman.server.errors import ApiError
from journeyman.server.examples import FOLLOW_UP
from journeyman.server.found import ChangedTask, find_attempt
from journeyman.server.parts import Parts, parts_of
from journeyman.server.routes.tasks import Key

router = APIRouter(prefix="/tasks/{task_id}", tags=["turns"], route_class=Route, responses=problems(404, 409))


@router.post("/turns", status_code=201)
async def follow_up(
    request: Request,
    actor: Writer,
    task: ChangedTask,
    body: Annotated[FollowUp, Body(openapi_examples=FOLLOW_UP)],
    idempotency_key: Key = None,
) -> TaskView:
    """A further turn, which goes on from what the one before came to. While that is at work, it waits for its end."""
    parts = parts_of(request)
    before = await _newest(parts, task)
    wanted = await orders.follow_up_of(parts, actor, before, body)
    continues = (await find_attempt(parts.store, task, body.attempt)).id if body.attempt is not None else None
    await orders.admitted(parts, task.owner, task.group, task.budget)
    await parts.engine.follow_up(task.id, wanted, author=actor.id, continues=continues, key=idempotency_key)
    return await lines.task_view(parts, actor, task.id)


@router.post("/fork", status_code=201)
async def fork_task(
    request: Request, actor: Writer, task: ChangedTask, body: Fork, idempotency_key: Key = None
) -> TaskView:
    """A new task that starts from this one as it was after a step: its conversation and all files of its workspace."""
    parts = parts_of(request)
    attempt = await worked(parts.store, await find_attempt(parts.store, task, body.attempt))
    before = await _newest(parts, task, attempt.turn)
    step = _step_of(attempt, attempt.summary.steps if body.step is None else body.step)
    budget = Budget(tokens=body.budget.tokens, cost=body.budget.cost)
    async with one_by_one(request, actor.id):
        new = await parts.engine.submit(
            await orders.fork_of(parts, actor, before, step, body),
            owner=actor.id,
            group=task.group,
            origin="api",
            key=idempotency_key,
            budget=await orders.admitted(parts, actor.id, task.group, budget),
            priority=task.priority,
            parent=task.id,
            continues=attempt.id,
        )
    return await lines.task_view(parts, actor, new.id)


@router.post("/rewind", status_code=201)
async def rewind_task(
    request: Request, actor: Writer, task: ChangedTask, body: Rewind, idempotency_key: Key = None
) -> TaskView:
    """Put the workspace, with ignored files and all, and the conversation back to where they were after a step. That is
    a further turn, so nothing of what came after is lost; with a prompt the work goes on in it."""
    parts = parts_of(request)
    attempt = await worked(parts.store, await find_attempt(parts.store, task, body.attempt))
    _step_of(attempt, body.step)
    wanted = orders.rewind_of(await _newest(parts, task, attempt.turn), body)
    await orders.admitted(parts, task.owner, task.group, task.budget)
    await parts.engine.follow_up(task.id, wanted, author=actor.id, continues=attempt.id, key=idempotency_key)
    return await lines.task_view(parts, actor, task.id)


def _step_of(attempt: Attempt, step: int) -> int:
    if step > attempt.summary.steps:
        name = f"{attempt.turn}.{attempt.number}"
        said = f"Attempt {name} has {counted(attempt.summary.steps, 'step')}; there is no step {step}."
        raise ApiError(422, "invalid", said, [{"in": "body", "field": "step", "message": said}])
    return step


async def _newest(parts: Parts, task: Task, number: int | None = None) -> Turn:
    """The newest turn, or the one with a number; that of a terminal's task, which may have no row, is made of the
    task."""
    turns = [turn for turn in await parts.store.turns.all(task.id) if number in (None, turn.number)]
    if turns:
        return turns[-1]
    request = TurnRequest(
        prompt=task.prompt,
        mode=task.mode,
        repository=task.repository,
        ref=task.ref,
        environment=task.environment,
        model=task.model or None,
        limits=parts.limits,
    )
    return Turn(task_id=task.id, number=task.turn, request=request)


@router.post("/steer", status_code=202)
async def steer(
    request: Request, actor: Writer, task: ChangedTask, body: Steer, idempotency_key: Key = None
) -> TaskView:
    """Say something to the agent while it works; it reads it at the end of the step that it is in."""
    return await _say(request, actor, task, "steer", body.text, body.attempt, idempotency_key)


@router.post("/interrupt", status_code=202)
async def interrupt(
    request: Request, actor: Writer, task: ChangedTask, body: Interrupt, idempotency_key: Key = None
) -> TaskView:
    """Stop what runs now, and keep all of it; a retry goes on from there."""
    return await _say(request, actor, task, "interrupt", "", body.attempt, idempotency_key)


@router.post("/cancel", status_code=202)
async def cancel_task(request: Request, actor: Writer, task: ChangedTask, idempotency_key: Key = None) -> TaskView:
    """Stop the task for good. What was done so far is kept, and can be looked at."""
    return await _say(request, actor, task, "cancel", "", None, idempotency_key)


@router.post("/approve")
async def approve(
    request: Request, actor: Writer, task: ChangedTask, body: Approve, idempotency_key: Key = None
) -> TaskView:
    """Let a task that stopped at its budget go on with a new one."""
    parts = parts_of(request)
    wanted = Budget(tokens=body.budget.tokens, cost=body.budget.cost)
    budget = await orders.admitted(parts, task.owner, task.group, wanted)
    try:
        await parts.engine.approve(task.id, budget, author=actor.id, key=idempotency_key)
    except UsageError as error:
        raise ApiError(409, "conflict", str(error)) from error
    await note(request, actor, "task.approve", task.id, budget.model_dump_json(exclude_none=True))
    return await lines.task_view(parts, actor, task.id)


@router.post("/retry")
async def retry_task(request: Request, actor: Writer, task: ChangedTask) -> TaskView:
    """Have what failed, or was interrupted or cancelled, go on from the step it was in. A task that is done has nothing
    to retry, whatever its checks say (409): a follow-up asks for more of it, or for the same once more."""
    parts = parts_of(request)
    await orders.admitted(parts, task.owner, task.group, task.budget)
    try:
        await parts.engine.again(task)
    except UsageError as error:
        raise ApiError(409, "conflict", str(error)) from error
    return await lines.task_view(parts, actor, task.id)


@router.post("/choose", tags=["attempts"])
async def choose_attempt(request: Request, actor: Writer, task: ChangedTask, body: Choose) -> TaskView:
    """Hand over another attempt of its turn than the harness chose."""
    parts = parts_of(request)
    attempt = await find_attempt(parts.store, task, body.attempt)
    if attempt.verdict is None:
        raise ApiError(409, "not_ready", f"Attempt {attempt.turn}.{attempt.number} has no result to hand over.")
    if attempt.turn == task.turn:
        await parts.store.update_task(task.id, chosen=attempt.id)
    if any(row.number == attempt.turn for row in await parts.store.turns.all(task.id)):
        await parts.store.turns.update(task.id, attempt.turn, chosen=attempt.id)
    return await lines.task_view(parts, actor, task.id)


@router.put("/applied", tags=["attempts"], status_code=204)
async def mark_applied(request: Request, actor: Writer, task: ChangedTask, body: Applied) -> None:
    """Remember that an attempt's patch was put on a working tree, so that lists say so."""
    del actor
    parts = parts_of(request)
    attempt = await find_attempt(parts.store, task, body.attempt)
    if attempt.verdict is None:
        raise ApiError(409, "not_ready", f"Attempt {attempt.turn}.{attempt.number} has no result yet.")
    await parts.store.update_task(task.id, applied=attempt.id)


async def _say(
    request: Request, actor: Actor, task: Task, kind: MessageKind, text: str, attempt: str | None, key: str | None
) -> TaskView:
    parts = parts_of(request)
    target = (await find_attempt(parts.store, task, attempt)).id if attempt is not None else None
    try:
        await parts.engine.say(task.id, kind, text, author=actor.id, attempt=target, key=key)
    except UsageError as error:
        raise ApiError(409, "conflict", str(error)) from error
    return await lines.task_view(parts, actor, task.id)
