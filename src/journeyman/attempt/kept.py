"""What an attempt has changed, as far as no sandbox is needed to see it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from journeyman.attempt.clones import open_base
from journeyman.attempt.host import Host
from journeyman.attempt.upper import laid_out
from journeyman.core import folds
from journeyman.core.events import AttemptStarted
from journeyman.repo.repository import Repository
from journeyman.sandbox import checkpoint
from journeyman.sandbox.left import left
from journeyman.sandbox.protocol import Changes
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store


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
