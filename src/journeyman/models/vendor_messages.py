"""Conversations as pydantic-ai's messages, and its responses as replies.

What a vendor wants back unchanged and our items have no field for (signatures of thoughts, details of a call) travels
in a `Reasoning` item: as JSON in `opaque`, for its own text or, marked `next`, for the item that follows it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic_ai import messages
from pydantic_core import to_json

from journeyman.core.images import Image
from journeyman.core.items import (
    AssistantMessage,
    DeveloperMessage,
    Item,
    OutputItem,
    Reasoning,
    ToolCall,
    ToolResult,
    UserMessage,
)
from journeyman.core.model import Profile, Reply
from journeyman.core.usage import Usage
from journeyman.models.wire.body import shown, with_arguments


def to_messages(items: Sequence[Item], images: Mapping[str, Image], profile: Profile) -> list[messages.ModelMessage]:
    """`items` as requests and responses in turn. A developer's message is a user's: vendors have no other place for
    it in the midst of a conversation."""
    result: list[messages.ModelMessage] = []
    names: dict[str, str] = {}
    kept: dict[str, Any] = {}
    for item in items:
        match item:
            case UserMessage() as message:
                text, seen = shown(message, images, profile)
                binary = [messages.BinaryContent(one.data, media_type=one.media_type) for one in seen]
                _ask(result, messages.UserPromptPart(content=[text, *binary] if binary else text))
            case DeveloperMessage(text=text):
                _ask(result, messages.UserPromptPart(content=text))
            case ToolResult(call_id=call_id, content=content):
                part = messages.ToolReturnPart(
                    tool_name=names.get(call_id, "tool"),
                    content=content,
                    tool_call_id=call_id,
                    outcome="failed" if item.is_error else "success",
                )
                _ask(result, part)
            case Reasoning(opaque=opaque):
                details = _opened(opaque)
                if details.pop("next", False):
                    kept = details
                elif details or item.text:
                    _answer(result, messages.ThinkingPart(content=item.text, **details))
            case AssistantMessage(text=text):
                _answer(result, messages.TextPart(content=text, **kept))
                kept = {}
            case ToolCall():
                names[item.call_id] = item.name
                arguments = with_arguments(item)
                _answer(result, messages.ToolCallPart(item.name, arguments, tool_call_id=item.call_id, **kept))
                kept = {}
    return result


def read_response(response: messages.ModelResponse) -> Reply:
    """`response` as a reply; parts that we never ask for (files, the vendor's own tools) are left out."""
    items: list[OutputItem] = []
    for part in response.parts:
        match part:
            case messages.ThinkingPart():
                items.append(Reasoning(text=part.content, id=part.id, opaque=_closed(part, signature=part.signature)))
            case messages.TextPart(content=text) if text:
                if (opaque := _closed(part, next=True)) is not None:
                    items.append(Reasoning(opaque=opaque))
                items.append(AssistantMessage(text=text, id=part.id))
            case messages.ToolCallPart():
                if (opaque := _closed(part, next=True)) is not None:
                    items.append(Reasoning(opaque=opaque))
                arguments = part.args if isinstance(part.args, str) else to_json(part.args or {}).decode()
                items.append(ToolCall(call_id=part.tool_call_id, name=part.tool_name, arguments=arguments, id=part.id))
            case _:
                pass
    calls = any(isinstance(item, ToolCall) for item in items)
    return Reply(
        items=tuple(items),
        usage=_usage(response),
        stop="length" if response.finish_reason == "length" else "calls" if calls else "end",
        model=response.model_name or "",
    )


def _ask(result: list[messages.ModelMessage], part: messages.UserPromptPart | messages.ToolReturnPart) -> None:
    if result and isinstance(last := result[-1], messages.ModelRequest):
        last.parts = [*last.parts, part]
    else:
        result.append(messages.ModelRequest(parts=[part]))


def _answer(result: list[messages.ModelMessage], part: messages.ModelResponsePart) -> None:
    if result and isinstance(last := result[-1], messages.ModelResponse):
        last.parts = [*last.parts, part]
    else:
        result.append(messages.ModelResponse(parts=[part]))


def _closed(part: messages.TextPart | messages.ThinkingPart | messages.ToolCallPart, **more: Any) -> str | None:
    """What the vendor wants back with `part`, as JSON; None when that is nothing."""
    if not (part.id or part.provider_details or more.get("signature")):
        return None
    fields = {"id": part.id, "provider_name": part.provider_name, "provider_details": part.provider_details, **more}
    return to_json({key: value for key, value in fields.items() if value is not None}).decode()


def _opened(opaque: str | None) -> dict[str, Any]:
    """The fields in `opaque`; none where another wire wrote it."""
    if opaque is None or not opaque.startswith("{"):
        return {}
    try:
        return cast("dict[str, Any]", json.loads(opaque))
    except ValueError:
        return {}


def _usage(response: messages.ModelResponse) -> Usage:
    usage = response.usage
    return Usage(
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cache_read_tokens,
        cache_write_input_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
        reasoning_output_tokens=usage.details.get("reasoning_tokens", 0),
        cost=None,
    )
