"""The room that finished tasks take, on the wire."""

from typing import Literal

from pydantic import Field

from journeyman.core.value import Value


class Keep(Value):
    """How long things of finished tasks are kept, in days since the last change; None is for ever.

    `disk_bytes` is what workspaces and blobs may take on the server's machine together.
    """

    tasks_days: float | None = Field(default=None, ge=0, le=36_500)
    outputs_days: float | None = Field(default=None, ge=0, le=36_500)
    workspaces_days: float | None = Field(default=None, ge=0, le=36_500)
    disk_bytes: int | None = Field(default=None, ge=0, le=2**60)


class Retention(Value):
    """What the settings say, which is done once a day, and the bytes that all blobs take as stored."""

    keep: Keep
    blob_bytes: int


class RoomWanted(Value):
    """Makes room once, by `keep` or else by what the settings say. A dry run only tells what would go."""

    dry_run: bool = True
    keep: Keep | None = None


class LeavingTask(Value):
    """A task that goes whole, or without its raw outputs and checkpoints."""

    id: str
    title: str
    updated: float
    what: Literal["task", "outputs"]


class RoomMade(Value):
    """What went, or would go. `tasks` are the first thousand of `task_count`; `left_bytes` is what stays."""

    dry_run: bool
    tasks: tuple[LeavingTask, ...]
    task_count: int
    workspaces: int
    blobs: int
    bytes: int
    left_bytes: int
