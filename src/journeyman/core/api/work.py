"""The work of an attempt on the wire: its steps, terminal, checks, changes, files and times.

`seq` is the number of an event within the attempt, `at` its time in seconds since the epoch.
"""

from typing import Annotated, Literal

from pydantic import Field

from journeyman.core.api.tasks import AttemptLine
from journeyman.core.environment import EnvironmentUse, Refusal
from journeyman.core.events import CommandEnded, Event, FilesChanged, Opened, PlanStep, PlanUpdated
from journeyman.core.evidence import Change, Check, Citation, Comparison, Review, StageRun
from journeyman.core.model import Strategy
from journeyman.core.task import Base, Limits, Mode, StopReason, Verdict
from journeyman.core.usage import Usage
from journeyman.core.value import Value


class NumberedEvent(Value):
    """An event with its attempt and its number among the events of the task."""

    place: int
    attempt: str
    event: Event


class EventPage(Value):
    """`cursor` is the `after` of the next page, None at the end of what there is by now."""

    events: tuple[NumberedEvent, ...]
    cursor: int | None = None


class Refused(Value):
    seq: int
    at: float
    refusal: Refusal


class RunView(Value):
    """One run of a check. `stale`: files were changed after it, so it says nothing about the result."""

    seq: int
    at: float
    on: Literal["base", "result", "candidate"]
    tree: str
    exit_code: int | None
    cut: str | None = None
    seconds: float
    chunk: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    stale: bool = False


TestState = Literal[
    "fixed", "broken", "still_failing", "flaky", "added", "added_failing", "removed", "skipped", "not_run", "passing"
]


class TestView(Value):
    """A test before and after. `flaky`: it passed and failed on the very same files."""

    __test__ = False

    id: str
    state: TestState
    base: str | None = None
    result: str | None = None
    base_seconds: float | None = None
    result_seconds: float | None = None
    message: str = ""


class CheckView(Value):
    """A check with its runs on the base and on the result, and its tests, those that matter first.

    `hidden` counts the tests that are not listed for want of room.
    """

    check: Check
    base: RunView | None = None
    result: RunView | None = None
    sentence: str = ""
    tests: tuple[TestView, ...] = ()
    counts: dict[TestState, int] = Field(default_factory=lambda: dict[TestState, int]())
    hidden: int = 0


class ChecksView(Value):
    checks: tuple[CheckView, ...]
    comparison: Comparison = Comparison()


class ResultView(Value):
    """The outcome of an attempt. `sentences` say what happened to the checks; `tree` is git's id of the result.
    `stages` are the models of a cascade that were tried; the last one alone would have cost about `cost_alone`. A
    `review` has its findings here; the change that it is of is the diff against "reviewed"."""

    verdict: Verdict
    summary: str
    sentences: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    comparison: Comparison = Comparison()
    warnings: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    usage: Usage = Usage()
    seconds: float = 0.0
    tree: str | None = None
    has_patch: bool = False
    stages: tuple[StageRun, ...] = ()
    cost_alone: float | None = None
    review: Review | None = None


class AttemptView(Value):
    """An attempt as its page opens. `opened` is the last opening of its sandbox; `refusals` are the requests that the
    network policy did not let through."""

    attempt: AttemptLine
    mode: Mode | None = None
    model: str = ""
    strategy: Strategy | None = None
    base: Base | None = None
    limits: Limits = Limits()
    checks: tuple[Check, ...] = ()
    environment: EnvironmentUse | None = None
    opened: Opened | None = None
    plan: tuple[PlanStep, ...] = ()
    stop: StopReason | None = None
    message: str = ""
    answer: str = ""
    refusals: tuple[Refused, ...] = ()
    result: ResultView | None = None


# ---------------------------------------------------------------- the work log


class SaidEntry(Value):
    """A message in the conversation. `why` "steer" is a person's, the others are the harness's."""

    kind: Literal["said"] = "said"
    seq: int
    at: float
    why: str
    text: str


class CallView(Value):
    """A tool call of a step. `content` is what the model read of it, clipped; `seconds` None while it runs.

    `files` says that the files of the workspace right after it are kept.
    """

    call_id: str
    name: str
    summary: str = ""
    seq: int
    at: float
    seconds: float | None = None
    status: Literal["running", "completed", "failed", "interrupted"]
    arguments: str = ""
    content: str = ""
    detail: Annotated[CommandEnded | FilesChanged | PlanUpdated, Field(discriminator="kind")] | None = None
    files: bool = False


class StepEntry(Value):
    """One reply of the model and the calls that it asked for. `seconds` is the wait for the reply."""

    kind: Literal["step"] = "step"
    seq: int
    at: float
    number: int
    seconds: float
    text: str = ""
    reasoning: str = ""
    usage: Usage = Usage()
    calls: tuple[CallView, ...] = ()


class CheckEntry(Value):
    """The harness ran a check."""

    kind: Literal["check"] = "check"
    seq: int
    at: float
    command: str
    run: RunView


class CandidateEntry(Value):
    """The repair strategy tried an edit; see `CandidateTried` for the outcomes."""

    kind: Literal["candidate"] = "candidate"
    seq: int
    at: float
    source: str
    diff: str
    outcome: Literal["passed", "better", "no_better", "invalid", "endless"]
    note: str = ""
    seconds: float = 0.0


class NoteEntry(Value):
    """What else happened, in words. `event` is the kind of the event that tells it."""

    kind: Literal["note"] = "note"
    seq: int
    at: float
    event: str
    text: str


WorkEntry = Annotated[SaidEntry | StepEntry | CheckEntry | CandidateEntry | NoteEntry, Field(discriminator="kind")]


class WorkPage(Value):
    """A part of the work log, in the order of the events. `steps` counts those of the whole attempt.

    `before` and `after` ask for the pages on either side; None where there is nothing, by now.
    """

    entries: tuple[WorkEntry, ...]
    steps: int
    before: int | None = None
    after: int | None = None


class Span(Value):
    """A stretch of time of an attempt, for a waterfall. `end` None goes on."""

    kind: Literal["open", "model", "tool", "check", "candidate", "away"]
    label: str
    start: float
    end: float | None = None
    step: int | None = None
    seq: int
    cost: float | None = None
    tokens: int = 0
    failed: bool = False


class Timeline(Value):
    """`totals` are the seconds of these spans by their kind. `after` asks for the next page."""

    spans: tuple[Span, ...]
    totals: dict[str, float] = Field(default_factory=lambda: dict[str, float]())
    after: int | None = None


# ---------------------------------------------------------------- the terminal


class CommandView(Value):
    """A command whose output is kept: one of the agent's, a check, or a script of the environment that was run before
    the work. `size` is in bytes."""

    seq: int
    at: float
    origin: Literal["agent", "check", "setup"]
    command: str
    on: Literal["base", "result", "candidate"] | None = None
    exit_code: int | None
    cut: str | None = None
    seconds: float
    chunk: str
    size: int = 0
    session: int | None = None
    notes: tuple[str, ...] = ()


class CommandPage(Value):
    commands: tuple[CommandView, ...]
    after: int | None = None


class ChunkText(Value):
    """Lines `start` to `end` (from 1, inclusive) of a chunk as text; what is no UTF-8 is escaped. `total` counts its
    lines, `size` its bytes."""

    chunk: str
    start: int
    end: int
    total: int
    size: int
    lines: tuple[str, ...]
    clipped: bool = False


# ---------------------------------------------------------------- changes


class DiffLine(Value):
    """A line of a hunk: context " ", added "+", removed "-". `old` and `new` are line numbers."""

    kind: Literal[" ", "+", "-"]
    old: int | None = None
    new: int | None = None
    text: str
    no_newline: bool = False


class Hunk(Value):
    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    heading: str = ""
    lines: tuple[DiffLine, ...] = ()


class FileDiff(Value):
    """The change of one file. `clipped`: it has more lines than are listed; ask for it alone, or for the patch."""

    path: str
    kind: Literal["add", "delete", "update"]
    binary: bool = False
    old_mode: str | None = None
    new_mode: str | None = None
    added: int = 0
    removed: int = 0
    hunks: tuple[Hunk, ...] = ()
    clipped: bool = False


class DiffView(Value):
    """The changes from `against` to the attempt's result, file by file, and as a patch that git reads (`unified`, empty
    where it is too large for one answer: download it).

    `against` is "base", the name of an attempt, or "reviewed": then it is the change that a review looked at. `so_far`
    says that there is no result yet: the changes are those at the attempt's last checkpoint.
    """

    attempt: str
    against: str
    so_far: bool = False
    files: tuple[FileDiff, ...]
    unified: str = ""
    added: int = 0
    removed: int = 0


# ---------------------------------------------------------------- files and citations


class FileEntry(Value):
    path: str
    kind: Literal["file", "folder", "link", "submodule"]
    size: int | None = None
    executable: bool = False
    changed: Literal["add", "delete", "update"] | None = None


class FileList(Value):
    """What is directly in `folder` ("" is the root) after event `seq`; with `deep`, all that is beneath.

    `complete` False: the base's files are not on this machine, so only changed ones are listed.
    """

    folder: str
    seq: int
    entries: tuple[FileEntry, ...]
    complete: bool = True
    clipped: bool = False


class FileText(Value):
    """Lines `start` to `end` of a file as it is after event `seq`. A binary file has no lines."""

    path: str
    seq: int
    size: int
    executable: bool = False
    binary: bool = False
    start: int = 1
    end: int = 0
    total: int = 0
    lines: tuple[str, ...] = ()
    clipped: bool = False
    changed: Literal["add", "update"] | None = None


class CitationView(Value):
    """A citation with the lines around its place; `first` is the number of the first of `lines`.

    `command` is that of a cited chunk.
    """

    citation: Citation
    first: int = 1
    lines: tuple[str, ...] = ()
    command: str | None = None
    exit_code: int | None = None


class Citations(Value):
    citations: tuple[CitationView, ...]


class Evidence(Value):
    """All that the harness itself saw: what may be believed of an attempt without believing the model."""

    verdict: Verdict
    sentences: tuple[str, ...] = ()
    checks: tuple[CheckView, ...] = ()
    warnings: tuple[str, ...] = ()
    citations: tuple[CitationView, ...] = ()
    refusals: tuple[Refused, ...] = ()
