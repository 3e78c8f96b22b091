"""`journeyman env init`, `trust`, `reset` and `remove`: environments written down, approved and thrown away."""

import os
import sys
from pathlib import Path

from journeyman.attempt.clones import is_address
from journeyman.attempt.environment.choose import approvable
from journeyman.attempt.environment.open import cache_of
from journeyman.cli.commands import open_host
from journeyman.cli.door import open_door, open_stored
from journeyman.cli.environment import Where, at
from journeyman.core.environment import RESERVED
from journeyman.core.environment_file import PLACE, capped, digest, dump_environment, read_environment, slug
from journeyman.core.errors import UsageError
from journeyman.core.text import decode, plain
from journeyman.repo.repository import open_repository
from journeyman.repo.tree import Tree
from journeyman.sandbox.container.devcontainer import parse_devcontainer
from journeyman.store.environments import Environments

HEAD = """\
# What this repository needs installed, and how to work in it.
# `journeyman env build` sets it up; `journeyman env show` shows it in full.
"""


async def init(directory: Path, name: str | None, file: Path | None, force: bool) -> int:
    """Write the environment that there is, or is detected, to the repository, or store it."""
    if file is not None and name is not None:
        return await _store_file(directory, name, file, force)
    async with at(Where(directory)) as here:
        root, stored = here.repository.root, here.host.store.environments
        if file is not None:
            text = _read(file)
            read_environment(text, str(file), name=root.name)
        else:
            environment = here.found().use.environment
            text = HEAD + dump_environment(environment)
        if name is not None:
            await _store(stored, name, str(root), text, force)
            print(
                f"Stored {name}; it is used for {plain(str(root))}, and anywhere with `--env {name}`.", file=sys.stderr
            )
            return 0
        place = root / PLACE
        _write(root, place, text, force)
        print(f"Wrote {plain(str(place))}.", file=sys.stderr)
        return 0


async def _store_file(directory: Path, name: str, file: Path, force: bool) -> int:
    """Store a file for the repository that it names, else for that of the folder."""
    text = _read(file)
    where = read_environment(text, str(file), name=name).repository
    door = open_door(directory, {})
    if where is None:
        where = str((await open_repository(directory, door.state, excludes=door.excludes)).root)
    elif not is_address(where) and not Path(where).is_absolute():
        raise UsageError(f"{plain(str(file))}: 'repository' must be an address or a whole path, not {where!r}.")
    async with open_stored(door) as store:
        await _store(store.environments, name, where, text, force)
    print(f"Stored {name}; it is used for {plain(where)}, and anywhere with `--env {name}`.", file=sys.stderr)
    return 0


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{plain(str(file))} cannot be read: {error}") from error


async def _store(stored: Environments, name: str, root: str, text: str, force: bool) -> None:
    if name in RESERVED or slug(name) != name:
        raise UsageError(f"{name!r} cannot be the name of an environment; use letters, digits, dots and dashes.")
    if not force and await stored.get(name) is not None:
        raise UsageError(f"There is a stored environment {name} already; `--force` replaces it.")
    await stored.put(name, root, text)


def _write(root: Path, place: Path, text: str, force: bool) -> None:
    """Write a file of the person's repository, through no link that the repository may hold."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        folder, name = PLACE.split("/")
        if not (root / folder).is_dir():
            os.mkdir(folder, dir_fd=handle)
        inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
        try:
            how = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_TRUNC if force else os.O_EXCL)
            with os.fdopen(os.open(name, how, 0o644, dir_fd=inner), "w", encoding="utf-8") as file:
                file.write(text)
        finally:
            os.close(inner)
    except FileExistsError as error:
        raise UsageError(f"{plain(str(place))} is there already; `--force` replaces it.") from error
    except OSError as error:
        raise UsageError(f"{plain(str(place))} cannot be written: {error.strerror}.") from error
    finally:
        os.close(handle)


async def trust(directory: Path, ref: str | None, yes: bool) -> int:
    """Show what a repository's own file asks for, and remember that it may have that."""
    door = open_door(directory, {})
    async with open_stored(door) as store:
        repository = await open_repository(directory, door.state, excludes=door.excludes)
        base = await repository.snapshot(ref)
        async with repository.tree(base.tree) as tree:
            found = await _asked(repository.root, tree)
        if found is None:
            raise UsageError(f"{plain(str(repository.root))} has no {PLACE}, so there is nothing to approve.")
        place, text, asks = found
        if not asks:
            print(f"{place} asks for nothing that needs your approval.", file=sys.stderr)
            return 0
        key = digest(text)
        if await store.environments.is_approved(str(repository.root), key):
            print(f"{place} is approved as it is.", file=sys.stderr)
            return 0
        print(f"{place} of {plain(str(repository.root))} asks for:", file=sys.stderr)
        for one in asks:
            print(f"  - {plain(one)}", file=sys.stderr)
        if not yes and not _confirmed():
            print("Not approved.", file=sys.stderr)
            return 1
        await store.environments.approve(str(repository.root), key)
        print("Approved, until the file changes.", file=sys.stderr)
        return 0


async def _asked(root: Path, tree: Tree) -> tuple[str, bytes, tuple[str, ...]] | None:
    found = await approvable(root, tree)
    if found is None:
        return None
    place, text = found
    if place == PLACE:
        return place, text, capped(read_environment(decode(text), place, name=root.name))[1]
    image = parse_devcontainer(text, place, root).image
    return place, text, (f"the image {image}",) if image else ()


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise UsageError("Nobody is there to ask; `--yes` approves without asking.")
    print("Approve? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def reset(directory: Path, every: bool) -> int:
    """Throw away what is ready of a repository, or of all."""
    door = open_door(Path() if every else directory, {})
    async with open_stored(door) as store, open_host(door, store) as host:
        root = None
        if not every:
            root = str((await open_repository(directory, door.state, excludes=door.excludes)).root)
        cache = cache_of(host)
        waiting = cache.builds(root)
        kept = [build for build in sorted(waiting, key=lambda build: not build.parents) if not cache.drop(build)]
        gone = len(waiting) - len(kept)
        print(f"{gone} environment{'' if gone == 1 else 's'} thrown away.", file=sys.stderr)
        for build in kept:
            print(f"{build.name} of {plain(build.repository)} is in use and stays.", file=sys.stderr)
        return 1 if kept else 0


async def remove(name: str) -> int:
    async with open_stored(open_door(Path(), {})) as store:
        await store.environments.remove(name)
    print(f"Removed {name}.", file=sys.stderr)
    return 0
