"""The images of a conversation, out of the store."""

from collections.abc import Iterable

from journeyman.core.errors import UsageError
from journeyman.core.images import Image, image_type
from journeyman.core.items import Item, UserMessage
from journeyman.store.store import Store


async def images_of(store: Store, items: Iterable[Item]) -> dict[str, Image]:
    """All images that these items name, by their ids. Raises `UsageError` for one that is none."""
    wanted = [ident for item in items if isinstance(item, UserMessage) for ident in item.images]
    return {ident: await _image(store, ident) for ident in dict.fromkeys(wanted)}


async def _image(store: Store, ident: str) -> Image:
    data = await store.blob(ident)
    media_type = image_type(data)
    if media_type is None:
        raise UsageError(f"What was attached as {ident[:12]} is no image: PNG, JPEG, GIF and WebP are.")
    return Image(media_type, data)
