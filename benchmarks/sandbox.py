"""What a sandbox costs: opening one over a workspace, and running a command in it, beside a bare process.

Medians and 99th percentiles in milliseconds.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import SandboxSpec


async def timed(times: int, work: Callable[[], Awaitable[object]]) -> list[float]:
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        found.append((time.perf_counter() - began) * 1e3)
    return sorted(found)


def row(name: str, times: list[float]) -> str:
    return f"{name:32} {statistics.median(times):8.2f} {times[int(len(times) * 0.99)]:8.2f}"


async def bare() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench sandbox", description=__doc__)
    parser.add_argument("--opens", type=int, default=20)
    parser.add_argument("--commands", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sandbox-") as temporary:
        workspace, upper = Path(temporary) / "work", Path(temporary) / "upper"
        workspace.mkdir()
        upper.mkdir()
        backend = Bubblewrap(Path(temporary) / "state")
        spec = SandboxSpec(workspace=workspace, lower=(workspace,), upper=upper)

        async def opened() -> None:
            async with backend.open(spec):
                pass

        await opened()  # the first one also makes the files that all share
        print(f"{'':32} {'median':>8} {'p99':>8}")
        print(row("open and close", await timed(arguments.opens, opened)))
        async with backend.open(spec) as sandbox:
            print(
                row("true in the sandbox", await timed(arguments.commands, lambda: sandbox.exec(["true"], timeout=9)))
            )
        print(row("floor: true as a bare process", await timed(arguments.commands, bare)))


if __name__ == "__main__":
    asyncio.run(main())
