"""People, invitations and groups."""

from journeyman.client.requests import Requests
from journeyman.core.api.people import (
    GroupList,
    GroupNamed,
    GroupView,
    InvitationCreate,
    InvitationList,
    InvitationMade,
    PasswordChange,
    PersonCreate,
    PersonList,
    PersonUpdate,
    SessionsEnded,
)
from journeyman.core.people import Person


class GroupRequests(Requests):
    """Most of it is for administrators."""

    async def sign_out_everywhere(self) -> SessionsEnded:
        """End every session of one's own but the one that asks."""
        return await self._ask("DELETE", "/sessions", SessionsEnded)

    async def change_password(self, wanted: PasswordChange) -> None:
        """Set one's own password; every other session ends."""
        await self._send("POST", "/session/password", body=wanted)

    async def people(self) -> PersonList:
        """Everybody, to an administrator; to others those who are in a group with them."""
        return await self._ask("GET", "/people", PersonList)

    async def create_person(self, wanted: PersonCreate) -> Person:
        """Add somebody."""
        return await self._ask("POST", "/people", Person, body=wanted)

    async def person(self, person: str) -> Person:
        """A person, with their role and groups."""
        return await self._ask("GET", "/people/{person}", Person, person=person)

    async def update_person(self, person: str, wanted: PersonUpdate) -> Person:
        """Change somebody. A person who is disabled loses their sessions and tokens with it."""
        return await self._ask("PATCH", "/people/{person}", Person, body=wanted, person=person)

    async def delete_person(self, person: str) -> None:
        """Delete somebody, with their sessions, tokens, schedules and quota. Their tasks stay, without a name."""
        await self._send("DELETE", "/people/{person}", person=person)

    async def end_sessions(self, person: str) -> SessionsEnded:
        """Sign somebody out everywhere. Their tokens stay."""
        return await self._ask("DELETE", "/people/{person}/sessions", SessionsEnded, person=person)

    async def reset_password(self, person: str) -> InvitationMade:
        """A link by which somebody sets a new password; when they do, their sessions and tokens end."""
        return await self._ask("POST", "/people/{person}/reset", InvitationMade, person=person)

    async def invitations(self) -> InvitationList:
        """Those that are open."""
        return await self._ask("GET", "/invitations", InvitationList)

    async def create_invitation(self, wanted: InvitationCreate) -> InvitationMade:
        """A link by which somebody joins. It works once."""
        return await self._ask("POST", "/invitations", InvitationMade, body=wanted)

    async def withdraw_invitation(self, invitation: str) -> None:
        """Take an invitation back."""
        await self._send("DELETE", "/invitations/{invitation}", invitation=invitation)

    async def groups(self) -> GroupList:
        """All groups, to an administrator; to others those that they are in."""
        return await self._ask("GET", "/groups", GroupList)

    async def create_group(self, wanted: GroupNamed) -> GroupView:
        """A new group, without members."""
        return await self._ask("POST", "/groups", GroupView, body=wanted)

    async def rename_group(self, group: str, wanted: GroupNamed) -> GroupView:
        """Change a group's name."""
        return await self._ask("PATCH", "/groups/{group}", GroupView, body=wanted, group=group)

    async def delete_group(self, group: str) -> None:
        """Take a group away. What belonged to it is its owners' alone from then on."""
        await self._send("DELETE", "/groups/{group}", group=group)

    async def add_member(self, group: str, person: str) -> GroupView:
        """Put somebody into a group; nothing changes where they are in it."""
        return await self._ask("PUT", "/groups/{group}/members/{person}", GroupView, group=group, person=person)

    async def remove_member(self, group: str, person: str) -> GroupView:
        """Take somebody out of a group."""
        return await self._ask("DELETE", "/groups/{group}/members/{person}", GroupView, group=group, person=person)
