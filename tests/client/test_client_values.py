"""What comes over the wire as values, in programs with an event loop and without."""

import asyncio
import json

import pytest

from journeyman.client import AsyncClient, Client, TaskCreate
from journeyman.client.errors import NotFound, ServerFailed
from journeyman.core.api.tasks import TaskLine, TaskView, TurnView
from journeyman.core.api.work import NumberedEvent
from journeyman.core.events import Progressed
from tests.client.played import answer, played, refusal, stream

LINE = TaskLine(
    id="t1", title="Fix it", mode="code", status="running", repository="/shop", model="box", created=1.0, updated=2.0
)
TURN = TurnView(number=1, prompt="Fix it", mode="code", model="box", created=1.0, status="running")
VIEW = TaskView(task=LINE, prompt="Fix it", turns=(TURN,))


def told(place: int) -> str:
    event = NumberedEvent(place=place, attempt="t1.1.1", event=Progressed(seq=place, text=f"line {place}"))
    return f"id: {place}\nevent: event\ndata: {event.model_dump_json()}\n\n"


async def test_a_task_is_sent_without_what_is_not_set_and_read_with_what_a_newer_server_adds() -> None:
    newer = json.loads(VIEW.model_dump_json()) | {"colour": "green"}
    async with played(answer(201, newer)) as server, AsyncClient(server.address) as client:
        view = await client.submit(TaskCreate(prompt="Fix it", repository="/shop"), key="k1")
    assert view == VIEW
    assert "idempotency-key: k1" in server.asked[0].lower()
    assert TaskCreate(prompt="Fix it", repository="/shop").model_dump_json(exclude_unset=True) == (
        '{"prompt":"Fix it","repository":"/shop"}'
    )


async def test_an_answer_of_another_shape_is_told_as_such() -> None:
    async with played(answer(200, {"task": {}})) as server, AsyncClient(server.address) as client:
        with pytest.raises(ServerFailed, match=r"cannot be read \(TaskView task\.id: .*of another version"):
            await client.task("t1")


async def test_names_are_quoted_in_paths() -> None:
    async with played(refusal(404)) as server, AsyncClient(server.address) as client:
        with pytest.raises(NotFound):
            await client.task("../a b?c")
    assert server.asked[0].startswith("GET /api/v1/tasks/..%2Fa%20b%3Fc HTTP/1.1")


async def test_no_event_comes_twice_where_the_stream_is_cut() -> None:
    first = f"event: task\ndata: {VIEW.model_dump_json()}\n\n" + told(4) + told(5)
    again = told(5) + told(6) + "event: end\ndata: {}\n\n"
    async with played(stream(first), stream(again)) as server, AsyncClient(server.address) as client:
        found = [change async for change in client.events("t1", after=3)]
    assert found[0] == VIEW
    assert [change.place for change in found[1:] if isinstance(change, NumberedEvent)] == [4, 5, 6]
    sent = [line for head in server.asked for line in head.lower().split("\r\n") if line.startswith("last-event-id")]
    assert sent == ["last-event-id: 3", "last-event-id: 5"]


async def test_a_program_without_an_event_loop_gets_the_same() -> None:
    def program(address: str) -> tuple[TaskView, list[int]]:
        with Client(address, "secret") as client:
            view = client.task("t1")
            places: list[int] = []
            stream = client.events("t1")
            for change in stream:
                if isinstance(change, NumberedEvent):
                    places.append(change.place)
                    if change.place == 2:
                        stream.close()
            return view, places

    answers = (answer(200, json.loads(VIEW.model_dump_json())), stream(told(1) + told(2) + told(3)))
    async with played(*answers) as server:
        assert await asyncio.to_thread(program, server.address) == (VIEW, [1, 2])
