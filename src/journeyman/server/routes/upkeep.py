"""The room that finished tasks take."""

from fastapi import APIRouter, Request

from journeyman.attempt.tidy import tidy, told
from journeyman.core.api.upkeep import Keep, LeavingTask, Retention, RoomMade, RoomWanted
from journeyman.core.settings import KeepSettings
from journeyman.server.answers import Route
from journeyman.server.auth.actor import Administrator
from journeyman.server.auth.noted import note
from journeyman.server.parts import parts_of

router = APIRouter(tags=["administration"], route_class=Route)

TOLD = 1000
"""Tasks that one answer lists."""


@router.get("/retention")
async def get_retention(request: Request, actor: Administrator) -> Retention:
    """How long finished tasks are kept, as the server's settings say, and what is kept."""
    del actor
    parts = parts_of(request)
    return Retention(keep=Keep(**parts.keep.model_dump()), blob_bytes=await parts.store.garbage.size())


@router.post("/retention/run")
async def make_room(request: Request, actor: Administrator, wanted: RoomWanted) -> RoomMade:
    """Make room now, which else happens once a day; with `dry_run` it is only told what would go."""
    parts = parts_of(request)
    keep = KeepSettings(**wanted.keep.model_dump()) if wanted.keep is not None else parts.keep
    went = await tidy(parts.state, parts.store, keep, parts.clock, dry_run=wanted.dry_run)
    if not wanted.dry_run:
        await note(request, actor, "retention.run", "", told(went))
    collected = went.collected
    return RoomMade(
        dry_run=wanted.dry_run,
        tasks=tuple(
            LeavingTask(id=one.id, title=one.title, updated=one.updated, what=one.what)
            for one in collected.tasks[:TOLD]
        ),
        task_count=len(collected.tasks),
        workspaces=len(went.workspaces),
        blobs=collected.blobs,
        bytes=collected.bytes + sum(each.bytes for each in went.workspaces),
        left_bytes=went.left,
    )
