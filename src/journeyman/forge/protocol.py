"""Where repositories live, and what we ask of such a place."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from journeyman.core.errors import RepositoryError


class NoSuchRemote(RepositoryError):
    """There is no repository at that address, or none that may be seen without signing in."""


class NotSignedIn(RepositoryError):
    """The remote does not accept the host's credentials, or there are none."""


class RemoteUnreachable(RepositoryError):
    """Nobody answers at the remote's address, or the connection broke."""


class PushRejected(RepositoryError):
    """The remote has commits on the branch that are not in ours, or a rule of its own against the push."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What git signs in with at every repository below `address` (http or https, without a slash at the end): a
    `header` of its requests, which is a secret."""

    address: str
    header: str = field(repr=False)


Credentials = Callable[[str], Awaitable[Credential | None]]
"""Finds what git signs in with at the address of a repository; None where that is the host's own business."""


async def no_credentials(remote: str) -> Credential | None:
    """Git signs in as the host's own configuration says."""
    del remote


@dataclass(frozen=True, slots=True)
class Author:
    """Who a commit is by."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Mirror:
    """Our copy of a remote: a bare git directory, its branches (name → commit), and the one that is the default."""

    git_dir: Path
    branches: Mapping[str, str]
    default_branch: str | None


@dataclass(frozen=True, slots=True)
class BranchPush:
    """A commit to be made from a tree and pushed as the tip of `branch`.

    `objects` are the object stores that hold the tree where the mirror does not. `expected` is the commit that the
    branch must be at on the remote, None when it must not exist there; a branch that has moved is never overwritten.
    """

    tree: str
    parents: Sequence[str]
    branch: str
    message: str
    author: Author
    objects: Sequence[Path] = field(default_factory=tuple[Path, ...])
    expected: str | None = None


class Forge(Protocol):
    """A place with repositories. A remote is named by its address, as git takes it."""

    @property
    def name(self) -> str: ...

    async def fetch(self, remote: str) -> Mirror:
        """Bring our copy of the remote up to date, or make it."""
        ...

    async def clone(self, remote: str, into: Path, *, ref: str | None = None) -> str:
        """Lay out a working tree of a branch, tag or commit (the default branch without one) in the new directory
        `into`, and return the commit."""
        ...

    async def push(self, remote: str, push: BranchPush) -> str:
        """Make the commit, push it, and return its id."""
        ...
