"""The commands below `forges`."""

from typing import Annotated

import typer

from journeyman.cli.task_group import Server
from journeyman.cli.typed import AsJson, finish
from journeyman.core.pull_request import ForgeKind

forges = typer.Typer(
    help="Forges of a server: GitHub, GitLab and others like them, for pull requests.", no_args_is_help=True
)

Forge = Annotated[str, typer.Argument(metavar="FORGE", help="Its name in `journeyman forges list`.")]


@forges.command("list")
def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List the forges that are set up."""
    from journeyman.cli import forges as work

    finish(work.list_forges(server, as_json), "")


@forges.command()
def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="As `https://github.com`.")],
    kind: Annotated[ForgeKind | None, typer.Option("--kind", help="Where the address does not say it.")] = None,
    api: Annotated[
        str | None, typer.Option("--api", metavar="ADDRESS", help="Of its API, where that is not the usual one.")
    ] = None,
    server: Server = None,
) -> None:
    """Set a forge up; its token is asked for, or read from stdin."""
    from journeyman.cli import forges as work

    finish(work.add(server, address, kind, api), "")


@forges.command()
def check(
    forge: Forge,
    token: Annotated[
        bool, typer.Option("--token", help="Give it another token first, asked for or from stdin.")
    ] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Ask a forge whose its token is, and whether it still holds."""
    from journeyman.cli import forges as work

    finish(work.check(server, forge, token, as_json), "")


@forges.command()
def remove(forge: Forge, server: Server = None) -> None:
    """Forget a forge and its token."""
    from journeyman.cli import forges as work

    finish(work.remove(server, forge), "")
