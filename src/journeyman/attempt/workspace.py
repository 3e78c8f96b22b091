"""The copy-on-write workspace of an attempt: its layers, and the sandboxes that are opened over them."""

import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from journeyman.attempt.host import Host
from journeyman.checks.run import PROBE
from journeyman.core import folds
from journeyman.core.events import AttemptStarted, Opened
from journeyman.repo.repository import Repository, open_repository
from journeyman.sandbox import checkpoint
from journeyman.sandbox.protocol import Sandbox, SandboxSpec, Toolchain
from journeyman.sandbox.toolchains import find_toolchains, python_with, reorder
from journeyman.store.log import AttemptLog


@dataclass(slots=True)
class Workspace:
    """An attempt's layers. `spec` is what its sandbox is opened with; `sandbox` is open."""

    repository: Repository
    spec: SandboxSpec
    sandbox: Sandbox
    upper: Path
    log: AttemptLog
    open: "OpenSandbox"
    manifest: checkpoint.Manifest
    lost: bool = False

    def layer(self) -> AbstractAsyncContextManager[Sandbox]:
        """A throw-away sandbox over the base."""
        return self.open(replace(self.spec, upper=None, read_only=False))

    async def checkpoint(self) -> tuple[str | None, bool]:
        """Keep what changed since the last checkpoint: the manifest's blob id, None when nothing did."""
        if self.lost:
            return None, False
        store = self.log.store
        try:
            manifest = await checkpoint.take(self.upper, self.manifest, store.put_blob)
        except checkpoint.TooMuch:
            self.lost = True
            return None, False
        if manifest == self.manifest:
            return None, True
        self.manifest = manifest
        return await store.put_blob(checkpoint.dump(manifest)), True


class OpenSandbox:
    """`SandboxBackend.open`, as a name to pass around."""

    def __init__(self, host: Host) -> None:
        self._backend = host.backend

    def __call__(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]:
        return self._backend.open(spec)


@asynccontextmanager
async def open_workspace(host: Host, start: AttemptStarted, log: AttemptLog) -> AsyncIterator[Workspace]:
    """Lay the layers out, or find them as a former process left them, and open the sandbox.

    Where a call was interrupted, the workspace is put back to where it was before that call.
    """
    began = time.monotonic()
    folder = host.folder(log.id)
    upper = folder / "upper"
    repository = await open_repository(Path(start.base.repository), host.state, ref=start.base.ref)
    git_layer = folder / "git"
    if not (git_layer / "ready").exists():
        shutil.rmtree(git_layer, ignore_errors=True)
        git_layer.mkdir(parents=True)
        await repository.git_layer(git_layer / "layer", start.base)
        (git_layer / "ready").touch()
    upper.mkdir(exist_ok=True)
    manifest = await _rewind(log, upper)
    lower = repository.root if start.base.ref is None else await repository.checkout_cached(start.base.tree)
    toolchains = _toolchains(host, repository.root)
    spec = SandboxSpec(
        workspace=repository.root,
        lower=(git_layer / "layer", lower),
        upper=upper,
        read_only=start.mode != "code",
        toolchains=toolchains,
        readable=(*repository.object_stores, PROBE),
        memory_bytes=start.limits.memory_bytes,
        processes=start.limits.processes,
        disk_bytes=start.limits.disk_bytes,
    )
    opener = OpenSandbox(host)
    async with opener(spec) as sandbox:
        await log.append(
            Opened(
                backend=sandbox.backend,
                workspace=str(repository.root),
                toolchains=tuple(str(toolchain.root) for toolchain in toolchains),
                notes=tuple(toolchain.note for toolchain in toolchains if toolchain.note),
                seconds=time.monotonic() - began,
            )
        )
        yield Workspace(repository, spec, sandbox, upper, log, opener, manifest)


async def _rewind(log: AttemptLog, upper: Path) -> checkpoint.Manifest:
    """The manifest to go on from; the upper layer equals it afterwards if a call was interrupted."""
    blob, complete = folds.checkpoint(log.events)
    manifest = checkpoint.load(await log.store.blob(blob)) if blob else {}
    if complete and folds.interrupted(log.events):
        await checkpoint.restore(upper, manifest, log.store.blob)
        manifest = await checkpoint.take(upper, {}, log.store.put_blob)
    return manifest


def _toolchains(host: Host, root: Path) -> tuple[Toolchain, ...]:
    """The project's own tools first; a Python that has pytest before one that has not."""
    found = find_toolchains(host.path, root, host.home, virtual_env=host.virtual_env, own_prefix=host.own_prefix)
    with_pytest = python_with("pytest", found)
    return reorder(found, with_pytest) if with_pytest is not None else found
