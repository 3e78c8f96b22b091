"""Requests and live streams against a server that is played byte by byte over a real socket."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from journeyman.client.errors import (
    Conflict,
    Invalid,
    Limited,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ServerFailed,
    ServerUnreachable,
    ServiceError,
)
from journeyman.client.transport import Times, Transport, checked
from journeyman.core.errors import UsageError
from journeyman.models.wire.sse import ServerEvent
from tests.client.played import CUT, Played, answer, played, refusal, stream


@asynccontextmanager
async def asking(*answers: bytes) -> AsyncGenerator[tuple[Transport, Played]]:
    async with played(*answers) as server:
        transport = Transport(server.address, "secret", chance=lambda: 0.0)
        try:
            yield transport, server
        finally:
            await transport.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (401, NotSignedIn),
        (403, NotAllowed),
        (404, NotFound),
        (409, Conflict),
        (418, ServiceError),
        (422, Invalid),
        (500, ServerFailed),
    ],
)
async def test_what_the_server_refuses_is_an_error_with_its_words(status: int, kind: type[ServiceError]) -> None:
    async with asking(refusal(status)) as (transport, _):
        with pytest.raises(kind, match=r"^It is so\.") as caught:
            await transport.send("GET", "/tasks")
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.code, caught.value.details) == (status, "why", [1])
    assert isinstance(caught.value, UsageError) is (status in (400, 404, 422))


async def test_an_answer_that_is_not_of_our_server_is_told_as_such() -> None:
    async with asking(answer(404, b"<html>"), answer(302, b"", "location: http://b/")) as (transport, server):
        with pytest.raises(NotFound, match="is a Journeyman server there"):
            await transport.send("GET", "/tasks")
        with pytest.raises(ServiceError, match="sends on to http://b/; give that address"):
            await transport.send("GET", "/tasks")
    assert [head.split("\r\n")[0] for head in server.asked] == ["GET /api/v1/tasks HTTP/1.1"] * 2


async def test_requests_carry_the_token_and_what_is_asked() -> None:
    async with asking(answer(200, {}), answer(200, {})) as (transport, server):
        await transport.send("GET", "/tasks", query={"limit": 2, "archived": False, "status": ["a", "b"], "no": None})
        done = await transport.send("POST", "/tasks", body=b"{}")
    assert (done.status, done.body) == (200, b"{}")
    assert server.asked[0].startswith("GET /api/v1/tasks?limit=2&archived=false&status=a&status=b HTTP/1.1\r\n")
    assert "authorization: Bearer secret" in server.asked[0].replace("Authorization", "authorization")
    assert "content-type: application/json" in server.asked[1].lower()


async def test_a_server_that_never_answered_is_told_of_at_once() -> None:
    transport = Transport("http://127.0.0.1:9", chance=lambda: 0.0)
    with pytest.raises(ServerUnreachable, match="Is `journeyman serve` running there"):
        await transport.send("GET", "/tasks")
    with pytest.raises(ServerUnreachable):
        await anext(transport.events("/events"))
    await transport.close()


async def test_what_can_be_sent_again_is_and_what_may_have_happened_is_not() -> None:
    again = (refusal(503), CUT, refusal(502), refusal(429, "retry-after: 0"), answer(200, {}))
    async with asking(*again) as (transport, server):
        assert (await transport.send("GET", "/tasks")).status == 200
    assert len(server.asked) == 5
    async with asking(refusal(503), refusal(429, "retry-after: 0"), CUT) as (transport, server):
        with pytest.raises(ServerUnreachable, match="was cut"):
            await transport.send("POST", "/tasks", body=b"{}")
    assert len(server.asked) == 3
    async with asking(refusal(429, code="over_quota")) as (transport, server):
        with pytest.raises(Limited, match="It is so"):
            await transport.send("POST", "/tasks", body=b"{}", again=True)


async def test_patience_has_an_end() -> None:
    async with asking(refusal(503, "retry-after: 1")) as (transport, _):
        transport.times = Times(patience=0.0)
        with pytest.raises(ServerFailed, match="It is so"):
            await transport.send("GET", "/tasks")


async def events(transport: Transport, after: str | None = None) -> Sequence[ServerEvent]:
    return [event async for event in transport.events("/tasks/t/events", query={"x": 1}, after=after)]


async def test_a_stream_goes_on_where_it_was_cut() -> None:
    first = stream('id: 1\nevent: event\ndata: {"a": 1}\n\n: still here\n\nid: 2\ndata: two\n\nid: 3\ndata: thr')
    answers = (first, refusal(503), CUT, stream("id: 3\ndata: three\n\nevent: end\ndata: {}\n\n"))
    async with asking(*answers) as (transport, server):
        waits: list[str] = []
        transport.on_wait = lambda why, _: waits.append(why)
        found = await events(transport)
    assert found == [
        ServerEvent("event", b'{"a": 1}', "1"),
        ServerEvent("", b"two", "2"),
        ServerEvent("", b"three", "3"),
    ]
    said = [[line for line in head.lower().split("\r\n") if line.startswith("last-event-id")] for head in server.asked]
    assert said == [[], ["last-event-id: 2"], ["last-event-id: 2"], ["last-event-id: 2"]]
    assert len(waits) == 3 and waits[0].endswith("ended.")


async def test_a_stream_that_is_refused_or_over_is_not_asked_for_again() -> None:
    async with asking(refusal(404)) as (transport, _):
        with pytest.raises(NotFound):
            await events(transport)
    async with asking(answer(204, b"")) as (transport, server):
        assert await events(transport, "7") == []
    assert "last-event-id: 7" in server.asked[0].lower() and "?x=1 " in server.asked[0]


def test_addresses() -> None:
    assert checked("box:8700") == ("http://box:8700", False)
    assert checked("https://127.0.0.1/sub/") == ("https://127.0.0.1/sub", True)
    for wrong in ("ftp://box", "http://", "http://a:b@box", "http://box?x=1", "http://box#a"):
        with pytest.raises(UsageError, match="is no address of a server"):
            checked(wrong)
    with pytest.raises(UsageError, match="The token holds characters"):
        Transport("http://box", "a b")
