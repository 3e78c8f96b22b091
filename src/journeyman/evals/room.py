"""Sandboxes for graders and for trying commits: the same tools and environment as an attempt's, and never network."""

import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from journeyman.attempt.environment.open import open_environment, over, site_of
from journeyman.attempt.host import Host
from journeyman.checks.run import PROBE
from journeyman.core.environment import EnvironmentUse
from journeyman.core.evidence import Check
from journeyman.core.task import Base, Limits
from journeyman.core.text import decode, plain
from journeyman.repo.repository import Repository
from journeyman.sandbox.protocol import Sandbox, SandboxSpec
from journeyman.sandbox.toolchains import find_toolchains, python_with, reorder

TAIL = 6000
"""Characters of a grader's output that are kept."""


class Tail:
    """Takes a check's output and keeps the end of it."""

    def __init__(self, name: str) -> None:
        self.id = name
        self._data = b""

    def write(self, data: bytes, /) -> None:
        self._data = (self._data + data)[-4 * TAIL :]

    @property
    def text(self) -> str:
        return plain(decode(self._data))[-TAIL:].strip()


@dataclass(frozen=True, slots=True)
class Room:
    """What a sandbox for `files` is opened with: those of `repository`, from `base`, with the environment `use`."""

    repository: Repository
    base: Base
    use: EnvironmentUse | None
    limits: Limits
    checks: tuple[Check, ...] = ()


@contextmanager
def workplace(host: Host) -> Generator[Path]:
    """A folder of ours that is gone at the end, where sandboxes may find their files."""
    parent = host.state / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="eval-", dir=parent, ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o755)
        yield place


@asynccontextmanager
async def opened(host: Host, room: Room, files: Path) -> AsyncGenerator[Sandbox]:
    """A throw-away sandbox in which `files` are seen where the repository's are."""
    root = room.repository.workspace
    found = find_toolchains(
        host.path, room.repository.root, host.home, virtual_env=host.virtual_env, own_prefix=host.own_prefix
    )
    with_pytest = python_with("pytest", found)
    toolchains = reorder(found, with_pytest, "pytest") if with_pytest is not None else found
    spec = SandboxSpec(
        workspace=root,
        lower=(files,),
        toolchains=toolchains,
        readable=(PROBE,),
        memory_bytes=room.limits.memory_bytes,
        processes=room.limits.processes,
        disk_bytes=room.limits.disk_bytes,
        open_files=room.limits.open_files,
    )
    async with AsyncExitStack() as stack:
        backend = host.backend
        if room.use is not None:
            folder = Path(stack.enter_context(workplace(host))) / "git"
            folder.mkdir()
            site = await site_of(host, room.repository, room.base, room.use, room.limits, room.checks)
            ready = await stack.enter_async_context(open_environment(site))
            inside = replace(spec, lower=(folder, files))
            spec = await stack.enter_async_context(over(site, inside, ready, lambda _: None))
            spec, backend = replace(spec, gateway=None), site.backend
        yield await stack.enter_async_context(backend.open(spec))
