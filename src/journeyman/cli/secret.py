"""`journeyman secret`."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from journeyman.cli.door import open_door, open_stored
from journeyman.cli.keep import HERE
from journeyman.core.errors import UsageError
from journeyman.store.secrets import LONGEST


async def set_secret(name: str, environment: str | None) -> int:
    """Store a value that is asked for at a terminal, else read from stdin, its last line end left out."""
    async with open_stored(open_door(Path(), {})) as store:
        await store.secrets.set(name, _value(name), environment)
        await store.audit.note("secret.set", name, detail=f"{environment or 'for all'}, {HERE}")
        earlier = await store.tasks(1)
    where = f"the environment {environment}" if environment else "all environments"
    print(f"Stored {name} for {where}.", file=sys.stderr)
    if earlier:
        print(
            "It is masked in attempts that are opened from now on. What earlier ones have stored is left as it is: if "
            "the value may have come up there, replace it where it was issued.",
            file=sys.stderr,
        )
    return 0


def _value(name: str) -> str:
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{name}: ")
    data = sys.stdin.buffer.read(LONGEST + 2)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise UsageError("A secret is a text in UTF-8; encode other bytes first, for example by base64.") from error
    return text.removesuffix("\n").removesuffix("\r")


async def list_secrets(as_json: bool) -> int:
    async with open_stored(open_door(Path(), {})) as store:
        found = await store.secrets.all()
    if as_json:
        for one in found:
            print(json.dumps(asdict(one)))
        return 0
    if not found:
        print("No secrets are stored. `journeyman secret set NAME` stores one.")
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("secret", "environment", "set"):
        table.add_column(heading)
    for one in found:
        when = datetime.fromtimestamp(one.changed, UTC).astimezone().strftime("%d %b %Y %H:%M")
        table.add_row(one.name, one.environment or "all", when)
    Console().print(table)
    return 0


async def remove_secret(name: str, environment: str | None) -> int:
    async with open_stored(open_door(Path(), {})) as store:
        await store.secrets.remove(name, environment)
        await store.audit.note("secret.removed", name, detail=f"{environment or 'for all'}, {HERE}")
    print(
        f"Removed {name}. Environments that were built with it are still there: `journeyman env reset`.",
        file=sys.stderr,
    )
    return 0
