"""OpenAI's Responses wire: `POST /responses`, streaming, nothing stored at the provider."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from journeyman.core.errors import ModelError, Refused
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
from journeyman.core.model import Delta, ModelRequest, Profile, Reply, ToolSpec
from journeyman.core.usage import Usage
from journeyman.models.protocol import OnDelta
from journeyman.models.wire.body import Head, is_strict, shown, whole_number, with_arguments
from journeyman.models.wire.failures import Failure, Peer, error_of, failure_of_value
from journeyman.models.wire.growing import GrowingJson, dumps, framed

_DELTAS = {
    "response.output_text.delta": "text",
    "response.reasoning_summary_text.delta": "reasoning",
    "response.reasoning_text.delta": "reasoning",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "arguments",
}
_WANTED = frozenset(
    {"response.output_item.done", "response.completed", "response.incomplete", "response.failed", "error", ""}
)


class ResponsesWire:
    """Writes requests and reads streams of the Responses API."""

    path = "/responses"

    def __init__(self, name: str, profile: Profile, peer: Peer) -> None:
        self.peer = peer
        self._name = name
        self._profile = profile
        self._images: Mapping[str, Image] = {}  # of the request that is being written
        self._items = GrowingJson(self._encode, lambda before, item: False)
        self._head = Head(self._fields)

    def body(self, request: ModelRequest) -> bytes:
        """The JSON of `request`, the items last, so that it only grows at its end."""
        if request.grammar is not None:
            raise ModelError("The Responses wire cannot constrain a reply to a grammar: use the wire “chat” there.")
        self._images = request.images
        parts = self._items.parts(request.cache_key, request.items)
        return framed(self._head.bytes(request)[:-1] + b',"input":[', parts, b"]}")

    def reader(self, on_delta: OnDelta | None) -> "ResponsesReader":
        return ResponsesReader(self.peer, on_delta)

    def _fields(self, request: ModelRequest) -> dict[str, Any]:
        profile = self._profile
        fields: dict[str, Any] = {"model": self._name, "store": False, "stream": True}
        if profile.reasoning:
            fields["include"] = ["reasoning.encrypted_content"]  # refused by models that do not reason
            if request.reasoning_effort is not None:
                fields["reasoning"] = {"effort": request.reasoning_effort}
        elif request.temperature is not None:
            fields["temperature"] = request.temperature
        if request.max_output_tokens is not None:
            fields["max_output_tokens"] = request.max_output_tokens
        if request.schema is not None:
            strict = is_strict(request.schema)
            fields["text"] = {
                "format": {"type": "json_schema", "name": "reply", "schema": request.schema, "strict": strict}
            }
        if request.cache_key:
            fields["prompt_cache_key"] = request.cache_key
        if request.tools:
            fields["tool_choice"] = "auto"
            fields["parallel_tool_calls"] = profile.parallel_calls
            fields["tools"] = [self._tool(tool) for tool in request.tools]
        if request.instructions:
            fields["instructions"] = request.instructions
        return fields

    def _tool(self, tool: ToolSpec) -> dict[str, Any]:
        if tool.grammar is not None and self._profile.freeform_tools:
            return {
                "type": "custom",
                "name": tool.name,
                "description": tool.description,
                "format": {"type": "grammar", "syntax": "lark", "definition": tool.grammar},
            }
        return {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": False,
        }

    def _encode(self, items: Sequence[Item]) -> bytes:
        value = self._value(items[0])
        return b"" if value is None else dumps(value)

    def _value(self, item: Item) -> dict[str, Any] | None:
        match item:
            case UserMessage() as message:
                text, images = shown(message, self._images, self._profile)
                return _message("user", text, *map(_image, images))
            case DeveloperMessage(text=text):
                return _message("developer", text)
            case AssistantMessage(text=text, id=None):
                return {"type": "message", "role": "assistant", "content": text}
            case AssistantMessage(text=text, id=ident):
                part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
                message = {"type": "message", "id": ident, "role": "assistant", "status": "completed"}
                return {**message, "content": [part]}
            case Reasoning():
                return _reasoning(item)
            case ToolCall():
                return self._call(item)
            case ToolResult(call_id=call_id, content=content):
                kind = "custom_tool_call_output" if self._is_custom(item) else "function_call_output"
                return {"type": kind, "call_id": call_id, "output": content}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        ident = {"id": call.id} if call.id else {}
        if self._is_custom(call):
            return {
                "type": "custom_tool_call",
                **ident,
                "call_id": call.call_id,
                "name": call.name,
                "input": call.arguments,
            }
        return {
            "type": "function_call",
            **ident,
            "call_id": call.call_id,
            "name": call.name,
            "arguments": with_arguments(call),
            "status": "completed",
        }

    def _is_custom(self, item: ToolCall | ToolResult) -> bool:
        return item.freeform and self._profile.freeform_tools


def _message(role: str, text: str, *more: dict[str, Any]) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}, *more]}


def _image(image: Image) -> dict[str, Any]:
    return {"type": "input_image", "detail": "auto", "image_url": image.url}


def _reasoning(item: Reasoning) -> dict[str, Any] | None:
    """Only what the provider can open again: with nothing stored there, an id alone is an error.

    What another vendor's adapter keeps in `opaque` is JSON and not for this wire.
    """
    if item.id is None or item.opaque is None or item.opaque.startswith("{"):
        return None
    summary = [{"type": "summary_text", "text": item.text}] if item.text else []
    return {"type": "reasoning", "id": item.id, "summary": summary, "encrypted_content": item.opaque}


class ResponsesReader:
    """Folds the events of one answer into a reply; `response.output_item.done` and the last event are enough."""

    def __init__(self, peer: Peer, on_delta: OnDelta | None) -> None:
        self._peer = peer
        self._on_delta = on_delta
        self._items: list[tuple[int, dict[str, Any]]] = []
        self._reply: Reply | None = None

    @property
    def done(self) -> bool:
        return self._reply is not None

    def event(self, name: str, data: bytes) -> None:
        """Takes one event; raises a `ModelError` where it tells of a failure, ValueError where it is no JSON."""
        if name not in _WANTED and (self._on_delta is None or name not in _DELTAS):
            return
        if data == b"[DONE]":
            return
        event = json.loads(data)
        if not isinstance(event, dict):
            raise ValueError("not an object")
        fields = cast("dict[str, Any]", event)
        kind = fields.get("type") or name
        if delta := _DELTAS.get(kind):
            text = fields.get("delta")
            if self._on_delta is not None and isinstance(text, str) and text:
                self._on_delta(Delta(cast("Any", delta), text))
        elif kind == "response.output_item.done":
            index = whole_number(fields.get("output_index"), len(self._items))
            self._items.append((index, fields["item"]))
        elif kind in ("response.completed", "response.incomplete"):
            self._end(fields["response"])
        elif kind in ("response.failed", "error"):
            raise error_of(_failure(fields), self._peer)
        elif not kind and "error" in fields:
            raise error_of(failure_of_value(fields) or Failure("no reason given"), self._peer)

    def whole(self, value: dict[str, Any]) -> None:
        """Takes the answer of a server that does not stream."""
        if value.get("object") != "response" or not isinstance(value.get("output"), list):
            raise ValueError("not a response")
        if value.get("status") == "failed":
            raise error_of(_failure({"response": value}), self._peer)
        self._end(value)

    def reply(self) -> Reply:
        if self._reply is None:
            raise ValueError("the stream has not ended")
        return self._reply

    def _end(self, response: dict[str, Any]) -> None:
        values = [item for _, item in sorted(self._items, key=lambda pair: pair[0])] or response.get("output") or []
        items: list[OutputItem] = []
        refusals: list[str] = []
        for value in values:
            items.extend(_read_item(value, refusals))
        details: dict[str, Any] = response.get("incomplete_details") or {}
        reason = details.get("reason")
        if reason == "content_filter":
            raise Refused(f"{self._peer.model}: the provider's content filter stopped the reply.")
        if refusals and not any(isinstance(item, ToolCall) or getattr(item, "text", "") for item in items):
            raise Refused(f"{self._peer.model} declined the request: {' '.join(refusals)}")
        cut = response.get("status") == "incomplete" or reason is not None
        calls = any(isinstance(item, ToolCall) for item in items)
        self._reply = Reply(
            items=tuple(items),
            usage=_usage(response.get("usage")),
            stop="length" if cut else "calls" if calls else "end",
            model=response.get("model") or "",
        )


def _failure(fields: dict[str, Any]) -> Failure:
    """The failure of a `response.failed` or an `error` event."""
    response = cast("dict[str, Any]", fields.get("response") or {})
    nested: Any = response.get("error") or fields.get("error")
    flat = {"message": fields.get("message"), "code": fields.get("code")}
    return failure_of_value(nested) or failure_of_value(flat) or Failure("the response failed, no reason given")


def _read_item(value: dict[str, Any], refusals: list[str]) -> list[OutputItem]:
    """The item of ours for one of the wire's; kinds that we never ask for are left out."""
    ident = value.get("id")
    match value.get("type"):
        case "message":
            content: list[dict[str, Any]] = value.get("content") or []
            refusals.extend(part.get("refusal") or "" for part in content if part.get("type") == "refusal")
            texts = [part.get("text") or "" for part in content if part.get("type") == "output_text"]
            return [AssistantMessage(text="".join(texts), id=ident)] if texts else []
        case "reasoning":
            parts: list[dict[str, Any]] = value.get("summary") or value.get("content") or []
            text = "\n\n".join(part.get("text") or "" for part in parts)
            return [Reasoning(text=text, id=ident, opaque=value.get("encrypted_content"))]
        case "function_call":
            arguments = value.get("arguments") or ""
            return [ToolCall(call_id=value["call_id"], name=value["name"], arguments=arguments, id=ident)]
        case "custom_tool_call":
            text = value.get("input") or ""
            call = ToolCall(call_id=value["call_id"], name=value["name"], arguments=text, freeform=True, id=ident)
            return [call]
        case _:
            return []


def _usage(value: Any) -> Usage:
    if not isinstance(value, dict):
        return Usage(cost=None)
    fields = cast("dict[str, Any]", value)
    read: dict[str, Any] = fields.get("input_tokens_details") or {}
    written: dict[str, Any] = fields.get("output_tokens_details") or {}
    return Usage(
        input_tokens=whole_number(fields.get("input_tokens")),
        cached_input_tokens=whole_number(read.get("cached_tokens")),
        cache_write_input_tokens=whole_number(read.get("cache_write_tokens")),
        output_tokens=whole_number(fields.get("output_tokens")),
        reasoning_output_tokens=whole_number(written.get("reasoning_tokens")),
        cost=None,
    )
