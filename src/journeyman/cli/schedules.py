"""`journeyman schedules`: tasks that a server hands out again and again."""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from journeyman.cli.starting_diff import remote_of
from journeyman.cli.submit import sees
from journeyman.cli.tasks import Here, at, repository_name
from journeyman.client.asynchronous import AsyncClient
from journeyman.core.api.admin import ScheduleTask, ScheduleView, ScheduleWrite
from journeyman.core.api.tasks import TaskBudget, TurnLimits
from journeyman.core.errors import UsageError
from journeyman.core.people import Schedule
from journeyman.core.task import Mode
from journeyman.core.text import one_line, plain
from journeyman.repo.git_dir import find_git_dir

NAME = 60
"""Letters of the prompt that a schedule without a name is called by."""


@dataclass(frozen=True, slots=True)
class Order:
    """A schedule that is asked for. What is None is left to the server."""

    cron: str
    prompt: str
    name: str | None = None
    timezone: str | None = None
    mode: Mode = "code"
    directory: Path = Path()
    repository: str | None = None
    ref: str | None = None
    environment: str | None = None
    model: str | None = None
    checks: tuple[str, ...] = ()
    attempts: int = 1
    cost: float | None = None
    tokens: int | None = None
    priority: int = 3
    group: str | None = None


async def add(server: str | None, order: Order, as_json: bool) -> int:
    """Make a schedule, and say when it is due first."""
    async with at(server, order.directory) as here:
        made = await here.client.create_schedule(
            ScheduleWrite(
                name=order.name or one_line(order.prompt, NAME),
                cron=order.cron,
                timezone=order.timezone or _own_timezone(),
                task=ScheduleTask(
                    prompt=order.prompt,
                    mode=order.mode,
                    repository=await _repository(here, order),
                    environment=order.environment,
                    ref=order.ref,
                    model=order.model,
                    attempts=order.attempts,
                    checks=order.checks,
                ),
                budget=TaskBudget(tokens=order.tokens, cost=order.cost),
                priority=order.priority,
                group=order.group,
            )
        )
    if as_json:
        print(made.model_dump_json())
        return 0
    print(made.schedule.id)
    print(f"{_at(made.next[0]) if made.next else 'Never'} is its first time.", file=sys.stderr)
    return 0


async def _repository(here: Here, order: Order) -> str | None:
    """What its tasks work on, as it is at each time: an address, or the folder where the server sees it."""
    if order.repository is not None:
        return order.repository
    try:
        place = find_git_dir(order.directory)
    except UsageError:
        if order.environment is None:
            raise
        return None  # the environment's own
    if await sees(here.client, here.door):
        return str(place.root)
    return remote_of(place)[1]


def _own_timezone() -> str:
    """The name of this machine's time zone, UTC where it has none."""
    import os

    wanted = os.path.realpath("/etc/localtime").rpartition("/zoneinfo/")[2]
    return wanted if wanted and not wanted.startswith("/") else "UTC"


async def list_schedules(server: str | None, as_json: bool) -> int:
    async with at(server) as here:
        found = (await here.client.schedules()).schedules
    if as_json:
        print(json.dumps({"schedules": [view.model_dump(mode="json") for view in found]}, ensure_ascii=False))
        return 0
    if not found:
        print('No schedules. `journeyman schedules add "0 7 * * 1-5" "…"` makes one.')
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("schedule", "when", "next", "repository", "name"):
        table.add_column(heading, no_wrap=heading == "schedule")
    for view in found:
        one = view.schedule
        due = _at(view.next[0]) if view.next else "paused"
        table.add_row(
            one.id, f"{one.cron} {one.timezone}", due, repository_name(one.request.repository), plain(one.name)
        )
    Console().print(table)
    return 0


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%a %d %b %H:%M")


async def enable(server: str | None, schedule: str, enabled: bool) -> int:
    """Pause a schedule, or have a paused one go on."""
    async with at(server) as here:
        found = (await find(here.client, schedule)).schedule
        changed = await here.client.update_schedule(found.id, _written(found, enabled))
    when = f"it is due {_at(changed.next[0])}" if changed.next else "it hands out nothing until it is resumed"
    print(f"Schedule {found.id}: {when}.", file=sys.stderr)
    return 0


async def remove(server: str | None, schedule: str) -> int:
    async with at(server) as here:
        found = (await find(here.client, schedule)).schedule
        await here.client.delete_schedule(found.id)
    print(f"Removed: {found.id}. The tasks that it handed out stay.", file=sys.stderr)
    return 0


async def find(client: AsyncClient, wanted: str) -> ScheduleView:
    """The schedule that is meant: by its name, its id, or the beginning of that."""
    known = (await client.schedules()).schedules
    named = [view for view in known if wanted in (view.schedule.id, view.schedule.name)]
    found = named or [view for view in known if view.schedule.id.startswith(wanted.lower())]
    match found:
        case [one]:
            return one
        case []:
            raise UsageError(
                f"There is no schedule {wanted!r}; `journeyman schedules list` shows those that there are."
            )
        case _:
            some = ", ".join(view.schedule.id for view in found[:3])
            raise UsageError(f"More than one schedule is meant by {wanted!r}: {some}. Give more of its id.")


def _written(schedule: Schedule, enabled: bool) -> ScheduleWrite:
    """A schedule as it is sent back, with nothing changed but whether it is at work."""
    request = schedule.request
    limits = {name: value for name, value in request.limits.model_dump().items() if name in TurnLimits.model_fields}
    return ScheduleWrite(
        name=schedule.name,
        cron=schedule.cron,
        timezone=schedule.timezone,
        task=ScheduleTask(
            prompt=request.prompt,
            mode=request.mode,
            repository=request.repository,
            environment=request.environment,
            ref=request.ref,
            model=request.model,
            strategy=request.strategy,
            attempts=request.attempts,
            limits=TurnLimits(**limits),
            checks=request.checks,
        ),
        budget=TaskBudget(tokens=schedule.budget.tokens, cost=schedule.budget.cost),
        priority=schedule.priority,
        group=schedule.group,
        enabled=enabled,
    )
