"""From a forge that is set up to its client."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager

from journeyman.core.ids import Clock
from journeyman.forge.github import GitHub
from journeyman.forge.gitlab import GitLab
from journeyman.forge.places import Place
from journeyman.forge.pull_requests import PullRequests
from journeyman.forge.rest import Sleep


def connect(
    place: Place, token: str, *, clock: Clock = time.time, sleep: Sleep = asyncio.sleep
) -> AbstractAsyncContextManager[PullRequests]:
    """A forge with a token, for as long as the body runs."""
    kind = GitHub if place.kind == "github" else GitLab
    return kind(place, token, clock=clock, sleep=sleep)
