"""Which attempt is the best, and why, from what stands in its row."""

from collections.abc import Sequence

from journeyman.core.evidence import RANK
from journeyman.core.ranking import scores, votes
from journeyman.core.task import Attempt, Opinion, Verdict
from journeyman.core.text import counted

WORDS: dict[Verdict, str] = {
    "verified": "every check passes on its result",
    "answered": "it answered",
    "unverified": "nothing could be checked",
    "failing": "a check fails on its result",
    "unchanged": "it changed nothing",
}


def order(attempt: Attempt, fares: float = 1.0, votes: int = 0) -> tuple[int, float, int, int, int, str]:
    """As `core.evidence.best`: by the checks first, then by the others' new tests, then by warnings, a model's opinion
    and size, then by its number."""
    summary = attempt.summary
    rank = RANK.index(attempt.verdict) if attempt.verdict else len(RANK)
    return rank, -round(fares, 6), summary.warnings, -votes, summary.added + summary.removed, attempt.id


def fares(attempts: Sequence[Attempt]) -> dict[str, float]:
    """How each attempt fares on the others' new tests, 0 to 1."""
    done = [attempt.id for attempt in attempts if attempt.verdict]
    return scores(done, [pair for attempt in attempts for pair in attempt.summary.crossed])


def ranked(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The attempts that have a result, the best first."""
    found, said = fares(attempts), votes([attempt.id for attempt in attempts], _opinions(attempts))
    done = [attempt for attempt in attempts if attempt.verdict]
    return sorted(done, key=lambda attempt: order(attempt, found[attempt.id], said[attempt.id]))


def _opinions(attempts: Sequence[Attempt]) -> list[Opinion]:
    return [one for attempt in attempts for one in attempt.summary.opinions]


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
            reasons.append(_judged(picked, attempts) or _against(picked, rivals))
    elif len(best) > 1:
        reasons.append("which holds for no other attempt")
    return f"Attempt {picked.number} of {len(attempts)}: {', '.join(reasons)}."


def _judged(picked: Attempt, attempts: Sequence[Attempt]) -> str:
    """What a model said, where that decided."""
    said = next((one for one in _opinions(attempts) if one.best == picked.id), None)
    if said is None:
        return ""
    numbers = [str(attempt.number) for attempt in attempts if attempt.id in said.among]
    among = f"{', '.join(numbers[:-1])} and {numbers[-1]}"
    return f"nothing that was run tells {among} apart, and {said.model} takes it for the best: {said.why.rstrip('.')}"


def _against(picked: Attempt, rivals: Sequence[Attempt]) -> str:
    """What sets it apart from those with the same verdict."""
    mine = picked.summary
    if all(rival.summary.warnings > mine.warnings for rival in rivals):
        return f"with {counted(mine.warnings, 'warning') if mine.warnings else 'no warnings'}, the fewest"
    size = mine.added + mine.removed
    if all(
        (rival.summary.warnings, rival.summary.added + rival.summary.removed) > (mine.warnings, size)
        for rival in rivals
    ):
        return f"with the smallest change (+{mine.added} −{mine.removed})"
    return "no worse than the others with the same outcome, and the first of them"
