"""What is turned away before any route is asked: foreign names, foreign pages, streams of people who may not any more.

A page of another site can have a browser send requests here, with its cookies; a name that its owner lets point to
127.0.0.1 makes such a page of the same origin (DNS rebinding). Neither may reach a route.
"""

import hmac
import ipaddress
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from journeyman.server.auth.gate import Gate, csrf_of
from journeyman.server.errors import ApiError

CSRF = "x-csrf-token"
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
PROBED = frozenset(("/healthz", "/readyz", "/metrics"))
"""What load balancers and the like ask for by whatever name they know."""
WITHOUT_TOKEN = frozenset((("POST", "/api/v1/session"), ("POST", "/api/v1/session/invitation")))
"""Where nobody has a token yet. The origin is checked all the same."""
SCRIPTS = "/assets/"
"""The app's own scripts and styles: the same for everybody, and fetched by its frames, which have no origin."""
AGAIN = 5.0
"""Seconds after which an answer that still goes on has to be for somebody who may have it."""


class _Ended(Exception):
    """An answer was cut off."""


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        refused = self._host(connection) or self._foreign(connection)
        if refused is not None:
            await JSONResponse(refused.body, refused.status)(scope, receive, send)
            return
        scope.setdefault("state", {})
        try:
            await self._app(scope, receive, self._watched(scope, connection, send))
        except* _Ended:
            pass

    def _host(self, connection: HTTPConnection) -> ApiError | None:
        """Whether it came for a name that is not ours."""
        public, name = self._gate.sign_in.public_url, host_of(connection.headers.get("host", ""))
        known = is_loopback(name)
        if not self._gate.sign_in.open:
            probed = connection.scope["path"] in PROBED
            known = known or probed or public is None or name == urlsplit(public).hostname
        if known:
            return None
        return ApiError(403, "forbidden", f"This server does not answer for the name {name!r}.", {"reason": "host"})

    def _foreign(self, connection: HTTPConnection) -> ApiError | None:
        """Whether a page of another site has a browser send it, or a page of ours without the token."""
        headers, method, path = connection.headers, connection.scope["method"], connection.scope["path"]
        safe = method in SAFE
        if "authorization" in headers and not self._gate.sign_in.open:
            return None  # a page of another site cannot set this header
        if safe and path.startswith(SCRIPTS):
            return None
        site = headers.get("sec-fetch-site")
        if site in ("cross-site", "same-site") and not (safe and headers.get("sec-fetch-mode") == "navigate"):
            return _other_site()
        if safe:
            return None
        origin = headers.get("origin")
        if origin is not None and not self._is_ours(origin, connection):
            return _other_site()
        cookie = self._gate.session_of(connection)
        if cookie is None or self._gate.sign_in.open or (method, path) in WITHOUT_TOKEN:
            return None
        if hmac.compare_digest(headers.get(CSRF, "").encode(), csrf_of(cookie).encode()):
            return None
        return ApiError(
            403,
            "forbidden",
            "The header X-CSRF-Token is missing or not that of the session; `GET /api/v1/session` tells it.",
            {"reason": "csrf"},
        )

    def _is_ours(self, origin: str, connection: HTTPConnection) -> bool:
        public = self._gate.sign_in.public_url
        if public is not None and _origin(origin) == _origin(public):
            return True
        return origin.partition("://")[2].lower() == connection.headers.get("host", "").lower() != ""

    def _watched(self, scope: MutableMapping[str, Any], connection: HTTPConnection, send: Send) -> Send:
        """`send`, that asks again and again whether they may still have what they are sent."""
        checked, ended = self._gate.monotonic(), False

        async def watched(message: Message) -> None:
            nonlocal checked, ended
            if ended:
                raise _Ended
            goes_on = message["type"] == "http.response.body" and message.get("more_body", False)
            if (
                goes_on
                and self._gate.monotonic() - checked > AGAIN
                and (actor := scope["state"].get("actor")) is not None
            ):
                if await self._gate.who(connection) != actor:
                    ended = True
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    raise _Ended
                checked = self._gate.monotonic()
            await send(message)

        return watched


def _other_site() -> ApiError:
    return ApiError(403, "forbidden", "A page of another site may not do this.", {"reason": "origin"})


def host_of(header: str) -> str:
    """The name or address of a Host header, without the port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


def is_loopback(name: str) -> bool:
    """Whether a name can mean nothing but this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        usual = {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or usual
    except ValueError:
        return "", "", None
