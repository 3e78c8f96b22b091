"""The environment of an attempt, opened: its layers, found ready or built now, held for as long as they are in use."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote_to_bytes

from journeyman.attempt.environment import layers
from journeyman.attempt.environment.build import Site, Tell, build, failing, maintain, variables, way_out
from journeyman.attempt.environment.cache import Build, Cache
from journeyman.attempt.environment.key import base_toolchains, keys
from journeyman.attempt.environment.probed import untried
from journeyman.attempt.host import Host
from journeyman.core.environment import EnvironmentUse, Refusal
from journeyman.core.environment_file import policy_words
from journeyman.core.errors import EnvironmentFailed
from journeyman.core.evidence import Check
from journeyman.core.task import Base, Limits
from journeyman.repo.repository import Repository
from journeyman.sandbox.protocol import SandboxSpec


@dataclass(frozen=True, slots=True)
class Ready:
    """Layers for a sandbox, the topmost first; none where set-up has nothing to do or was not asked for.

    `notes` are sentences for the person. `builds` are the build and those that lie below it.
    """

    build: Build | None = None
    builds: tuple[Build, ...] = ()
    lower: tuple[Path, ...] = ()
    home_lower: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    sentence: str = ""


@dataclass(slots=True)
class _Telling:
    """Lines about the work, for the person at the terminal and, those that matter, for the log."""

    tell: Tell | None
    notes: list[str] = field(default_factory=list[str])

    def now(self, line: str) -> None:
        if self.tell is not None:
            self.tell(line)

    def note(self, line: str) -> None:
        self.notes.append(line)
        self.now(line)


def cache_of(host: Host) -> Cache:
    return Cache(host.state / "environments", host.environment_disk_bytes, host.clock)


async def site_of(
    host: Host,
    repository: Repository,
    base: Base,
    use: EnvironmentUse,
    limits: Limits,
    checks: tuple[Check, ...],
    tell: Tell | None = None,
) -> Site:
    """Everything about an environment at a state of a repository. Raises `SandboxUnavailable` where this machine
    cannot open its image."""
    backend, image = host.backend, use.environment.base.image
    if image is not None and host.image_backend is not None:
        backend = await asyncio.to_thread(host.image_backend, image, tell or (lambda _: None))
    toolchains = base_toolchains(host, repository.root)
    content = await backend.identify(image) if image is not None else None
    made_of = keys(repository.workspace, use, base.tree, toolchains, backend.name, content)
    return Site(host, repository, base, use, limits, checks, toolchains, made_of, cache_of(host), backend)


@asynccontextmanager
async def open_environment(site: Site, tell: Tell | None = None, *, fresh: bool = False) -> AsyncGenerator[Ready]:
    """Hold the layers that an attempt at `site` is opened on, and build them first if need be.

    `fresh` builds them anew though they are ready. Raises `EnvironmentFailed` when set-up fails.
    """
    telling = _Telling(tell)
    while True:
        found = await _find(site, telling, fresh=fresh)
        fresh = False
        if found is None:
            yield Ready(notes=tuple(telling.notes), sentence=sentence(site, None))
            return
        if warning := untried(found.probes):
            telling.note(warning)
        with site.cache.opened(found) as held:
            if held is None:  # taken away this very moment: look again
                continue
            folders = [site.cache.folder(one) for one in held]
            lower = (*await _fitted(site, found), *(folder / "workspace" for folder in folders))
            home = tuple(folder / "home" for folder in folders)
            yield Ready(found, tuple(held), lower, home, tuple(telling.notes), sentence(site, found))
            return


@asynccontextmanager
async def over(
    site: Site, spec: SandboxSpec, ready: Ready, refused: Callable[[Refusal], None]
) -> AsyncGenerator[SandboxSpec]:
    """`spec`, whose first lower layer is git's, with the layers, the variables and the network of an environment."""
    use = site.use
    async with way_out(site.host, use, use.environment.attempt.network, refused) as gateway:
        toolchains = site.toolchains if ready.build is not None else spec.toolchains
        spec = replace(spec, toolchains=toolchains if use.environment.base.image is None else ())
        git, *below = spec.lower
        yield replace(
            spec,
            lower=(git, *ready.lower, *below),
            home_lower=ready.home_lower,
            env={**spec.env, **variables(site, ready.build, spec)},
            gateway=gateway,
            image=use.environment.base.image,
        )


async def _find(site: Site, telling: _Telling, *, fresh: bool) -> Build | None:
    environment, cache, root = site.use.environment, site.cache, site.known_as
    if not environment.setup.script.strip():
        return None
    exact = None if fresh else cache.find(root, key=site.keys.setup)
    now = site.host.clock()
    if environment.maintenance.script.strip() and not fresh:
        if exact is not None and exact.tree == site.base.tree and not exact.stale(now):
            return exact
        if (kept := await _maintained(site, exact, telling)) is not None:
            return kept
    if exact is not None:
        if exact.stale(now) and site.host.refresh is not None and not cache.is_built(site.keys.setup):
            telling.now("the environment is older than it should be; it is built anew in the background")
            site.host.refresh(root, environment.name if site.use.source == "stored" else "auto")
        return exact
    if not site.use.build and not fresh:
        telling.note(
            f"No environment is ready for {site.use.summary}: `journeyman env build` makes one, or `--env auto`."
        )
        return None
    return await _built(site, telling, fresh=fresh)


async def _built(site: Site, telling: _Telling, *, fresh: bool) -> Build:
    began = site.host.clock()
    waiting = _once(telling, "waiting for another task that is building the environment")
    async with site.cache.building(site.keys.setup, waiting):
        found = site.cache.find(site.known_as, key=site.keys.setup)
        if found is not None and (not fresh or found.created >= began):
            return found
        telling.now(f"setting up the environment {site.use.environment.name} ({site.use.summary})")
        made = await build(site, lambda line: telling.now(f"set-up: {line}"))
        telling.note(f"The environment {made.name} was set up in {made.seconds:.0f} s.")
        if made.dropped:
            some = ", ".join(made.dropped[:5]) + (f" and {len(made.dropped) - 5} more" if len(made.dropped) > 5 else "")
            telling.note(f"Set-up changed files that git tracks; they are as before in the attempt: {some}.")
        if said := failing(made.checks):
            telling.note(f"On the base there fails already: {said}.")
        return made


async def _maintained(site: Site, exact: Build | None, telling: _Telling) -> Build | None:
    """A layer of the maintenance script on top of what set-up left for another state of the repository; None when
    there is nothing to put it on, or it failed."""
    cache, root, now = site.cache, site.known_as, site.host.clock()
    parent = exact or cache.find(root, family=site.keys.family)
    if parent is None or parent.stale(now):
        return None
    waiting = _once(telling, "waiting for another task that runs the maintenance script")
    async with cache.building(site.keys.maintenance, waiting):
        found = cache.find(root, key=site.keys.maintenance)
        if found is not None and not found.stale(now) and parent.id in found.parents:
            return found
        with cache.opened(parent) as held:
            if held is None:
                return None
            telling.now(f"running the maintenance script of the environment {parent.name}")
            try:
                return await maintain(site, parent, lambda line: telling.now(f"maintenance: {line}"))
            except EnvironmentFailed as error:
                telling.note(f"{str(error).splitlines()[0]} Set-up is run from the start instead.")
                return None


def _once(telling: _Telling, line: str) -> Callable[[], None]:
    return lambda: telling.now(line)


async def _fitted(site: Site, found: Build) -> tuple[Path, ...]:
    """A layer with files of the base that the build's own layers would hide, since it was made of another state."""
    if found.tree == site.base.tree or not found.tops:
        return ()
    place = site.cache.fit(found, site.base.tree)
    if not place.is_dir():
        tops = frozenset(unquote_to_bytes(top) for top in found.tops)
        hidden = layers.hidden(tops, await site.repository.paths(site.base.tree))
        async with site.cache.workplace() as work:
            (work / "fit").mkdir()
            if hidden:
                await site.repository.checkout(site.base.tree, work / "files")
                await asyncio.to_thread(_move, work / "files", work / "fit", hidden)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                (work / "fit").rename(place)
            except OSError:
                if not place.is_dir():  # else another process was first, with the same content
                    raise
    return (place,) if any(place.iterdir()) else ()


def _move(source: Path, target: Path, paths: list[bytes]) -> None:
    for path in map(os.fsdecode, paths):
        if (source / path).is_symlink() or (source / path).exists():  # a submodule's folder is not laid out
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).rename(target / path)


def sentence(site: Site, found: Build | None) -> str:
    """What an attempt is opened with, for the log and the result page."""
    use = site.use
    words = f"{use.environment.name} ({use.summary})"
    if found is not None:
        words += f", set up {age(site.host.clock() - found.created)} ago"
    words += f", {policy_words(use.environment.attempt.network)}"
    if use.asks:
        words += f"; not approved and left out: {', '.join(use.asks)} (`journeyman env trust`)"
    return words


def age(seconds: float) -> str:
    """A span of time in one unit."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
