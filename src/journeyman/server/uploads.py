"""Images and patches that people hand in with a task."""

from typing import Literal

from journeyman.core.api.tasks import Upload
from journeyman.core.images import image_type
from journeyman.server.errors import ApiError
from journeyman.server.parts import Parts

IMAGE = 10 * 1024 * 1024
PATCH = 32 * 1024 * 1024
"""Bytes that an upload may have."""


async def take_in(parts: Parts, data: bytes, media_type: str) -> Upload:
    """Keep an upload. Raises 415 for what is neither an image nor a patch, 413 for too large an image."""
    kind: Literal["image", "patch"] = "image"
    found = image_type(data)
    if found is None and (media_type == "text/plain" or media_type in ("text/x-diff", "text/x-patch")):
        kind, found = "patch", "text/x-diff"
        if not data.strip():
            raise ApiError(422, "invalid", "The patch is empty.")
    if found is None:
        raise ApiError(
            415,
            "unsupported_media_type",
            "Upload an image (PNG, JPEG, GIF or WebP), or a patch as text/x-diff.",
        )
    if kind == "image" and len(data) > IMAGE:
        raise ApiError(413, "too_large", f"An image may have {IMAGE // 2**20} MB.")
    return Upload(id=await parts.store.put_blob(data), kind=kind, media_type=found, size=len(data))
