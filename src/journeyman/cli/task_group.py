"""The commands below `tasks` and `remote`, and `login` and `logout`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from journeyman.cli.typed import AsJson, Directory, EnvironmentName, Ref, finish

tasks = typer.Typer(
    help="Tasks of a server: hand them out, watch them, steer them, take their results over.", no_args_is_help=True
)
remotes = typer.Typer(help="Servers that tasks are handed to.", no_args_is_help=True)

LEFT = "The task goes on; `journeyman tasks watch` shows it again."
"""What is said when a person stops looking on."""

Server = Annotated[
    str | None,
    typer.Option(
        "--server", metavar="NAME", help="A server of `journeyman remote list`, or an address; else the default."
    ),
]
Task = Annotated[str | None, typer.Argument(metavar="TASK", help="The beginning of its id; else the newest.")]
ThisTask = Annotated[str, typer.Argument(metavar="TASK", help="The beginning of its id.")]
TheseTasks = Annotated[list[str], typer.Argument(metavar="TASK…", help="The beginnings of their ids.")]
Number = Annotated[
    int | None, typer.Option("--attempt", metavar="N", min=1, help="Which attempt; else the chosen one.")
]
Model = Annotated[str | None, typer.Option("-m", "--model", metavar="NAME", help="A model that the server has.")]
Attempts = Annotated[
    int, typer.Option("--attempts", metavar="N", min=1, max=8, help="Independent tries; the best is kept.")
]
Watch = Annotated[bool, typer.Option("-w", "--watch", help="Look on until it has ended, and show the result.")]
ModeName = Literal["code", "ask", "review"]


@tasks.command()
def submit(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What you want done; `-` reads it from stdin.")],
    directory: Directory = Path(),
    mode: Annotated[ModeName, typer.Option("--mode", help="Change the code, answer, or review.")] = "code",
    repository: Annotated[
        str | None, typer.Option("--repository", metavar="ADDRESS", help="Work on this one in place of the folder.")
    ] = None,
    base: Ref = None,
    env: EnvironmentName = None,
    model: Model = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="COMMAND", help="A command that must succeed; may be given several times."),
    ] = None,
    attempts: Attempts = 1,
    image: Annotated[
        list[Path] | None, typer.Option("-i", "--image", metavar="FILE", help="A picture that belongs to the prompt.")
    ] = None,
    cost: Annotated[
        float | None, typer.Option("--cost", metavar="DOLLARS", min=0.0, help="What the whole task may cost.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens", metavar="N", min=1, help="What the whole task may read and write.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority", min=1, max=5, help="1 is first, 5 last.")] = 3,
    group: Annotated[str | None, typer.Option("--group", metavar="NAME", help="Who else sees it.")] = None,
    parent: Annotated[str | None, typer.Option("--parent", metavar="TASK", help="The task that it comes from.")] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="TEXT", help="The same key a second time hands out nothing more.")
    ] = None,
    server: Server = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Hand a task out, with your folder's state as its start."""
    from journeyman.cli import submit as work

    order = work.Order(
        prompt="",
        mode=mode,
        directory=directory,
        repository=repository,
        base=base,
        environment=env,
        model=model,
        checks=tuple(check or ()),
        attempts=attempts,
        images=tuple(image or ()),
        cost=cost,
        tokens=tokens,
        priority=priority,
        group=group,
        parent=parent,
        key=key,
    )
    finish(work.submit(server, work.with_prompt(order, prompt), watch=watch, as_json=as_json), LEFT if watch else "")


@tasks.command("list")
def list_(
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", min=1, max=200, help="How many.")] = 20,
    cursor: Annotated[str | None, typer.Option("--cursor", metavar="TEXT", help="The page that follows.")] = None,
    search: Annotated[str, typer.Option("--search", metavar="WORDS", help="Those with all of these words.")] = "",
    status: Annotated[
        list[str] | None, typer.Option("--status", metavar="STATUS", help="`running`, `done` …; several times: either.")
    ] = None,
    env: Annotated[str | None, typer.Option("--env", metavar="NAME", help="Those of this environment.")] = None,
    archived: Annotated[bool, typer.Option("--archived", help="Those that were archived.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """List tasks, the last changed first."""
    from journeyman.cli import tasks as work

    wanted = work.Wanted(limit, cursor, search, work.statuses(status or ()), env, archived)
    finish(work.list_tasks(server, wanted, as_json), "")


@tasks.command()
def status(task: Task = None, server: Server = None, as_json: AsJson = False) -> None:
    """Say in three lines how a task is; the exit code is 0 only when it is ready."""
    import time

    from journeyman.cli import tasks as work

    finish(work.status(server, task, time.time(), as_json), "")


@tasks.command()
def watch(task: Task = None, server: Server = None, as_json: AsJson = False) -> None:
    """Look on while a task is worked on, and show its result; Ctrl-C leaves it at work."""
    from journeyman.cli import tasks as work

    finish(work.watch(server, task, as_json), LEFT)


@tasks.command()
def show(task: Task = None, attempt: Number = None, server: Server = None, as_json: AsJson = False) -> None:
    """Show a task's result: what changed, the checks before and after, what it cost."""
    from journeyman.cli import tasks as work

    finish(work.show(server, task, attempt, as_json), "")


@tasks.command()
def diff(task: Task = None, attempt: Number = None, server: Server = None) -> None:
    """Print a task's patch."""
    from journeyman.cli import tasks as work

    finish(work.diff(server, task, attempt), "")


@tasks.command()
def apply(task: Task = None, directory: Directory = Path(), attempt: Number = None, server: Server = None) -> None:
    """Put a task's patch on the working tree that you are in; on a conflict nothing is touched."""
    from journeyman.cli import tasks as work

    finish(work.apply(server, task, attempt, directory), "")


@tasks.command()
def cancel(task: ThisTask, server: Server = None) -> None:
    """End a task; what it did is kept."""
    from journeyman.cli import tasks as work

    finish(work.cancel(server, task), "")


@tasks.command()
def interrupt(task: ThisTask, server: Server = None) -> None:
    """Stop what runs now; a follow-up goes on from there."""
    from journeyman.cli import tasks as work

    finish(work.interrupt(server, task), "")


@tasks.command()
def steer(
    task: ThisTask,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the agent should know.")],
    attempt: Annotated[int | None, typer.Option("--attempt", metavar="N", min=1, help="Only this attempt.")] = None,
    server: Server = None,
) -> None:
    """Say something to the agent while it works."""
    from journeyman.cli import tasks as work

    finish(work.steer(server, task, text, attempt), "")


@tasks.command("follow-up")
def follow_up(
    task: ThisTask,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is to be done further.")],
    mode: Annotated[ModeName | None, typer.Option("--mode", help="Else as before.")] = None,
    model: Model = None,
    attempts: Annotated[
        int | None, typer.Option("--attempts", metavar="N", min=1, max=8, help="Else as before.")
    ] = None,
    attempt: Annotated[
        int | None, typer.Option("--attempt", metavar="N", min=1, help="Go on from this one; else from the chosen one.")
    ] = None,
    server: Server = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Have a task go on with another prompt, from what it has done so far."""
    from journeyman.cli import tasks as work

    further = work.Further(prompt, mode, model, attempts, attempt, watch, as_json)
    finish(work.follow_up(server, task, further), LEFT if watch else "")


Which = Annotated[
    str | None, typer.Option("--attempt", metavar="N", help="The attempt, `2` or `1.2` of turn 1; else the chosen one.")
]
At = Annotated[int | None, typer.Option("--at", metavar="N", min=0, help="The step, as the work log numbers them.")]


@tasks.command()
def fork(
    task: ThisTask,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is to be done; else the same again.")] = "",
    at: At = None,
    attempt: Which = None,
    model: Model = None,
    attempts: Attempts = 1,
    server: Server = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Start a new task from a step of one: its conversation and all of its files."""
    from journeyman.cli import task_steps as work

    point = work.Point(attempt, at, prompt, model, attempts, watch, as_json)
    finish(work.fork(server, task, point), LEFT if watch else "")


@tasks.command()
def rewind(
    task: ThisTask,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is to be done from there.")] = "",
    at: At = None,
    attempt: Which = None,
    server: Server = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Put a task's files and conversation back to a step; nothing of what came after is lost."""
    from journeyman.cli import task_steps as work

    finish(
        work.rewind(server, task, work.Point(attempt, at, prompt, watch=watch, as_json=as_json)), LEFT if watch else ""
    )


@tasks.command()
def approve(
    task: ThisTask,
    cost: Annotated[float | None, typer.Option("--cost", metavar="DOLLARS", min=0.0, help="The whole budget.")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", metavar="N", min=1, help="The whole budget.")] = None,
    server: Server = None,
) -> None:
    """Let a task go on that stopped at its budget."""
    from journeyman.cli import tasks as work

    finish(work.approve(server, task, cost, tokens), "")


@tasks.command()
def retry(task: ThisTask, server: Server = None) -> None:
    """Try a task again that failed or was cancelled."""
    from journeyman.cli import tasks as work

    finish(work.retry(server, task), "")


@tasks.command()
def choose(
    task: ThisTask,
    attempt: Annotated[int, typer.Argument(metavar="N", min=1, help="The attempt's number.")],
    server: Server = None,
) -> None:
    """Hand over another attempt than the one that was chosen."""
    from journeyman.cli import tasks as work

    finish(work.select(server, task, attempt), "")


@tasks.command()
def pr(
    task: Task = None,
    attempt: Number = None,
    base: Annotated[str | None, typer.Option("--base", metavar="BRANCH", help="What it is to be taken into.")] = None,
    branch: Annotated[
        str | None, typer.Option("--branch", metavar="BRANCH", help="What the result is pushed as.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Else that of the task.")] = None,
    body: Annotated[
        str | None, typer.Option("--body", metavar="MARKDOWN", help="Else what the work did and the checks say.")
    ] = None,
    draft: Annotated[bool, typer.Option("--draft", help="Open it as a draft.")] = False,
    server: Server = None,
    as_json: AsJson = False,
) -> None:
    """Push the result and open a pull request for it, or bring the open one up to date."""
    from journeyman.cli import forges as work

    wanted = work.Wanted(attempt, branch, base, title, body, draft)
    finish(work.pull_request(server, task, wanted, as_json), "")


@tasks.command()
def archive(
    task: TheseTasks,
    undo: Annotated[bool, typer.Option("--undo", help="Put it back into the list.")] = False,
    server: Server = None,
) -> None:
    """Take tasks out of the list; nothing of them is lost."""
    from journeyman.cli import tasks as work

    finish(work.archive(server, task, undo), "")


@tasks.command()
def delete(
    task: TheseTasks,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    server: Server = None,
) -> None:
    """Delete tasks with all that they did, for ever."""
    from journeyman.cli import tasks as work

    finish(work.delete(server, task, yes), "")


# ------------------------------------------------------------ servers

ServerName = Annotated[str, typer.Argument(metavar="NAME", help="Its name in `journeyman remote list`.")]


@remotes.command()
def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="As `https://journeyman.example.com`.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Else the first part of the host's.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="Mean it from now on where no server is named.")] = False,
) -> None:
    """Remember a server under a name."""
    from journeyman.cli import servers

    finish(servers.add(address, name, default), "")


@remotes.command("list")
def list_servers(as_json: AsJson = False) -> None:
    """List the servers that are known, and which is the default."""
    from journeyman.cli import servers

    servers.show_all(as_json)


@remotes.command()
def use(name: ServerName) -> None:
    """Mean this server from now on where none is named."""
    from journeyman.cli import servers

    servers.use(name)


@remotes.command("remove")
def remove_server(name: ServerName) -> None:
    """Forget a server and the token for it."""
    from journeyman.cli import servers

    servers.remove(name)
