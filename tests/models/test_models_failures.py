"""What a person is told, and what is tried again, when a server fails. The servers are sockets on loopback."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from journeyman.core.errors import ModelError, Refused, RetryLater, TooLong, Unreachable, UsageError, WrongKey
from journeyman.core.items import UserMessage
from journeyman.core.model import ModelRequest, Profile, Reply
from journeyman.models.choice import ModelChoice
from journeyman.models.open import open_model
from journeyman.models.protocol import Model
from journeyman.models.retry import Cut, Retries
from journeyman.models.script import Fault, Step
from journeyman.models.script_server import ScriptServer
from journeyman.models.wire.chat import ChatWire
from journeyman.models.wire.failures import Failure, Peer, error_of, failure_of_body, retry_after
from journeyman.models.wire.http import Endpoint, open_http

ASK = ModelRequest("", [UserMessage(text="go")])
KEY = "sk-proj-verysecret0123456789"
PEER = Peer("some-model", "http://box/v1", "BOX_KEY", KEY)
OK = b'data: {"choices":[{"index":0,"delta":{"content":"fine"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


@dataclass
class Raw:
    """A server that answers each request with the next of `answers`, byte for byte, and then closes the connection."""

    answers: list[bytes]
    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            self.heads.append(head)
            self.asked.set()
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(answer)
            await writer.drain()
            if answer.endswith(b"<wait>"):
                await reader.read()
                self.closed.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed.set()
        finally:
            writer.close()


@asynccontextmanager
async def raw(*answers: bytes) -> AsyncGenerator[Raw]:
    server = Raw(list(answers))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


def http(status: int, body: Any, *headers: str, kind: str = "application/json") -> bytes:
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(data)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def stream(body: bytes) -> bytes:
    """A stream that ends when its connection does."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + body


@asynccontextmanager
async def chat_at(
    base_url: str, *, idle: float = 5.0, retries: Retries | None = None, clock: Callable[[], float] = time.time
) -> AsyncGenerator[Model]:
    profile = Profile(name="box")
    peer = Peer("some-model", base_url, "BOX_KEY", KEY)
    endpoint = Endpoint(base_url, KEY, "BOX_KEY", idle=idle)
    wire = ChatWire("some-model", profile, peer)
    quick = Retries(times=2, first=0.01, connect=(0.01, 0.02))
    async with open_http(endpoint, profile, wire, retries=retries or quick, chance=lambda: 0.5, clock=clock) as model:
        yield model


@dataclass
class Outcome:
    reply: Reply | None = None
    error: ModelError | None = None
    told: list[tuple[str, float]] = field(default_factory=list)


async def outcome(model: Model) -> Outcome:
    result = Outcome()
    try:
        result.reply = await model.reply(ASK, None, lambda sentence, wait: result.told.append((sentence, wait)))
    except ModelError as error:
        result.error = error
    return result


async def answered(*answers: bytes, **more: Any) -> Outcome:
    async with raw(*answers) as server, chat_at(server.base_url, **more) as model:
        return await outcome(model)


async def test_nobody_at_the_address_is_told_with_the_address_after_a_few_quick_tries() -> None:
    async with raw(b"") as server:
        gone = server.base_url
    async with chat_at(gone) as model:
        result = await outcome(model)
    assert isinstance(result.error, Unreachable)
    assert gone in str(result.error) and "3 tries" in str(result.error)
    assert [wait for _, wait in result.told] == [0.01, 0.02]


@pytest.mark.parametrize("wire", ["responses", "chat"])
async def test_a_wrong_key_names_its_variable_and_never_the_key(wire: str) -> None:
    message = f"Incorrect API key provided: {KEY}. You can find yours at https://example.test."
    async with ScriptServer([Step(error=(Fault(kind="unauthorized", message=message),))]) as server:
        choice = ModelChoice("box", wire, "some-model", server.base_url, "BOX_KEY")
        async with open_model(choice, env={"BOX_KEY": KEY}) as model:
            result = await outcome(model)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert isinstance(result.error, WrongKey)
    assert "BOX_KEY" in str(result.error) and KEY not in repr(result.error) and "verysecret" not in str(result.error)


@pytest.mark.parametrize("key", ["sk-line\nbreak", "sk-ünicode", "two words"])
async def test_a_key_that_cannot_be_a_header_is_said_before_anything_is_sent(key: str) -> None:
    async with raw(stream(OK)) as server:
        choice = ModelChoice("box", "chat", "some-model", server.base_url, "BOX_KEY")
        with pytest.raises(UsageError, match="BOX_KEY") as caught:
            async with open_model(choice, env={"BOX_KEY": key}):
                pass
    assert server.heads == [] and key not in str(caught.value)


async def test_the_wait_that_the_server_asks_for_is_kept() -> None:
    limited = http(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, "retry-after: 0.15")
    begun = time.monotonic()
    result = await answered(limited, stream(OK))
    assert result.reply is not None and result.reply.text == "fine"
    assert [wait for _, wait in result.told] == [0.15] and time.monotonic() - begun >= 0.15
    assert "slow down" in result.told[0][0]


async def test_a_wait_beyond_patience_ends_the_request_at_once() -> None:
    result = await answered(http(429, {"error": {"message": "come back tomorrow"}}, "retry-after: 86400"))
    assert isinstance(result.error, RetryLater) and result.error.retry_after == 86400 and result.told == []


def test_retry_after_is_seconds_milliseconds_or_a_date() -> None:
    now = 1_700_000_000.0
    date = format_datetime(datetime.fromtimestamp(now, UTC) + timedelta(seconds=7), usegmt=True)
    past = format_datetime(datetime.fromtimestamp(now, UTC) - timedelta(seconds=7), usegmt=True)
    for headers, expected in (
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": date}, 7.0),
        ({"retry-after": past}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "soon", "retry-after": "1"}, 1.0),
        ({}, None),
    ):
        assert retry_after(headers, now) == expected


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529, 599])
async def test_overload_is_tried_a_bounded_number_of_times(status: int) -> None:
    result = await answered(http(status, {"error": {"message": "busy"}}))
    assert isinstance(result.error, RetryLater) and "3 tries" in str(result.error)
    assert [wait for _, wait in result.told] == [0.01, 0.02]


def test_waits_double_with_jitter_and_a_limit() -> None:
    retries = Retries(times=8, first=1.0, longest=10.0)
    waits = [retries.wait(RetryLater("x"), failures, lambda: 0.5) for failures in range(1, 10)]
    assert waits == [1, 2, 4, 8, 10, 10, 10, 10, None]
    assert retries.wait(RetryLater("x"), 2, lambda: 0.0) == 1.5 and retries.wait(RetryLater("x"), 2, lambda: 1.0) == 2.5
    assert retries.wait(Cut("x"), 1, lambda: 0.9) == 0.2
    assert retries.wait(WrongKey("x"), 1, lambda: 0.5) is None


@pytest.mark.parametrize(
    "half",
    [
        b"",
        b'data: {"choices":[{"index":0,"delta":{"content":"fi"},"finish_reason":null}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"cont',
        b": ping\n\n",
    ],
)
async def test_a_stream_that_is_cut_is_asked_for_again_after_a_moment(half: bytes) -> None:
    result = await answered(stream(half), stream(OK))
    assert result.reply is not None and result.reply.text == "fine"
    assert [wait for _, wait in result.told] == [0.2]


async def test_a_connection_that_breaks_in_a_chunk_is_a_cut_too() -> None:
    broken = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nff\r\ndata: {"
    result = await answered(broken, b"", stream(OK))
    assert result.reply is not None and [wait for _, wait in result.told] == [0.2, 0.4]


async def test_silence_is_ended_by_the_idle_limit_and_told() -> None:
    result = await answered(stream(b": here\n\n<wait>"), idle=0.05)
    assert isinstance(result.error, RetryLater) and "silent for 0.05 s" in str(result.error)
    assert len(result.told) == 2


async def test_a_cancelled_request_closes_its_connection() -> None:
    async with raw(stream(b": here\n\n<wait>")) as server, chat_at(server.base_url) as model:
        asking = asyncio.create_task(model.reply(ASK))
        async with asyncio.timeout(2):
            await server.asked.wait()
            asking.cancel()
            await server.closed.wait()
    assert asking.cancelled()


async def test_requests_cancelled_at_any_moment_leave_nothing_that_waits_for_ever() -> None:
    step = Step(text="fine", delay=0.002, pace=0.0005)
    async with ScriptServer([step]) as server, chat_at(server.base_url) as model, asyncio.timeout(120):
        for moment in range(80):
            asking = [asyncio.create_task(model.reply(ASK)) for _ in range(4)]
            await asyncio.sleep(moment / 8000)
            for one in asking:
                one.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        replies = await asyncio.gather(*(model.reply(ASK) for _ in range(20)))
    assert [reply.text for reply in replies] == ["fine"] * 20


async def test_a_server_that_never_ends_its_answer_is_not_waited_for() -> None:
    async with raw(stream(OK + b": <wait>")) as server, chat_at(server.base_url) as model, asyncio.timeout(60):
        for _ in range(2):
            assert (await model.reply(ASK)).text == "fine"
    assert len(server.heads) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(200, "<html><head><title>Sign in</title></head></html>", kind="text/html"), "Sign in"),
        (http(200, "no json"), "no json"),
        (http(200, {"hello": "world"}), "hello"),
        (http(200, [1]), "[1]"),
        (stream(b"data: {oops\n\n"), "{oops"),
        (stream(b'data: {"choices": 5}\n\n'), "choices"),
        (http(404, {"detail": "Not Found"}), "Is base_url right"),
        (http(404, "<!doctype html><title>Nginx</title>", kind="text/html"), "Nginx"),
        (http(301, b"", "location: https://elsewhere.test/"), "HTTP 301"),
    ],
)
async def test_answers_that_make_no_sense_are_quoted_and_not_tried_again(answer: bytes, said: str) -> None:
    result = await answered(answer)
    assert type(result.error) is ModelError and result.told == []
    assert said in str(result.error) and "127.0.0.1" in str(result.error)


async def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    whole = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    result = await answered(http(200, whole))
    assert result.reply is not None
    assert (result.reply.text, result.reply.usage.input_tokens, result.reply.stop) == ("fine", 3, "end")


async def test_one_connection_serves_many_requests() -> None:
    async with ScriptServer([Step(text="fine")], order="turns") as server, chat_at(server.base_url) as model:
        for _ in range(5):
            assert (await model.reply(ASK)).text == "fine"
        assert len(server.requests) == 5 and server.connections_made == 1


async def test_requests_under_way_have_a_connection_each_and_the_next_ones_use_them_again() -> None:
    async with ScriptServer([Step(text="fine", delay=0.02)]) as server, chat_at(server.base_url) as model:
        for _ in range(3):
            replies = await asyncio.gather(*(model.reply(ASK) for _ in range(20)))
            assert [reply.text for reply in replies] == ["fine"] * 20
        assert len(server.requests) == 60 and server.connections_made == 20


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # as OpenAI, Azure, vLLM, llama.cpp, Ollama, Groq, OpenRouter and others word it
        (400, {"error": {"message": "too much", "code": "context_length_exceeded"}}, TooLong),
        (400, {"error": {"message": "Input tokens exceed the configured limit of 272000 tokens."}}, TooLong),
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens. However"}, TooLong),
        (
            400,
            {"error": {"message": "The decoder prompt (length 9) is longer than the maximum model length of 8"}},
            TooLong,
        ),
        (
            400,
            {
                "error": {
                    "message": "the request exceeds the available context size",
                    "type": "exceed_context_size_error",
                }
            },
            TooLong,
        ),
        (500, {"error": {"message": "input is too long for requested model"}}, TooLong),
        (400, {"error": {"message": "Please reduce the length of the messages or completion."}}, TooLong),
        (413, "Payload Too Large", TooLong),
        (
            429,
            {"error": {"message": "Request too large for gpt-4o in organization x on tokens per min (TPM)"}},
            TooLong,
        ),
        (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}, ModelError),
        (402, {"error": {"message": "Insufficient credits"}}, ModelError),
        (429, {"error": {"message": "Rate limit reached for requests", "code": "rate_limit_exceeded"}}, RetryLater),
        (503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, RetryLater),
        (401, {"error": {"message": "bad key", "code": "invalid_api_key"}}, WrongKey),
        (403, {"error": "forbidden"}, WrongKey),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, ModelError),
        (404, {"error": "model 'x' not found, try pulling it first"}, ModelError),
        (400, {"error": {"message": "no", "code": "content_filter"}}, Refused),
        (403, {"error": {"message": "Your input was flagged by moderation"}}, Refused),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, ModelError),
    ],
)
def test_failures_are_known_by_the_words_of_many_servers(status: int, body: Any, expected: type[ModelError]) -> None:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = error_of(failure_of_body(status, {}, data, 0.0), PEER)
    assert type(error) is expected
    assert f"HTTP {status}" in str(error) and "some-model" in f"{error}{PEER.model}"


def test_an_unknown_model_is_named_with_the_address() -> None:
    error = error_of(Failure("The model does not exist", "model_not_found", 404), PEER)
    assert "http://box/v1 has no model named some-model" in str(error)


def test_no_quota_names_the_key_that_pays() -> None:
    assert "BOX_KEY" in str(error_of(Failure("quota", "insufficient_quota", 429), PEER))


@pytest.mark.parametrize(
    "secret", [KEY, "sk-abcdef…", "Bearer abc.def-ghi", "AIzaSyA0123456789abcdef", "gsk_0123456789"]
)
def test_secrets_that_a_server_quotes_are_blotted_out(secret: str) -> None:
    error = error_of(Failure(f"Wrong key {secret.replace('…', '012')} given", "", 401), PEER)
    assert secret.replace("…", "012") not in str(error) and "…" in str(error)


def test_a_long_answer_is_not_told_whole() -> None:
    error = error_of(failure_of_body(500, {}, b"x" * 100_000, 0.0), PEER)
    assert len(str(error)) < 1000
