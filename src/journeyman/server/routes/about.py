"""What a server says about itself to whoever is signed in."""

from fastapi import APIRouter

from journeyman import __version__
from journeyman.core.api.about import About
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Reader


def about_router(machine: str) -> APIRouter:
    """`machine` is the id of the machine that the server runs on."""
    router = APIRouter(tags=["health"], route_class=Route)

    @router.get("/about", responses=problems(401))
    async def about(_actor: Reader) -> About:
        """The server's version, and which machine it is on: tasks may work on folders of that one."""
        return About(version=__version__, machine=machine)

    return router
