"""From what a person asked for to the first events of a turn's attempts: what they start from, and with what."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.host import ModelPlan
from journeyman.core.events import Event
from journeyman.core.ids import attempt_id
from journeyman.core.task import Turn
from journeyman.engine.crew import Crew
from journeyman.store.environments import Environments


async def first_events(crew: Crew, turn: Turn, model: ModelPlan) -> dict[str, Sequence[Event]]:
    """The first events of each attempt of a turn, by attempt id. Looks at the repository; stores nothing."""
    host, request = crew.host, turn.request
    stored: asyncio.Future[Environments] = asyncio.get_running_loop().create_future()
    stored.set_result(host.store.environments)
    order = Order(
        prompt=request.prompt,
        mode=request.mode,
        directory=Path(request.repository),
        model=model,
        ref=request.ref,
        checks=request.checks,
        configured=crew.checks,
        attempts=request.attempts,
        limits=request.limits,
        strategy=request.strategy,
        seed=request.seed,
        environment=request.environment,
    )
    new = await draft(order, host.state, host.excludes, host.clock, stored)
    firsts: dict[str, Sequence[Event]] = {}
    for attempt in new.attempts:
        start = new.firsts[attempt.id][0]
        mine = attempt_id(turn.task_id, turn.number, attempt.number)
        firsts[mine] = (start.model_copy(update={"task_id": turn.task_id, "turn": turn.number}),)
    return firsts
