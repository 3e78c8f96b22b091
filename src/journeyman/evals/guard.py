"""The wall between the grader's files and the agent: what enters an attempt's sandbox is looked at, and refused.

Nothing is meant to lead there; this holds it, whatever changes elsewhere. Looked at are all paths of the host that a
sandbox is to show, the files of its lower layers, and what the harness writes into it.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from journeyman.attempt.masked import MaskedSandbox
from journeyman.core.errors import JourneymanError
from journeyman.core.mask import Mask
from journeyman.core.text import one_line
from journeyman.evals.task import EvalTask
from journeyman.sandbox.protocol import Sandbox, SandboxBackend, SandboxSpec


class Contaminated(JourneymanError):
    """The agent would have seen what its work is graded with."""


class Secret:
    """What the agent must not see: the grader's texts that were not handed out, and the `places` they are kept at.

    The accepted fix is kept at the same places; its text is not looked for, since the agent is to come to it itself.
    """

    def __init__(self, task: EvalTask, places: Iterable[Path]) -> None:
        grader = task.grader
        known = {_key(text.encode()) for text in task.files.values()}
        texts = {path: text.encode() for path, text in grader.files.items() if text.strip()}
        if grader.patch.strip():
            texts["the patch with its tests"] = grader.patch.encode()
        self.names: Mapping[str, str] = {_key(data): name for name, data in texts.items() if _key(data) not in known}
        self.sizes = frozenset(len(data) for data in texts.values() if _key(data) not in known)
        self.places = tuple(place.resolve() for place in places)
        self.clean: set[Path] = set()
        self.task = task.id

    def found_in(self, data: bytes) -> str | None:
        """The name of the grader's file that `data` is; None when it is none."""
        return self.names.get(_key(data)) if len(data) in self.sizes else None

    def refuse(self, what: str, where: str) -> Contaminated:
        return Contaminated(
            f"{one_line(self.task, 100)}: {one_line(what, 200)} would be seen by the agent, in {where}. "
            "The attempt was not begun, since its grade would be worth nothing; the other tasks are not touched by it."
        )


def _key(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Guarded:
    """A `SandboxBackend` that opens no sandbox in which one could see the `secret`."""

    def __init__(self, inner: SandboxBackend, secret: Secret) -> None:
        self._inner = inner
        self._secret = secret
        self.name = inner.name

    def probe(self) -> list[str]:
        return self._inner.probe()

    async def identify(self, image: str) -> str:
        return await self._inner.identify(image)

    def open(self, spec: SandboxSpec) -> AbstractAsyncContextManager[Sandbox]:
        return self._open(spec)

    @asynccontextmanager
    async def _open(self, spec: SandboxSpec) -> AsyncGenerator[Sandbox]:
        await asyncio.to_thread(look, spec, self._secret)
        async with self._inner.open(spec) as sandbox:
            yield _GuardedSandbox(sandbox, self._secret)


class _GuardedSandbox(MaskedSandbox):
    """A sandbox into which no file of the grader is written."""

    def __init__(self, inner: Sandbox, secret: Secret) -> None:
        super().__init__(inner, Mask())
        self._secret = secret

    async def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        if (name := self._secret.found_in(data)) is not None:
            raise self._secret.refuse(name, one_line(path, 200))
        await super().write(path, data, executable=executable)


def look(spec: SandboxSpec, secret: Secret) -> None:
    """Raise `Contaminated` where a sandbox of this kind would show a file of the grader."""
    shown = [*spec.lower, *spec.home_lower, *spec.readable, *(one.root for one in spec.toolchains)]
    shown += [path for path in (spec.upper, spec.home_upper) if path is not None]
    for path in shown:
        real = path.resolve()
        for place in secret.places:
            if place == real or place.is_relative_to(real):
                raise secret.refuse(f"the grader's {place.name}", str(path))
    for folder in spec.lower:
        if folder not in secret.clean:
            _search(folder, secret)
            secret.clean.add(folder)


def _search(folder: Path, secret: Secret) -> None:
    if not secret.sizes:
        return
    for root, names, files in os.walk(folder):
        if ".git" in names and Path(root) == folder:
            names.remove(".git")  # ours, made of the very files that are looked at
        for name in files:
            file = Path(root, name)
            if file.is_symlink() or not file.is_file() or file.stat().st_size not in secret.sizes:
                continue
            if (found := secret.found_in(file.read_bytes())) is not None:
                raise secret.refuse(found, str(file.relative_to(folder)))
