"""The checks on the base: what fails, what passes and how long that takes; what never ends is cut soon."""

import time

from journeyman.agent.work import Work
from journeyman.core import folds
from journeyman.core.events import Progressed
from journeyman.core.evidence import Check, CheckRun
from journeyman.sandbox.protocol import Sandbox

TEST_SECONDS = 2.0
"""Processor time that a test of the base may take before it is taken for endless."""

SLOW, SLOWER = 0.4, 10.0
"""Where a passing test took longer than `SLOW` seconds, the others may take `SLOWER` times as long as the slowest."""

FIRST, SILENT = 8.0, 16.0
"""Seconds after which a check is cut that has no limit for each of its tests, and how long it is then looked at: one
that writes something later than `FIRST` is slow and not endless."""

_UNKNOWN = (None, "make")
"""Runners without a limit for each test, but for those that compile first: these are silent for long."""


async def reproduce(work: Work) -> list[CheckRun]:
    """The checks on the base, run now where the log does not have them."""
    known = {run.check.command: run for run in folds.checks(work.log.events, "base")}
    waiting = [check for check in work.start.checks if not _is_done(check, known.get(check.command))]
    if waiting:
        async with work.layer() as layer:
            for check in waiting:
                known[check.command] = await _on_base(work, layer, check)
    return [known[check.command].model_copy(update={"check": check}) for check in work.start.checks]


def _is_done(check: Check, run: CheckRun | None) -> bool:
    """Whether a check was run, and not just begun with a short limit by a process that has died."""
    return run is not None and not (run.cut == "time" and run.check.timeout < check.timeout)


async def _on_base(work: Work, layer: Sandbox, check: Check) -> CheckRun:
    if check.runner not in _UNKNOWN or check.timeout <= FIRST:
        return await _patient(work, layer, check)
    short = check.model_copy(update={"timeout": FIRST})
    run = await work.run_check(layer, short, "base", test_seconds=TEST_SECONDS)
    if run.cut != "time":
        return run
    if not run.tests and await _is_silent(layer, check):
        said = f"{check.command} wrote nothing more for {SILENT - FIRST:g} seconds: it is taken for endless."
        await work.log.append(Progressed(text=said))
        return run
    return await _patient(work, layer, check)


async def _patient(work: Work, layer: Sandbox, check: Check) -> CheckRun:
    """A run, and another one with a longer limit where what passes shows that these tests are slow."""
    run = await work.run_check(layer, check, "base", test_seconds=TEST_SECONDS)
    slowest = max((test.seconds for test in run.tests if test.outcome == "passed"), default=0.0)
    cut = any(test.message.startswith("endless") for test in run.failing)
    if not cut or slowest < SLOW:
        return run
    return await work.run_check(layer, check, "base", test_seconds=SLOWER * slowest)


async def _is_silent(layer: Sandbox, check: Check) -> bool:
    """Whether a check neither ends nor writes anything after its first seconds."""
    began = last = time.monotonic()

    def on_output(_: bytes) -> None:
        nonlocal last
        last = time.monotonic()

    done = await layer.exec(["sh", "-c", check.command], timeout=SILENT, keep=1024, on_output=on_output)
    return done.cut == "time" and last - began < FIRST
