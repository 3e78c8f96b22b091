"""What a small model is shown of the repository before it writes code.

It is shown everything anew for each try: with its own last answer before its eyes it writes that again, word for word.
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from journeyman.agent import prompts
from journeyman.agent.given import given
from journeyman.attempt.finish import between, lay
from journeyman.attempt.host import Host
from journeyman.attempt.indexed import Indexed
from journeyman.attempt.objection import listed
from journeyman.attempt.workspace import Workspace
from journeyman.checks.compare import holds
from journeyman.core import folds
from journeyman.core.errors import RepositoryError
from journeyman.core.events import AttemptStarted, Progressed, Said
from journeyman.core.evidence import CheckRun, Result
from journeyman.core.items import UserMessage
from journeyman.repo import rules
from journeyman.tools.find import places

if TYPE_CHECKING:
    from journeyman.repo.index.index import Place

TESTS = 4
"""Failing tests that are told; reading is what a small model on two cores is slow at."""
BEFORE = "What was asked before, and is done as far as the code shows:"
TAKEN_BACK = "The change mends no test, or breaks one: it is taken back before the next try."
FAILING = "The checks fail:\n\n{runs}"


async def shown(host: Host, start: AttemptStarted, workspace: Workspace, runs: Sequence[CheckRun]) -> str:
    """The code that matters, as it stands in the workspace, what of `runs` fails, and what was asked before."""
    failing = [run for run in runs if not holds(run)]
    before = await _asked_before(host, workspace)
    async with aclosing(Indexed(workspace, start)) as index:

        async def find() -> "Sequence[Place]":
            try:
                return await places(await index(), workspace.sandbox, start.prompt)
            except RepositoryError:  # then it has the request alone, and can look for itself
                return ()

        code = await given(workspace.sandbox, "\n\n".join([start.prompt, *before]), failing, find)
    said = await listed(host.store, workspace.log.id, failing, most=TESTS)
    parts = (code, FAILING.format(runs=said) if said else "", "\n\n".join([BEFORE, *before]) if before else "")
    return "\n\n".join(part for part in parts if part)


async def _asked_before(host: Host, workspace: Workspace) -> list[str]:
    """The prompts of the turns before; such a model is not given the conversation."""
    if folds.continued(workspace.log.events) is None:
        return []
    turn = (await host.store.attempt(workspace.log.id)).turn
    return [one.request.prompt for one in await host.store.turns.all(workspace.log.task_id) if one.number < turn]


async def anew(host: Host, start: AttemptStarted, workspace: Workspace, result: Result) -> Said:
    """The task as it is given to a model that writes blocks, after a try that came to `result`.

    What mends no test, or breaks one, is taken back first: from its own wrong code such a model seldom finds the way to
    the right one.
    """
    async with workspace.repository.tree(start.base.tree) as tree:
        found = await rules.discover(tree.get, global_text=host.global_rules)
    kept: tuple[str | None, bool] = (None, True)
    runs = result.base_checks if result.verdict == "unchanged" else result.result_checks
    if result.tree is not None and result.changes and (result.comparison.broken or not result.comparison.fixed):
        kept = await _taken_back(start, workspace, result.tree)
        runs = [run for run in result.base_checks if not holds(run)] or runs
    code = await shown(host, start, workspace, runs)
    steered = folds.steered(workspace.log.events)
    text = prompts.all_in_one(start, [rule.text for rule in found], "\n\n".join([code, *steered]))
    said = UserMessage(text=text, images=start.images)
    return Said(item=said, why="checks", checkpoint=kept[0], checkpointed=kept[1])


async def _taken_back(start: AttemptStarted, workspace: Workspace, tree: str) -> tuple[str | None, bool]:
    """From `tree` put the files back to where the turn began; the workspace's manifest then, and if it is complete."""
    began = await workspace.tree_before() or start.base.tree
    changed = await between(workspace.repository, tree, began)
    if changed.changes:
        await workspace.log.append(Progressed(text=TAKEN_BACK))
        await lay(workspace.sandbox, changed)
    return await workspace.checkpoint()
