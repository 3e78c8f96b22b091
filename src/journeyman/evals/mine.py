"""Tasks out of a repository's own history: commits whose tests fail on the files before and pass on those after.

Each is tried as its task would be graded: the commit's tests are laid over its parent, with and without the fix, in
sandboxes, several times. What was found out of a commit is kept, so that a run that was ended goes on.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from journeyman.attempt.clones import Ground
from journeyman.attempt.host import Host
from journeyman.checks.detect import find_checks, runner_of
from journeyman.core.environment import EnvironmentUse
from journeyman.core.errors import JourneymanError
from journeyman.core.evidence import CheckRun
from journeyman.core.task import Base, Limits
from journeyman.core.text import one_line
from journeyman.core.value import Value
from journeyman.evals import grade, repositories
from journeyman.evals.history import Commit, narrowed
from journeyman.evals.repositories import BORROWED, Mirrors
from journeyman.evals.room import Room, workplace
from journeyman.evals.task import EvalTask, Grader, Origin
from journeyman.repo import rules
from journeyman.repo.repository import Repository, open_repository
from journeyman.repo.tree import Tree

PROCEDURE = 2
"""Grows when commits are tried in another way, so that what was found out before is found out anew."""
FILE_LIMIT = 2 * 1024 * 1024


class Found(Value):
    """What is known of a commit: a `task`, or `why` it is none."""

    commit: str
    key: str
    title: str
    why: str = ""
    seconds: float = 0.0
    task: EvalTask | None = None


@dataclass(frozen=True, slots=True)
class Mining:
    """How commits are tried: `repeats` runs of the tests on each side, each of `seconds` at most; `checks` are the
    person's commands, `environment` the name of a stored environment or a reserved word."""

    host: Host
    ground: Ground
    repository: Repository
    cache: Path
    checks: tuple[str, ...] = ()
    repeats: int = 3
    seconds: float = 300.0
    environment: str = "off"
    whole: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def key(self) -> str:
        """What a finding depends on, besides the commit."""
        parts = [PROCEDURE, self.checks, self.repeats, self.seconds, self.environment, self.whole]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


class Cache:
    """Findings on the disk, a line each; each is whole there before anything goes on."""

    def __init__(self, file: Path, key: str) -> None:
        self._file = file
        self.found: dict[str, Found] = {}
        data = file.read_bytes() if file.is_file() else b""
        for line in data.split(b"\n")[:-1]:
            try:
                one = Found.model_validate_json(line)
            except ValidationError:  # of another version, or cut and written over: it is found out anew
                continue
            if one.key == key:
                self.found[one.commit] = one
        file.parent.mkdir(parents=True, exist_ok=True)
        if data and not data.endswith(b"\n"):
            with file.open("ab") as out:
                out.write(b"\n")  # what a killed process left

    def add(self, found: Found) -> None:
        with self._file.open("ab") as out:
            out.write(found.model_dump_json().encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        self.found[found.commit] = found


async def mine(
    mining: Mining,
    commits: Sequence[Commit],
    workers: int,
    told: Callable[[Found, Literal["known", "tried"]], None],
    *,
    limit: int | None = None,
) -> list[EvalTask]:
    """The tasks among `commits`, in their order; the search ends once there are `limit`. Cancelling keeps what is
    known."""
    cache = Cache(mining.cache, mining.key)
    queue: asyncio.Queue[Commit] = asyncio.Queue()
    for commit in commits:
        if not commit.unfit:
            queue.put_nowait(commit)
    tasks: dict[str, EvalTask] = {}

    async def worker() -> None:
        while not queue.empty() and (limit is None or len(tasks) < limit):
            commit = queue.get_nowait()
            known = cache.found.get(commit.id)
            found = known or await _examined(mining, commit)
            if known is None:
                cache.add(found)
            if found.task is not None:
                tasks[commit.id] = found.task
            told(found, "tried" if known is None else "known")

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(worker())
    return [tasks[commit.id] for commit in commits if commit.id in tasks][:limit]


async def _examined(mining: Mining, commit: Commit) -> Found:
    """Try one commit. What cannot be tried is no task, for the reason that is said."""
    began = asyncio.get_running_loop().time()
    title = commit.prompt.splitlines()[0]
    try:
        tried = await _tried(mining, commit)
    except JourneymanError as error:
        tried = f"cannot be tried: {error}"
    seconds = round(asyncio.get_running_loop().time() - began, 3)
    task, why = (None, tried) if isinstance(tried, str) else (tried, "")
    return Found(commit=commit.id, key=mining.key, title=title, why=why, seconds=seconds, task=task)


async def _tried(mining: Mining, commit: Commit) -> EvalTask | str:
    draft = await _draft(mining, commit)
    if isinstance(draft, str):
        return draft
    with workplace(mining.host) as work:
        place = await repositories.lay_out(draft, work / "repository", mining.ground, Mirrors())
        repository = await open_repository(place, mining.host.state, excludes=mining.ground.excludes)
        base = await repository.snapshot("HEAD")
        try:
            use = await _environment(mining, repository, base)
            return await _verified(mining, draft, Room(repository, base, use, mining.limits))
        finally:
            await asyncio.to_thread(_forget, repository)


async def _verified(mining: Mining, draft: EvalTask, room: Room) -> EvalTask | str:
    """`draft` with the names of its tests, if they tell the fix from what was before, each time."""
    after: list[CheckRun] = []
    before: list[CheckRun] = []
    for _ in range(mining.repeats):
        run, output = await grade.gold(mining.host, draft, room)
        after.append(run)
        if not _any_passes(run):
            failed = f"its tests do not pass after it: {_ended(run, output)}"
            return failed if len(after) == 1 else "flaky: its tests pass only sometimes"
        run, _output = await grade.untouched(mining.host, draft, room)
        before.append(run)
        if not _told_apart(before[:1], after[:1]):
            return "its tests pass before it, too"
    if not after[0].tests:
        good, bad = all(run.passed for run in after), not any(run.passed for run in before)
        named = draft.grader.model_copy(update={"by_test": False})
        return draft.model_copy(update={"grader": named}) if good and bad else "flaky: it passes only sometimes"
    always = [name for name in _passing(after[0]) if all(name in _passing(run) for run in after)]
    fail = tuple(name for name in always if not any(name in _passing(run) for run in before))
    keep = tuple(name for name in always if all(name in _passing(run) for run in before))
    if not fail:
        return "flaky: no test tells the two apart each time"
    grader = draft.grader.model_copy(update={"fail_to_pass": fail, "pass_to_pass": keep})
    return draft.model_copy(update={"grader": grader})


def _ended(run: CheckRun, output: str) -> str:
    """How a run of tests ended, in a few words: mostly they lack what they need installed."""
    how = run.cut or f"exit {run.exit_code}"
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "")
    return f"{how}, {one_line(last, 120)}" if last else how


def _passing(run: CheckRun) -> Mapping[str, None]:
    return {test.id: None for test in run.tests if test.outcome == "passed"}


def _any_passes(run: CheckRun) -> bool:
    return bool(_passing(run)) if run.tests else run.passed


def _told_apart(before: Sequence[CheckRun], after: Sequence[CheckRun]) -> bool:
    """Whether anything passes after that does not before."""
    if not after[0].tests:
        return not before[0].passed
    return any(name not in _passing(before[0]) for name in _passing(after[0]))


async def _draft(mining: Mining, commit: Commit) -> EvalTask | str:
    """The task as far as the files tell; in words why there is none."""
    repository = mining.repository
    _, parent, _ = await repository.resolve(commit.parent)
    _, tree, _ = await repository.resolve(commit.id)
    async with repository.tree(tree) as after:
        command = await _command(mining, after)
        if command is None:
            return "no tests are found that could be run; --check names a command"
        listing = await after.listing()
        texts: dict[str, str] | None = {}
        deletes: list[str] = []
        for path in commit.tests:
            entry = listing.get(os.fsencode(path))
            if entry is None:
                deletes.append(path)
            elif texts is not None:
                text = await _text(after, path) if entry[0] in (0o100644, 0o100755) else None
                texts = None if text is None else texts | {path: text}
    there = [path for path in commit.tests if path not in deletes]
    if not there:
        return "only takes tests away"
    runner = runner_of(command)
    grader = Grader(
        command=command if mining.whole else narrowed(command, runner, there),
        files=texts or {},
        deletes=tuple(deletes) if texts is not None else (),
        patch="" if texts is not None else await _patch(repository, parent, tree, commit.tests),
        by_test=runner is not None,
        seconds=mining.seconds,
    )
    return EvalTask(
        id=f"{repository.root.name}-{commit.id[:12]}",
        language=commit.language,
        prompt=commit.prompt,
        origin=Origin(repository=repository.name, commit=commit.parent, borrows=BORROWED),
        checks=mining.checks,
        grader=grader,
        gold_patch=await _patch(repository, parent, tree, (*commit.sources, *commit.others)),
    )


async def _text(tree: Tree, path: str) -> str | None:
    """The text of a file; None where it is none, or would not come back byte by byte."""
    data = await tree.get(path, limit=FILE_LIMIT)
    if data is None or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


async def _patch(repository: Repository, a: str, b: str, paths: Sequence[str]) -> str:
    """The patch of `paths` as text: where lines would not be, all files are written as git writes binary ones."""
    only = [b":(top,literal)" + os.fsencode(path) for path in paths]
    options = ("-r", "-p", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
    done = await repository.git.run("diff-tree", *options, a, b, b"--", *only, doing="The diff")
    try:
        return done.out.decode()
    except UnicodeDecodeError:
        pass
    with repository.scratch() as scratch:
        attributes = scratch / "attributes"
        attributes.write_text("* -diff\n")
        config = ("-c", f"core.attributesFile={attributes}")
        done = await repository.git.run(*config, "diff-tree", *options, a, b, b"--", *only, doing="The diff")
    return done.out.decode("utf-8", "replace")


async def _command(mining: Mining, tree: Tree) -> str | None:
    found = await rules.discover(tree.get, global_text=None)
    checks = await find_checks(
        await tree.paths(),
        tree.get,
        flags=mining.checks,
        rule_commands=tuple(command for rule in found for command in rules.commands(rule.text)),
        seconds=mining.seconds,
    )
    tested = [check.command for check in checks if check.runner is not None]
    return next(iter(tested or [check.command for check in checks]), None)


async def _environment(mining: Mining, repository: Repository, base: Base) -> EnvironmentUse | None:
    if mining.environment == "off":
        return None
    from journeyman.attempt.environment.choose import choose
    from journeyman.attempt.environment.open import cache_of

    stored = mining.host.store.environments
    async with repository.tree(base.tree) as tree:
        return await choose(repository.workspace, tree, mining.environment, stored, cache_of(mining.host))


def _forget(repository: Repository) -> None:
    """Our store of a repository that is gone with its folder."""
    import shutil

    shutil.rmtree(repository.git.store, ignore_errors=True)
    shutil.rmtree(repository.state / "trees" / repository.git.store.stem, ignore_errors=True)
