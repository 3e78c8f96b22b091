"""Finding the lines that a patch means in a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from journeyman.repo.patch.errors import visible

EXACT, TRAILING, BLANKS, FOLDED = range(4)
"""How closely a block matched: to the letter, but for trailing blanks, but for blanks at both ends, after folding."""

_FOLD = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "),
    }
)


def fold(text: str) -> str:
    """Without blanks at the ends, in plain punctuation; invalid bytes as the model was shown them (`\\xe9`)."""
    text = text.strip()
    if text.isascii():
        return text
    return visible(text.translate(_FOLD).strip())


def _same(text: str) -> str:
    return text


_PASSES: tuple[Callable[[str], str], ...] = (_same, str.rstrip, str.strip, fold)


@dataclass(slots=True)
class Haystack:
    """The lines of a file, without their ends, and what the later passes make of them."""

    lines: Sequence[str]
    _variants: dict[int, list[str]] = field(default_factory=dict[int, list[str]])

    def find(self, block: Sequence[str], start: int = 0, *, at_end: bool = False) -> tuple[int, int] | None:
        """The first place of `block` at or after `start`, and how closely it matches.

        Each pass goes over the whole rest of the file before the next, looser one. With `at_end` the very end of the
        file is tried first, by all passes.
        """
        last = len(self.lines) - len(block)
        if at_end and last > start and (hit := self._find(block, last)):
            return hit
        return self._find(block, start)

    def _find(self, block: Sequence[str], start: int) -> tuple[int, int] | None:
        if len(self.lines) - start < len(block):
            return None
        for closeness in range(len(_PASSES)):
            place = self.find_as(block, start, closeness)
            if place is not None:
                return place, closeness
        return None

    def find_as(self, block: Sequence[str], start: int, closeness: int) -> int | None:
        """The first place at or after `start` in one pass alone."""
        if not block:
            return start if start <= len(self.lines) else None
        lines = self.variant(closeness)
        change = _PASSES[closeness]
        wanted = [change(text) for text in block]
        last = len(lines) - len(wanted)
        while start <= last:
            try:
                start = lines.index(wanted[0], start, last + 1)
            except ValueError:
                return None
            if lines[start : start + len(wanted)] == wanted:
                return start
            start += 1
        return None

    def variant(self, closeness: int) -> list[str]:
        """All lines as the pass `closeness` compares them."""
        if closeness not in self._variants:
            self._variants[closeness] = [_PASSES[closeness](line) for line in self.lines]
        return self._variants[closeness]
