"""Who asks. Every route takes a `Reader`, a `Writer` or an `Administrator`; `server.visible` says what they see."""

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer

from journeyman.core.people import Person, Role, Scope

ALL_SCOPES: frozenset[Scope] = frozenset(("read", "write", "admin"))
SCOPES_OF: dict[Role, frozenset[Scope]] = {
    "viewer": frozenset(("read",)),
    "member": frozenset(("read", "write")),
    "admin": ALL_SCOPES,
}
"""What each role may do at most."""

COOKIE = "journeyman_session"

_Cookie = Annotated[object, Security(APIKeyCookie(name=COOKIE, scheme_name="session", auto_error=False))]
_Bearer = Annotated[object, Security(HTTPBearer(scheme_name="token", auto_error=False))]


@dataclass(frozen=True, slots=True)
class Actor:
    """The person behind a request and what they may do by it.

    `scopes` are those of the token, at most those of the role. `person` is None on a server without sign-in, where
    whoever reaches it may do everything. `address` is the client's, as far as it is known.
    """

    person: Person | None
    role: Role
    scopes: frozenset[Scope]
    groups: frozenset[str]
    way: Literal["session", "token", "open"]
    address: str = ""

    @property
    def id(self) -> str | None:
        """The person's id, as it stands in `Task.owner`; None on a server without sign-in."""
        return self.person.id if self.person is not None else None

    @property
    def administers(self) -> bool:
        """Whether they see and change what is everybody's."""
        return "admin" in self.scopes


class Identifies(Protocol):
    """What the application keeps as `app.state.gate`."""

    async def identify(self, request: Request) -> Actor:
        """Who asks. Raises an error of status 401 when nobody is signed in."""
        ...

    def demand(self, actor: Actor, scope: Scope) -> Actor:
        """`actor` again. Raises an error of status 403 when they lack `scope`."""
        ...


async def identified(request: Request, _cookie: _Cookie, _bearer: _Bearer) -> Actor:
    """The two further parameters only tell the API's description how one signs in."""
    gate: Identifies = request.app.state.gate
    return await gate.identify(request)


Signed = Annotated[Actor, Depends(identified)]
"""Somebody who is signed in, whatever they may do."""


def _with(scope: Scope) -> object:
    async def demanded(request: Request, actor: Signed) -> Actor:
        gate: Identifies = request.app.state.gate
        return gate.demand(actor, scope)

    return Depends(demanded)


Reader = Annotated[Actor, _with("read")]
Writer = Annotated[Actor, _with("write")]
Administrator = Annotated[Actor, _with("admin")]
