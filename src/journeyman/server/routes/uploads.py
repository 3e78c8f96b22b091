"""What people hand in with a task: images, and their local changes as a patch."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from journeyman.core.api.tasks import Upload
from journeyman.core.errors import StoreError
from journeyman.core.images import image_type
from journeyman.server.answers import Route, answered, problems
from journeyman.server.auth.actor import Writer
from journeyman.server.errors import ApiError, not_found
from journeyman.server.found import SeenTask
from journeyman.server.parts import parts_of
from journeyman.server.uploads import take_in

router = APIRouter(tags=["tasks"], route_class=Route)

TAKEN = ("image/png", "image/jpeg", "image/gif", "image/webp", "text/x-diff")
BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TAKEN},
    }
}


@router.post("/uploads", status_code=201, responses=problems(413, 415), openapi_extra=BODY)
async def upload(request: Request, _: Writer) -> Upload:
    """Take in an image (at most 10 MB) or a patch (at most 32 MB), as the whole body. A task names it by its id."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return await take_in(parts_of(request), await request.body(), kind)


@router.get(
    "/tasks/{task_id}/images/{image}",
    responses=answered("image/png", "The image.") | problems(404, 409),
    response_class=Response,
)
async def get_image(
    request: Request,
    task: SeenTask,
    image: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="The id of an upload of this task.")],
) -> Response:
    """An image that a turn of the task came with."""
    store = parts_of(request).store
    if not any(image in turn.request.images for turn in await store.turns.all(task.id)):
        raise not_found("image", image)
    try:
        data = await store.blob(image)
    except StoreError as error:
        raise ApiError(404, "not_found", str(error)) from error
    if (kind := image_type(data)) is None:
        raise not_found("image", image)
    return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=86400"})
