"""`journeyman eval run`: a set worked here, with somebody looking on."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman import __version__
from journeyman.attempt.clones import ground_of
from journeyman.attempt.host import ModelPlan
from journeyman.cli.commands import cascade_of, open_host
from journeyman.cli.door import model_choice, open_door, open_stored
from journeyman.core.errors import UsageError
from journeyman.core.text import counted, one_line, plain
from journeyman.evals import folder as folders
from journeyman.evals import report as reports
from journeyman.evals import run as running
from journeyman.evals import swebench, words
from journeyman.evals.folder import Plan, RunFolder
from journeyman.evals.outcome import Broken, Outcome
from journeyman.evals.repositories import Mirrors
from journeyman.evals.sets import read_set
from journeyman.evals.task import EvalTask, digest
from journeyman.models.choice import profile_of
from journeyman.models.open import require

if TYPE_CHECKING:
    from rich.live import Live


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of `eval run`."""

    file: Path
    model: str | None
    strategy: str | None
    attempts: int
    workers: int
    name: str | None
    seed: int
    environment: str | None
    only: str
    limit: int | None
    mirrors: Path | None
    images: bool


async def run(wish: Wish, as_json: bool) -> int:
    """Begin a run, or go on with it."""
    tasks = chosen(list(read_set(wish.file, images=wish.images)), wish.only, wish.limit)
    given = {"model": wish.model, "strategy": wish.strategy, "environment": wish.environment}
    door = open_door(Path(), given)
    choice = model_choice(door, door.settings.model)
    require(choice, door.environ)
    name = wish.name or folders.default_name(wish.file.name, choice.name, wish.strategy, wish.attempts)
    plan = Plan(
        name=name,
        set=wish.file.name,
        digest=digest(tasks),
        tasks=len(tasks),
        model=choice.name,
        strategy=door.settings.strategy,
        attempts=wish.attempts,
        seed=wish.seed,
        environment=door.settings.environment,
        created=time.time(),
        version=__version__,
    )
    folder = folders.create(folders.runs_of(door.state), plan, tasks)
    show: Show = JsonShow() if as_json else TextShow(folder)
    async with open_stored(door) as store, open_host(door, store) as host:
        setting = running.Setting(
            host=host,
            ground=ground_of(host),
            model=ModelPlan(choice.name, profile_of(choice)),
            settings=door.settings,
            mirrors=Mirrors(wish.mirrors),
            cascade=await cascade_of(door, named=wish.model is not None),
        )
        with show.shown(folder):
            await running.work(folder, setting, show.told(), wish.workers)
        done = reports.report(folder)
        if any(task.grader.command is None or task.grader.patch for task in folder.tasks):
            await write_predictions(folder, store.blob, folder.path / "predictions.jsonl")
    show.end(done)
    return 0 if not done.broken else 1


def chosen(tasks: list[EvalTask], only: str, limit: int | None) -> list[EvalTask]:
    """The tasks that are meant. Raises `UsageError` where there is none."""
    found = [task for task in tasks if only in task.id][:limit]
    if not found:
        raise UsageError(f"The set has no task whose name holds {only!r}.")
    return found


async def write_predictions(folder: RunFolder, blob: Callable[[str], Awaitable[bytes]], file: Path) -> None:
    """What SWE-bench's harness reads: the patch of each task that a person would be handed."""
    rows: list[tuple[str, str]] = []
    for outcome in folder.state.graded():
        if outcome.chosen:
            patch = (await blob(outcome.diff)).decode(errors="replace") if outcome.diff else ""
            rows.append((outcome.instance, patch))
    text = swebench.predictions(rows, f"journeyman-{folder.plan.model}")
    await asyncio.to_thread(file.write_text, text, encoding="utf-8")


class Show:
    """Who is told of a run: lines for people, or JSON lines."""

    @contextmanager
    def shown(self, folder: RunFolder) -> Generator[None]:
        yield

    def told(self) -> running.Told:
        return running.Told()

    def end(self, report: reports.Report) -> None: ...


class JsonShow(Show):
    """`--json`: one object a line on stdout."""

    @contextmanager
    def shown(self, folder: RunFolder) -> Generator[None]:
        done = len(folder.state.outcomes)
        self._say({"type": "run.started", "run": folder.plan.model_dump(), "folder": str(folder.path), "done": done})
        yield

    def told(self) -> running.Told:
        return running.Told(
            begun=lambda instance, number: self._say(
                {"type": "attempt.started", "instance": instance, "number": number}
            ),
            ended=lambda outcome: self._say(
                {"type": "attempt.graded", "failure": outcome.failure, **outcome.model_dump(exclude={"kind", "chosen"})}
            ),
            broke=lambda broken: self._say({"type": "attempt.broken", **broken.model_dump(exclude={"kind"})}),
        )

    def end(self, report: reports.Report) -> None:
        self._say({"type": "run.completed", "report": report.model_dump()})

    def _say(self, line: dict[str, Any]) -> None:
        print(json.dumps(line, ensure_ascii=False), flush=True)


@dataclass(slots=True)
class TextShow(Show):
    """A line for each attempt that is over, and below them, on a terminal, what goes on now."""

    folder: RunFolder
    active: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    live: "Live | None" = None

    @contextmanager
    def shown(self, folder: RunFolder) -> Generator[None]:
        from rich.console import Console
        from rich.live import Live

        plan, done = folder.plan, len(folder.state.outcomes)
        all_ = plan.tasks * plan.attempts
        print(f"Run {plan.name}: {counted(plan.tasks, 'task')} with {plan.model}, in {folder.path}", file=sys.stderr)
        if done:
            print(f"{done} of {all_} attempts were done before; going on with the others.", file=sys.stderr)
        print(f"{'task':44} {'ok':4} {'verdict':11} {'seconds':>8} {'tokens':>9} how it ended")
        console = Console(stderr=True)
        if not console.is_terminal:
            yield
            return
        with Live(console=console, refresh_per_second=4, transient=True, redirect_stdout=True) as live:
            self.live = live
            yield

    def told(self) -> running.Told:
        return running.Told(begun=self._begun, doing=self._doing, ended=self._ended, broke=self._broke)

    def end(self, report: reports.Report) -> None:
        print()
        for line in words.report_lines(report):
            print(plain(line))

    def _begun(self, instance: str, number: int) -> None:
        self._doing(instance, number, "starting")

    def _doing(self, instance: str, number: int, line: str) -> None:
        self.active[instance, number] = line
        self._draw()

    def _ended(self, outcome: Outcome) -> None:
        self.active.pop((outcome.instance, outcome.number), None)
        mark = "?" if outcome.grade.solved is None else "yes" if outcome.solved else "no"
        self._line(outcome.instance, outcome.number, mark, outcome.verdict, outcome)
        self._draw()

    def _broke(self, broken: Broken) -> None:
        self.active.pop((broken.instance, broken.number), None)
        print(f"{one_line(broken.instance, 44):44} broken: {one_line(broken.message, 300)}", flush=True)
        self._draw()

    def _line(self, instance: str, number: int, mark: str, verdict: str, outcome: Outcome) -> None:
        name = one_line(instance, 44 if self.folder.plan.attempts == 1 else 41)
        name += f" #{number}" if self.folder.plan.attempts > 1 else ""
        tokens = outcome.usage.total_tokens
        print(f"{name:44} {mark:4} {verdict:11} {outcome.seconds:8.1f} {tokens:9} {outcome.failure}", flush=True)

    def _draw(self) -> None:
        if self.live is None:
            return
        from rich.text import Text

        outcomes = self.folder.state.outcomes.values()
        all_ = self.folder.plan.tasks * self.folder.plan.attempts
        solved = sum(one.solved for one in outcomes)
        head = f"{len(outcomes)} of {all_} attempts over, {solved} right"
        lines = [
            f"  {one_line(name, 40)} #{number}  {one_line(doing, 60)}" for (name, number), doing in self.active.items()
        ]
        self.live.update(Text("\n".join([head, *lines[:12]]), style="dim"))
