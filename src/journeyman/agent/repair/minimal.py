"""The smallest patch: what of a winning edit is not needed goes back to what it was."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from journeyman.agent.repair.candidates import Candidate, Verdict
from journeyman.agent.repair.language import form
from journeyman.agent.repair.validate import Trials

MOST = 24
"""Places of a change up to which it is taken apart."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines `old` (from, to) of the text before, and what stands in their place."""

    old: tuple[int, int]
    new: tuple[str, ...]


def hunks_of(before: str, after: str) -> list[Hunk]:
    """The changed places, line by line where as many lines are replaced as there were."""
    one, two = before.splitlines(keepends=True), after.splitlines(keepends=True)
    found: list[Hunk] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if tag == "replace" and b - a == d - c:
            found += [Hunk((a + at, a + at + 1), (two[c + at],)) for at in range(b - a)]
        else:
            found.append(Hunk((a, b), tuple(two[c:d])))
    return found


def patched_with(before: str, hunks: Sequence[Hunk]) -> str:
    rows = before.splitlines(keepends=True)
    for hunk in sorted(hunks, key=lambda hunk: hunk.old, reverse=True):
        rows[hunk.old[0] : hunk.old[1]] = hunk.new
    return "".join(rows)


async def minimal(candidate: Candidate, trials: Trials, seconds: float, *, tested: bool) -> Candidate:
    """The candidate without what the tests do not need (Zeller's ddmin, one place at a time).

    Where little is `tested`, only what changes no behaviour is dropped: that a few examples do not need a line says
    little about whether it is needed.
    """
    hunks = hunks_of(candidate.before, without_layout(candidate).text)
    while tested and 1 < len(hunks) <= MOST:
        fewer = [[*hunks[:at], *hunks[at + 1 :]] for at in range(len(hunks))]
        attempts = {at: _with(candidate, rest) for at, rest in enumerate(fewer)}
        droppable: list[int] = []

        def on_verdict(
            tried: Candidate, verdict: Verdict, attempts: dict[int, Candidate] = attempts, out: list[int] = droppable
        ) -> None:
            if verdict.outcome == "passed":
                out.append(next(at for at, one in attempts.items() if one is tried))

        await trials.run(list(attempts.values()), seconds, on_verdict)
        if not droppable:
            break
        hunks = await _without_all(candidate, hunks, droppable, trials, seconds)
    return _with(candidate, hunks)


async def _without_all(
    candidate: Candidate, hunks: list[Hunk], droppable: list[int], trials: Trials, seconds: float
) -> list[Hunk]:
    """Without all that could be dropped one by one, where that works as well, else without one of them."""
    rest = [hunk for at, hunk in enumerate(hunks) if at not in droppable]
    if rest and len(droppable) > 1:
        passed: list[bool] = []
        await trials.run(
            [_with(candidate, rest)], seconds, lambda _, verdict: passed.append(verdict.outcome == "passed")
        )
        if passed == [True]:
            return rest
    return [hunk for at, hunk in enumerate(hunks) if at != droppable[0]]


def without_layout(candidate: Candidate) -> Candidate:
    """Without changes of layout and comments, where the language is one whose programs can be compared."""
    hunks = hunks_of(candidate.before, candidate.text)
    program = form(candidate.path, candidate.text)
    if program is None or program == candidate.text or len(hunks) > MOST:
        return candidate
    for hunk in list(hunks):
        rest = [other for other in hunks if other is not hunk]
        if rest and form(candidate.path, patched_with(candidate.before, rest)) == program:
            hunks = rest
    return _with(candidate, hunks)


def _with(candidate: Candidate, hunks: Sequence[Hunk]) -> Candidate:
    return replace(candidate, text=patched_with(candidate.before, hunks))
