"""Tools for models that have no tool calls of their own: the reply is constrained to JSON and read as a call.

A reply is `{"thought"?: …, "tool": NAME, "arguments": {…}}` or `{"thought"?: …, "answer": …}`.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

from journeyman.core.ids import new_id
from journeyman.core.items import AssistantMessage, Item, Reasoning, ToolCall, ToolResult, UserMessage
from journeyman.core.model import ModelRequest, Profile, Reply, ToolSpec
from journeyman.models.json_deltas import JsonDeltas
from journeyman.models.protocol import Model, OnDelta, OnRetry

_FENCE = re.compile(r"```(?:json|tool_call)?\s*\n(.*?)```", re.DOTALL)
_TAGS = re.compile(r"<tool_call>(.*?)(?:</tool_call>|$)", re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)  # small models put raw line ends into strings


class JsonTools:
    """`inner` with tools, by words in the instructions and a schema for the reply."""

    def __init__(self, inner: Model, make_id: Callable[[], str] = new_id) -> None:
        self._inner = inner
        self._make_id = make_id

    @property
    def profile(self) -> Profile:
        return self._inner.profile

    async def reply(
        self, request: ModelRequest, on_delta: OnDelta | None = None, on_retry: OnRetry | None = None
    ) -> Reply:
        if not request.tools:
            return await self._inner.reply(
                replace(request, items=as_text(request.items, offered=False)), on_delta, on_retry
            )
        plain = replace(
            request,
            instructions=f"{request.instructions}\n\n{describe(request.tools)}",
            items=as_text(request.items),
            tools=(),
            schema=schema_of(request.tools),
        )
        deltas = JsonDeltas(on_delta) if on_delta is not None else None

        def retried(message: str, wait: float) -> None:
            if deltas is not None:
                deltas.restart()
            if on_retry is not None:
                on_retry(message, wait)

        reply = await self._inner.reply(plain, deltas, retried)
        return read_reply(reply, request.tools, self._make_id)

    async def close(self) -> None:
        await self._inner.close()


def describe(tools: Sequence[ToolSpec]) -> str:
    """The tools in a line each: name, arguments (optional ones with a question mark) and what it does."""
    lines = [f"- {tool.name}({_arguments(tool.parameters)}): {tool.description}" for tool in tools]
    return (
        "Reply with one JSON object and nothing else. To use a tool: "
        '{"thought": "…", "tool": "NAME", "arguments": {…}}. When the work is done: {"answer": "…"}.\nTools:\n'
        + "\n".join(lines)
    )


def schema_of(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """The JSON schema of a reply: the call of one of `tools`, or an answer."""
    thought = {"type": "string", "maxLength": 600}
    forms: list[dict[str, Any]] = [
        {
            "type": "object",
            "properties": {"thought": thought, "tool": {"const": tool.name}, "arguments": tool.parameters},
            "required": ["tool", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    answer: dict[str, Any] = {"thought": thought, "answer": {"type": "string"}}
    forms.append({"type": "object", "properties": answer, "required": ["answer"], "additionalProperties": False})
    return {"anyOf": forms}


def as_text(items: Sequence[Item], *, offered: bool = True) -> list[Item]:
    """`items` with calls as the JSON that the model wrote for them, and their results as messages.

    Where no tools are `offered`, answers are as they were written; a call that follows one was read from it.
    """
    names: dict[str, str] = {}
    result: list[Item] = []
    thought = ""
    for item in items:
        match item:
            case ToolCall():
                names[item.call_id] = item.name
                if not offered and result and isinstance(result[-1], AssistantMessage):
                    continue
                result.append(AssistantMessage(text=_call_text(item, thought)))
                thought = ""
            case ToolResult(call_id=call_id, content=content):
                failed = " (failed)" if item.is_error else ""
                result.append(UserMessage(text=f"Result of {names.get(call_id, 'the tool')}{failed}:\n{content}"))
            case Reasoning(text=text):
                thought = text
            case AssistantMessage(text=text) if offered:
                result.append(AssistantMessage(text=json.dumps({"answer": text}, ensure_ascii=False)))
                thought = ""
            case _:
                result.append(item)
    return result


def read_reply(reply: Reply, tools: Sequence[ToolSpec], make_id: Callable[[], str] = new_id) -> Reply:
    """`reply`, whose text is JSON of the agreed form or something near it, as a call or an answer.

    Text in which no such object is found is an answer as it stands.
    """
    value = find_object(reply.text)
    if value is None:
        return reply
    kept = tuple(item for item in reply.items if isinstance(item, Reasoning))
    thought = value.get("thought")
    if isinstance(thought, str) and thought.strip():
        kept = (*kept, Reasoning(text=thought.strip()))
    name = value.get("tool") or value.get("name") or value.get("tool_name") or value.get("function")
    if isinstance(name, dict):  # OpenAI's form: {"function": {"name": …, "arguments": …}}
        value = cast("dict[str, Any]", name)
        name = value.get("name")
    known = {tool.name for tool in tools}
    if isinstance(name, str) and (name in known or "answer" not in value):
        written = [value[key] for key in ("arguments", "parameters", "args", "input") if key in value]
        arguments: Any = written[0] if written else {}
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        call = ToolCall(call_id=f"call_{make_id()}", name=name, arguments=text)
        return reply.model_copy(update={"items": (*kept, call), "stop": "calls"})
    answer = next((value[key] for key in ("answer", "final_answer", "response") if key in value), None)
    if answer is None:
        return reply
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return reply.model_copy(update={"items": (*kept, AssistantMessage(text=text))})


def find_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in `text` that could be a call or an answer: bare, in a fence, in tags, or within prose."""
    candidates = [text, *_TAGS.findall(text), *_FENCE.findall(text)]
    for candidate in candidates:
        try:
            value = _DECODER.decode(candidate.strip())
        except ValueError:
            continue
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    start = text.find("{")
    while start >= 0:
        try:
            value, _ = _DECODER.raw_decode(text, start)
        except ValueError:
            value = None
        if isinstance(value, dict):
            found = cast("dict[str, Any]", value)
            if found.keys() & {"tool", "answer", "name", "function", "tool_name", "final_answer"}:
                return found
        start = text.find("{", start + 1)
    return None


def _call_text(call: ToolCall, thought: str) -> str:
    try:
        arguments: Any = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = call.arguments
    value: dict[str, Any] = {"thought": thought} if thought else {}
    return json.dumps({**value, "tool": call.name, "arguments": arguments}, ensure_ascii=False)


def _arguments(parameters: dict[str, Any]) -> str:
    """`path: string, lines?: integer` and the like."""
    properties: dict[str, Any] = parameters.get("properties") or {}
    required: list[str] = parameters.get("required") or []
    words: list[str] = []
    for name, about in properties.items():
        kind = "|".join(map(str, about["enum"])) if "enum" in about else str(about.get("type", "any"))
        words.append(f"{name}{'' if name in required else '?'}: {kind}")
    return ", ".join(words)
