"""From an attempt's changes to its result: the diff, the checks in a clean room, the verdict."""

import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from journeyman.agent.review import words as review_words
from journeyman.attempt.checker import Checker
from journeyman.attempt.cited import cited
from journeyman.attempt.kept import Kept, ignores
from journeyman.attempt.review import read as read_review
from journeyman.attempt.workspace import Workspace
from journeyman.checks import counterfactual, weakening
from journeyman.checks.compare import compare, files_of, listed, verdict
from journeyman.checks.copied import answers_of_tests
from journeyman.core import folds
from journeyman.core.errors import NoSuchFile, SandboxError, ToolError
from journeyman.core.evidence import NO_COPY, Change, CheckRun, Result
from journeyman.core.ids import Clock
from journeyman.core.task import Base
from journeyman.core.text import decode, one_line, plain
from journeyman.repo.repository import Repository
from journeyman.repo.tree import Objects
from journeyman.sandbox.protocol import Changes, Sandbox

MOVED = (
    "The repository's working tree changed while the work went on; the patch is against the state at the start, "
    "and the checks may have seen some of the newer files."
)

NOT_CHECKED = (
    "The result could not be laid out as a clean copy, so nothing is known about it; `journeyman log` says why. The "
    "patch is kept: `journeyman diff` shows it. If it holds files that were not meant to be in it, ignore them "
    "(.gitignore) and run again; if it needs them, raise `limits.memory_bytes`, of which the copy has half."
)
WHOLE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Changed:
    """The workspace's changes as git sees them: without what is ignored. Keys are the very bytes of the paths.

    `left_out` says in sentences what could not be taken over.
    """

    tree: str
    patch: bytes
    changes: Mapping[bytes, Change]
    writes: Mapping[bytes, tuple[int, bytes]]
    left_out: tuple[str, ...] = ()


async def collect(repository: Repository, base: Base, sandbox: Changes) -> Changed:
    """Read the upper layer from the host's side and make a tree and a patch of it. What is ignored is not read."""
    found = await sandbox.diff()
    deletes = [change.path for change in found if change.kind == "delete"]
    written = [change.path for change in found if change.kind == "write"]
    left_out = list(sandbox.remarks)
    rules = await ignores(sandbox, written)
    writes: dict[bytes, tuple[int, bytes]] = {}
    for path in await repository.kept(base.tree, deletes, written, rules):
        try:
            writes[path] = await sandbox.read_change(path)
        except SandboxError as error:  # one file that is too large must not cost the work on all others
            left_out.append(f"Left out of the patch: {error}")
    tree = await repository.tree_with(base.tree, deletes, writes)
    if tree == base.tree:
        return Changed(tree, b"", {}, {}, tuple(left_out))
    patch = await repository.diff(base.tree, tree)
    return Changed(tree, patch, await repository.changes(base.tree, tree), writes, tuple(left_out))


UNCHECKED = "The work was stopped before its end, so the checks were not run on what there is."


async def finish(workspace: Workspace, checker: Checker, clock: Clock) -> Result:
    """The result of what the workspace holds now. Checks run in a fresh sandbox: the base with the patch, no more."""
    return await _result(workspace, checker, clock, workspace)


async def unchecked(kept: Kept, checker: Checker, clock: Clock, *warnings: str) -> Result:
    """The result of what there is, without running anything."""
    result = await _result(kept, checker, clock, None)
    return result.model_copy(update={"warnings": (*result.warnings, *warnings)}) if warnings else result


async def _result(workspace: Kept, checker: Checker, clock: Clock, room: Workspace | None) -> Result:
    """With a `room` the checks are run in it."""
    log, start = checker.log, checker.start
    changed = await collect(workspace.repository, start.base, workspace.changes)
    stop = folds.stopped(log.events)
    # The last words of the loop are the model's answer; a repair's are the harness's own, and so are a rewind's.
    before_turn = folds.continued(log.events)
    own = start.strategy == "repair" or (before_turn is not None and before_turn.rewound)
    summary = stop.message if stop is not None and own else folds.last_text(log.events)
    review = await read_review(workspace, start.base, summary) if start.mode == "review" and summary else None
    summary = review_words(review) if review is not None else summary
    if start.mode == "ask" and not own and summary:
        from journeyman.attempt.answers import Answers

        summary = await Answers(workspace, start).final()
    base_runs = folds.checks(log.events, "base")
    before = await workspace.tree_before()
    of_turn = await workspace.repository.diff(before, changed.tree) if before is not None else b""
    turn_diff = await workspace.store.put_blob(of_turn) if of_turn else None
    if not changed.changes:
        return Result(
            verdict="answered" if start.mode != "code" else "unchanged",
            summary=summary,
            tree=changed.tree,
            turn_diff=turn_diff,
            base_checks=base_runs,
            warnings=changed.left_out,
            citations=await cited(workspace, changed.tree, summary),
            review=review,
            usage=folds.usage(log.events),
            seconds=folds.seconds(log.events, clock()),
        )
    checker.tree = changed.tree
    if room is not None:
        runs = await _clean_room(room, checker, changed)
        doubts = await _copied(room, checker, changed, base_runs)
        warnings, proving = await _warnings(room, checker, changed, base_runs, runs)
    else:
        runs, doubts, warnings, proving = (), [], (UNCHECKED,), ()
    doubts += [stop.doubt] if stop is not None and stop.doubt else []
    said = verdict(base_runs, runs, changed=True, tree=changed.tree)
    if doubts and said == "verified":
        said, warnings = "unverified", (*warnings, *doubts)
    return Result(
        verdict=said,
        summary=summary,
        diff=await workspace.store.put_blob(changed.patch),
        turn_diff=turn_diff,
        tree=changed.tree,
        changes=tuple(changed.changes.values()),
        base_checks=base_runs,
        result_checks=runs,
        comparison=compare(base_runs, runs),
        warnings=(*changed.left_out, *warnings),
        new_tests=proving,
        citations=await cited(workspace, changed.tree, summary),
        usage=folds.usage(log.events),
        seconds=folds.seconds(log.events, clock()),
    )


async def between(repository: Repository, base: str, tree: str) -> Changed:
    """What a tree changes of another one."""
    changes = await repository.changes(base, tree)
    listing = await repository.paths(tree)
    writes: dict[bytes, tuple[int, bytes]] = {}
    async with Objects(repository.git) as objects:
        for path in changes:
            if path in listing and (found := await objects.read(listing[path][1], WHOLE)) is not None:
                writes[path] = (listing[path][0], found[1])
    return Changed(
        tree, b"", {path: one for path, one in changes.items() if path not in listing or path in writes}, writes
    )


async def _clean_room(workspace: Workspace, checker: Checker, changed: Changed) -> tuple[CheckRun, ...]:
    done = {run.check.command: run for run in folds.checks(checker.log.events, "result") if run.tree == changed.tree}
    if all(check.command in done for check in checker.start.checks):
        return tuple(done.values())
    async with workspace.layer() as sandbox:
        try:
            await lay(sandbox, changed)
        except ToolError as error:
            why = f"The result could not be laid out as a clean copy to check it on: {error}"
            return tuple([await checker.cannot(check, why) for check in checker.start.checks])
        return tuple([await checker(sandbox, check, "result") for check in checker.start.checks])


async def lay(sandbox: Sandbox, changed: Changed) -> None:
    """Make the files of a layer over the base equal to the result's tree. Raises `ToolError` where one does not fit.

    All that changes is taken away first: a file would else be written through the link that it replaces, and a link
    would land in the folder that it replaces.
    """
    for raw in changed.changes:
        with suppress(NoSuchFile):
            await sandbox.remove(os.fsdecode(raw))
    for raw, change in changed.changes.items():
        if change.kind == "delete":
            continue
        mode, data = changed.writes[raw]
        if stat.S_ISLNK(mode):
            await _link(sandbox, os.fsdecode(raw), os.fsdecode(data))
        else:
            await sandbox.write(os.fsdecode(raw), data, executable=bool(mode & 0o100))


async def _link(sandbox: Sandbox, path: str, target: str) -> None:
    folder = PurePosixPath(path).parent
    for command in (["mkdir", "-p", "--", str(folder)], ["ln", "-s", "--", target, path]):
        done = await sandbox.exec(command, timeout=10)
        if done.exit_code:
            raise ToolError(f"The link {plain(path)} could not be made: {one_line(decode(done.output))}.")


async def _warnings(
    workspace: Workspace, checker: Checker, changed: Changed, base: Sequence[CheckRun], runs: Sequence[CheckRun]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a person should look at before they trust the result, and the new tests that fail without the change."""
    start = checker.start.base
    repository = workspace.repository
    async with repository.tree(start.tree) as before, repository.tree(changed.tree) as after:
        sentences = list(await weakening.weakened(tuple(changed.changes.values()), before.get, after.get))
    if any(run.cut == NO_COPY for run in runs):
        sentences.append(NOT_CHECKED)
    vacuous, proving = await _vacuous(workspace, checker, changed, base, runs)
    if vacuous:
        sentences.append(vacuous)
    if open_steps := [one.step for one in folds.plan(checker.log.events) if one.status == "pending"]:
        sentences.append(f"The plan was not done to its end; left open: {listed(open_steps)}.")
    if start.ref is None and (await repository.snapshot()).tree != start.tree:
        sentences.append(MOVED)
    return tuple(sentences), proving


async def _copied(workspace: Workspace, checker: Checker, changed: Changed, base: Sequence[CheckRun]) -> list[str]:
    """Answers of the tests that failed which the change wrote into the code."""
    start, repository = checker.start.base, workspace.repository
    names = [name for run in base for test in run.failing for name in files_of(test.id)]
    tests = [path for name in names for path in (name, name.replace(".", "/") + ".py")]
    async with repository.tree(start.tree) as before, repository.tree(changed.tree) as after:
        return await answers_of_tests(tuple(changed.changes.values()), before.get, after.get, tests)


async def _vacuous(
    workspace: Workspace, checker: Checker, changed: Changed, base: Sequence[CheckRun], runs: Sequence[CheckRun]
) -> tuple[str, tuple[str, ...]]:
    """A sentence about new tests that also pass without the change, empty when there are none; and the new tests that
    fail without it."""
    new = counterfactual.new_tests(base, runs)
    tests = frozenset(counterfactual.changed_tests(tuple(changed.changes.values())))
    if not new or not tests:
        return "", ()
    async with workspace.layer() as sandbox:
        try:
            await lay(sandbox, only_paths(changed, tests))
        except ToolError as error:
            return f"Whether the new tests fail without the change could not be tried: {error}", ()
        again = [await checker(sandbox, run.check, "candidate", only=new, record=False) for run in runs if run.tests]
    vacuous = counterfactual.proves_nothing(new, again)
    return counterfactual.sentence(new, vacuous), tuple(name for name in new if name not in vacuous)


def only_paths(changed: Changed, paths: Collection[str]) -> Changed:
    """The part of the changes that is at these paths."""
    return replace(changed, changes=dict(_with_room(changed.changes, paths)))


def _with_room(changes: Mapping[bytes, Change], paths: Collection[str]) -> Iterator[tuple[bytes, Change]]:
    """The changes at `paths`, and those that take away what stands where these have a folder."""
    wanted = [raw for raw, change in changes.items() if change.path in paths]
    for raw, change in changes.items():
        if change.path in paths or any(other.startswith(raw + b"/") for other in wanted):
            yield raw, change
