"""The index of what an attempt works on, made when it is first asked for: most attempts never do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from journeyman.attempt.kept import Kept
from journeyman.core.events import AttemptStarted

if TYPE_CHECKING:
    from journeyman.repo.index.index import Index


@dataclass(slots=True)
class Indexed:
    """Gives the index of the files as the turn found them; to be closed."""

    kept: Kept
    start: AttemptStarted
    made: "Index | None" = None

    async def __call__(self) -> "Index":
        from journeyman.repo.index.index import Index

        tree = await self.kept.tree_before() or self.start.base.tree
        if self.made is None:
            self.made = Index(self.kept.repository, tree)
        return self.made

    async def aclose(self) -> None:
        if self.made is not None:
            await self.made.close()
