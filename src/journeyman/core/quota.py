"""Whether a person or a group may hand out another task, and with what budget: pure decisions over what was used."""

from datetime import UTC, datetime, timedelta

from journeyman.core.people import Quota
from journeyman.core.task import Budget
from journeyman.core.usage import Usage
from journeyman.core.value import Value


class Used(Value):
    """What was used in a span of time. Money is US dollars; what has no price counts nothing there."""

    tokens: int = 0
    cost: float = 0.0


class Standing(Value):
    """A quota and what of it is used. `whose` says in words whose it is ("You have", "The group shop has")."""

    quota: Quota
    whose: str
    day: Used = Used()
    month: Used = Used()
    running: int = 0
    queued: int = 0


class Admission(Value):
    """What becomes of a task that is handed in.

    `refused` says why it is not taken. `waits` says why it is taken and not begun yet. `budget` is what it may use: no
    more than what is left of each quota.
    """

    refused: str | None = None
    waits: str | None = None
    budget: Budget = Budget()


def day_start(now: float) -> float:
    """When the day of UTC began that `now` (seconds since the epoch) is in."""
    return datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def month_start(now: float) -> float:
    return datetime.fromtimestamp(day_start(now), UTC).replace(day=1).timestamp()


def month_end(now: float) -> float:
    """When the next month of UTC begins."""
    first = datetime.fromtimestamp(month_start(now), UTC)
    return (first + timedelta(days=32)).replace(day=1).timestamp()


def admit(standings: tuple[Standing, ...], wanted: Budget, now: float) -> Admission:
    """The decision over all the quotas that a task falls under."""
    if (said := used_up(standings, now)) is not None:
        return Admission(refused=said)
    for standing in standings:
        most = standing.quota.queued
        if most is not None and standing.queued >= most + _free(standing):
            return Admission(
                refused=f"{standing.whose} {_tasks(standing.queued)} waiting, and the bound is {most}. "
                "Hand it in again when some of them have begun, or cancel some."
            )
    return Admission(waits=waits(standings), budget=_left(standings, wanted))


def _free(standing: Standing) -> int:
    """How many more of those that wait can begin at once: they do not count as waiting, though they have not begun."""
    return max(0, standing.quota.running - standing.running) if standing.quota.running is not None else 0


def waits(standings: tuple[Standing, ...]) -> str | None:
    """Why another task cannot begin at this moment; None when it can."""
    for standing in standings:
        most = standing.quota.running
        if most is not None and standing.running >= most:
            return (
                f"{standing.whose} {_tasks(standing.running)} at work, and the bound is {most}: it begins after them."
            )
    return None


def _tasks(count: int) -> str:
    return f"{count} task{'' if count == 1 else 's'}"


def used_up(standings: tuple[Standing, ...], now: float, step: Usage | None = None) -> str | None:
    """Why nothing more may be used, None where something may; with `step` as much as each task at work may be about to
    use once more."""
    for standing in standings:
        steps = max(standing.running, 1)
        tokens = step.total_tokens * steps if step is not None else 0
        cost = (step.cost or 0.0) * steps if step is not None else 0.0
        spans = (
            ("today", standing.quota.day, standing.day, day_start(now) + 86400),
            ("this month", standing.quota.month, standing.month, month_end(now)),
        )
        for when, bound, used, ends in spans:
            again = datetime.fromtimestamp(ends, UTC).strftime("%Y-%m-%d %H:%M UTC")
            if bound.tokens is not None and used.tokens + max(tokens, 1) > bound.tokens:
                return (
                    f"{standing.whose} used {used.tokens:,} of {bound.tokens:,} tokens {when}. There are more at "
                    f"{again}, or ask an administrator for a larger quota."
                )
            if bound.cost is not None and (used.cost >= bound.cost or used.cost + cost > bound.cost):
                return (
                    f"{standing.whose} used ${used.cost:.2f} of ${bound.cost:.2f} {when}. There is more at {again}, "
                    "or ask an administrator for a larger quota."
                )
    return None


def _left(standings: tuple[Standing, ...], wanted: Budget) -> Budget:
    tokens = [wanted.tokens] if wanted.tokens is not None else []
    cost = [wanted.cost] if wanted.cost is not None else []
    for standing in standings:
        for bound, used in ((standing.quota.day, standing.day), (standing.quota.month, standing.month)):
            if bound.tokens is not None:
                tokens.append(bound.tokens - used.tokens)
            if bound.cost is not None:
                cost.append(bound.cost - used.cost)
    return Budget(tokens=min(tokens, default=None), cost=min(cost, default=None))
