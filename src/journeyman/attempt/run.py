"""One attempt, from its stored beginning to its stored result."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from journeyman.agent import loop as agent_loop
from journeyman.agent import prompts
from journeyman.agent.brief import brief
from journeyman.agent.work import Stop, Work
from journeyman.attempt.begin import claim
from journeyman.attempt.checker import Checker
from journeyman.attempt.host import Host, Watch
from journeyman.attempt.workspace import Workspace, open_workspace
from journeyman.core import folds
from journeyman.core.environment_file import policy_words
from journeyman.core.errors import NoSuchFile
from journeyman.core.events import AttemptStarted, Finished, Prepared, Resumed, Said, Stopped
from journeyman.core.evidence import Result
from journeyman.core.items import DeveloperMessage, UserMessage
from journeyman.models.protocol import Model
from journeyman.repo import rules
from journeyman.store.log import AttemptLog, Listener
from journeyman.tools.command import EXEC, SHELL, STDIN
from journeyman.tools.files import READ
from journeyman.tools.patch import PATCH
from journeyman.tools.plan import PLAN
from journeyman.tools.registry import Toolbox, ToolContext
from journeyman.tools.search import SEARCH

CODE_TOOLS = (EXEC, STDIN, READ, SEARCH, PATCH, PLAN, SHELL)
READ_TOOLS = (EXEC, STDIN, READ, SEARCH, SHELL)


async def run_attempt(
    host: Host, attempt: str, *, listener: Listener | None = None, watch: Watch | None = None
) -> Result:
    """Work an attempt to its end, from wherever its log says that it is.

    Cancelling keeps everything and marks it as interrupted. Raises a `JourneymanError` when it cannot go on now; then
    too everything is kept, and the next call goes on from the step it was in.
    """
    async with claim(host, attempt) as (log, start):
        if listener is not None:
            log.listen(listener)
        if (done := folds.result(log.events)) is not None:
            return done
        if log.epoch > 1:
            await log.append(Resumed(holder=host.holder))
        await log.set_status("running")
        try:
            result = await _work(host, start, log, watch or Watch())
        except BaseException:
            with suppress(asyncio.CancelledError):
                await asyncio.shield(log.set_status("interrupted"))
            raise
        await log.set_status("done", result.verdict)
        return result


async def _work(host: Host, start: AttemptStarted, log: AttemptLog, watch: Watch) -> Result:
    opening = host.open_model(start.model, watch.on_progress)
    async with opening as model, open_workspace(host, start, log, watch.on_progress) as workspace:
        checker = Checker(log, start)
        stop = folds.stopped(log.events)
        if stop is None:
            stopped = await _strategy(host, start, log, model, workspace, checker, watch)
            await log.append(Stopped(reason=stopped.reason, message=stopped.message))
        from journeyman.attempt.finish import finish

        result = await finish(workspace, checker, host.clock)
        await log.append(Finished(result=result))
        return result


async def _strategy(
    host: Host,
    start: AttemptStarted,
    log: AttemptLog,
    model: Model,
    workspace: Workspace,
    checker: Checker,
    watch: Watch,
) -> Stop:
    """The checks on the base and the strategy: side by side where the strategy does not wait for them."""
    work = Work(start, log, model, workspace.sandbox, workspace.layer, checker)
    if start.strategy == "repair":
        from journeyman.agent.limits import Bounded
        from journeyman.agent.repair import repair

        await checker.base(workspace)
        left = start.limits.seconds - folds.seconds(log.events, host.clock())
        try:
            async with asyncio.timeout(left):
                return await repair(replace(work, model=Bounded(model, log, start.limits, host.clock)))
        except TimeoutError:
            return Stop("time", f"Stopped after {start.limits.seconds:g} seconds, the limit.")
    base = asyncio.create_task(checker.base(workspace))
    try:
        stop = await _loop(host, work, workspace, watch)
        await base
    finally:
        base.cancel()
        await asyncio.wait([base])
    return stop


@dataclass(slots=True)
class RuleBook:
    """Which AGENTS.md files the model was told, and those of folders that it comes to later."""

    workspace: Workspace
    told: set[str]

    async def below(self, touched: tuple[str, ...]) -> str:
        found: list[rules.Rule] = []
        for path in touched:
            found += await rules.below(self._get, path, self.told)
            self.told.update(rule.path for rule in found)
        return rules.render(found) if found else ""

    async def _get(self, path: str) -> bytes | None:
        try:
            return await self.workspace.sandbox.read(path)
        except NoSuchFile:
            return None


async def _loop(host: Host, work: Work, workspace: Workspace, watch: Watch) -> Stop:
    start, log = work.start, work.log
    context = ToolContext(str(workspace.spec.workspace), work.sandbox, log, start.limits)
    toolbox = Toolbox(context, CODE_TOOLS if start.mode == "code" else READ_TOOLS)
    before = folds.prepared(log.events)
    if before is None:
        prepared = await _prepare(host, start, workspace, toolbox)
        await log.append(prepared)
    else:
        prepared = before
    loop = agent_loop.Loop(
        work=work,
        toolbox=toolbox,
        prepared=prepared,
        checkpoint=workspace.checkpoint,
        rules_below=RuleBook(workspace, set(prepared.rules)).below,
        rerun=folds.checkpoint(log.events)[1],
        clock=host.clock,
        on_delta=watch.on_delta,
        on_retry=watch.on_retry,
    )
    try:
        if before is not None:
            if folds.answered(log.events):
                return Stop("finished")
            await agent_loop.run_pending(loop)
            await log.append(Said(item=DeveloperMessage(text=prompts.INTERRUPTED), why="interrupted"))
        return await agent_loop.run(loop)
    finally:
        await context.sessions.close()


async def _prepare(host: Host, start: AttemptStarted, workspace: Workspace, toolbox: Toolbox) -> Prepared:
    async with workspace.repository.tree(start.base.tree) as tree:
        found = await rules.discover(tree.get, global_text=host.global_rules)
    place = str(workspace.spec.workspace)
    if start.profile.small and start.mode != "code":
        excerpts = await brief(workspace.sandbox, start.prompt)
        return Prepared(
            instructions=prompts.BRIEF,
            tools=(),
            items=(UserMessage(text=excerpts), UserMessage(text=f"Question: {start.prompt}")),
        )
    return Prepared(
        instructions=prompts.INSTRUCTIONS[start.mode],
        tools=toolbox.specs,
        items=prompts.first_items(start.prompt, start.base, place, start.checks, rules.render(found), _network(start)),
        rules=tuple(rule.path for rule in found),
    )


def _network(start: AttemptStarted) -> str:
    """Which network the environment gives to the work, in words; empty for none."""
    policy = start.environment.environment.attempt.network if start.environment is not None else None
    return policy_words(policy) if policy is not None and policy.access != "off" else ""
