"""Whether a worker's event loop goes round: while it does not, no attempt of it gets on and no heartbeat leaves."""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

LOG = logging.getLogger("journeyman.engine")

BLOCKED = 1.0
"""Seconds that the loop may take for a round before it is said."""

FRAMES = 4
"""How many of the innermost calls are named."""


class Pulse:
    """The time of the loop's last round. A thread looks at it, and at what the loop is at where it is long ago."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.place = ""
        """What the loop is at, once it has been at it for too long."""
        self._thread = threading.get_ident()
        self._round = time.monotonic()
        self._used = self._processor_time()
        self._over = threading.Event()

    async def beat(self) -> None:
        """For ever; says in the log what has kept the loop."""
        while True:
            self._round, self._used = time.monotonic(), self._processor_time()
            await asyncio.sleep(self.limit / 4)
            seconds, used = time.monotonic() - self._round, self._processor_time() - self._used
            if seconds > self.limit * 1.25:
                place, self.place = self.place, ""
                LOG.warning(
                    "The event loop was blocked for %.1f s, in which it had the processor for %.1f s%s",
                    seconds,
                    used,
                    f": {place}" if place else ".",
                )

    def look(self) -> None:
        """For ever, in a thread of its own."""
        while not self._over.wait(self.limit / 4):
            if time.monotonic() - self._round > self.limit * 1.25 and not self.place:
                frame = sys._current_frames().get(self._thread)  # pyright: ignore[reportPrivateUsage]
                calls = traceback.extract_stack(frame)[-FRAMES:] if frame is not None else []
                self.place = ", ".join(f"{call.name} ({call.filename}:{call.lineno})" for call in calls)

    def end(self) -> None:
        self._over.set()

    def _processor_time(self) -> float:
        """Seconds that the loop's thread has run."""
        if sys.platform == "linux":
            return time.clock_gettime(time.pthread_getcpuclockid(self._thread))
        return time.process_time()


@asynccontextmanager
async def watched(limit: float = BLOCKED) -> AsyncGenerator[Pulse]:
    """Say in the log where the loop did not go round for more than `limit` seconds while the body runs."""
    pulse = Pulse(limit)
    looking = threading.Thread(target=pulse.look, name="pulse", daemon=True)
    looking.start()
    beating = asyncio.create_task(pulse.beat())
    try:
        yield pulse
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        pulse.end()
        looking.join()
