"""What both wires' requests have in common."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from journeyman.core.images import Image
from journeyman.core.items import ToolCall, UserMessage
from journeyman.core.model import ModelRequest, Profile
from journeyman.core.text import counted
from journeyman.models.wire.growing import dumps


class Head:
    """The JSON object of everything in a request but its items, made anew only when one of these has changed.

    Two are kept, since a conversation may change between plain and constrained replies.
    """

    def __init__(self, fields: Callable[[ModelRequest], dict[str, Any]]) -> None:
        self._fields = fields
        self._kept: list[tuple[tuple[Any, ...], bytes]] = []

    def bytes(self, request: ModelRequest) -> bytes:
        key = (
            request.cache_key,
            request.tools,
            request.instructions,
            request.schema,
            request.grammar,
            request.temperature,
            request.seed,
            request.stop,
            request.max_output_tokens,
            request.reasoning_effort,
        )
        for known, encoded in self._kept:
            if known == key:
                return encoded
        encoded = dumps(self._fields(request))
        self._kept = [(key, encoded), *self._kept[:1]]
        return encoded


def shown(message: UserMessage, images: Mapping[str, Image], profile: Profile) -> tuple[str, list[Image]]:
    """The text and the images of a message, as the model can take them; it is told of those that it cannot see."""
    found = [images[ident] for ident in message.images if ident in images] if profile.images else []
    missing = len(message.images) - len(found)
    if not missing:
        return message.text, found
    return f"{message.text}\n\n({counted(missing, 'image')} attached, which you cannot see.)", found


def is_strict(schema: Any) -> bool:
    """Whether OpenAI's strict mode takes `schema`: every object closed, every property required."""
    if isinstance(schema, list):
        return all(is_strict(part) for part in cast("list[Any]", schema))
    if not isinstance(schema, dict):
        return True
    fields = cast("dict[str, Any]", schema)
    properties = fields.get("properties")
    if fields.get("type") == "object" or properties is not None:
        named = cast("dict[str, Any]", properties) if isinstance(properties, dict) else {}
        if fields.get("additionalProperties") is not False or set(fields.get("required", ())) != set(named):
            return False
        if not all(is_strict(part) for part in named.values()):
            return False
    return all(is_strict(part) for key, part in fields.items() if key != "properties")


def with_arguments(call: ToolCall) -> str:
    """The call's arguments as a JSON object, which servers with chat templates insist on.

    What the model wrote otherwise is shown to it under one key, since the answer to such a call says what was wrong.
    """
    if call.freeform:
        return dumps({"input": call.arguments}).decode()
    if not call.arguments.strip():
        return "{}"
    try:
        value = json.loads(call.arguments)
    except ValueError:
        value = None
    return call.arguments if isinstance(value, dict) else dumps({"malformed": call.arguments}).decode()


def whole_number(value: Any, default: int = 0) -> int:
    """`value` where it is a number, for fields that servers leave out or set to null."""
    return int(value) if isinstance(value, int | float) else default
