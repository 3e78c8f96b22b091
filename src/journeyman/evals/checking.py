"""Checking a set before a model is measured by it: the bug must fail, the accepted fix must pass."""

from dataclasses import dataclass

from journeyman.attempt.clones import Ground
from journeyman.attempt.host import Host
from journeyman.core.task import Limits
from journeyman.evals import grade
from journeyman.evals.repositories import Mirrors, lay_out
from journeyman.evals.room import Room, workplace
from journeyman.evals.task import EvalTask
from journeyman.repo.repository import open_repository


@dataclass(frozen=True, slots=True)
class Looked:
    """Whether a task is as it has to be, in words."""

    instance: str
    good: bool
    said: str


async def look(host: Host, ground: Ground, mirrors: Mirrors, task: EvalTask) -> Looked:
    """Run the grader of a task on the files as they are handed out, and on the accepted fix if it has one."""
    if task.grader.command is None:
        return Looked(task.id, True, "graded elsewhere")
    with workplace(host) as work:
        place = await lay_out(task, work / "repository", ground, mirrors)
        repository = await open_repository(place, host.state, excludes=host.excludes)
        room = Room(repository, await repository.snapshot("HEAD"), None, Limits())
        bug = grade.judged(task.grader, *await grade.untouched(host, task, room))
        if bug.solved:
            return Looked(task.id, False, "its grader passes though nothing was changed")
        if not task.has_gold:
            return Looked(task.id, True, "fails as it is; there is no accepted fix")
        gold = grade.judged(task.grader, *await grade.gold(host, task, room))
        if gold.solved:
            return Looked(task.id, True, "fails as it is, and the accepted fix passes")
        last = gold.output.splitlines()[-1] if gold.output else ""
        named = f"; {', '.join(gold.failed[:3])}" if gold.failed else ""
        return Looked(
            task.id, False, f"the accepted fix does not pass: {gold.cut or f'exit {gold.exit_code}'}{named} {last}"
        )
