"""Scripts, the model that plays them, and the server that plays them to anybody."""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.core.errors import ModelError, TooLong, UsageError
from journeyman.core.items import AssistantMessage, Item, Reasoning, ToolCall, ToolResult, UserMessage
from journeyman.core.model import Delta, ModelRequest, Profile, Reply, call, say
from journeyman.core.usage import Usage
from journeyman.models.script import Fault, Script, ScriptCall, Step, load_script, parse_script
from journeyman.models.script_http import Exchange
from journeyman.models.script_server import ScriptServer
from journeyman.models.script_turns import TurnCounter
from journeyman.models.scripted import Scripted, turns
from journeyman.models.wire.chat import ChatWire
from journeyman.models.wire.failures import Peer
from journeyman.models.wire.responses import ResponsesWire


def ask(*items: Item, key: str = "") -> ModelRequest:
    return ModelRequest("", items or [UserMessage(text="go")], cache_key=key)


# The scripted model


async def test_a_script_is_played_in_order_and_requests_are_kept() -> None:
    model = Scripted([call("shell", "c1", command="ls"), say("done")])
    first = await model.reply(ask(UserMessage(text="a")))
    second = await model.reply(ask(UserMessage(text="b")))
    assert first.calls == (ToolCall(call_id="c1", name="shell", arguments='{"command": "ls"}'),)
    assert second.text == "done" and second.model == "scripted"
    assert [request.items[0] for request in model.requests] == [UserMessage(text="a"), UserMessage(text="b")]


async def test_a_script_that_runs_out_is_an_error() -> None:
    model = Scripted(["only"])
    await model.reply(ask())
    with pytest.raises(ModelError, match=r"ran out: it has 1 replies, and number 2"):
        await model.reply(ask())


async def test_a_task_that_was_taken_over_goes_on_in_the_script_where_it_was() -> None:
    conversation = [UserMessage(text="go"), AssistantMessage(text="one"), UserMessage(text="more")]
    assert (await Scripted(["one", "two"]).reply(ask(*conversation))).text == "two"


async def test_each_conversation_has_its_own_place_in_the_script() -> None:
    model = Scripted(["one", "two"])
    heard = [(await model.reply(ask(key=key))).text for key in ("a", "b", "a", "b")]
    assert heard == ["one", "one", "two", "two"]


async def test_entries_may_be_functions_errors_or_alternatives() -> None:
    answer = [Step(when="error", text="I fix it"), Step(text="nothing to do")]
    model = Scripted([lambda request: f"{len(request.items)} items", TooLong("too long"), answer])
    assert (await model.reply(ask())).text == "1 items"
    with pytest.raises(TooLong):
        await model.reply(ask())
    result = ToolResult(call_id="c", content="an error here")
    assert (await model.reply(ask(UserMessage(text="go"), result))).text == "I fix it"
    with pytest.raises(ModelError, match="No step of the script fits"):
        await Scripted([[Step(when="never", text="x")]]).reply(ask())


async def test_pieces_and_usage_are_there_without_a_server() -> None:
    deltas: list[Delta] = []
    step = Step(reasoning="hm", text="ok", calls=(ScriptCall(name="t", arguments={"a": 1}),))
    reply = await Scripted([step]).reply(ask(), deltas.append)
    assert deltas == [Delta("reasoning", "hm"), Delta("text", "ok"), Delta("arguments", '{"a": 1}')]
    assert reply.usage.input_tokens > 0 and reply.usage.output_tokens > 0 and reply.usage.cost == 0.0


# Script files


def test_a_script_file_says_everything_that_a_step_can(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    written = {
        "order": "arrival",
        "profile": {"window": 1000},
        "replies": [
            "plain",
            {"text": "hm", "calls": [{"name": "t", "arguments": {"a": 1}}, {"name": "t", "arguments": "raw"}]},
            {"error": "rate_limit", "text": "later"},
            {"error": [{"kind": "cut"}, {"kind": "server_error", "times": 2}], "text": "at last"},
            [{"when": "x", "text": "yes"}, {"text": "no"}],
        ],
    }
    path.write_text(json.dumps(written))
    script = load_script(path)
    assert script.order == "arrival" and script.profile == Profile(name="scripted", window=1000)
    assert script.entries == (
        Step(text="plain"),
        Step(text="hm", calls=(ScriptCall(name="t", arguments={"a": 1}), ScriptCall(name="t", arguments="raw"))),
        Step(text="later", error=(Fault(kind="rate_limit"),)),
        Step(text="at last", error=(Fault(kind="cut"), Fault(kind="server_error", times=2))),
        (Step(when="x", text="yes"), Step(text="no")),
    )
    lines = tmp_path / "script.jsonl"
    lines.write_text("\n".join(json.dumps(entry) for entry in written["replies"]) + "\n\n")
    assert load_script(lines).entries == script.entries


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"replies": [{"txt": "x"}]}', "txt"),
        ('[{"error": "explode"}]', "error.0.kind"),
        ('{"reply": []}', "reply"),
        ('{"replies": [], "order": "random"}', "random"),
        ("[", "Expecting value"),
        ("3", "list of replies"),
    ],
)
def test_a_mistake_in_a_script_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"script\.json") as caught:
        load_script(path)
    assert said in str(caught.value)


def test_a_script_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_script(tmp_path / "none.json")


def test_faults_are_played_in_their_order_and_end() -> None:
    step = Step(text="x", error=(Fault(kind="cut"), Fault(kind="server_error", times=2)))
    played = [step.fault(failures) for failures in range(4)]
    assert [fault.kind if fault else None for fault in played] == ["cut", "server_error", "server_error", None]
    for_ever = Step(error=(Fault(kind="cut"),)).fault(99)
    assert for_ever is not None and for_ever.kind == "cut"


# The server


def responses_body(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(items) or [{"role": "user", "content": "go"}], **more}


async def test_requests_are_kept_with_their_bytes_and_times() -> None:
    async with ScriptServer([Step(text="hi", delay=0.02)]) as server, httpx.AsyncClient() as client:
        before = time.monotonic()
        answer = await client.post(f"{server.base_url}/responses", json=responses_body())
        after = time.monotonic()
    [request] = server.requests
    assert json.loads(request.body) == responses_body() and request.status == answer.status_code == 200
    assert before <= request.arrived <= request.arrived + 0.02 <= request.ended <= after
    assert answer.json()["output"][0]["content"][0]["text"] == "hi"


async def test_a_step_that_is_made_from_the_request_is_made_anew_however_long_it_takes() -> None:
    def echo(body: dict[str, Any]) -> Step:
        return Step(text=body["input"][0]["content"], delay=0.001)

    async with ScriptServer([echo]) as server, httpx.AsyncClient() as client:
        said: list[str] = []
        for word in ("one", "two"):
            body = responses_body({"role": "user", "content": word})
            answer = await client.post(f"{server.base_url}/responses", json=body)
            said.append(answer.json()["output"][0]["content"][0]["text"])
    assert said == ["one", "two"]


async def test_the_server_answers_at_once() -> None:
    items: list[Item] = [UserMessage(text="go")]
    script = [Step(calls=(ScriptCall(name="shell", arguments={"command": "ls"}),))] * 60
    wire = ResponsesWire("m", Profile(name="m"), Peer("m", ""))
    async with ScriptServer(script) as server, httpx.AsyncClient() as client:
        for _ in script:
            body = wire.body(ModelRequest("", items, cache_key="k"))
            answer = await client.post(f"{server.base_url}/responses", content=body)
            assert answer.status_code == 200
            items += [ToolCall(call_id="c", name="shell", arguments="{}"), ToolResult(call_id="c", content="x" * 2000)]
    took = sorted(request.ended - request.arrived for request in server.requests)
    assert [request.turn for request in server.requests] == list(range(60))
    assert took[len(took) // 2] < 0.002  # 0.2 ms on a quiet machine


async def test_the_turn_is_found_in_requests_of_any_shape() -> None:
    chat = [
        {"role": "system", "content": 'a "role":"assistant" in words, and "role": "assistant" too'},
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "one", "tool_calls": []},
        {"content": "x", "role": "tool", "tool_call_id": "c"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "more"},
    ]
    responses = [
        {"role": "user", "content": "go"},
        {"type": "reasoning", "id": "r", "summary": []},
        {"type": "message", "role": "assistant", "content": "one"},
        {"type": "function_call", "call_id": "a", "name": "t", "arguments": '{"type":"reasoning"}'},
        {"type": "function_call", "call_id": "b", "name": "t", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "x"},
        {"type": "function_call_output", "call_id": "b", "output": '{"role":"assistant"}'},
        {"type": "custom_tool_call", "call_id": "d", "name": "t", "input": ""},
        {"type": "custom_tool_call_output", "call_id": "d", "output": ""},
    ]
    async with ScriptServer(["none", "one", "two"]) as server, httpx.AsyncClient() as client:
        for path, body in (
            ("chat/completions", {"model": "m", "messages": chat}),
            ("responses", {"model": "m", "input": responses}),
        ):
            for text in (json.dumps(body), json.dumps(body, indent=1), json.dumps(body, separators=(",", ":"))):
                answer = await client.post(f"{server.base_url}/{path}", content=text)
                assert "two" in answer.text


names = st.sampled_from(["shell", "read"])
word = st.text(max_size=8) | st.sampled_from(['"role":"assistant"', '{"type": "reasoning"}', "\\"])
conversations = st.lists(
    st.one_of(
        st.builds(UserMessage, text=word),
        st.builds(AssistantMessage, text=word.filter(bool)),
        st.builds(Reasoning, text=word, id=st.just("r"), opaque=st.just("o")),
        st.builds(ToolCall, call_id=st.just("c"), name=names, arguments=word),
        st.builds(ToolResult, call_id=st.just("c"), content=word),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(conversations, min_size=1, max_size=4), st.booleans())
def test_turns_are_counted_alike_from_bytes_and_from_items(seen: list[list[Item]], growing: bool) -> None:
    """Whatever came before on the connection: conversations that go on, and others that do not."""
    if growing:
        seen = [[item for items in seen[:end] for item in items] for end in range(1, len(seen) + 1)]
    wire, counter = ResponsesWire("m", Profile(name="m"), Peer("m", "")), TurnCounter()
    for items in seen:
        assert counter.count(wire.body(ModelRequest("be", items))) == turns(items)


async def test_clients_run_side_by_side_on_one_script() -> None:
    async def converse(base_url: str, path: str) -> list[str]:
        heard: list[str] = []
        messages = [{"role": "user", "content": "go"}]
        async with httpx.AsyncClient() as client:
            for _ in range(3):
                key = "messages" if path == "chat/completions" else "input"
                answer = (await client.post(f"{base_url}/{path}", json={"model": "m", key: messages})).json()
                text = (
                    answer["choices"][0]["message"]["content"]
                    if "choices" in answer
                    else answer["output"][0]["content"][0]["text"]
                )
                heard.append(text)
                messages += [{"role": "assistant", "content": text}, {"role": "user", "content": "on"}]
        return heard

    async with ScriptServer(["one", Step(text="two", delay=0.005), "three"]) as server:
        paths = ["chat/completions", "responses"] * 3
        heard = await asyncio.gather(*(converse(server.base_url, path) for path in paths))
    assert heard == [["one", "two", "three"]] * 6


async def test_by_arrival_every_request_gets_the_next_reply() -> None:
    async with ScriptServer(["one", "two"], order="arrival") as server, httpx.AsyncClient() as client:
        answers = [(await client.post(f"{server.base_url}/responses", json=responses_body())).text for _ in range(2)]
    assert '"one"' in answers[0] and '"two"' in answers[1]


async def test_faults_are_played_once_for_each_conversation() -> None:
    step = Step(text="ok", error=(Fault(kind="server_error"),))
    async with ScriptServer([step]) as server, httpx.AsyncClient() as client:
        statuses = [
            (await client.post(f"{server.base_url}/responses", json=responses_body(prompt_cache_key=key))).status_code
            for key in ("a", "b", "a", "b")
        ]
    assert statuses == [500, 500, 200, 200]


async def test_what_does_not_fit_the_script_is_answered_and_remembered() -> None:
    async with ScriptServer([]) as server, httpx.AsyncClient() as client:
        out = await client.post(f"{server.base_url}/responses", json=responses_body())
        nowhere = await client.get(f"{server.base_url}/nowhere")
        models = await client.get(f"{server.base_url}/models")
    assert out.status_code == 400 and "ran out" in out.json()["error"]["message"] and "ran out" in server.problems[0]
    assert nowhere.status_code == 404
    assert [model["id"] for model in models.json()["data"]] == ["scripted"]


async def test_a_step_is_computed_from_the_request() -> None:
    def count(body: dict[str, Any]) -> Reply:
        return Reply(items=(AssistantMessage(text=f"{len(body['input'])} items"),), usage=Usage(input_tokens=1))

    async with ScriptServer([count]) as server, httpx.AsyncClient() as client:
        answers = [
            (await client.post(f"{server.base_url}/responses", json=responses_body(*[{"role": "user"}] * n))).json()
            for n in (2, 3)
        ]
    assert [answer["output"][0]["content"][0]["text"] for answer in answers] == ["2 items", "3 items"]
    assert answers[0]["usage"]["input_tokens"] == 1


async def test_bodies_in_chunks_and_with_expect_are_taken() -> None:
    async def pieces():  # an iterator makes httpx send it in chunks
        body = json.dumps(responses_body()).encode()
        for start in range(0, len(body), 7):
            yield body[start : start + 7]

    async with ScriptServer(["hi"]) as server, httpx.AsyncClient() as client:
        chunked = await client.post(f"{server.base_url}/responses", content=pieces())
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.base_url.split(":")[2].split("/")[0]))
        body = json.dumps(responses_body()).encode()
        head = f"POST /v1/responses HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert chunked.status_code == 200 and [json.loads(one.body) for one in server.requests] == [responses_body()] * 2


async def test_the_server_runs_as_a_program(tmp_path: Path) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text('{"text": "from a file"}\n')
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "journeyman.models.script_server", str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        base_url = (await process.stdout.readline()).decode().strip()
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{base_url}/responses", json=responses_body())
        assert "from a file" in answer.text
    finally:
        os.kill(process.pid, signal.SIGTERM)
    assert await process.wait() == 0


def test_the_wires_of_one_conversation_hold_the_same_turns() -> None:
    items: list[Item] = [UserMessage(text="a"), AssistantMessage(text="b"), UserMessage(text="c")]
    for wire in (ResponsesWire, ChatWire):
        body = wire("m", Profile(name="m"), Peer("m", "")).body(ModelRequest("x", items))
        assert TurnCounter().count(body) == turns(items) == 1


def test_scripts_have_no_keys_of_their_own_invention() -> None:
    with pytest.raises(ValueError, match="replies"):
        parse_script({"replys": []})
    assert parse_script(["a"]) == Script((Step(text="a"),))


async def test_whoever_hangs_up_is_told_nothing_more(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    played, end = asyncio.Event(), Exchange.end

    def ended(exchange: Exchange) -> None:
        end(exchange)
        played.set()

    monkeypatch.setattr(Exchange, "end", ended)
    step = Step(calls=tuple(ScriptCall(name="shell", arguments={"command": "ls"}) for _ in range(20)), pace=0.001)
    async with ScriptServer([step]) as server, asyncio.timeout(60):
        async with httpx.AsyncClient(base_url=server.base_url) as client:
            body = {"model": "scripted", "input": "go", "stream": True}
            async with client.stream("POST", "/responses", json=body) as response:
                await anext(response.aiter_raw())
        await played.wait()
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
