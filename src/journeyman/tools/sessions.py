"""Commands that go on after the call that started them has returned."""

import asyncio
from dataclasses import dataclass, field

from journeyman.core.errors import ToolError
from journeyman.sandbox.protocol import Session
from journeyman.store.chunk import Chunk

MOST = 64


@dataclass(slots=True)
class Open:
    """A session under way. `chunk` takes its whole raw output, `timeout` is seconds, `began` by the monotonic clock."""

    command: str
    session: Session
    chunk: Chunk
    timeout: float
    began: float
    terminal: bool = False

    @property
    def id(self) -> int:
        """No other session of the attempt has it, also after the work was interrupted."""
        return self.chunk.number + 1


@dataclass(slots=True)
class Sessions:
    """The sessions of one attempt in this process."""

    _open: dict[int, Open] = field(default_factory=dict[int, Open])

    def room(self) -> None:
        """Raises `ToolError` when there are too many."""
        if len(self._open) >= MOST:
            ids = ", ".join(str(one) for one in sorted(self._open))
            raise ToolError(f"{MOST} sessions are running ({ids}), and no more may: end some first, with Ctrl-C.")

    def add(self, one: Open) -> None:
        self._open[one.id] = one

    def find(self, ident: int) -> Open:
        if ident not in self._open:
            known = ", ".join(str(one) for one in sorted(self._open)) or "none"
            raise ToolError(
                f"There is no session {ident}: it has ended, or went when the work was interrupted. Running: {known}."
            )
        return self._open[ident]

    async def ended(self, one: Open) -> None:
        """Its end was seen: its output is whole."""
        self._open.pop(one.id, None)
        await one.chunk.close()

    async def close(self) -> None:
        """End all that still run, and keep what they wrote."""
        await asyncio.gather(*(one.session.kill() for one in self._open.values()))
        for one in list(self._open.values()):
            await one.session.poll(0, keep=0)  # the last that it wrote is handed on by then
            await self.ended(one)
