"""A task of a set: what is asked for, the files it starts from, and, apart from these, how the result is graded."""

import hashlib
import json
from collections.abc import Sequence

from pydantic import Field, field_validator

from journeyman.core.errors import UsageError
from journeyman.core.value import Value

GRADE_SECONDS = 40.0


class Origin(Value):
    """A commit that the work starts from. `repository` is a folder of this machine or an address, `image` a container
    image that the work is done in. `borrows` are folders of ignored files (`.venv`) that the work needs."""

    repository: str
    commit: str
    image: str | None = None
    borrows: tuple[str, ...] = ()


class Grader(Value):
    """What the agent never sees. `files` are laid over the result and `deletes` taken out of it, then `command` is run.

    Without named tests exit code 0 means solved. With them every one of `fail_to_pass` and `pass_to_pass` has to pass;
    `by_test` says that the command's results are read test by test.
    `patch` lays files over as a patch in git's format does. `command` None means that only somebody else can grade.
    """

    command: str | None
    files: dict[str, str] = Field(default_factory=dict)
    deletes: tuple[str, ...] = ()
    patch: str = ""
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    by_test: bool = False
    seconds: float = GRADE_SECONDS


class EvalTask(Value):
    """A task of a set. It starts from `files` (path → text), or from a commit (`origin`).

    `checks` are commands that the person gives; without them they are found as always. `gold_files`, `gold_deletes`
    and `gold_patch` are an accepted fix, for checking the grader.
    """

    id: str = Field(min_length=1, max_length=200)
    prompt: str = Field(min_length=1)
    language: str = ""
    files: dict[str, str] = Field(default_factory=dict)
    origin: Origin | None = None
    checks: tuple[str, ...] = ()
    grader: Grader
    gold_files: dict[str, str] = Field(default_factory=dict)
    gold_deletes: tuple[str, ...] = ()
    gold_patch: str = ""

    @field_validator("id")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("control characters are no part of a name")
        return value

    @property
    def folder(self) -> str:
        """A name for a folder, the same each time, whatever the id holds."""
        plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in self.id)[:60].strip(".-")
        return f"{plain}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"

    @property
    def has_gold(self) -> bool:
        return bool(self.gold_files or self.gold_deletes or self.gold_patch)


def digest(tasks: Sequence[EvalTask]) -> str:
    """What tells a set from any other, by its content: 16 hex digits."""
    whole = json.dumps([task.model_dump(mode="json") for task in tasks], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def unique(tasks: Sequence[EvalTask]) -> Sequence[EvalTask]:
    """`tasks`; a `UsageError` when two have the same name."""
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise UsageError(f"The set has two tasks called {task.id}; each needs a name of its own.")
        seen.add(task.id)
    return tasks
