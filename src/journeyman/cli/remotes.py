"""Servers that a person has named, and their tokens: `remotes.json` in Journeyman's folder, for its owner only."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from journeyman.cli.door import Door
from journeyman.core.errors import UsageError
from journeyman.core.value import Value

FILE = "remotes.json"
SERVING = "serve.json"
"""What a running `serve` says about itself, in the same folder."""


class Remote(Value):
    """A server by its address. `token` is a personal access token of the person there, None where they need none;
    `token_id` is set where `login` made it."""

    name: str
    address: str
    token: str | None = None
    token_id: str | None = None


class Remotes(Value):
    """All that are kept; `default` is the name of the one that is meant without a word."""

    remotes: tuple[Remote, ...] = ()
    default: str | None = None

    def named(self, name: str) -> Remote | None:
        return next((one for one in self.remotes if one.name == name), None)

    def with_(self, remote: Remote) -> "Remotes":
        """With `remote` in place of the one of its name; the first is the default."""
        others = tuple(one for one in self.remotes if one.name != remote.name)
        return Remotes(remotes=(*others, remote), default=self.default or remote.name)

    def without(self, name: str) -> "Remotes":
        left = tuple(one for one in self.remotes if one.name != name)
        default = self.default if self.default != name else left[0].name if left else None
        return Remotes(remotes=left, default=default)


class Serving(Value):
    """A running `serve` of this folder. `token` opens it for whoever may read the folder; None where it needs none."""

    address: str
    pid: int
    token: str | None = None


def load(state: Path) -> Remotes:
    file = state / FILE
    if not file.exists():
        return Remotes()
    try:
        return Remotes.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{file} cannot be read: {_gist(error)}. Mend it, or remove it and add servers anew."
        ) from error


def save(state: Path, remotes: Remotes) -> None:
    put_private(state / FILE, remotes.model_dump())


def put_private(file: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only its owner may read, whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", prefix=f".{file.name}.", dir=file.parent, delete=False) as fresh:
        json.dump(content, fresh, indent=1)
        fresh.write("\n")
    Path(fresh.name).replace(file)  # such files are made with mode 600


def serving(state: Path) -> Serving | None:
    """The `serve` that runs on this folder, if one does."""
    try:
        found = Serving.model_validate_json((state / SERVING).read_bytes())
        os.kill(found.pid, 0)
    except (OSError, ValidationError):
        return None
    return found


def choose(door: Door, wanted: str | None) -> Remote:
    """The server that is meant: by name or address, by `JOURNEYMAN_SERVER`, the default one, the one that runs here.

    `JOURNEYMAN_TOKEN` takes the place of a stored token.
    """
    remote = _meant(door, wanted or door.environ.get("JOURNEYMAN_SERVER") or None)
    token = door.environ.get("JOURNEYMAN_TOKEN")
    return remote.model_copy(update={"token": token}) if token else remote


def _meant(door: Door, wanted: str | None) -> Remote:
    kept, here = load(door.state), serving(door.state)
    if wanted is None:
        wanted = kept.default
    if wanted is None:
        if here is None:
            raise UsageError(
                "No server is known. `journeyman serve` starts one on this machine; "
                "`journeyman remote add ADDRESS` names one that runs elsewhere."
            )
        return Remote(name="local", address=here.address, token=here.token)
    if (found := kept.named(wanted)) is not None:
        return found
    if wanted == "local" and here is not None:
        return Remote(name="local", address=here.address, token=here.token)
    if "://" not in wanted and ":" not in wanted:
        known = ", ".join(one.name for one in kept.remotes) or "none"
        raise UsageError(f"There is no server called {wanted!r}; known are: {known}. An address begins with http.")
    from journeyman.client.transport import checked

    address, _ = checked(wanted)
    found = next((one for one in kept.remotes if one.address == address), None)
    if here is not None and here.address == address and found is None:
        return Remote(name="local", address=address, token=here.token)
    return found or Remote(name=address, address=address)


def _gist(error: Exception) -> str:
    return str(error).splitlines()[0]
