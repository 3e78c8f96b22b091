"""A run on the disk: a folder with what was asked for, the tasks, and a journal to which only lines are added.

run.json      what was asked for
tasks.jsonl   the tasks, with what the agent must not see
journal.jsonl what happened: one line each, on the disk before anything goes on
work/         the tasks' repositories
"""

import fcntl
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from journeyman.core.errors import StoreError, UsageError
from journeyman.core.text import one_line
from journeyman.core.value import Value
from journeyman.evals.outcome import Begun, Broken, Chosen, Outcome
from journeyman.evals.task import EvalTask

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")

Line = Annotated[Outcome | Broken | Begun | Chosen, Field(discriminator="kind")]
_LINE: TypeAdapter[Outcome | Broken | Begun | Chosen] = TypeAdapter(Line)


class Plan(Value):
    """What a run is asked to do. `set` is the file's name and `digest` its content; `strategy` None is the model's own.
    `created` is seconds since the epoch."""

    name: str
    set: str
    digest: str
    tasks: int
    model: str
    strategy: str | None = None
    attempts: int = 1
    seed: int = 0
    environment: str = "ready"
    created: float = 0.0
    version: str = ""

    def same_as(self, other: "Plan") -> bool:
        """Whether the two ask for the same, so that one goes on with the other."""
        apart = {"created": 0.0, "version": "", "set": ""}
        return self.model_copy(update=apart) == other.model_copy(update=apart)


@dataclass(slots=True)
class State:
    """The fold over a journal: outcomes by task and attempt number, tasks in the store, what broke, what was chosen."""

    outcomes: dict[tuple[str, int], Outcome] = field(default_factory=dict[tuple[str, int], Outcome])
    broken: dict[tuple[str, int], Broken] = field(default_factory=dict[tuple[str, int], Broken])
    begun: dict[str, str] = field(default_factory=dict[str, str])
    chosen: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, line: Outcome | Broken | Begun | Chosen) -> None:
        match line:
            case Outcome():
                self.outcomes[line.instance, line.number] = line
                self.broken.pop((line.instance, line.number), None)
            case Broken():
                if (line.instance, line.number) not in self.outcomes:
                    self.broken[line.instance, line.number] = line
            case Begun():
                self.begun[line.instance] = line.task_id
            case Chosen():
                self.chosen[line.instance] = line.number

    def graded(self) -> list[Outcome]:
        """All outcomes, those that were chosen marked."""
        return [
            one.model_copy(update={"chosen": self.chosen.get(one.instance) == one.number})
            for one in self.outcomes.values()
        ]


@dataclass(slots=True)
class RunFolder:
    """A run's folder, open for reading; `held` opens it for work."""

    path: Path
    plan: Plan
    tasks: Sequence[EvalTask]
    state: State

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def secrets(self) -> tuple[Path, ...]:
        """Where the grader's files are."""
        return (self.path / "tasks.jsonl", self.path / "journal.jsonl")

    def record(self, *lines: Outcome | Broken | Begun | Chosen) -> None:
        """Add to the journal; when it returns, it is on the disk."""
        data = b"".join(line.model_dump_json().encode() + b"\n" for line in lines)
        with (self.path / "journal.jsonl").open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        for line in lines:
            self.state.add(line)

    @contextmanager
    def held(self) -> Generator[None]:
        """Be the one process that works on the run; a line that a killed one left unfinished is cut off first."""
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(f"The run {self.plan.name} is being worked on by another process.") from None
            _mend(self.path / "journal.jsonl")
            self.state = _fold(self.path / "journal.jsonl")
            yield


def runs_of(state: Path) -> Path:
    """Where runs are kept below the folder of Journeyman's state."""
    return state / "evals"


def create(parent: Path, plan: Plan, tasks: Sequence[EvalTask]) -> RunFolder:
    """The folder of a run, new or as it is. A `UsageError` where one of that name asks for something else."""
    if not NAME.match(plan.name):
        raise UsageError(f"{one_line(plan.name)!r} is no name for a run: letters, digits, dots, dashes.")
    folder = parent / plan.name
    if (folder / "run.json").is_file():
        found = load(folder)
        if not found.plan.same_as(plan):
            raise UsageError(
                f"There is a run {plan.name} already, with another set, model, strategy, seed or number of attempts. "
                "Give this one a name of its own with --run NAME."
            )
        return found
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = "".join(task.model_dump_json() + "\n" for task in tasks)
    _whole(folder / "tasks.jsonl", text)
    _whole(folder / "run.json", plan.model_dump_json(indent=1) + "\n")
    return RunFolder(folder, plan, tasks, State())


def load(folder: Path) -> RunFolder:
    """A run as it is on the disk."""
    try:
        plan = Plan.model_validate_json((folder / "run.json").read_text())
        lines = (folder / "tasks.jsonl").read_text().splitlines()
        tasks = [EvalTask.model_validate_json(line) for line in lines]
    except FileNotFoundError:
        raise UsageError(f"There is no run at {folder}; `journeyman eval list` shows those that there are.") from None
    except (OSError, ValidationError) as error:
        raise StoreError(f"The run at {folder} cannot be read: {one_line(str(error), 300)}.") from error
    return RunFolder(folder, plan, tasks, _fold(folder / "journal.jsonl"))


def find(parent: Path, name: str) -> RunFolder:
    """The run with this name, or in this folder."""
    if (parent / name / "run.json").is_file():
        return load(parent / name)
    if (Path(name) / "run.json").is_file():
        return load(Path(name))
    known = ", ".join(one.name for one in listed(parent)) or "none"
    raise UsageError(f"There is no run {one_line(name)!r}; there are: {known}.")


def listed(parent: Path) -> list[Path]:
    """The folders of all runs, the newest last."""
    found = [file.parent for file in parent.glob("*/run.json")]
    return sorted(found, key=lambda folder: ((folder / "run.json").stat().st_mtime, folder.name))


def _fold(journal: Path) -> State:
    state = State()
    if not journal.is_file():
        return state
    lines = journal.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], 1):  # the last is empty, or was never finished
        try:
            state.add(_LINE.validate_json(line))
        except ValidationError as error:
            raise StoreError(
                f"Line {number} of {journal} cannot be read: {one_line(str(error), 200)}. The lines before it are "
                "whole; take it out to go on."
            ) from error
    return state


def _mend(journal: Path) -> None:
    if journal.is_file():
        data = journal.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            with journal.open("r+b") as file:
                file.truncate(whole)


def _whole(file: Path, text: str) -> None:
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def default_name(file: str, model: str, strategy: str | None, attempts: int) -> str:
    """A name that says what a run is: the set, the model, and what is not as usual."""
    parts = [Path(file).stem, model, *([strategy] if strategy else []), *([f"x{attempts}"] if attempts > 1 else [])]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", "_".join(parts)).strip("-._")[:100]
