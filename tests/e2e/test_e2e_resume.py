"""Nothing is lost: kill the process anywhere, go on, and the result is that of an uninterrupted run."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import sys
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from journeyman.core import folds
from journeyman.core.events import Resumed, Said, ToolStarted
from journeyman.core.model import Reply, call, say
from journeyman.core.task import Message
from journeyman.models.script_server import ScriptServer
from journeyman.store import Store, open_store
from tests.conftest import Finished, MakeRepository, Program

FILES = {"a.txt": "one\ntwo\n", "b.txt": "bee\n", ".gitignore": "cache/\n"}
PATCH = """*** Begin Patch
*** Update File: a.txt
@@
-one
+ONE
*** Add File: new/c.txt
+sea
*** Delete File: b.txt
*** End Patch"""
SLOW = "echo {0} >> count.txt; mkdir -p cache; echo {0} >> cache/all; sleep 0.25; echo {0} end >> count.txt"


def script() -> list[Reply]:
    """Every command has a side effect that would show if it ran twice or not at all."""
    return [
        call("shell", "c1", command=SLOW.format(1)),
        call("apply_patch", "c2", patch=PATCH),
        call("shell", "c3", command=SLOW.format(3) + "; ln -s a.txt link; chmod +x a.txt"),
        call("shell", "c4", command="rm -r new; mkdir new; echo other > new/d.txt; cat cache/all >> count.txt"),
        call("read", "c5", path="count.txt"),
        call("shell", "c6", command=SLOW.format(6)),
        say("Done."),
    ]


async def killed_after(program: Program, folder: Path, lines: int) -> list[dict[str, object]]:
    """Start a run and kill it with SIGKILL as soon as it has printed so many lines."""
    process = await program.start("run", "Do it", "-C", folder, "--json", "--check", "grep -q '6 end' count.txt")
    assert process.stdout is not None
    seen: list[dict[str, object]] = []
    while len(seen) < lines and (line := await process.stdout.readline()):
        seen.append(json.loads(line))
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.communicate()
    return seen


async def diff(program: Program, folder: Path) -> str:
    return (await program.run("diff", "-C", folder)).out


@pytest.fixture
async def uninterrupted(program: Program, make_repository: MakeRepository) -> tuple[Path, str, int]:
    folder = make_repository(FILES)
    async with ScriptServer(script()) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Do it", "-C", folder, "--json", "--check", "grep -q '6 end' count.txt")
    assert ran.code == 0, ran.err
    return folder, await diff(program, folder), len(ran.lines)


@pytest.mark.timeout(400)
async def test_killed_anywhere_the_final_tree_is_that_of_an_uninterrupted_run(
    program: Program, uninterrupted: tuple[Path, str, int]
) -> None:
    folder, expected, total = uninterrupted
    assert "+6 end" in expected and "new/d.txt" in expected
    points = sorted({2 + (total - 3) * point // 6 for point in range(7)})
    assert len(points) == 7
    for point in points:
        async with ScriptServer(script()) as server:
            program.use(server.base_url)
            await killed_after(program, folder, point)
            went_on = await program.run("resume", "-C", folder, "--json")
        assert went_on.code == 0, (point, went_on.err)
        async with open_store(program.home) as store:  # far quicker than the program, each time
            (task,) = await store.tasks(1)
            log = await store.events((await store.attempts(task.id))[0].id)
            result = folds.result(log)
            assert result is not None and result.diff is not None, point
            assert (await store.blob(result.diff)).decode() == expected, point
        assert went_on.lines[0]["thread_id"] == task.id
        calls = [event for event in log if isinstance(event, ToolStarted)]
        started = [call.call_id for call in calls if call.name == "shell"]
        again = [call.call_id for call in calls if call.again]
        assert sorted(started) == sorted(["c1", "c3", "c4", "c6", *(one for one in again if one != "c2")]), point


async def test_killed_with_a_session_open_the_session_is_gone_and_the_model_knows(
    program: Program, make_repository: MakeRepository
) -> None:
    folder, mark = make_repository(FILES), f"86399.{os.getpid()}"
    wait = (
        "for n in $(seq 20); do [ -e /tmp/here ] && break; sleep 0.1; done; while [ -e /tmp/here ]; do sleep 0.1; done"
    )
    script = [
        call("exec_command", "c1", cmd=f"touch /tmp/here; sleep {mark}", yield_time_ms=250),
        call("exec_command", "c2", cmd=f"{wait}; echo second", yield_time_ms=30_000),
        call("write_stdin", "c3", session_id=1, chars=""),
        call("exec_command", "c4", cmd="cat /proc/[0-9]*/cmdline | tr -c '0-9.' '\\n' | sort -u"),
        say("Done."),
    ]
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        process = await program.start("run", "Do it", "-C", folder, "--json")
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if b'"item.started"' in line and b"echo second" in line:
                break
        running = processes(mark)
        assert running
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        for one in running:
            await ended(one)
        assert processes(mark) == []
        went_on = await program.run("resume", "-C", folder, "--json")
    assert went_on.code == 0, went_on.err
    log = (await program.run("log", "-C", folder, "--raw")).lines
    said = {event["call_id"]: event["content"] for event in log if event["kind"] == "tool_returned"}
    assert "Process running with session ID 1" in said["c1"]
    assert "second" in said["c2"]
    assert [event["call_id"] for event in log if event["kind"] == "tool_started" and event["again"]] == ["c2"]
    assert "There is no session 1" in said["c3"] and "went when the work was interrupted" in said["c3"]
    assert "Process exited with code 0" in said["c4"] and mark not in said["c4"]
    told = [event["item"]["text"] for event in log if event.get("why") == "interrupted"]
    assert len(told) == 1 and "sessions are gone" in told[0]


def processes(mark: str) -> list[int]:
    """Descriptors of all processes with this in their command line."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark.encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(os.pidfd_open(int(path.parent.name)))
    return found


async def ended(process: int) -> None:
    """Wait for the end of a process by its descriptor, which is closed."""
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process, gone.set)
    try:
        await asyncio.wait_for(gone.wait(), 100)
    finally:
        loop.remove_reader(process)
        os.close(process)


async def interrupted(program: Program, folder: Path, by: signal.Signals) -> Finished:
    process = await program.start("run", "Do it", "-C", folder, "--json")
    assert process.stdout is not None
    while line := await process.stdout.readline():
        if b'"item.started"' in line and b"echo 3" in line:
            break
    process.send_signal(by)
    out, err = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_stops_cleanly_and_resume_goes_on(
    program: Program, make_repository: MakeRepository, by: signal.Signals
) -> None:
    folder = make_repository(FILES)
    async with ScriptServer(script()) as server:
        program.use(server.base_url)
        stopped = await interrupted(program, folder, by)
        assert stopped.code == 130
        assert re.search(r"Everything is kept; `journeyman resume \w{14}` goes on\.", stopped.err)
        assert "Traceback" not in stopped.err
        items = [(line["type"], line["item"]["id"]) for line in stopped.lines if "item" in line]
        assert {one for type_, one in items if type_ == "item.started"} <= {
            one for type_, one in items if type_ == "item.completed"
        }
        assert stopped.lines[-1]["type"] == "turn.failed"
        listed = await program.run("list", "--json")
        assert [task["status"] for task in listed.lines] == ["interrupted"]
        went_on = await program.run("resume", "-C", folder)
    assert went_on.code == 0, went_on.err
    assert "+6 end" in await diff(program, folder)


async def test_a_terminal_that_is_closed_stops_it_cleanly(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    async with ScriptServer(script()) as server:
        program.use(server.base_url)
        terminal, inner = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "journeyman.cli.main", "run", "Do it", "-C", folder),
            env=program.environ,
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(inner)
        seen = b""
        while b"echo 3" not in seen:
            seen += await asyncio.to_thread(os.read, terminal, 4096)
        os.close(terminal)
        assert await asyncio.wait_for(process.wait(), 100) == 130
        listed = await program.run("list", "--json")
        assert [task["status"] for task in listed.lines] == ["interrupted"]
        went_on = await program.run("resume", "-C", folder)
    assert went_on.code == 0, went_on.err
    assert "+6 end" in await diff(program, folder)


async def test_a_finished_task_is_not_worked_again(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    async with ScriptServer([say("Nothing to do.")]) as server:
        program.use(server.base_url)
        await program.run("run", "Do it", "-C", folder)
        again = await program.run("resume", "-C", folder)
        assert len(server.requests) == 1
    assert "finished" in again.err and again.code == 0


@pytest.mark.timeout(300)
async def test_what_a_person_says_is_told_once_also_over_kills(
    program: Program, make_repository: MakeRepository
) -> None:
    """The process is killed as soon as the message is in its log, and once more at its next step."""
    folder = make_repository(FILES)

    def answer(request: Mapping[str, Any]) -> Reply:
        told = "Rather so." in json.dumps(request)
        if told and len(request["input"]) > 16:
            return say("As you say.")
        return call("shell", f"c{len(request['input'])}", command=SLOW.format(len(request["input"])))

    async with ScriptServer([answer] * 200) as server, open_store(program.home) as store:
        program.use(server.base_url)
        process = await program.start("run", "Do it", "-C", folder)
        async with store.tail.watch() as news:
            while not (tasks := await store.tasks(1)):
                await news.wait()
        await store.messages.add(Message(task_id=tasks[0].id, kind="steer", text="Rather so."))
        for _ in range(2):
            await said(store, tasks[0].id)
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            process = await program.start("resume", "-C", folder)
        out, err = await process.communicate()
        assert (process.returncode, b"As you say." in out) == (0, True), err.decode()
        events = await store.events((await store.attempts(tasks[0].id))[0].id)
    assert [event.message for event in events if isinstance(event, Said) and event.why == "steer"] == [1]
    last = [one for one in server.requests if one.method == "POST"][-1]
    assert last.body.count(b"Rather so.") == 1
    assert sum(isinstance(event, Resumed) for event in events) == 2


async def said(store: Store, task: str) -> None:
    """Wait until the log holds what a person said, and one event more than at the call."""
    async with store.tail.follow(task) as follow:
        seen: list[Any] = []
        there = (await store.task(task)).seq
        while not any(isinstance(event, Said) and event.why == "steer" for event in seen) or len(seen) <= there:
            seen += [one.event for one in await follow.next()]
