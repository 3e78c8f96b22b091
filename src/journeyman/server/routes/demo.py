"""The example that a newcomer's first task works on."""

from fastapi import APIRouter, Request

from journeyman.core.api.about import Demo
from journeyman.server.answers import Route
from journeyman.server.auth.actor import Administrator
from journeyman.server.demo import PROMPT, lay_out
from journeyman.server.parts import parts_of

router = APIRouter(tags=["tasks"], route_class=Route)


@router.post("/demo")
async def make_demo(request: Request, _: Administrator) -> Demo:
    """Lay out a small repository with a bug, on the server's machine, and say what to ask for: a first task."""
    folder = await lay_out(parts_of(request).state)
    return Demo(repository=str(folder), prompt=PROMPT)
