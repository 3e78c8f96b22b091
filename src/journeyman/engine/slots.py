"""How many attempts a worker runs at a time, over all queues that it takes them from."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.worker import (
    CustomSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
)

SPARE = 512 * 1024 * 1024
"""Bytes of memory that are left free: below, nothing new is begun."""

LOOK = 0.5
"""Seconds between two looks at the memory while there is none to spare."""


class Permit(SlotPermit):
    """What a poll of a queue holds."""

    def __init__(self, queue: str) -> None:
        super().__init__()
        self.queue = queue
        self.used = False


class Slots(CustomSlotSupplier):
    """At most `most` attempts, and no new one while the machine has less memory to spare than `SPARE`.

    The engine asks for a slot before it knows whether a queue has anything, so a slot that only waits counts for its
    own queue alone: else one queue would keep the last one from another. The few that come too many at once wait in
    `place`.
    """

    def __init__(self, most: int, available: "Callable[[], int] | None" = None) -> None:
        self.most = most
        self.running = 0
        self._used = 0
        self._waiting: Counter[str] = Counter()
        self._counting = threading.Lock()  # the engine's client counts in threads of its own
        self._free = asyncio.Condition()
        self._freed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._available = available or available_memory

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """Waits until fewer than `most` attempts run, and counts as one while the body runs."""
        async with self._free:
            await self._free.wait_for(lambda: self.running < self.most)
            self.running += 1
        try:
            yield
        finally:
            self.running -= 1
            async with self._free:
                self._free.notify_all()

    async def reserve_slot(self, ctx: SlotReserveContext) -> Permit:
        while (permit := self.try_reserve_slot(ctx)) is None:
            self._freed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), LOOK)
        return permit

    def try_reserve_slot(self, ctx: SlotReserveContext) -> Permit | None:
        queue = ctx.task_queue
        with self._counting:
            if self._used + self._waiting[queue] >= self.most:
                return None
            if self._used > 0 and self._available() <= SPARE:
                return None
            self._waiting[queue] += 1
            return Permit(queue)

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        permit = ctx.permit
        assert isinstance(permit, Permit)
        with self._counting:
            permit.used = True
            self._waiting[permit.queue] -= 1
            self._used += 1

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        permit = ctx.permit
        assert isinstance(permit, Permit)
        with self._counting:
            if permit.used:
                self._used -= 1
            else:
                self._waiting[permit.queue] -= 1
        self._loop.call_soon_threadsafe(self._freed.set)


def available_memory() -> int:
    """Bytes that a new program could use, on the machine and in this process's control group."""
    free = _meminfo("MemAvailable")
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        bound, taken = _number(CGROUP / most), _number(CGROUP / used)
        if bound is not None and taken is not None:
            free = min(free, bound - taken)
    return free


def total_memory() -> int:
    """Bytes of memory of the machine, or of this process's control group where that has less."""
    bounds = [_number(CGROUP / name) for name in ("memory.max", "memory/memory.limit_in_bytes")]
    return min([_meminfo("MemTotal"), *(bound for bound in bounds if bound is not None)])


CGROUP = Path("/sys/fs/cgroup")


def _number(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _meminfo(key: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return int(rest.split()[0]) * 1024
    return 0
