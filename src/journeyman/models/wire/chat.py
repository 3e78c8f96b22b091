"""OpenAI's Chat wire, `POST /chat/completions`, streaming: vLLM, Ollama, llama.cpp, OpenRouter and others speak it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from journeyman.core.errors import Refused
from journeyman.core.ids import new_id
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


@dataclass(frozen=True, slots=True)
class Dialect:
    """In what servers of the Chat wire differ.

    `openai` is OpenAI's own service, which refuses what it does not know and has newer names; `send_reasoning` gives
    the text of reasoning back to the model.
    """

    openai: bool = False
    developer_role: Literal["developer", "system", "user"] = "system"
    send_reasoning: bool = False


class ChatWire:
    """Writes requests and reads streams of the Chat Completions API."""

    path = "/chat/completions"

    def __init__(
        self,
        name: str,
        profile: Profile,
        peer: Peer,
        dialect: Dialect | None = None,
        make_id: Callable[[], str] = new_id,
    ) -> None:
        self.peer = peer
        self._name = name
        self._profile = profile
        self._dialect = dialect or Dialect()
        self._make_id = make_id
        self._images: Mapping[str, Image] = {}  # of the request that is being written
        self._items = GrowingJson(self._encode, _same_message)
        self._head = Head(self._fields)

    def body(self, request: ModelRequest) -> bytes:
        """The JSON of `request`, the messages last, so that it only grows at its end."""
        self._images = request.images
        parts = self._items.parts(request.cache_key, request.items)
        if request.instructions:
            parts = [dumps({"role": "system", "content": request.instructions}), *parts]
        return framed(self._head.bytes(request)[:-1] + b',"messages":[', parts, b"]}")

    def reader(self, on_delta: OnDelta | None) -> "ChatReader":
        return ChatReader(self.peer, on_delta, self._make_id)

    def _fields(self, request: ModelRequest) -> dict[str, Any]:
        profile, openai = self._profile, self._dialect.openai
        fields: dict[str, Any] = {
            "model": self._name,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.temperature is not None and not (openai and profile.reasoning):
            fields["temperature"] = request.temperature
        if request.seed is not None:
            fields["seed"] = request.seed
        if request.stop:
            fields["stop"] = list(request.stop)
        if request.max_output_tokens is not None:
            fields["max_completion_tokens" if openai else "max_tokens"] = request.max_output_tokens
        if request.reasoning_effort is not None and profile.reasoning:
            fields["reasoning_effort"] = request.reasoning_effort
        if request.schema is not None:
            strict = is_strict(request.schema)
            schema = {"name": "reply", "schema": request.schema, "strict": strict}
            fields["response_format"] = {"type": "json_schema", "json_schema": schema}
        if request.grammar is not None:
            fields["grammar"] = request.grammar  # an extension of llama.cpp
        if request.cache_key and openai:
            fields["prompt_cache_key"] = request.cache_key
        if request.tools:
            fields["tool_choice"] = "auto"
            fields["parallel_tool_calls"] = profile.parallel_calls
            fields["tools"] = [_tool(tool) for tool in request.tools]
        return fields

    def _encode(self, items: Sequence[Item]) -> bytes:
        match items[0]:
            case UserMessage() as message:
                value = {"role": "user", "content": self._content(message)}
            case DeveloperMessage(text=text):
                value = {"role": self._dialect.developer_role, "content": text}
            case ToolResult(call_id=call_id, content=content):
                value = {"role": "tool", "tool_call_id": call_id, "content": content}
            case _:
                value = self._assistant(items)
        return dumps(value) if value else b""

    def _content(self, message: UserMessage) -> str | list[dict[str, Any]]:
        text, images = shown(message, self._images, self._profile)
        if not images:
            return text
        seen = [{"type": "image_url", "image_url": {"url": image.url}} for image in images]
        return [{"type": "text", "text": text}, *seen]

    def _assistant(self, items: Sequence[Item]) -> dict[str, Any]:
        """One message out of the items of a reply; empty when there is nothing to send."""
        text = "".join(item.text for item in items if isinstance(item, AssistantMessage))
        thought = "\n\n".join(item.text for item in items if isinstance(item, Reasoning) and item.text)
        calls = [
            {
                "id": item.call_id,
                "type": "function",
                "function": {"name": item.name, "arguments": with_arguments(item)},
            }
            for item in items
            if isinstance(item, ToolCall)
        ]
        if not text and not calls:
            return {}
        value: dict[str, Any] = {"role": "assistant", "content": text or None}
        if thought and self._dialect.send_reasoning:
            value["reasoning_content"] = thought
        if calls:
            value["tool_calls"] = calls
        return value


def _same_message(before: Item, item: Item) -> bool:
    outputs = (AssistantMessage, Reasoning, ToolCall)
    return isinstance(before, outputs) and isinstance(item, outputs)


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


@dataclass(slots=True)
class _Call:
    ident: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class ChatReader:
    """Folds the chunks of one answer into a reply."""

    def __init__(self, peer: Peer, on_delta: OnDelta | None, make_id: Callable[[], str]) -> None:
        self._peer = peer
        self._on_delta = on_delta
        self._make_id = make_id
        self._text: list[str] = []
        self._thought: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._finish = ""
        self._usage = Usage(cost=None)
        self._model = ""
        self._ended = False

    @property
    def done(self) -> bool:
        """Whether the server has said its last word.

        Some never send `[DONE]`: when their stream ends after a finish reason, `reply` works as well.
        """
        return self._ended

    def event(self, name: str, data: bytes) -> None:
        """Takes one event; raises a `ModelError` where it tells of a failure, ValueError where it is no JSON."""
        if data == b"[DONE]":
            self._ended = True
            return
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            raise ValueError("not an object")
        self._take(cast("dict[str, Any]", chunk), "delta", named_error=name == "error")

    def whole(self, value: dict[str, Any]) -> None:
        """Takes the answer of a server that does not stream."""
        if not isinstance(value.get("choices"), list) and not value.get("error"):
            raise ValueError("not a chat completion")
        self._take(value, "message", named_error=False)
        self._finish = self._finish or "stop"
        self._ended = True

    def reply(self) -> Reply:
        if not self._ended and not self._finish:
            raise ValueError("the stream has not ended")
        if self._finish == "content_filter":
            raise Refused(f"{self._peer.model}: the provider's content filter stopped the reply.")
        items: list[OutputItem] = []
        if self._thought:
            items.append(Reasoning(text="".join(self._thought)))
        text = "".join(self._text)
        if self._refusal and not text and not self._calls:
            raise Refused(f"{self._peer.model} declined the request: {''.join(self._refusal)}")
        if text:
            items.append(AssistantMessage(text=text))
        for call in self._calls:
            ident = call.ident or f"call_{self._make_id()}"
            items.append(ToolCall(call_id=ident, name=call.name, arguments="".join(call.arguments)))
        return Reply(
            items=tuple(items),
            usage=self._usage,
            stop="length" if self._finish == "length" else "calls" if self._calls else "end",
            model=self._model,
        )

    def _take(self, chunk: dict[str, Any], part: str, *, named_error: bool) -> None:
        if chunk.get("error") or named_error:
            raise error_of(failure_of_value(chunk) or Failure("no reason given"), self._peer)
        self._model = chunk.get("model") or self._model
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = _usage(cast("dict[str, Any]", usage))
        for choice in cast("list[dict[str, Any]]", chunk.get("choices") or []):
            if choice.get("index"):
                continue  # a second choice was never asked for
            if isinstance(message := choice.get(part), dict):
                self._message(cast("dict[str, Any]", message))
            self._finish = choice.get("finish_reason") or self._finish

    def _message(self, message: dict[str, Any]) -> None:
        for piece in (message.get("reasoning_content") or message.get("reasoning"),):
            if isinstance(piece, str) and piece:
                self._thought.append(piece)
                self._tell("reasoning", piece)
        if text := _text(message.get("content")):
            self._text.append(text)
            self._tell("text", text)
        if isinstance(refusal := message.get("refusal"), str):
            self._refusal.append(refusal)
        for position, call in enumerate(cast("list[dict[str, Any]]", message.get("tool_calls") or [])):
            self._call(call, position)

    def _call(self, piece: dict[str, Any], position: int) -> None:
        """Adds a piece to the call that it belongs to: by its index, which some servers leave out or repeat."""
        function: dict[str, Any] = piece.get("function") or {}
        ident, name = piece.get("id") or "", function.get("name") or ""
        index = whole_number(piece.get("index"), -1)
        call = self._by_index.get(index) if index >= 0 else self._open(ident, name, position)
        if call is None or (ident and call.ident and ident != call.ident and name):
            call = _Call()
            self._calls.append(call)
            self._by_index[index] = call
        call.ident = call.ident or ident
        call.name = call.name or name
        arguments = function.get("arguments")
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        if arguments:
            call.arguments.append(arguments)
            self._tell("arguments", arguments)

    def _open(self, ident: str, name: str, position: int) -> _Call | None:
        """The call that a piece without an index goes on with: that of its id, or the last when it names none."""
        if ident:
            return next((call for call in self._calls if call.ident == ident), None)
        return self._calls[-1] if self._calls and not name and position == 0 else None

    def _tell(self, kind: Literal["text", "reasoning", "arguments"], text: str) -> None:
        if self._on_delta is not None:
            self._on_delta(Delta(kind, text))


def _text(content: Any) -> str:
    """Text that comes as a string or, from some servers, as a list of parts."""
    if isinstance(content, list):
        parts = cast("list[Any]", content)
        return "".join(_text(cast("dict[str, Any]", part).get("text")) for part in parts if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _usage(fields: dict[str, Any]) -> Usage:
    read: dict[str, Any] = fields.get("prompt_tokens_details") or {}
    written: dict[str, Any] = fields.get("completion_tokens_details") or {}
    cached = read.get("cached_tokens")
    if cached is None:
        cached = fields.get("prompt_cache_hit_tokens")  # DeepSeek's word
    return Usage(
        input_tokens=whole_number(fields.get("prompt_tokens")),
        cached_input_tokens=whole_number(cached),
        cache_write_input_tokens=whole_number(read.get("cache_write_tokens")),
        output_tokens=whole_number(fields.get("completion_tokens")),
        reasoning_output_tokens=whole_number(written.get("reasoning_tokens")),
        cost=None,
    )
