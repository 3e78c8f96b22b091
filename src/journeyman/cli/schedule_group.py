"""The commands below `schedules`."""

from pathlib import Path
from typing import Annotated

import typer

from journeyman.cli.task_group import Attempts, Model, ModeName, Server
from journeyman.cli.typed import AsJson, Directory, EnvironmentName, finish

schedules = typer.Typer(help="Schedules: tasks that a server hands out again and again.", no_args_is_help=True)

Schedule = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name, its id, or the beginning of that.")]


@schedules.command()
def add(
    cron: Annotated[str, typer.Argument(metavar="CRON", help="Minute, hour, day, month, weekday: `0 7 * * 1-5`.")],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is to be done each time.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Else the prompt's beginning.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", metavar="ZONE", help="As `Europe/Berlin`; else this machine's.")
    ] = None,
    directory: Directory = Path(),
    mode: Annotated[ModeName, typer.Option("--mode", help="Change the code, answer, or review.")] = "code",
    repository: Annotated[
        str | None, typer.Option("--repository", metavar="ADDRESS", help="Work on this one in place of the folder's.")
    ] = None,
    ref: Annotated[
        str | None, typer.Option("--base", metavar="REF", help="The branch or tag as it is then; else the default one.")
    ] = None,
    env: EnvironmentName = None,
    model: Model = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="COMMAND", help="A command that must succeed; may be given several times."),
    ] = None,
    attempts: Attempts = 1,
    cost: Annotated[
        float | None, typer.Option("--cost", metavar="DOLLARS", min=0.0, help="What each task may cost.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", metavar="N", min=1, help="What each task may read and write.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority", min=1, max=5, help="1 is first, 5 last.")] = 3,
    group: Annotated[str | None, typer.Option("--group", metavar="NAME", help="Who else sees it.")] = None,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Hand a task out at the times of a cron expression, from now on."""
    from journeyman.cli import schedules as work

    order = work.Order(
        cron=cron,
        prompt=prompt,
        name=name,
        timezone=timezone,
        mode=mode,
        directory=directory,
        repository=repository,
        ref=ref,
        environment=env,
        model=model,
        checks=tuple(check or ()),
        attempts=attempts,
        cost=cost,
        tokens=tokens,
        priority=priority,
        group=group,
    )
    finish(work.add(server, order, as_json), "")


@schedules.command("list")
def list_(server: Server = None, as_json: AsJson = False) -> None:
    """List schedules, with their next times."""
    from journeyman.cli import schedules as work

    finish(work.list_schedules(server, as_json), "")


@schedules.command()
def pause(schedule: Schedule, server: Server = None) -> None:
    """Have a schedule hand out nothing until it is resumed."""
    from journeyman.cli import schedules as work

    finish(work.enable(server, schedule, False), "")


@schedules.command()
def resume(schedule: Schedule, server: Server = None) -> None:
    """Have a paused schedule go on; what was missed is not made up for."""
    from journeyman.cli import schedules as work

    finish(work.enable(server, schedule, True), "")


@schedules.command()
def remove(schedule: Schedule, server: Server = None) -> None:
    """Take a schedule away; the tasks that it handed out stay."""
    from journeyman.cli import schedules as work

    finish(work.remove(server, schedule), "")
