"""What the commands do, once their arguments are read."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman.attempt.begin import Draft, Order, draft
from journeyman.attempt.credentials import credentials_of_opened
from journeyman.attempt.host import Brokered, Host, ModelPlan, Tell
from journeyman.cli.door import Door, model_choice, open_door, open_stored
from journeyman.cli.shared import known_choice
from journeyman.cli.work import Ended, JsonLines, Watcher, begin, work
from journeyman.core.environment import RESERVED, EnvironmentUse, NetworkPolicy, Refusal
from journeyman.core.errors import UsageError
from journeyman.core.model import Way
from journeyman.core.task import Attempt, Base, Mode, Task
from journeyman.core.text import counted, one_line, plain, sentence
from journeyman.models.choice import profile_of
from journeyman.models.open import price_of, require
from journeyman.models.protocol import Model
from journeyman.sandbox.choice import choose_backend
from journeyman.sandbox.protocol import Gateway, SandboxBackend
from journeyman.store.environments import Environments
from journeyman.store.holder import this_process
from journeyman.store.store import Store

if TYPE_CHECKING:
    from journeyman.repo.repository import Repository

Work = Coroutine[Any, Any, int]
"""A command at work; its value is the exit code."""


@dataclass(frozen=True, slots=True)
class Flags:
    """The options of `run`, `ask` and `resume`."""

    directory: Path
    model: str | None
    checks: tuple[str, ...]
    attempts: int | None
    base: str | None
    as_json: bool
    apply: bool
    engine: str | None = None
    environment: str | None = None
    against: str | None = None
    strategy: str | None = None


@asynccontextmanager
async def open_host(door: Door, store: Store) -> AsyncGenerator[Host]:
    """This machine, for attempts."""

    @asynccontextmanager
    async def open_model(name: str, tell: Tell | None) -> AsyncGenerator[Model]:
        from journeyman.models.open import open_model as opened

        choice, env = await known_choice(door, store, name)
        async with opened(choice, env=env, cache=door.cache, on_progress=tell) as model:
            yield model

    backend = await asyncio.to_thread(choose_backend, door.settings.sandbox, door.state / "sandbox")
    virtual_env = door.environ.get("VIRTUAL_ENV")
    rules = door.state / "AGENTS.md"
    yield Host(
        state=door.state,
        home=door.home,
        path=door.environ.get("PATH", "/usr/bin:/bin"),
        store=store,
        backend=backend,
        open_model=open_model,
        holder=this_process(),
        own_prefix=Path(sys.prefix),
        virtual_env=Path(virtual_env) if virtual_env else None,
        excludes=door.excludes,
        global_rules=rules.read_text() if rules.is_file() else None,
        open_gateway=partial(_open_gateway, door),
        index_variables=partial(_index_variables, door),
        image_backend=partial(_image_backend, door),
        refresh=partial(_refresh, door),
        environment_disk_bytes=door.settings.environment_disk_bytes,
        git_environment=door.environ,
        judge=door.settings.judge,
    )


def _open_gateway(
    door: Door, policy: NetworkPolicy, brokered: Brokered, refused: Callable[[Refusal], None]
) -> AbstractAsyncContextManager[Gateway | None]:
    from journeyman.cli.network import way_out

    return way_out(door)(policy, brokered, refused)


def _image_backend(door: Door, image: str, tell: Tell) -> SandboxBackend:
    return choose_backend("container", door.state / "sandbox", image=image, on_progress=tell)


async def _index_variables(door: Door) -> Mapping[str, str]:
    from journeyman.cli.network import index_variables

    return await index_variables(door)


def _refresh(door: Door, repository: str, wanted: str) -> None:
    """Build a repository's environment anew in a process that outlives this one."""
    import subprocess

    subprocess.Popen(
        [sys.executable, "-m", "journeyman.cli.main", "env", "build", "-C", repository, "--env", wanted],
        env=dict(door.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


async def start(prompt: str, mode: Mode, flags: Flags) -> int:
    """`run`, `ask` and `review`."""
    if flags.model is not None and not flags.model.strip():
        raise UsageError("--model is empty; leave it out, or name a model.")
    if not all(check.strip() for check in flags.checks):
        raise UsageError("--check is empty; leave it out, or give a command that must succeed.")
    given: dict[str, object] = {
        "model": flags.model,
        "attempts": flags.attempts,
        "environment": flags.environment,
        "strategy": flags.strategy,
        "temporal": {"address": flags.engine} if flags.engine else None,
    }
    door = open_door(flags.directory, given)
    choice = model_choice(door, door.settings.model)
    require(choice, door.environ)
    place, ref = await _placed(door, flags)
    order = Order(
        prompt=prompt_of(prompt),
        mode=mode,
        place=place,
        model=ModelPlan(choice.name, profile_of(choice)),
        ref=ref,
        checks=flags.checks,
        configured=door.settings.checks,
        attempts=door.settings.attempts,
        limits=door.settings.limits,
        strategy=door.settings.strategy,
        cascade=await cascade_of(door, named=flags.model is not None),
        cascade_order=door.settings.cascade_order,
        environment=door.settings.environment,
        against=flags.against,
    )
    stored: asyncio.Future[Environments] = asyncio.get_running_loop().create_future()
    opened: asyncio.Future[Store] = asyncio.get_running_loop().create_future()
    ground = replace(door.ground, credentials=credentials_of_opened(lambda: asyncio.shield(opened)))
    drafting = asyncio.create_task(draft(order, ground, stored=stored))  # beside opening the store
    try:
        async with open_stored(door) as store, open_host(door, store) as host:
            opened.set_result(store)
            stored.set_result(store.environments)
            new = await drafting
            return await _begin(door, host, new, flags, choice.why)
    finally:
        drafting.cancel()


async def cascade_of(door: Door, *, named: bool) -> tuple[tuple[ModelPlan, Way | None], ...]:
    """The models of the settings' cascade with their prices; none where a person has `named` one model."""
    if door.settings.strategy != "cascade" or named:
        return ()
    from journeyman.attempt.cascade import named as entry
    from journeyman.attempt.cascade import priced

    plans: list[tuple[ModelPlan, Way | None]] = []
    for name, way in map(entry, door.settings.cascade):
        choice = model_choice(door, name)
        require(choice, door.environ)
        plan = ModelPlan(choice.name, profile_of(choice), look_up=partial(price_of, choice))
        plans.append((await priced(plan), way))
    return tuple(plans)


async def _placed(door: Door, flags: Flags) -> tuple[str, str | None]:
    """The repository and the state to start from; it is elsewhere where a stored environment names its address."""
    if door.settings.environment in RESERVED:
        return str(flags.directory), flags.base
    from journeyman.cli.environment import placed

    async with open_stored(door) as store:
        return await placed(store.environments, door.settings.environment, flags.directory), flags.base


async def _begin(door: Door, host: Host, new: Draft, flags: Flags, why: str) -> int:
    first = new.firsts[new.attempts[0].id][0]
    notes = (why, _start_words(first.base), *first.base.left_out, _environment_words(first.environment))
    try:
        watcher = partial(watcher_of, flags=flags, notes=notes)
        if flags.engine is None:
            ended = await begin(host, new, watcher)
        else:
            from journeyman.cli.engine import hand_over

            ended = await hand_over(door, host, new, watcher(new.task, new.attempts))
    except asyncio.CancelledError:
        return interrupted(new.task)
    return await show_ended(door, host.store, ended, flags)


def _environment_words(use: EnvironmentUse | None) -> str:
    """What a person has to know about the environment before it is used; empty where they know already."""
    if use is None:
        return ""
    words = f"Environment {use.environment.name}: {use.summary}."
    if use.asks:
        words += f" Not approved and left out: {', '.join(use.asks)}; `journeyman env trust` approves."
    return words


async def resume(task_id: str | None, flags: Flags) -> int:
    """Go on with a task's attempts that have no result."""
    from journeyman.cli import read

    door = open_door(flags.directory, {})
    async with open_stored(door) as store, open_host(door, store) as host:
        task = await read.find(store, task_id, read.repository_of(flags.directory))
        attempts = await store.attempts(task.id, task.turn)
        if not flags.as_json and all(one.status == "done" for one in attempts):
            print(f"Task {task.id} is finished; nothing is left to do.", file=sys.stderr)
        try:
            ended = await work(host, task, attempts, watcher_of(task, attempts, flags, ()))
        except asyncio.CancelledError:
            return interrupted(task)
        return await show_ended(door, store, ended, flags)


async def apply(task_id: str | None, directory: Path, number: int | None) -> int:
    """Put a task's patch on the working tree."""
    from journeyman.cli import read

    door = open_door(directory, {})
    async with open_stored(door) as store:
        task = await read.find(store, task_id, read.repository_of(directory))
        attempt = await read.chosen(store, task, number)
        result, _ = await read.result_of(store, attempt)
        return await _apply(door, task, await read.patch_of(store, result), directory)


@dataclass(frozen=True, slots=True)
class At:
    """Where a reading command is: the store, the task that is meant, the screen."""

    store: Store
    task: Task
    console: Any


async def reading(directory: Path, task_id: str | None, show: Callable[[At], Awaitable[None]]) -> int:
    """Run a command that only reads the store."""
    from rich.console import Console

    from journeyman.cli import read

    door = open_door(directory, {})
    async with open_stored(door) as store:
        await show(At(store, await read.find(store, task_id, read.repository_of(directory)), Console()))
    return 0


async def with_store(show: Callable[[Store, Any], Awaitable[None]]) -> int:
    from rich.console import Console

    door = open_door(Path(), {})
    async with open_stored(door) as store:
        await show(store, Console())
    return 0


async def worker(
    temporal: Mapping[str, object], slots: int | None, store_address: str | None, blobs: str | None
) -> int:
    """Work for an engine until told to end."""
    from journeyman.cli.engine import work_for_engine

    given = {"temporal": temporal or None, "slots": slots, "store": store_address, "blobs": blobs}
    door = open_door(Path(), given)
    async with open_stored(door) as store, open_host(door, store) as host:
        return await work_for_engine(door, host)


async def fetch() -> int:
    """Download and verify the embedded model, with a progress bar."""
    from journeyman.cli.fetch import fetch_model

    door = open_door(Path(), {})
    await fetch_model(door.cache)
    return 0


def prompt_of(prompt: str) -> str:
    """The prompt; `-` is all of stdin."""
    if prompt == "-":
        prompt = sys.stdin.read()
    if not prompt.strip():
        raise UsageError('The prompt is empty. Say what you want done: journeyman run "Fix the failing test"')
    return prompt


def _start_words(base: Base) -> str:
    """What of the person's is part of the start though it is not committed; empty when nothing is."""
    changed, untracked = base.changed_files, base.untracked_files
    if base.ref is not None or not (changed or untracked):
        return ""
    parts = [counted(count, f"{word} file") for count, word in ((changed, "changed"), (untracked, "new")) if count]
    return f"Starting from your working tree as it is, with {' and '.join(parts)} not committed yet."


def watcher_of(task: Task, attempts: Sequence[Attempt], flags: Flags, notes: Sequence[str]) -> Watcher:
    if flags.as_json:
        for note in filter(None, notes):
            print(plain(note), file=sys.stderr)
        return Watcher(JsonLines(task.id, [attempt.number for attempt in attempts]), None)
    from rich.console import Console

    from journeyman.cli.live import Progress

    progress = Progress(Console(stderr=True), len(attempts))
    for note in filter(None, notes):
        progress.note(note)
    return Watcher(None, progress)


def interrupted(task: Task) -> int:
    """Say how the task goes on that Ctrl-C or SIGTERM has stopped."""
    print(f"\njourneyman: stopped. Everything is kept; `journeyman resume {task.id}` goes on.", file=sys.stderr)
    return 130


async def show_ended(door: Door, store: Store, ended: Ended, flags: Flags) -> int:
    """The result page, and the patch onto the working tree where it was asked for."""
    if ended.error is not None:
        message = sentence(str(ended.error))
        go_on = f" Everything so far is kept; `journeyman resume {ended.task.id}` goes on."
        known = ended.result or "journeyman resume" in message
        print(f"journeyman: {message}{'' if known else go_on}", file=sys.stderr)
    if ended.result is None or ended.chosen is None:
        return 2 if isinstance(ended.error, UsageError) else 1
    if not flags.as_json:
        from rich.console import Console

        from journeyman.cli import read

        attempt = next(one for one in await store.attempts(ended.task.id) if one.id == ended.chosen)
        await read.show_result(store, Console(), ended.task.model_copy(update={"chosen": ended.chosen}), attempt)
    if flags.apply and ended.result.diff:
        if ended.exit_code:
            print("journeyman: not applied, since the task is not solved.", file=sys.stderr)
        else:
            return await _apply(door, ended.task, await store.blob(ended.result.diff), flags.directory)
    return ended.exit_code


async def _apply(door: Door, task: Task, patch: bytes, directory: Path) -> int:
    """Onto the task's own working tree; for one of a repository elsewhere onto that of `directory`."""
    from journeyman.attempt.clones import is_address
    from journeyman.repo.repository import reopen_repository

    place = directory if is_address(task.repository) else Path(task.repository)
    return await put_on(await reopen_repository(place, door.state, excludes=door.excludes), patch)


async def put_on(repository: "Repository", patch: bytes) -> int:
    """Put a patch on a repository's working tree, and say what came of it."""
    if not patch:
        print("Nothing was changed; there is nothing to apply.", file=sys.stderr)
        return 0
    outcome = await repository.apply(patch)
    for conflict in outcome.conflicts:
        print(f"conflict in {one_line(conflict.path, 300)}: {conflict.reason}", file=sys.stderr)
    if not outcome.applied:
        print("journeyman: nothing was applied, and your files are as they were.", file=sys.stderr)
        return 1
    for path in outcome.changed:
        merged = " (merged with your own changes)" if path in outcome.merged else ""
        print(f"applied {one_line(path, 300)}{merged}", file=sys.stderr)
    for path in outcome.already:
        print(f"already there: {one_line(path, 300)}", file=sys.stderr)
    return 0
