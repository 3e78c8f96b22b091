"""Whether the service lives, and whether it can work: for load balancers and supervisors; nobody has to sign in."""

import asyncio

from fastapi import APIRouter, Request, Response

from journeyman.core.errors import JourneymanError
from journeyman.core.value import Value
from journeyman.server.answers import Route
from journeyman.server.parts import Check, parts_of

router = APIRouter(tags=["health"], route_class=Route)

PATIENCE = 5.0
"""Seconds that a part has to answer."""


class Health(Value):
    status: str


class Readiness(Value):
    """`parts` says of each what is wrong with it, in a sentence; empty where nothing is."""

    ready: bool
    parts: dict[str, str]


@router.get("/healthz")
async def healthz() -> Health:
    """The process runs and answers."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Readiness, "description": "A part does not work."}})
async def readyz(request: Request, response: Response) -> Readiness:
    """Every part that tasks need answers: the store, the engine."""
    checks = parts_of(request).checks
    said = await asyncio.gather(*(_ask(check) for check in checks.values()))
    ready = not any(said)
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, parts=dict(zip(checks, said, strict=True)))


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return await check() or ""
    except TimeoutError:
        return f"It did not answer within {PATIENCE:g} s."
    except JourneymanError as error:
        return str(error)
