"""The commands of the service: `serve`, tasks as files, room on the disk, signing in at a server."""

from pathlib import Path
from typing import Annotated

import typer

from journeyman.cli.temporal import (
    BlobsAddress,
    Slots,
    StoreAddress,
    TemporalAddress,
    TemporalKey,
    TemporalNamespace,
    TemporalTls,
    temporal,
)
from journeyman.cli.typed import AsJson, Directory, TaskId, finish
from journeyman.core.errors import UsageError

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 is a free one.")] = 8700,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Without sign-in; on loopback only.")] = False,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave the work to `journeyman worker`.")] = False,
    address: TemporalAddress = None,
    namespace: TemporalNamespace = None,
    tls: TemporalTls = False,
    api_key_env: TemporalKey = None,
    slots: Slots = None,
    store: StoreAddress = None,
    blobs: BlobsAddress = None,
) -> None:
    """Serve: take tasks from people and programs by HTTP, work on them, and show them live."""
    from journeyman.cli import serve as service

    order = service.Order(
        host=host,
        port=port,
        sign_in=not no_auth,
        work=not no_worker,
        slots=slots,
        temporal=temporal(address, namespace, tls, api_key_env),
        store=store,
        blobs=blobs,
    )
    finish(service.serve(order), "")


@commands.command()
def export(
    task: TaskId = None,
    directory: Directory = Path(),
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to; else TASK.zip.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="F", help="As training data: `openai`, `sharegpt` or `preferences`."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All finished tasks; with --format.")] = False,
) -> None:
    """Write a task with all that belongs to it into one file, or as training data."""
    if format is not None:
        from journeyman.cli import training

        finish(training.export_tasks(task, directory, format, output, every), "")
        return
    if every:
        raise UsageError("--all needs --format; a file of its own holds one task.")
    from journeyman.cli import keep

    finish(keep.export_task(task, directory, output), "")


@commands.command("import")
def import_(file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `export` wrote.")]) -> None:
    """Take a task in that was exported elsewhere."""
    from journeyman.cli import keep

    finish(keep.import_task(file), "")


@commands.command()
def gc(
    tasks: Annotated[
        float | None, typer.Option("--tasks", metavar="DAYS", min=0.0, help="Keep finished tasks for so long.")
    ] = None,
    outputs: Annotated[
        float | None, typer.Option("--outputs", metavar="DAYS", min=0.0, help="Keep their outputs for so long.")
    ] = None,
    workspaces: Annotated[
        float | None, typer.Option("--workspaces", metavar="DAYS", min=0.0, help="Keep their workspaces for so long.")
    ] = None,
    disk: Annotated[str | None, typer.Option("--disk", metavar="SIZE", help="What all may take, as 50G.")] = None,
    dry_run: Annotated[bool, typer.Option("-n", "--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make room: workspaces, outputs and tasks that are over for long, and what nobody needs any more."""
    from journeyman.cli import keep

    finish(keep.collect(keep.Keep(tasks, outputs, workspaces, disk), dry_run=dry_run, as_json=as_json), "")


ServerName = Annotated[
    str | None, typer.Argument(metavar="SERVER", help="Its name in `journeyman remote list`, or its address.")
]


@commands.command()
def login(
    server: ServerName = None,
    token: Annotated[bool, typer.Option("--token", help="Read a token from stdin in place of a password.")] = False,
) -> None:
    """Sign in at a server, so that it knows whose tasks they are."""
    from journeyman.cli import servers

    finish(servers.login(server, token), "")


@commands.command()
def join(
    link: Annotated[str, typer.Argument(metavar="LINK", help="The link of an invitation.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What the server is called here.")] = None,
) -> None:
    """Join a server by an invitation, or set a new password by one."""
    from journeyman.cli import servers

    finish(servers.join(link, name), "")


@commands.command()
def logout(server: ServerName = None) -> None:
    """Forget how one is known to a server."""
    from journeyman.cli import servers

    finish(servers.logout(server), "")
