"""From a prompt to a stored task, and from a stored attempt to one that is at work."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from journeyman.attempt.clones import Ground, Wanted, start_from
from journeyman.attempt.host import Host, ModelPlan
from journeyman.checks.detect import find_checks
from journeyman.core import environment_file
from journeyman.core.environment import EnvironmentUse
from journeyman.core.errors import StoreError
from journeyman.core.events import AttemptStarted, Resumed
from journeyman.core.evidence import Check
from journeyman.core.folds import result, started
from journeyman.core.ids import Clock, attempt_id, new_id
from journeyman.core.model import CascadeOrder, Stage, Strategy, Way
from journeyman.core.task import Attempt, Base, Limits, Mode, Task, Turn, TurnRequest
from journeyman.core.text import one_line
from journeyman.repo import rules
from journeyman.repo.repository import Repository
from journeyman.repo.tree import Tree
from journeyman.store.environments import Environments
from journeyman.store.log import AttemptLog

COPIED = (
    "Some files of the repository are not yours to write, so the work goes on a copy of what git knows of it; "
    "ignored files are seen as they are."
)


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for. `checks` are commands; `configured` come from settings and yield to them.

    `place` is the folder or the address of a repository, `environment` the name of a stored one or a word of
    `core.environment.RESERVED`. `cascade` are the models of that strategy, `cascade_order` says
    how they are sorted. `starting_diff` is a patch with its blob id.
    """

    prompt: str
    mode: Mode
    place: str | Path
    model: ModelPlan
    ref: str | None = None
    checks: tuple[str, ...] = ()
    configured: tuple[str, ...] = ()
    attempts: int = 1
    limits: Limits = field(default_factory=Limits)
    strategy: Strategy | None = None
    cascade: tuple[tuple[ModelPlan, Way | None], ...] = ()
    cascade_order: CascadeOrder = "price"
    seed: int = 0
    environment: str = "off"
    starting_diff: tuple[str, bytes] | None = None
    images: tuple[str, ...] = ()
    against: str | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What is found where work is to start: the repository and its state, how the work is checked and bounded."""

    repository: Repository
    base: Base
    use: EnvironmentUse | None
    limits: Limits
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A task that is ready to be stored: its first turn, its attempts, and the first event of each."""

    task: Task
    turn: Turn
    attempts: tuple[Attempt, ...]
    firsts: dict[str, tuple[AttemptStarted]]


async def draft(
    order: Order, ground: Ground, clock: Clock = time.time, stored: Awaitable[Environments] | None = None
) -> Draft:
    """A task of a terminal. Raises what is wrong in words; stores nothing. Without the `stored` environments there is
    none."""
    found = await survey(order, ground, stored)
    task = Task(
        id=new_id(clock),
        prompt=order.prompt,
        mode=order.mode,
        repository=found.repository.name,
        model=order.model.name,
        created=clock(),
        attempts=order.attempts,
        title=one_line(order.prompt),
        environment=order.environment,
        ref=order.ref,
    )
    numbers = range(1, order.attempts + 1)
    attempts = tuple(Attempt(id=attempt_id(task.id, 1, one), task_id=task.id, number=one) for one in numbers)
    start = beginning(task.id, order, found)
    firsts = {one.id: (start.model_copy(update={"seed": order.seed + one.number - 1}),) for one in attempts}
    return Draft(task, _turn(task, order), attempts, firsts)


async def survey(order: Order, ground: Ground, stored: Awaitable[Environments] | None) -> Survey:
    """Take the base, choose the environment and find the checks. Raises what is wrong in words."""
    review = order.mode == "review"
    wanted = Wanted(str(order.place), order.ref, order.starting_diff, review, order.against)
    repository, base = await start_from(ground, wanted)
    return await surveyed(repository, base, order, stored)


async def surveyed(repository: Repository, base: Base, order: Order, stored: Awaitable[Environments] | None) -> Survey:
    """The same for a base that is known."""
    limits, configured = order.limits, order.configured
    async with repository.tree(base.tree) as tree:
        written = await _rule_commands(tree) if order.mode == "code" else ()  # while the store is still being opened
        use = await _environment(repository, tree, order, stored)
        if use is not None:
            limits = environment_file.tightened(limits, use.environment, only_lower=use.source != "stored")
            configured = use.environment.checks or configured
        order = replace(order, limits=limits, configured=configured)
        checks = await _checks(tree, order, written) if order.mode == "code" else ()
        own = order.mode != "code" or base.ref is not None or base.copied
        if not own and not await repository.writable(await tree.listing()):
            base = base.model_copy(update={"copied": True, "left_out": (*base.left_out, COPIED)})
    return Survey(repository, base, use, limits, checks)


def beginning(task_id: str, order: Order, found: Survey) -> AttemptStarted:
    """The first event of an attempt."""
    strategy: Strategy = order.strategy or order.model.profile.strategy
    strategy = strategy if order.mode == "code" else "loop"
    stages: tuple[Stage, ...] = ()
    if strategy == "cascade":
        from journeyman.attempt.cascade import stages_of

        stages = stages_of(order.cascade, order.model, order.cascade_order)
    return AttemptStarted(
        task_id=task_id,
        prompt=order.prompt,
        mode=order.mode,
        model=stages[0].model if stages else order.model.name,
        profile=stages[0].profile if stages else order.model.profile,
        strategy=strategy,
        stages=stages,
        base=found.base,
        limits=found.limits,
        checks=found.checks,
        seed=order.seed,
        environment=found.use,
        images=order.images,
    )


def _turn(task: Task, order: Order) -> Turn:
    request = TurnRequest(
        prompt=order.prompt,
        mode=order.mode,
        repository=task.repository,
        ref=order.ref,
        environment=order.environment,
        model=task.model,
        strategy=order.strategy,
        cascade=tuple(f"{plan.name} {way}" if way else plan.name for plan, way in order.cascade),
        cascade_order=order.cascade_order,
        attempts=order.attempts,
        limits=order.limits,
        checks=order.checks,
        against=order.against,
        seed=order.seed,
    )
    return Turn(task_id=task.id, request=request, created=task.created)


async def _environment(
    repository: Repository, tree: Tree, order: Order, stored: Awaitable[Environments] | None
) -> EnvironmentUse | None:
    if stored is None or order.environment == "off":
        return None
    from journeyman.attempt.environment.cache import Cache
    from journeyman.attempt.environment.choose import choose

    cache = Cache(repository.state / "environments", 0)
    return await choose(repository.workspace, tree, order.environment, await stored, cache, known_as=repository.name)


async def _rule_commands(tree: Tree) -> tuple[str, ...]:
    found = await rules.discover(tree.get, global_text=None)
    return tuple(command for rule in found for command in rules.commands(rule.text))


async def _checks(tree: Tree, order: Order, written: tuple[str, ...]) -> tuple[Check, ...]:
    return await find_checks(
        await tree.paths(),
        tree.get,
        flags=order.checks,
        configured=order.configured,
        rule_commands=written,
        seconds=order.limits.check_seconds,
    )


Prepare = Callable[[AttemptLog], Awaitable[None]]
"""Writes the beginning of an attempt that has none."""


@asynccontextmanager
async def claim(
    host: Host, attempt: str, prepare: Prepare | None = None
) -> AsyncGenerator[tuple[AttemptLog, AttemptStarted]]:
    """Become the one writer of an attempt's log, and say so in it where another one was before."""
    async with host.store.claim(attempt, host.holder) as log:
        if log.events and log.epoch > 1 and result(log.events) is None:
            await log.append(Resumed(holder=host.holder))
        if not log.events and prepare is not None:
            await prepare(log)
        start = started(log.events)
        if start is None:
            raise StoreError(f"Attempt {attempt} has no beginning in the log; it cannot be worked on.")
        yield log, start
