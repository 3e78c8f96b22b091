"""The branches of a repository, for whoever picks one to work on."""

import asyncio
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request

from journeyman.core.api.tasks import Branches
from journeyman.core.text import decode
from journeyman.repo.git_dir import find_git_dir
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Writer
from journeyman.server.errors import ApiError
from journeyman.server.parts import Parts, parts_of
from journeyman.server.reaching import git_of
from journeyman.server.visible import is_address, require_repository, require_seen

router = APIRouter(tags=["tasks"], route_class=Route)

PATIENCE = 60.0
"""Seconds that a repository elsewhere may take to answer."""
HEADS = b"refs/heads/"


@router.get("/branches", responses=problems(404))
async def list_branches(
    request: Request,
    actor: Writer,
    repository: Annotated[
        str | None, Query(min_length=1, max_length=1000, description="An address, or a folder of the server's machine.")
    ] = None,
    environment: Annotated[str | None, Query(min_length=1, max_length=64, description="Or that of this one.")] = None,
) -> Branches:
    """The branches of a repository as they are now, and the one that work starts from where none is named."""
    parts = parts_of(request)
    listed = False
    if environment is not None:
        stored = require_seen(actor, await parts.store.environments.get(environment), "environment", environment)
        listed = repository is None or repository == stored.repository
        repository = repository or stored.repository
    if repository is None:
        raise ApiError(422, "invalid", "Name a `repository`, or an `environment` that has one.")
    require_repository(actor, repository, listed=listed)
    if is_address(repository):
        return await elsewhere(parts, repository)
    return await asyncio.to_thread(_here, Path(repository))


async def elsewhere(parts: Parts, address: str) -> Branches:
    """The branches at an address that git knows."""
    try:
        async with asyncio.timeout(PATIENCE):
            mirror = await git_of(parts).fetch(address)
    except TimeoutError as error:
        raise ApiError(409, "conflict", f"{address} did not answer within {PATIENCE:g} s.") from error
    return Branches(branches=tuple(sorted(mirror.branches)), default=mirror.default_branch)


def _here(folder: Path) -> Branches:
    place = find_git_dir(folder)
    names = sorted(decode(name.removeprefix(HEADS)) for name in place.refs() if name.startswith(HEADS))
    head = place.head()[0]
    return Branches(branches=tuple(names), default=head.removeprefix("refs/heads/") if head else None)
