"""An answer is looked over before a person reads it: what it cites is resolved, what it draws is parsed."""

from dataclasses import dataclass

from journeyman.agent import answer
from journeyman.attempt.kept import Kept
from journeyman.checks import citations
from journeyman.core import folds
from journeyman.core.errors import RepositoryError
from journeyman.core.events import AttemptStarted, Said
from journeyman.core.evidence import Citation
from journeyman.repo.index.index import Index


async def cited(kept: Kept, tree: str, text: str) -> tuple[Citation, ...]:
    """The citations of a text, looked up in a tree and in the outputs of the attempt."""
    if "【" not in text:
        return ()
    log = kept.log
    async with kept.repository.tree(tree) as files:
        return await citations.resolve(text, files.get, lambda chunk: kept.store.chunk(log.id, chunk), log.events)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of an attempt at a question."""

    kept: Kept
    start: AttemptStarted

    async def complaints(self, text: str) -> str:
        """What the model is to mend in an answer, in words for it; empty where there is nothing."""
        if self.start.mode != "ask":
            return ""
        return answer.note(await self._faults(text))

    async def best(self) -> str:
        """The last answer; the one before it where that was sent back and has fewer faults."""
        events = folds.current(self.kept.log.events)
        last = folds.last_text(events)
        back = next((at for at, event in enumerate(events) if isinstance(event, Said) and event.why == "format"), None)
        if self.start.mode != "ask" or back is None or (first := folds.last_text(events[:back])) in ("", last):
            return last
        return first if len(await self._faults(first)) < len(await self._faults(last)) else last

    async def with_diagram(self, text: str) -> str:
        """The answer with a diagram of the harness's own where the model drew none that was asked for."""
        if not answer.needs_diagram(text, self.start.prompt):
            return text
        index = Index(self.kept.repository, await self._tree())
        try:
            places = await index.find(self.start.prompt, _nothing)
            return await answer.with_diagram(text, self.start.prompt, index, places)
        except RepositoryError:  # what the model wrote is shown as text then
            return text
        finally:
            await index.close()

    async def _faults(self, text: str) -> list[str]:
        return answer.faults(text, self.start.prompt, await cited(self.kept, await self._tree(), text))

    async def _tree(self) -> str:
        return await self.kept.tree_before() or self.start.base.tree


async def _nothing() -> list[str]:
    return []
