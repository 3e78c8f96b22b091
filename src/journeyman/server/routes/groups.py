"""Groups: who sees each other's tasks and environments."""

from fastapi import APIRouter, Request

from journeyman.core.api.people import GroupList, GroupNamed, GroupView
from journeyman.core.people import EVERYBODY
from journeyman.server.answers import Route, problems
from journeyman.server.auth.actor import Administrator, Reader
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError, not_found
from journeyman.server.parts import parts_of
from journeyman.store.people import Taken
from journeyman.store.store import Store

router = APIRouter(tags=["people"], route_class=Route)


@router.get("/groups")
async def list_groups(request: Request, actor: Reader) -> GroupList:
    """All groups, to an administrator; to others those that they are in."""
    found = [
        GroupView(id=group.id, name=group.name, members=members)
        for group, members in await parts_of(request).store.people.groups()
        if actor.administers or group.id in actor.groups
    ]
    return GroupList(groups=(GroupView(id=EVERYBODY, name="Everybody", builtin=True), *found))


@router.post("/groups", status_code=201, responses=problems(409))
async def create_group(request: Request, actor: Administrator, wanted: GroupNamed) -> GroupView:
    """A new group, without members."""
    try:
        made = await parts_of(request).store.people.add_group(wanted.name)
    except Taken as error:
        raise ApiError(409, "conflict", str(error)) from error
    await note(request, actor, "group.created", made.id, made.name)
    return GroupView(id=made.id, name=made.name)


@router.patch("/groups/{group_id}", responses=problems(404, 409))
async def rename_group(request: Request, actor: Administrator, group_id: str, wanted: GroupNamed) -> GroupView:
    """Change a group's name."""
    store = parts_of(request).store
    try:
        if not await store.people.rename_group(group_id, wanted.name):
            raise not_found("group", group_id)
    except Taken as error:
        raise ApiError(409, "conflict", str(error)) from error
    await note(request, actor, "group.renamed", group_id, wanted.name)
    return await _group(store, group_id)


@router.delete("/groups/{group_id}", status_code=204, responses=problems(404))
async def delete_group(request: Request, actor: Administrator, group_id: str) -> None:
    """Take a group away. What belonged to it is its owners' alone from then on."""
    if not await parts_of(request).store.people.remove_group(group_id):
        raise not_found("group", group_id)
    await note(request, actor, "group.deleted", group_id)


@router.put("/groups/{group_id}/members/{person_id}", responses=problems(404))
async def add_member(request: Request, actor: Administrator, group_id: str, person_id: str) -> GroupView:
    """Put somebody into a group; nothing changes where they are in it."""
    return await _member(request, actor, group_id, person_id, add=True)


@router.delete("/groups/{group_id}/members/{person_id}", responses=problems(404))
async def remove_member(request: Request, actor: Administrator, group_id: str, person_id: str) -> GroupView:
    """Take somebody out of a group."""
    return await _member(request, actor, group_id, person_id, add=False)


async def _member(request: Request, actor: Administrator, group_id: str, person_id: str, *, add: bool) -> GroupView:
    store = parts_of(request).store
    await _group(store, group_id)
    person = await store.people.get(person_id)
    if person is None:
        raise not_found("person", person_id)
    groups = {*person.groups, group_id} if add else set(person.groups) - {group_id}
    await store.people.change(person_id, groups=tuple(groups))
    await note(request, actor, "group.joined" if add else "group.left", group_id, person_id)
    return await _group(store, group_id)


async def _group(store: Store, group_id: str) -> GroupView:
    for group, members in await store.people.groups():
        if group.id == group_id:
            return GroupView(id=group.id, name=group.name, members=members)
    raise not_found("group", group_id)
