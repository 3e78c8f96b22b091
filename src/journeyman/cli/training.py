"""Finished tasks written as training data: `journeyman export --format` and `journeyman eval export`."""

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from journeyman.attempt.clones import with_base
from journeyman.attempt.credentials import credentials_of
from journeyman.attempt.host import Host
from journeyman.cli.commands import open_host
from journeyman.cli.door import Door, open_door, open_stored
from journeyman.cli.eval_read import write
from journeyman.cli.eval_run import write_predictions
from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.mask import Mask
from journeyman.core.text import counted
from journeyman.evals import folder as folders
from journeyman.evals.folder import RunFolder
from journeyman.evals.repositories import Mirrors
from journeyman.evals.training.conversations import Told, request_for_patch, told
from journeyman.evals.training.trajectories import Example, Format, openai_line, preference_lines, sharegpt_line
from journeyman.store.store import Store

RunFormat = Literal["openai", "sharegpt", "preferences", "verifiers", "swebench"]


async def export_tasks(task_id: str | None, directory: Path, kind: str, file: Path | None, every: bool) -> int:
    """Write a finished task, or all of them, as lines of training data."""
    from journeyman.cli import read

    if kind not in get_args(Format):
        raise UsageError(f"--format takes {', '.join(get_args(Format))}, not {kind!r}.")
    async with _opened(directory) as (door, store, _):
        if every:
            tasks = await store.tasks(1_000_000)
        else:
            tasks = [await read.find(store, task_id, read.repository_of(directory))]
        groups: list[list[Example]] = []
        for task in tasks:
            attempts = await store.attempts(task.id, task.turn)
            found = [await _example(door, store, attempt.id, None) for attempt in attempts]
            groups.append([one for one in found if one is not None])
        name = "tasks" if every else tasks[0].id
        return await _write(groups, kind, file or Path(f"{name}.{kind}.jsonl"), everything=False)


async def export_run(name: str, kind: str, output: Path | None, everything: bool, mirrors: Path | None) -> int:
    """Write a run's attempts as training data, its tasks as an environment, or its patches as predictions."""
    if kind not in get_args(RunFormat):
        raise UsageError(f"--format takes {', '.join(get_args(RunFormat))}, not {kind!r}.")
    async with _opened(Path()) as (door, store, host):
        folder = folders.find(folders.runs_of(door.state), name)
        if kind == "verifiers":
            return await _package(host, folder, output, Mirrors(mirrors))
        if kind == "swebench":
            file = output or folder.path / "predictions.jsonl"
            await write_predictions(folder, store.blob, file)
            print(f"The predictions are in {file}.", file=sys.stderr)
            return 0
        groups: dict[str, list[Example]] = {}
        for outcome in folder.state.graded():
            one = await _example(door, store, outcome.attempt_id, outcome.grade.solved)
            if one is not None:
                groups.setdefault(outcome.instance, []).append(one)
        file = output or Path(f"{folder.plan.name}.{kind}.jsonl")
        return await _write(list(groups.values()), kind, file, everything=everything)


@asynccontextmanager
async def _opened(directory: Path) -> AsyncGenerator[tuple[Door, Store, Host]]:
    door = open_door(directory, {})
    async with open_stored(door) as store, open_host(door, store) as host:
        yield door, store, host


async def _example(door: Door, store: Store, attempt_id: str, good: bool | None) -> Example | None:
    mask = await store.secrets.refresh()
    one = await told(store, attempt_id, good, mask)
    return None if one is None else Example(one, await _asked(door, store, one, mask))


async def _asked(door: Door, store: Store, one: Told, mask: Mask) -> Sequence[dict[str, str]]:
    """The request for the patch; nothing where the repository has gone from where it was."""
    if not one.patch:
        return ()
    try:
        repository = await with_base(
            replace(door.ground, credentials=credentials_of(store)), one.start.base, store.blob
        )
        asked = await request_for_patch(repository, one)
    except RepositoryError:
        return ()
    return [{name: mask.text(text) for name, text in message.items()} for message in asked]


async def _write(groups: Sequence[Sequence[Example]], kind: str, file: Path, *, everything: bool) -> int:
    lines: list[str] = []
    for examples in groups:
        if kind == "preferences":
            lines += preference_lines(examples)
            continue
        one_line = openai_line if kind == "openai" else sharegpt_line
        wanted = [
            one for one in examples if everything or one.told.good is True or one.told.result.verdict == "answered"
        ]
        lines += [line for line in map(one_line, wanted) if line is not None]
    if not lines:
        raise UsageError("There is nothing to write: no finished attempt of that kind. Attempts have to be solved.")
    await write(file, "".join(f"{line}\n" for line in lines))
    print(f"{counted(len(lines), 'line')} in {file}.", file=sys.stderr)
    return 0


async def _package(host: Host, folder: RunFolder, output: Path | None, mirrors: Mirrors) -> int:
    from journeyman.evals.training.environment import KEY, write_package
    from journeyman.evals.training.packing import packed

    place = output or Path(f"{folder.plan.name}-environment")
    tasks = [task for task in folder.tasks if task.grader.command is not None]
    if not tasks:
        raise UsageError("No task of the run can be graded here, so there is no reward to give.")
    ready = [await packed(host, task, folder.work, mirrors) for task in tasks]
    name = "".join(letter if letter.isalnum() else "_" for letter in place.name.lower()).strip("_")
    write_package(place, name if name[:1].isalpha() else f"tasks_{name}", ready)
    told = f"{counted(len(ready), 'task')} in {place}; {place / 'README.md'} says how to use it."
    print(f"{told} Keep {place / KEY}, which opens the graders, from whom you train.", file=sys.stderr)
    return 0
