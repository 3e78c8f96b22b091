"""What is read: the official client and its types are the oracle."""

import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI, LengthFinishReasonError
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseCustomToolCall,
    ResponseErrorEvent,
    ResponseFailedEvent,
    ResponseFunctionToolCall,
    ResponseIncompleteEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseReasoningItem,
    ResponseStreamEvent,
    ResponseUsage,
)
from openai.types.responses.response import IncompleteDetails
from openai.types.responses.response_reasoning_item import Summary
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails
from pydantic import TypeAdapter

from journeyman.core.errors import ModelError, Refused, RetryLater, TooLong
from journeyman.core.items import AssistantMessage, OutputItem, Reasoning, ToolCall, UserMessage
from journeyman.core.model import Delta, ModelRequest, Reply
from journeyman.core.usage import Usage
from journeyman.models.choice import ModelChoice
from journeyman.models.open import open_model
from journeyman.models.protocol import Model
from journeyman.models.script_server import ScriptServer
from journeyman.models.wire.chat import ChatReader
from journeyman.models.wire.failures import Peer
from journeyman.models.wire.responses import ResponsesReader
from journeyman.models.wire.sse import EventParser

PEER = Peer("m", "http://box/v1")
ASK = ModelRequest("", [UserMessage(text="go")])
STREAM_EVENT = TypeAdapter[Any](ResponseStreamEvent)
CHAT_CHUNK = TypeAdapter[Any](ChatCompletionChunk)
patiently = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
said = words.filter(bool)
names = st.sampled_from(["shell", "read"])
tokens = st.integers(0, 10_000)
usages = st.builds(
    Usage,
    input_tokens=tokens.map(lambda count: count + 10_001),
    cached_input_tokens=tokens,
    output_tokens=tokens.map(lambda count: count + 10_001),
    reasoning_output_tokens=tokens,
)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """A reply as a model might write it: a thought, text, calls; each may be missing."""
    items: list[OutputItem] = []
    if draw(st.booleans()):
        items.append(Reasoning(text=draw(words), id="rs_1", opaque=draw(st.none() | said)))
    if draw(st.booleans()):
        items.append(AssistantMessage(text=draw(said), id="msg_1"))
    written = draw(st.lists(st.tuples(names, words), max_size=3))
    for number, (name, text) in enumerate(written):
        items += [ToolCall(call_id=f"c{number}", name=name, arguments=text, id=f"fc_{number}")]
    stop: Any = draw(st.sampled_from(["length", "calls" if written else "end"]))
    return Reply(items=tuple(items), usage=draw(usages), stop=stop, model="some-model")


@dataclass
class Oracle:
    """The official client, a server that answers with `reply`, and our models, all at the same address."""

    server: ScriptServer
    client: AsyncOpenAI
    models: dict[str, Model]
    reply: Reply

    async def ours(self, wire: str) -> tuple[Reply, list[Delta]]:
        deltas: list[Delta] = []
        return await self.models[wire].reply(ASK, deltas.append), deltas

    async def theirs(self) -> Response:
        """What the official client accumulates; its helper does not know replies that were cut."""
        if self.reply.stop != "length":
            async with self.client.responses.stream(model="some-model", input="go") as stream:
                return await stream.get_final_response()
        async for event in await self.client.responses.create(model="some-model", input="go", stream=True):
            if isinstance(event, ResponseIncompleteEvent):
                return event.response
        raise AssertionError("no last event")


@pytest.fixture
async def oracle() -> AsyncGenerator[Oracle]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScriptServer([lambda body: made.reply]))
        client = await stack.enter_async_context(AsyncOpenAI(api_key="x", base_url=server.base_url))
        models = {
            wire: await stack.enter_async_context(
                open_model(ModelChoice("box", wire, "some-model", server.base_url), env={})
            )
            for wire in ("responses", "chat")
        }
        made = Oracle(server, client, models, Reply(items=()))
        yield made


def plainly(item: Any) -> tuple[Any, ...]:
    """An item of OpenAI's types or of ours, as the same tuple."""
    match item:
        case ResponseOutputMessage():
            return "message", item.id, "".join(part.text for part in item.content if part.type == "output_text")
        case ResponseReasoningItem():
            return "reasoning", item.id, "\n\n".join(part.text for part in item.summary), item.encrypted_content
        case ResponseFunctionToolCall():
            return "call", item.id, item.call_id, item.name, item.arguments, False
        case ResponseCustomToolCall():
            return "call", item.id, item.call_id, item.name, item.input, True
        case AssistantMessage():
            return "message", item.id, item.text
        case Reasoning():
            return "reasoning", item.id, item.text, item.opaque
        case ToolCall():
            return "call", item.id, item.call_id, item.name, item.arguments, item.freeform
        case _:
            return ("other",)


def joined(deltas: list[Delta], kind: str) -> str:
    return "".join(delta.text for delta in deltas if delta.kind == kind)


@patiently
@given(reply=replies())
async def test_a_responses_stream_is_read_as_the_official_client_reads_it(oracle: Oracle, reply: Reply) -> None:
    oracle.reply = reply
    theirs = await oracle.theirs()
    whole = await oracle.client.responses.create(model="some-model", input="go")
    mine, deltas = await oracle.ours("responses")
    assert [plainly(item) for item in mine.items] == [plainly(item) for item in theirs.output]
    assert [plainly(item) for item in mine.items] == [plainly(item) for item in whole.output]
    assert theirs.usage is not None
    assert (mine.usage.input_tokens, mine.usage.output_tokens) == (
        theirs.usage.input_tokens,
        theirs.usage.output_tokens,
    )
    assert mine.usage.cached_input_tokens == theirs.usage.input_tokens_details.cached_tokens
    assert mine.usage.reasoning_output_tokens == theirs.usage.output_tokens_details.reasoning_tokens
    assert (mine.stop == "length") == (theirs.status == "incomplete")
    assert mine.model == theirs.model and mine.stop == reply.stop
    assert joined(deltas, "text") == mine.text == theirs.output_text
    assert joined(deltas, "arguments") == "".join(call.arguments for call in mine.calls)


@patiently
@given(reply=replies())
async def test_a_chat_stream_is_read_as_the_official_client_reads_it(oracle: Oracle, reply: Reply) -> None:
    oracle.reply = reply
    asked: Any = [{"role": "user", "content": "go"}]
    options: Any = {"include_usage": True}
    completions = oracle.client.chat.completions
    async with completions.stream(model="some-model", messages=asked, stream_options=options) as stream:
        try:
            theirs: ChatCompletion = await stream.get_final_completion()
        except LengthFinishReasonError as cut:
            theirs = cut.completion
    mine, deltas = await oracle.ours("chat")
    [choice] = theirs.choices
    calls = [
        (call.id, call.function.name, call.function.arguments)
        for call in choice.message.tool_calls or []
        if call.type == "function"
    ]
    assert [(call.call_id, call.name, call.arguments) for call in mine.calls] == calls
    assert mine.text == (choice.message.content or "") == joined(deltas, "text")
    assert theirs.usage is not None and theirs.usage.prompt_tokens_details is not None
    assert (mine.usage.input_tokens, mine.usage.output_tokens) == (
        theirs.usage.prompt_tokens,
        theirs.usage.completion_tokens,
    )
    assert mine.usage.cached_input_tokens == theirs.usage.prompt_tokens_details.cached_tokens
    assert {"stop": "end", "tool_calls": "calls", "length": "length"}[choice.finish_reason or ""] == mine.stop
    assert joined(deltas, "arguments") == "".join(call.arguments for call in mine.calls)


@patiently
@given(reply=replies())
async def test_the_servers_events_are_what_openais_types_describe(oracle: Oracle, reply: Reply) -> None:
    oracle.reply = reply
    for path, adapter in (("responses", STREAM_EVENT), ("chat/completions", CHAT_CHUNK)):
        body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}}
        raw = await oracle.client.post(path, body=body, cast_to=str)
        events = [event for event in EventParser().feed(raw.encode()) if event.data != b"[DONE]"]
        assert len(events) > 1
        for event in events:
            adapter.validate_json(event.data, strict=True)
            assert json.loads(event.data).get("type", "") == event.name


# From here on the streams come from OpenAI's types and not from our server.

EVENTS: list[Any] = list(get_args(get_args(ResponseStreamEvent)[0]))
LAST = (ResponseCompletedEvent, ResponseIncompleteEvent, ResponseFailedEvent, ResponseErrorEvent)
REPEATED = (ResponseOutputItemDoneEvent, *LAST)

messages = st.builds(
    ResponseOutputMessage,
    id=said,
    content=st.lists(
        st.builds(ResponseOutputText, text=said, type=st.just("output_text"), annotations=st.just([])), min_size=1
    ),
    role=st.just("assistant"),
    status=st.just("completed"),
    type=st.just("message"),
)
thoughts = st.builds(
    ResponseReasoningItem,
    id=said,
    summary=st.lists(st.builds(Summary, text=words, type=st.just("summary_text")), max_size=2),
    encrypted_content=st.none() | said,
    content=st.none(),
    status=st.none(),
    type=st.just("reasoning"),
)
function_calls = st.builds(
    ResponseFunctionToolCall,
    id=st.none() | said,
    call_id=said,
    name=names,
    arguments=words,
    status=st.none(),
    caller=st.none(),
    namespace=st.none(),
    type=st.just("function_call"),
)
custom_calls = st.builds(
    ResponseCustomToolCall,
    id=st.none() | said,
    call_id=said,
    name=names,
    input=words,
    caller=st.none(),
    namespace=st.none(),
    type=st.just("custom_tool_call"),
)
outputs = st.lists(st.one_of(messages, thoughts, function_calls, custom_calls), min_size=1, max_size=5)


def response(output: list[Any], status: str = "completed", **more: Any) -> Response:
    usage = ResponseUsage(
        input_tokens=5,
        input_tokens_details=InputTokensDetails(cached_tokens=3, cache_write_tokens=1),
        output_tokens=2,
        output_tokens_details=OutputTokensDetails(reasoning_tokens=1),
        total_tokens=7,
    )
    fields: dict[str, Any] = {"id": "r", "created_at": 1, "model": "m", "object": "response", "tools": []}
    fields |= {"parallel_tool_calls": True, "tool_choice": "auto", "status": status, "usage": usage}
    return Response(output=output, **{**fields, **more})


def feed(events: list[Any], on_delta: Any = None, *, named: bool = True) -> Reply:
    """The reply out of events of OpenAI's types, as they are on the wire."""
    reader = ResponsesReader(PEER, on_delta)
    for event in events:
        reader.event(event.type if named else "", event.model_dump_json(exclude_unset=True, warnings=False).encode())
    return reader.reply()


def done(output: list[Any]) -> list[Any]:
    return [
        ResponseOutputItemDoneEvent(item=item, output_index=index, sequence_number=0, type="response.output_item.done")
        for index, item in enumerate(output)
    ]


def completed(output: list[Any]) -> ResponseCompletedEvent:
    return ResponseCompletedEvent(response=response(output), sequence_number=0, type="response.completed")


@patiently
@given(outputs, st.data(), st.booleans())
def test_every_item_is_read_whether_done_alone_or_in_the_whole(
    output: list[Any], data: st.DataObject, named: bool
) -> None:
    expected = [plainly(item) for item in output]
    shuffled = data.draw(st.permutations(done(output)))
    for events in ([*done(output), completed(output)], [*shuffled, completed([])], [completed(output)]):
        reply = feed(events, named=named)
        assert [plainly(item) for item in reply.items] == expected
        assert reply.usage == Usage(
            input_tokens=5,
            cached_input_tokens=3,
            cache_write_input_tokens=1,
            output_tokens=2,
            reasoning_output_tokens=1,
            cost=None,
        )
        assert reply.stop == ("calls" if any(kind == "call" for kind, *_ in expected) else "end")


@pytest.mark.parametrize("kind", [kind for kind in EVENTS if kind not in REPEATED], ids=lambda kind: kind.__name__)
def test_no_other_event_changes_a_reply(kind: Any) -> None:
    """Every kind of event that the types know, with every field that it needs, in the midst of a stream."""
    call = ResponseFunctionToolCall(id="fc", call_id="c", name="shell", arguments="{}", type="function_call")
    plain = [*done([call]), completed([call])]
    noise = kind.model_construct(**dict(needed(kind)))
    seen: list[Delta] = []
    for named in (True, False):
        assert feed([noise, plain[0], noise, plain[1]], seen.append, named=named) == feed(plain)
    assert {delta.text for delta in seen} <= {"x"}
    told = kind.__name__.endswith("DeltaEvent") and any(
        word in kind.__name__ for word in ("ResponseText", "Reasoning", "FunctionCall", "CustomTool")
    )
    assert bool(seen) == told


def needed(kind: Any) -> Iterator[tuple[str, Any]]:
    """A value for each field of an event: its literal, or something of its type."""
    for name, field in kind.model_fields.items():
        literals = [value for value in get_args(field.annotation) if isinstance(value, str)]
        if name == "type":
            yield name, literals[0]
        elif name == "response":
            yield name, response([], "in_progress")
        elif name == "item":
            yield name, {"type": "message", "id": "m", "content": []}
        elif field.annotation is int:
            yield name, 0
        else:
            yield name, "x"


def test_items_that_are_never_asked_for_are_left_out() -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed", "action": {"type": "search", "query": "q"}}
    body = {"type": "response.output_item.done", "output_index": 0, "item": search}
    reader = ResponsesReader(PEER, None)
    reader.event("response.output_item.done", json.dumps(body).encode())
    reader.event("response.completed", completed([]).model_dump_json().encode())
    assert reader.reply().items == ()


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("rate_limit_exceeded", "Rate limit reached. Please try again in 1.5s.", RetryLater),
        ("server_error", "oh", RetryLater),
        ("context_length_exceeded", "Your input exceeds the context window of this model.", TooLong),
        ("insufficient_quota", "You exceeded your current quota.", ModelError),
        ("bio_policy", "no", Refused),
        ("invalid_prompt", "bad", ModelError),
    ],
)
def test_a_failure_inside_a_stream_is_told_by_its_code(code: str, message: str, expected: type[ModelError]) -> None:
    failed = {"type": "response.failed", "response": {"status": "failed", "error": {"code": code, "message": message}}}
    flat = ResponseErrorEvent(code=code, message=message, param=None, sequence_number=0, type="error").model_dump()
    for event in (failed, flat, {"type": "error", "error": {"code": code, "message": message}}):
        with pytest.raises(ModelError) as caught:
            ResponsesReader(PEER, None).event(event["type"], json.dumps(event).encode())
        assert type(caught.value) is expected
        if isinstance(caught.value, RetryLater):
            assert caught.value.retry_after == (1.5 if "1.5s" in message else None)


def test_incomplete_is_length_or_a_filter() -> None:
    text = ResponseOutputText(text="and then", type="output_text", annotations=[])
    said = ResponseOutputMessage(id="m", content=[text], role="assistant", status="incomplete", type="message")
    for reason in ("max_output_tokens", "content_filter"):
        whole = response([said], "incomplete", incomplete_details=IncompleteDetails(reason=reason))
        event = ResponseIncompleteEvent(response=whole, sequence_number=0, type="response.incomplete")
        if reason == "content_filter":
            with pytest.raises(Refused):
                feed([event])
        else:
            assert (feed([event]).stop, feed([event]).text) == ("length", "and then")


def chat(chunks: list[Any]) -> Reply:
    reader = ChatReader(PEER, None, iter("123").__next__)
    for chunk in chunks:
        reader.event("", chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode())
    return reader.reply()


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def piece(index: int | None, arguments: Any = "", **more: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
    return {**place, **more, "function": function}


def calls(reply: Reply) -> list[tuple[str, str, str]]:
    return [(call.call_id, call.name, call.arguments) for call in reply.calls]


def test_chat_calls_are_put_together_in_all_the_ways_in_which_servers_cut_them() -> None:
    by_index = [
        delta(tool_calls=[piece(0, id="a", name="shell"), piece(1, id="b", name="read")]),
        delta(tool_calls=[piece(1, '{"p')]),
        delta(tool_calls=[piece(0, "{}"), piece(1, '":1}')]),
        delta("tool_calls"),
    ]
    assert calls(chat(by_index)) == [("a", "shell", "{}"), ("b", "read", '{"p":1}')]
    without_index = [
        delta(tool_calls=[piece(None, '{"a"', id="a", name="shell")]),
        delta(tool_calls=[piece(None, ":1}")]),
        delta(tool_calls=[piece(None, "{}", id="b", name="read")]),
        delta("tool_calls"),
    ]
    assert calls(chat(without_index)) == [("a", "shell", '{"a":1}'), ("b", "read", "{}")]
    always_index_nought = [
        delta(tool_calls=[piece(0, "{}", id="a", name="shell")]),
        delta(tool_calls=[piece(0, "{}", id="b", name="read")]),
        delta("tool_calls"),
    ]
    assert calls(chat(always_index_nought)) == [("a", "shell", "{}"), ("b", "read", "{}")]
    without_ids = [
        delta(tool_calls=[piece(0, "{}", name="shell"), piece(1, {"p": "ü"}, name="read")]),
        delta("tool_calls"),
    ]
    assert calls(chat(without_ids)) == [("call_1", "shell", "{}"), ("call_2", "read", '{"p": "ü"}')]


def test_chat_streams_of_other_servers_are_read() -> None:
    reply = chat(
        [
            {**delta(role="assistant", content=None, reasoning_content="hm"), "model": "deep"},
            delta(reasoning="…"),
            delta(content=[{"type": "text", "text": "par"}, {"type": "text", "text": "ts"}]),
            {**delta("stop", content=""), "usage": None},
            {"choices": None, "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_cache_hit_tokens": 6}},
            b"[DONE]",
        ]
    )
    assert reply == Reply(
        items=(Reasoning(text="hm…"), AssistantMessage(text="parts")),
        usage=Usage(input_tokens=9, cached_input_tokens=6, output_tokens=4, cost=None),
        stop="end",
        model="deep",
    )


def test_a_chat_stream_may_end_without_usage_and_without_its_last_word() -> None:
    reply = chat([delta(content="hi"), delta("stop")])
    assert (reply.text, reply.usage, reply.stop) == ("hi", Usage(cost=None), "end")
    with pytest.raises(ValueError, match="not ended"):
        chat([delta(content="hi")])


def test_chat_refusals_and_errors_in_the_stream() -> None:
    with pytest.raises(Refused, match="cannot help"):
        chat([delta(refusal="I cannot "), delta("stop", refusal="help")])
    with pytest.raises(Refused, match="filter"):
        chat([delta("content_filter")])
    with pytest.raises(RetryLater, match="busy"):
        chat([delta(content="hi"), {"error": {"message": "busy", "code": "overloaded"}}])
    with pytest.raises(TooLong):
        chat([{"error": "the request exceeds the available context size, try increasing it"}])
