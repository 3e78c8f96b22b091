"""Examples for the API's description of forges and pull requests, made of its own values."""

from collections.abc import Sequence

from fastapi.openapi.models import Example

from journeyman.core.api.forges import Forges, ForgeToken, ForgeView, NewForge, OpenPullRequest, PullRequestTarget
from journeyman.core.api.tasks import PublishedBranch, Publishing
from journeyman.core.pull_request import PullRequestView
from journeyman.core.value import Value

_BRANCH = "journeyman/total-of-nothing-a8zt"
_TITLE = "An empty list of prices adds up to 0"
_FORGE = ForgeView(
    name="github.com",
    kind="github",
    address="https://github.com",
    api="https://api.github.com",
    account="shop-bot",
    checked=1_790_000_000.0,
)
PULL_REQUEST = PullRequestView(
    forge="github.com",
    kind="github",
    repository="example/shop",
    number=42,
    url="https://github.com/example/shop/pull/42",
    title=_TITLE,
    branch=_BRANCH,
    base="main",
    state="open",
    checks="passed",
    at=1_790_000_300.0,
)
_NEW = NewForge(kind="gitlab", address="https://gitlab.example.com", token="glpat-xxxxxxxxxxxxxxxxxxxx")
FORGE: dict[str, Example] = {
    "example": {"summary": "A GitLab of one's own", "value": _NEW.model_dump(mode="json", exclude_defaults=True)}
}


def forge_values() -> Sequence[Value]:
    """One of each."""
    return (
        _FORGE,
        Forges(forges=(_FORGE,)),
        _NEW,
        ForgeToken(token="github_pat_xxxxxxxxxxxxxxxxxxxx"),
        OpenPullRequest(title=_TITLE, draft=True),
        Publishing(
            remote="https://github.com/example/shop.git",
            branch=_BRANCH,
            message=f"{_TITLE}\n\nJourneyman-Task: 0f3k9x2m1qa8zt\n",
            title=_TITLE,
            body="`sum` starts from 0.\n\n**Checks**: 1 test fixed, none broken.\n",
            forge=PullRequestTarget(name="github.com", kind="github", repository="example/shop", base="main"),
            pull_request=PULL_REQUEST,
            published=(
                PublishedBranch(
                    attempt="1.2",
                    remote="https://github.com/example/shop.git",
                    branch=_BRANCH,
                    commit="3f786850e387550fdab836ed7e6dc881de23001b",
                    at=1_790_000_299.0,
                ),
            ),
        ),
    )
