"""Signing in and out, by a password, an invitation, or an OpenID Connect provider."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import RedirectResponse

from journeyman.core.api.people import (
    Accept,
    InvitationSecret,
    InvitationView,
    Me,
    PasswordChange,
    SessionsEnded,
    SignInRequest,
    SignInWays,
)
from journeyman.core.ids import new_id
from journeyman.core.people import Invitation, Person
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Actor, Signed
from journeyman.server.auth.gate import Gate, address_of, csrf_of, slow_down
from journeyman.server.auth.limits import network
from journeyman.server.auth.noted import note
from journeyman.server.auth.openid import OpenId
from journeyman.server.auth.passwords import complaint
from journeyman.server.errors import ApiError
from journeyman.server.examples_people import ACCEPT, SIGN_IN
from journeyman.server.parts import parts_of
from journeyman.store.people import Taken, email_of

router = APIRouter(tags=["people"], route_class=Route)
public = APIRouter(tags=["people"], route_class=Route)
"""What nobody has to be signed in for."""

WRONG = "The address or the password is not right."
"""The same for an address that nobody has, a wrong password, and somebody who is disabled."""


def gate_of(request: Request) -> Gate:
    return request.app.state.gate


@public.get("/sign-in")
async def sign_in_ways(request: Request) -> SignInWays:
    """How one signs in here. Nobody has to be signed in for this."""
    sign_in = gate_of(request).sign_in
    if sign_in.open:
        return SignInWays(open=True, passwords=False)
    ready = await parts_of(request).store.people.has_administrator()
    openid = sign_in.openid.name if sign_in.openid is not None else None
    return SignInWays(open=False, passwords=True, openid=openid, ready=ready)


@router.get("/session", responses=problems(401))
async def get_session(request: Request, actor: Signed) -> Me:
    """Who is signed in, and the token that a browser sends back with each change."""
    return await _me(request, actor)


@public.post("/session", responses=problems(401, 409))
async def sign_in(
    request: Request, response: Response, wanted: Annotated[SignInRequest, Body(openapi_examples=SIGN_IN)]
) -> Me:
    """Sign in by a password. The answer sets the cookie of a new session."""
    gate, store = gate_of(request), parts_of(request).store
    _not_open(gate)
    address, email = network(address_of(request)), email_of(wanted.email)
    _hold(gate, address, email)
    found = await store.people.password(email)
    person, notation = found or (None, None)
    right = await gate.passwords.verify(notation, wanted.password)
    if person is None or notation is None or not right or person.disabled:
        await note(request, None, "sign-in.refused", email)
        raise ApiError(401, "unauthorized", WRONG)
    gate.rates.pair.forget(f"{address} {email}")
    if gate.passwords.is_old(notation):
        await store.people.rehash(person.id, notation, await gate.passwords.hash(wanted.password))
    return await _begin(request, response, person, "sign-in")


@router.delete("/session", status_code=204, responses=problems(401))
async def sign_out(request: Request, response: Response, actor: Signed) -> None:
    """Sign out: the session of this browser ends."""
    gate = gate_of(request)
    secret = gate.session_of(request)
    if actor.way == "session" and secret is not None:
        await parts_of(request).store.access.end(secret)
    gate.forget(request, response)


@router.delete("/sessions", responses=problems(401, 409))
async def sign_out_everywhere(request: Request, actor: Signed) -> SessionsEnded:
    """End every session of one's own but the one that asks."""
    person, store = _person(actor), parts_of(request).store
    ended = await store.access.end_all(person.id, keep=_own_session(request, actor))
    await note(request, actor, "sessions.ended", person.id)
    return SessionsEnded(ended=ended)


@router.post("/session/password", status_code=204, responses=problems(401, 409))
async def change_password(request: Request, actor: Signed, wanted: PasswordChange) -> None:
    """Set one's own password; every other session ends."""
    person, gate, store = _person(actor), gate_of(request), parts_of(request).store
    if actor.way != "session":
        raise ApiError(403, "forbidden", "A password is changed by who is signed in, not by a token.")
    _hold(gate, network(address_of(request)), person.email)
    found = await store.people.password(person.email)
    notation = found[1] if found is not None else None
    if notation is not None and not await gate.passwords.verify(notation, wanted.current or ""):
        await note(request, actor, "password.refused", person.id)
        raise ApiError(403, "forbidden", "The current password is not right.", {"field": "current"})
    checked_password(wanted.password, person.email, person.name)
    keep = _own_session(request, actor)
    await store.people.set_password(person.id, await gate.passwords.hash(wanted.password), keep=keep)
    await note(request, actor, "password.changed", person.id)


@public.post("/session/invitation/look", responses=problems(404, 409))
async def look_at_invitation(request: Request, wanted: InvitationSecret) -> InvitationView:
    """What an invitation is for, to whoever holds its link."""
    invitation = await _invitation(request, wanted.secret)
    store, name = parts_of(request).store, None
    if invitation.person is not None:
        name = (await store.people.names([invitation.person])).get(invitation.person)
    return InvitationView(role=invitation.role, email=invitation.email, person=name, expires=invitation.expires)


@public.post("/session/invitation", responses=problems(404, 409))
async def accept_invitation(
    request: Request, response: Response, wanted: Annotated[Accept, Body(openapi_examples=ACCEPT)]
) -> Me:
    """Join by an invitation, or set a new password by one. It works once; then one is signed in."""
    gate, store = gate_of(request), parts_of(request).store
    invitation = await _invitation(request, wanted.secret)
    email, name = invitation.email or wanted.email, wanted.name
    if invitation.person is None and (email is None or name is None):
        missing = [field for field, value in (("email", email), ("name", name)) if value is None]
        raise ApiError(
            422, "invalid", f"To join, give your {' and '.join(missing)} too.", [{"field": one} for one in missing]
        )
    checked_password(wanted.password, email or "", name or "")
    person = Person(id=new_id(parts_of(request).clock), name=name or "", email=email or "")
    notation = await gate.passwords.hash(wanted.password)
    try:
        joined = await store.access.accept(wanted.secret, person, notation)
    except Taken as error:
        raise ApiError(409, "conflict", str(error), {"field": "email"}) from error
    if joined is None:
        raise _no_invitation()
    act = "person.joined" if invitation.person is None else "password.reset"
    return await _begin(request, response, joined, act)


@public.get(
    "/session/openid",
    response_class=RedirectResponse,
    status_code=303,
    responses={303: {"description": "To the provider."}, **problems(404, 503)},
)
async def openid_begin(
    request: Request, next: Annotated[str, Query(max_length=2000, description="The page of ours to go to then.")] = "/"
) -> Response:
    """Sign in by the OpenID Connect provider: a browser is sent there, and comes back to `openid/callback`."""
    try:
        return await _openid(request).begin(gate_of(request), request, next)
    except ApiError as error:
        return _shown(request, error)


@public.get(
    "/session/openid/callback",
    response_class=RedirectResponse,
    status_code=303,
    responses={303: {"description": "Signed in."}, **problems(401, 404, 409, 503)},
)
async def openid_callback(request: Request) -> Response:
    """Where the provider sends the browser back to."""
    gate = gate_of(request)
    try:
        person, response, is_new = await _openid(request).finish(gate, request, parts_of(request).store)
    except ApiError as error:
        return _shown(request, error)
    await gate.begin(request, response, person.id)
    actor = Actor(person, person.role, frozenset(), frozenset(), "session")
    await note(request, actor, "person.joined" if is_new else "sign-in", person.id, "by the provider")
    return response


# ---------------------------------------------------------------- parts of the above


def checked_password(password: str, *about: str) -> None:
    """Raises 422 for a new password that is too easy to guess."""
    if (said := complaint(password, *(word for word in about if word))) is not None:
        raise ApiError(422, "invalid", said, [{"in": "body", "field": "password", "message": said}])


def _shown(request: Request, error: ApiError) -> Response:
    """A browser is led back to the page where one signs in, which says why; whoever else asks is told the error.

    Only the name of the sentence goes into the address: what somebody else put there is not said by our page.
    """
    if "text/html" not in request.headers.get("accept", ""):
        raise error
    reason = error.body["error"]["reason"] or error.code
    return RedirectResponse(f"/sign-in?refused={reason}", 303)


def _openid(request: Request) -> OpenId:
    openid: OpenId | None = request.app.state.openid
    if openid is None:
        raise ApiError(404, "not_found", "There is no OpenID Connect provider set up here.")
    return openid


def _not_open(gate: Gate) -> None:
    if gate.sign_in.open:
        raise ApiError(409, "conflict", "Nobody in particular is signed in here: there is nobody to be.")


def _hold(gate: Gate, address: str, email: str) -> None:
    """Count a try at a password; raises 429 at too many."""
    rates = gate.rates
    tries = ((rates.pair, f"{address} {email}"), (rates.sign_ins, address), (rates.account, email))
    seconds = max(limiter.wait(key) for limiter, key in tries)
    if seconds > 0:
        raise slow_down(seconds)
    for limiter, key in tries:
        limiter.take(key)


def _person(actor: Actor) -> Person:
    if actor.person is None:
        raise ApiError(409, "conflict", "Nobody in particular is signed in here: there is nobody to be.")
    return actor.person


def _own_session(request: Request, actor: Actor) -> str | None:
    from journeyman.store.access import digest

    secret = gate_of(request).session_of(request)
    return digest(secret) if actor.way == "session" and secret is not None else None


async def _invitation(request: Request, secret: str) -> Invitation:
    gate, address = gate_of(request), network(address_of(request))
    _not_open(gate)
    if (seconds := gate.rates.sign_ins.wait(address)) > 0:
        raise slow_down(seconds)
    found = await parts_of(request).store.access.invitation(secret)
    if found is None:
        gate.rates.sign_ins.take(address)
        raise _no_invitation()
    return found


def _no_invitation() -> ApiError:
    return ApiError(
        404, "not_found", "This invitation does not hold, or not any more. Ask who gave it to you for a new one."
    )


async def _begin(request: Request, response: Response, person: Person, act: str) -> Me:
    csrf = await gate_of(request).begin(request, response, person.id)
    actor = Actor(person, person.role, frozenset(), frozenset(), "session")
    await note(request, actor, act, person.id)
    return me(actor, csrf, has_password=True)


async def _me(request: Request, actor: Actor) -> Me:
    secret = gate_of(request).session_of(request)
    csrf = csrf_of(secret) if actor.way == "session" and secret is not None else None
    has_password = False
    if actor.person is not None:
        found = await parts_of(request).store.people.password(actor.person.email)
        has_password = found is not None and found[1] is not None
    return me(actor, csrf, has_password=has_password)


def me(actor: Actor, csrf: str | None, *, has_password: bool) -> Me:
    from journeyman.core.people import EVERYBODY
    from journeyman.server.auth.actor import SCOPES_OF

    scopes = actor.scopes or SCOPES_OF[actor.role]
    groups = (*actor.person.groups, EVERYBODY) if actor.person is not None else (EVERYBODY,)
    return Me(
        person=actor.person,
        role=actor.role,
        scopes=tuple(scope for scope in ("read", "write", "admin") if scope in scopes),
        groups=groups,
        way=actor.way,
        csrf=csrf,
        has_password=has_password,
    )
