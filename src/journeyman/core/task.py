"""Tasks, attempts and what bounds them."""

from typing import Literal

from pydantic import Field

from journeyman.core.pull_request import PullRequestView
from journeyman.core.usage import Usage
from journeyman.core.value import Value

Mode = Literal["ask", "code", "review"]
Status = Literal["queued", "running", "interrupted", "done", "failed", "cancelled"]
Verdict = Literal["verified", "unverified", "failing", "unchanged", "answered"]
"""verified: the checks pass on the result. unverified: there was nothing to check. failing: a check fails.
unchanged: no change was made. answered: a question was answered."""

StopReason = Literal[
    "finished",
    "steps",
    "time",
    "tokens",
    "money",
    "budget",
    "stuck",
    "context",
    "interrupted",
    "cancelled",
    "model",
    "sandbox",
    "error",
]


class Limits(Value):
    """What one attempt may use; it stops with the reason when it reaches one. Money is US dollars.

    `check_rounds` is how often a model that ends with failing checks is told of them and goes on.
    """

    steps: int = 100
    seconds: float = 1800.0
    tokens: int = 4_000_000
    cost: float | None = None
    command_seconds: float = 120.0
    check_seconds: float = 600.0
    test_seconds: float = 60.0
    check_rounds: int = 3
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

    With a `remote`, the address of a repository elsewhere, `repository` is where its files are seen in the sandbox, the
    same on every machine; each has a clone of its own. `starting_diff` is the blob id of a patch that `tree` has and
    `commit` has not. What is reviewed is the change from the commit `against`.
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
    remote: str | None = None
    starting_diff: str | None = None
    against: str | None = None


class Budget(Value):
    """What a task may use with all its turns and attempts together; None is no bound. Money is US dollars."""

    tokens: int | None = Field(default=None, gt=0)
    cost: float | None = Field(default=None, gt=0)


class TurnRequest(Value):
    """What a person asks for in one turn, before anybody has looked at the repository.

    `repository` is an address that git can clone, or a folder of the machine with the id `machine` (see `Offer`; None
    is the one that the task is handed in on). `ref` is a branch, tag or commit, the default branch (of a folder: its
    working tree) without one. `environment` is the name of a stored one or a word of `core.environment.RESERVED`.
    `model` None is the default of whoever runs it; `cascade` are the models of that strategy, each perhaps with a blank
    and "loop" or "repair" behind its name, asked in the `cascade_order`. `images` and `starting_diff` (a patch in git's
    format that is laid over the base first) are blob ids. `against` is the branch, tag or commit that a review compares
    with. With a `step`, the work goes on from the attempt that the turn continues as it was after so many steps;
    `rewind` does no more than to put the workspace back to there.
    """

    prompt: str = Field(min_length=1)
    mode: Mode = "code"
    repository: str
    machine: str | None = None
    ref: str | None = None
    environment: str = "ready"
    model: str | None = None
    strategy: Literal["loop", "repair", "cascade"] | None = None
    cascade: tuple[str, ...] = ()
    cascade_order: Literal["price", "given"] = "price"
    attempts: int = Field(default=1, ge=1, le=8)
    limits: Limits = Limits()
    checks: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    starting_diff: str | None = None
    against: str | None = None
    seed: int = 0
    step: int | None = Field(default=None, ge=0)
    rewind: bool = False


Origin = Literal["cli", "api", "web", "schedule", "webhook", "import"]


class Task(Value):
    """What a person asked for. Times are seconds since the epoch; `updated` is that of the last event or change.

    `turn` is the number of its newest turn, `chosen` the attempt of that turn that is handed over. `owner` is a
    person's id, None for those of a terminal; `group` is who else sees it. `seq` counts the events of all its attempts.
    `reason` says in a sentence why it waits or failed. `priority` is 1 (first) to 5. `applied` is the attempt whose
    patch somebody has put on their working tree.
    """

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
    updated: float = 0.0
    turn: int = 1
    owner: str | None = None
    group: str | None = None
    environment: str = "off"
    ref: str | None = None
    parent: str | None = None
    priority: int = Field(default=3, ge=1, le=5)
    archived: bool = False
    origin: Origin = "cli"
    schedule: str | None = None
    budget: Budget = Budget()
    reason: str = ""
    seq: int = 0
    applied: str | None = None


class Turn(Value):
    """One prompt of a person and the work that answers it. `continues` is the attempt that it goes on from, `machine`
    the id of the machine that has its workspaces."""

    task_id: str
    number: int = 1
    request: TurnRequest
    author: str | None = None
    created: float = 0.0
    status: Status = "queued"
    chosen: str | None = None
    continues: str | None = None
    reason: str = ""
    machine: str | None = None


MessageKind = Literal["steer", "interrupt", "cancel", "approve"]


class Message(Value):
    """What a person says to a task at work. Numbered from 1 within the task.

    Each running attempt takes those with a number above the last that its log holds, at a step's boundary. With
    `attempt` it is for that one alone.
    """

    task_id: str
    number: int = 0
    kind: MessageKind
    text: str = ""
    author: str | None = None
    at: float = 0.0
    attempt: str | None = None


class Crossed(Value):
    """How many of the new tests of one attempt (`tests_of`) pass and fail on the tree of another (`on`)."""

    tests_of: str
    on: str
    passed: int
    failed: int


class Opinion(Value):
    """What a model says between attempts that nothing else tells apart: the one of `among` that it takes for the best,
    and `why`. `best` is None where it took one in one order and another in the opposite one, or, for the reason that is
    given, could not be asked."""

    among: tuple[str, ...]
    best: str | None = None
    model: str
    why: str = ""


class Summary(Value):
    """An attempt in a line of a list: a fold over its events, kept beside them. `line` says what it does now, `planned`
    is the number of the event with the newest plan, `branch` where its result was pushed to last, `pull_request` what
    became of that on a forge, `crossed` what its process saw of new tests on other attempts' trees, `opinions` what a
    model said between them in the end."""

    line: str = ""
    steps: int = 0
    commands: int = 0
    usage: Usage = Usage()
    files: int = 0
    added: int = 0
    removed: int = 0
    fixed: int = 0
    broken: int = 0
    still_failing: int = 0
    warnings: int = 0
    stop: StopReason | None = None
    planned: int | None = None
    branch: str = ""
    pull_request: PullRequestView | None = None
    crossed: tuple[Crossed, ...] = ()
    opinions: tuple[Opinion, ...] = ()


class Attempt(Value):
    """One independent try at a turn of a task. `epoch` grows each time that a process takes it over.

    `began` and `ended` are seconds since the epoch: its first and its last event.
    """

    id: str
    task_id: str
    turn: int = 1
    number: int = 1
    status: Status = "queued"
    verdict: Verdict | None = None
    epoch: int = 0
    holder: str | None = None
    began: float | None = None
    ended: float | None = None
    summary: Summary = Summary()
