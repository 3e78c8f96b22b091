"""A person stops the work: the log is brought to where a later turn can go on from, with a result in any case."""

from journeyman.agent.prompts import NOT_RUN, STOPPED_BY_PERSON
from journeyman.attempt.host import Host
from journeyman.attempt.inbox import Inbox
from journeyman.attempt.kept import Kept, kept
from journeyman.core import folds
from journeyman.core.errors import RepositoryError, SandboxError, UsageError
from journeyman.core.events import AttemptStarted, Stopped, ToolReturned
from journeyman.core.evidence import READ_FROM_FILES, Result
from journeyman.core.task import Message, Verdict
from journeyman.store.log import AttemptLog

NO_PATCH = (
    "What was changed could not be made a patch. It is kept with the attempt, and a follow-up or `journeyman resume` "
    "has it again once this is mended:"
)


async def halt(
    inbox: Inbox, log: AttemptLog, message: Message, workspace: Kept | None = None, *, more: str = ""
) -> None:
    """Answer every open call, take the messages, and write down the stop, with `more` to say about it."""
    started = {one.call_id for one in folds.interrupted(log.events)}
    for call in folds.pending(log.events):
        begun = call.call_id in started
        manifest, complete = await workspace.checkpoint() if workspace is not None and begun else (None, True)
        text = STOPPED_BY_PERSON if begun else NOT_RUN
        await log.append(
            ToolReturned(
                call_id=call.call_id,
                name=call.name,
                content=text,
                is_error=True,
                freeform=call.freeform,
                checkpoint=manifest,
                checkpointed=complete,
            )
        )
    reason = "cancelled" if message.kind == "cancel" else "interrupted"
    said = f": {message.text}" if message.text else "."
    words = f"{reason.capitalize()} by a person{said}"
    # In one: who dies in between must not leave a message behind that is taken and has stopped nothing.
    await inbox.take(Stopped(reason=reason, message=f"{words} {more}" if more else words))


def stopped(log: AttemptLog) -> bool:
    """Whether the log says that a person has stopped the work."""
    stop = folds.stopped(log.events)
    return stop is not None and stop.reason in ("interrupted", "cancelled")


async def settled(host: Host, start: AttemptStarted, log: AttemptLog, inbox: Inbox, why: str = "") -> Result:
    """The result of an attempt that a person stops or has stopped, without opening its sandbox.

    `why` says what went wrong where the sandbox should have been there.
    """
    more = f"{READ_FROM_FILES} {why}" if why else ""
    if folds.opened(log.events) is None and folds.checkpoint(log.events)[0] is None:
        await _stop(log, inbox, None, more)
        return _without_patch(host, start, log, "unchanged")
    from journeyman.attempt.checker import Checker
    from journeyman.attempt.finish import unchecked

    try:
        async with kept(host, start, log) as there:
            await _stop(log, inbox, there, more)
            return await unchecked(there, Checker(log, start), host.clock, *([more] if more else []))
    except (RepositoryError, SandboxError, UsageError, OSError) as error:
        lost = f"{NO_PATCH} {error}"
        await _stop(log, inbox, None, lost)
        return _without_patch(host, start, log, "unverified", lost)


async def _stop(log: AttemptLog, inbox: Inbox, there: Kept | None, more: str) -> None:
    if not stopped(log) and (message := inbox.halt) is not None:
        await halt(inbox, log, message, there, more=more)


def _without_patch(host: Host, start: AttemptStarted, log: AttemptLog, verdict: Verdict, *warnings: str) -> Result:
    return Result(
        verdict=verdict if start.mode == "code" else "answered",
        summary=folds.last_text(log.events),
        usage=folds.usage(log.events),
        seconds=folds.seconds(log.events, host.clock()),
        warnings=warnings,
    )
