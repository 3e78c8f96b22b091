"""`journeyman tasks`: tasks of a server, seen and steered from here."""

import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from journeyman.cli.door import Door, open_door
from journeyman.cli.remotes import Remote, choose
from journeyman.client.asynchronous import AsyncClient
from journeyman.client.errors import NotAllowed, NotFound
from journeyman.core.api.tasks import AttemptLine, FollowUp, TaskBudget, TaskLine, TaskUpdate, TaskView, TurnView
from journeyman.core.errors import UsageError
from journeyman.core.task import Mode, Status
from journeyman.core.text import counted, decode, one_line, plain
from journeyman.core.words import pull_request_words

Shown = Literal["pending", "ready", "applied", "error"]
SHOWN: dict[Status, Shown] = {
    "queued": "pending",
    "running": "pending",
    "interrupted": "pending",
    "done": "ready",
    "failed": "error",
    "cancelled": "error",
}
"""What a status is called for programs that read Codex's lists."""
READY = ("ready", "applied")


def shown_of(task: TaskLine) -> Shown:
    """The same of a task: "applied" where the patch that it hands over was put on somebody's working tree."""
    shown = SHOWN[task.status]
    return "applied" if shown == "ready" and task.applied is not None and task.applied == task.chosen else shown


@dataclass(frozen=True, slots=True)
class Here:
    """A command of the group at work: which server, and the way in."""

    door: Door
    remote: Remote
    client: AsyncClient

    def url(self, task: str) -> str:
        return f"{self.client.address}/tasks/{task}"


@asynccontextmanager
async def at(server: str | None, directory: Path = Path()) -> AsyncGenerator[Here]:
    """The server that is meant: see `remotes.choose`."""
    door = open_door(directory, {})
    remote = choose(door, server)
    async with AsyncClient(remote.address, remote.token) as client:
        yield Here(door, remote, client)


async def find(client: AsyncClient, task: str | None) -> TaskView:
    """The task that a person means: by its id or the beginning of it, else the newest one that they see."""
    if task is None:
        page = await client.tasks(limit=1, sort="created")
        if not page.tasks:
            raise UsageError('The server has no task yet; `journeyman tasks submit "…"` hands one out.')
        task = page.tasks[0].id
    return await client.task(task)


def attempt_of(view: TaskView, number: int | None) -> AttemptLine:
    """The attempt of the newest turn with this number, else the one that is handed over."""
    turn: TurnView = view.turns[-1]
    wanted = [one for one in turn.attempts if (one.number == number if number else one.id == turn.chosen)]
    if number is not None and not wanted:
        raise UsageError(
            f"Task {view.task.id} has {counted(len(turn.attempts), 'attempt')}; there is no attempt {number}."
        )
    return (wanted or list(turn.attempts))[0]


# ------------------------------------------------------------ reading


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks to list."""

    limit: int = 20
    cursor: str | None = None
    search: str = ""
    status: tuple[Status, ...] = ()
    environment: str | None = None
    archived: bool = False


def statuses(words: Sequence[str]) -> tuple[Status, ...]:
    known: dict[str, Status] = {one: one for one in SHOWN}
    for word in words:
        if word not in known:
            raise UsageError(f"There is no status {word!r}; there are: {', '.join(known)}.")
    return tuple(known[word] for word in words)


async def list_tasks(server: str | None, wanted: Wanted, as_json: bool) -> int:
    async with at(server) as here:
        page = await here.client.tasks(
            limit=wanted.limit,
            cursor=wanted.cursor,
            search=wanted.search,
            status=wanted.status,
            environment=wanted.environment,
            archived="true" if wanted.archived else "false",
        )
        if as_json:
            lines = [line_of(task, here.url(task.id)) for task in page.tasks]
            print(json.dumps({"tasks": lines, "cursor": page.cursor}, ensure_ascii=False))
            return 0
        from rich.console import Console

        from journeyman.cli.page import task_lines

        console = Console()
        if not page.tasks:
            console.print('No tasks. `journeyman tasks submit "…"` hands one out.', highlight=False)
            return 0
        for line in task_lines([_row(task) for task in page.tasks], console.width if console.is_terminal else None):
            console.print(line, highlight=False, soft_wrap=True)
        if page.cursor:
            print(f"More: --cursor {page.cursor}", file=sys.stderr)
        return 0


def line_of(task: TaskLine, url: str) -> dict[str, Any]:
    """A task for machines, in the shape of `codex cloud list --json`."""
    named = task.environment not in ("off", "ready", "auto")
    return {
        "id": task.id,
        "url": url,
        "title": task.title,
        "status": shown_of(task),
        "updated_at": datetime.fromtimestamp(task.updated, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "environment_id": task.environment if named else None,
        "environment_label": label_of(task),
        "summary": {
            "files_changed": task.summary.files,
            "lines_added": task.summary.added,
            "lines_removed": task.summary.removed,
        },
        "is_review": task.mode == "review",
        "attempt_total": task.attempts,
    }


def label_of(task: TaskLine) -> str:
    """The environment's name, else that of the repository."""
    named = task.environment not in ("off", "ready", "auto")
    return task.environment if named else repository_name(task.repository)


def repository_name(repository: str) -> str:
    """`shop` of `/home/ann/shop` and of `https://host/ann/shop.git`."""
    return plain(repository.rstrip("/").rpartition("/")[2].rpartition(":")[2].removesuffix(".git")) or plain(repository)


def _row(task: TaskLine) -> tuple[str, ...]:
    started = datetime.fromtimestamp(task.created, UTC).astimezone().strftime("%d %b %H:%M")
    shown = task.verdict or task.status
    size = f" +{task.summary.added} −{task.summary.removed}" if task.summary.files else ""
    repository = one_line(repository_name(task.repository), 20)
    return task.id, started, shown + size, task.mode, repository, one_line(task.title, 200)


async def status(server: str | None, task: str | None, now: float, as_json: bool) -> int:
    """Three lines as `codex cloud status` has them, or the task as `list --json` has it; exit code 0 only when it is
    ready."""
    async with at(server) as here:
        line = (await find(here.client, task)).task
        shown = shown_of(line)
        if as_json:
            print(json.dumps(line_of(line, here.url(line.id)), ensure_ascii=False))
            return 0 if shown in READY else 1
        print(f"[{shown.upper()}] {one_line(line.title, 200)}")
        print(f"{label_of(line)} • {ago(now - line.updated)}")
        summary = line.summary
        print(f"+{summary.added}/-{summary.removed} • {counted(summary.files, 'file')}" if summary.files else "no diff")
        if line.reason:
            print(plain(line.reason), file=sys.stderr)
        if (pull := line.pull_request) is not None:
            print(f"{pull_request_words(pull)} {pull.url}", file=sys.stderr)
        return 0 if shown in READY else 1


def ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit} ago"
    return f"{max(0, int(seconds))}s ago"


async def watch(server: str | None, task: str | None, as_json: bool) -> int:
    from rich.console import Console

    from journeyman.cli import watch as screen

    async with at(server) as here:
        return await screen.watch(here.client, await find(here.client, task), Console(stderr=True), as_json=as_json)


async def show(server: str | None, task: str | None, number: int | None, as_json: bool) -> int:
    """The result page of a task that has one, else how far it is."""
    from journeyman.cli import watch as screen

    async with at(server) as here:
        view = await find(here.client, task)
        if as_json:
            print(view.model_dump_json())
            return 0
        attempt = attempt_of(view, number)
        events = await screen.events_of(here.client, view.task.id, attempt)
        await screen.show_result(here.client, view, view.turns[-1], attempt, events)
        return 0


async def diff(server: str | None, task: str | None, number: int | None) -> int:
    """The patch: coloured on a terminal, its very bytes into a pipe."""
    from rich.console import Console

    async with at(server) as here:
        _, patch = await _patch(here.client, task, number)
    console = Console()
    if console.is_terminal:
        from journeyman.cli.page import diff_text

        console.print(diff_text(decode(patch), None) if patch else "Nothing was changed.", soft_wrap=True)
        return 0
    sys.stdout.buffer.write(patch)
    sys.stdout.buffer.flush()
    return 0


async def apply(server: str | None, task: str | None, number: int | None, directory: Path) -> int:
    """Put the patch on the working tree of the repository that one is in."""
    from journeyman.cli.commands import put_on
    from journeyman.repo.repository import open_repository

    async with at(server, directory) as here:
        view, patch = await _patch(here.client, task, number)
        repository = await open_repository(directory, here.door.state, excludes=here.door.excludes)
        code = await put_on(repository, patch)
        if code == 0 and patch:
            with suppress(NotAllowed, NotFound):  # whoever only looks on leaves no mark
                await here.client.mark_applied(view.task.id, attempt_of(view, number).name)
        return code


async def _patch(client: AsyncClient, task: str | None, number: int | None) -> tuple[TaskView, bytes]:
    view = await find(client, task)
    return view, await client.patch(view.task.id, attempt_of(view, number).name)


# ------------------------------------------------------------ steering


async def _act(server: str | None, task: str | None, act: Callable[[Here, TaskView], Awaitable[str]]) -> int:
    """Do something to a task, and say what in a sentence."""
    async with at(server) as here:
        print(plain(await act(here, await find(here.client, task))), file=sys.stderr)
    return 0


async def cancel(server: str | None, task: str | None) -> int:
    async def act(here: Here, view: TaskView) -> str:
        await here.client.cancel(view.task.id)
        return f"Task {view.task.id} is cancelled; what it did so far is kept."

    return await _act(server, task, act)


async def interrupt(server: str | None, task: str | None) -> int:
    async def act(here: Here, view: TaskView) -> str:
        await here.client.interrupt(view.task.id)
        return f'Task {view.task.id} stops where it is; `journeyman tasks follow-up {view.task.id} "…"` goes on.'

    return await _act(server, task, act)


async def steer(server: str | None, task: str, text: str, number: int | None) -> int:
    async def act(here: Here, view: TaskView) -> str:
        attempt = attempt_of(view, number).name if number else None
        await here.client.steer(view.task.id, text, attempt=attempt)
        return f"Said to task {view.task.id}; it reads that at the end of its step."

    return await _act(server, task, act)


async def approve(server: str | None, task: str | None, cost: float | None, tokens: int | None) -> int:
    if cost is None and tokens is None:
        raise UsageError("Say how far the task may go: --cost DOLLARS or --tokens N, the whole budget.")

    async def act(here: Here, view: TaskView) -> str:
        await here.client.approve(view.task.id, TaskBudget(cost=cost, tokens=tokens))
        return f"Task {view.task.id} goes on."

    return await _act(server, task, act)


async def retry(server: str | None, task: str | None) -> int:
    async def act(here: Here, view: TaskView) -> str:
        await here.client.retry(view.task.id)
        return f"Task {view.task.id} is tried again."

    return await _act(server, task, act)


async def select(server: str | None, task: str, number: int) -> int:
    async def act(here: Here, view: TaskView) -> str:
        await here.client.choose(view.task.id, attempt_of(view, number).name)
        return f"Attempt {number} of task {view.task.id} is the one that is handed over now."

    return await _act(server, task, act)


async def archive(server: str | None, tasks: Sequence[str], undo: bool) -> int:
    async with at(server) as here:
        for task in tasks:
            view = await find(here.client, task)
            await here.client.update(view.task.id, TaskUpdate(archived=not undo))
            print(f"{'Back in the list' if undo else 'Archived'}: {view.task.id}", file=sys.stderr)
    return 0


async def delete(server: str | None, tasks: Sequence[str], yes: bool) -> int:
    async with at(server) as here:
        views = [await find(here.client, task) for task in tasks]
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("Deleting cannot be undone; say --yes, since nobody can be asked here.")
            for view in views:
                print(f"{view.task.id}  {one_line(view.task.title, 100)}", file=sys.stderr)
            print("Delete this for ever? [y/N] ", end="", file=sys.stderr, flush=True)
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                return 1
        for view in views:
            await here.client.delete(view.task.id)
            print(f"Deleted: {view.task.id}", file=sys.stderr)
    return 0


@dataclass(frozen=True, slots=True)
class Further:
    """A follow-up turn, and what becomes of it."""

    prompt: str
    mode: Mode | None = None
    model: str | None = None
    attempts: int | None = None
    number: int | None = None
    watch: bool = False
    as_json: bool = False


async def follow_up(server: str | None, task: str, further: Further) -> int:
    """A further turn of a task, from what it has done so far."""
    from journeyman.core.ids import new_id

    async with at(server) as here:
        view = await find(here.client, task)
        attempt = attempt_of(view, further.number).name if further.number else None
        turn = FollowUp(
            prompt=further.prompt,
            mode=further.mode,
            model=further.model,
            attempts=further.attempts,
            attempt=attempt,
        )
        view = await here.client.follow_up(view.task.id, turn, key=new_id())
        return await handed_over(here, view, watch=further.watch, as_json=further.as_json)


async def handed_over(here: Here, view: TaskView, *, watch: bool, as_json: bool) -> int:
    """Say where a turn is that was handed over just now, or watch it."""
    url = here.url(view.task.id)
    if watch:
        from rich.console import Console

        from journeyman.cli import watch as screen

        print(f"Task {view.task.id}: {url}", file=sys.stderr, flush=True)
        return await screen.watch(here.client, view, Console(stderr=True), as_json=as_json)
    if as_json:
        print(json.dumps(line_of(view.task, url), ensure_ascii=False))
        return 0
    print(url, flush=True)
    print(f"Handed over. Watch it with: journeyman tasks watch {view.task.id}", file=sys.stderr)
    return 0
