"""An answer is looked over before a person reads it: what it cites is resolved, what it draws is parsed."""

from dataclasses import dataclass

from journeyman.agent import answer
from journeyman.agent.repair.language import functions_of
from journeyman.attempt.cited import cited
from journeyman.attempt.kept import Kept
from journeyman.core import folds
from journeyman.core.errors import RepositoryError
from journeyman.core.events import AttemptStarted, Said
from journeyman.core.text import decode
from journeyman.repo.index.index import Index

FILES = 8
"""Files that an answer names whose functions are looked up, where it cites no place itself."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of an attempt at a question."""

    kept: Kept
    start: AttemptStarted

    async def complaints(self, text: str) -> str:
        """What the model is to mend in an answer, in words for it; empty where there is nothing."""
        return answer.note(await self._faults(text))

    async def final(self) -> str:
        """What a person reads: the last answer, or the one before it where that was sent back and has no more faults;
        with a diagram of the harness's own where the model drew none that was asked for."""
        return await self._with_diagram(await self._with_places(await self._best()))

    async def _with_places(self, text: str) -> str:
        """Where it cites nothing, with the places and functions that it names as citations."""
        if "【" in text or not text:
            return text
        async with self.kept.repository.tree(await self._tree()) as files:
            paths = set(await files.paths())
            text = answer.with_places(text, paths)
            functions: dict[str, tuple[str, range]] = {}
            named = answer.named_files(text, paths)[:FILES]
            for path in named or (await self._found() if self.start.profile.small else []):
                code = await files.get(path)
                for name, lines in functions_of(path, decode(code or b"")).items():
                    functions.setdefault(name.rsplit(".", 1)[-1], (path, lines))
        return answer.with_functions(text, functions)

    async def _found(self) -> list[str]:
        """The files that the question is about, as the index finds them: those that a small model was shown."""
        index = Index(self.kept.repository, await self._tree())
        try:
            places = await index.find(self.start.prompt, _nothing)
        except RepositoryError:
            return []
        finally:
            await index.close()
        return list(dict.fromkeys(place.path for place in places))[:FILES]

    async def _best(self) -> str:
        events = folds.current(self.kept.log.events)
        last = folds.last_text(events)
        back = next((at for at, event in enumerate(events) if isinstance(event, Said) and event.why == "format"), None)
        if back is None or (first := folds.last_text(events[:back])) in ("", last):
            return last
        return last if len(await self._faults(last)) < len(await self._faults(first)) else first

    async def _with_diagram(self, text: str) -> str:
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
        tree, text = await self._tree(), await self._with_places(text)
        found = await cited(self.kept, tree, text)
        lost = {one.target for one in found if one.kind == "file" and not one.supported}
        return answer.faults(text, self.start.prompt, found, await self._meant(tree, lost) if lost else None)

    async def _meant(self, tree: str, targets: set[str]) -> dict[str, str]:
        """The only file that ends like each of some paths that are none."""
        async with self.kept.repository.tree(tree) as files:
            paths = await files.paths()
        there = set(paths)
        found: dict[str, list[str]] = {}
        for target in targets - there:
            name = target.rsplit("/", 1)[-1]
            found[target] = [path for path in paths if path.rsplit("/", 1)[-1] == name]
        return {target: one[0] for target, one in found.items() if len(one) == 1}

    async def _tree(self) -> str:
        return await self.kept.tree_before() or self.start.base.tree


async def _nothing() -> list[str]:
    return []
