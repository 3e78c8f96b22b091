"""The facts of an attempt, in the order in which they happened.

`seq` counts from 1 within an attempt and `at` is seconds since the epoch; the store sets both at the append.
A tool call is two events: `tool_started` before it runs and `tool_returned` after.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from journeyman.core.environment import BypassProbe, EnvironmentUse, Refusal
from journeyman.core.evidence import Change, Check, CheckRun, Result, TestResult
from journeyman.core.items import DeveloperMessage, Item, UserMessage
from journeyman.core.model import Profile, Reply, Stage, Strategy, ToolSpec
from journeyman.core.pull_request import PullRequestView
from journeyman.core.task import Base, Crossed, Limits, Mode, Opinion, StopReason
from journeyman.core.usage import Usage
from journeyman.core.value import Value


class Recorded(Value):
    """What every event carries."""

    seq: int = 0
    at: float = 0.0


class AttemptStarted(Recorded):
    """Everything that is needed to go on with the attempt in another process.

    `turn` is the number of the turn that it answers, `continues` the attempt of the turn before that it goes on from
    (`Continued` follows then), `images` the blob ids of those that belong to the prompt. Messages up to the number
    `heard` were for turns before. `stages` are the models of a cascade, `model` is the first of them.
    """

    kind: Literal["attempt_started"] = "attempt_started"
    task_id: str
    prompt: str
    mode: Mode
    model: str
    profile: Profile
    strategy: Strategy
    base: Base
    limits: Limits
    checks: tuple[Check, ...] = ()
    seed: int = 0
    environment: EnvironmentUse | None = None
    turn: int = 1
    continues: str | None = None
    images: tuple[str, ...] = ()
    heard: int = 0
    stages: tuple[Stage, ...] = ()


class PlanStep(Value):
    step: str
    status: Literal["pending", "in_progress", "completed"]


class Continued(Recorded):
    """What a follow-up turn goes on from, so that its log stands for itself: an `attempt` of the turn before.

    `items` is the conversation so far, `rules` the AGENTS.md files that it holds. `checkpoint` is the blob id of the
    manifest of the workspace as that attempt left it, None where nothing was changed; with `checkpointed` False it was
    too large to keep. `tree` is the git tree that the attempt came to and `diff` the blob id of its patch. With a
    `step`, it is that attempt as it was after so many steps; `rewound`: the turn does no more than to put the workspace
    back to there. `plan` are its steps where some are open.
    """

    kind: Literal["continued"] = "continued"
    attempt: str
    items: tuple[Item, ...] = ()
    rules: tuple[str, ...] = ()
    checkpoint: str | None = None
    checkpointed: bool = True
    tree: str | None = None
    diff: str | None = None
    step: int | None = None
    rewound: bool = False
    plan: tuple[PlanStep, ...] = ()


class SetUpRan(Value):
    """A script of the environment whose layers a sandbox was opened on: what it wrote is the attempt's output `chunk`.
    It ended at `at` (seconds since the epoch), for this attempt or for an earlier one."""

    environment: str
    phase: Literal["setup", "maintenance"]
    chunk: str
    at: float
    seconds: float


class SetUpFailed(Recorded):
    """A script of the environment did not come to its end, so that no sandbox was opened. What it wrote is the
    attempt's output `chunk`; `command` is what it ended at and `cause` a likely one, in a sentence: empty where not
    known."""

    kind: Literal["set_up_failed"] = "set_up_failed"
    environment: str
    phase: Literal["setup", "maintenance"]
    chunk: str
    seconds: float
    exit_code: int | None
    cut: str | None = None
    command: str = ""
    cause: str = ""


class Opened(Recorded):
    """The sandbox is open: `backend` and what of the host it shows, and how long that took, in seconds.

    `environment` says which one it was opened with and what network it has, in a sentence; `build` is the id of the
    layers that set-up made, if it has any. `probes` are tries to get around the proxy, made where there is network.
    `folder` is a word that the attempt's folder on the machine has too: who finds another one there has not what this
    one left. `setup` are the scripts that made the layers, the first time that they are opened.
    """

    kind: Literal["opened"] = "opened"
    backend: str
    workspace: str
    toolchains: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    environment: str = ""
    build: str | None = None
    probes: tuple[BypassProbe, ...] = ()
    folder: str = ""
    setup: tuple[SetUpRan, ...] = ()


class RequestRefused(Recorded):
    """A request from inside that the network policy did not let through."""

    kind: Literal["request_refused"] = "request_refused"
    refusal: Refusal


class Prepared(Recorded):
    """What the model is told at the start: instructions, tools and the first messages, fixed for the attempt."""

    kind: Literal["prepared"] = "prepared"
    instructions: str
    tools: tuple[ToolSpec, ...]
    items: tuple[Annotated[UserMessage | DeveloperMessage, Field(discriminator="kind")], ...]
    rules: tuple[str, ...] = ()


class Said(Recorded):
    """A message put into the conversation at a step's boundary: a person's, or the harness's with its reason.

    `message` is the number of the person's `Message`. Where the harness took changes back with it, `checkpoint` is the
    blob id of the workspace's manifest after that, complete where `checkpointed`.
    """

    kind: Literal["said"] = "said"
    item: Annotated[UserMessage | DeveloperMessage, Field(discriminator="kind")]
    why: Literal["steer", "rules", "interrupted", "checks", "limit", "stuck", "format"]
    message: int | None = None
    checkpoint: str | None = None
    checkpointed: bool = True


class Heard(Recorded):
    """A person's message that is not for the model was taken: `message` is its number, `what` it asks for."""

    kind: Literal["heard"] = "heard"
    message: int
    what: Literal["interrupt", "cancel", "approve"]
    text: str = ""


class Replied(Recorded):
    """The model's reply to a step, whole. `seconds` is the wait for it."""

    kind: Literal["replied"] = "replied"
    reply: Reply
    seconds: float


class Compacted(Recorded):
    """The conversation came near the end of the model's window and was made shorter: it is `items` from here on.

    `summary` is what stands in it for what was left out, by the model, or (`by` "harness") put together from the log
    where the model gave none. `before` and `after` are the sizes of a request in tokens, estimated; `usage` and
    `seconds` are what the summary took.
    """

    kind: Literal["compacted"] = "compacted"
    items: tuple[Item, ...]
    summary: str
    by: Literal["model", "harness"] = "model"
    before: int
    after: int
    usage: Usage = Usage()
    seconds: float = 0.0


class Escalated(Recorded):
    """The next model of a cascade (`stage`, from 0) begins anew from where the attempt began, and knows what the one
    before has come to: `result`, with the workspace's manifest at `checkpoint`, complete where `checkpointed`."""

    kind: Literal["escalated"] = "escalated"
    stage: int
    model: str
    why: str
    result: Result
    checkpoint: str | None = None
    checkpointed: bool = True


class CommandStarted(Value):
    kind: Literal["command"] = "command"
    command: str


class CommandEnded(Value):
    """`exit_code` is None when the command was cut, or goes on as `session`; `chunk` is the id of its whole raw output.
    `notes` are sentences about limits that it ran into."""

    kind: Literal["command"] = "command"
    command: str
    exit_code: int | None
    chunk: str
    seconds: float
    output: str
    cut: str | None = None
    session: int | None = None
    notes: tuple[str, ...] = ()


class FilesChanged(Value):
    kind: Literal["files"] = "files"
    changes: tuple[Change, ...]


class PlanUpdated(Value):
    kind: Literal["plan"] = "plan"
    explanation: str = ""
    plan: tuple[PlanStep, ...]


class ToolStarted(Recorded):
    """The intent of a call, written before it runs.

    `reads_only` calls may be run again after a crash. `again` marks a call that is run anew after a crash, with the
    workspace first put back to where it was before the call.
    """

    kind: Literal["tool_started"] = "tool_started"
    call_id: str
    name: str
    summary: str = ""
    reads_only: bool = False
    again: bool = False
    command: CommandStarted | None = None


class ToolReturned(Recorded):
    """The outcome of a call; `content` is what the model reads.

    `checkpoint` is the blob id of the manifest of the workspace's changes after the call, None when the call changed
    nothing or the changes are too large to keep (`checkpointed` is then False).
    """

    kind: Literal["tool_returned"] = "tool_returned"
    call_id: str
    name: str
    content: str
    is_error: bool = False
    freeform: bool = False
    checkpoint: str | None = None
    checkpointed: bool = True
    detail: Annotated[CommandEnded | FilesChanged | PlanUpdated, Field(discriminator="kind")] | None = None


class CheckStarted(Recorded):
    kind: Literal["check_started"] = "check_started"
    check: Check
    on: Literal["base", "result", "candidate"]


class Checked(Recorded):
    """The harness ran a check."""

    kind: Literal["checked"] = "checked"
    run: CheckRun


PROVISIONAL = "passes the tests tried"
"""The note of an edit that is still to be run against the whole check."""


class CandidateTried(Recorded):
    """The repair strategy tried an edit in a layer of its own.

    `outcome` says what came of it: "passed" all checks, "better" (more tests pass), "no_better", "invalid" (does not
    parse or apply), "endless" (cut by the time limit).
    """

    kind: Literal["candidate_tried"] = "candidate_tried"
    source: str
    diff: str
    outcome: Literal["passed", "better", "no_better", "invalid", "endless"]
    note: str = ""
    seconds: float = 0.0


class Progressed(Recorded):
    """A line about long work, for people."""

    kind: Literal["progressed"] = "progressed"
    text: str


class Retried(Recorded):
    """A request failed and is sent again after `wait` seconds."""

    kind: Literal["retried"] = "retried"
    message: str
    wait: float


class Resumed(Recorded):
    """Another process took the attempt over; from here on it appends with a new epoch."""

    kind: Literal["resumed"] = "resumed"
    holder: str


class Stopped(Recorded):
    """The strategy came to its end; the checks follow. `message` is a sentence for a person.

    `doubt` says why checks that pass do not show that the work is right; such a result is not called verified.
    """

    kind: Literal["stopped"] = "stopped"
    reason: StopReason
    message: str = ""
    doubt: str = ""


class Finished(Recorded):
    """The last event of the work on an attempt that was not interrupted. With `stage` the result is that of an earlier
    stage of a cascade, whose files are those of `checkpoint`."""

    kind: Literal["finished"] = "finished"
    result: Result
    stage: int | None = None
    checkpoint: str | None = None


class CrossChecked(Recorded):
    """The new tests of one attempt of a turn were run on the tree of another, after this attempt's result was known."""

    kind: Literal["cross_checked"] = "cross_checked"
    crossed: Crossed
    tests: tuple[TestResult, ...] = ()


class Judged(Recorded):
    """A model was asked between attempts that nothing else tells apart, after the last of them had ended."""

    kind: Literal["judged"] = "judged"
    opinion: Opinion
    usage: Usage = Usage()
    seconds: float = 0.0


class Published(Recorded):
    """A person had the result pushed, perhaps long after the work: as `commit`, the tip of `branch` at `remote`, which
    is shown without a password. `tree` is the commit's, `person` who asked for it."""

    kind: Literal["published"] = "published"
    remote: str
    branch: str
    commit: str
    tree: str
    person: str | None = None


class PullRequestChanged(Recorded):
    """What a person had pushed became a pull request (`person` asked for it), or the forge told another state of it."""

    kind: Literal["pull_request"] = "pull_request"
    pull_request: PullRequestView
    person: str | None = None


AFTERWARDS = ("published", "pull_request")
"""Kinds of events that are about what is done with a result later, and no work on it."""

Event = Annotated[
    AttemptStarted
    | Continued
    | SetUpFailed
    | Opened
    | RequestRefused
    | Prepared
    | Said
    | Heard
    | Replied
    | Compacted
    | Escalated
    | ToolStarted
    | ToolReturned
    | CheckStarted
    | Checked
    | CandidateTried
    | Progressed
    | Retried
    | Resumed
    | Stopped
    | Finished
    | CrossChecked
    | Judged
    | Published
    | PullRequestChanged,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
