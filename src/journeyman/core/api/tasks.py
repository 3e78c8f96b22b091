"""Tasks on the wire: what a client sends to hand them out and steer them, and what it reads in lists and on a page.

Times are seconds since the epoch, money is US dollars. An attempt is named in paths by "turn.number" ("2.1"), by its
number in the newest turn ("1"), or by "chosen".
"""

from typing import Annotated, Literal

from pydantic import Field

from journeyman.core.api.forges import PullRequestTarget
from journeyman.core.model import CascadeOrder, Strategy
from journeyman.core.pull_request import PullRequestView
from journeyman.core.task import (
    Attempt,
    Budget,
    Limits,
    Message,
    Mode,
    Origin,
    Status,
    StopReason,
    Summary,
    Verdict,
)
from journeyman.core.usage import Usage
from journeyman.core.value import Value

Prompt = Annotated[str, Field(min_length=1, max_length=400_000)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]
BlobId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Positive = Annotated[float, Field(gt=0, lt=1e12, allow_inf_nan=False)]


# ---------------------------------------------------------------- what a client sends


class TurnLimits(Value):
    """What each attempt may use, where it differs from the defaults of the service."""

    steps: int | None = Field(default=None, gt=0, le=100_000)
    seconds: Positive | None = None
    tokens: int | None = Field(default=None, gt=0, le=10**15)
    cost: Positive | None = None
    command_seconds: Positive | None = None
    check_seconds: Positive | None = None
    memory_bytes: int | None = Field(default=None, gt=0, le=2**50)
    processes: int | None = Field(default=None, gt=0, le=10**6)
    disk_bytes: int | None = Field(default=None, gt=0, le=2**50)
    cpus: Positive | None = None

    def over(self, limits: Limits) -> Limits:
        """`limits` with what is set here."""
        return limits.model_copy(update=self.model_dump(exclude_none=True))


class TaskBudget(Value):
    """What the task may use with all its turns and attempts together."""

    tokens: int | None = Field(default=None, gt=0, le=10**15)
    cost: Positive | None = None


class TaskCreate(Value):
    """A new task.

    It works on `repository` (an address that git can clone, or a folder of the server's machine), or on that of the
    stored `environment`. Without a `group` it is for that of the environment. `images` and `starting_diff` are ids of
    uploads; the patch is laid over the base first. A review looks at the change against the branch, tag or commit
    `against`; without it, at the starting diff or at what the branch has and the main one has not. `cascade` are the
    models of that strategy, asked in order of price or, with `cascade_order` "given", as they stand; what is left out
    is as in the service's settings.
    """

    prompt: Prompt
    mode: Mode = "code"
    repository: Name | None = None
    environment: Name | None = None
    ref: Name | None = None
    model: Name | None = None
    strategy: Strategy | None = None
    cascade: tuple[Name, ...] = Field(default=(), max_length=8)
    cascade_order: CascadeOrder | None = None
    attempts: int = Field(default=1, ge=1, le=8)
    limits: TurnLimits = TurnLimits()
    budget: TaskBudget = TaskBudget()
    checks: tuple[Name, ...] = Field(default=(), max_length=50)
    images: tuple[BlobId, ...] = Field(default=(), max_length=20)
    starting_diff: BlobId | None = None
    against: Name | None = None
    parent: str | None = Field(default=None, min_length=1, max_length=64)
    group: str | None = Field(default=None, min_length=1, max_length=64)
    priority: int = Field(default=3, ge=1, le=5)
    origin: Literal["api", "web", "cli"] = "api"
    seed: int = Field(default=0, ge=0, le=2**31)


class LineComment(Value):
    """A remark on lines (from 1, inclusive) of a changed file, before ("old") or after ("new") the change."""

    path: str = Field(min_length=1, max_length=4096)
    start: int = Field(ge=1, le=10**9)
    end: int | None = Field(default=None, ge=1, le=10**9)
    side: Literal["old", "new"] = "new"
    text: Prompt


class FollowUp(Value):
    """A further turn of a task, which goes on from the chosen attempt or from `attempt` ("turn.number").

    What is None is as in the turn before. `comments` become part of the prompt, which may be empty with them.
    """

    prompt: str = Field(default="", max_length=400_000)
    comments: tuple[LineComment, ...] = Field(default=(), max_length=200)
    mode: Mode | None = None
    model: Name | None = None
    strategy: Strategy | None = None
    attempts: int | None = Field(default=None, ge=1, le=8)
    limits: TurnLimits = TurnLimits()
    images: tuple[BlobId, ...] = Field(default=(), max_length=20)
    attempt: str | None = Field(default=None, max_length=80)


class Fork(Value):
    """A new task that starts from an attempt of this one as it was after `step` of its steps (0 is its beginning); at
    its end without one.

    Without a prompt it is asked the same once more. What is None is as in the turn of that attempt.
    """

    step: int | None = Field(default=None, ge=0, le=10**6)
    attempt: str = Field(default="chosen", max_length=80)
    prompt: str = Field(default="", max_length=400_000)
    mode: Mode | None = None
    model: Name | None = None
    strategy: Strategy | None = None
    attempts: int = Field(default=1, ge=1, le=8)
    limits: TurnLimits = TurnLimits()
    budget: TaskBudget = TaskBudget()


class Rewind(Value):
    """Put the workspace and the conversation back to where they were after `step` steps of an attempt (0 is its
    beginning). With a prompt the work goes on from there."""

    step: int = Field(ge=0, le=10**6)
    attempt: str = Field(default="chosen", max_length=80)
    prompt: str = Field(default="", max_length=400_000)


class Steer(Value):
    """A message to the agent while it works; it reads it at the end of the step that it is in."""

    text: Prompt
    attempt: str | None = Field(default=None, max_length=80)


class Interrupt(Value):
    """Stop what runs now, keep all of it. `attempt` None is all attempts of the turn."""

    attempt: str | None = Field(default=None, max_length=80)


class Approve(Value):
    """Let a task go on that stopped at its budget. The new budget is the whole one, not what is added."""

    budget: TaskBudget


class Choose(Value):
    """Hand over this attempt ("turn.number", or its number in the newest turn)."""

    attempt: str = Field(min_length=1, max_length=80)


class Applied(Value):
    """Which attempt's patch was put on a working tree ("turn.number", or its number in the newest turn)."""

    attempt: str = Field(default="chosen", min_length=1, max_length=80)


class Publish(Value):
    """Push the result of `attempt` (the chosen one without it) as one commit to `branch` of where the repository came
    from. Without a branch it is the one of last time, or a new one; without a message, the task's title.

    A branch that is there already is only ever added to where the last commit on it was pushed from here.
    """

    attempt: str | None = Field(default=None, max_length=80)
    branch: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f]+$")
    message: str | None = Field(default=None, min_length=1, max_length=20_000)


class TaskUpdate(Value):
    """What of a task may be changed; what is left out stays."""

    title: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
    archived: bool | None = None
    priority: int | None = Field(default=None, ge=1, le=5)
    group: str | None = Field(default=None, min_length=1, max_length=64)


class Seen(Value):
    """Up to which of the task's events the person has read; None is all, 0 marks it unread."""

    seq: int | None = Field(default=None, ge=0, lt=2**31)


BulkAct = Literal["archive", "unarchive", "cancel", "retry", "delete", "read", "unread"]


class Bulk(Value):
    """The same act on many tasks; each succeeds or fails for itself."""

    act: BulkAct
    ids: tuple[str, ...] = Field(min_length=1, max_length=500)


# ---------------------------------------------------------------- what a client reads


class TaskLine(Value):
    """A task in a list. `summary` is that of the chosen attempt, or of the one at work; `usage` that of all attempts
    of all turns; `pull_request` the newest one of any turn.

    `applied` is the attempt whose patch somebody has put on their working tree, as they said.
    `began` and `ended` bound the newest turn. `needs` is what a person should do: "approve" (it stopped at its
    budget), "review" (it is done and not yet looked at), "retry" (it failed). `running` counts the attempts at work.
    """

    id: str
    title: str
    mode: Mode
    status: Status
    verdict: Verdict | None = None
    stop: StopReason | None = None
    reason: str = ""
    needs: Literal["approve", "review", "retry"] | None = None
    repository: str
    environment: str = "off"
    ref: str | None = None
    model: str
    turn: int = 1
    attempts: int = 1
    running: int = 0
    chosen: str | None = None
    created: float
    updated: float
    began: float | None = None
    ended: float | None = None
    owner: str | None = None
    owner_name: str | None = None
    group: str | None = None
    origin: Origin = "cli"
    parent: str | None = None
    schedule: str | None = None
    priority: int = 3
    archived: bool = False
    applied: str | None = None
    seq: int = 0
    unread: bool = False
    summary: Summary = Summary()
    usage: Usage = Usage()
    pull_request: PullRequestView | None = None


class TaskPage(Value):
    """A page of a list; `cursor` asks for the next one, None when there is none."""

    tasks: tuple[TaskLine, ...]
    cursor: str | None = None


class TaskCounts(Value):
    """How many of the tasks that a person sees there are of each kind; archived ones only in `archived`."""

    queued: int = 0
    running: int = 0
    interrupted: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    archived: int = 0
    unread: int = 0


class AttemptLine(Attempt):
    """An attempt in a list. `chosen` says that it is the one of its turn that is handed over."""

    name: str
    chosen: bool = False


class TurnView(Value):
    """A turn with its attempts. `why` says in a sentence why the harness chose as it did."""

    number: int
    prompt: str
    mode: Mode
    model: str
    strategy: Strategy | None = None
    author: str | None = None
    author_name: str | None = None
    created: float
    status: Status
    reason: str = ""
    chosen: str | None = None
    why: str = ""
    continues: str | None = None
    images: tuple[str, ...] = ()
    starting_diff: str | None = None
    limits: Limits = Limits()
    checks: tuple[str, ...] = ()
    attempts: tuple[AttemptLine, ...] = ()


Act = Literal["steer", "interrupt", "cancel", "approve", "follow_up", "retry", "choose", "publish", "archive", "delete"]


class TaskView(Value):
    """A task as its page opens. `messages` are those to the agent that no attempt has read yet; `acts` what this person
    may do with it now."""

    task: TaskLine
    prompt: str
    budget: Budget = Budget()
    turns: tuple[TurnView, ...] = ()
    messages: tuple[Message, ...] = ()
    acts: tuple[Act, ...] = ()


class BulkFailure(Value):
    id: str
    message: str


class BulkOutcome(Value):
    done: tuple[str, ...] = ()
    failed: tuple[BulkFailure, ...] = ()


class Upload(Value):
    """An image or a patch that was taken in. `id` is what a task names it by."""

    id: str
    kind: Literal["image", "patch"]
    media_type: str
    size: int


class PublishedBranch(Value):
    """A result that was pushed: `attempt` by its name, as the `commit` that was then the tip of `branch`."""

    attempt: str
    remote: str
    branch: str
    commit: str
    at: float


class Publishing(Value):
    """Where a result can be pushed, and where it was. `remote` is the address, without a password; where it is None,
    `reason` says why it cannot be. `forge` is where a pull request can be opened; where it is None, `forge_reason` says
    why none can be. `branch` and `message`, and `title` and `body` of a pull request, are what is taken where none is
    given; `pull_request` is the one that there is."""

    remote: str | None = None
    reason: str = ""
    branch: str = ""
    message: str = ""
    title: str = ""
    body: str = ""
    forge: PullRequestTarget | None = None
    forge_reason: str = ""
    pull_request: PullRequestView | None = None
    published: tuple[PublishedBranch, ...] = ()


class Branches(Value):
    """The branches of a repository, by name; `default` is what is worked on where none is named."""

    branches: tuple[str, ...]
    default: str | None = None


class AttemptUsage(Value):
    attempt: str
    name: str
    model: str
    steps: int
    seconds: float
    usage: Usage


class TaskUsage(Value):
    """What a task has used, all attempts of all turns, beside its budget."""

    total: Usage
    budget: Budget
    attempts: tuple[AttemptUsage, ...] = ()


# ---------------------------------------------------------------- the matrix of checks and attempts


class MatrixRow(Value):
    """A check, or one test of it, with what it does on the base and on each attempt's result, by the attempt's name.

    None where it was not run.
    """

    check: str
    test: str | None = None
    base: str | None = None
    attempts: dict[str, str | None] = Field(default_factory=dict)


class AttemptColumn(Value):
    """An attempt to compare, with what its `rank` (1 is the best) was made from: the verdict, then how it `fares` on
    the new tests of the others (0 to 1, None where none was tried on it), then warnings and size."""

    attempt: AttemptLine
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    rank: int | None = None
    fares: float | None = None


class MatrixPair(Value):
    """The new tests of one attempt on the tree of another, both by name."""

    tests_of: str
    on: str
    passed: int
    failed: int


class Matrix(Value):
    """The attempts of a turn side by side. Only tests that do not pass everywhere have a row. `crossed` is how the new
    tests of each attempt fare on the others, where they were run."""

    turn: int
    columns: tuple[AttemptColumn, ...]
    rows: tuple[MatrixRow, ...]
    chosen: str | None = None
    best: str | None = None
    why: str = ""
    hidden: int = 0
    crossed: tuple[MatrixPair, ...] = ()
