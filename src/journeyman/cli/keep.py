"""`journeyman export`, `import` and `gc`: tasks as files, and room on the disk."""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from journeyman.cli.door import open_door, open_stored
from journeyman.cli.environment import size
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.core.text import counted, one_line

HERE = "on the command line of the server's machine"
"""What the audit log says of what whoever may read the folder did in it."""


async def export_task(task_id: str | None, directory: Path, file: Path | None) -> int:
    """Write a task into one file, whole or not at all."""
    from journeyman.cli import read

    async with open_stored(open_door(directory, {})) as store:
        task = await read.find(store, task_id, read.repository_of(directory))
        place = file or Path(f"{task.id}.zip")
        if place.exists():
            raise UsageError(f"{place} is there already; name another file with -o.")
        try:
            with NamedTemporaryFile(prefix=f".{place.name}.", dir=place.absolute().parent, delete=False) as fresh:
                missing = await store.transfer.write(task.id, fresh)
            Path(fresh.name).replace(place)
        except OSError as error:
            raise JourneymanError(f"{place} cannot be written: {error.strerror}. Nothing was exported.") from error
    print(f"Task {task.id} is in {place} ({size(place.stat().st_size)}).", file=sys.stderr)
    if missing:
        print(f"Without {counted(len(missing), 'output')} that had been given up to make room.", file=sys.stderr)
    return 0


async def import_task(file: Path) -> int:
    """Take a task in that was exported from another store."""
    async with open_stored(open_door(Path(), {})) as store:
        try:
            with file.open("rb") as source:
                task = await store.transfer.read(source)
            await store.audit.note("task.import", task.id, detail=HERE)
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    print(f"Task {task.id} is here now: journeyman show {task.id}", file=sys.stderr)
    return 0


@dataclass(frozen=True, slots=True)
class Keep:
    """What to keep, in days, and what all may take, as 50G; None is as the settings have it."""

    tasks: float | None
    outputs: float | None
    workspaces: float | None
    disk: str | None


async def collect(keep: Keep, *, dry_run: bool, as_json: bool) -> int:
    """Make room on this machine, or say what would go."""
    from journeyman.attempt.tidy import tidy, told
    from journeyman.cli.sandbox import bytes_of

    given = {
        "tasks_days": keep.tasks,
        "outputs_days": keep.outputs,
        "workspaces_days": keep.workspaces,
        "disk_bytes": bytes_of(keep.disk),
    }
    door = open_door(Path(), {"keep": {key: value for key, value in given.items() if value is not None} or None})
    async with open_stored(door) as store:
        done = await tidy(door.state, store, door.settings.keep, time.time, dry_run=dry_run)
        if not dry_run:
            await store.audit.note("retention.run", detail=HERE)
    if as_json:
        print(json.dumps(asdict(done), default=str))
        return 0
    for workspace in done.workspaces:
        print(f"workspace {workspace.attempt_id}  {size(workspace.bytes)}")
    for task in done.collected.tasks:
        print(f"{task.what} {task.id}  {one_line(task.title, 80)}")
    words = "Would go" if dry_run else "Went"
    print(f"{words}: {told(done)} {size(done.left)} {'would be ' if dry_run else ''}left.", file=sys.stderr)
    return 0
