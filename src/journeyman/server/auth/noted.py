"""Privileged acts, written down."""

from fastapi import Request

from journeyman.server.auth.actor import Actor
from journeyman.server.auth.gate import address_of
from journeyman.server.parts import parts_of


async def note(request: Request, actor: Actor | None, act: str, target: str = "", detail: str = "") -> None:
    """Put into the audit log that `actor` (None: somebody who is not signed in) did `act` to `target`."""
    person = actor.id if actor is not None else None
    await parts_of(request).store.audit.note(act, target, person=person, detail=detail, address=address_of(request))
