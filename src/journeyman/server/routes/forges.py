"""Forges: where repositories live, and the tokens with which this service goes there."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request

from journeyman.attempt.credentials import place_of
from journeyman.core.api.forges import Forges, ForgeToken, ForgeView, NewForge
from journeyman.core.errors import UsageError
from journeyman.forge.places import Place, place
from journeyman.forge.pull_requests import ForgeError
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Administrator, Reader
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError, not_found
from journeyman.server.examples_forges import FORGE
from journeyman.server.forging import asked, checked, view_of
from journeyman.server.parts import Parts, parts_of
from journeyman.store.forges import StoredForge

router = APIRouter(tags=["forges"], route_class=Route)

Name = Annotated[str, Path(min_length=1, max_length=300, description="The forge's name, such as `github.com`.")]


@router.get("/forges")
async def list_forges(request: Request, actor: Reader) -> Forges:
    """The forges that are set up, by name. No token is ever told."""
    del actor
    return Forges(forges=tuple(view_of(forge) for forge in await parts_of(request).store.forges.all()))


@router.post("/forges", status_code=201, responses=problems(409))
async def add_forge(
    request: Request, actor: Administrator, wanted: Annotated[NewForge, Body(openapi_examples=FORGE)]
) -> ForgeView:
    """Set a forge up, once it says whose the token is."""
    parts = parts_of(request)
    try:
        there = place(wanted.kind, wanted.address, wanted.api)
    except UsageError as error:
        raise ApiError(422, "invalid", str(error), [{"field": "address"}]) from error
    if await parts.store.forges.get(there.name) is not None:
        raise _taken(there.name)
    forge = await _asked(parts, there, wanted.token)
    if not await parts.store.forges.put(forge, wanted.token, new=True):
        raise _taken(there.name)
    await note(request, actor, "forge.added", forge.name, f"{forge.kind} {forge.api} as {forge.account}")
    return view_of(forge)


@router.post("/forges/{name}/check", responses=problems(404))
async def check_forge(request: Request, actor: Administrator, name: Name) -> ForgeView:
    """Ask the forge anew whose its token is; `error` says what is wrong."""
    parts = parts_of(request)
    forge = await checked(parts.store, await _found(parts, name), parts.clock)
    await note(request, actor, "forge.checked", name, forge.error or f"as {forge.account}")
    return view_of(forge)


@router.put("/forges/{name}/token", responses=problems(404))
async def set_forge_token(request: Request, actor: Administrator, name: Name, wanted: ForgeToken) -> ForgeView:
    """Give a forge another token, once it says whose that is. The old one is forgotten."""
    parts = parts_of(request)
    forge = await _asked(parts, place_of(await _found(parts, name)), wanted.token)
    await parts.store.forges.put(forge, wanted.token)
    await note(request, actor, "forge.token", name, f"as {forge.account}")
    return view_of(forge)


@router.delete("/forges/{name}", status_code=204, responses=problems(404))
async def remove_forge(request: Request, actor: Administrator, name: Name) -> None:
    """Forget a forge and its token. Pull requests that were opened stay as they are there."""
    if not await parts_of(request).store.forges.remove(name):
        raise not_found("forge", name)
    await note(request, actor, "forge.removed", name)


async def _found(parts: Parts, name: str) -> StoredForge:
    forge = await parts.store.forges.get(name)
    if forge is None:
        raise not_found("forge", name)
    return forge


async def _asked(parts: Parts, there: Place, token: str) -> StoredForge:
    try:
        return await asked(there, token, parts.clock)
    except ForgeError as error:
        raise ApiError(422, "invalid", str(error), [{"field": "token"}]) from error


def _taken(name: str) -> ApiError:
    return ApiError(409, "conflict", f"There is a forge {name} already; give it another token, or remove it first.")
