"""From a forge that is set up to its client, and to what git signs in with there."""

import asyncio
import base64
import time
from contextlib import AbstractAsyncContextManager

from journeyman.core.ids import Clock
from journeyman.forge.github import GitHub
from journeyman.forge.gitlab import GitLab
from journeyman.forge.places import Place
from journeyman.forge.protocol import Credential
from journeyman.forge.pull_requests import PullRequests
from journeyman.forge.rest import Sleep

USERS = {"github": "x-access-token", "gitlab": "oauth2"}
"""Whom git says it is: what counts is the token in place of the password."""


def connect(
    place: Place, token: str, *, clock: Clock = time.time, sleep: Sleep = asyncio.sleep
) -> AbstractAsyncContextManager[PullRequests]:
    """A forge with a token, for as long as the body runs."""
    kind = GitHub if place.kind == "github" else GitLab
    return kind(place, token, clock=clock, sleep=sleep)


def credential(place: Place, token: str) -> Credential:
    """What git signs in with at every repository of a forge."""
    word = base64.b64encode(f"{USERS[place.kind]}:{token}".encode()).decode()
    return Credential(place.address, f"Authorization: Basic {word}")
