"""What we ask of a forge beside git: who a token belongs to, and pull requests."""

from dataclasses import dataclass
from typing import Protocol

from journeyman.core.errors import RepositoryError
from journeyman.core.pull_request import PullRequestChecks, PullRequestState
from journeyman.forge.places import Place


class ForgeError(RepositoryError):
    """A forge did not do what it was asked for; the message says why, and what to do."""


class TokenRefused(ForgeError):
    """The forge does not accept the token: it is wrong, was revoked or has run out."""


class NotAllowed(ForgeError):
    """The token's permissions do not allow it, or its owner's do not."""


class NoSuchRepository(ForgeError):
    """The repository is not there, or the token may not see it."""


class Declined(ForgeError):
    """The forge understood, and will not: a rule of its own, or of the repository's, is against it."""


class AlreadyOpen(Declined):
    """There is an open pull request for this branch."""


class RateLimited(ForgeError):
    """Too many requests; `wait` is how many seconds to let pass."""

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class ForgeUnreachable(ForgeError):
    """Nobody answers at the forge's address, or not as a forge does."""


def refused_token(place: Place, said: str) -> TokenRefused:
    return TokenRefused(
        f"{place.name} does not accept the token ({said}). It may be wrong, revoked or out of date: make a new one "
        "there and give it to this service."
    )


def unseen(place: Place, repository: str) -> NoSuchRepository:
    return NoSuchRepository(
        f"{place.name} shows no repository {repository} to the token. Check the address, and that the token is for "
        "this repository."
    )


def archived(place: Place, repository: str) -> Declined:
    return Declined(f"The repository {repository} of {place.name} is archived: nothing can be changed there.")


@dataclass(frozen=True, slots=True)
class ForgeRepository:
    """A repository on a forge. `path` is "owner/name" as the forge writes it."""

    path: str
    default_branch: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pull request to be opened: take `branch` into `base`. `body` is Markdown."""

    branch: str
    base: str
    title: str
    body: str
    draft: bool = False


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as the forge tells it now. `head` is its newest commit."""

    number: int
    url: str
    title: str
    branch: str
    base: str
    state: PullRequestState
    head: str
    checks: PullRequestChecks = "none"


class PullRequests(Protocol):
    """A forge with somebody's token. `repository` is always the path of one. Every failure is a `ForgeError`."""

    @property
    def place(self) -> Place: ...

    async def account(self) -> str:
        """The login that the token belongs to."""
        ...

    async def repository(self, repository: str) -> ForgeRepository: ...

    async def find(self, repository: str, branch: str) -> PullRequest | None:
        """The open one for a branch of the repository itself, the newest of several; without its checks."""
        ...

    async def open(self, repository: str, proposal: Proposal) -> PullRequest:
        """Raises `AlreadyOpen` where one is open for this branch."""
        ...

    async def update(
        self, repository: str, number: int, *, title: str | None = None, body: str | None = None
    ) -> PullRequest:
        """Change what is given, leave the rest."""
        ...

    async def state(self, repository: str, number: int) -> PullRequest:
        """How it stands now, with the checks of its newest commit."""
        ...
