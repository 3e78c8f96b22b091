"""Examples for the API's description of people and administration, made of its own values."""

from fastapi.openapi.models import Example

from journeyman.core.api.admin import (
    EnvironmentCreate,
    ModelAdd,
    QuotaWrite,
    ScheduleTask,
    ScheduleWrite,
    SecretWrite,
)
from journeyman.core.api.people import (
    Accept,
    InvitationCreate,
    PersonCreate,
    SignInRequest,
    TokenCreate,
)
from journeyman.core.api.tasks import TaskBudget
from journeyman.core.settings import ModelSettings
from journeyman.core.value import Value

_SECRET = "Zx2m1qa8zt0f3k9x2m1qa8zt0f3k9x2m1qa8zt0f3k9"
_SHOP = "https://git.example.com/shop.git"
_ENVIRONMENT = """\
checks = ["pytest -q"]

[setup]
script = "pip install -r requirements.txt"
network = { access = "allow-list", indexes = true }
"""


def _one(summary: str, value: Value) -> dict[str, Example]:
    return {"example": {"summary": summary, "value": value.model_dump(mode="json", exclude_defaults=True)}}


SIGN_IN = _one("By a password", SignInRequest(email="ada@example.com", password="a pass phrase of hers"))
ACCEPT = _one("Joining", Accept(secret=_SECRET, name="Ada", email="ada@example.com", password="a pass phrase of hers"))
INVITE = _one("For one address", InvitationCreate(email="bo@example.com", groups=("0f3j00aa11bb22",), hours=48))
PERSON = _one("Who comes by the provider", PersonCreate(name="Bo", email="bo@example.com", role="viewer"))
TOKEN = _one("For CI", TokenCreate(name="nightly build", scopes=("read", "write"), days=30))
QUOTA = _one(
    "So much a day and a month",
    QuotaWrite(day=TaskBudget(tokens=5_000_000), month=TaskBudget(cost=200.0), running=4, queued=50),
)
SECRET = _one("For one environment", SecretWrite(value="s3cr3t-of-the-registry", environment="shop"))
ENVIRONMENT = _one(
    "As the text of its file", EnvironmentCreate(name="shop", repository=_SHOP, text=_ENVIRONMENT, group="everybody")
)
MODEL = _one(
    "A server of one's own",
    ModelAdd(
        name="ours",
        settings=ModelSettings(
            wire="chat", base_url="https://models.example.com/v1", name="qwen3-coder", input_price=0.2, output_price=0.8
        ),
        key="a key of that server",
    ),
)
SCHEDULE = _one(
    "Every working day at seven",
    ScheduleWrite(
        name="dependencies",
        cron="0 7 * * 1-5",
        timezone="Europe/Berlin",
        task=ScheduleTask(prompt="Update the dependencies and make the tests pass.", environment="shop"),
        budget=TaskBudget(cost=2.0),
    ),
)
