"""What the workflow of a task has looked up and written down in the store: where a turn runs, and how it came out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from journeyman.core import folds
from journeyman.core.environment import RESERVED
from journeyman.core.environment_file import read_environment
from journeyman.core.errors import StoreError, UsageError
from journeyman.core.evidence import READ_FROM_FILES, Result, best
from journeyman.core.people import Offer
from journeyman.core.task import Attempt, Limits, Status, Task, Turn
from journeyman.engine.activities import failed
from journeyman.engine.orders import ENDED, Conclusion, Ended, Place, Placement, TurnRef, Unsettled
from journeyman.engine.routes import Needs, lacks, route
from journeyman.store.jobs import Job
from journeyman.store.store import Store

WAIT = 15.0
"""Seconds after which a turn that waits for a free place asks again; it is woken when one becomes free."""

NOBODY = 3.0
"""Seconds after which a turn that no worker can run asks again."""

OFFERS = 1.0
"""Seconds for which the list of workers is not read again."""


class Wake(Protocol):
    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Tell turns that wait that there may be room."""
        ...


@dataclass(slots=True)
class TurnActivities:
    """Looks and writes for `TaskWorkflow`. `default_model` is what a request without a model means here."""

    store: Store
    wake: Wake
    default_model: str
    model_limits: Mapping[str, int]
    _offers: tuple[float, Sequence[Offer]] = (0.0, ())

    @activity.defn
    async def place_turn(self, ref: TurnRef) -> Placement:
        """What is to be done with a turn now."""
        try:
            return await self._placement(ref)
        except StoreError as error:
            raise failed(error) from error

    async def _placement(self, ref: TurnRef) -> Placement:
        try:
            task, turn = await self.store.task(ref.task_id), await self.store.turns.get(ref.task_id, ref.turn)
        except UsageError:  # it was deleted
            return Placement(state="over")
        if turn.status in ENDED:
            await self.wake(await self.store.jobs.drop(ref.task_id, ref.turn))
            return Placement(state="over")
        try:
            waits = await self.store.jobs.admit(task, turn, turn.request.model or self.default_model, self.model_limits)
        except UsageError:  # just now
            return Placement(state="over")
        if waits:
            return Placement(state="wait", seconds=WAIT)
        attempts = [
            one for one in await self.store.attempts(task.id, turn.number) if one.status not in ("done", "failed")
        ]
        offers, needs = await self._workers(), await self._needs(turn, attempts)
        queues = route(offers, needs)
        if not queues:
            await self._tell(task, lacks(offers, needs))
            return Placement(state="wait", seconds=NOBODY)
        return Placement(state="go", places=tuple(Place(attempt_id=one.id, queues=queues) for one in attempts))

    @activity.defn
    async def unsettled(self, ref: TurnRef) -> Unsettled:
        """Which attempts of a turn have to be brought to their end."""
        try:
            attempts = await self.store.attempts(ref.task_id, ref.turn)
        except StoreError as error:
            raise failed(error) from error
        return Unsettled(attempts=tuple(one.id for one in attempts if one.began is not None and one.verdict is None))

    @activity.defn
    async def conclude_turn(self, conclusion: Conclusion) -> None:
        """Choose the best attempt, and write down how the turn came out."""
        try:
            await self._concluded(conclusion)
        except StoreError as error:
            raise failed(error) from error

    async def _concluded(self, conclusion: Conclusion) -> None:
        task_id, number = conclusion.task_id, conclusion.turn
        try:
            turn = await self.store.turns.get(task_id, number)
        except UsageError:  # it was deleted
            return
        ended = {one.attempt_id: one for one in conclusion.ended}
        if turn.status not in ENDED:
            status, chosen, reason = await self._outcome(task_id, number, ended, stopped=conclusion.stopped)
            await self.wake(await self.store.jobs.conclude(task_id, number, status, chosen, reason))
        else:
            await self.wake(await self.store.jobs.drop(task_id, number))

    async def _outcome(
        self, task_id: str, number: int, ended: Mapping[str, Ended], *, stopped: bool
    ) -> tuple[Status, str | None, str]:
        """How the turn came out, the attempt that is handed over, and why it failed or waits."""
        attempts = await self.store.attempts(task_id, number)
        for attempt in attempts:
            gave_up = attempt.id in ended and ended[attempt.id].status == "failed"
            if attempt.status not in ENDED or (gave_up and attempt.status != "done"):
                await self.store.set_attempt(attempt.id, "failed" if gave_up else "cancelled", unless_held=True)
        done = [attempt for attempt in attempts if attempt.status == "done"]
        if done:
            results = await self._results(done) if len(done) > 1 else {}
            crossed = [pair for attempt in attempts for pair in attempt.summary.crossed]
            opinions = [one for attempt in attempts for one in attempt.summary.opinions]
            return "done", best(results, crossed=crossed, opinions=opinions) if results else done[0].id, ""
        failures = [one.message for one in ended.values() if one.status == "failed"]
        waits = [one.message for one in ended.values() if one.status == "waits"]
        if waits and not stopped:
            return "interrupted", None, waits[0]
        if failures and not stopped and not any(one.verdict is not None for one in attempts):
            return "failed", None, failures[0]
        return await self._stopped(task_id, attempts, failures)

    async def _stopped(
        self, task_id: str, attempts: Sequence[Attempt], failures: Sequence[str]
    ) -> tuple[Status, str | None, str]:
        """How a turn came out that a person stopped: with what was done until then."""
        left = await self._results(attempts)
        halts = [one.kind for one in await self.store.messages.after(task_id) if one.kind in ("interrupt", "cancel")]
        said = [one.status for one in attempts if one.id in left or not halts]
        interrupted = "interrupted" in said if said else halts[-1] == "interrupt"
        chosen = best(left) if left else None
        troubles = [one for one in left[chosen].warnings if one.startswith(READ_FROM_FILES)] if chosen else failures
        return ("interrupted" if interrupted else "cancelled"), chosen, troubles[0] if troubles else ""

    async def _results(self, attempts: Sequence[Attempt]) -> dict[str, Result]:
        found = {one.id: folds.result(await self.store.events(one.id)) for one in attempts}
        return {attempt_id: result for attempt_id, result in found.items() if result is not None}

    async def _workers(self) -> Sequence[Offer]:
        at, offers = self._offers
        if not offers or time.monotonic() - at > OFFERS:
            offers = await self.store.offers.all()
            self._offers = (time.monotonic(), offers)
        return offers

    async def _needs(self, turn: Turn, attempts: Sequence[Attempt]) -> Needs:
        request = turn.request
        plain = Limits()
        return Needs(
            machine=request.machine,
            near=await self._near(turn),
            model=request.model,
            image=await self._image(request.environment, attempts),
            cpus=request.limits.cpus,
            memory_bytes=request.limits.memory_bytes if request.limits.memory_bytes > plain.memory_bytes else None,
        )

    async def _near(self, turn: Turn) -> str | None:
        """The machine that has the workspace which the turn goes on from."""
        if turn.number == 1:
            return None
        before = [one.machine for one in await self.store.turns.all(turn.task_id) if one.number < turn.number]
        return before[-1] if before else None

    async def _image(self, environment: str, attempts: Sequence[Attempt]) -> bool:
        """Whether commands run in a container image: a stored environment says so, or one that was chosen already."""
        for attempt in attempts:
            if attempt.began is not None:
                start = folds.started(await self.store.events(attempt.id))
                return bool(start and start.environment and start.environment.environment.base.image)
        if environment in RESERVED or (stored := await self.store.environments.get(environment)) is None:
            return False
        return read_environment(stored.text, environment, name=environment).base.image is not None

    async def _tell(self, task: Task, reason: str) -> None:
        if task.reason != reason:
            await self.store.update_task(task.id, reason=reason)
