"""`journeyman forges`, and `journeyman tasks pr`."""

import json
import sys
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import ValidationError

from journeyman.cli.tasks import at, attempt_of, find
from journeyman.core.api.forges import ForgeView, NewForge, OpenPullRequest
from journeyman.core.errors import UsageError
from journeyman.core.pull_request import WORDS, ForgeKind
from journeyman.core.text import plain
from journeyman.core.value import Value
from journeyman.core.words import pull_request_words

V = TypeVar("V", bound=Value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pull request that is asked for. What is None is left to the server."""

    number: int | None = None
    branch: str | None = None
    base: str | None = None
    title: str | None = None
    body: str | None = None
    draft: bool = False

    @property
    def fields(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("branch", "base", "title", "body", "draft")}


async def list_forges(server: str | None, as_json: bool) -> int:
    async with at(server) as here:
        found = (await here.client.forges()).forges
    if as_json:
        print(json.dumps({"forges": [forge.model_dump(mode="json") for forge in found]}, ensure_ascii=False))
        return 0
    if not found:
        print("No forges. `journeyman forges add https://github.com` sets one up.")
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("forge", "kind", "address", "as", ""):
        table.add_column(heading, overflow="fold")
    for forge in found:
        table.add_row(forge.name, forge.kind, forge.address, plain(forge.account), plain(forge.error))
    Console().print(table, highlight=False)
    return 0


async def add(server: str | None, address: str, kind: ForgeKind | None, api: str | None) -> int:
    """Set a forge up with a token that is asked for at a terminal, else read from stdin."""
    known = kind or _kind_of(address)
    token = _token()
    async with at(server) as here:
        wanted = _right(NewForge, {"kind": known, "address": address, "api": api, "token": token})
        made = await here.client.add_forge(wanted)
    print(f"Added {made.name}: {made.address} as {plain(made.account)}", file=sys.stderr)
    return 0


async def check(server: str | None, name: str, new_token: bool, as_json: bool) -> int:
    """Ask a forge whose its token is, or give it another one; exit code 1 where something is wrong."""
    async with at(server) as here:
        found = await (here.client.set_forge_token(name, _token()) if new_token else here.client.check_forge(name))
    if as_json:
        print(found.model_dump_json())
    else:
        print(_said(found), file=sys.stderr)
    return 1 if found.error else 0


async def remove(server: str | None, name: str) -> int:
    async with at(server) as here:
        await here.client.remove_forge(name)
    print(f"Removed: {name}. Its token stays valid until you revoke it there.", file=sys.stderr)
    return 0


async def pull_request(server: str | None, task: str | None, wanted: Wanted, as_json: bool) -> int:
    """Open a pull request for a task's result, or bring the open one up to date; its address is printed."""
    async with at(server) as here:
        view = await find(here.client, task)
        attempt = attempt_of(view, wanted.number).name if wanted.number is not None else None
        order = _right(OpenPullRequest, {**wanted.fields, "attempt": attempt})
        made = (await here.client.open_pull_request(view.task.id, order)).pull_request
    assert made is not None
    if as_json:
        print(made.model_dump_json())
        return 0
    print(made.url)
    print(f"{pull_request_words(made)} {made.branch} into {made.base}: {plain(made.title)}", file=sys.stderr)
    return 0


def _right(kind: type[V], fields: dict[str, object]) -> V:
    """Raises `UsageError` for what cannot be; a token is not shown."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise UsageError(f"The {'.'.join(map(str, first['loc']))} cannot be that: {first['msg']}.") from None


def _said(forge: ForgeView) -> str:
    return plain(forge.error) or f"{forge.name} takes the token, as {plain(forge.account)}."


def _kind_of(address: str) -> ForgeKind:
    """What an address says of itself. Raises `UsageError` where it says nothing."""
    host = urlsplit(address).hostname or ""
    kinds: tuple[ForgeKind, ...] = ("github", "gitlab")
    for kind in kinds:
        if kind in host:
            return kind
    raise UsageError(f"Is {plain(address)} a GitHub or a GitLab? Say so with --kind ({', '.join(WORDS)}).")


def _token() -> str:
    """What is typed without being shown; a line of stdin where that is no terminal."""
    if sys.stdin.isatty():
        import getpass

        token = getpass.getpass("Token: ", stream=sys.stderr).strip()
    else:
        token = sys.stdin.readline().strip()
    if not token:
        raise UsageError("No token was given.")
    return token
