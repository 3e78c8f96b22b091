"""What a server says about itself to whoever is signed in."""

from fastapi import APIRouter, Request

from journeyman import __version__
from journeyman.core.api.about import About
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Reader
from journeyman.server.parts import parts_of

router = APIRouter(tags=["health"], route_class=Route)


@router.get("/about", responses=problems(401))
async def about(_actor: Reader, request: Request) -> About:
    """The server's version, and which machine it is on: tasks may work on folders of that one."""
    return About(version=__version__, machine=parts_of(request).machine)
