"""Schedules: tasks that are handed out again and again."""

import re
from datetime import datetime
from itertools import islice
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from fastapi import APIRouter, Body, Request

from journeyman.attempt.clones import is_address
from journeyman.core.api.admin import ScheduleList, ScheduleTask, ScheduleView, ScheduleWrite
from journeyman.core.ids import new_id
from journeyman.core.people import Schedule
from journeyman.core.task import Budget, TurnRequest
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Actor, Reader, Writer
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError
from journeyman.server.examples_people import SCHEDULE
from journeyman.server.orders import group_of
from journeyman.server.parts import Parts, parts_of
from journeyman.server.visible import (
    require_changed,
    require_model,
    require_repository,
    require_seen,
    sees,
)

router = APIRouter(tags=["schedules"], route_class=Route)

SHOWN = 5
"""Times of next runs that are told."""
MOST = 100
"""Schedules that a person may have."""
_FIELD = re.compile(
    r"(?i)(?:[0-9*/,\-]|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)+\Z"
)


@router.get("/schedules")
async def list_schedules(request: Request, actor: Reader) -> ScheduleList:
    """Those that one sees, in the order in which they were made."""
    parts = parts_of(request)
    found = [each for each in await parts.store.schedules.all() if sees(actor, each)]
    return ScheduleList(schedules=tuple(_view(each, parts) for each in found))


@router.post("/schedules", status_code=201, responses=problems(404, 409))
async def create_schedule(
    request: Request, actor: Writer, wanted: Annotated[ScheduleWrite, Body(openapi_examples=SCHEDULE)]
) -> ScheduleView:
    """Hand a task out at the times of a cron expression, from now on. It runs as who made it."""
    parts = parts_of(request)
    if sum(each.owner == actor.id for each in await parts.store.schedules.all()) >= MOST:
        raise ApiError(409, "conflict", f"You have {MOST} schedules. Delete some first.")
    made = await _made(parts, actor, wanted, None)
    await parts.store.schedules.put(made)
    await note(request, actor, "schedule.created", made.id, f"{made.name}: {made.cron} {made.timezone}")
    return _view(made, parts)


@router.get("/schedules/{schedule_id}", responses=problems(404))
async def get_schedule(request: Request, actor: Reader, schedule_id: str) -> ScheduleView:
    """A schedule with the times of its next runs."""
    parts = parts_of(request)
    found = require_seen(actor, await parts.store.schedules.get(schedule_id), "schedule", schedule_id)
    return _view(found, parts)


@router.put("/schedules/{schedule_id}", responses=problems(404))
async def update_schedule(request: Request, actor: Writer, schedule_id: str, wanted: ScheduleWrite) -> ScheduleView:
    """Change a schedule. What it handed out before goes on. Who changes what it hands out is whom it runs as then."""
    parts = parts_of(request)
    found = require_changed(actor, await parts.store.schedules.get(schedule_id), "schedule", schedule_id)
    changed = await _made(parts, actor, wanted, found)
    await parts.store.schedules.put(changed)
    await note(request, actor, "schedule.changed", schedule_id, f"{changed.name}: {changed.cron} {changed.timezone}")
    return _view(changed, parts)


@router.delete("/schedules/{schedule_id}", status_code=204, responses=problems(404))
async def delete_schedule(request: Request, actor: Writer, schedule_id: str) -> None:
    """Take a schedule away. What it handed out stays."""
    parts = parts_of(request)
    require_changed(actor, await parts.store.schedules.get(schedule_id), "schedule", schedule_id)
    await parts.store.schedules.remove(schedule_id)
    await note(request, actor, "schedule.deleted", schedule_id)


# ---------------------------------------------------------------- parts of the above


async def _made(parts: Parts, actor: Actor, wanted: ScheduleWrite, before: Schedule | None) -> Schedule:
    check_cron(wanted.cron, wanted.timezone)
    group = before.group if before is not None else None
    if before is None or wanted.group != group:
        group = await group_of(parts, actor, wanted.group, wanted.task.environment)
    request = await _request(parts, actor, wanted.task, before)
    same = before is not None and request == before.request
    return Schedule(
        id=before.id if before is not None else new_id(parts.clock),
        name=wanted.name,
        cron=" ".join(wanted.cron.split()),
        timezone=wanted.timezone,
        request=request,
        budget=Budget(**wanted.budget.model_dump()),
        priority=wanted.priority,
        owner=before.owner if before is not None and same else actor.id,
        group=group,
        enabled=wanted.enabled,
        created=before.created if before is not None else parts.clock(),
    )


async def _request(parts: Parts, actor: Actor, task: ScheduleTask, before: Schedule | None) -> TurnRequest:
    repository, listed = task.repository, False
    if task.environment is not None:
        stored = await parts.store.environments.get(task.environment)
        if stored is not None or task.environment not in ("ready", "auto", "off"):
            found = require_seen(actor, stored, "environment", task.environment)
            if repository is None or repository == found.repository:
                repository, listed = found.repository, True
    if repository is None:
        raise ApiError(422, "invalid", "Name a repository, or an environment that has one.", [{"field": "task"}])
    # Somebody else's schedule keeps its folder only where the one who changes it might name it.
    require_repository(actor, repository, listed=listed)
    known = frozenset(await parts.catalogue.all()) if parts.catalogue is not None else frozenset(parts.models)
    if before is None or task.model != before.request.model:
        require_model(actor, task.model, known | {parts.model})
    return TurnRequest(
        prompt=task.prompt,
        mode=task.mode,
        repository=repository,
        machine=_machine(parts, repository, before),
        ref=task.ref,
        environment=task.environment or "ready",
        model=task.model,
        strategy=task.strategy,
        cascade=parts.cascade,
        cascade_order=parts.cascade_order,
        attempts=task.attempts,
        limits=task.limits.over(parts.limits),
        checks=task.checks,
    )


def _machine(parts: Parts, repository: str, before: Schedule | None) -> str | None:
    """The machine that a folder is on, whichever worker hands the task out; an address needs none."""
    if before is not None and before.request.repository == repository:
        return before.request.machine
    return None if is_address(repository) else parts.machine or None


def check_cron(cron: str, timezone: str) -> None:
    """Raises 422 for what are no times."""
    try:
        upcoming(cron, timezone, 0.0, 1)
    except CronSimError as error:
        raise ApiError(
            422,
            "invalid",
            f"{cron!r} is no cron expression: {error}. Write minute, hour, day, month, weekday, as in `0 7 * * 1-5`.",
            [{"field": "cron"}],
        ) from error
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ApiError(
            422, "invalid", f"There is no time zone {timezone!r}. Write it as `Europe/Berlin`.", [{"field": "timezone"}]
        ) from error


def upcoming(cron: str, timezone: str, now: float, count: int) -> tuple[float, ...]:
    """The next times of a cron expression in seconds since the epoch."""
    fields = cron.split()
    if len(fields) != 5 or not all(_FIELD.match(field) for field in fields):
        raise CronSimError("it must have five fields of numbers, names, `*`, `/`, `,` and `-`")
    if not fields[2].startswith("*") and not fields[4].startswith("*"):
        # Some programs take either for enough, some want both.
        raise CronSimError("give the day of the month or the day of the week, not both")
    start = datetime.fromtimestamp(now, ZoneInfo(timezone))
    return tuple(moment.timestamp() for moment in islice(CronSim(" ".join(fields), start), count))


def _view(schedule: Schedule, parts: Parts) -> ScheduleView:
    times = upcoming(schedule.cron, schedule.timezone, parts.clock(), SHOWN) if schedule.enabled else ()
    return ScheduleView(schedule=schedule, next=times)
