"""Live streams: server-sent events, each with a JSON object as its data.

The stream of a task (`/tasks/ID/events`) has
  event: task    data: TaskView             at the start, and whenever anything of it changes; has no id
  event: event   data: NumberedEvent        each event of its attempts; the id is `place`
  event: lines   data: NumberedLines        instead of `event` with `form=lines`, in the vocabulary of `run --json`
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


class Gone(Value):
    id: str
