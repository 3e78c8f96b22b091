"""The copy-on-write workspace of an attempt: its layers, and the sandboxes that are opened over them."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from journeyman.agent.work import OpenLayer
from journeyman.attempt.clones import open_base
from journeyman.attempt.host import Host, Tell
from journeyman.attempt.kept import Kept
from journeyman.attempt.masked import MaskedSandbox
from journeyman.attempt.upper import laid_out
from journeyman.checks.run import PROBE
from journeyman.core.environment import Refusal
from journeyman.core.events import AttemptStarted, Opened, Progressed, RequestRefused
from journeyman.core.evidence import Check
from journeyman.core.mask import Mask
from journeyman.core.task import Base
from journeyman.repo import checkouts, git_layer
from journeyman.repo.repository import Repository
from journeyman.sandbox.protocol import Sandbox, SandboxBackend, SandboxSpec, Toolchain
from journeyman.sandbox.toolchains import find_toolchains, python_with, reorder
from journeyman.store.log import AttemptLog

if TYPE_CHECKING:
    from journeyman.attempt.environment.build import Site
    from journeyman.attempt.environment.open import Ready

MOST_REFUSALS = 200
"""Kinds of refused requests that one opening of an attempt writes down."""


Lay = Callable[[Sandbox], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Workspace(Kept):
    """An attempt's layers. `spec` is what its sandbox is opened with; `sandbox` is open. There is a `gap` where changes
    of before could not be brought back."""

    spec: SandboxSpec
    sandbox: Sandbox
    open: "OpenSandbox"
    gap: bool = False

    def layer(self) -> AbstractAsyncContextManager[Sandbox]:
        """A throw-away sandbox over the base."""
        return self.open(replace(self.spec, upper=None, read_only=False))

    def layered(self, lay: Lay) -> OpenLayer:
        """Opens throw-away sandboxes in which `lay` has put its files."""

        @asynccontextmanager
        async def layer() -> AsyncGenerator[Sandbox]:
            async with self.layer() as sandbox:
                await lay(sandbox)
                yield sandbox

        return layer


class OpenSandbox:
    """`SandboxBackend.open`, as a name to pass around; what comes out of its sandboxes holds no secret of `mask`."""

    def __init__(self, backend: SandboxBackend, mask: Mask) -> None:
        self._backend = backend
        self._mask = mask

    def __call__(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]:
        return self._masked(spec) if self._mask else self._backend.open(spec)

    @asynccontextmanager
    async def _masked(self, spec: SandboxSpec) -> AsyncGenerator[Sandbox]:
        async with self._backend.open(spec) as sandbox:
            yield MaskedSandbox(sandbox, self._mask)


@asynccontextmanager
async def open_workspace(
    host: Host, start: AttemptStarted, log: AttemptLog, tell: Tell | None = None
) -> AsyncGenerator[Workspace]:
    """Lay the layers out, or find them as a former process left them, and open the sandbox.

    Where a call was interrupted, the workspace is put back to where it was before that call. `tell` is given lines
    about an environment that has to be set up first.
    """
    began = time.monotonic()
    folder = host.folder(log.id)
    repository = await open_base(host, start.base)
    readable = await _git_layer(repository, start.base, folder)
    upper = await laid_out(host, log)
    async with (
        _lowers(host, repository, start.base) as lowers,
        _with_environment(
            host,
            repository,
            start,
            _spec(repository, start, (folder / "git", *lowers), upper.path, readable),
            log,
            tell,
        ) as (spec, opened, backend),
        (opener := OpenSandbox(backend, log.mask))(spec) as sandbox,
    ):
        if start.environment is not None:
            from journeyman.attempt.environment.probed import probed, untried

            probes = await probed(sandbox, spec.gateway)
            opened = opened.model_copy(update={"probes": probes})
            if warning := untried(probes):
                await log.append(Progressed(text=warning))
        await log.append(
            opened.model_copy(
                update={
                    "backend": sandbox.backend,
                    "toolchains": tuple(str(toolchain.root) for toolchain in spec.toolchains),
                    "notes": tuple(toolchain.note for toolchain in spec.toolchains if toolchain.note),
                    "seconds": time.monotonic() - began,
                    "folder": upper.word,
                }
            )
        )
        yield Workspace(
            repository=repository,
            upper=upper.path,
            store=host.store,
            log=log,
            manifest=upper.manifest,
            changes=sandbox,
            spec=spec,
            sandbox=sandbox,
            open=opener,
            gap=upper.gap,
        )


def _spec(
    repository: Repository, start: AttemptStarted, lower: tuple[Path, ...], upper: Path, readable: tuple[Path, ...]
) -> SandboxSpec:
    return SandboxSpec(
        workspace=repository.workspace,
        lower=lower,
        upper=upper,
        read_only=start.mode != "code",
        readable=(*readable, PROBE),
        env=git_layer.environment(repository.workspace),
        memory_bytes=start.limits.memory_bytes,
        processes=start.limits.processes,
        disk_bytes=start.limits.disk_bytes,
        cpus=start.limits.cpus,
        cpu_seconds=start.limits.cpu_seconds,
        open_files=start.limits.open_files,
    )


@asynccontextmanager
async def _with_environment(
    host: Host,
    repository: Repository,
    start: AttemptStarted,
    spec: SandboxSpec,
    log: AttemptLog,
    tell: Tell | None,
) -> AsyncGenerator[tuple[SandboxSpec, Opened, SandboxBackend]]:
    """`spec` with the layers, the variables and the network of the attempt's environment, if it has one, and what
    opens it."""
    opened = Opened(backend="", workspace=str(repository.workspace))
    use = start.environment
    if use is None:
        yield replace(spec, toolchains=_toolchains(host, repository.root, start.checks)), opened, host.backend
        return
    from journeyman.attempt.environment.open import over, site_of
    from journeyman.attempt.environment.said import set_up

    site = await site_of(host, repository, start.base, use, start.limits, start.checks, tell)
    site = replace(site, toolchains=_preferred(site.toolchains, start.checks))
    async with _layers(site, log, tell) as ready, _refusals(log) as refused:
        if ready.notes:
            await log.append(*(Progressed(text=note) for note in ready.notes))
        if ready.build is None:
            spec = replace(spec, toolchains=_toolchains(host, repository.root, start.checks))
        async with over(site, spec, ready, refused) as spec:
            if ready.build is not None:
                setup = await set_up(host.store, log, ready.builds)
                opened = opened.model_copy(update={"build": ready.build.id, "setup": setup})
            yield spec, opened.model_copy(update={"environment": ready.sentence}), site.backend


@asynccontextmanager
async def _layers(site: "Site", log: AttemptLog, tell: Tell | None) -> AsyncGenerator["Ready"]:
    """The layers of an environment; a script of it that fails is written down, with all that it wrote."""
    from journeyman.attempt.environment.open import open_environment
    from journeyman.attempt.environment.said import ScriptFailed, failed

    try:
        async with open_environment(site, tell) as ready:
            yield ready
    except ScriptFailed as error:
        await failed(site.host.store, log, error)
        raise


@asynccontextmanager
async def _refusals(log: AttemptLog) -> AsyncGenerator[Callable[[Refusal], None]]:
    """Takes refused requests as they happen; each becomes an event, those like one before only once."""
    waiting: asyncio.Queue[Refusal] = asyncio.Queue()
    seen: set[tuple[str, int, str]] = set()

    def refused(refusal: Refusal) -> None:
        same = (refusal.host, refusal.port, refusal.method)
        if same not in seen and len(seen) < MOST_REFUSALS:
            seen.add(same)
            waiting.put_nowait(refusal)

    async def write() -> None:
        while True:
            await log.append(RequestRefused(refusal=await waiting.get()))
            waiting.task_done()

    writer = asyncio.create_task(write())
    try:
        yield refused
        if not writer.done():
            await asyncio.wait(
                [writer, done := asyncio.create_task(waiting.join())], return_when=asyncio.FIRST_COMPLETED
            )
            done.cancel()
    finally:
        writer.cancel()
        await asyncio.wait([writer])


async def _git_layer(repository: Repository, base: Base, folder: Path) -> tuple[Path, ...]:
    """Make the git directory that the sandbox sees, unless it is there; the object stores that it borrows from."""
    done = folder / "git.json"
    if done.exists():
        return tuple(Path(path) for path in json.loads(done.read_text()))
    shutil.rmtree(folder / "git", ignore_errors=True)
    (folder / "git").mkdir(parents=True)
    readable = await repository.git_layer(folder / "git", base)
    fresh = folder / "git.json.new"
    fresh.write_text(json.dumps([str(path) for path in readable]))
    fresh.rename(done)
    return readable


@asynccontextmanager
async def _lowers(host: Host, repository: Repository, base: Base) -> AsyncGenerator[tuple[Path, ...]]:
    """The files that the work starts from; at the end, what of other commits nobody has needed for long goes."""
    try:
        if base.ref is None and not base.copied:
            yield (repository.root,)
            return
        async with repository.held(base.tree) as files:
            yield (files,) if base.ref is not None else (files, repository.root)
    finally:
        trees = host.state / "trees"
        if trees.is_dir():
            await asyncio.to_thread(checkouts.sweep, trees, host.environment_disk_bytes, host.clock())


def _toolchains(host: Host, root: Path, checks: Sequence[Check]) -> tuple[Toolchain, ...]:
    """The project's own tools first; for pytest a Python that has it before one that has not."""
    found = find_toolchains(host.path, root, host.home, virtual_env=host.virtual_env, own_prefix=host.own_prefix)
    return _preferred(found, checks)


def _preferred(found: tuple[Toolchain, ...], checks: Sequence[Check]) -> tuple[Toolchain, ...]:
    if any(check.runner == "pytest" for check in checks):
        with_pytest = python_with("pytest", found)
        return reorder(found, with_pytest, "pytest") if with_pytest is not None else found
    return found
