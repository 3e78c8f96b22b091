"""What somebody sees and may change: the one place that decides it.

A person sees what they own and what belongs to a group of theirs; an administrator, and whoever reaches a server
without sign-in, sees all. What they do not see does not exist for them: 404, never 403.
"""

import re
from dataclasses import dataclass
from typing import Protocol, TypeVar

from journeyman.core.people import EVERYBODY
from journeyman.server.auth.actor import Actor
from journeyman.server.errors import ApiError, not_found

_ADDRESS = re.compile(r"(?:https?|ssh|git)://[^\s/]|[\w.-]+@[\w.-]+:(?!//)\S")
"""What git clones from another machine; everything else is a folder of the machine that works."""


class Owned(Protocol):
    """A task, an environment, a schedule: what belongs to a person, a group, or both."""

    @property
    def owner(self) -> str | None: ...
    @property
    def group(self) -> str | None: ...


T = TypeVar("T", bound=Owned)


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a list somebody sees: what they own, or belongs to these groups."""

    owner: str
    groups: frozenset[str]


def sight(actor: Actor) -> Sight | None:
    """The bounds for lists; None sees all."""
    if actor.administers or actor.id is None:
        return None
    return Sight(actor.id, actor.groups)


def sees(actor: Actor, thing: Owned) -> bool:
    bounds = sight(actor)
    if bounds is None:
        return True
    return thing.owner == bounds.owner or (thing.group is not None and thing.group in bounds.groups)


def changes(actor: Actor, thing: Owned) -> bool:
    """Whether they may steer or change what they see. What is everybody's is changed by its owner."""
    if "write" not in actor.scopes or not sees(actor, thing):
        return False
    if sight(actor) is None or thing.owner == actor.id:
        return True
    return thing.group != EVERYBODY


def require_seen(actor: Actor, thing: T | None, what: str, name: str) -> T:
    """`thing`. Raises 404 where it is not there or not theirs to see."""
    if thing is None or not sees(actor, thing):
        raise not_found(what, name)
    return thing


def require_changed(actor: Actor, thing: T | None, what: str, name: str) -> T:
    """`thing`. Raises 404 where they do not see it, 403 where they only see it."""
    found = require_seen(actor, thing, what, name)
    if not changes(actor, found):
        raise ApiError(403, "forbidden", f"You see the {what} {name!r}, but it is not yours to change.")
    return found


def require_group(actor: Actor, group: str | None) -> str | None:
    """`group`. Raises 422 where it is none that they may give something to."""
    if group is None or sight(actor) is None or group in actor.groups:
        return group
    raise ApiError(422, "invalid", f"You are in no group with the id {group!r}.", [{"field": "group"}])


def require_repository(actor: Actor, repository: str, *, listed: bool = False) -> str:
    """`repository`. Raises 403 for a folder of the machine, which may be anybody's, where they may not name one.

    `listed`: it comes from a stored environment that they see, so that somebody has allowed it already.
    """
    if listed or sight(actor) is None or is_address(repository):
        return repository
    raise ApiError(
        403,
        "forbidden",
        f"{repository!r} is no address that git can clone. Folders of the server's machine are for administrators to "
        "name: ask one for an environment of it.",
    )


def require_model(actor: Actor, model: str | None, known: frozenset[str]) -> str | None:
    """`model`. Raises 403 for one that is not set up: its name could be a file of the machine, or any vendor's model
    at the service's cost."""
    if model is None or sight(actor) is None or model in known:
        return model
    raise ApiError(
        403, "forbidden", f"The model {model!r} is not set up here. `GET /api/v1/models` lists those that are."
    )


def is_address(repository: str) -> bool:
    return _ADDRESS.match(repository) is not None
