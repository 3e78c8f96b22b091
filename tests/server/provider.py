"""An OpenID Connect provider, played over a socket of the loopback: discovery, keys, authorization, tokens, userinfo.

It holds the client to what the real ones do: the client's secret, PKCE, one use of a code, the very redirect address.
"""

import asyncio
import base64
import hashlib
import secrets
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "journeyman", "a secret of the client's"


@dataclass(slots=True)
class Provider:
    """`claims` are of whoever signs in next; `change` takes part in making the ID token's."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict[str, Any])
    change: dict[str, Any] = field(default_factory=dict[str, Any])
    userinfo: dict[str, Any] = field(default_factory=dict[str, Any])
    now: float = 0.0
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one"}))
    signs_with: Any = None
    algorithm: str = "ES256"
    asked: list[str] = field(default_factory=list[str])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.discovery),
            Route("/keys", self.keys),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
            Route("/userinfo", self.tell),
        ]

    async def discovery(self, _request: Request) -> Response:
        self.asked.append("discovery")
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
            }
        )

    async def keys(self, _request: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def authorize(self, request: Request) -> Response:
        wanted = dict(request.query_params)
        assert (wanted["client_id"], wanted["response_type"]) == (CLIENT, "code")
        assert wanted["code_challenge_method"] == "S256" and "openid" in wanted["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = wanted
        return RedirectResponse(f"{wanted['redirect_uri']}?{urlencode({'code': code, 'state': wanted['state']})}")

    async def token(self, request: Request) -> Response:
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers["authorization"] != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        form = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        wanted = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if wanted is None or wanted["code_challenge"] != challenge.decode():
            return JSONResponse({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"] == wanted["redirect_uri"]
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": int(self.now),
            "exp": int(self.now) + 300,
            "nonce": wanted["nonce"],
            **self.claims,
            **self.change,
        }
        claims = {key: value for key, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": (self.signs_with or self.key).kid or "one"}
        signed = jwt.encode(header, claims, self.signs_with or self.key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": signed})

    async def tell(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer a"
        return JSONResponse(self.userinfo)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield  # they are pytest's


@asynccontextmanager
async def listening(app: Starlette) -> AsyncGenerator[str]:
    """The address at which `app` answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await server.up.wait()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def provider(now: float) -> AsyncGenerator[Provider]:
    played = Provider(now=now)
    async with listening(Starlette(routes=played.routes())) as played.issuer:
        yield played


def path_of(url: str) -> str:
    """What of a redirect to our own address is behind it."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def shared_key() -> OctKey:
    """The client's secret as a key, which a token must not be signed by."""
    return OctKey.import_key(SECRET)
