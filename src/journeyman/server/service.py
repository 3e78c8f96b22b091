"""The service put together: the application, and the gate before it."""

from fastapi import FastAPI
from starlette.middleware import Middleware

from journeyman.core.people import Invitation
from journeyman.server.app import create_app
from journeyman.server.auth.gate import Gate, Rates, SignIn
from journeyman.server.auth.guard import Guard
from journeyman.server.auth.openid import OpenId
from journeyman.server.metrics import Metrics, serve_metrics
from journeyman.server.parts import Parts
from journeyman.server.routes import (
    about,
    demo,
    environments,
    forges,
    groups,
    models,
    overview,
    people,
    schedules,
    session,
    tokens,
    upkeep,
)
from journeyman.server.routes.people import join_link

ROUTERS = (
    about.router,
    session.router,
    people.router,
    groups.router,
    tokens.router,
    environments.router,
    forges.router,
    models.router,
    schedules.router,
    overview.router,
    demo.router,
    upkeep.router,
)
PUBLIC = (session.public,)

TAGS = [
    {"name": "people", "description": "Sign in and out; people, groups, invitations, tokens."},
    {"name": "environments", "description": "Write, build, try and reset the environments that tasks are worked in."},
    {
        "name": "forges",
        "description": "Set up GitHub, GitLab and others like them, for pull requests and private repositories.",
    },
    {"name": "schedules", "description": "Hand tasks out again and again."},
    {"name": "administration", "description": "Models, secrets, quotas, usage, the audit log, workers."},
]

FIRST_HOURS = 7 * 24.0
"""How long the link for the first administrator holds."""


def create_service(parts: Parts, sign_in: SignIn, rates: Rates | None = None) -> FastAPI:
    """The whole application of `parts`, where people come in as `sign_in` says."""
    app = create_app(parts, ROUTERS, PUBLIC)
    app.openapi_tags = [*(app.openapi_tags or ()), *TAGS]
    gate = Gate(parts.store, sign_in, parts.clock, rates)
    openid = sign_in.openid
    app.state.gate = gate
    app.state.openid = OpenId(openid, sign_in.openid_secret, parts.clock) if openid is not None else None
    serve_metrics(app, Metrics(parts, gate))
    # Innermost, so that what it turns away has the headers that all answers have.
    app.user_middleware.append(Middleware(Guard, gate=gate))
    return app


async def first_link(parts: Parts, address: str) -> str | None:
    """A further link by which the first administrator joins; using one ends all. None where there is one."""
    if await parts.store.people.has_administrator():
        return None
    wanted = Invitation(id="", role="admin", expires=parts.clock() + FIRST_HOURS * 3600)
    _, secret = await parts.store.access.invite(wanted)
    await parts.store.audit.note("invitation.created", "the first administrator")
    return join_link(address.rstrip("/"), secret)
