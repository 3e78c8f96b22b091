"""Which environment an attempt has: one that the person stored, the repository's own, or one that is detected."""

import difflib
from pathlib import Path

from journeyman.attempt.environment.cache import Cache
from journeyman.core.environment import RESERVED, Environment, EnvironmentBase, EnvironmentUse, Script
from journeyman.core.environment_file import INDEXES, PLACE, capped, digest, read_environment, slug
from journeyman.core.errors import UsageError
from journeyman.core.text import decode
from journeyman.repo.tree import Tree
from journeyman.store.environments import Environments


async def choose(
    root: Path,
    tree: Tree,
    wanted: str,
    stored: Environments,
    cache: Cache,
    *,
    look: bool = False,
    known_as: str | None = None,
) -> EnvironmentUse | None:
    """The environment of the repository at `root` for the files of `tree`; None where there is to be none. `known_as`
    is its address where it is elsewhere.

    `wanted` is a word of `RESERVED` or the name of a stored environment. By "ready" an environment is detected only
    where one was built before, since else there is nothing to be found; `look` detects it all the same. Raises
    `UsageError` for a file that is wrong and a name that is unknown.
    """
    if wanted == "off":
        return None
    if wanted not in RESERVED:
        return await _stored(wanted, tree, stored)
    name = known_as or str(root)
    if (mine := await stored.of(name)) is not None:
        return await _stored(mine.name, tree, stored)
    if (text := await tree.get(PLACE)) is not None:
        return await _own(name, root, text, tree, stored)
    if wanted == "ready" and not look and not cache.any(name):
        return None
    return await _detected(name, root, tree, stored, build=wanted == "auto")


async def _own(name: str, root: Path, text: bytes, tree: Tree, stored: Environments) -> EnvironmentUse:
    written = read_environment(decode(text), PLACE, name=root.name)
    environment, asks = written, ()
    if not await stored.is_approved(name, digest(text)):
        environment, asks = capped(written)
    return EnvironmentUse(
        environment=environment, source="repository", summary=PLACE, asks=asks, files=await _files(environment, tree)
    )


async def _stored(name: str, tree: Tree, stored: Environments) -> EnvironmentUse:
    found = await stored.get(name)
    if found is None:
        names = [one.name for one in await stored.all()]
        near = difflib.get_close_matches(name, [*names, *RESERVED], n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else "`journeyman env list` shows those that there are."
        raise UsageError(f"There is no stored environment {name!r}. {hint}")
    written = read_environment(found.text, f"the stored environment {name}", name=name)
    environment = written.model_copy(update={"name": name})
    return EnvironmentUse(
        environment=environment,
        source="stored",
        summary=f"the stored environment {name}",
        files=await _files(environment, tree),
    )


async def _detected(name: str, root: Path, tree: Tree, stored: Environments, *, build: bool) -> EnvironmentUse | None:
    from journeyman.attempt.environment.detect import detect
    from journeyman.sandbox.container.devcontainer import PLACES

    paths = await tree.paths()
    found = await detect(root.name, paths, tree.get)
    container, asks = await _devcontainer(name, root, tree, stored)
    if found is None and container is None:
        return None
    environment = found.environment if found is not None else Environment(name=slug(root.name))
    summary = [found.summary] if found is not None else []
    if container is not None:
        summary = [next(place for place in PLACES if place in set(paths)), *summary]
        own = container.setup.script
        environment = environment.model_copy(
            update={
                "base": container.base,
                "variables": container.variables,
                "setup": container.setup if own else environment.setup,
            }
        )
    return EnvironmentUse(
        environment=environment,
        source="detected",
        summary=", ".join(summary),
        asks=asks,
        build=build,
        files=await _files(environment, tree),
    )


async def _devcontainer(
    name: str, root: Path, tree: Tree, stored: Environments
) -> tuple[Environment | None, tuple[str, ...]]:
    """The part of an environment that a devcontainer.json gives. Its image is taken once the person has approved it."""
    from journeyman.sandbox.container.devcontainer import PLACES, parse_devcontainer

    for place in PLACES:
        if (text := await tree.get(place)) is None:
            continue
        told = parse_devcontainer(text, place, root)
        script = "\n".join(told.commands)
        environment = Environment(
            name=slug(root.name),
            base=EnvironmentBase(image=told.image),
            variables=told.variables,
            setup=Script(script=f"{script}\n" if script else "", network=INDEXES),
        )
        if await stored.is_approved(name, digest(text)):
            return environment, ()
        return capped(environment)
    return None, ()


async def _files(environment: Environment, tree: Tree) -> tuple[tuple[str, str], ...]:
    """What set-up depends on, with git's ids of the contents."""
    from journeyman.attempt.environment.detect import depends_on

    listing = await tree.listing()
    scripts = f"{environment.setup.script}\n{environment.maintenance.script}"
    ids = {decode(path): about[1] for path, about in listing.items()}
    return tuple((path, ids[path]) for path in depends_on(ids, scripts))


async def approvable(root: Path, tree: Tree) -> tuple[str, bytes] | None:
    """The repository's own file that a person may approve, and its content."""
    from journeyman.sandbox.container.devcontainer import PLACES

    for place in (PLACE, *PLACES):
        if (text := await tree.get(place)) is not None:
            return place, text
    return None
