"""People on the wire: signing in, persons, groups, tokens, invitations."""

from typing import Annotated, Literal

from pydantic import Field

from journeyman.core.people import Invitation, Person, Role, Scope, Token
from journeyman.core.value import Value

Email = Annotated[str, Field(min_length=3, max_length=320, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$")]
PersonName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
GroupName = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
Password = Annotated[str, Field(min_length=1, max_length=1024)]
Secret = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
GroupIds = Annotated[tuple[Id, ...], Field(max_length=200)]


class SignInWays(Value):
    """How one signs in here. `open`: without; whoever reaches the server may do everything.

    `openid` is the name of the provider for a button; its address is `/api/v1/session/openid`. `ready` False: nobody
    can administer the service yet; the link that it printed when it started makes the first one who can.
    """

    open: bool
    passwords: bool
    openid: str | None = None
    ready: bool = True


class SignInRequest(Value):
    email: Annotated[str, Field(min_length=1, max_length=320, pattern=r"^[^\x00]+$")]
    password: Password


class Accept(Value):
    """What is done with an invitation: `secret` is the part of its link behind `#`.

    `email` is needed where the invitation names none. For a new password `name` and `email` are not.
    """

    secret: Secret
    name: PersonName | None = None
    email: Email | None = None
    password: Password


class InvitationView(Value):
    """What an invitation is for, to whoever holds its secret. `person` is the name of who gets a new password."""

    role: Role
    email: str | None = None
    person: str | None = None
    expires: float


class InvitationSecret(Value):
    secret: Secret


class Me(Value):
    """Who is signed in. `csrf` goes back in the header `X-CSRF-Token` with every change that a browser sends.

    `person` is None on a server without sign-in. `scopes` are what they may do by what they showed.
    """

    person: Person | None
    role: Role
    scopes: tuple[Scope, ...]
    groups: tuple[str, ...]
    way: Literal["session", "token", "open"]
    csrf: str | None = None
    has_password: bool = False


class PasswordChange(Value):
    """`current` is needed where there is a password."""

    current: Password | None = None
    password: Password


class PersonCreate(Value):
    """A new person. Without a password they come by the provider with this address, or by a link that `reset` makes."""

    name: PersonName
    email: Email
    role: Role = "member"
    groups: GroupIds = ()
    password: Password | None = None


class PersonUpdate(Value):
    """What of a person may be changed; what is left out stays. One may change one's own name, the rest is for
    administrators."""

    name: PersonName | None = None
    email: Email | None = None
    role: Role | None = None
    disabled: bool | None = None
    groups: GroupIds | None = None


class PersonList(Value):
    people: tuple[Person, ...]


class InvitationCreate(Value):
    """A link for somebody to join by; with `email` it is for this address."""

    role: Role = "member"
    email: Email | None = None
    groups: GroupIds = ()
    hours: float = Field(default=72.0, gt=0, le=24 * 30)


class InvitationMade(Value):
    """`link` holds the secret; it is shown this once."""

    invitation: Invitation
    link: str


class InvitationList(Value):
    invitations: tuple[Invitation, ...]


class GroupView(Value):
    """A group. `members` are ids; `builtin` is the group that everybody is in, which cannot be changed."""

    id: str
    name: str
    members: tuple[str, ...] = ()
    builtin: bool = False


class GroupList(Value):
    groups: tuple[GroupView, ...]


class GroupNamed(Value):
    name: GroupName


class TokenCreate(Value):
    """A new token. `days` None is until it is revoked."""

    name: PersonName
    scopes: tuple[Scope, ...] = Field(default=("read",), min_length=1, max_length=3)
    days: float | None = Field(default=90.0, gt=0, le=3660)


class TokenMade(Value):
    """`secret` is shown this once. It is sent as `Authorization: Bearer SECRET`."""

    token: Token
    secret: str


class TokenList(Value):
    tokens: tuple[Token, ...]


class SessionsEnded(Value):
    ended: int
