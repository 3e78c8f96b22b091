"""The workflow of a task: ids and decisions, never contents, since its history is kept by the engine and replayed."""

from datetime import timedelta
from typing import Literal

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():  # the values need no second copy in the workflow's own sandbox
    from journeyman.core.value import Value

QUEUE = "journeyman"
"""The task queue that workers listen on."""

RETRIES = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=30),
    maximum_attempts=20,
    non_retryable_error_types=["UsageError", "RepositoryError", "SandboxUnavailable"],
)
"""An attempt goes on where its log ends, so trying again is cheap; what a person has to mend is not tried again."""


class Order(Value):
    """What is to be done: the attempts of one turn of a task, side by side.

    A worker that is not heard of for `heartbeat` seconds is taken for dead, and another one goes on with the attempt.
    """

    task_id: str
    attempts: tuple[str, ...]
    heartbeat: float = 10.0


class Ended(Value):
    """How an attempt came to its end. `outcome` is what the worker answered; None where it could not."""

    attempt_id: str
    status: Literal["done", "failed", "cancelled"]
    outcome: str | None = None
    message: str = ""


@workflow.defn(name="task")
class TaskWorkflow:
    def __init__(self) -> None:
        self._running: list[workflow.ActivityHandle[str]] = []

    @workflow.run
    async def run(self, order: Order) -> list[Ended]:
        self._running = [
            workflow.start_activity(
                "run_attempt",
                attempt_id,
                result_type=str,
                activity_id=attempt_id,
                heartbeat_timeout=timedelta(seconds=order.heartbeat),
                start_to_close_timeout=timedelta(days=7),
                retry_policy=RETRIES,
                cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            )
            for attempt_id in order.attempts
        ]
        return [
            await _ended(attempt_id, handle) for attempt_id, handle in zip(order.attempts, self._running, strict=True)
        ]

    @workflow.signal
    def cancel(self) -> None:
        """Stop all attempts; each is given the time to put its things in order."""
        for handle in self._running:
            handle.cancel()


async def _ended(attempt_id: str, handle: workflow.ActivityHandle[str]) -> Ended:
    try:
        return Ended(attempt_id=attempt_id, status="done", outcome=await handle)
    except ActivityError as error:
        if is_cancelled_exception(error):
            return Ended(attempt_id=attempt_id, status="cancelled")
        return Ended(attempt_id=attempt_id, status="failed", message=str(error.cause or error))
