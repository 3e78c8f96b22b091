"""Personal access tokens: what programs sign in by."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Request

from journeyman.core.api.people import TokenCreate, TokenList, TokenMade
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import SCOPES_OF, Signed
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError, not_found
from journeyman.server.examples_people import TOKEN
from journeyman.server.parts import parts_of

router = APIRouter(tags=["people"], route_class=Route)

MOST = 100
"""Tokens that a person may have."""


@router.get("/tokens")
async def list_tokens(
    request: Request,
    actor: Signed,
    person: Annotated[str | None, Query(max_length=64, description="Whose; an administrator may name others.")] = None,
) -> TokenList:
    """One's own tokens, without their secrets."""
    wanted = person or actor.id
    if wanted is None:
        return TokenList(tokens=())
    if wanted != actor.id and not actor.administers:
        raise not_found("person", wanted)
    return TokenList(tokens=tuple(await parts_of(request).store.access.tokens(wanted)))


@router.post("/tokens", status_code=201, responses=problems(409))
async def create_token(
    request: Request, actor: Signed, wanted: Annotated[TokenCreate, Body(openapi_examples=TOKEN)]
) -> TokenMade:
    """A new token of one's own, with scopes of one's role. A token makes no tokens: sign in for that."""
    parts = parts_of(request)
    if actor.person is None:
        raise ApiError(409, "conflict", "This server runs without sign-in: no token is needed.")
    if actor.way != "session":
        raise ApiError(403, "forbidden", "A token makes no tokens: sign in by a password or the provider for that.")
    if beyond := [scope for scope in wanted.scopes if scope not in SCOPES_OF[actor.role]]:
        raise ApiError(
            403, "forbidden", f"Your role is {actor.role}: a token of yours cannot have the scope {beyond[0]!r}."
        )
    if len(await parts.store.access.tokens(actor.person.id)) >= MOST:
        raise ApiError(409, "conflict", f"You have {MOST} tokens. Revoke those that you do not use.")
    scopes = tuple(dict.fromkeys(("read", *wanted.scopes)))
    expires = parts.clock() + wanted.days * 86400 if wanted.days is not None else None
    token, secret = await parts.store.access.add_token(actor.person.id, wanted.name, scopes, expires)
    await note(request, actor, "token.created", token.id, f"{wanted.name}: {' '.join(scopes)}")
    return TokenMade(token=token, secret=secret)


@router.delete("/tokens/{token_id}", status_code=204, responses=problems(404))
async def revoke_token(request: Request, actor: Signed, token_id: str) -> None:
    """Revoke a token; it is of no use from then on. A token may revoke itself."""
    whose = None if actor.administers else actor.id
    if actor.person is None or not await parts_of(request).store.access.remove_token(token_id, whose):
        raise not_found("token", token_id)
    await note(request, actor, "token.revoked", token_id)
