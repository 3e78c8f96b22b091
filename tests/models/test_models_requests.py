"""What is sent: bodies that OpenAI's own types accept, and that only ever grow at their end."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from journeyman.core.errors import ModelError
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
from journeyman.core.model import ModelRequest, Profile, ToolSpec
from journeyman.models.wire.chat import ChatWire, Dialect
from journeyman.models.wire.failures import Peer
from journeyman.models.wire.growing import GrowingJson
from journeyman.models.wire.responses import ResponsesWire

PEER = Peer("m", "http://box/v1")
PROFILE = Profile(name="m", reasoning=True, freeform_tools=True)
RESPONSES = TypeAdapter(ResponseCreateParamsStreaming)
CHAT = TypeAdapter(CompletionCreateParamsStreaming)

SHELL = ToolSpec(name="shell", description="Run it.", parameters={"type": "object", "properties": {}})
PATCH = ToolSpec(
    name="apply_patch",
    description="Change files.",
    parameters={"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
    grammar='start: "x"',
)

words = st.text(max_size=30)
names = st.sampled_from(["shell", "apply_patch"])
idents = st.text("abcdef0123456789_", min_size=1, max_size=8)
items = st.lists(
    st.one_of(
        st.builds(UserMessage, text=words, images=st.sampled_from([(), ("i1",), ("i1", "gone")])),
        st.builds(DeveloperMessage, text=words),
        st.builds(AssistantMessage, text=words, id=st.none() | idents),
        st.builds(Reasoning, text=words, id=st.none() | idents, opaque=st.none() | idents),
        st.builds(ToolCall, call_id=idents, name=names, arguments=words, freeform=st.booleans(), id=st.none() | idents),
        st.builds(ToolResult, call_id=idents, content=words, is_error=st.booleans(), freeform=st.booleans()),
    ),
    max_size=12,
)
requests = st.builds(
    ModelRequest,
    instructions=words,
    items=items,
    tools=st.sampled_from([(), (SHELL,), (SHELL, PATCH)]),
    schema=st.none() | st.just({"type": "object", "properties": {"a": {"type": "string"}}}),
    temperature=st.none() | st.just(0.2),
    seed=st.none() | st.just(7),
    stop=st.sampled_from([(), ("END",)]),
    max_output_tokens=st.none() | st.just(100),
    cache_key=st.sampled_from(["", "key"]),
    reasoning_effort=st.none() | st.just("low"),
    images=st.just({"i1": Image("image/png", b"png")}),
)


slowly = settings(deadline=None, max_examples=50)


def wires() -> list[ResponsesWire | ChatWire]:
    return [ResponsesWire("m", PROFILE, PEER), ChatWire("m", PROFILE, PEER)]


def drained(value: Any) -> Any:
    """`value` with pydantic's lazy iterators run to their ends, which is when they validate."""
    if isinstance(value, dict):
        return {key: drained(part) for key, part in value.items()}
    return value if isinstance(value, str | int | float | None) else [drained(part) for part in value]


def strictly(adapter: TypeAdapter[Any], body: bytes) -> dict[str, Any]:
    """The body, accepted by OpenAI's type, which knows every key in it: pydantic drops those that it does not know."""
    sent = json.loads(body)
    assert drained(adapter.validate_python(sent, strict=True)) == sent
    return sent


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@slowly
@given(requests)
def test_openais_types_accept_every_responses_body(request: ModelRequest) -> None:
    sent = strictly(RESPONSES, ResponsesWire("m", PROFILE, PEER).body(request))
    assert sent["model"] == "m" and sent["store"] is False and sent["stream"] is True


@slowly
@given(requests, st.sampled_from([True, False]))
def test_openais_types_accept_every_chat_body(request: ModelRequest, openai: bool) -> None:
    dialect = Dialect(openai=openai, developer_role="developer" if openai else "user")
    sent = strictly(CHAT, ChatWire("m", PROFILE, PEER, dialect).body(request))
    assert sent["model"] == "m" and sent["stream_options"] == {"include_usage": True}


def test_images_are_part_of_the_message() -> None:
    url = "data:image/png;base64,cG5n"
    request = ModelRequest("", [UserMessage(text="see", images=("i1",))], images={"i1": Image("image/png", b"png")})
    responses, chat = (json.loads(wire.body(request)) for wire in wires())
    text = {"type": "input_text", "text": "see"}
    assert responses["input"][0]["content"] == [text, {"type": "input_image", "detail": "auto", "image_url": url}]
    seen = {"type": "image_url", "image_url": {"url": url}}
    assert chat["messages"][0]["content"] == [{"type": "text", "text": "see"}, seen]


def test_a_model_that_sees_none_is_told_that_there_are_some() -> None:
    blind = PROFILE.model_copy(update={"images": False})
    request = ModelRequest("", [UserMessage(text="see", images=("i1", "i2"))], images={"i1": Image("image/png", b"p")})
    told = "see\n\n(2 images attached, which you cannot see.)"
    assert json.loads(ResponsesWire("m", blind, PEER).body(request))["input"][0]["content"][0]["text"] == told
    assert json.loads(ChatWire("m", blind, PEER).body(request))["messages"][0]["content"] == told


def test_a_whole_responses_body() -> None:
    conversation: list[Item] = [
        UserMessage(text="fix it"),
        DeveloperMessage(text="rules"),
        Reasoning(text="hm", id="rs_1", opaque="gAAA"),
        AssistantMessage(text="Looking.", id="msg_1"),
        ToolCall(call_id="a", name="shell", arguments='{"command": "ls"}', id="fc_1"),
        ToolCall(call_id="b", name="apply_patch", arguments="*** Begin", freeform=True, id="ctc_1"),
        ToolResult(call_id="a", content="x"),
        ToolResult(call_id="b", content="done", freeform=True),
    ]
    request = ModelRequest(
        "Be good.", conversation, (SHELL, PATCH), max_output_tokens=9, cache_key="k", reasoning_effort="high"
    )
    body = ResponsesWire("m", PROFILE, PEER).body(request)
    assert json.loads(body) == {
        "model": "m",
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "high"},
        "max_output_tokens": 9,
        "prompt_cache_key": "k",
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "tools": [
            {
                "type": "function",
                "name": "shell",
                "description": "Run it.",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            },
            {
                "type": "custom",
                "name": "apply_patch",
                "description": "Change files.",
                "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "x"'},
            },
        ],
        "instructions": "Be good.",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix it"}]},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "gAAA",
            },
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "Looking.", "annotations": []}],
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "a",
                "name": "shell",
                "arguments": '{"command": "ls"}',
                "status": "completed",
            },
            {
                "type": "custom_tool_call",
                "id": "ctc_1",
                "call_id": "b",
                "name": "apply_patch",
                "input": "*** Begin",
            },
            {"type": "function_call_output", "call_id": "a", "output": "x"},
            {"type": "custom_tool_call_output", "call_id": "b", "output": "done"},
        ],
    }


def test_a_whole_chat_body() -> None:
    conversation: list[Item] = [
        UserMessage(text="fix it"),
        Reasoning(text="hm"),
        AssistantMessage(text="Looking."),
        ToolCall(call_id="a", name="shell", arguments='{"command": "ls"}'),
        ToolCall(call_id="b", name="apply_patch", arguments="*** Begin", freeform=True),
        ToolResult(call_id="a", content="x"),
        ToolResult(call_id="b", content="done", freeform=True),
        DeveloperMessage(text="hurry"),
        Reasoning(text="a thought without words is not sent"),
    ]
    request = ModelRequest("Be good.", conversation, (SHELL,), seed=1, stop=("END",), max_output_tokens=9)
    dialect = Dialect(send_reasoning=True)
    assert json.loads(ChatWire("m", PROFILE, PEER, dialect).body(request)) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 1,
        "stop": ["END"],
        "max_tokens": 9,
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "shell",
                    "description": "Run it.",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ],
        "messages": [
            {"role": "system", "content": "Be good."},
            {"role": "user", "content": "fix it"},
            {
                "role": "assistant",
                "content": "Looking.",
                "reasoning_content": "hm",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "shell", "arguments": '{"command": "ls"}'}},
                    {
                        "id": "b",
                        "type": "function",
                        "function": {"name": "apply_patch", "arguments": '{"input":"*** Begin"}'},
                    },
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "x"},
            {"role": "tool", "tool_call_id": "b", "content": "done"},
            {"role": "system", "content": "hurry"},
        ],
    }


@pytest.mark.parametrize("wire", wires(), ids=["responses", "chat"])
def test_each_request_is_a_byte_for_byte_extension_of_the_one_before(wire: ResponsesWire | ChatWire) -> None:
    conversation: list[Item] = [UserMessage(text="fix “it”")]
    before_prompt, before_body = b"", b""
    for step in range(30):
        request = ModelRequest("Be good.", conversation, (SHELL, PATCH), cache_key="k", reasoning_effort="low")
        body = wire.body(request)
        sent = json.loads(body)
        values = sent.get("input") or sent["messages"]
        prompt = dump(sent["tools"]) + dump(sent.get("instructions", "")) + b"".join(dump(value) for value in values)
        assert prompt.startswith(before_prompt) and len(prompt) > len(before_prompt)
        assert body.startswith(before_body)  # so are the bytes on the wire, up to their closing brackets
        before_prompt, before_body = prompt, body.removesuffix(b"]}")
        conversation += [
            Reasoning(text="", id=f"rs_{step}", opaque=f"g{step}"),
            ToolCall(call_id=f"a{step}", name="shell", arguments="{}"),
            ToolCall(call_id=f"b{step}", name="shell", arguments="not json"),
            ToolResult(call_id=f"a{step}", content="out\n" * 5),
            ToolResult(call_id=f"b{step}", content="no JSON", is_error=True),
        ]


@slowly
@given(st.lists(items, min_size=1, max_size=6), st.integers(0, 400))
def test_what_is_kept_never_changes_what_is_sent(conversations: list[list[Item]], limit: int) -> None:
    """Conversations that grow, shrink and are rewritten give the same bytes as a wire that has seen nothing."""
    for kept, fresh in zip(wires(), (ResponsesWire, ChatWire), strict=True):
        growing = kept._items  # the limit is the one thing that has no way in from outside
        growing._limit = limit
        for number, conversation in enumerate(conversations):
            request = ModelRequest("", conversation, cache_key=str(number % 2))
            assert kept.body(request) == fresh("m", PROFILE, PEER).body(request)


def test_an_item_is_encoded_once() -> None:
    encoded: list[Item] = []

    def encode(run: Any) -> bytes:
        encoded.extend(run)
        return b"{}"

    growing = GrowingJson(encode, lambda before, item: False)
    conversation: list[Item] = [UserMessage(text=str(number)) for number in range(100)]
    for end in range(1, 101):
        # a fold makes equal items anew for each request
        growing.parts("k", [item.model_copy() for item in conversation[:end]])
    assert [item.text for item in encoded if isinstance(item, UserMessage)] == [str(number) for number in range(100)]


def test_freeform_tools_become_functions_where_the_model_has_none() -> None:
    plain = Profile(name="m")
    conversation = [
        ToolCall(call_id="b", name="apply_patch", arguments="*** Begin", freeform=True),
        ToolResult(call_id="b", content="done", freeform=True),
    ]
    sent = json.loads(ResponsesWire("m", plain, PEER).body(ModelRequest("", conversation, (PATCH,))))
    assert sent["tools"][0]["type"] == "function" and sent["tools"][0]["parameters"] == PATCH.parameters
    assert [(one["type"], one.get("arguments")) for one in sent["input"]] == [
        ("function_call", '{"input":"*** Begin"}'),
        ("function_call_output", None),
    ]
    assert "include" not in sent and "reasoning" not in sent


def test_schemas_are_strict_only_where_openai_would_take_them_so() -> None:
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    loose = {**closed, "required": []}
    for schema, strict in ((closed, True), (loose, False), ({"anyOf": [closed, loose]}, False)):
        request = ModelRequest("", [UserMessage(text="x")], schema=schema)
        chat = json.loads(ChatWire("m", PROFILE, PEER).body(request))["response_format"]
        responses = json.loads(ResponsesWire("m", PROFILE, PEER).body(request))["text"]["format"]
        assert (chat["json_schema"]["strict"], responses["strict"]) == (strict, strict)
        assert chat["json_schema"]["schema"] == responses["schema"] == schema


def test_a_grammar_is_for_the_chat_wire() -> None:
    request = ModelRequest("", [UserMessage(text="x")], grammar='root ::= "a"')
    assert json.loads(ChatWire("m", PROFILE, PEER).body(request))["grammar"] == 'root ::= "a"'
    with pytest.raises(ModelError, match="chat"):
        ResponsesWire("m", PROFILE, PEER).body(request)


def test_another_vendors_reasoning_is_not_sent_to_openai() -> None:
    foreign = Reasoning(text="hm", id="x", opaque='{"provider_name":"anthropic","signature":"s"}')
    body = ResponsesWire("m", PROFILE, PEER).body(ModelRequest("", [UserMessage(text="a"), foreign]))
    assert [one["type"] for one in json.loads(body)["input"]] == ["message"]


def test_half_a_surrogate_pair_does_not_stop_a_request() -> None:
    broken = UserMessage.model_construct(text="a\ud800b")
    for wire in wires():
        assert b"a?b" in wire.body(ModelRequest("", [broken]))
