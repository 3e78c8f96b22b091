"""Replies as OpenAI's servers write them: the whole object, and the events of a stream."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from journeyman.core.items import AssistantMessage, OutputItem, Reasoning, ToolCall
from journeyman.core.model import Reply
from journeyman.core.usage import Usage

CREATED = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """A reply in a wire's form. The usage, which depends on the request, goes into `last` when it is played."""

    events: tuple[bytes, ...]
    body: dict[str, Any]


def sse(value: dict[str, Any] | str) -> bytes:
    """One server-sent event, with its name where the value has a type."""
    if isinstance(value, str):
        return b"data: " + value.encode() + b"\n\n"
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    name = f"event: {value['type']}\n".encode() if "type" in value else b""
    return name + b"data: " + data + b"\n\n"


PIECES = 3
"""In how many deltas a text is told where a script does not say."""


def pieces(text: str, count: int) -> list[str]:
    """`text` in up to `count` pieces."""
    size = max(-(-len(text) // count), 1)
    return [text[start : start + size] for start in range(0, len(text), size)]


def responses(reply: Reply, ident: str, count: int = PIECES) -> Rendered:
    """`reply` for `POST /v1/responses`: the events up to the last, and the response object of the last. Each text comes
    in up to `count` deltas."""
    output = [_response_item(item, f"{ident}_{number}") for number, item in enumerate(reply.items)]
    cut = reply.stop == "length"
    body: dict[str, Any] = {
        "id": f"resp_{ident}",
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if cut else "completed",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": None,
        "metadata": {},
        "model": reply.model or "scripted",
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }
    begun: dict[str, Any] = {**body, "status": "in_progress", "output": [], "incomplete_details": None}
    values: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for number, item in enumerate(output):
        values.extend(_item_events(number, item, count))
    events = tuple(sse({**value, "sequence_number": number}) for number, value in enumerate(values))
    return Rendered(events, body)


def responses_end(rendered: Rendered, usage: Usage) -> bytes:
    """The last event of a stream of `rendered`."""
    response = {**rendered.body, "usage": responses_usage(usage)}
    kind = f"response.{response['status']}"
    return sse({"type": kind, "response": response, "sequence_number": len(rendered.events)})


def responses_usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_input_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_output_tokens},
        "total_tokens": usage.total_tokens,
    }


def chat(reply: Reply, ident: str, count: int = PIECES) -> Rendered:
    """`reply` for `POST /v1/chat/completions`: all chunks but the one with the usage, and the whole object."""
    text = "".join(item.text for item in reply.items if isinstance(item, AssistantMessage))
    thought = "".join(item.text for item in reply.items if isinstance(item, Reasoning))
    calls: list[dict[str, Any]] = [
        {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reply.calls
    ]
    finish = {"end": "stop", "calls": "tool_calls", "length": "length"}[reply.stop]
    message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    shared = {"id": f"chatcmpl-{ident}", "created": CREATED, "model": reply.model or "scripted"}
    body = {
        **shared,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
    }

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return sse({**shared, "object": "chat.completion.chunk", "choices": [choice]})

    events = [chunk({"role": "assistant", "content": "" if text else None})]
    events.extend(chunk({"reasoning_content": piece}) for piece in pieces(thought, count))
    events.extend(chunk({"content": piece}) for piece in pieces(text, count))
    for index, call in enumerate(calls):
        head = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        events.append(chunk({"tool_calls": [head]}))
        arguments = pieces(call["function"]["arguments"], count)
        tail = ({"index": index, "function": {"arguments": piece}} for piece in arguments)
        events.extend(chunk({"tool_calls": [piece]}) for piece in tail)
    events.append(chunk({}, finish))
    return Rendered(tuple(events), body)


def chat_end(rendered: Rendered, usage: Usage, *, with_usage: bool) -> bytes:
    """The end of a stream of `rendered`: the usage, where the request asks for it, and the last word."""
    done = sse("[DONE]")
    if not with_usage:
        return done
    shared = {key: rendered.body[key] for key in ("id", "created", "model")}
    return sse({**shared, "object": "chat.completion.chunk", "choices": [], "usage": chat_usage(usage)}) + done


def chat_usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_output_tokens},
    }


def _response_item(item: OutputItem, ident: str) -> dict[str, Any]:
    match item:
        case AssistantMessage(text=text):
            content: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            return {
                "type": "message",
                "id": item.id or f"msg_{ident}",
                "role": "assistant",
                "status": "completed",
                "content": [content],
            }
        case Reasoning(text=text):
            summary = [{"type": "summary_text", "text": text}] if text else []
            value = {"type": "reasoning", "id": item.id or f"rs_{ident}", "summary": summary}
            return {**value, "encrypted_content": item.opaque} if item.opaque else value
        case ToolCall(freeform=True):
            return {
                "type": "custom_tool_call",
                "id": item.id or f"ctc_{ident}",
                "call_id": item.call_id,
                "name": item.name,
                "input": item.arguments,
            }
        case ToolCall():
            return {
                "type": "function_call",
                "id": item.id or f"fc_{ident}",
                "call_id": item.call_id,
                "name": item.name,
                "arguments": item.arguments,
                "status": "completed",
            }


def _item_events(index: int, item: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    place = {"item_id": item["id"], "output_index": index}
    status = {"status": "in_progress"} if "status" in item else {}
    match item["type"]:
        case "message":
            yield {
                "type": "response.output_item.added",
                "output_index": index,
                "item": {**item, **status, "content": []},
            }
            part = item["content"][0]
            place["content_index"] = 0
            yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
            for piece in pieces(part["text"], count):
                yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
            yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
            yield {"type": "response.content_part.done", **place, "part": part}
        case "reasoning":
            yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "summary": []}}
            for number, part in enumerate(item["summary"]):
                place["summary_index"] = number
                yield {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
                for piece in pieces(part["text"], count):
                    yield {"type": "response.reasoning_summary_text.delta", **place, "delta": piece}
                yield {"type": "response.reasoning_summary_text.done", **place, "text": part["text"]}
                yield {"type": "response.reasoning_summary_part.done", **place, "part": part}
        case "function_call":
            added = {**item, **status, "arguments": ""}
            yield {"type": "response.output_item.added", "output_index": index, "item": added}
            for piece in pieces(item["arguments"], count):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
            done = {"name": item["name"], "arguments": item["arguments"]}
            yield {"type": "response.function_call_arguments.done", **place, **done}
        case _:
            yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "input": ""}}
            for piece in pieces(item["input"], count):
                yield {"type": "response.custom_tool_call_input.delta", **place, "delta": piece}
            yield {"type": "response.custom_tool_call_input.done", **place, "input": item["input"]}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}
