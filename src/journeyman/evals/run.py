"""Working a set: the same attempts that people get, side by side, each graded; what is done is never done again."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from journeyman.attempt.begin import Draft, Order, draft
from journeyman.attempt.clones import Ground
from journeyman.attempt.host import Host, ModelPlan, Tell, Watch
from journeyman.attempt.run import run_attempt
from journeyman.core import folds, summary
from journeyman.core.environment import Environment, EnvironmentBase, EnvironmentUse
from journeyman.core.errors import JourneymanError, UsageError, WrongKey
from journeyman.core.events import AttemptStarted, Event
from journeyman.core.evidence import Result, best
from journeyman.core.model import Way
from journeyman.core.settings import Settings
from journeyman.core.task import Attempt, Status
from journeyman.evals import grade as grading
from journeyman.evals.folder import RunFolder
from journeyman.evals.grade import Grade
from journeyman.evals.guard import Contaminated, Guarded, Secret
from journeyman.evals.outcome import Begun, Broken, Chosen, Outcome, outcome_of
from journeyman.evals.repositories import Mirrors, lay_out
from journeyman.evals.room import Room
from journeyman.evals.task import EvalTask
from journeyman.repo.repository import open_repository
from journeyman.sandbox.protocol import SandboxBackend
from journeyman.store.environments import Environments

CONDA = "/opt/miniconda3"
IMAGE_PATH = f"{CONDA}/envs/testbed/bin:{CONDA}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IN_A_ROW = 3
"""Attempts that break one after the other, beyond the number of workers, before the run stops to ask a person."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all attempts of a run have in common; limits, checks and strategy are those of the `settings`."""

    host: Host
    ground: Ground
    model: ModelPlan
    settings: Settings
    mirrors: Mirrors = field(default_factory=Mirrors)
    cascade: tuple[tuple[ModelPlan, Way | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of a run as it goes on: when an attempt begins, what it does, and what came of it."""

    begun: Callable[[str, int], None] = lambda instance, number: None
    doing: Callable[[str, int, str], None] = lambda instance, number, line: None
    ended: Callable[[Outcome], None] = lambda outcome: None
    broke: Callable[[Broken], None] = lambda broken: None


@dataclass(slots=True)
class _Work:
    """A run at work in this process."""

    folder: RunFolder
    setting: Setting
    told: Told
    workers: int
    locks: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])
    results: dict[str, dict[int, Result]] = field(default_factory=dict[str, dict[int, Result]])
    in_a_row: int = 0
    stop: JourneymanError | None = None

    def lock(self, instance: str) -> asyncio.Lock:
        return self.locks.setdefault(instance, asyncio.Lock())


async def work(folder: RunFolder, setting: Setting, told: Told, workers: int) -> None:
    """Work what is left of a run, `workers` attempts at a time. Cancelling keeps everything.

    Raises the `JourneymanError` that breaks one attempt after the other, since then a person has to do something.
    """
    plan = folder.plan
    with folder.held():
        queue: asyncio.Queue[tuple[EvalTask, int]] = asyncio.Queue()
        for task in folder.tasks:
            numbers = range(1, plan.attempts + 1)
            left = [number for number in numbers if (task.id, number) not in folder.state.outcomes]
            for number in left or ([numbers[0]] if task.id not in folder.state.chosen else []):
                queue.put_nowait((task, number))
        run = _Work(folder, setting, told, workers)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(workers, max(queue.qsize(), 1))):
                group.create_task(_worker(run, queue))
        if run.stop is not None:
            raise run.stop


async def _worker(run: _Work, queue: asyncio.Queue[tuple[EvalTask, int]]) -> None:
    while run.stop is None:
        try:
            task, number = queue.get_nowait()
        except asyncio.QueueEmpty:
            return
        await _one(run, task, number)


async def _one(run: _Work, task: EvalTask, number: int) -> None:
    """One attempt at one task, from wherever it is, to its outcome in the journal."""
    run.told.begun(task.id, number)
    try:
        outcome = await _attempt(run, task, number)
    except JourneymanError as error:
        broken = Broken(instance=task.id, number=number, message=str(error))
        run.folder.record(broken)
        run.told.broke(broken)
        if isinstance(error, Contaminated):
            return
        run.in_a_row += 1
        if isinstance(error, WrongKey) or run.in_a_row >= run.workers + IN_A_ROW:
            run.stop = error
        return
    run.in_a_row = 0
    run.told.ended(outcome)
    await _choose(run, task)


async def _attempt(run: _Work, task: EvalTask, number: int) -> Outcome:
    known = run.folder.state.outcomes.get((task.id, number))
    if known is not None:  # the process ended between the last outcome and the choice
        return known
    async with run.lock(task.id):  # attempts of one task share its repository
        place = await lay_out(task, run.folder.work / task.folder, run.setting.ground, run.setting.mirrors)
        task_id, attempts = await _stored(run, task, str(place))
    attempt = next(one for one in attempts if one.number == number)
    host = _guarded(run.setting.host, Secret(task, run.folder.secrets))
    folded = summary.Summary()

    def listen(events: Sequence[Event]) -> None:
        nonlocal folded
        for event in events:
            folded = summary.fold(folded, event)
        run.told.doing(task.id, number, folded.line)

    watch = Watch(on_progress=lambda line: run.told.doing(task.id, number, line))
    result = await run_attempt(host, attempt.id, listener=listen, watch=watch)
    events = await host.store.events(attempt.id)
    start = folds.started(events)
    assert start is not None  # it was worked on
    run.told.doing(task.id, number, "grading")
    grade = await _graded(run, task, start, result)
    stopped = folds.stopped(events)
    outcome = outcome_of(task.id, number, task_id, attempt.id, result, grade)
    more: dict[str, object] = {"usage": folds.usage(events)}  # with what a judge took afterwards
    if stopped is not None:
        more |= {"stop": stopped.reason, "message": stopped.message}
    outcome = outcome.model_copy(update=more)
    run.folder.record(outcome)
    return outcome


def _guarded(host: Host, secret: Secret) -> Host:
    """This machine for attempts at one task, with the wall to its grader."""
    images = host.image_backend
    guarded = None if images is None else partial(_guarded_image, images, secret)
    return replace(host, backend=Guarded(host.backend, secret), image_backend=guarded)


def _guarded_image(
    open_image: Callable[[str, Tell], SandboxBackend], secret: Secret, image: str, tell: Tell
) -> Guarded:
    return Guarded(open_image(image, tell), secret)


async def _stored(run: _Work, task: EvalTask, place: str) -> tuple[str, Sequence[Attempt]]:
    """The task in the store, made where it is not there yet, and its attempts."""
    store = run.setting.host.store
    if (known := run.folder.state.begun.get(task.id)) is not None:
        with suppress(UsageError):  # the process ended before it was stored, or somebody has deleted it
            return known, await store.attempts((await store.task(known)).id, 1)
    new = await _draft(run, task, place)
    run.folder.record(Begun(instance=task.id, task_id=new.task.id))
    await store.create(new.task, new.attempts, new.firsts, turn=new.turn)
    return new.task.id, new.attempts


async def _draft(run: _Work, task: EvalTask, place: str) -> Draft:
    setting, plan = run.setting, run.folder.plan
    order = Order(
        prompt=task.prompt,
        mode="code",
        place=place,
        model=setting.model,
        checks=task.checks,
        configured=setting.settings.checks,
        attempts=plan.attempts,
        limits=setting.settings.limits,
        strategy=setting.settings.strategy,
        cascade=setting.cascade,
        cascade_order=setting.settings.cascade_order,
        seed=plan.seed,
        environment=plan.environment,
    )
    stored: asyncio.Future[Environments] = asyncio.get_running_loop().create_future()
    stored.set_result(setting.host.store.environments)
    new = await draft(order, setting.ground, setting.host.clock, stored)
    if task.origin is None or task.origin.image is None:
        return new
    firsts = {name: (_in_image(first, task.origin.image, place),) for name, (first,) in new.firsts.items()}
    return replace(new, firsts=firsts)


def _in_image(start: AttemptStarted, image: str, place: str) -> AttemptStarted:
    """The same beginning, in a container image of the set's. SWE-bench's images have a conda environment, in which the
    project is installed from a place of the image; ours, where the work is done, goes before that."""
    variables = {"PATH": IMAGE_PATH, "PYTHONPATH": f"{place}:{place}/src:{place}/lib"}
    environment = Environment(name="set", base=EnvironmentBase(image=image), variables=variables)
    use = EnvironmentUse(environment=environment, source="stored", summary=f"the set's image {image}")
    return start.model_copy(update={"environment": use})


async def _graded(run: _Work, task: EvalTask, start: AttemptStarted, result: Result) -> Grade:
    if result.tree is None or result.tree == start.base.tree:
        return grading.UNCHANGED
    host = run.setting.host
    repository = await open_repository(run.folder.work / task.folder, host.state, excludes=host.excludes)
    room = Room(repository, start.base, start.environment, start.limits, start.checks)
    return await grading.grade(host, task, room, result.tree)


async def _choose(run: _Work, task: EvalTask) -> None:
    """Once all attempts at a task are over: the one that a person would be handed, as for any task."""
    state, store = run.folder.state, run.setting.host.store
    numbers = range(1, run.folder.plan.attempts + 1)
    done = {number: state.outcomes[task.id, number] for number in numbers if (task.id, number) in state.outcomes}
    if len(done) < len(numbers) or task.id in state.chosen:
        return
    results: dict[str, Result] = {}
    for outcome in done.values():
        found = folds.result(await store.events(outcome.attempt_id))
        if found is not None:
            results[outcome.attempt_id] = found
    known = await store.attempts(done[1].task_id, 1)
    crossed = [pair for attempt in known for pair in attempt.summary.crossed]
    opinions = [one for attempt in known for one in attempt.summary.opinions]
    chosen = best(results, crossed=crossed, opinions=opinions)
    task_id = done[1].task_id
    status: Status = "done"
    await store.update_task(task_id, status=status, chosen=chosen)
    await store.turns.update(task_id, 1, status=status, chosen=chosen)
    run.folder.record(Chosen(instance=task.id, number=next(n for n, one in done.items() if one.attempt_id == chosen)))
