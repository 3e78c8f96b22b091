"""The worker of `serve`: a process of its own, so that work under way does not keep those waiting who ask."""

import asyncio
import gc
import logging
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

LOG = logging.getLogger("journeyman.worker")

STEADY = 30.0
"""Seconds after which a worker that ends did not fail at its start."""

LONGEST = 10.0
"""Seconds between two starts at most."""

PATIENCE = 75.0
"""Seconds that the worker has to end: it gives attempts a minute to come to the end of their step."""

FLAGS = {
    "address": "--temporal-address",
    "namespace": "--temporal-namespace",
    "api_key_env": "--temporal-api-key-env",
}


def apart() -> bool:
    """Whether a worker can be a process of its own: only Linux ends it with us, however we end."""
    return sys.platform == "linux"


def settle() -> None:
    """Look less often for what nobody needs any more, and never among what was loaded by now: each such look holds up
    everything, the longer the more is at work."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def told_to(slots: int | None, store: str | None, blobs: str | None, temporal: Mapping[str, object]) -> list[str]:
    """The options of `journeyman worker` that say the same as those of `serve`."""
    given = {"--slots": slots, "--store": store, "--blobs": blobs}
    given |= {flag: temporal.get(name) for name, flag in FLAGS.items()}
    told = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    return [*told, "--temporal-tls"] if temporal.get("tls") else told


@asynccontextmanager
async def worker_child(options: Sequence[str]) -> AsyncGenerator[None]:
    """A worker while the body lasts: started anew when it dies, told to end after the body, gone with this process."""
    child = _Child(options)
    await child.start()
    supervisor = asyncio.create_task(child.supervise())
    try:
        yield
    finally:
        supervisor.cancel()
        await asyncio.wait([supervisor])
        await child.stop()


class _Child:
    def __init__(self, options: Sequence[str]) -> None:
        self._command = (sys.executable, "-P", "-m", "journeyman.cli.main", "worker", *options)
        self._process: Process | None = None

    async def start(self) -> Process:
        from journeyman.engine.server import die_with_parent

        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; we end it in good order
            preexec_fn=die_with_parent(),
        )
        return self._process

    async def supervise(self) -> None:
        """Start the worker anew whenever it has ended; slower when it ends soon."""
        failures = 0
        while self._process is not None:
            began = time.monotonic()
            code = await self._process.wait()
            failures = 0 if time.monotonic() - began > STEADY else failures + 1
            pause = min(0.1 * 2**failures, LONGEST)
            LOG.warning("The worker has ended (%s); another one is started in %g s and goes on.", code, pause)
            await asyncio.sleep(pause)
            await self.start()

    async def stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()
