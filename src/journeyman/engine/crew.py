"""What a worker works with, and what it can run."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from journeyman.attempt.host import Host
from journeyman.attempt.prepare import Plan
from journeyman.attempt.spans import AttemptSpans
from journeyman.core.events import AttemptStarted
from journeyman.core.people import Offer
from journeyman.core.task import Attempt

Observe = Callable[[Attempt, AttemptStarted | None], AttemptSpans]


@dataclass(frozen=True, slots=True)
class Crew:
    """A machine at work for the engine.

    `checks` come from settings and yield to a task's own. `model_limits` bound how many attempts may use a model at a
    time, by its name. `offer` is what this worker tells of itself. `observe` makes spans of each attempt, if wanted.
    """

    host: Host
    plan: Plan
    offer: Offer
    checks: tuple[str, ...] = ()
    model_limits: Mapping[str, int] = field(default_factory=dict[str, int])
    observe: Observe | None = None


def machine_id(state: Path) -> str:
    """The id of the machine as far as work goes: that of the folder `state`, in which its workspaces lie."""
    file = state / "machine"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_name(f"machine.{secrets.token_hex(4)}")
        fresh.write_text(secrets.token_hex(8))
        with suppress(FileExistsError):  # the first one wins
            file.hardlink_to(fresh)
        fresh.unlink()
        return file.read_text().strip()
