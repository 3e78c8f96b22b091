"""Events and other values as they are stored, and back."""

from functools import cache
from typing import TypeVar, cast

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from journeyman.core.errors import StoreError
from journeyman.core.events import EVENT, Event
from journeyman.core.mask import Mask
from journeyman.core.task import Task
from journeyman.core.value import Value

V = TypeVar("V", bound=Value)


def encode(event: Event, seq: int, at: float, mask: Mask | None = None) -> tuple[Event, str]:
    """The event with its number and time, and its JSON, which reads back as the very same event.

    Half of a surrogate pair, which models write and UTF-8 cannot, is spelled out as an escape. Secrets of `mask` are
    taken out of both.
    """
    numbered = event.model_copy(update={"seq": seq, "at": at})
    try:
        body = numbered.model_dump_json()
    except PydanticSerializationError:
        numbered = storable(numbered)
        body = numbered.model_dump_json()
    if mask and mask.find(body.encode()) is not None:
        numbered = masked(numbered, mask)
        body = numbered.model_dump_json()
    return numbered, body


def masked(value: V, mask: Mask) -> V:
    """`value` without secrets; a word of our own, such as an event's kind, stays though it be somebody's secret."""
    return type(value).model_validate(mask.value(value.model_dump(), keep=_words()))


@cache
def _words() -> frozenset[str]:
    """The names of fields and the words of closed lists that events are made of."""
    found: set[str] = set()

    def walk(part: object) -> None:
        match part:
            case dict():
                for key, inner in cast("dict[str, object]", part).items():
                    if key == "properties":
                        found.update(cast("dict[str, object]", inner))
                    elif key == "const":
                        found.add(str(inner))
                    elif key == "enum":
                        found.update(map(str, cast("list[object]", inner)))
                    walk(inner)
            case list():
                for inner in cast("list[object]", part):
                    walk(inner)
            case _:
                pass

    walk(EVENT.json_schema())
    walk(Task.model_json_schema())
    return frozenset(found)


def decode(body: str, attempt_id: str, seq: int) -> Event:
    try:
        return EVENT.validate_json(body)
    except ValidationError as error:
        raise StoreError(
            f"Event {seq} of attempt {attempt_id} cannot be read: {error.errors()[0]['msg']}. It was written by another"
            " version of Journeyman, or is damaged; nothing was changed."
        ) from error


def storable(value: V) -> V:
    """`value` with every string fit for UTF-8 and for a column of text, which has no NUL on PostgreSQL."""
    return type(value).model_validate(spelled(value.model_dump()))


def spelled(value: object) -> object:
    """The same for a plain value."""
    match value:
        case str():
            return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
        case dict():
            items = cast("dict[object, object]", value).items()
            return {spelled(key): spelled(inner) for key, inner in items}
        case list() | tuple():
            return [spelled(inner) for inner in cast("list[object]", value)]
        case _:
            return value
