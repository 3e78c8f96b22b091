"""What git signs in with at the forges that are set up."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from journeyman.forge.places import Place, credential, repository_at
from journeyman.forge.protocol import Credential, Credentials
from journeyman.store.forges import StoredForge
from journeyman.store.store import Store


def place_of(forge: StoredForge) -> Place:
    return Place(forge.name, forge.kind, forge.address, forge.api)


def credentials_of(store: Store) -> Credentials:
    """Those of the forges of a store."""

    async def opened() -> Store:
        return store

    return credentials_of_opened(opened)


def credentials_of_opened(opened: Callable[[], Awaitable[Store]]) -> Credentials:
    """The same for a store that may still be being opened; it is asked for only where an address needs it."""

    async def find(remote: str) -> Credential | None:
        if not remote.startswith(("https://", "http://")) or urlsplit(remote).password:
            return None  # another way to sign in, or a password of the address's own
        store = await opened()
        for forge in await store.forges.all():
            there = place_of(forge)
            if repository_at(there, remote) is not None and (token := await store.forges.token(forge.name)) is not None:
                return credential(there, token)
        return None

    return find
