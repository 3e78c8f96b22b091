"""Tools for models that have none of their own."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.core.items import AssistantMessage, Reasoning, ToolCall, ToolResult, UserMessage
from journeyman.core.model import ModelRequest, Reply, ToolSpec
from journeyman.core.usage import Usage
from journeyman.models.choice import ModelChoice
from journeyman.models.json_tools import JsonTools, as_text, describe, find_object, read_reply, schema_of
from journeyman.models.open import open_model
from journeyman.models.script_server import ScriptServer
from journeyman.models.scripted import Scripted

SHELL = ToolSpec(
    name="shell",
    description="Run a command.",
    parameters={
        "type": "object",
        "properties": {"command": {"type": "string"}, "timeout": {"type": "integer"}},
        "required": ["command"],
    },
)
PLAN = ToolSpec(
    name="plan",
    description="Say where you are.",
    parameters={"type": "object", "properties": {"status": {"enum": ["open", "done"]}}, "required": ["status"]},
)
TOOLS = (SHELL, PLAN)
LS = {"tool": "shell", "arguments": {"command": "ls"}}


def read(text: str) -> Reply:
    usage = Usage(input_tokens=7)
    return read_reply(Reply(items=(AssistantMessage(text=text),), usage=usage), TOOLS, lambda: "1")


def called(reply: Reply) -> Any:
    [call] = reply.calls
    return call.name, json.loads(call.arguments)


def test_tools_are_told_in_a_line_each() -> None:
    told = describe(TOOLS)
    assert "- shell(command: string, timeout?: integer): Run a command.\n- plan(status: open|done): Say" in told
    assert len(told) < 400


def test_the_schema_takes_calls_and_answers_and_nothing_else() -> None:
    [shell, plan, answer] = schema_of(TOOLS)["anyOf"]
    assert shell["properties"]["tool"] == {"const": "shell"} and shell["properties"]["arguments"] == SHELL.parameters
    assert plan["properties"]["tool"] == {"const": "plan"} and plan["required"] == ["tool", "arguments"]
    assert answer["required"] == ["answer"] and not any(form["additionalProperties"] for form in (shell, plan, answer))


def test_a_call_and_an_answer_are_read() -> None:
    reply = read(json.dumps({"thought": "look first", **LS}))
    assert reply.items == (
        Reasoning(text="look first"),
        ToolCall(call_id="call_1", name="shell", arguments='{"command": "ls"}'),
    )
    assert reply.stop == "calls" and reply.usage == Usage(input_tokens=7)
    answer = read('{"answer": "All tests pass."}')
    assert answer.items == (AssistantMessage(text="All tests pass."),) and answer.stop == "end"


@pytest.mark.parametrize(
    "text",
    [
        'Sure!\n```json\n{"tool": "shell", "arguments": {"command": "ls"}}\n```\nThat lists the files.',
        'I will {look}: {"tool": "shell", "arguments": {"command": "ls"}} and then',
        '<tool_call>\n{"name": "shell", "arguments": {"command": "ls"}}\n</tool_call>',
        '<tool_call>{"name": "shell", "arguments": {"command": "ls"}}',
        '{"tool": "shell", "parameters": {"command": "ls"}}',
        '{"tool": "shell", "arguments": "{\\"command\\": \\"ls\\"}"}',
        '{"function": {"name": "shell", "arguments": {"command": "ls"}}}',
        '{"tool": "shell", "arguments": {"command": "ls"}}{"tool": "plan"}',
    ],
)
def test_what_small_models_write_around_a_call_is_forgiven(text: str) -> None:
    assert called(read(text)) == ("shell", {"command": "ls"})


def test_raw_line_ends_in_strings_are_forgiven() -> None:
    assert called(read('{"tool": "shell", "arguments": {"command": "a\nb"}}')) == ("shell", {"command": "a\nb"})


@pytest.mark.parametrize("text", ["Just prose.", "", '{"tool": "shell", "argum', "[1, 2]", '{"colour": "red"}', "{{{{"])
def test_what_is_neither_stays_the_text_that_it_is(text: str) -> None:
    reply = read(text)
    assert reply.calls == () and reply.text == text


def test_a_call_of_an_unknown_tool_is_a_call_so_that_the_model_hears_of_it() -> None:
    assert called(read('{"tool": "bash", "arguments": {}}')) == ("bash", {})


@settings(deadline=None)
@given(st.text(max_size=60), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3), st.text(max_size=9))
def test_a_call_is_found_in_any_prose(before: str, arguments: dict[str, str], after: str) -> None:
    text = before.replace("{", "(") + json.dumps({"tool": "shell", "arguments": arguments}) + after.replace("{", "(")
    assert called(read(text)) == ("shell", arguments)


@settings(deadline=None)
@given(st.text('{}":[]atool \n\\', max_size=80))
def test_no_text_is_too_odd(text: str) -> None:
    found = find_object(text)
    assert found is None or isinstance(found, dict)
    assert read(text).items


def test_the_conversation_is_told_in_the_words_of_the_model() -> None:
    items = [
        UserMessage(text="fix it"),
        Reasoning(text="look first"),
        ToolCall(call_id="a", name="shell", arguments='{"command": "ls"}'),
        ToolResult(call_id="a", content="x.py"),
        ToolCall(call_id="b", name="shell", arguments="{oops"),
        ToolResult(call_id="b", content="no JSON", is_error=True),
        AssistantMessage(text="Done."),
    ]
    assert as_text(items) == [
        UserMessage(text="fix it"),
        AssistantMessage(text='{"thought": "look first", "tool": "shell", "arguments": {"command": "ls"}}'),
        UserMessage(text="Result of shell:\nx.py"),
        AssistantMessage(text='{"tool": "shell", "arguments": "{oops"}'),
        UserMessage(text="Result of shell (failed):\nno JSON"),
        AssistantMessage(text='{"answer": "Done."}'),
    ]


async def test_a_model_without_calls_works_with_tools() -> None:
    inner = Scripted([json.dumps(LS), '{"answer": "One file."}'])
    model = JsonTools(inner)
    first = await model.reply(ModelRequest("Be brief.", [UserMessage(text="count")], TOOLS, cache_key="k"))
    result = ToolResult(call_id=first.calls[0].call_id, content="x.py")
    items = [UserMessage(text="count"), *first.items, result]
    second = await model.reply(ModelRequest("Be brief.", items, TOOLS, cache_key="k"))
    assert called(first) == ("shell", {"command": "ls"}) and second.text == "One file."
    sent = inner.requests[1]
    assert sent.tools == () and sent.schema == schema_of(TOOLS) and sent.instructions.startswith("Be brief.\n\nReply")
    assert inner.requests[0].instructions == sent.instructions
    assert list(sent.items[: len(inner.requests[0].items)]) == list(inner.requests[0].items)


async def test_without_tools_the_request_goes_on_as_it_is() -> None:
    inner = Scripted(["plain text"])
    request = ModelRequest("x", [UserMessage(text="go")], schema={"type": "object"})
    assert (await JsonTools(inner).reply(request)).text == "plain text"
    assert inner.requests[0].schema == {"type": "object"} and inner.requests[0].instructions == "x"


async def test_a_model_with_that_tool_style_is_opened_with_it() -> None:
    async with ScriptServer([json.dumps(LS)]) as server:
        choice = ModelChoice("box", "chat", "m", server.base_url, overrides={"tool_style": "json"})
        async with open_model(choice, env={}) as model:
            reply = await model.reply(ModelRequest("", [UserMessage(text="go")], TOOLS))
        body = json.loads(server.requests[0].body)
    assert called(reply) == ("shell", {"command": "ls"})
    assert "tools" not in body and body["response_format"]["json_schema"]["schema"] == schema_of(TOOLS)
