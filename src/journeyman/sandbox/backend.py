"""What the sandbox backends have in common: they are tried by opening a sandbox, and opened over layers."""

import asyncio
import concurrent.futures
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

from journeyman.core.errors import SandboxError, SandboxUnavailable
from journeyman.core.text import decode
from journeyman.sandbox import plan
from journeyman.sandbox.box import Box
from journeyman.sandbox.opening import Opening, Seeds
from journeyman.sandbox.protocol import Sandbox, SandboxSpec
from journeyman.sandbox.running import Inside

SANDBOX_ID = 65533
"""User and group of a sandbox's processes in the host's eyes, where the host process is root."""


class Backend(ABC):
    """A `SandboxBackend` of processes of this machine that a supervisor leads.

    `state` is a directory of the host for a few files that all sandboxes share. As root, sandboxes run as the user
    and group `ids`, which should be nobody else's. `interpreter` runs the supervisor: a program and its prefix.
    """

    name: str

    def __init__(
        self,
        state: Path,
        *,
        ids: tuple[int, int] = (SANDBOX_ID, SANDBOX_ID),
        interpreter: tuple[Path, Path] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = state
        self._ids = plan.changeable(ids)
        self._interpreter = interpreter or plan.interpreter()
        self._clock = clock

    def probe(self) -> list[str]:
        """Open a sandbox and run a command in it; what went wrong, as sentences."""
        # in a thread, since the caller's may have a running loop
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            try:
                pool.submit(lambda: asyncio.run(self._try())).result()
            except SandboxError as error:
                return [str(error)]
            except OSError as error:
                return [f"The sandbox could not be tried in {self.state}: {error}."]
        return []

    async def identify(self, image: str) -> str:
        raise SandboxUnavailable(f"{self.name} has no images, and {image} is asked for.")

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]:
        return self._open(spec)

    @asynccontextmanager
    async def _open(self, spec: SandboxSpec) -> AsyncGenerator[Sandbox]:
        opening = Opening(spec, self._start, self.state, self._ids)
        async with opening.layers():
            inside = await opening.open()
            env = self._environment(spec)
            box = Box(inside, opening.again, self._ids, env=env, backend=self.name, clock=self._clock)
            try:
                yield box
            finally:
                await box.close()

    def _environment(self, spec: SandboxSpec) -> Mapping[str, str]:
        return plan.environment(spec)

    @abstractmethod
    async def _start(self, spec: SandboxSpec, uppers: plan.Uppers, stack: AsyncExitStack, seeds: Seeds) -> Inside:
        """Start a sandbox; what has to be undone at its end goes on `stack`."""

    async def _try(self) -> None:
        empty = self.state / "empty"
        empty.mkdir(parents=True, exist_ok=True)
        spec = SandboxSpec(workspace=Path("/workspace"), lower=(empty,))
        async with self.open(spec) as sandbox:
            result = await sandbox.exec(["touch", "/workspace/file"], timeout=10)
        if result.exit_code != 0:
            raise SandboxUnavailable(f"A trivial command failed in the sandbox: {decode(result.output)}")
