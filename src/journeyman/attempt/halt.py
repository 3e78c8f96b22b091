"""A person stops the work: the log is brought to where a later turn can go on from."""

from journeyman.agent.prompts import NOT_RUN, STOPPED_BY_PERSON
from journeyman.attempt.inbox import Inbox
from journeyman.attempt.workspace import Workspace
from journeyman.core import folds
from journeyman.core.events import Stopped, ToolReturned
from journeyman.core.task import Message
from journeyman.store.log import AttemptLog


async def halt(inbox: Inbox, log: AttemptLog, message: Message, workspace: Workspace | None = None) -> None:
    """Answer every open call, take the messages, and write down the stop."""
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
    await inbox.hear()
    reason = "cancelled" if message.kind == "cancel" else "interrupted"
    said = f": {message.text}" if message.text else "."
    await log.append(Stopped(reason=reason, message=f"{reason.capitalize()} by a person{said}"))
