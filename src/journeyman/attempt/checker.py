"""Runs checks for one attempt and keeps what came of them."""

from dataclasses import dataclass
from typing import Literal

from journeyman.agent.work import OpenLayer
from journeyman.checks.compare import endless_after
from journeyman.checks.run import PROBE, run_check
from journeyman.core import folds
from journeyman.core.errors import SandboxError
from journeyman.core.events import AttemptStarted, Checked, CheckStarted
from journeyman.core.evidence import NO_COPY, Check, CheckRun
from journeyman.sandbox.protocol import Sandbox
from journeyman.store.log import AttemptLog

PATIENCE, TIMES = 60.0, 30.0
"""A check of what a small model wrote is given so many seconds, or so many times what it took on the base: it writes
many an endless loop, and each would cost the whole limit."""

AGAIN = 3.0
"""Where tests ran without end on the base, those of the result have so many times the limit that cut these."""


@dataclass(slots=True)
class Checker:
    """A strategy's `RunCheck`. `tree` is the tree that runs on the result are bound to, once there is one."""

    log: AttemptLog
    start: AttemptStarted
    tree: str = ""

    async def __call__(
        self,
        sandbox: Sandbox,
        check: Check,
        on: Literal["base", "result", "candidate"],
        *,
        only: tuple[str, ...] = (),
        test_seconds: float | None = None,
        record: bool = True,
    ) -> CheckRun:
        if record:
            await self.log.append(CheckStarted(check=check, on=on))
        chunk = self.log.chunk()
        run = await run_check(
            sandbox,
            check.model_copy(update={"timeout": self._seconds(check, on)}),
            on=on,
            tree=self.start.base.tree if on == "base" else self.tree,
            chunk=chunk,
            only=only,
            test_seconds=test_seconds or self._each(check, on),
            probe=PROBE,
            background=on == "base" and self.start.strategy == "loop",
        )
        await chunk.close()
        run = run.model_copy(update={"check": check})
        if run.cut == "gone" and on != "candidate":
            raise SandboxError(f"The sandbox died while `{check.command}` ran on the {on}.")
        if record:
            await self.log.append(Checked(run=run))
        return run

    def _seconds(self, check: Check, on: str) -> float:
        if on != "result" or not self.start.profile.small:
            return check.timeout
        base = self._on_base(check)
        # A runner that came to no test failed before it began, and may take long once it begins.
        if base is None or base.cut is not None or (check.runner is not None and not base.tests):
            return check.timeout
        return min(check.timeout, max(PATIENCE, TIMES * base.seconds))

    def _each(self, check: Check, on: str) -> float:
        """The limit of each test."""
        longest = self.start.limits.test_seconds
        base = self._on_base(check) if on == "result" and self.start.profile.small else None
        cut = [limit for test in base.failing if (limit := endless_after(test))] if base is not None else []
        return min(longest, AGAIN * max(cut)) if cut else longest

    def _on_base(self, check: Check) -> CheckRun | None:
        return next((run for run in folds.checks(self.log.events, "base") if run.check.command == check.command), None)

    async def cannot(self, check: Check, why: str) -> CheckRun:
        """Write down that there is nothing that a check of the result could run on."""
        await self.log.append(CheckStarted(check=check, on="result"))
        chunk = self.log.chunk()
        chunk.write(why.encode())
        await chunk.close()
        run = CheckRun(
            check=check, on="result", tree=self.tree, exit_code=None, seconds=0.0, chunk=chunk.id, cut=NO_COPY
        )
        await self.log.append(Checked(run=run))
        return run

    async def base(self, layer: OpenLayer) -> None:
        """Run on the base, in a layer of its own, every check that was not run there yet."""
        done = {run.check.command for run in folds.checks(self.log.events, "base")}
        waiting = [check for check in self.start.checks if check.command not in done]
        if not waiting:
            return
        async with layer() as sandbox:
            for check in waiting:
                await self(sandbox, check, "base")
