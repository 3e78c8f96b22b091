"""Each attempt's new tests on the trees of the others of its turn: the evidence that tells attempts apart whose checks
all pass.

An attempt does it when its own result is written down, with every other one that has one by then. Of two attempts the
later one sees the other, so each pair is run at least once.
"""

from collections.abc import Sequence

from journeyman.attempt.checker import Checker
from journeyman.attempt.finish import between, lay, only_paths
from journeyman.attempt.workspace import Workspace
from journeyman.checks import counterfactual
from journeyman.core import folds
from journeyman.core.errors import ToolError
from journeyman.core.events import CrossChecked, Progressed
from journeyman.core.evidence import Result, TestResult
from journeyman.core.task import Attempt, Crossed
from journeyman.repo.repository import Repository


async def cross(workspace: Workspace, checker: Checker) -> None:
    """Run this attempt's new tests on the others' trees, and theirs on its own, and write down what came of it."""
    log, store = checker.log, workspace.store
    mine = folds.result(log.events)
    if mine is None or mine.diff is None or checker.start.mode != "code":
        return
    others = await _others(workspace, await store.attempt(log.id))
    for other, result in others:
        for tests_of, tests, on, tree in ((log.id, mine, other, result), (other, result, log.id, mine)):
            if tests.new_tests and tree.diff is not None:
                await _pair(workspace, checker, (tests_of, tests), (on, tree))


async def _others(workspace: Workspace, attempt: Attempt) -> list[tuple[str, Result]]:
    found: list[tuple[str, Result]] = []
    for other in await workspace.store.attempts(attempt.task_id, attempt.turn):
        if other.id != attempt.id and other.verdict is not None:
            result = folds.result(await workspace.store.events(other.id))
            if result is not None and result.diff is not None:
                found.append((other.id, result))
    return found


async def _pair(workspace: Workspace, checker: Checker, tests: tuple[str, Result], tree: tuple[str, Result]) -> None:
    (author, wrote), (on, made) = tests, tree
    repository, base = workspace.repository, checker.start.base.tree
    files = frozenset(counterfactual.changed_tests(wrote.changes))
    code = await between(repository, base, await _tree(workspace, repository, base, made))
    written = await between(repository, base, await _tree(workspace, repository, base, wrote))
    async with workspace.layer() as sandbox:
        try:
            await lay(sandbox, code)
            await lay(sandbox, only_paths(written, files))
        except ToolError as error:
            await checker.log.append(
                Progressed(text=f"The new tests of one attempt could not be tried on another: {error}")
            )
            return
        runs = [
            await checker(sandbox, run.check, "candidate", only=wrote.new_tests, record=False)
            for run in wrote.result_checks
            if run.tests
        ]
    told = {test.id: test for run in runs for test in run.tests if test.id in wrote.new_tests}
    results = [
        told.get(name, TestResult(id=name, outcome="error", message="It was not run.")) for name in wrote.new_tests
    ]
    await checker.log.append(_event(author, on, results))


def _event(author: str, on: str, results: Sequence[TestResult]) -> CrossChecked:
    passed = sum(test.outcome == "passed" for test in results)
    crossed = Crossed(tests_of=author, on=on, passed=passed, failed=len(results) - passed)
    return CrossChecked(crossed=crossed, tests=tuple(results))


async def _tree(workspace: Workspace, repository: Repository, base: str, result: Result) -> str:
    """The git tree of a result, made from its patch where it was come to on another machine."""
    if result.tree is not None and await repository.has(result.tree):
        return result.tree
    return await repository.patched(base, await workspace.store.blob(result.diff or ""))
