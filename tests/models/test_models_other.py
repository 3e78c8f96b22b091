"""Other vendors, through pydantic-ai: with its own stand-ins, and with Anthropic's SDK against a server on loopback."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic_ai import messages
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel

from journeyman.core.errors import ModelError, Refused, RetryLater, TooLong, Unreachable, WrongKey
from journeyman.core.images import Image
from journeyman.core.items import (
    AssistantMessage,
    DeveloperMessage,
    Item,
    Reasoning,
    ToolCall,
    ToolResult,
    UserMessage,
)
from journeyman.core.model import Delta, ModelRequest, Profile, Reply, ToolSpec
from journeyman.models.choice import ModelChoice
from journeyman.models.open import open_model
from journeyman.models.other import OtherModel, translate
from journeyman.models.protocol import Model
from journeyman.models.retry import Cut, Retries
from journeyman.models.vendor_messages import read_response, to_messages
from journeyman.models.wire.failures import Peer

SHELL = ToolSpec(
    name="shell",
    description="Run it.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)
PEER = Peer("some-model", "anthropic", "SOME_KEY", "sk-ant-secret")
KEY = "sk-ant-api03-verysecret"
SEES = Profile(name="m")


# The mapping


def test_a_conversation_becomes_requests_and_responses_in_turn() -> None:
    items: list[Item] = [
        UserMessage(text="fix it"),
        DeveloperMessage(text="rules"),
        Reasoning(text="hm", id="t", opaque='{"signature": "sig", "provider_name": "anthropic"}'),
        AssistantMessage(text="Looking."),
        ToolCall(call_id="a", name="shell", arguments='{"command": "ls"}'),
        ToolCall(call_id="b", name="shell", arguments="{oops"),
        ToolResult(call_id="a", content="x"),
        ToolResult(call_id="b", content="no JSON", is_error=True),
    ]
    mapped: list[Any] = list(to_messages(items, {}, SEES))
    first, second, third = mapped
    assert [part.content for part in first.parts if isinstance(part, messages.UserPromptPart)] == ["fix it", "rules"]
    thought, text, ls, oops = second.parts
    assert thought == messages.ThinkingPart("hm", signature="sig", provider_name="anthropic")
    assert text == messages.TextPart("Looking.")
    assert ls == messages.ToolCallPart("shell", '{"command": "ls"}', "a")
    assert isinstance(oops, messages.ToolCallPart) and oops.args == '{"malformed":"{oops"}'
    assert [(part.tool_call_id, part.tool_name, part.content, part.outcome) for part in third.parts] == [
        ("a", "shell", "x", "success"),
        ("b", "shell", "no JSON", "failed"),
    ]


def test_what_a_vendor_wants_back_goes_there_and_back_unchanged() -> None:
    response = messages.ModelResponse(
        parts=[
            messages.ThinkingPart("hm", id="t1", signature="sig", provider_name="google"),
            messages.TextPart("Look.", provider_name="google", provider_details={"thought_signature": "s1"}),
            messages.ToolCallPart(
                "shell", '{"command":"ls"}', "a", provider_name="google", provider_details={"thought_signature": "s2"}
            ),
            messages.ToolCallPart("shell", {"command": "pwd"}, "b"),
        ],
        model_name="gemini",
        finish_reason="tool_call",
    )
    reply = read_response(response)
    assert [(call.call_id, call.arguments) for call in reply.calls] == [
        ("a", '{"command":"ls"}'),
        ("b", '{"command":"pwd"}'),
    ]
    assert (reply.text, reply.stop, reply.model) == ("Look.", "calls", "gemini")
    kept = Reply.model_validate_json(reply.model_dump_json())  # through the event log
    [again] = to_messages(kept.items, {}, SEES)
    parts = [*response.parts[:3], messages.ToolCallPart("shell", '{"command":"pwd"}', "b")]
    assert again.parts == parts


def test_thoughts_of_another_wire_are_only_text() -> None:
    [response] = to_messages(
        [Reasoning(text="hm", id="rs_1", opaque="gAAAAencrypted"), AssistantMessage(text="ok")], {}, SEES
    )
    assert response.parts == [messages.ThinkingPart("hm"), messages.TextPart("ok")]


# A model that pydantic-ai plays


def played(stream: Any, **more: Any) -> OtherModel:
    profile = more.pop("profile", Profile(name="box", max_output=1000))
    retries = Retries(times=2, first=0.01, after_cut=0.01, connect=(0.01,))
    return OtherModel(FunctionModel(stream_function=stream), profile, peer=PEER, retries=retries, **more)


def test_images_go_along_where_the_model_sees_them() -> None:
    message, image = UserMessage(text="Like this", images=("i1",)), Image("image/png", b"png")
    [sent] = to_messages([message], {"i1": image}, SEES)
    assert isinstance(sent, messages.ModelRequest) and isinstance(sent.parts[0], messages.UserPromptPart)
    assert sent.parts[0].content == ["Like this", messages.BinaryContent(b"png", media_type="image/png")]
    [blind] = to_messages([message], {"i1": image}, SEES.model_copy(update={"images": False}))
    assert isinstance(blind, messages.ModelRequest) and isinstance(blind.parts[0], messages.UserPromptPart)
    assert blind.parts[0].content == "Like this\n\n(1 image attached, which you cannot see.)"


async def test_a_stream_becomes_deltas_and_a_reply() -> None:
    seen: list[tuple[list[messages.ModelMessage], AgentInfo]] = []

    async def stream(history: list[messages.ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        seen.append((history, info))
        yield {0: DeltaThinkingPart(content="h")}
        yield {0: DeltaThinkingPart(content="m")}
        yield {1: DeltaToolCall(name="shell", json_args='{"comm', tool_call_id="a")}
        yield {1: DeltaToolCall(json_args='and": "ls"}')}

    deltas: list[Delta] = []
    request = ModelRequest("Be good.", [UserMessage(text="go")], (SHELL,), seed=3, stop=("END",), temperature=0.5)
    reply = await played(stream).reply(request, deltas.append)
    assert reply.items == (
        Reasoning(text="hm"),
        ToolCall(call_id="a", name="shell", arguments='{"command": "ls"}'),
    )
    assert reply.usage.output_tokens > 0 and reply.usage.cost is None and reply.stop == "calls"
    assert deltas == [
        Delta("reasoning", "h"),
        Delta("reasoning", "m"),
        Delta("arguments", '{"comm'),
        Delta("arguments", 'and": "ls"}'),
    ]
    [(history, info)] = seen
    assert len(history) == 1 and info.instructions == "Be good."
    assert [tool.name for tool in info.function_tools] == ["shell"]
    settings = dict(info.model_settings or {})
    assert (settings["max_tokens"], settings["seed"], settings["stop_sequences"]) == (1000, 3, ["END"])
    assert settings["temperature"] == 0.5 and settings["max_retries"] == 0


async def test_a_schema_is_told_in_words_where_the_vendor_has_no_constrained_output() -> None:
    told: list[str | None] = []

    async def stream(history: list[messages.ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        told.append(info.instructions)
        yield "{}"

    model = played(stream)
    await model.reply(ModelRequest("Be good.", [UserMessage(text="go")], schema={"type": "object"}))
    with pytest.raises(ModelError, match="grammar"):
        await model.reply(ModelRequest("", [UserMessage(text="go")], grammar="root"))
    [instructions] = told
    assert instructions is not None and ('{"type":"object"}' in instructions or instructions == "Be good.")


async def test_failures_are_tried_again_where_that_may_help() -> None:
    failures: list[ModelAPIError] = [
        ModelRateLimitError("m", "slow down", retry_after=0.02),
        ModelConnectionError("m", "broken pipe", phase="read"),
    ]

    async def stream(history: list[messages.ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        if failures:
            raise failures.pop(0)
        yield "fine"

    told: list[float] = []
    request = ModelRequest("", [UserMessage(text="go")])
    reply = await played(stream).reply(request, None, lambda sentence, wait: told.append(wait))
    assert reply.text == "fine" and told[0] == 0.02 and len(told) == 2


async def test_silence_is_ended() -> None:
    async def stream(history: list[messages.ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        yield "he"
        await asyncio.sleep(30)
        yield "y"

    with pytest.raises(RetryLater, match=r"silent for 0\.05 s"):
        await played(stream, idle=0.05).reply(ModelRequest("", [UserMessage(text="go")]))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ModelContextWindowExceededError("m", "prompt is too long"), TooLong),
        (ModelAuthenticationError("m", "bad key"), WrongKey),
        (ModelQuotaExceededError("m", "no credit"), ModelError),
        (ModelNotFoundError("m", "no such model"), ModelError),
        (ModelOverloadedError("m", "overloaded"), RetryLater),
        (ModelRateLimitError("m", "slow down", retry_after=2.0), RetryLater),
        (ModelTimeoutError("m", "timed out", phase="connect"), Unreachable),
        (ModelTimeoutError("m", "timed out", phase="read"), RetryLater),
        (ModelConnectionError("m", "refused", phase="connect"), Unreachable),
        (ModelConnectionError("m", "reset", phase="read"), Cut),
        (ModelAPIError("m", "bad", body={"error": {"message": "no", "code": "content_filter"}}), Refused),
        (ModelAPIError("m", "something else"), ModelError),
    ],
)
def test_failures_are_translated(error: ModelAPIError, expected: type[ModelError]) -> None:
    translated = translate(error, PEER)
    assert type(translated) is expected
    if isinstance(error, ModelRateLimitError):
        assert isinstance(translated, RetryLater) and translated.retry_after == 2.0


# Anthropic's SDK against a server on loopback


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    parts = [event("content_block_start", index=index, content_block=start)]
    parts += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    return b"".join([*parts, event("content_block_stop", index=index)])


def message(*blocks: bytes, stop: str = "end_turn") -> bytes:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 1}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-5-5", "content": []}
    return b"".join(
        [
            event("message_start", message={**head, "stop_reason": None, "stop_sequence": None, "usage": usage}),
            *blocks,
            event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": 42}),
            event("message_stop"),
        ]
    )


THINKING = block(
    0,
    {"type": "thinking", "thinking": "", "signature": ""},
    {"type": "thinking_delta", "thinking": "look "},
    {"type": "thinking_delta", "thinking": "first"},
    {"type": "signature_delta", "signature": "c2ln"},
)
TEXT = block(
    1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Look"}, {"type": "text_delta", "text": "ing."}
)
LS = block(
    2,
    {"type": "tool_use", "id": "toolu_1", "name": "shell", "input": {}},
    {"type": "input_json_delta", "partial_json": '{"command":'},
    {"type": "input_json_delta", "partial_json": ' "ls"}'},
)


@dataclass
class Vendor:
    """Answers each request with the next (status, body), and keeps what came."""

    answers: list[tuple[int, bytes]]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
        self.heads.append(head)
        self.bodies.append(json.loads(await reader.readexactly(length)))
        status, body = self.answers.pop(0)
        kind = "text/event-stream" if status == 200 else "application/json"
        more = "retry-after: 0.01\r\n" if status == 429 else ""
        lines = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}connection: close"
        writer.write(lines.encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def anthropic(*answers: tuple[int, bytes]) -> AsyncGenerator[tuple[Vendor, Model]]:
    pytest.importorskip("anthropic", reason="Anthropic's SDK is an optional dependency")
    vendor = Vendor(list(answers))
    listening = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    choice = ModelChoice("claude", "anthropic", "claude-haiku-5-5", base_url, "ANTHROPIC_API_KEY")
    async with listening, open_model(choice, env={"ANTHROPIC_API_KEY": KEY}) as model:
        yield vendor, model


def failure(kind: str, text: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": text}}).encode()


async def test_anthropic_end_to_end() -> None:
    deltas: list[Delta] = []
    items: list[Item] = [UserMessage(text="go")]
    async with anthropic((200, message(THINKING, TEXT, LS, stop="tool_use")), (200, message(TEXT))) as (vendor, model):
        reply = await model.reply(ModelRequest("Be good.", items, (SHELL,)), deltas.append)
        items += [*reply.items, ToolResult(call_id="toolu_1", content="boom", is_error=True)]
        assert (await model.reply(ModelRequest("Be good.", items, (SHELL,)))).text == "Looking."
    assert [type(item).__name__ for item in reply.items] == ["Reasoning", "AssistantMessage", "ToolCall"]
    assert (reply.text, reply.stop, reply.calls[0].call_id) == ("Looking.", "calls", "toolu_1")
    assert json.loads(reply.calls[0].arguments) == {"command": "ls"}
    assert "".join(delta.text for delta in deltas if delta.kind == "reasoning") == "look first"
    usage = reply.usage
    assert (usage.input_tokens, usage.cached_input_tokens, usage.cache_write_input_tokens) == (105, 90, 5)
    assert usage.output_tokens == 42 and usage.cost is not None and 0 < usage.cost < 0.01
    first, second = vendor.bodies
    assert [tool["name"] for tool in first["tools"]] == ["shell"] and "Be good." in json.dumps(first["system"])
    _, assistant, result = second["messages"]
    thinking, text, call = assistant["content"]
    assert (thinking["thinking"], thinking["signature"]) == ("look first", "c2ln")
    assert text["text"] == "Looking."
    assert (call["id"], call["name"], call["input"]) == ("toolu_1", "shell", {"command": "ls"})
    [returned] = result["content"]
    assert (returned["type"], returned["tool_use_id"], returned["is_error"]) == ("tool_result", "toolu_1", True)
    assert KEY in vendor.heads[0]


async def test_anthropics_failures() -> None:
    refused = (401, failure("authentication_error", f"invalid x-api-key {KEY}"))
    async with anthropic(refused) as (_, model):
        with pytest.raises(WrongKey, match="ANTHROPIC_API_KEY") as caught:
            await model.reply(ModelRequest("", [UserMessage(text="go")]))
    assert KEY not in str(caught.value)
    async with anthropic((400, failure("invalid_request_error", "prompt is too long: 9 > 8 tokens"))) as (_, model):
        with pytest.raises(TooLong):
            await model.reply(ModelRequest("", [UserMessage(text="go")]))
    told: list[str] = []
    limited = (429, failure("rate_limit_error", "slow down"))
    async with anthropic(limited, (200, message(TEXT))) as (vendor, model):
        request = ModelRequest("", [UserMessage(text="go")])
        reply = await model.reply(request, None, lambda sentence, wait: told.append(sentence))
    assert reply.text == "Looking." and len(vendor.bodies) == 2 and "slow down" in told[0]
