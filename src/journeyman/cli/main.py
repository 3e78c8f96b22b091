"""The command line: `journeyman`, or `jm` for short."""

import errno
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from journeyman import __version__
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
from journeyman.cli.typed import AsJson, Directory, EnvironmentName, Ref, TaskId, finish
from journeyman.core.errors import JourneymanError, RepositoryError, UsageError

app = typer.Typer(
    name="journeyman",
    help="A software engineer that you hand tasks to. It works on a copy of your repository in a sandbox without "
    "network, runs the checks itself, and hands back a patch with evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ModelName = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="NAME", help="A model of your settings, `local`, or `VENDOR:NAME`."),
]
Checks = Annotated[
    list[str] | None,
    typer.Option("--check", metavar="COMMAND", help="A command that must succeed; may be given several times."),
]
Attempts = Annotated[
    int | None, typer.Option("--attempts", metavar="N", min=1, max=8, help="Independent tries; the best is kept.")
]
StrategyName = Annotated[
    str | None,
    typer.Option("--strategy", metavar="NAME", help="`loop`, `repair` or `cascade`; else the model's own way."),
]
Apply = Annotated[bool, typer.Option("--apply", help="Put the patch on the working tree if the checks pass.")]
Engine = Annotated[str | None, typer.Option("--engine", metavar="HOST:PORT", help="Let an engine's workers do it.")]
Number = Annotated[
    int | None, typer.Option("--attempt", metavar="N", min=1, help="Which attempt; else the chosen one.")
]


@app.command()
def run(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What you want done; `-` reads it from stdin.")],
    directory: Directory = Path(),
    model: ModelName = None,
    check: Checks = None,
    attempts: Attempts = None,
    base: Ref = None,
    env: EnvironmentName = None,
    strategy: StrategyName = None,
    apply: Apply = False,
    engine: Engine = None,
    as_json: AsJson = False,
) -> None:
    """Change the code: work on a copy, check, and hand back a patch."""
    from journeyman.cli import commands

    flags = commands.Flags(directory, model, tuple(check or ()), attempts, base, as_json, apply, engine, env)
    finish(commands.start(prompt, "code", replace(flags, strategy=strategy)))


@app.command()
def ask(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="Your question; `-` reads it from stdin.")],
    directory: Directory = Path(),
    model: ModelName = None,
    attempts: Attempts = None,
    base: Ref = None,
    env: EnvironmentName = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question about the code; nothing is changed."""
    from journeyman.cli import commands

    finish(
        commands.start(prompt, "ask", commands.Flags(directory, model, (), attempts, base, as_json, False, None, env))
    )


@app.command()
def review(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to look at most; `-` reads it from stdin.")] = (
        "Review the change."
    ),
    directory: Directory = Path(),
    model: ModelName = None,
    attempts: Attempts = None,
    base: Ref = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="REF", help="What the change is against; else it is found out."),
    ] = None,
    env: EnvironmentName = None,
    as_json: AsJson = False,
) -> None:
    """Review a change: uncommitted files, else a branch, else a commit; nothing is changed."""
    from journeyman.cli import commands

    flags = commands.Flags(directory, model, (), attempts, base, as_json, False, None, env, against)
    finish(commands.start(prompt, "review", flags))


@app.command("follow-up")
def follow_up(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is to be done now; `-` reads it from stdin.")],
    task: TaskId = None,
    directory: Directory = Path(),
    model: ModelName = None,
    check: Checks = None,
    attempts: Attempts = None,
    ask: Annotated[bool, typer.Option("--ask", help="A question: nothing is changed in this turn.")] = False,
    review: Annotated[bool, typer.Option("--review", help="Have what was done reviewed.")] = False,
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Have a task go on with a further prompt, from the files and the conversation as they are."""
    from journeyman.cli import commands, further

    flags = commands.Flags(directory, model, tuple(check or ()), attempts, None, as_json, apply)
    finish(further.follow_up(prompt, task, "ask" if ask else "review" if review else "code", flags))


Which = Annotated[
    str | None, typer.Option("--attempt", metavar="N", help="The attempt, `2` or `1.2` of turn 1; else the chosen one.")
]
At = Annotated[int | None, typer.Option("--at", metavar="N", min=0, help="The step, as `journeyman log` counts.")]


@app.command()
def fork(
    task: TaskId = None,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is to be done; else the same again.")] = "",
    at: At = None,
    directory: Directory = Path(),
    attempt: Which = None,
    model: ModelName = None,
    check: Checks = None,
    attempts: Attempts = None,
    apply: Apply = False,
    as_json: AsJson = False,
) -> None:
    """Start a new task from a step of one: its conversation and all of its files."""
    from journeyman.cli import back, commands

    flags = commands.Flags(directory, model, tuple(check or ()), attempts, None, as_json, apply)
    finish(back.fork(back.Point(task, attempt, at, prompt), flags))


@app.command()
def rewind(
    task: TaskId = None,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What is to be done from there.")] = "",
    at: At = None,
    directory: Directory = Path(),
    attempt: Which = None,
    model: ModelName = None,
    as_json: AsJson = False,
) -> None:
    """Put a task's files and conversation back to a step; nothing of what came after is lost."""
    from journeyman.cli import back, commands

    flags = commands.Flags(directory, model, (), None, None, as_json, False)
    finish(back.rewind(back.Point(task, attempt, at, prompt), flags))


@app.command()
def steer(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the agent is told; `-` reads it from stdin.")],
    task: TaskId = None,
    directory: Directory = Path(),
) -> None:
    """Tell the agent something while it works; it hears it at the end of its step."""
    from journeyman.cli import further

    finish(further.say("steer", text, task, directory))


@app.command()
def stop(
    task: TaskId = None,
    directory: Directory = Path(),
    cancel: Annotated[bool, typer.Option("--cancel", help="The task is given up.")] = False,
) -> None:
    """Stop a task that another terminal works on, at once; what was done is kept."""
    from journeyman.cli import further

    finish(further.say("cancel" if cancel else "interrupt", "", task, directory))


@app.command()
def resume(task: TaskId = None, directory: Directory = Path(), as_json: AsJson = False) -> None:
    """Go on with a task that was interrupted, from the step it was in."""
    from journeyman.cli import commands

    finish(commands.resume(task, commands.Flags(directory, None, (), None, None, as_json, False)))


@app.command()
def apply(task: TaskId = None, directory: Directory = Path(), attempt: Number = None) -> None:
    """Put a task's patch on your working tree; on a conflict nothing is touched."""
    from journeyman.cli import commands

    finish(commands.apply(task, directory, attempt))


@app.command()
def diff(task: TaskId = None, directory: Directory = Path(), attempt: Number = None) -> None:
    """Print a task's patch."""
    from journeyman.cli import commands, read

    finish(commands.reading(directory, task, lambda at: read.show_diff(at.store, at.console, at.task, attempt)))


@app.command()
def show(task: TaskId = None, directory: Directory = Path(), attempt: Number = None, as_json: AsJson = False) -> None:
    """Show a task's result: what changed, the checks before and after, what it cost."""
    from journeyman.cli import commands, read

    finish(
        commands.reading(directory, task, lambda at: read.show_task(at.store, at.console, at.task, attempt, as_json))
    )


@app.command()
def log(
    task: TaskId = None,
    directory: Directory = Path(),
    attempt: Number = None,
    as_json: AsJson = False,
    raw: Annotated[bool, typer.Option("--raw", help="The events themselves, one JSON object a line.")] = False,
    chunk: Annotated[
        str | None, typer.Option("--chunk", metavar="ID", help="The whole raw output with this id.")
    ] = None,
) -> None:
    """Show everything that was done, step by step."""
    from journeyman.cli import commands, read

    finish(
        commands.reading(
            directory,
            task,
            lambda at: read.show_log(at.store, at.console, at.task, attempt, as_json=as_json, raw=raw, chunk=chunk),
        )
    )


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", min=1, help="How many of the newest.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List your tasks, the newest first."""
    from journeyman.cli import commands, read

    finish(commands.with_store(lambda store, console: read.list_tasks(store, console, limit, as_json)))


@app.command()
def worker(
    address: TemporalAddress = None,
    namespace: TemporalNamespace = None,
    tls: TemporalTls = False,
    api_key_env: TemporalKey = None,
    slots: Slots = None,
    store: StoreAddress = None,
    blobs: BlobsAddress = None,
) -> None:
    """Take tasks from an engine (Temporal); without an address, from one that is started with it."""
    from journeyman.cli import commands

    finish(commands.worker(temporal(address, namespace, tls, api_key_env), slots, store, blobs))


@app.command(context_settings={"allow_interspersed_args": False})
def sandbox(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND", help="The command, with its arguments.")],
    directory: Annotated[
        Path, typer.Option("-C", "--directory", help="The folder that it works in and may change.")
    ] = Path(),
    readable: Annotated[
        list[Path] | None, typer.Option("--ro", metavar="PATH", help="A file or folder that it may read.")
    ] = None,
    network: Annotated[
        str,
        typer.Option("--network", metavar="POLICY", help="`off`, `on`, `indexes`, or host patterns with commas."),
    ] = "off",
    backend: Annotated[str, typer.Option("--backend", help="`auto`, `bubblewrap` or `container`.")] = "auto",
    env: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="A variable that it sees.")
    ] = None,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Else none.")] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", metavar="SIZE", help="As 512M; else your settings'.")
    ] = None,
    processes: Annotated[int | None, typer.Option("--processes", min=1, help="At most; else your settings'.")] = None,
    disk: Annotated[str | None, typer.Option("--disk", metavar="SIZE", help="As 2G; else your settings'.")] = None,
    discard: Annotated[bool, typer.Option("--discard", help="Throw away what it changes.")] = False,
) -> None:
    """Run one command as an attempt would: in a folder, without network, with nothing else of the host."""
    from journeyman.cli import sandbox as room

    order = room.Order(
        command=tuple(command),
        directory=directory,
        readable=tuple(readable or ()),
        network=network,
        backend=backend,
        env=tuple(env or ()),
        timeout=timeout,
        memory=memory,
        processes=processes,
        disk=disk,
        discard=discard,
    )
    if code := room.run(order):
        raise typer.Exit(code)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Try what Journeyman needs on this machine, part by part, and say what is missing and how to get it."""
    from journeyman.cli.doctor import doctor as examine

    finish(examine(as_json=as_json))


@app.command()
def fetch(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Only `local`, the embedded model (1.1 GB).")] = "local",
) -> None:
    """Download and verify the embedded model; what was fetched before is kept."""
    from journeyman.cli import commands

    if model != "local":
        raise UsageError(f"{model!r} cannot be fetched; the embedded model is called `local`.")
    finish(commands.fetch())


def whole() -> typer.Typer:
    """The program with all of its commands: those that `run` has no use for, it need not wait for."""
    from journeyman.cli import eval_group, forge_group, groups, schedule_group, service_commands, task_group

    app.registered_commands.extend(service_commands.commands.registered_commands)
    app.add_typer(groups.environments, name="env")
    app.add_typer(groups.secrets, name="secret")
    app.add_typer(task_group.tasks, name="tasks")
    app.add_typer(schedule_group.schedules, name="schedules")
    app.add_typer(forge_group.forges, name="forges")
    app.add_typer(task_group.remotes, name="remote")
    app.add_typer(eval_group.evals, name="eval")
    return app


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        print(f"journeyman {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 the task failed, 2 wrong use, 130 interrupted."""
    program = app if sys.argv[1:2] in (["run"], ["ask"]) else whole()
    try:
        program()
    except (UsageError, RepositoryError) as error:
        _complain(error, 2)
    except JourneymanError as error:
        _complain(error, 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _complain(JourneymanError("The disk is full. What was done so far is kept; free some space and resume."), 1)


def _complain(error: JourneymanError, code: int) -> None:
    print(f"journeyman: {error}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
