"""`list`, `show`, `log`, `diff` and `apply`: what is stored, read back."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from journeyman.cli.live import duration, print_hanging, refused_words
from journeyman.cli.page import Patch, diff_text, result_page, task_lines
from journeyman.core import folds
from journeyman.core.errors import UsageError
from journeyman.core.events import (
    EVENT,
    AttemptStarted,
    CandidateTried,
    Checked,
    CheckStarted,
    CommandEnded,
    Compacted,
    CrossChecked,
    Escalated,
    Event,
    FilesChanged,
    Judged,
    Opened,
    PlanUpdated,
    Prepared,
    Published,
    PullRequestChanged,
    Replied,
    RequestRefused,
    Said,
    SetUpFailed,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Result
from journeyman.core.stream import lines_of, result_line
from journeyman.core.task import Attempt, Task
from journeyman.core.text import counted, decode, one_line, plain
from journeyman.core.words import (
    compacted_words,
    crossed_words,
    escalated_words,
    judged_words,
    pull_request_words,
    set_up_words,
)
from journeyman.store.store import Store


def repository_of(directory: Path) -> Path | None:
    """The root of the repository that a person is in, if they are in one."""
    resolved = directory.resolve()
    return next((folder for folder in (resolved, *resolved.parents) if (folder / ".git").exists()), None)


async def find(store: Store, task: str | None, repository: Path | None) -> Task:
    """The task that a person means: by the beginning of its id, else the latest of the repository they are in."""
    if task is not None:
        return await store.task(task)
    if repository is None:
        found = await store.tasks(1)
        if not found:
            raise UsageError('There is no task yet; `journeyman run "…"` starts one.')
        return found[0]
    return await store.latest(str(repository))


async def chosen(store: Store, task: Task, number: int | None) -> Attempt:
    """The attempt to show: the one asked for, else the chosen one, else the first."""
    attempts = await store.attempts(task.id, task.turn)
    wanted = [one for one in attempts if (one.number == number if number else one.id == task.chosen)]
    if number is not None and not wanted:
        raise UsageError(f"Task {task.id} has {counted(len(attempts), 'attempt')}; there is no attempt {number}.")
    return (wanted or attempts)[0]


async def status_of(store: Store, task: Task, attempt: Attempt) -> str:
    """The task's status; what nobody is at work on any more was interrupted, whatever it last wrote down."""
    if task.status in ("running", "queued") and await store.holder(attempt.id) is None:
        return "interrupted"
    return task.status


async def result_of(store: Store, attempt: Attempt) -> tuple[Result, list[Event]]:
    events = await store.events(attempt.id)
    result = folds.result(events)
    if result is None:
        holder = await store.holder(attempt.id)
        doing = f"{holder} is at work on it" if holder else f"`journeyman resume {attempt.task_id}` goes on with it"
        raise UsageError(f"Task {attempt.task_id} has no result yet; {doing}.")
    return result, events


async def patch_of(store: Store, result: Result) -> bytes:
    return await store.blob(result.diff) if result.diff else b""


async def list_tasks(store: Store, console: Console, limit: int, as_json: bool) -> None:
    tasks = await store.tasks(limit)
    if as_json:
        for task in tasks:
            print(task.model_dump_json())
        return
    if not tasks:
        console.print('No tasks yet. `journeyman run "…"` in a git repository starts one.')
        return
    rows: list[tuple[str, ...]] = []
    for task in tasks:
        attempt = await chosen(store, task, None)
        status = attempt.verdict or await status_of(store, task, attempt)
        started = datetime.fromtimestamp(task.created, UTC).astimezone().strftime("%d %b %H:%M")
        rows.append((task.id, started, status, task.mode, one_line(Path(task.repository).name, 20), task.title))
    for line in task_lines(rows, console.width if console.is_terminal else None):
        console.print(line, highlight=False, soft_wrap=True)


async def show_task(store: Store, console: Console, task: Task, number: int | None, as_json: bool) -> None:
    attempt = await chosen(store, task, number)
    events = await store.events(attempt.id)
    result = folds.result(events)
    if as_json:
        line = {"task": task.model_dump(), "attempts": [one.model_dump() for one in await store.attempts(task.id)]}
        print(json.dumps(line | {"result": result_line(result) if result else None}, ensure_ascii=False))
        return
    console.print(Text(plain(task.prompt), style="bold"), soft_wrap=not console.is_terminal)
    if result is None:
        holder = await store.holder(attempt.id)
        doing = (
            f"being worked on by {holder}"
            if holder
            else f"{await status_of(store, task, attempt)}; `journeyman resume {task.id}` goes on"
        )
        console.print(f"{counted(folds.steps(events), 'step')} so far, {doing}.", highlight=False, soft_wrap=True)
        return
    await show_result(store, console, task, attempt)


async def show_result(store: Store, console: Console, task: Task, attempt: Attempt) -> None:
    """The result page."""
    result, events = await result_of(store, attempt)
    patch = decode(await patch_of(store, result))
    attempts = await store.attempts(task.id, task.turn)
    for part in result_page(task, attempt, attempts, result, events, patch):
        # The lines of a patch are left whole for whoever copies them; in a pipe all lines are.
        whole = isinstance(part, Patch) or (isinstance(part, Text) and not console.is_terminal)
        console.print(part, highlight=False, soft_wrap=whole)


async def show_log(
    store: Store, console: Console, task: Task, number: int | None, *, as_json: bool, raw: bool, chunk: str | None
) -> None:
    """Every step with its output; the public stream with `as_json`, the events themselves with `raw`."""
    attempt = await chosen(store, task, number)
    if chunk is not None:
        sys.stdout.buffer.write(await store.chunk(attempt.id, chunk))
        sys.stdout.buffer.flush()
        return
    events = await store.events(attempt.id)
    if raw:
        for event in events:
            print(EVENT.dump_json(event).decode())
        return
    if as_json:
        for line in lines_of(task.id, events):
            print(json.dumps(line, ensure_ascii=False))
        return
    began = events[0].at if events else 0.0
    step = 0
    for event in events:
        step += isinstance(event, Replied)
        _show_event(console, event, event.at - began, step)


def _show_event(console: Console, event: Event, at: float, step: int) -> None:
    def line(title: str, body: str = "", style: str = "bold") -> None:
        print_hanging(console, Text(f"{duration(at):>12}  ", "dim"), Text(one_line(title, 140), style))
        if body.strip():
            print_hanging(console, Text(" " * 14), Text(plain(body).rstrip()))

    match event:
        case Prepared():
            told = f"{counted(len(event.tools), 'tool')} and {counted(len(event.rules), 'AGENTS.md file')}"
            line(f"told the model its instructions, {told}")
        case Said():
            line(f"said to the model ({event.why})", event.item.text, "dim")
        case Replied(reply=reply):
            usage = reply.usage
            tokens = f"{usage.input_tokens} in, {usage.output_tokens} out"
            line(f"step {step}: model replied in {duration(event.seconds)}, {tokens}", reply.text)
        case ToolStarted():
            line(f"▸ {event.name}: {event.summary}" + (" (again, after an interruption)" if event.again else ""))
        case ToolReturned(detail=CommandEnded() as ended):
            body = "\n".join([ended.output.rstrip("\n"), *ended.notes])
            line(f"{_state(ended)} · {duration(ended.seconds)} · chunk {ended.chunk}", body)
        case ToolReturned(detail=FilesChanged(changes=changes)):
            line("changed " + ", ".join(f"{change.path} +{change.added} −{change.removed}" for change in changes))
        case ToolReturned(detail=PlanUpdated(plan=plan)):
            line("plan", "\n".join(f"[{'x' if step.status == 'completed' else ' '}] {step.step}" for step in plan))
        case ToolReturned():
            words = "failed" if event.is_error else "returned"
            line(f"{event.name} {words}", event.content[:2000].expandtabs(6), "dim")
        case Opened():
            line(f"sandbox open: {event.backend}, {event.workspace}", "\n".join(_with(event)), "dim")
        case CheckStarted():
            line(f"▸ check on the {event.on}: {event.check.command} (from {event.check.source})", "", "dim")
        case Checked(run=run):
            end = run.cut or f"exit {run.exit_code}"
            line(f"check on the {run.on}: {run.check.command} – {end} · {duration(run.seconds)} · chunk {run.chunk}")
        case CandidateTried():
            helped = event.outcome in ("passed", "better")
            words = f"edit by {event.source}: {event.outcome.replace('_', ' ')} {event.note}".rstrip()
            line(words, event.diff if helped else "", "cyan" if helped else "dim")
        case _:
            line(event.kind.replace("_", " "), _words_of(event), "dim")


def _state(ended: CommandEnded) -> str:
    if ended.session is not None:
        return f"runs as session {ended.session}"
    return ended.cut or f"exit {ended.exit_code}"


def _words_of(event: Event) -> str:
    """What there is to read in an event that has no form of its own in the log."""
    if isinstance(event, AttemptStarted):
        return "\n".join(event.base.left_out)
    if isinstance(event, RequestRefused):
        return "\n".join(refused_words(event.refusal))
    if isinstance(event, CrossChecked):
        return crossed_words(event)
    if isinstance(event, Judged):
        return judged_words(event)
    if isinstance(event, Escalated):
        return escalated_words(event)
    if isinstance(event, SetUpFailed):
        return f"{set_up_words(event)} Output: chunk {event.chunk}."
    if isinstance(event, Compacted):
        return f"{compacted_words(event)}\n\n{event.summary}"
    if isinstance(event, Published):
        return f"branch {event.branch} of {event.remote}, commit {event.commit}"
    if isinstance(event, PullRequestChanged):
        return f"{pull_request_words(event.pull_request)} {event.pull_request.url}"
    more = event.model_dump(exclude={"kind", "seq", "at"}, exclude_defaults=True)
    return str(more.get("message") or more.get("text") or "")


def _with(event: Opened) -> list[str]:
    """What a sandbox was opened with, line by line."""
    held = sum(probe.held for probe in event.probes)
    lines = [f"environment: {event.environment}"] if event.environment else []
    if event.probes:
        lines.append(f"network self-test: {held} of {len(event.probes)} ways out are shut")
        bad = [probe for probe in event.probes if not probe.held]
        lines += [f"{'not shut' if probe.tried else 'not tried'}: {probe.name}: {probe.said}" for probe in bad]
    return [*lines, *event.notes]


async def show_diff(store: Store, console: Console, task: Task, number: int | None) -> None:
    """The patch: coloured on a terminal, its very bytes into a pipe."""
    attempt = await chosen(store, task, number)
    result, _ = await result_of(store, attempt)
    patch = await patch_of(store, result)
    if console.is_terminal:
        console.print(diff_text(decode(patch), None) if patch else "Nothing was changed.", soft_wrap=True)
        return
    sys.stdout.buffer.write(patch)
    sys.stdout.buffer.flush()
