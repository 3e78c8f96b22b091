"""The commands below `env` and `secret`."""

from pathlib import Path
from typing import Annotated

import typer

from journeyman.cli.typed import AsJson, Directory, EnvironmentName, Ref, finish

environments = typer.Typer(
    help="Environments: what a repository needs installed, set up once and opened below each attempt.",
    no_args_is_help=True,
)
secrets = typer.Typer(help="Secrets: values that environments use and nothing else ever shows.", no_args_is_help=True)

NOTHING = "Nothing half-built is used."
ForEnvironment = Annotated[
    str | None, typer.Option("--env", metavar="NAME", help="Only for this environment; else for all.")
]
SecretName = Annotated[str, typer.Argument(metavar="NAME", help="Its name, which is that of the variable.")]


@environments.command()
def build(
    directory: Directory = Path(),
    env: EnvironmentName = None,
    base: Ref = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Build it anew though it is ready.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run set-up and keep what it leaves; does nothing where that is ready."""
    from journeyman.cli import environment

    finish(environment.build(environment.Where(directory, env, base), fresh, as_json), NOTHING)


@environments.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the environments that are ready and those that are stored."""
    from journeyman.cli import environment

    finish(environment.list_all(as_json))


@environments.command()
def show(
    directory: Directory = Path(),
    env: EnvironmentName = None,
    base: Ref = None,
    output: Annotated[bool, typer.Option("--output", help="All that its last set-up wrote, and nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a repository's environment in full: what is run, with which network, and whether it is ready."""
    from journeyman.cli import environment

    where = environment.Where(directory, env, base)
    finish(environment.show_output(where) if output else environment.show(where, as_json))


@environments.command()
def init(
    directory: Directory = Path(),
    name: Annotated[
        str | None, typer.Option("--store", metavar="NAME", help="Store it under this name instead.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Take this file in place of what is detected.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the one that there is.")] = False,
) -> None:
    """Write what is detected to .journeyman/environment.toml, to be changed by you."""
    from journeyman.cli import environment_write

    finish(environment_write.init(directory, name, file, force))


@environments.command()
def trust(
    directory: Directory = Path(),
    base: Ref = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Approve what a repository's own file asks for: network, image, secrets. Any change of it needs a new approval."""
    from journeyman.cli import environment_write

    finish(environment_write.trust(directory, base, yes))


@environments.command()
def allow(
    host: Annotated[
        str,
        typer.Argument(metavar="HOST", help="`example.com`, `*.example.com` or `**.example.com`."),
    ],
    directory: Directory = Path(),
    env: EnvironmentName = None,
    setup: Annotated[bool, typer.Option("--setup", help="In set-up and not in attempts.")] = False,
) -> None:
    """Let requests to a host through from now on."""
    from journeyman.cli import environment, environment_allow

    where = environment.Where(directory, env)
    finish(environment_allow.allow(where, host, "setup" if setup else "attempt"))


@environments.command()
def reset(
    directory: Directory = Path(),
    every: Annotated[bool, typer.Option("--all", help="Of all repositories.")] = False,
) -> None:
    """Throw away what is ready, so that set-up runs anew; what is in use stays."""
    from journeyman.cli import environment_write

    finish(environment_write.reset(directory, every))


@environments.command()
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="A stored environment.")]) -> None:
    """Forget a stored environment."""
    from journeyman.cli import environment_write

    finish(environment_write.remove(name))


@environments.command(context_settings={"allow_interspersed_args": False})
def shell(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="Run this in place of a shell.")
    ] = None,
    directory: Directory = Path(),
    env: EnvironmentName = None,
    base: Ref = None,
) -> None:
    """Open a shell in the environment as an attempt would see it; what is changed there is thrown away."""
    from journeyman.cli import environment, environment_shell

    finish(environment_shell.shell(environment.Where(directory, env, base), tuple(command or ())), NOTHING)


@secrets.command("set")
def set_(name: SecretName, env: ForEnvironment = None) -> None:
    """Store a secret: its value is read from stdin, or asked for."""
    from journeyman.cli import secret

    finish(secret.set_secret(name, env))


@secrets.command("list")
def list_secrets(as_json: AsJson = False) -> None:
    """List the names of stored secrets."""
    from journeyman.cli import secret

    finish(secret.list_secrets(as_json))


@secrets.command("remove")
def remove_secret(name: SecretName, env: ForEnvironment = None) -> None:
    """Forget a secret."""
    from journeyman.cli import secret

    finish(secret.remove_secret(name, env))
