"""Small sets of tasks, and a model that plays how each of them is worked."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from journeyman.core.model import Reply, call, say
from journeyman.core.usage import Usage

RULES = "Run the tests with `python3 test_calc.py`.\n"
CANARY = "canary-of-the-grader-4711"


def task(
    name: str, visible: str, hidden: str, *, body: str = "return a - b", gold: str = "return a + b"
) -> dict[str, Any]:
    """A task about `add`, with a visible and a hidden assertion."""
    head = "def add(a, b):\n    "
    return {
        "instance_id": name,
        "language": "python",
        "problem_statement": f"Task {name}: `add` in calc.py is wrong. Fix it.",
        "files": {
            "AGENTS.md": RULES,
            "calc.py": f"{head}{body}\n",
            "test_calc.py": f"from calc import add\n\nassert {visible}\n",
        },
        "test_command": "python3 test_calc.py",
        "hidden_files": {"hidden_check.py": f"from calc import add\n\n# {CANARY}\nassert {hidden}\n"},
        "grade_command": "timeout 30 python3 hidden_check.py",
        "gold_files": {"calc.py": f"{head}{gold}\n"},
    }


RIGHT = task("right", "add(1, 2) == 3", "add(5, 6) == 11")
FALSE = task("false", "add(2, 2) == 4", "add(5, 6) == 11")
IDLE = task("idle", "add(1, 2) == 3", "add(5, 6) == 11")
FAILS = task("fails", "add(1, 2) == 3", "add(5, 6) == 11")
SET = (RIGHT, FALSE, IDLE, FAILS)

EDITS = {"right": "return a + b", "false": "return a * b", "fails": "return a // b"}
"""What the played model makes of each task; of the others nothing."""


def write_set(file: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def patch(body: str, was: str = "return a - b") -> str:
    lines = ["*** Begin Patch", "*** Update File: calc.py", "@@ def add(a, b):", f"-    {was}", f"+    {body}"]
    return "\n".join([*lines, "*** End Patch"])


def task_of(request: Any) -> str:
    """Which task of the set a request is about."""
    text = json.dumps(request)
    start = text.index("Task ") + len("Task ")
    return text[start : text.index(":", start)]


Computed = Callable[[Any], Reply]


def played(edits: Mapping[str, str] = EDITS, usage: Usage | None = None) -> list[Computed]:
    """A model that edits in its first step and says so in its second."""
    spent = usage or Usage(input_tokens=100, output_tokens=10)

    def first(request: Any) -> Reply:
        body = edits.get(task_of(request))
        reply = say("I see nothing to do.") if body is None else call("apply_patch", "c1", patch=patch(body))
        return reply.model_copy(update={"usage": spent})

    def second(request: Any) -> Reply:
        return say("Done.").model_copy(update={"usage": spent})

    return [first, second]
