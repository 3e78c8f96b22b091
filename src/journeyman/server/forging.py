"""The forges that are set up: asked whose a token is, and found by the address of a repository."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from journeyman.attempt.credentials import place_of
from journeyman.core.api.forges import ForgeView, PullRequestTarget
from journeyman.core.ids import Clock
from journeyman.core.task import Base
from journeyman.forge.places import Place, repository_at
from journeyman.forge.plain_git import shown
from journeyman.forge.pull_requests import ForgeError, PullRequests
from journeyman.server.errors import ApiError
from journeyman.server.parts import Parts
from journeyman.store.forges import StoredForge
from journeyman.store.store import Store

PATIENCE = 10.0
"""Seconds that a page waits for what a forge says of a repository."""


@dataclass(frozen=True, slots=True)
class Offered:
    """Where a pull request can be opened."""

    forge: StoredForge
    target: PullRequestTarget


def view_of(forge: StoredForge) -> ForgeView:
    return ForgeView(
        name=forge.name,
        kind=forge.kind,
        address=forge.address,
        api=forge.api,
        account=forge.account,
        checked=forge.checked,
        error=forge.error,
    )


async def asked(place: Place, token: str, clock: Clock) -> StoredForge:
    """A forge that has said whose the token is. Raises `ForgeError` where it does not."""
    async with connected(place, token, clock) as client:
        account = await client.account()
    return StoredForge(place.name, place.kind, place.address, place.api, account, clock())


async def checked(store: Store, forge: StoredForge, clock: Clock) -> StoredForge:
    """A stored forge as it is now: with what is wrong, where something is. That is remembered."""
    try:
        found = await asked(place_of(forge), await token_of(store, forge), clock)
    except ForgeError as error:
        found = replace(forge, checked=clock(), error=str(error))
    await store.forges.told(found)
    return found


def connected(place: Place, token: str, clock: Clock) -> AbstractAsyncContextManager[PullRequests]:
    from journeyman.forge.connect import connect

    return connect(place, token, clock=clock)


async def token_of(store: Store, forge: StoredForge) -> str:
    token = await store.forges.token(forge.name)
    if token is None:
        raise ApiError(409, "conflict", f"The forge {forge.name} is not set up any more.")
    return token


async def offered(parts: Parts, remote: str, base: Base) -> tuple[Offered | None, str]:
    """Where a pull request for what was made from `base` can be opened, or why none can be."""
    for forge in await parts.store.forges.all():
        place = place_of(forge)
        repository = repository_at(place, remote)
        if repository is None:
            continue
        try:
            branch = await _base(parts, forge, repository, base)
        except ForgeError as error:
            return None, str(error)
        except TimeoutError:
            return None, f"{forge.name} did not answer within {PATIENCE:g} s. Try again later."
        target = PullRequestTarget(name=forge.name, kind=forge.kind, repository=repository, base=branch)
        return Offered(forge, target), ""
    return None, f"No forge is set up for {shown(remote)}. An administrator adds it in the settings."


async def _base(parts: Parts, forge: StoredForge, repository: str, base: Base) -> str:
    """The branch that the work began from, or the forge's default where it began from none of the repository's."""
    if base.remote is not None and base.branch is not None:
        return base.branch
    async with (
        asyncio.timeout(PATIENCE),
        connected(place_of(forge), await token_of(parts.store, forge), parts.clock) as client,
    ):
        return (await client.repository(repository)).default_branch
