"""The HTTP application."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from journeyman import __version__
from journeyman.server.answers import COMMON, handle_errors
from journeyman.server.auth.actor import identified
from journeyman.server.bodies import Bounds
from journeyman.server.counted import Turnstiles
from journeyman.server.described import describe, serve_description
from journeyman.server.headers import SafeHeaders
from journeyman.server.parts import Parts
from journeyman.server.routes import branches, health, live, publish, tasks, transfer, turns, uploads, work
from journeyman.server.static import serve_web_app
from journeyman.server.streams import Streams
from journeyman.server.tallies import Tallies
from journeyman.server.uploads import PATCH

PREFIX = "/api/v1"
BODY = 4 * 1024 * 1024
"""Bytes that the body of a request may have, where its route does not say otherwise."""

IMPORT = 2 * 1024**3

DESCRIPTION = """\
Hand out tasks to Journeyman, watch them, judge their results and take them over.

Times are seconds since the epoch (UTC), money is US dollars. Lists come in pages: `cursor` of one answer asks for the
next. Whatever goes wrong is answered as `{"error": {"code", "message", "details"}}`, where `code` is a word that
stays and `message` a sentence for people. What a model or a repository wrote comes as JSON or plain text, and is to be
shown as text.
"""

TAGS = [
    {"name": "tasks", "description": "Hand out tasks, find them again, and say what becomes of them."},
    {"name": "turns", "description": "Speak to a task: follow up, steer, interrupt, approve."},
    {"name": "attempts", "description": "The tries at a turn: compare them and choose one."},
    {"name": "work", "description": "What an attempt did: steps, terminal, checks, changes, files, times."},
    {"name": "live", "description": "Server-sent events, resumed from any place without losing or doubling."},
    {"name": "health", "description": "Whether the service lives and can work."},
]


def create_app(parts: Parts, routers: Sequence[APIRouter] = (), public: Sequence[APIRouter] = ()) -> FastAPI:
    """The application of `parts`, with further `routers` below the API's prefix; nobody has to sign in for `public`.

    Whoever puts it together sets `app.state.gate`, which says who asks.
    """
    app = FastAPI(
        title="Journeyman",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=None,  # told below
        openapi_tags=TAGS,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        telemetry={"auto_configure": False},
    )
    app.state.parts = parts
    app.state.streams = Streams(parts)
    app.state.tallies = Tallies(parts)
    app.state.turnstiles = Turnstiles()
    app.add_middleware(Bounds, most=BODY, others={f"{PREFIX}/uploads": PATCH, f"{PREFIX}/tasks/import": IMPORT})
    app.add_middleware(SafeHeaders)
    handle_errors(app)
    app.include_router(health.router)
    for router in (*_own(), *routers):
        app.include_router(router, prefix=PREFIX, responses=COMMON, dependencies=[Depends(identified)])
    for router in public:
        app.include_router(router, prefix=PREFIX, responses=COMMON)
    describe(app)
    serve_description(app, f"{PREFIX}/openapi.json")
    serve_web_app(app, parts.static)
    return app


def _own() -> Sequence[APIRouter]:
    return (
        live.router,
        transfer.router,
        tasks.router,
        turns.router,
        work.router,
        uploads.router,
        branches.router,
        publish.router,
    )


def _operation_id(route: APIRoute) -> str:
    """The name of the route's function: what it does, and unique."""
    return route.name
