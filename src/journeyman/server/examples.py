"""Examples for the API's description, made of its own values, so that they cannot be wrong."""

from collections.abc import Sequence
from typing import Any

from fastapi.openapi.models import Example

from journeyman.core.api.tasks import TaskCreate, TaskLine, TaskPage, TaskView, TurnView
from journeyman.core.value import Value
from journeyman.server.examples_work import ATTEMPT, PROMPT, SUMMARY, USED

_LINE = TaskLine(
    id="0f3k9x2m1qa8zt",
    title="Adding up an empty list of prices should give 0",
    mode="code",
    status="done",
    verdict="verified",
    stop="finished",
    needs="review",
    repository="https://git.example.com/shop.git",
    environment="shop",
    ref="main",
    model="gpt-5-codex",
    chosen="0f3k9x2m1qa8zt.1.2",
    attempts=2,
    created=1_790_000_000.0,
    updated=1_790_000_241.5,
    began=1_790_000_001.2,
    ended=1_790_000_241.5,
    owner="0f3j00aa11bb22",
    owner_name="Ada",
    origin="web",
    seq=212,
    unread=True,
    summary=SUMMARY,
    usage=USED + USED,
)
_VIEW = TaskView(
    task=_LINE,
    prompt=PROMPT,
    turns=(
        TurnView(
            number=1,
            prompt=PROMPT,
            mode="code",
            model="gpt-5-codex",
            author="0f3j00aa11bb22",
            author_name="Ada",
            created=1_790_000_000.0,
            status="done",
            chosen="0f3k9x2m1qa8zt.1.2",
            why="Attempt 2 of 2: every check passes on its result, with the smallest change (+3 −1).",
            attempts=(ATTEMPT,),
        ),
    ),
    acts=("follow_up", "choose", "archive", "delete"),
)
_VALUES: dict[str, Value] = {"task_page": TaskPage(tasks=(_LINE,)), "task_view": _VIEW}

CREATE: dict[str, Example] = {
    "code": {
        "summary": "A change, two tries",
        "value": TaskCreate(
            prompt=PROMPT,
            repository="https://git.example.com/shop.git",
            ref="main",
            attempts=2,
        ).model_dump(mode="json", exclude_defaults=True),
    },
    "ask": {
        "summary": "A question about a stored environment",
        "value": {"prompt": "Where are prices rounded?", "mode": "ask", "environment": "shop"},
    },
}
FOLLOW_UP: dict[str, Example] = {
    "prompt": {"summary": "More to do", "value": {"prompt": "Do the same for `average`."}},
    "comments": {
        "summary": "Comments on lines of the changes",
        "value": {"comments": [{"path": "shop/total.py", "start": 12, "text": "Use `sum` with a start."}]},
    },
}


def task_values() -> Sequence[Value]:
    """One of each."""
    return tuple(_VALUES.values())


def example(status: int, name: str, description: str) -> dict[int | str, dict[str, Any]]:
    """The description of a route's answer, with an example."""
    value = _VALUES[name].model_dump(mode="json")
    return {status: {"description": description, "content": {"application/json": {"example": value}}}}
