"""What a strategy is given to work with."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from journeyman.core.events import AttemptStarted
from journeyman.core.evidence import Check, CheckRun
from journeyman.core.task import StopReason
from journeyman.models.protocol import Model
from journeyman.sandbox.protocol import Sandbox
from journeyman.store.log import AttemptLog

OpenLayer = Callable[[], AbstractAsyncContextManager[Sandbox]]


class RunCheck(Protocol):
    """Run a check in a sandbox and append what came of it to the log.

    `only` narrows it to those tests where the runner can, `test_seconds` cuts each test that takes longer, and
    `record` False keeps the run out of the log (a candidate that is one of many).
    """

    def __call__(
        self,
        sandbox: Sandbox,
        check: Check,
        on: Literal["base", "result", "candidate"],
        *,
        only: tuple[str, ...] = (),
        test_seconds: float | None = None,
        record: bool = True,
    ) -> Awaitable[CheckRun]: ...


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier model of a cascade came to: its change as a `patch` in git's format, empty where it made none,
    and edits that helped some tests, as diffs of one file."""

    patch: str = ""
    helped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """One attempt as a strategy sees it.

    `sandbox` is the attempt's own and its changes are the result; `layer` opens a throw-away sandbox over the base.
    `earlier` is what was tried before from the same beginning, and came to too little.
    """

    start: AttemptStarted
    log: AttemptLog
    model: Model
    sandbox: Sandbox
    layer: OpenLayer
    run_check: RunCheck
    earlier: tuple[Earlier, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a strategy ended; `message` is a sentence for a person.

    `doubt` is a sentence too: why checks that pass do not show that the work is right.
    """

    reason: StopReason
    message: str = ""
    doubt: str = ""
