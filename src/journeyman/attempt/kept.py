"""What an attempt has changed, as far as no sandbox is needed to see it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.clones import open_base
from journeyman.attempt.host import Host
from journeyman.attempt.upper import laid_out
from journeyman.core import folds
from journeyman.core.errors import SandboxError
from journeyman.core.events import AttemptStarted
from journeyman.core.text import decode, plain
from journeyman.repo.repository import Repository
from journeyman.sandbox import checkpoint
from journeyman.sandbox.left import left
from journeyman.sandbox.protocol import Changes
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store

RULES_LIMIT = 1024 * 1024
"""Bytes of a .gitignore file that is heeded."""


@dataclass(slots=True, kw_only=True)
class Kept:
    """An attempt's layer of changes over its repository. It is `lost` where there is too much of it to be kept."""

    repository: Repository
    upper: Path
    store: Store
    log: AttemptLog
    manifest: checkpoint.Manifest
    changes: Changes
    lost: bool = False

    async def tree_before(self) -> str | None:
        """The tree that a follow-up goes on from; None in a first turn, and where it is not known."""
        before, start = folds.continued(self.log.events), folds.started(self.log.events)
        if before is None or before.tree is None:
            return None
        if before.diff is not None and start is not None and not await self.repository.has(before.tree):
            await self.repository.patched(start.base.tree, await self.store.blob(before.diff))  # of another machine
        return before.tree

    async def changed(self) -> list[str]:
        """The paths that differ from the base now, without what is ignored, as far as their names tell."""
        found = await self.changes.diff()
        deletes = [change.path for change in found if change.kind == "delete"]
        written = [change.path for change in found if change.kind == "write"]
        start = folds.started(self.log.events)
        tree = start.base.tree if start is not None else ""
        kept = await self.repository.kept(tree, deletes, written, await ignores(self.changes, written))
        lost = [f"{plain(decode(path))} (deleted)" for path in deletes]
        return [*sorted(plain(decode(path)) for path in kept), *sorted(lost)]

    async def checkpoint(self) -> tuple[str | None, bool]:
        """Keep what changed since the last checkpoint: the manifest's blob id, None when nothing did."""
        if self.lost:
            return None, False
        try:
            manifest = await checkpoint.take(self.upper, self.manifest, self.store.put_blob)
        except checkpoint.TooMuch:
            self.lost = True
            return None, False
        if manifest == self.manifest:
            return None, True
        self.manifest = manifest
        return await self.store.put_blob(checkpoint.dump(manifest)), True


@asynccontextmanager
async def kept(host: Host, start: AttemptStarted, log: AttemptLog) -> AsyncGenerator[Kept]:
    """What there is of an attempt's changes, without a sandbox and with the traces of a call that was interrupted."""
    repository = await open_base(host, start.base)
    upper = await laid_out(host, log, as_left=True)
    async with left(upper.path if start.mode == "code" else None) as changes:
        yield Kept(
            repository=repository,
            upper=upper.path,
            store=host.store,
            log=log,
            manifest=upper.manifest,
            changes=changes,
        )


async def ignores(changes: Changes, written: Sequence[bytes]) -> dict[bytes, tuple[int, bytes]]:
    """The .gitignore files among what was written."""
    rules: dict[bytes, tuple[int, bytes]] = {}
    for path in written:
        if path.rpartition(b"/")[2] == b".gitignore":
            with suppress(SandboxError):  # what cannot be read rules nothing
                rules[path] = await changes.read_change(path, limit=RULES_LIMIT)
    return rules
