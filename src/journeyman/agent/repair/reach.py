"""How many tests run what a candidate changes: what hardly any test runs, none of them shows to be right."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from journeyman.agent.repair.candidates import Candidate
from journeyman.agent.repair.locate import Evidence

FEW = 3
"""So many tests or fewer let wrong edits pass."""
ABOVE = 5
"""Lines above a changed one in which the statement may begin that it belongs to."""

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? ", re.MULTILINE)

Reach = Mapping[str, Mapping[int, int]]
"""By path and line of a source file, how many of the tests that were watched run it."""


def reach_of(evidence: Evidence) -> Reach:
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for by_path in evidence.covered.values():
        for path, lines in by_path.items():
            found[path].update(set(lines))
    return found


def barely_tested(reach: Reach, candidate: Candidate) -> bool:
    """Whether no more than a few tests run any line that a candidate changes; False where that is not known."""
    counts = reach.get(candidate.path, {})
    known = [number for line in _changed(candidate) if (number := _at(counts, line))]
    return bool(known) and max(known) <= FEW


def _at(counts: Mapping[int, int], line: int) -> int:
    """Of a statement on several lines only the first is known to run."""
    return next((counts[above] for above in range(line, line - ABOVE, -1) if above in counts), 0)


def _changed(candidate: Candidate) -> list[int]:
    """The lines that are replaced, or those before and after what is inserted."""
    lines: list[int] = []
    for match in _HUNK.finditer(candidate.diff):
        first, count = int(match[1]), int(match[2] or "1")
        lines += range(first, first + count) if count else (first, first + 1)
    return lines
