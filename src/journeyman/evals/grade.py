"""Grading a result by files that the agent never saw."""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

from journeyman.attempt.host import Host
from journeyman.checks.detect import runner_of
from journeyman.checks.run import run_check
from journeyman.core.errors import RepositoryError, UsageError
from journeyman.core.evidence import Check, CheckRun
from journeyman.core.value import Value
from journeyman.evals import laying, repositories
from journeyman.evals.room import Room, Tail, opened, workplace
from journeyman.evals.task import EvalTask, Grader
from journeyman.repo.git import SEARCH_PATH, Git, find_git

MOST_NAMED = 50


class Grade(Value):
    """What the grader says. `solved` None means that it cannot be graded here. `cut` is the limit that the grader ran
    into; `failed` are tests that had to pass and did not, at most 50 of them."""

    solved: bool | None
    exit_code: int | None = None
    cut: str | None = None
    seconds: float = 0.0
    failed: tuple[str, ...] = ()
    output: str = ""


UNCHANGED = Grade(solved=False, output="The attempt changed nothing.")


async def grade(host: Host, task: EvalTask, room: Room, tree: str) -> Grade:
    """Whether the tree of a result solves the task: tests as handed out, the hidden files over it, the command run."""
    if task.grader.command is None:
        return Grade(solved=None, output="This task is graded elsewhere, from the predictions.")
    with workplace(host) as work:
        await room.repository.checkout(tree, work / "result")
        run, output = await examine(host, task.grader, room, work)
    return judged(task.grader, run, output)


async def untouched(host: Host, task: EvalTask, room: Room) -> tuple[CheckRun, str]:
    """The grader on the files as they are handed out: it has to say no."""
    with workplace(host) as work:
        await room.repository.checkout(room.base.tree, work / "result")
        return await examine(host, task.grader, room, work)


async def gold(host: Host, task: EvalTask, room: Room) -> tuple[CheckRun, str]:
    """The grader on the accepted fix: it has to say yes."""
    with workplace(host) as work:
        fixed = work / "result"
        await room.repository.checkout(room.base.tree, fixed)
        if task.gold_patch:
            await apply(task.gold_patch, fixed, work)
        await asyncio.to_thread(laying.lay, fixed, task.gold_files)
        await asyncio.to_thread(laying.take_out, fixed, task.gold_deletes)
        return await examine(host, task.grader, room, work)


async def examine(host: Host, grader: Grader, room: Room, work: Path) -> tuple[CheckRun, str]:
    """Run the grader on the files at `work`/result, which it changes; what it said, and the end of its output."""
    handed_out, result = work / "handed-out", work / "result"
    await room.repository.checkout(room.base.tree, handed_out)
    await asyncio.to_thread(laying.put_back, result, handed_out)
    await _lay_over(grader, result, handed_out, work)
    await asyncio.to_thread(_borrow, room.repository.root, result)
    assert grader.command is not None  # who calls has looked
    runner = runner_of(grader.command) if grader.by_test else None
    check = Check(command=grader.command, source="flag", runner=runner, timeout=grader.seconds)
    tail = Tail("grade")
    async with opened(host, room, result) as sandbox:
        run = await run_check(sandbox, check, on="result", tree="", chunk=tail)
    return run, tail.text


def judged(grader: Grader, run: CheckRun, output: str) -> Grade:
    """What a run of the grader's command means."""
    named = (*grader.fail_to_pass, *grader.pass_to_pass)
    outcome: Mapping[str, str] = {test.id: test.outcome for test in run.tests}
    failed = tuple(name for name in named if outcome.get(name) != "passed")
    return Grade(
        solved=not failed if named else run.exit_code == 0,
        exit_code=run.exit_code,
        cut=run.cut,
        seconds=run.seconds,
        failed=failed[:MOST_NAMED],
        output=output,
    )


async def _lay_over(grader: Grader, result: Path, handed_out: Path, work: Path) -> None:
    """The grader's own files, over whatever is there. A patch is applied to what was handed out, where it fits for
    certain, and the files that it touches are laid over as a whole."""
    if grader.patch:
        touched = await apply(grader.patch, handed_out, work)
        await asyncio.to_thread(carry, touched, handed_out, result)
    await asyncio.to_thread(laying.take_out, result, grader.deletes)
    await asyncio.to_thread(laying.lay, result, grader.files)


def carry(paths: tuple[str, ...], source: Path, target: Path) -> None:
    """Lay files of `source` over those of `target`; what is no file there goes."""
    for path in paths:
        if (source / path).is_file() and not (source / path).is_symlink():
            shutil.copy2(source / path, laying.place(target, path))
        else:
            laying.take_out(target, (path,))


async def apply(patch: str, folder: Path, work: Path) -> tuple[str, ...]:
    """Apply a patch in git's format to the files at `folder`, and tell which files it touches. Git's own folder is
    made in `work`, so that no object of the patch gets to where an attempt could read it."""
    store = work / "git-of-patch"
    for name in ("objects", "refs"):
        (store / name).mkdir(parents=True, exist_ok=True)
    (store / "HEAD").write_text("ref: refs/heads/main\n")
    git = Git(find_git(SEARCH_PATH, folder), store)
    data = patch.encode()
    try:
        named = await git.run("apply", "--numstat", "-z", "-", stdin=data, work_tree=folder)
        await git.run("apply", "--whitespace=nowarn", "-", stdin=data, work_tree=folder)
    except RepositoryError as error:
        raise UsageError(f"A patch of the set does not fit its commit: {error}") from error
    paths = [line.split("\t", 2)[-1] for line in named.out.decode(errors="surrogateescape").split("\0") if line]
    return tuple(str(laying.checked(path)) for path in paths if path)


def _borrow(root: Path, target: Path) -> None:
    """What the task's repository has installed, for the grader too."""
    for name in repositories.BORROWED:
        source, place = root / name, target / name
        if not source.is_dir() or place.exists():
            continue
        if source.is_symlink():
            laying.place(target, name).symlink_to(source.resolve())
        else:
            repositories.borrow(source, laying.place(target, name))
