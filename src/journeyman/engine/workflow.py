"""The workflow of a task: ids and decisions, never contents, since its history is kept by the engine and replayed."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType, is_cancelled_exception

with workflow.unsafe.imports_passed_through():  # the values need no second copy in the workflow's own sandbox
    from journeyman.engine.orders import (
        Conclusion,
        Due,
        Ended,
        Place,
        Placement,
        Queue,
        ScheduleRef,
        TaskOrder,
        TurnRef,
        Unsettled,
    )

ATTEMPT_RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), backoff_coefficient=1.0)
"""An attempt goes on where its log ends, so trying again is cheap; the worker says when that is of use, and when no
more."""

LOOK_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=200), backoff_coefficient=2.0, maximum_interval=timedelta(seconds=10)
)
"""Looking into the store, and writing the outcome there, must succeed in the end."""

ROUNDS = 2_000
"""How often a better queue is looked for at most: days, since each round waits for minutes."""

SETTLING = 20
"""How often somebody is looked for who brings a stopped attempt to its end."""

LOOK = timedelta(seconds=30)
"""How long one look may take."""


@workflow.defn(name="task")
class TaskWorkflow:
    """Works the turns of a task that it is given, one after the other, and ends when there is none left.

    A later turn starts it anew. All signals may come twice, or too late.
    """

    def __init__(self) -> None:
        self._turns: list[int] = []
        self._stopped: set[int] = set()
        self._woken = False
        self._running: list[workflow.ActivityHandle[str]] = []

    @workflow.run
    async def run(self, order: TaskOrder) -> tuple[Ended, ...]:
        """How the attempts of the last turn ended that there was something to do for."""
        self.work(order.turn)
        ended: tuple[Ended, ...] = ()
        while self._turns:
            turn = self._turns.pop(0)
            ended = await self._turn(TurnRef(task_id=order.task_id, turn=turn), order.heartbeat) or ended
        return ended

    @workflow.signal
    def work(self, turn: int) -> None:
        """There is (again) something to be done for a turn."""
        if turn not in self._turns:
            self._turns.append(turn)

    @workflow.signal
    def stop(self, turn: int) -> None:
        """Stop all attempts of a turn; each is given the time to put its things in order."""
        self._stopped.add(turn)
        for handle in self._running:
            handle.cancel()

    @workflow.signal
    def wake(self) -> None:
        """What the turn waits for may be there now."""
        self._woken = True

    async def _turn(self, turn: TurnRef, heartbeat: float) -> tuple[Ended, ...]:
        placement = await self._placed(turn)
        if placement is not None and placement.state == "over":
            return ()
        places = placement.places if placement is not None else ()
        ended = tuple(await asyncio.gather(*(self._attempt(turn, place, heartbeat) for place in places)))
        self._running = []
        stopped = turn.turn in self._stopped
        if stopped and places and workflow.patched("settle"):
            ended = await self._settled(turn, places, ended, heartbeat)
        self._stopped.discard(turn.turn)
        await workflow.execute_local_activity(
            "conclude_turn",
            Conclusion(task_id=turn.task_id, turn=turn.turn, ended=ended, stopped=stopped),
            start_to_close_timeout=LOOK,
            retry_policy=LOOK_RETRIES,
        )
        return ended

    async def _settled(
        self, turn: TurnRef, places: tuple[Place, ...], ended: tuple[Ended, ...], heartbeat: float
    ) -> tuple[Ended, ...]:
        """A stopped attempt ends with a result: where it has none, it is given out once more and hears the stop itself.

        So it is where it waited to be tried again as the stop came, or its worker died in ending it.
        """
        found: Unsettled = await workflow.execute_local_activity(
            "unsettled",
            turn,
            result_type=Unsettled,
            start_to_close_timeout=LOOK,
            retry_policy=LOOK_RETRIES,
        )

        async def settle(place: Place, before: Ended) -> Ended:
            if place.attempt_id not in found.attempts:
                return before
            return await self._settle(place, heartbeat) or before

        return tuple(await asyncio.gather(*(settle(place, one) for place, one in zip(places, ended, strict=True))))

    async def _settle(self, place: Place, heartbeat: float) -> Ended | None:
        for _ in range(SETTLING):
            for queue in place.queues:
                try:
                    outcome = await self._begin(place.attempt_id, queue, heartbeat)
                    return Ended(attempt_id=place.attempt_id, status="done", outcome=outcome)
                except ActivityError as error:
                    if not _elsewhere(error):
                        return _ended(place.attempt_id, error)
        return None

    async def _placed(self, turn: TurnRef) -> Placement | None:
        """Where the turn's attempts are to run, as soon as they may; None when it was stopped before."""
        while turn.turn not in self._stopped:
            self._woken = False
            placement = await self._look(turn)
            if placement.state != "wait":
                return placement
            with suppress(asyncio.TimeoutError):
                await workflow.wait_condition(
                    lambda: self._woken or turn.turn in self._stopped, timeout=timedelta(seconds=placement.seconds)
                )
        return None

    async def _look(self, turn: TurnRef) -> Placement:
        return await workflow.execute_local_activity(
            "place_turn",
            turn,
            result_type=Placement,
            start_to_close_timeout=LOOK,
            retry_policy=LOOK_RETRIES,
        )

    async def _attempt(self, turn: TurnRef, place: Place, heartbeat: float) -> Ended:
        """Have an attempt run on the first of its queues where somebody takes it."""
        for _ in range(ROUNDS):
            for queue in place.queues:
                if turn.turn in self._stopped:
                    return Ended(attempt_id=place.attempt_id, status="cancelled")
                handle = self._start(place.attempt_id, queue, heartbeat)
                try:
                    return Ended(attempt_id=place.attempt_id, status="done", outcome=await handle)
                except ActivityError as error:
                    if not _elsewhere(error):
                        return _ended(place.attempt_id, error)
            placement = await self._placed(turn)
            again = placement.places if placement is not None else ()
            mine = next((other for other in again if other.attempt_id == place.attempt_id), None)
            if mine is None:
                return Ended(attempt_id=place.attempt_id, status="cancelled")
            place = mine
        return Ended(attempt_id=place.attempt_id, status="failed", message="No worker could run it.")

    def _start(self, attempt_id: str, queue: Queue, heartbeat: float) -> workflow.ActivityHandle[str]:
        handle = self._begin(attempt_id, queue, heartbeat)
        self._running.append(handle)
        return handle

    def _begin(self, attempt_id: str, queue: Queue, heartbeat: float) -> workflow.ActivityHandle[str]:
        return workflow.start_activity(
            "run_attempt",
            attempt_id,
            result_type=str,
            activity_id=attempt_id,
            task_queue=queue.name,
            heartbeat_timeout=timedelta(seconds=heartbeat),
            schedule_to_start_timeout=timedelta(seconds=queue.patience),
            start_to_close_timeout=timedelta(days=7),
            retry_policy=ATTEMPT_RETRIES,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )


@workflow.defn(name="schedule")
class ScheduleWorkflow:
    """Hands a schedule's task in, once for each time that it is due."""

    @workflow.run
    async def run(self, ref: ScheduleRef) -> None:
        await workflow.execute_local_activity(
            "hand_in_due",
            Due(schedule_id=ref.schedule_id, key=workflow.info().workflow_id),
            start_to_close_timeout=LOOK,
            retry_policy=LOOK_RETRIES,
        )


def _elsewhere(error: ActivityError) -> bool:
    """Whether nobody took it in time, or whoever did lacks what it needs."""
    cause = error.cause
    if isinstance(cause, TimeoutError):
        return cause.type == TimeoutType.SCHEDULE_TO_START
    return isinstance(cause, ApplicationError) and cause.type == "Elsewhere"


def _ended(attempt_id: str, error: ActivityError) -> Ended:
    if is_cancelled_exception(error):
        return Ended(attempt_id=attempt_id, status="cancelled")
    cause = error.cause
    message = str(getattr(cause, "message", cause) or error)
    waits = isinstance(cause, ApplicationError) and cause.type == "BudgetSpent"
    return Ended(attempt_id=attempt_id, status="waits" if waits else "failed", message=message)
