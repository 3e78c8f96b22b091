"""Recordings of an attempt's terminal."""

import asyncio

from journeyman.core.api.work import CommandView
from journeyman.core.errors import UsageError
from journeyman.core.task import Attempt
from journeyman.server.attempts import COMMANDS, command_views, commands
from journeyman.server.errors import ApiError
from journeyman.server.parts import Parts
from journeyman.server.views.terminal import Recording, cast
from journeyman.store.pages import ChunkRow

WHOLE = 1024 * 1024
"""Bytes of one command's output that a recording holds; of more, the beginning."""


async def chunk_cast(parts: Parts, attempt: Attempt, chunk: str) -> bytes:
    """The recording of one command. Raises 404 where there is none."""
    try:
        row = await parts.store.pages.chunk(attempt.id, chunk)
    except UsageError as error:
        raise ApiError(404, "not_found", str(error)) from error
    events = await parts.store.pages.of_kinds(attempt.id, COMMANDS, holding=f'"chunk":"{chunk}"', newest=1)
    view = next((view for event in events for view in command_views(event) if view.chunk == chunk), None)
    recording = await _recording(parts, row, view)
    return await _written([recording], view.command if view else chunk)


async def attempt_cast(parts: Parts, attempt: Attempt, after: int, limit: int) -> bytes:
    """The recording of up to `limit` commands after an event; of a command that was looked at more than once, the last
    look counts."""
    page = await commands(parts.store, attempt, after, limit)
    views = {view.chunk: view for view in page.commands}
    rows = await parts.store.pages.chunks(attempt.id, views.keys())
    recordings = [await _recording(parts, rows[chunk], view) for chunk, view in views.items() if chunk in rows]
    recordings.sort(key=lambda recording: recording.at)
    return await _written(recordings, f"Attempt {attempt.turn}.{attempt.number} of task {attempt.task_id}")


async def _recording(parts: Parts, row: ChunkRow, view: CommandView | None) -> Recording:
    output = (await parts.store.blob(row.blob))[:WHOLE]
    begun = row.at if row.at is not None else (view.at - view.seconds if view else 0.0)
    return Recording(view.command if view else "", begun, output, row.pieces)


async def _written(recordings: list[Recording], title: str) -> bytes:
    return await asyncio.to_thread(lambda: ("\n".join(cast(recordings, title)) + "\n").encode("utf-8", "replace"))
