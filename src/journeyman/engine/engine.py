"""A connected engine: tasks are started, stopped and waited for through it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from journeyman.core.errors import UsageError
from journeyman.core.task import Task
from journeyman.engine.connection import Where, connect, told
from journeyman.engine.orders import QUEUE, Ended, TaskOrder
from journeyman.store.holder import is_dead, this_process
from journeyman.store.jobs import Job

if TYPE_CHECKING:
    from temporalio.client import Client

HEARTBEAT = 30.0
"""Seconds after which a worker that was not heard of is taken for dead. Its leases last as long; where its process has
gone that is seen at once."""

STEP = 5.0
"""Seconds after which a worker that has not answered to a step of a workflow is not waited for."""


@asynccontextmanager
async def open_engine(
    where: Where, machine: str, *, heartbeat: float = HEARTBEAT, patience: float = 10.0
) -> AsyncGenerator["Engine"]:
    """The engine at an address; `machine` is the id of this one, for folders of it."""
    yield Engine(where, await connect(where, identity=this_process(), patience=patience), machine, heartbeat)


@dataclass(frozen=True, slots=True)
class Engine:
    """Made by `open_engine`. Every failure is a `JourneymanError` that says what happened."""

    where: Where
    client: "Client"
    machine: str
    heartbeat: float = HEARTBEAT

    async def start(self, task: Task, turn: int) -> None:
        """Have a stored turn worked on. One that is being worked on, or has been, is left as it is."""
        from temporalio.common import Priority

        from journeyman.engine.workflow import TaskWorkflow

        with told(self.where):
            await self.client.start_workflow(
                TaskWorkflow.run,
                TaskOrder(task_id=task.id, turn=turn, heartbeat=self.heartbeat),
                id=task.id,
                task_queue=QUEUE,
                task_timeout=timedelta(seconds=STEP),
                start_signal="work",
                start_signal_args=[turn],
                priority=Priority(priority_key=task.priority, fairness_key=task.owner or task.group or "nobody"),
            )

    async def stop(self, task_id: str, turn: int) -> None:
        """Stop the attempts of a turn; returns when the engine knows, not when they have stopped. Raises `UsageError`
        where it is not working on the task."""
        from journeyman.engine.workflow import TaskWorkflow

        with told(self.where, task_id):
            await self.client.get_workflow_handle(task_id).signal(TaskWorkflow.stop, turn)

    async def wake(self, jobs: Sequence[Job]) -> None:
        """Tell turns that wait that there may be room. Those that are missed ask again by themselves."""
        from temporalio.service import RPCError

        from journeyman.engine.workflow import TaskWorkflow

        for job in jobs:
            try:
                await self.client.get_workflow_handle(job.task_id).signal(TaskWorkflow.wake)
            except RPCError:
                continue

    async def ended(self, task_id: str) -> tuple[Ended, ...]:
        """Wait for the end of the work on a task; how each attempt of its last turn ended."""
        from journeyman.engine.workflow import TaskWorkflow

        with told(self.where, task_id):
            return await self.client.get_workflow_handle_for(TaskWorkflow.run, task_id).result()

    async def hand_on(self, task_id: str, attempt_id: str) -> None:
        """Say that the worker of an attempt is dead, so that another one goes on without waiting for its heartbeat."""
        from temporalio.exceptions import ApplicationError

        handle = self.client.get_async_activity_handle(workflow_id=task_id, run_id=None, activity_id=attempt_id)
        with suppress(UsageError), told(self.where, task_id):  # it is not waiting for that worker any more
            await handle.fail(
                ApplicationError("The worker's process has gone.", type="WorkerGone", next_retry_delay=timedelta(0))
            )

    async def in_flight(self, task_id: str) -> list[str]:
        """The attempts of a task that are with a worker of this machine whose process is no more."""
        from temporalio.api.enums.v1 import PendingActivityState

        try:
            with told(self.where, task_id):
                found = await self.client.get_workflow_handle(task_id).describe()
        except UsageError:
            return []
        given = (
            PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
            PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,  # of a turn that a person has stopped
        )
        return [
            one.activity_id
            for one in found.raw_description.pending_activities
            if one.state in given and is_dead(one.last_worker_identity)
        ]

    async def healthy(self) -> bool:
        """Whether the engine answers."""
        from temporalio.service import RPCError

        try:
            async with asyncio.timeout(5):
                return await self.client.service_client.check_health()
        except (RPCError, TimeoutError):
            return False
