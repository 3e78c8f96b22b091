"""One attempt, from its stored beginning to its stored result."""

import asyncio
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, replace

from journeyman.agent import loop as agent_loop
from journeyman.agent import prompts
from journeyman.agent.limits import exceeded
from journeyman.agent.work import OpenLayer, Stop, Work
from journeyman.attempt.begin import Prepare, claim
from journeyman.attempt.budget import Purse
from journeyman.attempt.cascade import at_stage, concluded, doubted, escalation, of_stage, order_words
from journeyman.attempt.checker import Checker
from journeyman.attempt.halt import halt, settled, stopped
from journeyman.attempt.host import Host, Watch
from journeyman.attempt.images import images_of
from journeyman.attempt.inbox import Halted, Inbox, Spoken, listening
from journeyman.attempt.indexed import Indexed
from journeyman.attempt.objection import objection, unanswered
from journeyman.attempt.prepared import RuleBook, prepared
from journeyman.attempt.workspace import Workspace, open_workspace
from journeyman.core import folds
from journeyman.core.errors import BudgetSpent, HandedOver, JourneymanError, ModelError, StoreError
from journeyman.core.events import AttemptStarted, Progressed, Said, Stopped
from journeyman.core.evidence import Result
from journeyman.core.items import DeveloperMessage
from journeyman.core.model import Delta
from journeyman.core.task import Status
from journeyman.models.protocol import Model
from journeyman.store.drafts import Writing
from journeyman.store.log import AttemptLog, Listener
from journeyman.tools.command import EXEC, SHELL, STDIN
from journeyman.tools.edit import EDIT
from journeyman.tools.files import READ
from journeyman.tools.find import FIND
from journeyman.tools.patch import PATCH
from journeyman.tools.plan import PLAN
from journeyman.tools.recall import RECALL
from journeyman.tools.registry import Toolbox, ToolContext
from journeyman.tools.search import SEARCH

CODE_TOOLS = (EXEC, STDIN, READ, FIND, SEARCH, PATCH, PLAN, SHELL, RECALL)
_QUIET = tuple(replace(tool, listed=False) for tool in (EXEC, STDIN, SEARCH, PATCH, PLAN))
SMALL_TOOLS = (replace(SHELL, listed=True), replace(READ, description="Read a file."), EDIT, *_QUIET, RECALL)
"""Few and plain ones for small models; those that they know from elsewhere work too."""
READ_TOOLS = (EXEC, STDIN, READ, FIND, SEARCH, SHELL, RECALL)


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
            await log.set_status(_status(log), done.verdict)
            return done
        await log.set_status("running")
        async with (
            listening(host.store, log, start, host.leave) as inbox,
            host.store.drafts.writing(log) as writing,
        ):
            try:
                return await _to_its_end(
                    Run(host, start, start, log, inbox, _shown(watch or Watch(), writing), writing)
                )
            except BaseException:
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(log.set_status("queued" if inbox.leaving else "interrupted"))
                raise


@dataclass(frozen=True, slots=True)
class Run:
    """An attempt at work in this process. `start` is its beginning as the stage at work has it, `whole` as it was."""

    host: Host
    start: AttemptStarted
    whole: AttemptStarted
    log: AttemptLog
    inbox: Inbox
    watch: Watch
    writing: Writing


def _shown(watch: Watch, writing: Writing) -> Watch:
    """`watch`, and those who look on from elsewhere."""

    def on_delta(delta: Delta) -> None:
        writing.add(delta)
        if watch.on_delta is not None:
            watch.on_delta(delta)

    def on_retry(message: str, wait: float) -> None:
        writing.clear()
        if watch.on_retry is not None:
            watch.on_retry(message, wait)

    return replace(watch, on_delta=on_delta, on_retry=on_retry)


def _status(log: AttemptLog) -> Status:
    stop = folds.stopped(log.events)
    return stop.reason if stop is not None and stop.reason in ("interrupted", "cancelled") else "done"


async def _to_its_end(run: Run) -> Result:
    """Where a person stops the work it ends in good order, whatever goes wrong: a cancellation from without may be how
    the wish gets here first, or how long an orderly end took."""
    why = ""
    try:
        if (result := await _work(run)) is not None:
            return result
    except asyncio.CancelledError:
        if not await asyncio.shield(_is_over(run)):
            raise
        task = asyncio.current_task()
        assert task is not None  # only tasks run coroutines
        task.uncancel()
    except (StoreError, HandedOver):
        raise  # nothing can be written now, or another process does it
    except JourneymanError as error:
        if not await _is_over(run):
            raise
        why = str(error)
    if (done := folds.result(run.log.events)) is not None:
        return done
    run = _at_stage(run)
    result = await settled(run.host, run.start, run.log, run.inbox, why)
    await _closed(run, result)
    return folds.result(run.log.events) or result


def _at_stage(run: Run) -> Run:
    return replace(run, start=at_stage(run.whole, run.log.events))


async def _is_over(run: Run) -> bool:
    """Whether there is a result, or a person has stopped the work, which is perhaps not written down yet."""
    await run.inbox.look()
    return run.inbox.halt is not None or stopped(run.log) or folds.result(run.log.events) is not None


async def _work(run: Run) -> Result | None:
    """All stages of a cascade, one after the other, or the one stage that other attempts are. None where a person has
    stopped the work before its sandbox was open."""
    if run.log.epoch > 1 and await _is_over(run):
        return None
    if run.whole.stages and folds.opened(run.log.events) is None:
        await run.log.append(Progressed(text=order_words(run.whole.stages)))
    while await _stage(_at_stage(run)):
        if (done := folds.result(run.log.events)) is not None:
            return done
    return None


async def _stage(run: Run) -> bool:
    """Work until the log holds the result, or what has the next stage begin. False where a person has stopped the work
    before its sandbox was open."""
    host, start, log, inbox = run.host, run.start, run.log, run.inbox
    async with AsyncExitStack() as stack:
        try:
            async with inbox.heeding():
                model = await stack.enter_async_context(host.open_model(start.model, run.watch.on_progress))
                opening = open_workspace(host, start, log, run.watch.on_progress)
                workspace = await stack.enter_async_context(opening)
        except Halted:
            return False
        purse = Purse(host.store, log, start, (await host.store.task(log.task_id)).budget)
        while True:
            await _until_stopped(run, model, workspace, purse)
            result = await _finished(run, workspace)
            if (told := await objection(host.store, log, start, result)) and await _may_go_on(run, purse):
                if prompts.writes(start.profile):
                    from journeyman.attempt.shown import anew

                    told = await anew(host, start, workspace, result)
                await log.append(told)
            elif await _closed(run, result):
                await _between(run, workspace, model, purse)
                return True


async def _may_go_on(run: Run, purse: Purse) -> bool:
    """Whether there is something left to work with: what is finished must not wait for a person to allow more."""
    if exceeded(run.log.events, run.start.limits, run.host.clock):
        return False
    try:
        await purse.check()
    except BudgetSpent:
        return False
    return True


async def _closed(run: Run, result: Result) -> bool:
    """Write down the result, or the next stage of a cascade, after all that people have said until then; False where
    that is to be answered first."""
    log, inbox = run.log, run.inbox
    result = doubted(run.start, log.events, of_stage(log.events, result, run.host.clock()))
    while True:
        if not stopped(log) and any(one.kind == "steer" for one in inbox.waiting):
            if inbox.halt is None:
                await inbox.take()
            return False
        further = None if stopped(log) else escalation(run.whole, log.events, result)
        if further is not None and inbox.halt is not None:
            return False
        await inbox.take()
        if further is not None:
            await log.append(further)
            return True
        if await log.finish(concluded(run.whole, log.events, result), _status(log), inbox.read_to):
            return True
        await inbox.look()


async def _between(run: Run, workspace: Workspace, model: Model, purse: Purse) -> None:
    """With other attempts at the same turn: the new tests of each on the tree of the other, then a model's opinion."""
    mine = await run.host.store.attempt(run.log.id)
    if stopped(run.log) or len(await run.host.store.attempts(mine.task_id, mine.turn)) < 2:
        return
    from journeyman.attempt.cross import cross
    from journeyman.attempt.judge import judge

    await cross(workspace, Checker(run.log, run.start))
    await judge(run.host, run.log, run.start, model, purse)


async def _until_stopped(run: Run, model: Model, workspace: Workspace, purse: Purse) -> None:
    """Work with the strategy until the log holds a stop."""
    log = run.log
    stop = folds.stopped(log.events)
    if stop is not None and stop.reason != "budget":
        if (before := folds.continued(log.events)) is not None and before.rewound:
            await Checker(log, run.start).base(workspace.layer)
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
    from journeyman.attempt.finish import finish, unchecked

    checker = Checker(run.log, run.start)
    if not stopped(run.log):
        try:
            async with run.inbox.heeding():
                return await finish(workspace, checker, run.host.clock)
        except Halted as halted:
            await halt(run.inbox, run.log, halted.message, workspace)
    return await unchecked(workspace, checker, run.host.clock)


async def _strategy(run: Run, model: Model, workspace: Workspace, purse: Purse) -> Stop:
    """The checks on the base and the strategy: side by side where the strategy does not wait for them."""
    start, log = run.start, run.log
    checker = Checker(log, start)
    work = Work(start, log, model, workspace.sandbox, workspace.layer, checker)
    if start.strategy == "repair":
        return await _repair(run, work, workspace, purse)
    if start.profile.small:
        from journeyman.agent.repair.reproduce import reproduce

        async with run.inbox.heeding():
            await reproduce(work)  # what it is shown first
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

    start, log, clock, watch = run.start, run.log, run.host.clock, run.watch
    if folds.escalations(log.events):
        from journeyman.attempt.learned import earlier

        work = replace(work, earlier=await earlier(run.host.store, log.events))
    bounded = Bounded(
        work.model,
        log,
        start.limits,
        clock,
        purse.check,
        on_begin=run.writing.clear,  # one that failed leaves no event behind
        on_delta=watch.on_delta,
        on_retry=watch.on_retry,
    )
    await run.inbox.hear()
    layer = await _where_the_turn_began(work, workspace)
    while True:
        prompt = "\n\n".join([start.prompt, *folds.steered(log.events)])
        told = replace(work, model=bounded, layer=layer, start=start.model_copy(update={"prompt": prompt}))
        left = start.limits.seconds - folds.seconds(log.events, clock())
        try:
            async with run.inbox.heeding(spoken=True), asyncio.timeout(left):
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
    async with aclosing(Indexed(workspace, run.start)) as index:
        return await _looped(run, work, workspace, purse, index)


async def _looped(run: Run, work: Work, workspace: Workspace, purse: Purse, index: Indexed) -> Stop:
    host, start, log, watch = run.host, run.start, run.log, run.watch
    context = ToolContext(str(workspace.spec.workspace), work.sandbox, log, start.limits, store=host.store, index=index)
    small = SMALL_TOOLS if start.profile.small else CODE_TOOLS
    toolbox = Toolbox(context, small if start.mode == "code" else READ_TOOLS)
    before = folds.prepared(log.events)
    if before is None:
        await log.append(told := await prepared(host, start, workspace, toolbox, index))
    else:
        told = before

    async def boundary() -> None:
        await run.inbox.boundary()
        await purse.check()

    async def complaints(text: str) -> str:
        if start.mode != "ask":
            return ""
        from journeyman.attempt.answers import Answers

        return await Answers(workspace, start).complaints(text)

    loop = agent_loop.Loop(
        work=work,
        toolbox=toolbox,
        prepared=told,
        checkpoint=workspace.checkpoint,
        rules_below=RuleBook(workspace, set(told.rules)).below,
        boundary=boundary,
        hear=run.inbox.hear,
        complaints=complaints,
        changed=workspace.changed,
        rerun=folds.checkpoint(log.events)[1],
        images=await images_of(host.store, folds.conversation(log.events)),
        clock=host.clock,
        on_delta=watch.on_delta,
        on_retry=watch.on_retry,
    )
    try:
        if folds.answered(log.events) and not await agent_loop.sent_back(loop):
            return Stop("finished")
        if before is not None and folds.reopened(log.events):
            await agent_loop.run_pending(loop)
            text = f"{prompts.INTERRUPTED} {prompts.GAP}" if workspace.gap else prompts.INTERRUPTED
            await log.append(Said(item=DeveloperMessage(text=text), why="interrupted"))
        return await _asked(loop)
    finally:
        await context.sessions.close()


async def _asked(loop: agent_loop.Loop) -> Stop:
    """The loop. What was finished once stays so where the model cannot be asked to mend what the checks show."""
    log = loop.work.log
    try:
        stop = await agent_loop.run(loop)
    except ModelError as error:
        if not unanswered(log.events):
            raise
        stop = Stop("model", str(error))
    return replace(stop, reason="finished") if stop.reason == "model" and unanswered(log.events) else stop
