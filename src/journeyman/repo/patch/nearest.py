"""The block of a file that is most like lines which are not there."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from heapq import nlargest

from journeyman.repo.patch.match import fold

ALIKE = 0.6
"""From this ratio of characters on (difflib's), two lines are taken for versions of one line."""

_LONGEST = 200  # lines; comparing longer blocks takes too long
_WORD = re.compile(r"\w+")
_WINDOWS = 6
_TWIN = 0.02  # of the ratio: blocks nearer to each other than this are equally good


@dataclass(frozen=True, slots=True)
class Nearest:
    """Lines `start` to `stop` (indices, the latter exclusive) of the file, and how alike they are, 0 to 1.

    `pairs` are (index in the block, index in the file) of lines that are versions of each other, both rising.
    `twin` is the first line of another block that is as much alike, so that nobody can tell which was meant.
    """

    start: int
    stop: int
    ratio: float
    pairs: tuple[tuple[int, int], ...]
    twin: int | None = None


def nearest(block: Sequence[str], lines: Sequence[str], low: int = 0, high: int | None = None) -> Nearest | None:
    """The part of `lines[low:high]` most like `block`; None when no line is like any."""
    high = len(lines) if high is None else high
    if not block or len(block) > _LONGEST or low >= high:
        return None
    comparison = _Comparison(block, lines)
    around = 3 + len(block) // 4
    found: list[Nearest] = []
    for offset in comparison.offsets(low, high):
        first, last = max(low, offset - around), min(high, offset + len(block) + around)
        if (aligned := comparison.aligned(first, last)) is not None:
            found.append(aligned)
    if not found:
        return None
    best = max(found, key=lambda each: each.ratio)
    twins = [each for each in found if each.ratio > best.ratio - _TWIN]
    apart = [each.start for each in twins if each.stop <= best.start or best.stop <= each.start]
    return replace(best, twin=apart[0]) if apart else best


def likeness(one: str, other: str) -> float:
    """How alike two lines are, 0 to 1; blanks at the ends count little."""
    if one == other:
        return 1.0
    one, other = fold(one), fold(other)
    if one == other:
        return 0.97
    if not one or not other:
        return 0.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return 0.95 * ratio if ratio >= ALIKE else 0.0


@dataclass(slots=True)
class _Comparison:
    block: Sequence[str]
    lines: Sequence[str]
    known: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])

    def offsets(self, low: int, high: int) -> Iterable[int]:
        """Where in the file the block may start, the likeliest first, by votes of equal lines and rare words."""
        equal: defaultdict[str, list[int]] = defaultdict(list)
        words: defaultdict[str, list[int]] = defaultdict(list)
        for at in range(low, high):
            equal[fold(self.lines[at])].append(at)
            for word in set(_WORD.findall(self.lines[at])):
                words[word].append(at)
        votes: defaultdict[int, float] = defaultdict(float)
        for index, text in enumerate(self.block):
            places = equal[fold(text)]
            for at in places[:100]:
                votes[at - index] += _weight(text) / len(places)
            for word in set(_WORD.findall(text)):
                for at in words[word][:100]:
                    votes[at - index] += 0.3 / len(words[word])
        return nlargest(_WINDOWS, votes, key=lambda offset: votes[offset])

    def aligned(self, first: int, last: int) -> Nearest | None:
        """The best pairing of the block's lines with `lines[first:last]`, in order, lines left out on both sides."""
        rows, columns = len(self.block), last - first
        gains = [[0.0] * (columns + 1) for _ in range(rows + 1)]
        for row in range(rows - 1, -1, -1):
            here, below = gains[row], gains[row + 1]
            for column in range(columns - 1, -1, -1):
                pair = self.gain(row, first + column)
                both = pair + below[column + 1] if pair else 0.0
                here[column] = max(both, below[column], here[column + 1])
        pairs: list[tuple[int, int]] = []
        row = column = 0
        while row < rows and column < columns:
            pair = self.gain(row, first + column)
            if pair and gains[row][column] == pair + gains[row + 1][column + 1]:
                pairs.append((row, first + column))
                row, column = row + 1, column + 1
            elif gains[row][column] == gains[row + 1][column]:
                row += 1
            else:
                column += 1
        return self.rated(pairs)

    def rated(self, pairs: list[tuple[int, int]]) -> Nearest | None:
        said = [at for at, (row, _) in enumerate(pairs) if self.block[row].strip()]
        if not said:
            return None
        pairs = pairs[said[0] : said[-1] + 1]  # blank lines at the ends say nothing about the place
        start, stop = pairs[0][1], pairs[-1][1] + 1
        whole = sum(_weight(text) for text in self.block)
        foreign = sum(_weight(self.lines[at]) for at in set(range(start, stop)) - {at for _, at in pairs})
        gained = sum(self.gain(row, at) for row, at in pairs)
        return Nearest(start, stop, gained / (whole + 0.3 * foreign), tuple(pairs))

    def gain(self, row: int, at: int) -> float:
        key = self.block[row], self.lines[at]
        if key not in self.known:
            self.known[key] = likeness(*key) * _weight(key[0])
        return self.known[key]


def _weight(text: str) -> float:
    """What a line says about its place: a blank one nearly nothing."""
    return 0.1 + min(len(text.strip()), 30) / 30
