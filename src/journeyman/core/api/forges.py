"""Forges on the wire: where repositories live, and what becomes a pull request there."""

from typing import Annotated

from pydantic import Field

from journeyman.core.pull_request import ForgeKind
from journeyman.core.value import Value

ADDRESS = r"^https?://[^\x00-\x20\x7f/?#@\\]+(?:/[^\x00-\x20\x7f?#@\\]*)?$"
"""A web address without a name, a password, a query or a fragment."""

TokenText = Annotated[str, Field(min_length=8, max_length=4096, pattern=r"^[\x21-\x7e]+$", repr=False)]
"""An access token, as its forge wrote it."""


class ForgeView(Value):
    """A forge that is set up. `address` is what people open in a browser, `api` the address of its API, `account` the
    login that its token belongs to; `checked` is when the forge was last asked, and `error` what was wrong then."""

    name: str
    kind: ForgeKind
    address: str
    api: str
    account: str
    checked: float | None = None
    error: str = ""


class Forges(Value):
    forges: tuple[ForgeView, ...]


class NewForge(Value):
    """A forge to set up. Without `api` it is the usual one of the address. The token is stored encrypted, and never
    told again."""

    kind: ForgeKind
    address: str = Field(min_length=9, max_length=300, pattern=ADDRESS)
    api: str | None = Field(default=None, min_length=9, max_length=300, pattern=ADDRESS)
    token: TokenText


class ForgeToken(Value):
    token: TokenText


class PullRequestTarget(Value):
    """Where a pull request can be opened: `repository` ("owner/name") of the forge `name`; `base` is the branch that it
    is for where none is named."""

    name: str
    kind: ForgeKind
    repository: str
    base: str


class OpenPullRequest(Value):
    """Push the result of `attempt` (the chosen one without it) as `branch`, and ask for it to be taken into `base`.

    What is left out is as `GET …/publish` tells. Where a pull request for that branch is open already, it is brought up
    to date: its title and text only where they are given.
    """

    attempt: str | None = Field(default=None, max_length=80)
    branch: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f]+$")
    base: str | None = Field(default=None, min_length=1, max_length=200, pattern=r"^[^\x00-\x20\x7f]+$")
    title: str | None = Field(
        default=None, min_length=1, max_length=250, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f]$"
    )
    body: str | None = Field(default=None, max_length=60_000)
    draft: bool = False
