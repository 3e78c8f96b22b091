"""Signing in by an OpenID Connect provider: authorization code with PKCE, state and nonce; the ID token is verified.

What has to be remembered between the two halves is in a cookie of the browser that began: whoever brings an answer of
the provider without it, or with another one's, has not begun here.
"""

import base64
import hmac
import json
import re
import secrets
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from journeyman.core.ids import Clock, new_id
from journeyman.core.people import Person, Role
from journeyman.core.settings import OpenIdSettings
from journeyman.core.value import Value
from journeyman.server.auth.gate import HOST, Gate
from journeyman.server.auth.guard import is_loopback
from journeyman.server.errors import ApiError
from journeyman.store.people import PersonFields, Taken, email_of
from journeyman.store.store import Store

if TYPE_CHECKING:
    import httpx2
    from joserfc.jwk import KeySet

COOKIE = "journeyman_openid"
CALLBACK = "/api/v1/session/openid/callback"
PATIENCE = 600
"""Seconds between the two halves."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What an ID token may be signed by: keys of the provider, never the client's secret or nothing."""
FRESH = 3600.0
"""Seconds for which what the provider says about itself is taken as it is."""
LEEWAY = 120
"""Seconds that its clock may differ."""
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*\Z")


class _Client(Protocol):
    """What we use of authlib's client, which has no types."""

    def create_authorization_url(self, url: str, **more: str) -> tuple[str, str]: ...
    async def fetch_token(self, url: str, **more: str) -> Mapping[str, Any]: ...
    async def request(self, method: str, url: str, *, withhold_token: bool = False) -> "httpx2.Response": ...


class _Begun(Value):
    state: str
    nonce: str
    verifier: str
    next: str


class OpenId:
    """A provider. Kept as `app.state.openid`; raises errors of the API alone."""

    def __init__(
        self,
        settings: OpenIdSettings,
        secret: str,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        host = urlsplit(settings.issuer)
        if host.scheme != "https" and not is_loopback(host.hostname or ""):
            raise ApiError(503, "unavailable", f"The issuer {settings.issuer} must be reached by https.")
        self.settings = settings
        self._secret = secret
        self._clock = clock
        self._monotonic = monotonic
        self._tls = ssl.create_default_context()
        self._told: tuple[float, Mapping[str, Any], KeySet] | None = None

    async def begin(self, gate: Gate, request: Request, after: str) -> Response:
        """Send the browser to the provider; afterwards it is sent to the path `after`."""
        begun = _Begun(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            next=after if _LOCAL.match(after) else "/",
        )
        async with self._client(gate, request) as client:
            metadata, _ = await self._metadata(client)
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=begun.state, code_verifier=begun.verifier, nonce=begun.nonce
            )
        response = RedirectResponse(url, 303)
        secure = gate.is_secure(request)
        kept = base64.urlsafe_b64encode(begun.model_dump_json().encode()).decode()
        response.set_cookie(
            _name(secure), kept, max_age=PATIENCE, path="/", secure=secure, httponly=True, samesite="lax"
        )
        return response

    async def finish(self, gate: Gate, request: Request, store: Store) -> tuple[Person, Response, bool]:
        """Who came back from the provider, where to send the browser, and whether this made a new person."""
        secure = gate.is_secure(request)
        begun, said = _begun(request.cookies.get(_name(secure), "")), request.query_params
        if begun is None or not hmac.compare_digest(said.get("state", "").encode(), begun.state.encode()):
            raise _refused("This sign-in was not begun in this browser, or too long ago. Begin again.")
        if (issuer := said.get("iss")) is not None and issuer != self.settings.issuer:
            raise _refused("The answer comes from another provider than the one that was asked.")
        if "error" in said or "code" not in said:
            raise _refused(f"The provider did not sign you in: {_word(said.get('error', 'it gave no code'))}.")
        claims = await self._claims(gate, request, said["code"], begun)
        person, is_new = await self._person(store, claims)
        response = RedirectResponse(begun.next, 303)
        response.delete_cookie(_name(secure), path="/", secure=secure, httponly=True, samesite="lax")
        return person, response, is_new

    # ------------------------------------------------------------ the provider

    @asynccontextmanager
    async def _client(self, gate: Gate, request: Request) -> AsyncGenerator[_Client]:
        import httpx2
        from authlib.common.errors import AuthlibBaseError
        from authlib.integrations.httpx_client import AsyncOAuth2Client
        from joserfc.errors import JoseError

        client: Any = AsyncOAuth2Client(
            self.settings.client_id,
            self._secret or None,
            scope=" ".join(self.settings.scopes),
            redirect_uri=gate.address(request) + CALLBACK,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            timeout=15.0,
            verify=self._tls,
        )
        try:
            async with client:
                yield cast("_Client", client)
        except httpx2.HTTPError as error:
            raise ApiError(
                503, "unavailable", f"The provider {self.settings.name} does not answer as it should: {error}"
            ) from error
        except (AuthlibBaseError, JoseError) as error:
            raise _refused(f"The provider's answer is not valid: {_word(str(error))}.") from error
        except (KeyError, ValueError) as error:
            raise ApiError(
                503, "unavailable", f"The provider {self.settings.name} answers something that cannot be read."
            ) from error

    async def _metadata(self, client: _Client, *, fresh: bool = False) -> "tuple[Mapping[str, Any], KeySet]":
        from joserfc.jwk import KeySet

        if self._told is not None and not fresh and self._monotonic() - self._told[0] < FRESH:
            return self._told[1], self._told[2]
        issuer = self.settings.issuer
        answer = await client.request(
            "GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration", withhold_token=True
        )
        metadata: dict[str, Any] = answer.raise_for_status().json()
        if metadata["issuer"] != issuer:
            raise _refused(f"The provider calls itself {_word(str(metadata['issuer']))}, not {issuer}.")
        keys = await client.request("GET", metadata["jwks_uri"], withhold_token=True)
        self._told = (self._monotonic(), metadata, KeySet.import_key_set(keys.raise_for_status().json()))
        return self._told[1], self._told[2]

    async def _claims(self, gate: Gate, request: Request, code: str, begun: _Begun) -> Mapping[str, Any]:
        async with self._client(gate, request) as client:
            metadata, keys = await self._metadata(client)
            token = await client.fetch_token(
                metadata["token_endpoint"], code=code, code_verifier=begun.verifier, grant_type="authorization_code"
            )
            try:
                claims = self._verified(token, keys, begun.nonce)
            except _UnknownKey:
                _, keys = await self._metadata(client, fresh=True)
                claims = self._verified(token, keys, begun.nonce)
            if claims.get("email") is None and (endpoint := metadata.get("userinfo_endpoint")) is not None:
                more = (await client.request("GET", endpoint)).raise_for_status().json()
                if more.get("sub") == claims["sub"]:
                    claims = {**more, **claims}
            return claims

    def _verified(self, token: Mapping[str, Any], keys: "KeySet", nonce: str) -> Mapping[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import InvalidKeyIdError
        from joserfc.jws import JWSRegistry

        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            read = jwt.decode(str(token["id_token"]), keys, registry=registry)
        except InvalidKeyIdError as error:
            raise _UnknownKey from error
        issuer, client_id = self.settings.issuer, self.settings.client_id
        options = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        params = {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")}
        claims: Any = CodeIDToken(read.claims, read.header, options, params)
        claims.validate(now=int(self._clock()), leeway=LEEWAY)
        return dict(claims)

    # ------------------------------------------------------------ the person

    async def _person(self, store: Store, claims: Mapping[str, Any]) -> tuple[Person, bool]:
        subject = f"{self.settings.issuer} {claims['sub']}"
        if not subject.isprintable() or not email_of(str(claims.get("email") or "")).isprintable():
            raise _refused("The provider's answer is not valid: it names you by what cannot be written.")
        groups = self._groups(claims)
        email = email_of(str(claims.get("email") or ""))
        verified = claims.get("email_verified") in (True, "true")
        if self.settings.allowed_groups and not groups & set(self.settings.allowed_groups):
            raise _refused("You are in none of the groups that may use this service.")
        if self.settings.domains and (not verified or email.rpartition("@")[2] not in self.settings.domains):
            raise _refused("This service is for verified addresses of other domains than yours.")
        found = await store.people.by_subject(subject)
        if found is None and email and verified:
            found = await self._adopted(store, email, subject)
        if found is not None:
            if found.disabled:
                raise _refused("You may not sign in here any more. Ask an administrator.")
            return await self._up_to_date(store, found, groups), False
        if not self.settings.sign_up:
            raise _refused("Nobody here has this address. Ask an administrator to add you.")
        if not email:
            raise _refused("The provider does not tell your e-mail address; ask for the scope `email`.")
        name = re.sub(r"[\x00-\x1f\x7f]+", " ", str(claims.get("name") or claims.get("preferred_username") or email))[
            :200
        ]
        role: Role = "admin" if groups & set(self.settings.admin_groups) else self.settings.role
        person = Person(
            id=new_id(self._clock), name=name, email=email, role=role, subject=subject, created=self._clock()
        )
        try:
            return await store.people.add(person), True
        except Taken as error:
            raise ApiError(
                409, "conflict", "Somebody here has your address already, and signs in by a password."
            ) from error

    def _groups(self, claims: Mapping[str, Any]) -> set[str]:
        told = claims.get(self.settings.groups_claim) if self.settings.groups_claim is not None else None
        return {str(one) for one in cast("list[object]", told)} if isinstance(told, list) else set()

    async def _adopted(self, store: Store, email: str, subject: str) -> Person | None:
        """Somebody that an administrator added by this address and who cannot sign in otherwise."""
        found = await store.people.password(email)
        if found is None or found[1] is not None or found[0].subject is not None:
            return None
        return await store.people.change(found[0].id, subject=subject)

    async def _up_to_date(self, store: Store, person: Person, groups: set[str]) -> Person:
        """With the role that the provider's groups give, where they do."""
        if self.settings.groups_claim is None or not self.settings.admin_groups:
            return person
        is_admin = bool(groups & set(self.settings.admin_groups))
        if is_admin == (person.role == "admin"):
            return person
        change: PersonFields = {"role": "admin" if is_admin else self.settings.role}
        return await store.people.change(person.id, **change) or person


class _UnknownKey(Exception):
    """The token is signed by a key that was not known an hour ago."""


def _name(secure: bool) -> str:
    return f"{HOST}{COOKIE}" if secure else COOKIE


def _begun(cookie: str) -> _Begun | None:
    try:
        return _Begun.model_validate(json.loads(base64.urlsafe_b64decode(cookie)))
    except (ValueError, ValidationError):
        return None


def _refused(message: str) -> ApiError:
    return ApiError(401, "unauthorized", message)


def _word(text: str) -> str:
    """What a provider or a browser said, short enough and harmless in a sentence."""
    return re.sub(r"[^\w .,:/@-]", "?", text)[:200]
