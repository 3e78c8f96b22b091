"""A task with its whole history as one file: taken out, and put into this or another service."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import IO

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from journeyman.core.api.tasks import TaskView
from journeyman.core.errors import UsageError
from journeyman.server import lines
from journeyman.server.answers import Route, answered, problems
from journeyman.server.auth.actor import Administrator, Reader
from journeyman.server.auth.noted import note
from journeyman.server.errors import ApiError
from journeyman.server.found import SeenTask
from journeyman.server.parts import parts_of

router = APIRouter(prefix="/tasks", tags=["tasks"], route_class=Route)

FILE = "application/zip"
SPOOL = 8 * 1024 * 1024
"""Bytes of a file that are held in memory; more goes to the disk."""
PIECE = 256 * 1024


@router.get(
    "/{task_id}/export", responses=answered(FILE, "The file.") | problems(404), response_class=StreamingResponse
)
async def export_task(request: Request, actor: Reader, task: SeenTask) -> StreamingResponse:
    """The whole task as one file, for another service."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.SpooledTemporaryFile(SPOOL))
        await parts_of(request).store.transfer.write(task.id, file)
        stack.pop_all()  # it is closed when it has been sent
    await note(request, actor, "task.export", task.id, task.title)
    headers = {"Content-Disposition": f'attachment; filename="{task.id}.journeyman.zip"'}
    return StreamingResponse(_pieces(file), media_type=FILE, headers=headers)


async def _pieces(file: IO[bytes]) -> AsyncGenerator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


@router.post(
    "/import",
    status_code=201,
    responses=problems(409, 413),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def import_task(request: Request, actor: Administrator) -> TaskView:
    """Put a task in that was exported, as the whole body. It is believed what it says of its checks."""
    parts = parts_of(request)
    with tempfile.SpooledTemporaryFile(SPOOL) as file:
        async for piece in request.stream():
            file.write(piece)
        try:
            task = await parts.store.transfer.read(file, owner=actor.id)
        except UsageError as error:
            raise ApiError(409, "conflict", str(error)) from error
    await note(request, actor, "task.import", task.id, task.title)
    return await lines.task_view(parts, actor, task.id)
