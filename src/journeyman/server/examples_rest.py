"""Examples for the API's description of all that is not an attempt's work, made of its own values."""

from collections.abc import Sequence

from journeyman.core.api.about import About, Demo
from journeyman.core.api.admin import (
    AuditLine,
    AuditPage,
    BuildCheck,
    BuildLog,
    BuildRequest,
    BuildView,
    EmbeddedModel,
    EnvironmentChecked,
    EnvironmentLine,
    EnvironmentList,
    EnvironmentView,
    EnvironmentWrite,
    ModelLine,
    ModelList,
    ModelTest,
    QuotaList,
    ResetOutcome,
    ScheduleList,
    ScheduleTask,
    ScheduleView,
    ScheduleWrite,
    SecretLine,
    SecretList,
    SelfTest,
    Standings,
    UsageLine,
    UsageReport,
    WorkerLine,
    WorkerList,
)
from journeyman.core.api.people import (
    GroupList,
    GroupNamed,
    GroupView,
    InvitationList,
    InvitationMade,
    InvitationSecret,
    InvitationView,
    Me,
    PasswordChange,
    PersonList,
    PersonUpdate,
    SessionsEnded,
    SignInWays,
    TokenList,
    TokenMade,
)
from journeyman.core.api.tasks import (
    Applied,
    Approve,
    AttemptColumn,
    AttemptUsage,
    Branches,
    Bulk,
    BulkFailure,
    BulkOutcome,
    Choose,
    Fork,
    Interrupt,
    Matrix,
    MatrixRow,
    Publish,
    Rewind,
    Seen,
    Steer,
    TaskBudget,
    TaskCounts,
    TaskUpdate,
    TaskUsage,
    Upload,
)
from journeyman.core.api.upkeep import Keep, LeavingTask, Retention, RoomMade, RoomWanted
from journeyman.core.environment import BypassProbe, Environment, NetworkPolicy, Script
from journeyman.core.model import Profile
from journeyman.core.people import Invitation, Person, Quota, Schedule, Token
from journeyman.core.quota import Standing, Used
from journeyman.core.task import Budget, TurnRequest
from journeyman.core.value import Value
from journeyman.server.examples_work import ATTEMPT, BEGAN, TASK, TEST, TREE, USED

_ADA = Person(
    id="0f3j00aa11bb22",
    name="Ada",
    email="ada@example.com",
    role="admin",
    created=1_780_000_000.0,
    groups=("0f3j00cc33dd44",),
)
_GROUP = GroupView(id="0f3j00cc33dd44", name="shop", members=(_ADA.id,))
_INVITED = Invitation(id="5dfa4d53f8513a36", email="bo@example.com", created=1_789_000_000.0, expires=1_789_259_200.0)
_SHOP = "https://git.example.com/shop.git"
_SECRET = "Zx2m1qa8zt0f3k9x2m1qa8zt0f3k9x2m1qa8zt0f3k9"
_TOKEN = Token(
    id="0f3m11ee55ff66",
    person=_ADA.id,
    name="nightly build",
    scopes=("read", "write"),
    created=1_789_000_000.0,
    expires=1_791_592_000.0,
)
_FILE = """\
checks = ["pytest -q"]

[setup]
script = "pip install -r requirements.txt"
network = { access = "allow-list", indexes = true }
"""


def rest_values() -> Sequence[Value]:
    """One of each."""
    return (*_tasks(), *_people(), *_environments(), *_schedules(), *_administration(), *_upkeep())


def _tasks() -> Sequence[Value]:
    other = ATTEMPT.model_copy(update={"id": f"{TASK}.1.1", "name": "1.1", "number": 1, "chosen": False})
    columns = (AttemptColumn(attempt=other, rank=2), AttemptColumn(attempt=ATTEMPT, files=("shop/total.py",), rank=1))
    rows = (MatrixRow(check="pytest -q", test=TEST, base="failed", attempts={"1.1": "failed", "1.2": "passed"}),)
    why = "Attempt 2 of 2: every check passes on its result, with the smallest change (+3 −1)."
    used = AttemptUsage(attempt=ATTEMPT.id, name="1.2", model="gpt-5-codex", steps=9, seconds=240.3, usage=USED)
    return (
        ATTEMPT,
        Matrix(turn=1, columns=columns, rows=rows, chosen=ATTEMPT.id, best=ATTEMPT.id, why=why),
        TaskUsage(total=USED, budget=Budget(cost=2.0), attempts=(used,)),
        TaskCounts(queued=1, running=3, done=112, failed=4, archived=900, unread=6),
        TaskUpdate(title="An empty list of prices adds up to 0", priority=2),
        Seen(seq=212),
        Steer(text="Leave the public names as they are."),
        Interrupt(attempt="1"),
        Approve(budget=TaskBudget(cost=4.0)),
        Choose(attempt="2"),
        Applied(attempt="2"),
        Publish(branch="total-of-nothing"),
        Fork(step=12, prompt="Round half up instead."),
        Rewind(step=7),
        Bulk(act="archive", ids=(TASK, "0f3k9x2m1qa8zu")),
        BulkOutcome(
            done=(TASK,),
            failed=(BulkFailure(id="0f3k9x2m1qa8zu", message="There is no such task, or it is not yours to see."),),
        ),
        Upload(id="5dfa4d53" * 8, kind="image", media_type="image/png", size=20_480),
        Branches(branches=("main", "release"), default="main"),
        About(version="0.1.0", machine="25f4c51a9158679e"),
        Demo(repository="/var/lib/journeyman/demo/shop", prompt="Adding up an empty list should give 0."),
    )


def _people() -> Sequence[Value]:
    return (
        _ADA,
        PersonList(people=(_ADA,)),
        PersonUpdate(role="member", groups=(_GROUP.id,)),
        _GROUP,
        GroupList(groups=(GroupView(id="everybody", name="everybody", builtin=True), _GROUP)),
        GroupNamed(name="shop"),
        InvitationList(invitations=(_INVITED,)),
        InvitationMade(invitation=_INVITED, link=f"https://journeyman.example.com/join#{_SECRET}"),
        InvitationSecret(secret=_SECRET),
        InvitationView(role="member", email="bo@example.com", expires=_INVITED.expires),
        Me(
            person=_ADA,
            role="admin",
            scopes=("read", "write", "admin"),
            groups=("everybody", _GROUP.id),
            way="session",
            csrf="5dfa4d53" * 8,
            has_password=True,
        ),
        PasswordChange(current="a pass phrase of hers", password="another pass phrase of hers"),
        SessionsEnded(ended=2),
        SignInWays(open=False, passwords=True, openid="Example"),
        TokenList(tokens=(_TOKEN,)),
        TokenMade(token=_TOKEN, secret=f"jm_{_SECRET}"),
    )


def _environments() -> Sequence[Value]:
    policy = NetworkPolicy(access="allow-list", indexes=True)
    setup = Script(script="pip install -r requirements.txt", network=policy)
    environment = Environment(name="shop", setup=setup, checks=("pytest -q",))
    build = BuildView(
        id="0f3n22aa77bb88",
        key="8f2d",
        tree=TREE,
        created=BEGAN,
        used=BEGAN + 600,
        seconds=21.4,
        size=48_234_496,
        stale=False,
        checks=(BuildCheck(command="pytest -q", exit_code=1, failing=(TEST,)),),
    )
    line = EnvironmentLine(name="shop", repository=_SHOP, owner=_ADA.id, changed=BEGAN, state="ready")
    probes = (BypassProbe(name="direct TCP", held=True, said="Network is unreachable"),)
    return (
        EnvironmentList(environments=(line,)),
        EnvironmentView(
            name="shop",
            environment=environment,
            text=_FILE,
            repository=_SHOP,
            owner=_ADA.id,
            changed=BEGAN,
            state="ready",
            builds=(build,),
            acts=("edit", "build", "reset", "delete"),
        ),
        EnvironmentWrite(text=_FILE, repository=_SHOP),
        EnvironmentChecked(environment=environment),
        BuildRequest(fresh=True, ref="main"),
        BuildLog(state="building", lines=("setting up the environment shop",), next=1, began=BEGAN),
        ResetOutcome(dropped=1, kept=0),
        SelfTest(held=True, probes=probes),
    )


def _schedules() -> Sequence[Value]:
    prompt = "Update the dependencies and make the tests pass."
    made = Schedule(
        id="0f3p33cc99dd00",
        name="dependencies",
        cron="0 7 * * 1-5",
        timezone="Europe/Berlin",
        request=TurnRequest(prompt=prompt, repository=_SHOP, environment="shop"),
        owner=_ADA.id,
        created=BEGAN,
    )
    view = ScheduleView(schedule=made, next=(1_790_060_400.0, 1_790_146_800.0))
    task = ScheduleTask(prompt=prompt, environment="shop")
    return (
        view,
        ScheduleList(schedules=(view,)),
        ScheduleWrite(name="dependencies", cron="0 7 * * 1-5", timezone="Europe/Berlin", task=task, enabled=False),
    )


def _administration() -> Sequence[Value]:
    model = ModelLine(
        name="shared:ours",
        source="added",
        wire="chat",
        model="qwen3-coder",
        profile=Profile(name="shared:ours", window=128_000),
        input_price=0.2,
        output_price=0.8,
    )
    quota = Quota(of="everybody", day=Budget(tokens=5_000_000), month=Budget(cost=200.0), running=4, queued=50)
    standing = Standing(quota=quota, whose="You have", day=Used(tokens=48_210, cost=0.03), running=1)
    used = UsageLine(day="2026-09-21", attempts=2, tokens=100_228, cost=0.062, seconds=480.6)
    act = AuditLine(
        id=41, at=BEGAN, person=_ADA.id, act="token.created", target=_TOKEN.id, address="192.0.2.7", person_name="Ada"
    )
    worker = WorkerLine(
        worker="build-1-4711-a1b2c3",
        machine="25f4c51a9158679e",
        host="build-1",
        version="0.1.0",
        backends=("bubblewrap",),
        embedded=True,
        cores=8,
        memory_bytes=34_359_738_368,
        slots=256,
        models=("box", "local"),
        running=3,
        seen=BEGAN,
        alive=True,
    )
    return (
        model,
        ModelList(models=(model,), default="local"),
        EmbeddedModel(state="fetching", text="Part 3 of 22", done=152_000_000, total=1_117_320_768, size=1_117_320_768),
        ModelTest(ok=True, seconds=0.8, text="4", tokens=21, cost=0.00001),
        SecretList(secrets=(SecretLine(name="NPM_TOKEN", environment="shop", changed=BEGAN),)),
        quota,
        QuotaList(quotas=(quota,)),
        Standings(standings=(standing,)),
        UsageReport(since="2026-08-22", until="2026-09-22", lines=(used,), total=used.model_copy(update={"day": None})),
        AuditPage(entries=(act,), cursor=41),
        WorkerList(workers=(worker,)),
    )


def _upkeep() -> Sequence[Value]:
    keep = Keep(tasks_days=365, outputs_days=90, workspaces_days=7)
    gone = LeavingTask(id=TASK, title="Adding up an empty list of prices should give 0", updated=BEGAN, what="outputs")
    return (
        Retention(keep=keep, blob_bytes=1_073_741_824),
        RoomWanted(dry_run=True, keep=keep),
        RoomMade(
            dry_run=True,
            tasks=(gone,),
            task_count=1,
            workspaces=3,
            blobs=40,
            bytes=52_428_800,
            left_bytes=1_021_313_024,
        ),
    )
