"""A task's budget, which all its turns and attempts share."""

from collections.abc import Iterable

from journeyman.core.errors import BudgetSpent
from journeyman.core.events import AttemptStarted, Replied
from journeyman.core.task import Attempt, Budget
from journeyman.core.usage import Usage
from journeyman.store.log import AttemptLog
from journeyman.store.store import Store

UNKNOWN = (
    "The task has a budget of ${budget:.2f}, but what {model} costs is not known, so that it could not be kept. Give "
    "the model's prices in the settings (`input_price`, `output_price`), or the task a budget of tokens."
)


class Purse:
    """What is left to an attempt of its task's budget. A task that had none at the start has none."""

    def __init__(self, store: Store, log: AttemptLog, start: AttemptStarted, budget: Budget) -> None:
        self._store = store
        self._log = log
        self._start = start
        self._bounded = budget != Budget()

    async def check(self) -> None:
        """Raise `BudgetSpent` unless there is enough for one more step that uses what the last one did."""
        if not self._bounded:
            return
        task = await self._store.task(self._log.task_id)
        budget = task.budget
        attempts = await self._store.attempts(self._log.task_id)
        used = spent(attempts)
        step = next((one.reply.usage for one in reversed(self._log.events) if isinstance(one, Replied)), Usage())
        steps = max(sum(attempt.status == "running" for attempt in attempts), 1)  # each may be about to take one
        if budget.tokens is not None and used.total_tokens + max(step.total_tokens * steps, 1) > budget.tokens:
            raise BudgetSpent(_words(f"{budget.tokens:,} tokens", f"{used.total_tokens:,}", f"{step.total_tokens:,}"))
        # Several tasks were each given what was left then: together they are held to the quotas.
        said = await self._store.quotas.used_up(task.owner, task.group, step)
        if said is not None:
            raise BudgetSpent(f"{said} What was done is kept; approve it when there is more, to go on.")
        if budget.cost is None:
            return
        if used.cost is None or step.cost is None:
            raise BudgetSpent(UNKNOWN.format(budget=budget.cost, model=self._start.model))
        if used.cost + step.cost * steps > budget.cost or used.cost >= budget.cost:
            raise BudgetSpent(_words(f"${budget.cost:.2f}", f"${used.cost:.2f}", f"${step.cost:.2f}"))


def spent(attempts: Iterable[Attempt]) -> Usage:
    """What these attempts have used together."""
    total = Usage()
    for attempt in attempts:
        total = total + attempt.summary.usage
    return total


def _words(budget: str, used: str, step: str) -> str:
    return (
        f"The task's budget of {budget} is used up: {used} are spent, and the last step took {step}. What was done is "
        "kept; raise the budget to go on."
    )
