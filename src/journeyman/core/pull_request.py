"""Pull requests (GitLab: merge requests) as the log and the API tell them."""

from typing import Literal

from journeyman.core.value import Value

ForgeKind = Literal["github", "gitlab"]
PullRequestState = Literal["draft", "open", "merged", "closed"]
PullRequestChecks = Literal["none", "running", "passed", "failed"]
"""What the forge's own checks say of the newest commit, all together."""

WORDS: dict[ForgeKind, str] = {"github": "pull request", "gitlab": "merge request"}
"""What each kind of forge calls it."""


class PullRequestView(Value):
    """A pull request as the forge told it at `at` (seconds since the epoch). `forge` is the name that the forge has
    here, `repository` its path there ("owner/name"), `number` what it is called by within that."""

    forge: str
    kind: ForgeKind
    repository: str
    number: int
    url: str
    title: str
    branch: str
    base: str
    state: PullRequestState
    checks: PullRequestChecks = "none"
    at: float

    @property
    def pending(self) -> bool:
        """Whether something may still become of it."""
        return self.state in ("draft", "open")
