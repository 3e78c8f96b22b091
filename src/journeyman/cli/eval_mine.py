"""`journeyman eval mine` and `eval check`: sets made, and sets looked at."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from journeyman.attempt.clones import ground_of
from journeyman.cli.commands import open_host
from journeyman.cli.door import Door, open_door, open_stored
from journeyman.cli.eval_read import write
from journeyman.core.errors import JourneymanError
from journeyman.core.text import counted, one_line
from journeyman.evals import folder as folders
from journeyman.evals import history, sets
from journeyman.evals import mine as mining
from journeyman.evals.checking import Looked, look
from journeyman.evals.mine import Found
from journeyman.evals.repositories import Mirrors
from journeyman.repo.repository import Repository, open_repository

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of `eval mine`."""

    directory: Path
    output: Path | None
    checks: tuple[str, ...]
    ref: str
    commits: int
    limit: int | None
    workers: int
    repeats: int
    seconds: float
    whole: bool
    environment: str


async def mine(wish: Wish, as_json: bool) -> int:
    """Look for tasks, and write them as a set."""
    door = open_door(wish.directory, {})
    repository = await open_repository(wish.directory, door.state, excludes=door.excludes)
    commit, _, _ = await repository.resolve(wish.ref)
    commits = await history.commits(repository, commit, wish.commits)
    fit = [one for one in commits if not one.unfit]
    said = Counter(one.unfit for one in commits if one.unfit)
    if not as_json:
        some = ", ".join(f"{count} {why}" for why, count in said.most_common())
        words = f"{counted(len(commits), 'commit')} looked at, {len(fit)} to be tried"
        print(words + (f"; of the others {some}." if some else "."), file=sys.stderr)
    async with open_stored(door) as store, open_host(door, store) as host:
        work = mining.Mining(
            host=host,
            ground=ground_of(host),
            repository=repository,
            cache=_cache(door, repository),
            checks=wish.checks or door.settings.checks,
            repeats=wish.repeats,
            seconds=wish.seconds,
            environment=wish.environment,
            whole=wish.whole,
            limits=door.settings.limits,
        )
        rejected: Counter[str] = Counter()
        with _progress(as_json, len(fit)) as progress:

            def told(found: Found, how: Literal["known", "tried"]) -> None:
                if found.task is None:
                    rejected[found.why.partition(":")[0]] += 1
                _tell(found, how, as_json, progress)

            tasks = await mining.mine(work, fit, wish.workers, told, limit=wish.limit)
    file = wish.output or folders.runs_of(door.state) / "sets" / f"{repository.root.name}.jsonl"
    if wish.output is None:
        file.parent.mkdir(parents=True, exist_ok=True)
    await write(file, "".join(json.dumps(sets.row_of(task), ensure_ascii=False) + "\n" for task in tasks))
    if as_json:
        end = {"type": "mined", "file": str(file), "tasks": len(tasks), "rejected": rejected, "unfit": said}
        print(json.dumps(end, ensure_ascii=False))
        return 0
    print(f"{counted(len(tasks), 'task')} in {file}: journeyman eval run {file} --model NAME", file=sys.stderr)
    for why, count in rejected.most_common():
        print(f"  {count:5}  {one_line(why)}", file=sys.stderr)
    return 0


def _cache(door: Door, repository: Repository) -> Path:
    return folders.runs_of(door.state) / "mined" / f"{repository.git.store.stem}.jsonl"


@contextmanager
def _progress(as_json: bool, total: int) -> "Generator[Progress | None]":
    """A bar, on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as progress:
        progress.add_task("trying commits", total=total)
        yield progress


def _tell(found: Found, how: Literal["known", "tried"], as_json: bool, progress: "Progress | None") -> None:
    if progress is not None:
        progress.advance(progress.task_ids[0])
    if as_json:
        line = found.model_dump(exclude={"task", "key"}) | {
            "type": "commit",
            "task": found.task is not None,
            "how": how,
        }
        print(json.dumps(line, ensure_ascii=False), flush=True)
        return
    words = found.why
    if found.task is not None:
        grader = found.task.grader
        words = f"task, {counted(len(grader.fail_to_pass), 'test')} to fix, {len(grader.pass_to_pass)} to keep"
    print(f"{found.commit[:12]}  {one_line(found.title, 50):50}  {one_line(words, 90)}", flush=True)


async def check(file: Path, workers: int, only: str, limit: int | None, mirrors: Path | None, as_json: bool) -> int:
    """Look at each task of a set; exit code 1 when one is not as it has to be."""
    from journeyman.cli.eval_run import chosen

    tasks = chosen(list(sets.read_set(file)), only, limit)
    door = open_door(Path(), {})
    bad = 0
    gate = asyncio.Semaphore(workers)
    async with open_stored(door) as store, open_host(door, store) as host:

        async def one(number: int) -> Looked:
            async with gate:
                try:
                    return await look(host, ground_of(host), Mirrors(mirrors), tasks[number])
                except JourneymanError as error:
                    return Looked(tasks[number].id, False, str(error))

        for waiting in asyncio.as_completed([one(number) for number in range(len(tasks))]):
            looked = await waiting
            bad += not looked.good
            if as_json:
                line = {"instance": looked.instance, "good": looked.good, "said": looked.said}
                print(json.dumps(line, ensure_ascii=False), flush=True)
            else:
                print(f"{one_line(looked.instance, 50):50} {looked.said}", flush=True)
    print(f"{len(tasks) - bad} of {counted(len(tasks), 'task')} are as they have to be.", file=sys.stderr)
    return 1 if bad else 0
