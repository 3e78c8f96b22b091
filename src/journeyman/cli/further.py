"""`follow-up`, `steer` and `stop`: what a person says to a task of this machine after they have handed it out."""

import asyncio
import sys
from functools import partial
from pathlib import Path

from journeyman.attempt.host import Host, ModelPlan
from journeyman.attempt.prepare import Plan, first_events
from journeyman.cli import read
from journeyman.cli.commands import Flags, interrupted, open_host, prompt_of, show_ended, watcher_of
from journeyman.cli.door import Door, model_choice, open_door, open_stored
from journeyman.cli.work import work
from journeyman.core.errors import UsageError
from journeyman.core.task import Message, MessageKind, Mode, Task, Turn, TurnRequest
from journeyman.models.choice import profile_of
from journeyman.models.open import price_of, require
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store


async def follow_up(prompt: str, task_id: str | None, mode: Mode | None, flags: Flags) -> int:
    """Have a task that is at its end go on, with a further prompt."""
    door = open_door(flags.directory, {"model": flags.model, "attempts": flags.attempts})
    async with open_stored(door) as store, open_host(door, store) as host:
        task = await read.find(store, task_id, read.repository_of(flags.directory))
        await at_its_end(store, task)
        request = await _request(store, task, prompt_of(prompt), mode, flags, door)
        turn = Turn(task_id=task.id, number=task.turn + 1, request=request, created=host.clock())
        return await go_on(door, host, turn, flags)


def planner(door: Door) -> Plan:
    """The models of this machine, by their names."""

    async def plan(name: str | None) -> ModelPlan:
        choice = model_choice(door, name or door.settings.model)
        require(choice, door.environ)
        return ModelPlan(choice.name, profile_of(choice), look_up=partial(price_of, choice))

    return plan


async def go_on(door: Door, host: Host, turn: Turn, flags: Flags) -> int:
    """Store a further turn of a task, and work it here; the exit code."""
    store = host.store
    firsts = await first_events(host, turn, planner(door), door.settings.checks)
    turn = await store.turns.add(turn, attempts=turn.request.attempts)
    task, attempts = await store.task(turn.task_id), await store.attempts(turn.task_id, turn.number)

    async def prepare(log: AttemptLog) -> None:
        await log.append(*firsts[log.id])

    try:
        ended = await work(host, task, attempts, watcher_of(task, attempts, flags, ()), prepare)
    except asyncio.CancelledError:
        return interrupted(task)
    return await show_ended(door, store, ended, flags)


async def _request(store: Store, task: Task, prompt: str, mode: Mode | None, flags: Flags, door: Door) -> TurnRequest:
    """What the first turn asked for, with the new prompt and as many attempts as the newest one had; tasks of former
    versions have no turn."""
    known = await store.turns.all(task.id)
    first = known[0].request if known else TurnRequest(prompt=prompt, repository=task.repository, environment="off")
    changes = {
        "prompt": prompt,
        "mode": mode or task.mode,
        "model": flags.model,
        "attempts": flags.attempts or (known[-1].request.attempts if known else door.settings.attempts),
        "limits": door.settings.limits,
        "checks": flags.checks or first.checks,
        "images": (),
        "starting_diff": None,
        "against": None,
        "step": None,
        "rewind": False,
    }
    return first.model_copy(update=changes)


async def at_its_end(store: Store, task: Task) -> None:
    for attempt in await store.attempts(task.id, task.turn):
        if holder := await store.holder(attempt.id):
            raise UsageError(
                f"Task {task.id} is being worked on by {holder}. `journeyman steer` tells the agent something, "
                "`journeyman stop` ends this turn."
            )
        if attempt.status not in ("done", "interrupted", "cancelled", "failed"):
            raise UsageError(f"Task {task.id} has not come to its end; `journeyman resume {task.id}` goes on with it.")


async def say(kind: MessageKind, text: str, task_id: str | None, directory: Path) -> int:
    """Say something to a task that another process of this machine, or one with the same store, is at work on."""
    if kind == "steer":
        text = prompt_of(text)
    door = open_door(directory, {})
    async with open_stored(door) as store:
        task = await read.find(store, task_id, read.repository_of(directory))
        if not await _at_work(store, task):
            raise UsageError(
                f"Nobody is at work on task {task.id}. `journeyman follow-up` has it go on with a further prompt."
            )
        await store.messages.add(Message(task_id=task.id, kind=kind, text=text), to_open=True)
    done = {
        "steer": "The agent is told at the end of its step.",
        "interrupt": "It stops; what was done is kept, and `journeyman follow-up` goes on.",
        "cancel": "It is cancelled; what was done is kept.",
    }
    print(f"{done.get(kind, '')} (task {task.id})", file=sys.stderr)
    return 0


async def _at_work(store: Store, task: Task) -> bool:
    return any([await store.holder(one.id) for one in await store.attempts(task.id, task.turn)])
