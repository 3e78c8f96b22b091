"""Live streams: server-sent events, each with a JSON object as its data.

The stream of a task (`/tasks/ID/events`) has
  event: task    data: TaskView             at the start, and whenever anything of it changes; has no id
  event: event   data: NumberedEvent        each event of its attempts; the id is `place`
  event: lines   data: NumberedLines        instead of `event` with `form=lines`, in the vocabulary of `run --json`
  event: draft   data: DraftPiece           with `drafts=true`: a reply while a model writes it; has no id
The stream of the list (`/events`) has
  event: task    data: TaskLine             a task that is new or changed; the id is a cursor
  event: gone    data: {"id": …}            a task that was deleted, or is no longer for this person to see
Either is resumed by the header `Last-Event-ID` (or `?after=`). Comments (`: …`) come every few seconds, so that a
connection that has died is noticed.
"""

from typing import Any

from journeyman.core.value import Value


class NumberedLines(Value):
    """The lines of the public stream that an event adds; `place` is the event's number within the task."""

    place: int
    attempt: str
    lines: tuple[dict[str, Any], ...]


class DraftPiece(Value):
    """What an attempt's model has written further of the reply that it is at.

    `reasoning` and `text` go behind what came before; with `fresh` they stand in its place, and a fresh piece in which
    nothing is `written` says that nothing is being written. An event `replied` of the attempt stands in the place of
    all of it. `since` is the `seq` of the attempt's last event before the reply, and `written` counts the characters of
    the whole of it, with the calls that are not shown. A draft is nothing to build on: it may vanish at any time.
    """

    attempt: str
    since: int
    written: int
    fresh: bool = False
    reasoning: str = ""
    text: str = ""


class Gone(Value):
    id: str
