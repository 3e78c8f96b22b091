"""Reading sets of tasks: lines of JSON, of one of three kinds that are told apart by their keys.

Our own (`problem_statement`, `files` or `repository` with `base_commit`, `hidden_files`, `grade_command`), SWE-bench
and HumanEvalPack.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from journeyman.core.errors import UsageError
from journeyman.core.text import one_line
from journeyman.evals import humanevalfix, laying, swebench
from journeyman.evals.task import GRADE_SECONDS, EvalTask, Grader, Origin, unique


def read_set(file: Path, *, images: bool = False) -> Sequence[EvalTask]:
    """The tasks of a `.jsonl` file, or of a `.json` file with a list. A `UsageError` names the line that is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The set {file} cannot be read: {error}.") from error
    tasks = [_task(row, where, images) for where, row in _rows(text, file)]
    if not tasks:
        raise UsageError(f"The set {file} holds no task.")
    return unique(tasks)


def _rows(text: str, file: Path) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Any]] = []
    try:
        if text.lstrip().startswith("["):
            found = [(f"{file.name}, task {number}", row) for number, row in enumerate(json.loads(text), 1)]
    except ValueError as error:
        raise UsageError(f"{file} is no list of JSON: {error}.") from error
    for number, line in enumerate([] if found else text.splitlines(), 1):
        where = f"{file.name}, line {number}"
        try:
            found += [(where, json.loads(line))] if line.strip() else []
        except ValueError as error:
            raise UsageError(f"{where} is no JSON: {error}.") from error
    for where, row in found:
        if not isinstance(row, dict):
            raise UsageError(f"{where} is no task, which is a JSON object.")
    return cast("list[tuple[str, Mapping[str, Any]]]", found)


def _task(row: Mapping[str, Any], where: str, images: bool) -> EvalTask:
    try:
        if humanevalfix.is_row(row):
            task = humanevalfix.task_of(row)
        elif swebench.is_row(row):
            task = swebench.task_of(row, images=images)
        else:
            task = _own(row)
    except KeyError as error:
        raise UsageError(f"{where}: {error} is missing. `docs/howto/evaluate.md` says what a task holds.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {place}: {one_line(first['msg'])}.") from error
    for path in (*task.files, *task.grader.files, *task.grader.deletes, *task.gold_files):
        laying.checked(path)
    return task


def _own(row: Mapping[str, Any]) -> EvalTask:
    origin = None
    if "files" not in row:
        origin = Origin(
            repository=row["repository"],
            commit=row["base_commit"],
            image=row.get("image"),
            borrows=tuple(row.get("borrows", ())),
        )
    command = row["grade_command"]
    return EvalTask(
        id=row["instance_id"],
        language=row.get("language", ""),
        prompt=row["problem_statement"],
        files=row.get("files", {}),
        origin=origin,
        checks=tuple(row.get("checks", ())),
        grader=Grader(
            command=command,
            files=row.get("hidden_files", {}),
            deletes=tuple(row.get("hidden_deletes", ())),
            fail_to_pass=tuple(row.get("fail_to_pass", ())),
            pass_to_pass=tuple(row.get("pass_to_pass", ())),
            by_test=bool(row.get("fail_to_pass")),
            patch=row.get("hidden_patch", ""),
            seconds=row.get("grade_seconds", GRADE_SECONDS),
        ),
        gold_files=row.get("gold_files", {}),
        gold_deletes=tuple(row.get("gold_deletes", ())),
        gold_patch=row.get("gold_patch", ""),
    )


def row_of(task: EvalTask) -> dict[str, Any]:
    """A task in our own form, as `read_set` reads it back."""
    row: dict[str, Any] = {
        "instance_id": task.id,
        "language": task.language,
        "problem_statement": task.prompt,
    }
    if task.origin is None:
        row["files"] = task.files
    else:
        row |= {"repository": task.origin.repository, "base_commit": task.origin.commit}
        row |= {"borrows": list(task.origin.borrows)} if task.origin.borrows else {}
        row |= {"image": task.origin.image} if task.origin.image else {}
    grader = task.grader
    row |= {
        "checks": list(task.checks),
        "hidden_files": grader.files,
        "hidden_deletes": list(grader.deletes),
        "hidden_patch": grader.patch,
        "grade_command": grader.command,
        "grade_seconds": grader.seconds,
        "fail_to_pass": list(grader.fail_to_pass),
        "pass_to_pass": list(grader.pass_to_pass),
        "gold_files": task.gold_files,
        "gold_deletes": list(task.gold_deletes),
        "gold_patch": task.gold_patch,
    }
    return row
