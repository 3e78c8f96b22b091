"""Tasks, attempts and what bounds them."""

from typing import Literal

from journeyman.core.value import Value

Mode = Literal["ask", "code", "review"]
Status = Literal["queued", "running", "interrupted", "done", "failed", "cancelled"]
Verdict = Literal["verified", "unverified", "failing", "unchanged", "answered"]
"""verified: the checks pass on the result. unverified: there was nothing to check. failing: a check fails.
unchanged: no change was made. answered: a question was answered."""

StopReason = Literal[
    "finished", "steps", "time", "tokens", "money", "stuck", "interrupted", "cancelled", "model", "sandbox", "error"
]


class Limits(Value):
    """What one attempt may use; it stops with the reason when it reaches one. Money is US dollars."""

    steps: int = 100
    seconds: float = 1800.0
    tokens: int = 4_000_000
    cost: float | None = None
    command_seconds: float = 120.0
    check_seconds: float = 600.0
    test_seconds: float = 60.0
    output_bytes: int = 64 * 1024 * 1024
    memory_bytes: int = 4 * 1024**3
    processes: int = 512
    disk_bytes: int = 8 * 1024**3
    cpus: float | None = None
    cpu_seconds: int | None = None
    open_files: int = 8192


class Base(Value):
    """What the work starts from.

    `tree` is the git tree of all tracked, changed and untracked (not ignored) files; `commit` is None in a
    repository without commits. `ref` is set when the person named one: then the working tree is not part of it.
    `left_out` says in sentences what of the working tree is not part of the work. With `copied`, its files are not
    all the person's to write: the work goes on a copy of the tree, laid over them.
    """

    repository: str
    tree: str
    commit: str | None = None
    ref: str | None = None
    branch: str | None = None
    changed_files: int = 0
    untracked_files: int = 0
    left_out: tuple[str, ...] = ()
    copied: bool = False


class Task(Value):
    """What a person asked for. `created` is seconds since the epoch."""

    id: str
    prompt: str
    mode: Mode
    repository: str
    model: str
    created: float
    attempts: int = 1
    status: Status = "queued"
    title: str = ""
    chosen: str | None = None


class Attempt(Value):
    """One independent try at a turn of a task. `epoch` grows each time that a process takes it over."""

    id: str
    task_id: str
    turn: int = 1
    number: int = 1
    status: Status = "queued"
    verdict: Verdict | None = None
    epoch: int = 0
    holder: str | None = None
