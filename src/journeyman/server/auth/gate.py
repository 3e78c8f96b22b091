"""The gate: finds out who asks, and holds everybody to their rates."""

import hashlib
import hmac
import math
import time
from dataclasses import dataclass, field

from fastapi import Request, Response
from starlette.requests import HTTPConnection

from journeyman.core.ids import Clock
from journeyman.core.people import EVERYBODY, Scope
from journeyman.core.settings import OpenIdSettings
from journeyman.server.auth.actor import ALL_SCOPES, COOKIE, SCOPES_OF, Actor
from journeyman.server.auth.limits import Limiter, network
from journeyman.server.auth.passwords import Passwords
from journeyman.server.errors import ApiError
from journeyman.store.access import Proof, Session
from journeyman.store.store import Store

SESSION = 14 * 86400.0
"""Seconds after which a session that is not used ends."""
SESSION_AT_MOST = 90 * 86400.0
"""Seconds after which somebody has to sign in again in any case."""
HOST = "__Host-"
"""What browsers demand of a cookie of this name: it is of this host alone, and came over HTTPS."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How people sign in. `open` is without: whoever reaches the server may do everything, so it listens on loopback.

    `public_url` is the address that browsers know the service by, where it is not the one that they reach. `local` is
    the token of whoever may read this process's folder, and so everything in it anyway; empty for none.
    """

    open: bool = False
    public_url: str | None = None
    openid: OpenIdSettings | None = None
    openid_secret: str = field(default="", repr=False)
    local: str = field(default="", repr=False)


@dataclass(slots=True)
class Rates:
    """Who may try how often. A sign-in counts for its address, for the account, and for both together."""

    requests: Limiter = field(default_factory=lambda: Limiter(3000, 300))
    strangers: Limiter = field(default_factory=lambda: Limiter(60, 1))
    sign_ins: Limiter = field(default_factory=lambda: Limiter(30, 1 / 30))
    account: Limiter = field(default_factory=lambda: Limiter(100, 1 / 36))
    pair: Limiter = field(default_factory=lambda: Limiter(10, 1 / 90))


class Gate:
    """Kept as `app.state.gate`."""

    def __init__(self, store: Store, sign_in: SignIn, clock: Clock, rates: Rates | None = None) -> None:
        self.sign_in = sign_in
        self.monotonic = time.monotonic
        self.passwords = Passwords()
        self.rates = rates or Rates()
        self._store = store
        self._clock = clock

    async def identify(self, request: Request) -> Actor:
        """Who asks; remembered as `request.state.actor`. Raises 401 when nobody is, 429 at too high a rate."""
        address = address_of(request)
        if not self.sign_in.open and (seconds := self.rates.strangers.wait(network(address))) > 0:
            raise slow_down(seconds)
        actor = await self.who(request)
        if actor is None:
            offered = "authorization" in request.headers or self.session_of(request) is not None
            if offered:
                self.rates.strangers.take(network(address))
            said = "It is not valid, or not any more: sign in again." if offered else "Sign in first."
            raise ApiError(401, "unauthorized", said, headers={"WWW-Authenticate": "Bearer"})
        if actor.id is not None and (seconds := self.rates.requests.take(actor.id)) > 0:
            raise slow_down(seconds)
        request.state.actor = actor
        return actor

    async def who(self, connection: HTTPConnection) -> Actor | None:
        """Who is behind a request by what it holds at this moment; None when that is nobody."""
        address = address_of(connection)
        if self.sign_in.open:
            return Actor(None, "admin", ALL_SCOPES, frozenset((EVERYBODY,)), "open", address)
        header = connection.headers.get("authorization")
        if header is not None:
            kind, _, secret = header.partition(" ")
            if self.sign_in.local and hmac.compare_digest(secret.strip().encode(), self.sign_in.local.encode()):
                return Actor(None, "admin", ALL_SCOPES, frozenset((EVERYBODY,)), "token", address)
            proof = await self._store.access.by_token(secret.strip()) if kind.lower() == "bearer" else None
        else:
            cookie = self.session_of(connection)
            proof = await self._store.access.by_session(cookie) if cookie is not None else None
            if proof is not None and proof.session is not None:
                await self._prolong(proof.session)
        return _actor(proof, address) if proof is not None else None

    def demand(self, actor: Actor, scope: Scope) -> Actor:
        """`actor` again. Raises an error of status 403 when they lack `scope`."""
        if scope in actor.scopes:
            return actor
        if scope in SCOPES_OF[actor.role]:
            said = f"This token may not be used for this: it lacks the scope {scope!r}."
        else:
            needed = "an administrator" if scope == "admin" else "a member"
            said = f"This is for {needed} to do; your role is {actor.role}."
        raise ApiError(403, "forbidden", said, {"scope": scope})

    async def begin(self, request: Request, response: Response, person: str) -> str:
        """Begin a session, with a new secret whatever the browser had, and give its cookie; returns the CSRF token."""
        _, secret = await self._store.access.begin(person, SESSION, instead=self.session_of(request))
        secure = self.is_secure(request)
        response.set_cookie(
            cookie_name(secure),
            secret,
            max_age=int(SESSION_AT_MOST),
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )
        return csrf_of(secret)

    def forget(self, request: Request, response: Response) -> None:
        """Take the cookie of the session away."""
        secure = self.is_secure(request)
        response.delete_cookie(cookie_name(secure), path="/", secure=secure, httponly=True, samesite="lax")

    def session_of(self, connection: HTTPConnection) -> str | None:
        """The secret of the browser's session, if it sent one; over HTTPS only from the cookie that none but this host
        can have set."""
        return connection.cookies.get(cookie_name(self.is_secure(connection))) or None

    def is_secure(self, request: HTTPConnection) -> bool:
        """Whether the browser came by HTTPS."""
        if self.sign_in.public_url is not None:
            return self.sign_in.public_url.startswith("https:")
        return request.url.scheme == "https"

    def address(self, request: HTTPConnection) -> str:
        """The service's own address as the browser knows it, without a slash at its end."""
        if self.sign_in.public_url is not None:
            return self.sign_in.public_url.rstrip("/")
        return f"{request.url.scheme}://{request.headers.get('host', '')}"

    async def _prolong(self, session: Session) -> None:
        now = self._clock()
        if session.expires - now < SESSION / 2 and (until := min(now + SESSION, session.created + SESSION_AT_MOST)) > (
            session.expires
        ):
            await self._store.access.prolong(session, until)


def _actor(proof: Proof, address: str) -> Actor:
    person, scopes = proof.person, SCOPES_OF[proof.person.role]
    if proof.token is not None:
        scopes = scopes & frozenset(proof.token.scopes)
    groups = frozenset((*person.groups, EVERYBODY))
    way = "token" if proof.token is not None else "session"
    return Actor(person, person.role, scopes, groups, way, address)


def slow_down(seconds: float) -> ApiError:
    wait = max(1, math.ceil(seconds))
    return ApiError(429, "rate_limited", f"Too many tries. Try again in {wait} s.", headers={"Retry-After": str(wait)})


def address_of(connection: HTTPConnection) -> str:
    """The client's address, as far as the server is told."""
    return connection.client.host if connection.client is not None else ""


def cookie_name(secure: bool) -> str:
    return f"{HOST}{COOKIE}" if secure else COOKIE


def csrf_of(secret: str) -> str:
    """The token that a page of ours sends back with each change: only who can read our answers knows it."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()
