"""Tasks, turns and attempts as rows of their tables, and back."""

from typing import TYPE_CHECKING, Any

from journeyman.core.task import Attempt, Task

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

Row = dict[str, Any]


def task_row(task: Task) -> Row:
    return task.model_dump(exclude={"budget"}) | {"budget": task.budget.model_dump_json(exclude_defaults=True)}


def task_of(row: "RowMapping") -> Task:
    fields = {key: value for key, value in row.items() if key not in ("key", "budget")}
    return Task.model_validate(fields | {"budget": _json(row["budget"])})


def attempt_row(attempt: Attempt) -> Row:
    summary = attempt.summary
    return attempt.model_dump(exclude={"summary"}) | {
        "summary": summary.model_dump_json(exclude_defaults=True),
        "tokens": summary.usage.total_tokens,
        "cost": summary.usage.cost or 0.0,
        "expires": 0.0,
    }


def attempt_of(row: "RowMapping") -> Attempt:
    fields = {key: value for key, value in row.items() if key not in ("expires", "tokens", "cost", "summary")}
    return Attempt.model_validate(fields | {"summary": _json(row["summary"])})


def _json(text: str) -> Any:
    from pydantic_core import from_json

    return from_json(text)
