"""Tasks: handed out, found again, changed, taken away."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Header, Query, Request, Response

from journeyman.core.api.tasks import (
    Bulk,
    BulkAct,
    BulkFailure,
    BulkOutcome,
    Matrix,
    Seen,
    TaskCounts,
    TaskCreate,
    TaskPage,
    TaskUpdate,
    TaskUsage,
    TaskView,
)
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.core.events import Finished
from journeyman.core.evidence import Result
from journeyman.core.task import Budget, Mode, Origin, Status, Task, Verdict
from journeyman.server import lines, orders
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Actor, Reader, Writer
from journeyman.server.auth.noted import note
from journeyman.server.counted import one_by_one
from journeyman.server.errors import ApiError
from journeyman.server.examples import CREATE, example
from journeyman.server.found import ChangedTask, SeenTask, find_task, note_for_owner
from journeyman.server.parts import Parts, parts_of
from journeyman.server.tallies import Tallies
from journeyman.server.views.matrix import matrix
from journeyman.server.visible import require_changed, require_group
from journeyman.store.lines import Filter

router = APIRouter(prefix="/tasks", tags=["tasks"], route_class=Route)

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=100,
        description="The same key again has no second effect: the answer is that of the first time.",
    ),
]


@router.post(
    "", status_code=201, responses=problems(404) | example(201, "task_view", "The task, which begins at once.")
)
async def create_task(
    request: Request,
    response: Response,
    actor: Writer,
    body: Annotated[TaskCreate, Body(openapi_examples=CREATE)],
    idempotency_key: Key = None,
) -> TaskView:
    """Hand out a task."""
    parts = parts_of(request)
    if idempotency_key is not None and (known := await parts.store.of_key(actor.id, idempotency_key)) is not None:
        response.headers["Location"] = f"{request.url.path}/{known.id}"
        return await lines.task_view(parts, actor, known.id)  # whatever the quotas say by now
    group = await orders.group_of(parts, actor, body.group, body.environment)
    if body.parent is not None:
        await find_task(parts.store, actor, body.parent)
    wanted = await orders.request_of(parts, actor, body)
    budget = Budget(tokens=body.budget.tokens, cost=body.budget.cost)
    async with one_by_one(request, actor.id):
        task = await parts.engine.submit(
            wanted,
            owner=actor.id,
            group=group,
            origin=body.origin,
            key=idempotency_key,
            budget=await orders.admitted(parts, actor.id, group, budget),
            priority=body.priority,
            parent=body.parent,
        )
    response.headers["Location"] = f"{request.url.path}/{task.id}"
    return await lines.task_view(parts, actor, task.id)


@router.get("", responses=example(200, "task_page", "A page of tasks."))
async def list_tasks(
    request: Request,
    actor: Reader,
    status: Annotated[tuple[Status, ...], Query(description="Only tasks in these states.")] = (),
    verdict: Annotated[tuple[Verdict, ...], Query(description="Only tasks whose work came to one of these.")] = (),
    mode: Annotated[tuple[Mode, ...], Query(description="Only tasks of these modes.")] = (),
    origin: Annotated[tuple[Origin, ...], Query(description="Only tasks that came in these ways.")] = (),
    repository: Annotated[str | None, Query(max_length=1000, description="Only those of this repository.")] = None,
    environment: Annotated[str | None, Query(max_length=64, description="Only those of this environment.")] = None,
    owner: Annotated[
        str | None, Query(max_length=64, description='Only those of this person; "me" is oneself.')
    ] = None,
    group: Annotated[str | None, Query(max_length=64, description="Only those of this group.")] = None,
    parent: Annotated[str | None, Query(max_length=64, description="Only those that came of this task.")] = None,
    schedule: Annotated[str | None, Query(max_length=64, description="Only those of this schedule.")] = None,
    archived: Annotated[
        Literal["false", "true", "both"], Query(description="Whether archived ones are listed, and others.")
    ] = "false",
    unread: Annotated[bool, Query(description="Only those with something that this person has not read.")] = False,
    search: Annotated[str, Query(max_length=500, description="Words that are all in the prompt or the title.")] = "",
    sort: Annotated[Literal["updated", "created"], Query(description="Newest first, by the last change or by age.")] = (
        "updated"
    ),
    cursor: Annotated[str | None, Query(max_length=300, description="From the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Tasks of a page.")] = 50,
) -> TaskPage:
    """The tasks that this person sees, a page at a time."""
    parts = parts_of(request)
    which = Filter(
        viewer=lines.viewer(actor),
        status=status,
        verdict=verdict,
        mode=mode,
        origin=origin,
        repository=repository,
        environment=environment,
        owner=actor.id if owner == "me" else owner,
        group=group,
        parent=parent,
        schedule=schedule,
        archived={"false": False, "true": True, "both": None}[archived],
        unread_by=lines.reader(actor) if unread else None,
        text=search.replace("\0", " "),
    )
    page = await parts.store.lines.page(which, person=lines.reader(actor), sort=sort, cursor=cursor, limit=limit)
    return TaskPage(tasks=await lines.task_lines(parts, page.lines), cursor=page.next)


@router.get("/counts")
async def count_tasks(request: Request, actor: Reader) -> TaskCounts:
    """How many tasks of each kind this person sees."""
    tallies: Tallies = request.app.state.tallies
    return await tallies.of(lines.viewer(actor), lines.reader(actor))


@router.post("/bulk")
async def change_tasks(request: Request, actor: Writer, body: Bulk) -> BulkOutcome:
    """Do the same with many tasks. Each succeeds or fails for itself; the failures say why."""
    parts = parts_of(request)
    done: list[str] = []
    failed: list[BulkFailure] = []
    for name in dict.fromkeys(body.ids):
        try:
            task = await find_task(parts.store, actor, name)
            await _act(request, parts, actor, task, body.act)
        except JourneymanError as error:
            failed.append(BulkFailure(id=name, message=str(error)))
        else:
            done.append(task.id)
    return BulkOutcome(done=tuple(done), failed=tuple(failed))


async def _act(request: Request, parts: Parts, actor: Actor, task: Task, act: BulkAct) -> None:
    if act in ("read", "unread"):
        await parts.store.lines.mark_seen(lines.reader(actor), task.id, task.seq if act == "read" else 0)
        return
    require_changed(actor, task, "task", task.id)
    match act:
        case "archive" | "unarchive":
            await parts.store.update_task(task.id, archived=act == "archive")
        case "cancel":
            await parts.engine.say(task.id, "cancel", "", author=actor.id, attempt=None, key=None)
        case "retry":
            await parts.engine.again(task)
        case "delete":
            await _delete(request, parts, actor, task)
            return
    await note_for_owner(request, actor, task, act)


@router.get("/{task_id}", responses=problems(404, 409) | example(200, "task_view", "The task with its turns."))
async def get_task(request: Request, actor: Reader, task: SeenTask) -> TaskView:
    """A task as its page opens: its turns, their attempts, and what can be done with it now."""
    return await lines.task_view(parts_of(request), actor, task.id)


@router.patch("/{task_id}", responses=problems(404, 409))
async def update_task(request: Request, actor: Writer, task: ChangedTask, body: TaskUpdate) -> TaskView:
    """Change a task's title, priority or group, or archive it. What is left out stays; a group of null takes it from
    its group."""
    parts = parts_of(request)
    if body.title is not None:
        await parts.store.update_task(task.id, title=body.title)
    if body.archived is not None:
        await parts.store.update_task(task.id, archived=body.archived)
    if body.priority is not None:
        await parts.store.update_task(task.id, priority=body.priority)
    if "group" in body.model_fields_set:
        await parts.store.update_task(task.id, group=require_group(actor, body.group))
        await note(request, actor, "task.group", task.id, body.group or "none")
    return await lines.task_view(parts, actor, task.id)


@router.delete("/{task_id}", status_code=204, responses=problems(404, 409))
async def delete_task(request: Request, actor: Writer, task: ChangedTask) -> None:
    """Forget a task with its whole history. One that is worked on has to be cancelled first."""
    await _delete(request, parts_of(request), actor, task)


async def _delete(request: Request, parts: Parts, actor: Actor, task: Task) -> None:
    if task.status in ("queued", "running"):
        raise ApiError(409, "conflict", f"Task {task.id} is {task.status}; cancel it first.")
    try:
        await parts.store.delete(task.id)
    except UsageError as error:
        raise ApiError(409, "conflict", str(error)) from error
    await note(request, actor, "task.delete", task.id, task.title)


@router.put("/{task_id}/seen", status_code=204, responses=problems(404, 409))
async def mark_seen(request: Request, actor: Reader, task: SeenTask, body: Seen) -> None:
    """Remember up to where this person has read."""
    seq = task.seq if body.seq is None else min(body.seq, task.seq)
    await parts_of(request).store.lines.mark_seen(lines.reader(actor), task.id, seq)


@router.get("/{task_id}/usage", responses=problems(404, 409))
async def get_task_usage(request: Request, task: SeenTask) -> TaskUsage:
    """What a task has used, attempt by attempt, beside its budget."""
    return await lines.task_usage(parts_of(request), task)


@router.get("/{task_id}/matrix", tags=["attempts"], responses=problems(404, 409))
async def compare_attempts(
    request: Request,
    task: SeenTask,
    turn: Annotated[int | None, Query(ge=1, le=10**6, description="Which turn; the newest without it.")] = None,
) -> Matrix:
    """The attempts of a turn side by side: what each check, and each test that does not pass everywhere, does."""
    store = parts_of(request).store
    number = turn or task.turn
    attempts = await store.attempts(task.id, number)
    if not attempts:
        raise ApiError(404, "not_found", f"Task {task.id} has no turn {number}.")
    results: dict[str, Result] = {}
    for attempt in attempts:
        for event in await store.pages.of_kinds(attempt.id, ("finished",), newest=1):
            if isinstance(event, Finished):
                results[attempt.id] = event.result
    turns = {row.number: row.chosen for row in await store.turns.all(task.id)}
    chosen = task.chosen if number == task.turn else turns.get(number)
    return matrix(number, attempts, results, chosen)
