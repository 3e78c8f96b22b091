"""Room on a machine: workspaces of attempts that are over, and what `store.garbage` lets go."""

import asyncio
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.environment.cache import remove
from journeyman.attempt.host import Tell
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.core.ids import Clock
from journeyman.core.settings import KeepSettings
from journeyman.core.task import Status
from journeyman.core.text import counted
from journeyman.repo.index.store import sweep_unused
from journeyman.store.garbage import DAY, Collected, Retention
from journeyman.store.store import Store

_FOLDER = re.compile(r"([0-9a-z]{1,64})\.\d+\.\d+\Z")
_OVER: tuple[Status, ...] = ("done", "failed", "cancelled")
_GONE = ".gone-"

UNUSED = 30 * DAY
"""Seconds after which the index of a repository goes that no question was asked about, where nothing else is set."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of an attempt. `idle` is the seconds since its task's last change; None where that is not over."""

    attempt_id: str
    place: Path
    bytes: int
    idle: float | None


@dataclass(frozen=True, slots=True)
class Tidied:
    """What went, or would go. `left` is the bytes that workspaces and blobs of this machine take then."""

    workspaces: tuple[Workspace, ...]
    collected: Collected
    left: int


async def tidy(state: Path, store: Store, keep: KeepSettings, clock: Clock, *, dry_run: bool = False) -> Tidied:
    """Make room. With `dry_run` it is only told what would go."""
    leaving = await store.garbage.leaving(Retention(_seconds(keep.tasks_days), _seconds(keep.outputs_days)))
    gone = {one.id for one in leaving if one.what == "task"}
    known = sorted(await workspaces(state, store, clock), key=lambda each: -(each.idle or 0.0))
    size = sum(each.bytes for each in known)
    kept = await store.garbage.size()
    limit = _seconds(keep.workspaces_days)
    went: list[Workspace] = []
    for each in known:
        if each.idle is None:
            continue
        over = keep.disk_bytes is not None and size + kept > keep.disk_bytes
        late = limit is not None and each.idle > limit
        wanted = late or over or each.attempt_id.partition(".")[0] in gone
        if wanted and (dry_run or await _take_away(each, store)):
            went.append(each)
            size -= each.bytes
    if keep.disk_bytes is not None and size + kept > keep.disk_bytes:
        named = {one.id for one in leaving}
        more = await store.garbage.thinnest(size + kept - keep.disk_bytes)
        leaving += [one for one in more if one.id not in named]
    collected = await store.garbage.collect(leaving, dry_run=dry_run)
    if not dry_run:
        await asyncio.to_thread(_sweep, state / "attempts")
        await asyncio.to_thread(sweep_unused, state / "index", clock() - (limit or UNUSED))
    return Tidied(tuple(went), collected, size + collected.all_bytes - collected.bytes)


async def tidy_daily(state: Path, store: Store, keep: KeepSettings, clock: Clock, tell: Tell) -> None:
    """Make room once a day, for ever; `tell` hears what went, and what went wrong."""
    while True:
        await asyncio.sleep(DAY * (0.9 + random.random() / 5))  # not all processes of a store at once
        try:
            went = await tidy(state, store, keep, clock)
        except JourneymanError as error:
            tell(f"No room could be made: {error}")
        else:
            tell(told(went))


def told(went: Tidied) -> str:
    """What went, in a sentence."""
    whole = [one for one in went.collected.tasks if one.what == "task"]
    size = sum(each.bytes for each in went.workspaces) + went.collected.bytes
    parts = (
        counted(len(whole), "task"),
        f"outputs of {counted(len(went.collected.tasks) - len(whole), 'task')}",
        counted(len(went.workspaces), "workspace"),
        counted(went.collected.blobs, "blob"),
    )
    return f"{', '.join(parts)}: {size / 1e6:.1f} MB in all."


async def workspaces(state: Path, store: Store, clock: Clock) -> list[Workspace]:
    """The folders of attempts on this machine."""
    found: list[Workspace] = []
    for place, size, touched in await asyncio.to_thread(_folders, state / "attempts"):
        idle = await _idle(store, place.name, clock(), touched)
        found.append(Workspace(place.name, place, size, idle))
    return found


async def _idle(store: Store, attempt_id: str, now: float, touched: float) -> float | None:
    """How long an attempt's task has been over; None where it is not. One that is not in the store may be about to."""
    tasks = await store.pages.beginning(attempt_id.partition(".")[0])
    if not tasks or tasks[0].id != attempt_id.partition(".")[0]:
        return now - touched if now - touched > DAY else None
    try:
        held = await store.holder(attempt_id)
    except UsageError:
        held = None
    return now - tasks[0].updated if tasks[0].status in _OVER and held is None else None


async def _take_away(each: Workspace, store: Store) -> bool:
    """Set a folder aside and remove it, unless its task was taken up again meanwhile."""
    aside = each.place.with_name(_GONE + each.attempt_id)
    try:
        await asyncio.to_thread(each.place.rename, aside)
    except OSError:
        return False
    tasks = await store.pages.beginning(each.attempt_id.partition(".")[0])
    if tasks and tasks[0].status not in _OVER and not each.place.exists():
        await asyncio.to_thread(aside.rename, each.place)
        return False
    await asyncio.to_thread(remove, aside)
    return True


def _folders(attempts: Path) -> list[tuple[Path, int, float]]:
    """Each attempt's folder, the bytes that it takes, and when it was last changed."""
    if not attempts.is_dir():
        return []
    return [
        (place, _size(place), place.stat().st_mtime)
        for place in attempts.iterdir()
        if _FOLDER.match(place.name) and place.is_dir() and not place.is_symlink()
    ]


def _size(folder: Path) -> int:
    total = 0
    for _, _, names, handle in os.fwalk(folder, onerror=None):
        for name in names:
            try:
                total += os.stat(name, dir_fd=handle, follow_symlinks=False).st_blocks * 512
            except OSError:
                continue  # removed while we looked
    return total


def _sweep(attempts: Path) -> None:
    """What a process that died in the middle had set aside."""
    for left in attempts.glob(f"{_GONE}*"):
        remove(left)


def _seconds(days: float | None) -> float | None:
    return None if days is None else days * DAY
