"""`journeyman remote`, `login` and `logout`: which servers there are, and how one is known to them."""

import getpass
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.cli import remotes
from journeyman.cli.door import Door, open_door
from journeyman.cli.remotes import Remote
from journeyman.core.errors import UsageError
from journeyman.core.text import one_line

if TYPE_CHECKING:
    from journeyman.client.asynchronous import AsyncClient
    from journeyman.core.api.people import Me

NAME = r"[A-Za-z0-9][\w.-]*"


async def add(address: str, name: str | None, default: bool) -> int:
    """Remember a server. It is asked how one signs in, so that a wrong address is told of here."""
    import re

    from journeyman.client.asynchronous import AsyncClient
    from journeyman.client.transport import checked

    door = open_door(Path(), {})
    address, _ = checked(address)
    name = name or _name_of(address)
    if not re.fullmatch(NAME, name) or name == "local":
        raise UsageError(f"{one_line(name)!r} cannot be the name of a server; give one with --name, as `work`.")
    kept = remotes.load(door.state)
    old = kept.named(name)
    if old is not None and old.address != address:
        raise UsageError(f"{name} is {old.address} already; give another --name, or `journeyman remote remove {name}`.")
    async with AsyncClient(address) as client:
        ways = await client.sign_in_ways()
    remote = Remote(name=name, address=address, token=old.token if old else None)
    kept = kept.with_(remote)
    remotes.save(door.state, kept.model_copy(update={"default": name}) if default else kept)
    print(f"Added {name}: {address}", file=sys.stderr)
    if not ways.open and remote.token is None:
        print(f"It wants to know who you are: journeyman login {name}", file=sys.stderr)
    return 0


def _name_of(address: str) -> str:
    """The name that a server gets where nobody gives it one: the first part of its host's, or the host's address."""
    import re
    from urllib.parse import urlsplit

    host = urlsplit(address).hostname or ""
    return host if re.fullmatch(r"[\d.]+", host) else re.sub(r"[^\w-]", "-", host.split(".")[0]) or "server"


def show_all(as_json: bool) -> int:
    from rich.console import Console
    from rich.table import Table

    door = open_door(Path(), {})
    kept, here = remotes.load(door.state), remotes.serving(door.state)
    rows = [(one.name, one.address, "yes" if one.token else "no") for one in kept.remotes]
    if here is not None and all(address != here.address for _, address, _ in rows):
        rows.append(("local", here.address, "as you"))
    default = kept.default or ("local" if here is not None else None)
    if as_json:
        for name, address, known in rows:
            signed_in = known != "no"
            print(json.dumps({"name": name, "address": address, "signed_in": signed_in, "default": name == default}))
        return 0
    console = Console()
    if not rows:
        console.print("No servers. `journeyman serve` starts one here; `journeyman remote add ADDRESS` names one.")
        return 0
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("server", "address", "signed in", ""):
        table.add_column(heading, overflow="fold")
    for name, address, known in rows:
        table.add_row(name, address, known, "default" if name == default else "")
    console.print(table, highlight=False)
    return 0


def use(name: str) -> int:
    """Make a server the one that is meant without a word."""
    door = open_door(Path(), {})
    kept = remotes.load(door.state)
    _known(kept, name)
    remotes.save(door.state, kept.model_copy(update={"default": name}))
    print(f"{name} is meant from now on where no server is named.", file=sys.stderr)
    return 0


def remove(name: str) -> int:
    """Forget a server and its token."""
    door = open_door(Path(), {})
    kept = remotes.load(door.state)
    _known(kept, name)
    remotes.save(door.state, kept.without(name))
    print(f"Forgotten: {name}. Its tokens stay valid until you remove them there.", file=sys.stderr)
    return 0


def _known(kept: remotes.Remotes, name: str) -> Remote:
    found = kept.named(name)
    if found is None:
        known = ", ".join(one.name for one in kept.remotes) or "none"
        raise UsageError(f"There is no server called {name!r}; known are: {known}.")
    return found


# ------------------------------------------------------------ signing in


async def login(server: str | None, read_token: bool) -> int:
    """Get a token of the person's own and keep it: with their password, or one that they have made in the web app."""
    from journeyman.client.asynchronous import AsyncClient

    door = open_door(Path(), {})
    remote = await _remote_to_sign_in(door, server)
    async with AsyncClient(remote.address) as client:
        ways = await client.sign_in_ways()
        if ways.open:
            print(f"{remote.address} needs no sign-in.", file=sys.stderr)
            return 0
        token_id = None
        if read_token or not sys.stdin.isatty():
            token = sys.stdin.readline().strip()
        elif ways.passwords:
            token_id, token = await _with_password(client)
        else:
            print(f"Make a token in the web app ({remote.address}/settings/tokens) and paste it here.", file=sys.stderr)
            token = _hidden("Token").strip()
    if not token:
        raise UsageError("No token was given.")
    async with AsyncClient(remote.address, token) as client:
        me = await client.me()
    kept = remotes.load(door.state).with_(remote.model_copy(update={"token": token, "token_id": token_id}))
    remotes.save(door.state, kept)
    who = me.person.name if me.person is not None else "an administrator"
    print(f"Signed in at {remote.address} as {one_line(who, 100)} ({me.role}).", file=sys.stderr)
    return 0


async def _remote_to_sign_in(door: Door, server: str | None) -> Remote:
    """The server that is meant; one that is named by its address is remembered."""
    if server is not None and "://" in server and remotes.choose(door, server).name == server.rstrip("/"):
        await add(server, None, False)
    remote = remotes.choose(door, server)
    if remote.name == "local":
        raise UsageError(f"{remote.address} runs on this machine as you; no sign-in is needed from here.")
    return remote


async def _with_password(client: "AsyncClient") -> tuple[str, str]:
    """A new token, by its id and its secret, of whoever's e-mail address and password are typed in."""
    email = _asked("E-mail")
    password = _hidden("Password")
    return await _own_token(client, await client.sign_in(email, password))


async def _own_token(client: "AsyncClient", me: "Me") -> tuple[str, str]:
    """A token of who has just signed in, in place of the session."""
    import socket

    made = await client.make_token(f"journeyman on {socket.gethostname()}", me.scopes)
    await client.sign_out()
    return made.token.id, made.secret


async def join(link: str, name: str | None) -> int:
    """Join a server by an invitation's link, or set a new password by one; then one is signed in there."""
    from journeyman.client.asynchronous import AsyncClient
    from journeyman.client.transport import checked

    where, _, secret = link.partition("#")
    address, _ = checked(where.partition("/join")[0])
    if not secret:
        raise UsageError("This is no link of an invitation: it has a secret behind a `#`.")
    door = open_door(Path(), {})
    async with AsyncClient(address) as client:
        invitation = await client.invitation(secret)
        if invitation.person is not None:
            print(f"A new password for {one_line(invitation.person, 100)}.", file=sys.stderr)
        full = None if invitation.person is not None else _asked("Your name")
        email = None if invitation.person is not None else invitation.email or _asked("E-mail")
        password = _hidden("Password (10 characters or more)")
        if sys.stdin.isatty() and _hidden("Once more") != password:
            raise UsageError("The two passwords differ; nothing was changed.")
        me = await client.accept(secret, password, name=full, email=email)
        token_id, token = await _own_token(client, me)
    kept = remotes.load(door.state)
    known = next((one.name for one in kept.remotes if one.address == address), None)
    remote = Remote(name=name or known or _name_of(address), address=address, token=token, token_id=token_id)
    remotes.save(door.state, kept.with_(remote))
    print(f"Welcome. You are signed in at {address} ({me.role}); here it is called {remote.name}.", file=sys.stderr)
    return 0


def _hidden(what: str) -> str:
    """What is typed without being shown; a line of stdin where that is no terminal."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{what}: ", stream=sys.stderr)
    return sys.stdin.readline().rstrip("\n")


def _asked(what: str) -> str:
    print(f"{what}: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


async def logout(server: str | None) -> int:
    """Forget the token that is kept for a server; one that `login` made is revoked too."""
    from journeyman.client.asynchronous import AsyncClient
    from journeyman.client.errors import NotFound, NotSignedIn

    door = open_door(Path(), {})
    remote = remotes.choose(door, server)
    if remote.token is None or remote.name == "local":
        print(f"Not signed in at {remote.address}.", file=sys.stderr)
        return 0
    if remote.token_id is not None:
        async with AsyncClient(remote.address, remote.token) as client:
            with suppress(NotSignedIn, NotFound):  # it was revoked there
                await client.revoke_token(remote.token_id)
    forgotten = remote.model_copy(update={"token": None, "token_id": None})
    remotes.save(door.state, remotes.load(door.state).with_(forgotten))
    more = "" if remote.token_id else " The token itself stays valid until you remove it in the web app."
    print(f"Signed out at {remote.address}.{more}", file=sys.stderr)
    return 0
