"""Which attempt is the best, and why, from what stands in its row."""

from collections.abc import Sequence

from journeyman.core.ranking import scores
from journeyman.core.task import Attempt, Verdict
from journeyman.core.text import counted

RANK: Sequence[Verdict] = ("verified", "answered", "unverified", "failing", "unchanged")
WORDS: dict[Verdict, str] = {
    "verified": "every check passes on its result",
    "answered": "it answered",
    "unverified": "nothing could be checked",
    "failing": "a check fails on its result",
    "unchanged": "it changed nothing",
}


def order(attempt: Attempt, fares: float = 1.0) -> tuple[int, float, int, int, str]:
    """As `core.evidence.best`: by the checks first, then by the others' new tests, then by warnings and size, then by
    its number."""
    summary = attempt.summary
    rank = RANK.index(attempt.verdict) if attempt.verdict else len(RANK)
    return rank, -round(fares, 6), summary.warnings, summary.added + summary.removed, attempt.id


def fares(attempts: Sequence[Attempt]) -> dict[str, float]:
    """How each attempt fares on the others' new tests, 0 to 1."""
    done = [attempt.id for attempt in attempts if attempt.verdict]
    return scores(done, [pair for attempt in attempts for pair in attempt.summary.crossed])


def ranked(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that have a result, the best first."""
    found = fares(attempts)
    done = [attempt for attempt in attempts if attempt.verdict]
    return sorted(done, key=lambda attempt: order(attempt, found[attempt.id]))


def why(attempts: Sequence[Attempt], chosen: str | None) -> str:
    """In a sentence, why the chosen one of several attempts is handed over; empty where there is nothing to say."""
    best = ranked(attempts)
    picked = next((attempt for attempt in attempts if attempt.id == chosen), None)
    if picked is None or len(attempts) < 2 or not best:
        return ""
    if picked.id != best[0].id:
        return f"Attempt {picked.number} was chosen by a person; by the checks it would be attempt {best[0].number}."
    if picked.verdict is None:
        return ""
    reasons = [WORDS[picked.verdict]]
    rivals = [attempt for attempt in best[1:] if attempt.verdict == picked.verdict]
    if rivals:
        found = fares(attempts)
        if all(found[rival.id] < found[picked.id] for rival in rivals):
            reasons.append("and it fares best on the new tests of the others")
        else:
            reasons.append(_against(picked, rivals))
    elif len(best) > 1:
        reasons.append("which holds for no other attempt")
    return f"Attempt {picked.number} of {len(attempts)}: {', '.join(reasons)}."


def _against(picked: Attempt, rivals: Sequence[Attempt]) -> str:
    """What sets it apart from those with the same verdict."""
    mine = picked.summary
    if all(rival.summary.warnings > mine.warnings for rival in rivals):
        return f"with {counted(mine.warnings, 'warning') if mine.warnings else 'no warnings'}, the fewest"
    size = mine.added + mine.removed
    if all(order(rival)[2:4] > (mine.warnings, size) for rival in rivals):
        return f"with the smallest change (+{mine.added} −{mine.removed})"
    return "no worse than the others with the same outcome, and the first of them"
