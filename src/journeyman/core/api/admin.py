"""Administration on the wire: environments, secrets, models, schedules, quotas, usage, the audit log, workers."""

from typing import Annotated, Literal

from pydantic import Field

from journeyman.core.api.people import Id
from journeyman.core.api.tasks import TaskBudget, TurnLimits
from journeyman.core.environment import BypassProbe, Environment, Refusal
from journeyman.core.model import Profile, Strategy
from journeyman.core.people import AuditEntry, Offer, Quota, Schedule
from journeyman.core.quota import Standing
from journeyman.core.settings import ModelSettings
from journeyman.core.task import Mode
from journeyman.core.value import Value

EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Text = Annotated[str, Field(max_length=256 * 1024)]


# ---------------------------------------------------------------- environments


class BuildCheck(Value):
    """A check as it came out on the base, when the environment was set up. `failing` are names of tests."""

    command: str
    exit_code: int | None
    cut: str | None = None
    failing: tuple[str, ...] = ()


class BuildView(Value):
    """Layers that are ready. `parents` are the builds below it; `stale`: older than `cache_hours`; `dropped` are
    tracked files that set-up changed and that were put back; `probes` is the self-test of the network."""

    id: str
    key: str
    tree: str
    created: float
    used: float
    seconds: float
    size: int
    stale: bool
    parents: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    checks: tuple[BuildCheck, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    probes: tuple[BypassProbe, ...] = ()


class FailureView(Value):
    """A set-up that failed: the command, how it ended, a likely cause, and the end of what it said."""

    at: float
    command: str
    ended: str
    cause: str = ""
    tail: str = ""


EnvironmentState = Literal["building", "ready", "stale", "failed", "new", "elsewhere"]
"""new: nothing was built yet, or there is nothing to build. elsewhere: it is built by workers on other machines."""


class EnvironmentLine(Value):
    name: str
    repository: str | None
    owner: str | None = None
    group: str | None = None
    changed: float
    state: EnvironmentState
    summary: str = ""


class EnvironmentList(Value):
    environments: tuple[EnvironmentLine, ...]


class EnvironmentView(Value):
    """An environment in full. `text` is its file, with its comments; `acts` what this person may do with it."""

    name: str
    environment: Environment
    text: str
    repository: str | None
    owner: str | None = None
    group: str | None = None
    changed: float
    state: EnvironmentState
    builds: tuple[BuildView, ...] = ()
    failure: FailureView | None = None
    missing_secrets: tuple[str, ...] = ()
    acts: tuple[Literal["edit", "build", "reset", "delete"], ...] = ()


class EnvironmentWrite(Value):
    """An environment as a value, or as the text of an `environment.toml`, which keeps its comments.

    `repository` is an address that git can clone; folders of the server's machine, the network's private hosts and
    secrets are for administrators to give.
    """

    environment: Environment | None = None
    text: Text | None = None
    repository: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    group: Id | None = None


class EnvironmentCreate(EnvironmentWrite):
    name: EnvironmentName


class BuildRequest(Value):
    """`fresh` builds anew what is ready. `ref` None is the default branch, of a folder its working tree."""

    fresh: bool = False
    ref: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class BuildLog(Value):
    """Lines of the last or running set-up, from number `start` (from 0). `next` asks for those after them.

    `error` says why it failed.
    """

    state: Literal["none", "building", "ready", "failed"]
    start: int = 0
    lines: tuple[str, ...] = ()
    next: int = 0
    began: float | None = None
    ended: float | None = None
    error: str | None = None


class ResetOutcome(Value):
    """`kept` are in use."""

    dropped: int
    kept: int


class SelfTest(Value):
    """Every way around the network's proxy that was tried, and whether it was held."""

    held: bool
    probes: tuple[BypassProbe, ...]


class EnvironmentChecked(Value):
    """`error` names the key that is wrong; None where the text is an environment."""

    environment: Environment | None = None
    error: str | None = None


# ---------------------------------------------------------------- secrets


class SecretLine(Value):
    """A secret without its value. `environment` None: it is for all."""

    name: str
    environment: str | None = None
    changed: float


class SecretList(Value):
    secrets: tuple[SecretLine, ...]


class SecretWrite(Value):
    """The value is never told again."""

    value: Annotated[str, Field(min_length=1, max_length=32 * 1024)]
    environment: EnvironmentName | None = None


# ---------------------------------------------------------------- models


class ModelLine(Value):
    """A model that tasks can be given. Prices are US dollars per million tokens, None where they are not known.

    `source` is where it is set up; `problem` says why it cannot be used here.
    """

    name: str
    source: Literal["settings", "added", "embedded", "key"]
    wire: str
    model: str
    default: bool = False
    profile: Profile
    input_price: float | None = None
    cached_input_price: float | None = None
    output_price: float | None = None
    problem: str | None = None


class EmbeddedModel(Value):
    """The file of the embedded model on the service's machine, `size` bytes. While it is fetched, `text` says what
    happens and `done` of `total` how far that is (0 where it is not known); `error` says why the last try failed."""

    state: Literal["missing", "fetching", "ready"]
    text: str = ""
    done: int = 0
    total: int = 0
    size: int
    error: str = ""


class ModelList(Value):
    models: tuple[ModelLine, ...]
    default: str


class ModelAdd(Value):
    """`settings` are those of a `[models.NAME]` table. `key` is stored as a secret; without it `api_key_env` names one
    that is stored for all."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    settings: ModelSettings
    key: Annotated[str, Field(min_length=4, max_length=4096)] | None = None


class ModelTest(Value):
    """What came of a short question to a model. `error` says what went wrong and what to do."""

    ok: bool
    seconds: float
    text: str = ""
    tokens: int = 0
    cost: float | None = None
    error: str | None = None


# ---------------------------------------------------------------- schedules


class ScheduleTask(Value):
    """What each run of a schedule hands out, as a new task does."""

    prompt: Annotated[str, Field(min_length=1, max_length=400_000)]
    mode: Mode = "code"
    repository: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    environment: EnvironmentName | None = None
    ref: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    strategy: Strategy | None = None
    attempts: int = Field(default=1, ge=1, le=8)
    limits: TurnLimits = TurnLimits()
    checks: tuple[Annotated[str, Field(min_length=1, max_length=1000)], ...] = Field(default=(), max_length=50)


class ScheduleWrite(Value):
    """`cron` has five fields: minute, hour, day of the month, month, day of the week; one of the two days is `*`."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    cron: Annotated[str, Field(min_length=9, max_length=200)]
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    task: ScheduleTask
    budget: TaskBudget = TaskBudget()
    priority: int = Field(default=3, ge=1, le=5)
    group: Id | None = None
    enabled: bool = True


class ScheduleView(Value):
    """`next` are the times of its next runs, seconds since the epoch; none where it is not enabled."""

    schedule: Schedule
    next: tuple[float, ...] = ()


class ScheduleList(Value):
    schedules: tuple[ScheduleView, ...]


# ---------------------------------------------------------------- quotas, usage, audit, workers


class QuotaWrite(Value):
    """What a person or group may use; what is left out has no bound."""

    day: TaskBudget = TaskBudget()
    month: TaskBudget = TaskBudget()
    running: int | None = Field(default=None, ge=0, le=10**6)
    queued: int | None = Field(default=None, ge=0, le=10**6)


class QuotaList(Value):
    quotas: tuple[Quota, ...]


class Standings(Value):
    """The quotas that one's own tasks fall under, and what is used of them."""

    standings: tuple[Standing, ...]


class UsageLine(Value):
    """What was used. `day` is YYYY-MM-DD in UTC; a key that was not asked for is None. Money is US dollars."""

    day: str | None = None
    person: str | None = None
    person_name: str | None = None
    group: str | None = None
    model: str | None = None
    outcome: str | None = None
    attempts: int
    tokens: int
    cost: float
    seconds: float


class UsageReport(Value):
    """From `since` to before `until`. `total` is that of all lines."""

    since: str
    until: str
    lines: tuple[UsageLine, ...]
    total: UsageLine


class AuditLine(AuditEntry):
    person_name: str | None = None


class AuditPage(Value):
    """The newest first. `cursor` is the `before` of the next page, None at the end."""

    entries: tuple[AuditLine, ...]
    cursor: int | None = None


class WorkerLine(Offer):
    """A worker and what it offers. `alive`: it was heard of lately."""

    alive: bool


class WorkerList(Value):
    workers: tuple[WorkerLine, ...]
