"""Forges: where repositories live, and the tokens with which this service goes there."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request

from journeyman.core.api.forges import Forges, ForgeToken, ForgeView, NewForge
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Administrator, Reader
from journeyman.server.errors import ApiError
from journeyman.server.examples_forges import FORGE

router = APIRouter(tags=["forges"], route_class=Route)

Name = Annotated[str, Path(min_length=1, max_length=300, description="The forge's name, such as `github.com`.")]


@router.get("/forges")
async def list_forges(request: Request, actor: Reader) -> Forges:
    """The forges that are set up, by name. No token is ever told."""
    raise ApiError(503, "unavailable", "Forges cannot be set up yet.")


@router.post("/forges", status_code=201, responses=problems(409))
async def add_forge(
    request: Request, actor: Administrator, wanted: Annotated[NewForge, Body(openapi_examples=FORGE)]
) -> ForgeView:
    """Set a forge up, once it says whose the token is."""
    raise ApiError(503, "unavailable", "Forges cannot be set up yet.")


@router.post("/forges/{name}/check", responses=problems(404))
async def check_forge(request: Request, actor: Administrator, name: Name) -> ForgeView:
    """Ask the forge anew whose its token is; `error` says what is wrong."""
    raise ApiError(503, "unavailable", "Forges cannot be set up yet.")


@router.put("/forges/{name}/token", responses=problems(404))
async def set_forge_token(request: Request, actor: Administrator, name: Name, wanted: ForgeToken) -> ForgeView:
    """Give a forge another token, once it says whose that is. The old one is forgotten."""
    raise ApiError(503, "unavailable", "Forges cannot be set up yet.")


@router.delete("/forges/{name}", status_code=204, responses=problems(404))
async def remove_forge(request: Request, actor: Administrator, name: Name) -> None:
    """Forget a forge and its token. Pull requests that were opened stay as they are there."""
    raise ApiError(503, "unavailable", "Forges cannot be set up yet.")
