"""SWE-bench: its rows as tasks, and predictions in the form that its harness reads."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from journeyman.core.errors import UsageError
from journeyman.evals.task import EvalTask, Grader, Origin

NEEDS = frozenset({"instance_id", "repo", "base_commit", "problem_statement"})
IMAGE = "docker.io/swebench/sweb.eval.x86_64.{id}:latest"
SECONDS = 1800.0
_NODE_ID = re.compile(r"[^\s:]+\.py(::\S.*)+\Z")


def is_row(row: Mapping[str, Any]) -> bool:
    return row.keys() >= NEEDS and "files" not in row


def task_of(row: Mapping[str, Any], *, images: bool = False) -> EvalTask:
    """One row as a task. It is graded here where the row has a `test_command`, or its tests are named as pytest names
    them; else only predictions are written. With `images` the work is done in SWE-bench's own image."""
    name = str(row["instance_id"])
    fail, keep = _names(row.get("FAIL_TO_PASS"), name), _names(row.get("PASS_TO_PASS"), name)
    test_patch, gold = str(row.get("test_patch") or ""), str(row.get("patch") or "")
    command = row.get("test_command")
    if command is None and fail and all(_NODE_ID.match(one) for one in (*fail, *keep)):
        files = dict.fromkeys(one.partition("::")[0] for one in (*fail, *keep))
        command = "python -m pytest -q " + " ".join(files)
    image = IMAGE.format(id=name.replace("__", "_1776_").lower()) if images else None
    return EvalTask(
        id=name,
        prompt=str(row["problem_statement"]),
        language=str(row.get("language") or "python"),
        origin=Origin(repository=str(row["repo"]), commit=str(row["base_commit"]), image=image, borrows=(".venv",)),
        grader=Grader(
            command=str(command) if command and fail else None,
            patch=test_patch,
            fail_to_pass=fail,
            pass_to_pass=keep,
            by_test=True,
            seconds=SECONDS,
        ),
        gold_patch=gold,
    )


def prediction(task: str, model: str, patch: str) -> str:
    """A line of a predictions file."""
    line = {"instance_id": task, "model_name_or_path": model, "model_patch": patch}
    return json.dumps(line, ensure_ascii=False) + "\n"


def predictions(rows: Iterable[tuple[str, str]], model: str) -> str:
    """The file for pairs of an instance and its patch."""
    return "".join(prediction(task, model, patch) for task, patch in rows)


def _names(value: object, task: str) -> tuple[str, ...]:
    """Names of tests: a list, or, as the dataset has it, a list written as JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else []
        except ValueError as error:
            raise UsageError(f"{task}: its lists of tests cannot be read: {error}.") from error
    names = cast("list[object]", value or [])
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{task}: its lists of tests hold something that is no name.")
    return tuple(cast("list[str]", names))
