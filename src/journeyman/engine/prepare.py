"""From what a person asked for to the first events of a turn's attempts: what they start from, and with what."""

import asyncio
from collections.abc import Sequence

from journeyman.attempt.begin import Order, beginning, survey
from journeyman.attempt.clones import ground_of
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
    diff = request.starting_diff
    order = Order(
        prompt=request.prompt,
        mode=request.mode,
        place=request.repository,
        model=model,
        ref=request.ref,
        checks=request.checks,
        configured=crew.checks,
        attempts=request.attempts,
        limits=request.limits,
        strategy=request.strategy,
        seed=request.seed,
        environment=request.environment,
        starting_diff=(diff, await host.store.blob(diff)) if diff is not None else None,
        images=request.images,
    )
    start = beginning(turn.task_id, order, await survey(order, ground_of(host), stored))
    start = start.model_copy(update={"turn": turn.number})
    return {
        attempt_id(turn.task_id, turn.number, number): (start.model_copy(update={"seed": request.seed + number - 1}),)
        for number in range(1, request.attempts + 1)
    }
