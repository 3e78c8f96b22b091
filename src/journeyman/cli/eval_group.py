"""The commands below `eval`."""

from pathlib import Path
from typing import Annotated

import typer

from journeyman.cli.typed import AsJson, finish

evals = typer.Typer(
    help="Evals: how many tasks of a set a model solves, graded by files that the agent never sees.",
    no_args_is_help=True,
)

KEPT = "What is done is kept; the same command goes on."
SetFile = Annotated[Path, typer.Argument(metavar="SET", help="Tasks, one JSON object a line.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="The name of a run, or its folder.")]
ModelName = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="NAME", help="A model of your settings, `local`, or `VENDOR:NAME`."),
]
Workers = Annotated[int, typer.Option("--workers", metavar="W", min=1, max=64, help="How many at a time.")]
MirrorsFolder = Annotated[
    Path | None,
    typer.Option("--mirrors", metavar="FOLDER", help="Where the repositories are that the tasks name."),
]
Images = Annotated[bool, typer.Option("--images", help="Work on SWE-bench rows in SWE-bench's container images.")]
Only = Annotated[str, typer.Option("--only", metavar="TEXT", help="Only tasks whose names hold this.")]
Limit = Annotated[int | None, typer.Option("-n", "--limit", metavar="N", min=1, help="Only the first so many.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where it is written.")]


@evals.command()
def run(
    set: SetFile,
    model: ModelName = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="S", help="How attempts are worked; else the model's own way.")
    ] = None,
    attempts: Annotated[
        int, typer.Option("--attempts", metavar="N", min=1, max=8, help="Independent attempts at each task.")
    ] = 1,
    workers: Workers = 1,
    run: Annotated[
        str | None, typer.Option("--run", metavar="NAME", help="What the run is called; else it is made up.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Where the attempts' seeds begin.")] = 0,
    env: Annotated[
        str | None, typer.Option("--env", metavar="NAME", help="A stored environment, or `auto`, `ready` or `off`.")
    ] = None,
    only: Only = "",
    limit: Limit = None,
    mirrors: MirrorsFolder = None,
    images: Images = False,
    as_json: AsJson = False,
) -> None:
    """Work a set of tasks and grade the results; the same command goes on with what is left."""
    from journeyman.cli import eval_run

    wish = eval_run.Wish(
        file=set,
        model=model,
        strategy=strategy,
        attempts=attempts,
        workers=workers,
        name=run,
        seed=seed,
        environment=env,
        only=only,
        limit=limit,
        mirrors=mirrors,
        images=images,
    )
    finish(eval_run.run(wish, as_json), KEPT)


@evals.command()
def report(
    run: RunName,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with charts.")] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", metavar="FILE", help="Also keep the figures, to be compared later.")
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="The page links to the tasks of this service too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a run came to: solved, pass@k, false verified, tokens, cost, time, failures."""
    from journeyman.cli import eval_read

    finish(eval_read.report(run, html, summary, server, as_json), "")


@evals.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="A run, its folder, or a file of `report --summary`.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    as_json: AsJson = False,
) -> None:
    """Compare two runs task by task."""
    from journeyman.cli import eval_read

    finish(eval_read.compare(a, b, as_json), "")


@evals.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the runs."""
    from journeyman.cli import eval_read

    finish(eval_read.list_all(as_json), "")


@evals.command()
def mine(
    repo: Annotated[Path, typer.Argument(metavar="REPO", help="The repository, or a folder in it.")],
    output: Output = None,
    check: Annotated[
        list[str] | None,
        typer.Option("--check", metavar="COMMAND", help="How the tests are run; else it is found out."),
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="REF", help="The commit, branch or tag whose history is looked at.")
    ] = "HEAD",
    commits: Annotated[
        int, typer.Option("--commits", metavar="N", min=1, help="How many of the newest commits are looked at.")
    ] = 1000,
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", metavar="N", min=1, help="End once there are so many tasks.")
    ] = None,
    workers: Workers = 2,
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, help="How often tests are run on each side.")
    ] = 3,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="N", min=1.0, help="What one run of the tests may take.")
    ] = 300.0,
    whole: Annotated[
        bool, typer.Option("--whole", help="Run all tests each time, and not only those of changed files.")
    ] = False,
    env: Annotated[
        str, typer.Option("--env", metavar="NAME", help="A stored environment that the tests need, or `auto`, `off`.")
    ] = "off",
    as_json: AsJson = False,
) -> None:
    """Make tasks of a repository's own history: commits whose tests fail before them and pass after."""
    from journeyman.cli import eval_mine

    wish = eval_mine.Wish(
        directory=repo,
        output=output,
        checks=tuple(check or ()),
        ref=base,
        commits=commits,
        limit=limit,
        workers=workers,
        repeats=repeats,
        seconds=seconds,
        whole=whole,
        environment=env,
    )
    finish(eval_mine.mine(wish, as_json), "What was found out is kept; the same command goes on.")


@evals.command()
def check(
    set: SetFile,
    workers: Workers = 1,
    only: Only = "",
    limit: Limit = None,
    mirrors: MirrorsFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check a set itself: each task has to fail as it is handed out, and its accepted fix has to pass."""
    from journeyman.cli import eval_mine

    finish(eval_mine.check(set, workers, only, limit, mirrors, as_json), "")


@evals.command()
def export(
    run: RunName,
    format: Annotated[
        str,
        typer.Option("--format", metavar="F", help="`openai`, `sharegpt`, `preferences`, `verifiers` or `swebench`."),
    ],
    output: Output = None,
    every: Annotated[bool, typer.Option("--all", help="Also attempts that did not solve their task.")] = False,
    mirrors: MirrorsFolder = None,
) -> None:
    """Write a run as training data: trajectories, preference pairs, or an environment with the checks as reward."""
    from journeyman.cli import training

    finish(training.export_run(run, format, output, every, mirrors), "")
