"""Tasks, turns, messages and attempts as rows of their tables, and back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from journeyman.core.mask import Mask
from journeyman.core.task import Attempt, Message, Summary, Task, Turn
from journeyman.store.codec import masked, spelled, storable

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

Row = dict[str, Any]

MOST_TOKENS = 2**53
"""What is counted of one attempt at most: a model that reports nonsense must not break the sums."""


def task_row(task: Task) -> Row:
    return task.model_dump(exclude={"budget"}) | {
        "budget": task.budget.model_dump_json(exclude_defaults=True),
        "words": words(task.title, task.prompt),
    }


def words(title: str, prompt: str) -> str:
    """What a search looks at: both without regard to case, of a prompt the first 2,000 characters."""
    return f"{title} {prompt[:2000]}".casefold()


def task_of(row: "Mapping[str, Any] | RowMapping") -> Task:
    fields = {key: value for key, value in row.items() if key not in ("key", "budget", "words")}
    return Task.model_validate(fields | {"budget": _json(row["budget"])})


def changes_row(fields: Mapping[str, object]) -> Row:
    """Changed fields as columns: values of ours become JSON."""
    return {
        key: value.model_dump_json(exclude_defaults=True) if isinstance(value, BaseModel) else spelled(value)
        for key, value in fields.items()
    }


def turn_row(turn: Turn, mask: Mask) -> Row:
    """Without the secrets of `mask`."""
    fit = storable(turn)
    fit = masked(fit, mask) if mask else fit
    return fit.model_dump(exclude={"request"}) | {"request": fit.request.model_dump_json()}


def turn_of(row: "RowMapping") -> Turn:
    fields = {key: value for key, value in row.items() if key not in ("key", "request")}
    return Turn.model_validate(fields | {"request": _json(row["request"])})


def message_row(message: Message) -> Row:
    return message.model_dump()


def message_of(row: "RowMapping") -> Message:
    return Message.model_validate({key: value for key, value in row.items() if key != "key"})


def attempt_row(attempt: Attempt) -> Row:
    return attempt.model_dump(exclude={"summary"}) | summary_row(attempt.summary) | {"expires": 0.0}


def summary_row(summary: Summary) -> Row:
    return {
        "summary": summary.model_dump_json(exclude_defaults=True),
        "tokens": max(0, min(summary.usage.total_tokens, MOST_TOKENS)),
        "cost": summary.usage.cost or 0.0,
    }


def attempt_of(row: "Mapping[str, Any] | RowMapping") -> Attempt:
    fields = {key: value for key, value in row.items() if key not in ("expires", "tokens", "cost", "summary")}
    return Attempt.model_validate(fields | {"summary": _json(row["summary"])})


def _json(text: str) -> Any:
    from pydantic_core import from_json

    return from_json(text)
