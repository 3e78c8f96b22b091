"""`journeyman tasks submit`: a task for a server, from the folder that one is in."""

import mimetypes
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from journeyman.cli.door import Door, open_door
from journeyman.cli.remotes import choose
from journeyman.cli.starting_diff import start_of
from journeyman.cli.tasks import Here, handed_over
from journeyman.client.asynchronous import AsyncClient
from journeyman.core.api.tasks import TaskBudget, TaskCreate, TurnLimits
from journeyman.core.errors import UsageError
from journeyman.core.ids import new_id
from journeyman.core.task import Mode
from journeyman.core.text import plain
from journeyman.repo.git_dir import find_git_dir

PATCH = "text/x-diff"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. What is None is left to the server's settings."""

    prompt: str
    mode: Mode = "code"
    directory: Path = Path()
    repository: str | None = None
    base: str | None = None
    environment: str | None = None
    model: str | None = None
    checks: tuple[str, ...] = ()
    attempts: int = 1
    images: tuple[Path, ...] = ()
    cost: float | None = None
    tokens: int | None = None
    priority: int = 3
    group: str | None = None
    parent: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the work starts: a folder that the server sees, or an address, perhaps with a patch over it."""

    repository: str | None
    ref: str | None
    diff: bytes = b""
    words: tuple[str, ...] = ()


async def submit(server: str | None, order: Order, *, watch: bool, as_json: bool) -> int:
    """Hand a task out, and say what was handed out; the exit code is that of `run` where it is watched."""
    door = open_door(order.directory, {})
    remote = choose(door, server)
    async with AsyncClient(remote.address, remote.token) as client:
        here = Here(door, remote, client)
        placed = await _placed(here, order)
        for words in placed.words:
            print(plain(words), file=sys.stderr)
        images = [(await client.upload(_bytes(image), _media_type(image))).id for image in order.images]
        diff = (await client.upload(placed.diff, PATCH)).id if placed.diff else None
        task = TaskCreate(
            prompt=order.prompt,
            mode=order.mode,
            repository=placed.repository,
            environment=order.environment,
            ref=placed.ref,
            model=order.model,
            attempts=order.attempts,
            limits=TurnLimits(),
            budget=TaskBudget(tokens=order.tokens, cost=order.cost),
            checks=order.checks,
            images=tuple(images),
            starting_diff=diff,
            parent=order.parent,
            group=order.group,
            priority=order.priority,
            origin="cli",
        )
        view = await client.submit(task, key=order.key or new_id())
        return await handed_over(here, view, watch=watch, as_json=as_json)


async def _placed(here: Here, order: Order) -> Placed:
    """Where the work starts, by what was said and by where the server is."""
    if order.repository is not None:
        return Placed(order.repository, order.base)
    try:
        root = find_git_dir(order.directory).root
    except UsageError:
        if order.environment is None:
            raise
        return Placed(None, order.base)  # the environment's own
    if await sees(here.client, here.door):
        ends = f"at {order.base}" if order.base else "with what is not committed"
        return Placed(str(root), order.base, words=(f"The server is on this machine and works from {root}, {ends}.",))
    start = await start_of(root, here.door, order.base)
    return Placed(start.repository, start.ref, start.diff, start.words)


async def sees(client: AsyncClient, door: Door) -> bool:
    """Whether the server's workers see the folders that we see."""
    from journeyman.engine.crew import machine_id

    return (await client.about()).machine == machine_id(door.state)


def _bytes(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise UsageError(f"{image} cannot be read: {error.strerror}.") from error


def _media_type(image: Path) -> str:
    found, _ = mimetypes.guess_type(image.name)
    if found is None or not found.startswith("image/"):
        raise UsageError(f"{image} is no image by its name; PNG, JPEG, GIF and WebP are taken.")
    return found


def with_prompt(order: Order, prompt: str) -> Order:
    """`order` with its prompt read; `-` is all of stdin."""
    if prompt == "-":
        prompt = sys.stdin.read()
    if not prompt.strip():
        raise UsageError('The prompt is empty. Say what you want done: journeyman tasks submit "Fix the failing test"')
    return replace(order, prompt=prompt)
