"""Handing tasks to the engine."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from journeyman.core.errors import JourneymanError, UsageError

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowHandle

    from journeyman.engine.workflow import Ended, TaskWorkflow


async def connect(address: str, *, patience: float = 10.0) -> "Client":
    """A client of the engine at `address` (host:port), with our values on its wire."""
    from temporalio.client import Client
    from temporalio.contrib.pydantic import pydantic_data_converter

    try:
        return await Client.connect(
            address, data_converter=pydantic_data_converter, connect_timeout=timedelta(seconds=patience)
        )
    except RuntimeError as error:  # what the client raises when it cannot connect
        raise JourneymanError(f"The engine at {address} does not answer: is it running? ({error})") from error


async def submit(address: str, task_id: str, attempts: Sequence[str], *, heartbeat: float = 10.0) -> None:
    """Have these attempts of the task run, side by side. A task that is being worked on is left as it is.

    A worker that is not heard of for `heartbeat` seconds is taken for dead.
    """
    from temporalio.common import WorkflowIDConflictPolicy

    from journeyman.engine.workflow import QUEUE, Order, TaskWorkflow

    client = await connect(address)
    async with _told(address, task_id):
        await client.start_workflow(
            TaskWorkflow.run,
            Order(task_id=task_id, attempts=tuple(attempts), heartbeat=heartbeat),
            id=task_id,
            task_queue=QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )


async def cancel(address: str, task_id: str) -> None:
    """Stop the attempts of the task; returns when the engine knows, not when they have stopped."""
    from journeyman.engine.workflow import TaskWorkflow

    handle = await _handle(address, task_id)
    async with _told(address, task_id):
        await handle.signal(TaskWorkflow.cancel)


async def ended(address: str, task_id: str) -> "list[Ended]":
    """Wait for the end of all attempts of the task; how each ended, in the order in which they were handed over."""
    handle = await _handle(address, task_id)
    async with _told(address, task_id):
        return await handle.result()


async def _handle(address: str, task_id: str) -> "WorkflowHandle[TaskWorkflow, list[Ended]]":
    from journeyman.engine.workflow import TaskWorkflow

    return (await connect(address)).get_workflow_handle_for(TaskWorkflow.run, task_id)


@asynccontextmanager
async def _told(address: str, task_id: str) -> AsyncGenerator[None]:
    """The engine's errors in words for a person."""
    from temporalio.service import RPCError, RPCStatusCode

    try:
        yield
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise UsageError(f"The engine at {address} is not working on task {task_id}.") from error
        raise JourneymanError(f"The engine at {address} did not do what it was asked: {error.message}.") from error
