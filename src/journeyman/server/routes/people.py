"""People and invitations."""

from typing import Annotated

from fastapi import APIRouter, Body, Request

from journeyman.core.api.people import (
    InvitationCreate,
    InvitationList,
    InvitationMade,
    PersonCreate,
    PersonList,
    PersonUpdate,
    SessionsEnded,
)
from journeyman.core.errors import UsageError
from journeyman.core.ids import new_id
from journeyman.core.people import EVERYBODY, Invitation, Person
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Actor, Administrator, Reader, Signed
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError, not_found
from journeyman.server.examples_people import INVITE, PERSON
from journeyman.server.parts import parts_of
from journeyman.server.routes.session import checked_password, gate_of
from journeyman.store.people import PersonFields, Taken
from journeyman.store.store import Store

router = APIRouter(tags=["people"], route_class=Route)

RESET_HOURS = 24.0
"""How long a link for a new password holds."""


@router.get("/people")
async def list_people(request: Request, actor: Reader) -> PersonList:
    """Everybody, to an administrator; to others those who are in a group with them. Only administrators and they
    themselves are told addresses."""
    people = await parts_of(request).store.people.all()
    if actor.administers:
        return PersonList(people=tuple(people))
    return PersonList(people=tuple(_told(person, actor) for person in people if _near(person, actor)))


@router.post("/people", status_code=201, responses=problems(409))
async def create_person(
    request: Request, actor: Administrator, wanted: Annotated[PersonCreate, Body(openapi_examples=PERSON)]
) -> Person:
    """Add somebody."""
    gate, parts = gate_of(request), parts_of(request)
    notation = None
    if wanted.password is not None:
        checked_password(wanted.password, wanted.email, wanted.name)
        notation = await gate.passwords.hash(wanted.password)
    person = Person(
        id=new_id(parts.clock),
        name=wanted.name,
        email=wanted.email,
        role=wanted.role,
        groups=_groups(wanted.groups),
        created=parts.clock(),
    )
    try:
        made = await parts.store.people.add(person, notation)
    except UsageError as error:
        raise _not_so(error) from error
    await note(request, actor, "person.created", made.id, f"{made.email}, {made.role}")
    return made


@router.get("/people/{person_id}", responses=problems(404))
async def get_person(request: Request, actor: Reader, person_id: str) -> Person:
    """A person, with their role and groups."""
    person = await parts_of(request).store.people.get(person_id)
    if person is None or not (actor.administers or _near(person, actor)):
        raise not_found("person", person_id)
    return person if actor.administers else _told(person, actor)


@router.patch("/people/{person_id}", responses=problems(404, 409))
async def update_person(request: Request, actor: Signed, person_id: str, wanted: PersonUpdate) -> Person:
    """Change somebody. A person who is disabled loses their sessions and tokens with it."""
    gate, store = gate_of(request), parts_of(request).store
    said = wanted.model_dump(exclude_none=True)
    if not actor.administers:
        if actor.id != person_id:
            raise not_found("person", person_id)
        gate.demand(actor, "read" if actor.way == "session" else "write")
        if said.keys() - {"name"}:
            gate.demand(actor, "admin")
    if wanted.groups is not None:
        said["groups"] = _groups(wanted.groups)
    fields = PersonFields(**said)
    try:
        changed = await store.people.change(person_id, **fields)
    except UsageError as error:
        raise _not_so(error) from error
    if changed is None:
        raise not_found("person", person_id)
    detail = ", ".join(f"{key}={value}" for key, value in said.items())
    await note(request, actor, "person.changed", person_id, detail)
    return changed


@router.delete("/people/{person_id}", status_code=204, responses=problems(404, 409))
async def delete_person(request: Request, actor: Administrator, person_id: str) -> None:
    """Delete somebody: their account, sessions, tokens, schedules and quota, and their name and address in the audit
    log. Their tasks and environments stay, without a name, for their groups and administrators. To keep somebody out
    who may come back, disable them."""
    try:
        gone = await parts_of(request).store.people.remove(person_id)
    except UsageError as error:
        raise _not_so(error) from error
    if not gone:
        raise not_found("person", person_id)
    await note(request, actor, "person.deleted", person_id)


@router.delete("/people/{person_id}/sessions", responses=problems(404))
async def end_sessions(request: Request, actor: Administrator, person_id: str) -> SessionsEnded:
    """Sign somebody out everywhere. Their tokens stay."""
    store = parts_of(request).store
    await _known(store, person_id)
    ended = await store.access.end_all(person_id)
    await note(request, actor, "sessions.ended", person_id)
    return SessionsEnded(ended=ended)


@router.post("/people/{person_id}/reset", status_code=201, responses=problems(404, 409))
async def reset_password(request: Request, actor: Administrator, person_id: str) -> InvitationMade:
    """A link by which somebody sets a new password; when they do, their sessions and tokens end."""
    parts = parts_of(request)
    person = await _known(parts.store, person_id)
    if person.disabled:
        raise ApiError(409, "conflict", f"{person.name} is disabled.")
    wanted = Invitation(
        id="", role=person.role, email=person.email, person=person.id, expires=parts.clock() + RESET_HOURS * 3600
    )
    return await _invite(request, actor, wanted, "password.link")


@router.get("/invitations")
async def list_invitations(request: Request, actor: Administrator) -> InvitationList:
    """Those that are open."""
    del actor
    return InvitationList(invitations=tuple(await parts_of(request).store.access.invitations()))


@router.post("/invitations", status_code=201, responses=problems(409))
async def create_invitation(
    request: Request, actor: Administrator, wanted: Annotated[InvitationCreate, Body(openapi_examples=INVITE)]
) -> InvitationMade:
    """A link by which somebody joins. It works once."""
    parts = parts_of(request)
    if wanted.email is not None and await parts.store.people.by_email(wanted.email) is not None:
        raise ApiError(409, "conflict", f"There is somebody with the address {wanted.email} already.")
    known = {group.id for group, _ in await parts.store.people.groups()}
    groups = _groups(wanted.groups)
    if unknown := [one for one in groups if one not in known]:
        raise ApiError(422, "invalid", f"There is no group with the id {unknown[0]!r}.", [{"field": "groups"}])
    made = Invitation(
        id="",
        role=wanted.role,
        email=wanted.email.lower() if wanted.email is not None else None,
        groups=groups,
        expires=parts.clock() + wanted.hours * 3600,
    )
    return await _invite(request, actor, made, "invitation.created")


@router.delete("/invitations/{invitation_id}", status_code=204, responses=problems(404))
async def withdraw_invitation(request: Request, actor: Administrator, invitation_id: str) -> None:
    """Take an invitation back."""
    if len(invitation_id) != 16 or not await parts_of(request).store.access.withdraw(invitation_id):
        raise not_found("invitation", invitation_id)
    await note(request, actor, "invitation.withdrawn", invitation_id)


async def _invite(request: Request, actor: Actor, wanted: Invitation, act: str) -> InvitationMade:
    gate = gate_of(request)
    if gate.sign_in.open:
        raise ApiError(409, "conflict", "This server runs without sign-in: nobody joins it.")
    invitation, secret = await parts_of(request).store.access.invite(wanted)
    detail = f"{invitation.email or 'anybody'}, {invitation.role}"
    await note(request, actor, act, invitation.person or invitation.id, detail)
    return InvitationMade(invitation=invitation, link=join_link(gate.address(request), secret))


def join_link(address: str, secret: str) -> str:
    """Where somebody joins. What is behind `#` is not sent to any server, so it is in no log."""
    return f"{address}/join#{secret}"


async def _known(store: Store, person_id: str) -> Person:
    person = await store.people.get(person_id)
    if person is None:
        raise not_found("person", person_id)
    return person


def _near(person: Person, actor: Actor) -> bool:
    return person.id == actor.id or bool(actor.groups & set(person.groups))


def _told(person: Person, actor: Actor) -> Person:
    """A person as another one sees them: the groups that both are in, no address."""
    if person.id == actor.id:
        return person
    shared = tuple(group for group in person.groups if group in actor.groups)
    return person.model_copy(update={"email": "", "subject": None, "groups": shared})


def _groups(wanted: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(wanted) - {EVERYBODY}))


def _not_so(error: UsageError) -> ApiError:
    if isinstance(error, Taken) or "last administrator" in str(error):
        return ApiError(409, "conflict", str(error))
    return ApiError(422, "invalid", str(error))
