"""Environments as the service makes them on this machine: built in the background, watched line by line."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from journeyman.attempt.clones import Wanted, ground_of, start_from
from journeyman.attempt.environment.build import Site
from journeyman.attempt.environment.cache import Build, Cache, Failure
from journeyman.attempt.environment.choose import choose
from journeyman.attempt.environment.open import cache_of, open_environment, over, site_of
from journeyman.attempt.host import Host
from journeyman.checks.detect import find_checks
from journeyman.core.environment import BypassProbe
from journeyman.core.environment_file import tightened
from journeyman.core.errors import JourneymanError, UsageError
from journeyman.core.task import Limits
from journeyman.core.text import one_line, plain
from journeyman.repo import git_layer, rules
from journeyman.repo.tree import Tree
from journeyman.sandbox.protocol import SandboxSpec

MOST_LINES = 20_000
"""Lines that are kept of a set-up; of a longer one the last."""
LINE = 2000
"""Characters of a line."""


@dataclass(slots=True)
class Run:
    """A set-up that runs or has run. `first` is the number of the first line that is kept."""

    began: float
    ended: float | None = None
    error: str | None = None
    lines: list[str] = field(default_factory=list[str])
    first: int = 0
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, line: str) -> None:
        self.lines.append(one_line(plain(line), LINE))
        if len(self.lines) > MOST_LINES:
            gone = len(self.lines) - MOST_LINES
            del self.lines[:gone]
            self.first += gone
        self.wake()

    def wake(self) -> None:
        """Tell those who wait that something is new."""
        before, self.more = self.more, asyncio.Event()
        before.set()


class Workshop:
    """One per process of the service. Runs end with it; what they had built by then is thrown away whole."""

    def __init__(self, host: Host, limits: Limits, checks: tuple[str, ...] = ()) -> None:
        self.runs: dict[str, Run] = {}
        self._host = host
        self._limits = limits
        self._checks = checks
        self._working: set[asyncio.Task[None]] = set()

    @property
    def cache(self) -> Cache:
        return cache_of(self._host)

    @property
    def now(self) -> float:
        return self._host.clock()

    def builds(self, name: str, repository: str) -> list[Build]:
        """What is ready of an environment, the newest first."""
        return [build for build in self.cache.builds(repository) if build.name == name]

    def failed(self, name: str, repository: str) -> Failure | None:
        """The last set-up, where it failed."""
        failure = self.cache.failed(repository)
        return failure if failure is not None and failure.name == name else None

    def is_building(self, name: str) -> bool:
        run = self.runs.get(name)
        return run is not None and run.ended is None

    def start(self, name: str, ref: str | None, *, fresh: bool) -> bool:
        """Begin to set an environment up; False where that is under way."""
        if self.is_building(name):
            return False
        run = self.runs[name] = Run(self.now)
        task = asyncio.create_task(self._build(run, name, ref, fresh=fresh))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return True

    async def close(self) -> None:
        """Stop what runs."""
        for task in self._working:
            task.cancel()
        if self._working:
            await asyncio.wait(self._working)

    async def self_test(self, name: str, ref: str | None) -> tuple[BypassProbe, ...]:
        """Try every way around the network of an attempt in this environment, as it is ready now."""
        from journeyman.sandbox.network.gateway import ProxyGateway
        from journeyman.sandbox.network.selftest import probe_bypasses

        async with AsyncExitStack() as stack:
            site = await stack.enter_async_context(self._site(name, ref, None))
            work = await stack.enter_async_context(site.cache.workplace())
            spec = await _bare(site, work)
            site = replace(site, use=site.use.model_copy(update={"build": False}))
            ready = await stack.enter_async_context(open_environment(site))
            spec = await stack.enter_async_context(over(site, spec, ready, lambda _: None))
            sandbox = await stack.enter_async_context(site.backend.open(spec))
            gateway = spec.gateway if isinstance(spec.gateway, ProxyGateway) else None
            return await probe_bypasses(sandbox, gateway)

    def reset(self, name: str, repository: str) -> tuple[int, int]:
        """Throw away what is ready; how many that were, and how many are in use and stay."""
        waiting = self.builds(name, repository)
        kept = [build for build in sorted(waiting, key=lambda each: not each.parents) if not self.cache.drop(build)]
        return len(waiting) - len(kept), len(kept)

    async def _build(self, run: Run, name: str, ref: str | None, *, fresh: bool) -> None:
        try:
            async with self._site(name, ref, run.tell) as site:
                before = self.cache.find(site.known_as, key=site.keys.setup)
                stale = before is not None and before.stale(self.now)
                site = replace(site, use=site.use.model_copy(update={"build": True}), hear=run.tell)
                async with open_environment(site, run.tell, fresh=fresh or stale) as ready:
                    run.tell("Ready." if ready.build is not None else "There is no set-up script: nothing to build.")
        except JourneymanError as error:
            run.error = str(error)
        except asyncio.CancelledError:
            run.error = "The server ended before it was done."
            raise
        finally:
            run.ended = self.now
            run.wake()

    @asynccontextmanager
    async def _site(self, name: str, ref: str | None, tell: Callable[[str], None] | None) -> AsyncGenerator[Site]:
        host = self._host
        stored = await host.store.environments.get(name)
        if stored is None or stored.repository is None:
            raise UsageError(f"The environment {name} names no repository.")
        repository, base = await start_from(ground_of(host), Wanted(stored.repository, ref))
        async with repository.tree(base.tree) as tree:
            use = await choose(
                repository.workspace,
                tree,
                name,
                host.store.environments,
                cache_of(host),
                look=True,
                known_as=repository.name,
            )
            assert use is not None  # it is named, and stored
            limits = tightened(self._limits, use.environment, only_lower=False)
            checks = await find_checks(
                await tree.paths(),
                tree.get,
                configured=use.environment.checks or self._checks,
                rule_commands=await _rules(tree),
                seconds=limits.check_seconds,
            )
        yield await site_of(host, repository, base, use, limits, checks, tell)


async def _rules(tree: Tree) -> tuple[str, ...]:
    found = await rules.discover(tree.get, global_text=None)
    return tuple(command for rule in found for command in rules.commands(rule.text))


async def _bare(site: Site, work: Path) -> SandboxSpec:
    """A sandbox over the files of the base."""
    files = work / "files"
    await site.repository.checkout(site.base.tree, files)
    (work / "git").mkdir()
    readable = await site.repository.git_layer(work / "git", site.base)
    return SandboxSpec(
        workspace=site.repository.workspace,
        lower=(work / "git", files),
        toolchains=site.toolchains,
        readable=readable,
        env=git_layer.environment(site.repository.workspace),
        memory_bytes=site.limits.memory_bytes,
        processes=site.limits.processes,
        disk_bytes=site.limits.disk_bytes,
        image=site.use.environment.base.image,
    )
