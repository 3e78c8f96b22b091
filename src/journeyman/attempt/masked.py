"""A sandbox out of which no secret comes: what its commands write is masked before anybody cuts or keeps it."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from journeyman.core.mask import Mask
from journeyman.sandbox.output import Kept
from journeyman.sandbox.protocol import Entry, ExecResult, FileChange, OnOutput, Poll, Sandbox, Session


class MaskedSandbox:
    """The `Sandbox` of `inner`, with the secrets of `mask` taken out of all output. Files are as they are."""

    def __init__(self, inner: Sandbox, mask: Mask) -> None:
        self._inner = inner
        self._mask = mask

    @property
    def backend(self) -> str:
        return self._inner.backend

    @property
    def remarks(self) -> Sequence[str]:
        return self._inner.remarks

    async def exec(
        self,
        command: Sequence[str] | str,
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: bytes | int = b"",
        errors: int | None = None,
        timeout: float,
        output_limit: int = 64 * 1024 * 1024,
        keep: int = 1024 * 1024,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """See `Sandbox.exec`. What is kept is cut after it was masked, so that no half of a secret is left over."""
        stream, kept = self._mask.stream(), Kept(keep)

        async def pass_on(data: bytes) -> None:
            if data:
                kept.add(data)
                if on_output is not None and inspect.isawaitable(waiting := on_output(data)):
                    await waiting

        result = await self._inner.exec(
            command,
            cwd=cwd,
            env=env,
            stdin=stdin,
            errors=errors,
            timeout=timeout,
            output_limit=output_limit,
            keep=0,
            on_output=lambda data: pass_on(stream.feed(data)),
        )
        await pass_on(stream.flush())
        output, dropped = kept.result()
        return replace(result, output=output, dropped=dropped)

    async def start(
        self,
        command: Sequence[str] | str,
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        terminal: tuple[int, int] | None = None,
        stdin: bool = True,
        timeout: float,
        output_limit: int = 64 * 1024 * 1024,
        on_output: OnOutput | None = None,
    ) -> Session:
        """See `Sandbox.start`. The end of output that may begin a secret comes with the next poll, or the last."""
        masked = _MaskedSession(self._mask, on_output)
        masked.inner = await self._inner.start(
            command,
            cwd=cwd,
            env=env,
            terminal=terminal,
            stdin=stdin,
            timeout=timeout,
            output_limit=output_limit,
            on_output=masked.take if on_output is not None else None,
        )
        return masked

    async def read(self, path: str, *, limit: int = 16 * 1024 * 1024) -> bytes:
        return await self._inner.read(path, limit=limit)

    async def write(self, path: str, data: bytes, *, executable: bool | None = None) -> None:
        await self._inner.write(path, data, executable=executable)

    async def remove(self, path: str) -> None:
        await self._inner.remove(path)

    async def list(self, path: str = "", *, limit: int = 10_000) -> tuple[Entry, ...]:
        return await self._inner.list(path, limit=limit)

    async def snapshot(self, folder: Path) -> None:
        await self._inner.snapshot(folder)

    async def restore(self, folder: Path) -> None:
        await self._inner.restore(folder)

    async def diff(self) -> tuple[FileChange, ...]:
        return await self._inner.diff()

    async def read_change(self, path: bytes, *, limit: int = 256 * 1024 * 1024) -> tuple[int, bytes]:
        return await self._inner.read_change(path, limit=limit)

    async def close(self) -> None:
        await self._inner.close()


class _MaskedSession:
    """A session whose output is masked, for those who poll and for those who listen."""

    inner: Session

    def __init__(self, mask: Mask, on_output: OnOutput | None) -> None:
        self._polled = mask.stream()
        self._heard = mask.stream()
        self._on_output = on_output

    async def take(self, data: bytes) -> None:
        await self._pass_on(self._heard.feed(data))

    async def _pass_on(self, data: bytes) -> None:
        if data and self._on_output is not None and inspect.isawaitable(waiting := self._on_output(data)):
            await waiting

    async def write(self, data: bytes) -> None:
        await self.inner.write(data)

    async def end_input(self) -> None:
        await self.inner.end_input()

    async def resize(self, rows: int, columns: int) -> None:
        await self.inner.resize(rows, columns)

    async def poll(self, seconds: float, *, keep: int = 1024 * 1024) -> Poll:
        poll = await self.inner.poll(seconds, keep=keep)
        output = self._polled.feed(poll.output)
        if poll.ended:
            output += self._polled.flush()
            await self._pass_on(self._heard.flush())
        return replace(poll, output=output)

    async def kill(self) -> None:
        await self.inner.kill()
