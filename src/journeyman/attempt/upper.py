"""The layer that an attempt writes to, on this machine: as the last process left it, or made anew from the log.

A file beside the layer holds a word that the log's last `Opened` holds too. Where they differ, another machine, or a
copy of this folder, was at work since, and the layer is made from the last checkpoint.
"""

import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.host import Host
from journeyman.core import folds
from journeyman.core.events import Event, Opened, Progressed
from journeyman.sandbox import checkpoint
from journeyman.store.log import AttemptLog

LOST = (
    "The files are as they were at the last checkpoint: what was changed since then was too large to be kept "
    "elsewhere than on the machine that did the work."
)


@dataclass(frozen=True, slots=True)
class Upper:
    """The layer's folder, the manifest of what it holds, and the `word` for the event that says that it is open.

    There is a `gap` where changes of before could not be brought back.
    """

    path: Path
    manifest: checkpoint.Manifest
    word: str
    gap: bool = False


async def laid_out(host: Host, log: AttemptLog, *, as_left: bool = False) -> Upper:
    """Bring the layer to where the log says that the work is.

    Where a call was interrupted, that is the state before the call, unless the layer is wanted `as_left` by it.
    """
    folder = host.folder(log.id)
    upper, marker = folder / "upper", folder / "opened.json"
    opened = folds.opened(log.events)
    known = _words(marker)
    here = upper.is_dir() and (opened is not None) and (opened.folder in known or opened.folder == "")
    manifest = await _manifest(host, log)
    _, complete = folds.checkpoint(log.events)
    gap = not here and not complete and not await _copied(host, log, upper)
    if not here and (complete or gap):
        upper.mkdir(parents=True, exist_ok=True)
        if manifest or any(upper.iterdir()):
            manifest = await checkpoint.restore(upper, manifest, host.store.blob)
    elif complete and ((not as_left and folds.interrupted(log.events)) or _anew(log.events)):
        manifest = await checkpoint.restore(upper, manifest, host.store.blob)
    word = secrets.token_hex(8)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = marker.with_name("opened.json.new")
    fresh.write_text(json.dumps([word, *([opened.folder] if here and opened else [])]))  # until the log has the new one
    fresh.rename(marker)
    if gap:
        await log.append(Progressed(text=LOST))
    return Upper(upper, manifest, word, gap)


def _anew(events: Sequence[Event]) -> bool:
    """Whether a stage of a cascade is to begin whose sandbox was not opened yet."""
    return bool(folds.escalations(events)) and not any(isinstance(one, Opened) for one in folds.current(events))


async def _manifest(host: Host, log: AttemptLog) -> checkpoint.Manifest:
    blob, _ = folds.checkpoint(log.events)
    return checkpoint.load(await host.store.blob(blob)) if blob else {}


async def _copied(host: Host, log: AttemptLog, upper: Path) -> bool:
    """Take the layer of the attempt that this one goes on from, where this machine has it as that attempt left it."""
    before = folds.continued(log.events)
    if before is None or folds.opened(log.events) is not None:
        return False
    from journeyman.sandbox import layer_copy

    source = host.folder(before.attempt)
    opened = folds.opened(await host.store.events(before.attempt))
    if opened is None or not (source / "upper").is_dir() or opened.folder not in _words(source / "opened.json"):
        return False

    def copy() -> None:
        layer_copy.erase(upper)
        layer_copy.copy(source / "upper", upper, None, sys.maxsize)

    await asyncio.to_thread(copy)
    return True


def _words(marker: Path) -> list[str]:
    try:
        return [str(word) for word in json.loads(marker.read_text())]
    except (FileNotFoundError, ValueError):
        return []
