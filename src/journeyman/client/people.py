"""Who one is to the server."""

from collections.abc import Sequence

from journeyman.client.requests import Requests
from journeyman.core.api.about import About
from journeyman.core.api.people import (
    Accept,
    InvitationSecret,
    InvitationView,
    Me,
    SignInRequest,
    SignInWays,
    TokenCreate,
    TokenList,
    TokenMade,
)
from journeyman.core.people import Scope


class PeopleRequests(Requests):
    """With `sign_in` or `accept` the client holds a session from then on, where it was made without a token."""

    async def about(self) -> About:
        return await self._ask("GET", "/about", About)

    async def sign_in_ways(self) -> SignInWays:
        """How one signs in; nobody has to be signed in for this."""
        return await self._ask("GET", "/sign-in", SignInWays)

    async def me(self) -> Me:
        return await self._ask("GET", "/session", Me)

    async def sign_in(self, email: str, password: str) -> Me:
        return self._signed_in(
            await self._ask("POST", "/session", Me, body=SignInRequest(email=email, password=password))
        )

    async def invitation(self, secret: str) -> InvitationView:
        """What an invitation is for; `secret` is the part of its link behind `#`."""
        return await self._ask(
            "POST", "/session/invitation/look", InvitationView, body=InvitationSecret(secret=secret), again=True
        )

    async def accept(self, secret: str, password: str, *, name: str | None = None, email: str | None = None) -> Me:
        """Join by an invitation, or set a new password by one; the client then holds a session."""
        body = Accept(secret=secret, password=password, name=name, email=email)
        return self._signed_in(await self._ask("POST", "/session/invitation", Me, body=body))

    async def sign_out(self) -> None:
        await self._send("DELETE", "/session")

    async def tokens(self) -> TokenList:
        """One's own tokens, without their secrets."""
        return await self._ask("GET", "/tokens", TokenList)

    async def make_token(self, name: str, scopes: Sequence[Scope], *, days: float | None = None) -> TokenMade:
        """A new token of one's own, whose secret is told this once; `days` None is until it is revoked."""
        body = TokenCreate(name=name, scopes=tuple(scopes), days=days)
        return await self._ask("POST", "/tokens", TokenMade, body=body)

    async def revoke_token(self, token: str) -> None:
        await self._send("DELETE", "/tokens/{token}", token=token)

    def _signed_in(self, me: Me) -> Me:
        """Prove from now on that requests of this session are ours."""
        self._transport.prove(me.csrf)
        return me
