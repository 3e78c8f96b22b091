"""One attempt, from its stored beginning to its stored result."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace

from journeyman.agent import loop as agent_loop
from journeyman.agent import prompts
from journeyman.agent.work import OpenLayer, Stop, Work
from journeyman.attempt.begin import Prepare, claim
from journeyman.attempt.budget import Purse
from journeyman.attempt.checker import Checker
from journeyman.attempt.halt import halt
from journeyman.attempt.host import Host, Watch
from journeyman.attempt.images import images_of
from journeyman.attempt.inbox import Halted, Inbox, Spoken, listening
from journeyman.attempt.prepared import RuleBook, prepared
from journeyman.attempt.workspace import Workspace, open_workspace
from journeyman.core import folds
from journeyman.core.errors import BudgetSpent
from journeyman.core.events import AttemptStarted, Event, Finished, Said, Stopped
from journeyman.core.evidence import Result
from journeyman.core.items import DeveloperMessage
from journeyman.core.task import Status
from journeyman.models.protocol import Model
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
    host: Host,
    attempt: str,
    *,
    listener: Listener | None = None,
    watch: Watch | None = None,
    prepare: Prepare | None = None,
) -> Result:
    """Work an attempt to its end, from wherever its log says that it is; `prepare` writes the beginning of one that has
    none.

    Cancelling keeps everything and marks it as interrupted. Raises a `JourneymanError` when it cannot go on now
    (`HandedOver`: another process is to, `BudgetSpent`: a person has to allow it); then too everything is kept, and the
    next call goes on from the step it was in.
    """
    async with claim(host, attempt, prepare) as (log, start):
        if listener is not None:
            log.listen(listener)
        if (done := folds.result(log.events)) is not None:
            return done
        await log.set_status("running")
        async with listening(host.store, log, start, host.leave) as inbox:
            try:
                result = await _to_its_end(Run(host, start, log, inbox, watch or Watch()))
            except BaseException:
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(log.set_status("queued" if inbox.leaving else "interrupted"))
                raise
        await log.set_status(_status(log.events), result.verdict)
        return result


@dataclass(frozen=True, slots=True)
class Run:
    """An attempt at work in this process."""

    host: Host
    start: AttemptStarted
    log: AttemptLog
    inbox: Inbox
    watch: Watch


def _status(events: Sequence[Event]) -> Status:
    stop = folds.stopped(events)
    return stop.reason if stop is not None and stop.reason in ("interrupted", "cancelled") else "done"


async def _to_its_end(run: Run) -> Result:
    """A cancellation from without may be how a person's wish gets here first: then the work ends in good order."""
    try:
        return await _work(run)
    except asyncio.CancelledError:
        await asyncio.shield(run.inbox.look())
        if run.inbox.halt is None and _status(run.log.events) == "done":
            raise
        task = asyncio.current_task()
        assert task is not None  # only tasks run coroutines
        task.uncancel()
        return await _work(run)


async def _work(run: Run) -> Result:
    host, start, log, inbox = run.host, run.start, run.log, run.inbox
    async with AsyncExitStack() as stack:
        try:
            async with inbox.heeding():
                model = await stack.enter_async_context(host.open_model(start.model, run.watch.on_progress))
                opening = open_workspace(host, start, log, run.watch.on_progress)
                workspace = await stack.enter_async_context(opening)
        except Halted as halted:
            await halt(inbox, log, halted.message)
            return await _unopened(run)
        purse = Purse(host.store, log, start, (await host.store.task(log.task_id)).budget)
        while True:
            await _until_stopped(run, model, workspace, purse)
            result = await _finished(run, workspace)
            if not await inbox.hear() or _status(log.events) != "done":
                break
        await log.append(Finished(result=result))
        return result


async def _until_stopped(run: Run, model: Model, workspace: Workspace, purse: Purse) -> None:
    """Work with the strategy until the log holds a stop."""
    log = run.log
    stop = folds.stopped(log.events)
    if stop is not None and stop.reason != "budget":
        return
    try:
        ended = await _strategy(run, model, workspace, purse)
    except Halted as halted:
        await halt(run.inbox, log, halted.message, workspace)
        return
    except BudgetSpent as error:
        if stop is None or folds.stopped(log.events) is None:
            await log.append(Stopped(reason="budget", message=str(error)))
        raise
    await log.append(Stopped(reason=ended.reason, message=ended.message, doubt=ended.doubt))


async def _finished(run: Run, workspace: Workspace) -> Result:
    """The result of what the workspace holds; without checks where a person stopped the work."""
    from journeyman.attempt.finish import finish

    checker = Checker(run.log, run.start)
    if _status(run.log.events) == "done":
        try:
            async with run.inbox.heeding():
                return await finish(workspace, checker, run.host.clock)
        except Halted as halted:
            await halt(run.inbox, run.log, halted.message, workspace)
    return await finish(workspace, checker, run.host.clock, checked=False)


async def _unopened(run: Run) -> Result:
    """The result of an attempt that a person stopped while its sandbox was being opened."""
    host, log = run.host, run.log
    if folds.opened(log.events) is None and folds.checkpoint(log.events)[0] is None:
        usage, seconds = folds.usage(log.events), folds.seconds(log.events, host.clock())
        verdict = "answered" if run.start.mode != "code" else "unchanged"
        result = Result(verdict=verdict, summary=folds.last_text(log.events), usage=usage, seconds=seconds)
    else:
        async with open_workspace(host, run.start, log, run.watch.on_progress) as workspace:
            result = await _finished(run, workspace)
    await log.append(Finished(result=result))
    return result


async def _strategy(run: Run, model: Model, workspace: Workspace, purse: Purse) -> Stop:
    """The checks on the base and the strategy: side by side where the strategy does not wait for them."""
    start, log = run.start, run.log
    checker = Checker(log, start)
    work = Work(start, log, model, workspace.sandbox, workspace.layer, checker)
    if start.strategy == "repair":
        return await _repair(run, work, workspace, purse)
    base = asyncio.create_task(checker.base(workspace.layer))
    try:
        async with run.inbox.heeding(steps=True):
            stop = await _loop(run, work, workspace, purse)
        async with run.inbox.heeding():
            await base
    finally:
        base.cancel()
        await asyncio.wait([base])
    return stop


async def _repair(run: Run, work: Work, workspace: Workspace, purse: Purse) -> Stop:
    """The repair strategy; what a person says meanwhile is added to the task, and the work begins again with that."""
    from journeyman.agent.limits import Bounded
    from journeyman.agent.repair import repair

    start, log, clock = run.start, run.log, run.host.clock
    bounded = Bounded(work.model, log, start.limits, clock, purse.check)
    await run.inbox.hear()
    layer = await _where_the_turn_began(work, workspace)
    while True:
        prompt = "\n\n".join([start.prompt, *folds.steered(log.events)])
        told = replace(work, model=bounded, layer=layer, start=start.model_copy(update={"prompt": prompt}))
        left = start.limits.seconds - folds.seconds(log.events, clock())
        try:
            async with run.inbox.heeding(spoken=True), asyncio.timeout(left):
                await Checker(log, start).base(layer)
                return await repair(told)
        except TimeoutError:
            return Stop("time", f"Stopped after {start.limits.seconds:g} seconds, the limit.")
        except Spoken:
            await run.inbox.hear()


async def _where_the_turn_began(work: Work, workspace: Workspace) -> OpenLayer:
    """Layers for the repair strategy: in a follow-up with what the turns before have changed."""
    if folds.continued(work.log.events) is None:
        return workspace.layer
    from journeyman.attempt.finish import between, lay

    before = await workspace.tree_before()
    if before is None:
        return workspace.layer
    changed = await between(workspace.repository, work.start.base.tree, before)
    return workspace.layered(lambda sandbox: lay(sandbox, changed))


async def _loop(run: Run, work: Work, workspace: Workspace, purse: Purse) -> Stop:
    host, start, log, watch = run.host, run.start, run.log, run.watch
    context = ToolContext(str(workspace.spec.workspace), work.sandbox, log, start.limits)
    toolbox = Toolbox(context, CODE_TOOLS if start.mode == "code" else READ_TOOLS)
    before = folds.prepared(log.events)
    if before is None:
        await log.append(told := await prepared(host, start, workspace, toolbox))
    else:
        told = before

    async def boundary() -> None:
        await run.inbox.boundary()
        await purse.check()

    loop = agent_loop.Loop(
        work=work,
        toolbox=toolbox,
        prepared=told,
        checkpoint=workspace.checkpoint,
        rules_below=RuleBook(workspace, set(told.rules)).below,
        boundary=boundary,
        hear=run.inbox.hear,
        rerun=folds.checkpoint(log.events)[1],
        images=await images_of(host.store, folds.conversation(log.events)),
        clock=host.clock,
        on_delta=watch.on_delta,
        on_retry=watch.on_retry,
    )
    try:
        if folds.answered(log.events):
            return Stop("finished")
        if before is not None and folds.reopened(log.events):
            await agent_loop.run_pending(loop)
            text = f"{prompts.INTERRUPTED} {prompts.GAP}" if workspace.gap else prompts.INTERRUPTED
            await log.append(Said(item=DeveloperMessage(text=text), why="interrupted"))
        return await agent_loop.run(loop)
    finally:
        await context.sessions.close()
