"""Events and other values as they are stored, and back."""

from typing import TypeVar, cast

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from journeyman.core.errors import StoreError
from journeyman.core.events import EVENT, Event
from journeyman.core.value import Value

V = TypeVar("V", bound=Value)


def encode(event: Event, seq: int, at: float) -> tuple[Event, str]:
    """The event with its number and time, and its JSON, which reads back as the very same event.

    Half of a surrogate pair, which models write and UTF-8 cannot, is spelled out as an escape.
    """
    numbered = event.model_copy(update={"seq": seq, "at": at})
    try:
        return numbered, numbered.model_dump_json()
    except PydanticSerializationError:
        numbered = storable(numbered)
        return numbered, numbered.model_dump_json()


def decode(body: str, where: str) -> Event:
    try:
        return EVENT.validate_json(body)
    except ValidationError as error:
        raise StoreError(
            f"{where} cannot be read: {error.errors()[0]['msg']}. It was written by another version of Journeyman, "
            "or is damaged; nothing was changed."
        ) from error


def storable(value: V) -> V:
    """`value` with every string fit for UTF-8."""
    return type(value).model_validate(_spelled(value.model_dump()))


def _spelled(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            items = cast("dict[object, object]", value).items()
            return {_spelled(key): _spelled(inner) for key, inner in items}
        case list() | tuple():
            return [_spelled(inner) for inner in cast("list[object]", value)]
        case _:
            return value
