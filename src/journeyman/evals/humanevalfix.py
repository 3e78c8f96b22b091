"""HumanEvalFix: rows of HumanEvalPack (Muennighoff et al. 2023) as tasks: visible examples, hidden tests."""

import textwrap
from collections.abc import Mapping
from typing import Any

from journeyman.core.errors import UsageError
from journeyman.evals.task import EvalTask, Grader

NEEDS = frozenset({"task_id", "declaration", "buggy_solution", "canonical_solution", "entry_point", "test"})


def is_row(row: Mapping[str, Any]) -> bool:
    return row.keys() >= NEEDS


def task_of(row: Mapping[str, Any]) -> EvalTask:
    """One row as a task. Raises `UsageError` for a language whose tests cannot be run here."""
    language, _, number = str(row["task_id"]).partition("/")
    match language.lower():
        case "python":
            return _python(row, number)
        case "javascript" | "js":
            return _javascript(row, number)
        case _:
            raise UsageError(f"{row['task_id']}: HumanEvalFix is run in Python and JavaScript, not in {language}.")


def _head(row: Mapping[str, Any]) -> str:
    """What stands before the body: imports, signature and docstring."""
    return str(row.get("prompt") or row["declaration"])


def _rules(command: str) -> str:
    told = f"Run the tests with `{command}`. They must pass before you are done. Do not change the tests."
    return f"# Working here\n\n{told}\n"


def _python(row: Mapping[str, Any], number: str) -> EvalTask:
    name, head = str(row["entry_point"]), _head(row)
    setup = str(row.get("test_setup") or "")
    examples = textwrap.indent(str(row.get("example_test") or "").strip("\n"), "    ")
    files = {"AGENTS.md": _rules("python -m pytest -q"), "solution.py": _ended(head + str(row["buggy_solution"]))}
    start = f"from solution import *\nfrom solution import {name}\n{setup}\n\n"
    if examples.strip():
        files["test_solution.py"] = _ended(f"{start}def test_examples():\n{examples}")
    hidden = _ended(start + str(row["test"]))
    return EvalTask(
        id=f"humanevalfix-python-{number}",
        language="python",
        prompt=f"`{name}` in solution.py does not do what its docstring says. Find the bug and fix it.",
        files=files,
        grader=Grader(command="timeout 30 python hidden_check.py", files={"hidden_check.py": hidden}),
        gold_files={"solution.py": _ended(head + str(row["canonical_solution"]))},
    )


def _javascript(row: Mapping[str, Any], number: str) -> EvalTask:
    name, head = str(row["entry_point"]), _head(row)
    tail = f"\n\nmodule.exports = {{ {name} }}\n"
    start = (
        f"const assert = require('node:assert')\nconst {{ {name} }} = require('./solution')\nconsole.assert = assert\n"
    )
    test = start.replace("')\nconst {", "')\nconst test = require('node:test')\nconst {", 1)
    examples = str(row.get("example_test") or "").strip("\n")
    files = {
        "AGENTS.md": _rules("node --test"),
        "package.json": '{ "name": "solution", "private": true, "scripts": { "test": "node --test" } }\n',
        "solution.js": head + str(row["buggy_solution"]) + tail,
    }
    if examples.strip():
        files["solution.test.js"] = f"{test}\ntest('examples', () => {{\n{examples}\n}})\n"
    return EvalTask(
        id=f"humanevalfix-js-{number}",
        language="javascript",
        prompt=f"`{name}` in solution.js does not do what the comment above it says. Find the bug and fix it.",
        files=files,
        grader=Grader(
            command="timeout 30 node hidden_check.js", files={"hidden_check.js": _ended(start + str(row["test"]))}
        ),
        gold_files={"solution.js": head + str(row["canonical_solution"]) + tail},
    )


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
