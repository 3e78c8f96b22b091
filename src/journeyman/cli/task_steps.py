"""`tasks fork` and `tasks rewind`: a step of a server's task, in a new task or in the same one."""

from dataclasses import dataclass

from journeyman.cli.tasks import at, find, handed_over
from journeyman.core.api.tasks import Fork, Rewind
from journeyman.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Point:
    """A step of an attempt ("number" or "turn.number"), and what is to be done from there; what is None or empty is as
    it was."""

    attempt: str | None
    step: int | None
    prompt: str
    model: str | None = None
    attempts: int = 1
    watch: bool = False
    as_json: bool = False


async def fork(server: str | None, task: str, point: Point) -> int:
    """A new task from the conversation and the files of a step."""
    from journeyman.core.ids import new_id

    wanted = Fork(
        step=point.step,
        attempt=point.attempt or "chosen",
        prompt=point.prompt,
        model=point.model,
        attempts=point.attempts,
    )
    async with at(server) as here:
        view = await find(here.client, task)
        view = await here.client.fork(view.task.id, wanted, key=new_id())
        return await handed_over(here, view, watch=point.watch, as_json=point.as_json)


async def rewind(server: str | None, task: str, point: Point) -> int:
    """A further turn that begins with the conversation and the files of a step."""
    from journeyman.core.ids import new_id

    if point.step is None:
        raise UsageError("Say which step to go back to: --at N. The work log numbers the steps.")
    wanted = Rewind(step=point.step, attempt=point.attempt or "chosen", prompt=point.prompt)
    async with at(server) as here:
        view = await find(here.client, task)
        view = await here.client.rewind(view.task.id, wanted, key=new_id())
        return await handed_over(here, view, watch=point.watch, as_json=point.as_json)
