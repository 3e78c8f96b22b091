"""Commands that go on after a call: what the model reads, what is kept, what is gone after an interruption."""

import re
from collections.abc import Sequence

import pytest

from journeyman.core.events import CommandEnded, Event, Prepared, ToolReturned
from journeyman.core.model import Reply, call, say
from journeyman.core.stream import lines_of
from journeyman.core.task import Limits
from journeyman.tools import sessions
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository

FILES = {"a.txt": "one\n"}


def run(number: int, cmd: str, **more: object) -> Reply:
    return call("exec_command", f"c{number}", cmd=cmd, **more)


def write(number: int, session: int, chars: str = "", **more: object) -> Reply:
    return call("write_stdin", f"c{number}", session_id=session, chars=chars, **more)


def answers(events: Sequence[Event]) -> dict[str, str]:
    return {event.call_id: event.content for event in events if isinstance(event, ToolReturned)}


def details(events: Sequence[Event]) -> list[CommandEnded]:
    found = [event.detail for event in events if isinstance(event, ToolReturned)]
    return [detail for detail in found if isinstance(detail, CommandEnded)]


async def test_the_answer_is_the_fields_own(bench: MakeBench, make_repository: MakeRepository) -> None:
    _, events = await bench([run(1, "cat a.txt; exit 3"), say("Done.")]).run(make_repository(FILES))
    pattern = (
        r"Chunk ID: [0-9a-f]{6}\nWall time: \d+\.\d{4} seconds\nProcess exited with code 3\n"
        r"Original token count: 1\nOutput:\none\n"
    )
    assert re.fullmatch(pattern, answers(events)["c1"])


async def test_a_session_is_talked_to_and_kept_whole(bench: MakeBench, make_repository: MakeRepository) -> None:
    script = [
        run(1, "echo begin; read x; echo got $x; sleep 0.4; echo late", tty=True, yield_time_ms=300),
        write(2, 1, "word\n", yield_time_ms=250),
        run(3, "cat a.txt"),
        write(4, 1, yield_time_ms=10_000),
        write(5, 1, "more\n"),
        say("Done."),
    ]
    one = bench(script)
    _, events = await one.run(make_repository(FILES))
    said = answers(events)
    assert "Process running with session ID 1\n" in said["c1"]
    assert "got word" in said["c2"]
    assert said["c3"].endswith("one\n")
    assert "Process exited with code 0" in said["c4"]
    assert said["c4"].endswith("late\n")
    assert "There is no session 1" in said["c5"]
    assert [(detail.session, detail.exit_code) for detail in details(events)] == [
        (1, None),
        (1, None),
        (None, 0),
        (None, 0),
    ]
    chunk = details(events)[0].chunk
    assert [detail.chunk == chunk for detail in details(events)] == [True, True, False, True]
    attempt = (await one.host.store.tasks())[0].id
    attempt_id = (await one.host.store.attempts(attempt))[0].id
    whole = await one.host.store.chunk(attempt_id, chunk)
    assert whole.replace(b"\r", b"") == b"begin\nword\ngot word\nlate\n"
    items = [line["item"] for line in lines_of("t", list(events)) if "item" in line]
    commands = [(item["id"], item["status"]) for item in items if item["type"] == "command_execution"]
    session = commands[0][0]
    assert [status for ident, status in commands if ident == session] == ["in_progress"] * 3 + ["completed"]


async def test_what_still_runs_at_the_end_is_ended_and_kept(bench: MakeBench, make_repository: MakeRepository) -> None:
    script = [run(1, "echo begin; sleep 300", yield_time_ms=250), say("Done.")]
    one = bench(script)
    result, events = await one.run(make_repository(FILES))
    assert result.summary == "Done."
    attempt = (await one.host.store.attempts((await one.host.store.tasks())[0].id))[0].id
    assert await one.host.store.chunk(attempt, details(events)[0].chunk) == b"begin\n"


async def test_a_server_in_a_session_is_reached_and_stopped(bench: MakeBench, make_repository: MakeRepository) -> None:
    fetch = "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8123/a.txt').read())\""
    script = [
        run(1, "python3 -m http.server 8123", yield_time_ms=2_000),
        run(2, fetch),
        write(3, 1, "x"),
        write(4, 1, "\x03"),
        say("Done."),
    ]
    _, events = await bench(script).run(make_repository(FILES))
    said = answers(events)
    assert "b'one\\n'" in said["c2"]
    assert "tty=true" in said["c3"]
    assert "Process exited with code 137" in said["c4"]


async def test_limits_hold_in_the_background(bench: MakeBench, make_repository: MakeRepository) -> None:
    script = [run(1, "sleep 300", yield_time_ms=250), write(2, 1, yield_time_ms=20_000), say("Done.")]
    _, events = await bench(script).run(make_repository(FILES), limits=Limits(command_seconds=1.0))
    assert "it ran longer than its time limit of 1 s" in answers(events)["c2"]
    assert details(events)[1].cut == "time"


async def test_input_of_a_command_is_empty(bench: MakeBench, make_repository: MakeRepository) -> None:
    _, events = await bench([run(1, "cat; test -p /dev/stdin || echo none"), say("Done.")]).run(make_repository(FILES))
    assert answers(events)["c1"].endswith("Output:\nnone\n")


async def test_there_are_so_many_sessions_and_no_more(
    bench: MakeBench, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST", 2)
    script = [run(number, "sleep 300", yield_time_ms=250) for number in (1, 2, 3)]
    _, events = await bench([*script, say("Done.")]).run(make_repository(FILES))
    assert "2 sessions are running (1, 2)" in answers(events)["c3"]


async def test_output_is_bounded_as_asked(bench: MakeBench, make_repository: MakeRepository) -> None:
    script = [run(1, "seq 100000", max_output_tokens=100), say("Done.")]
    _, events = await bench(script).run(make_repository(FILES))
    said = answers(events)["c1"]
    assert "Original token count: 147224\n" in said
    assert len(said) < 700


async def test_shell_works_though_the_model_is_not_told(bench: MakeBench, make_repository: MakeRepository) -> None:
    script = [call("shell", "c1", command="sleep 0.3; cat a.txt"), say("Done.")]
    _, events = await bench(script).run(make_repository(FILES))
    assert answers(events)["c1"].endswith("one\n")
    told = next(event for event in events if isinstance(event, Prepared))
    assert [tool.name for tool in told.tools][:2] == ["exec_command", "write_stdin"]
    assert "shell" not in [tool.name for tool in told.tools]
