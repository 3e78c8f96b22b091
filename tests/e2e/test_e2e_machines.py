"""A task that wanders: machines are told to end, or are killed, and others go on, with one store and nothing else in
common."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from journeyman.core import folds
from journeyman.core.events import Opened, Resumed, Said, ToolReturned, ToolStarted
from journeyman.core.ids import new_id
from journeyman.core.model import Reply, call, say
from journeyman.core.task import Attempt, Task, Turn, TurnRequest
from journeyman.models.script_server import ScriptServer
from journeyman.store import Store, open_store
from tests.conftest import MakeRepository, Program

MACHINE = """
import asyncio, signal, sys
from dataclasses import replace
from pathlib import Path
from journeyman.attempt.host import ModelPlan
from journeyman.attempt.prepare import first_events
from journeyman.attempt.run import run_attempt
from journeyman.cli.commands import open_host
from journeyman.cli.door import model_choice, open_door
from journeyman.core.errors import HandedOver
from journeyman.models.choice import profile_of
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.store import open_store

place, attempt = Path(sys.argv[1]), sys.argv[2]

async def main():
    door, leave = open_door(Path(), {}), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leave.set)

    async def plan(name):
        choice = model_choice(door, name)
        return ModelPlan(choice.name, profile_of(choice))

    async with open_store(door.state) as store, open_host(door, store) as host:
        host = replace(host, state=place, backend=Bubblewrap(place / "sandbox"), leave=leave)

        async def prepare(log):
            now = await store.attempt(attempt)
            await log.append(*(await first_events(host, await store.turns.get(now.task_id, now.turn), plan))[attempt])

        try:
            print((await run_attempt(host, attempt, prepare=prepare)).verdict)
        except HandedOver:
            print("handed over")

asyncio.run(main())
"""
FILES = {"a.txt": "one\n"}
STEPS = 6


def answer(request: Mapping[str, Any]) -> Reply:
    """Each command leaves a mark at its beginning and at its end; a further prompt gets one more."""
    items = request["input"]
    done = sum(item.get("type") == "function_call_output" for item in items)
    if done < STEPS or (done == STEPS and "And once more" in str(items)):
        return call("shell", f"c{done}", command=f"echo begin {done} >> a.txt; sleep 0.4; echo end {done} >> a.txt")
    return say("Done.")


@pytest.fixture
def remote(tmp_path: Path, make_repository: MakeRepository) -> str:
    bare = tmp_path / "shop.git"
    subprocess.run(["git", "clone", "-q", "--bare", make_repository(FILES), bare], check=True)
    return f"file://{bare}"


async def begin(store: Store, repository: str) -> str:
    task_id = new_id()
    request = TurnRequest(prompt="Do it", repository=repository, environment="off")
    task = Task(id=task_id, prompt="Do it", mode="code", repository=repository, model="box", created=1.0)
    first = Attempt(id=f"{task_id}.1.1", task_id=task_id)
    await store.create(task, [first], turn=Turn(task_id=task_id, request=request, created=1.0))
    return task_id


async def machine(program: Program, place: Path, attempt: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MACHINE, place, attempt),
        env=program.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


async def started(store: Store, task: str, call_id: str) -> None:
    """Wait until this call is under way."""
    async with store.tail.follow(task) as follow:
        async for one in follow:
            if isinstance(one.event, ToolStarted) and one.event.call_id == call_id:
                return


async def said_at_its_end(process: asyncio.subprocess.Process) -> str:
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().strip()


async def test_a_task_goes_on_from_machine_to_machine(program: Program, remote: str, tmp_path: Path) -> None:
    """One is told to end in a command, which it finishes; one is killed in a command, which is run anew; a third comes
    to the end; and the first one works the follow-up, though its own folder is out of date."""
    one, two, three = (tmp_path / f"machine{number}" for number in (1, 2, 3))
    async with ScriptServer([answer] * 40) as server, open_store(program.home) as store:
        program.use(server.base_url)
        task = await begin(store, remote)
        attempt = f"{task}.1.1"
        first = await machine(program, one, attempt)
        await started(store, task, "c1")
        first.terminate()
        assert await said_at_its_end(first) == "handed over"
        left = await store.events(attempt)
        assert isinstance(left[-1], ToolReturned) and left[-1].call_id == "c1" and not left[-1].is_error
        assert (await store.attempt(attempt)).status == "queued"
        second = await machine(program, two, attempt)
        await started(store, task, "c3")
        second.send_signal(signal.SIGKILL)
        await second.communicate()
        assert await said_at_its_end(await machine(program, three, attempt)) == "unverified"
        turn = await store.turns.add(Turn(task_id=task, request=TurnRequest(prompt="And once more", repository=remote)))
        further = f"{task}.{turn.number}.1"
        assert await said_at_its_end(await machine(program, one, further)) == "unverified"
        events, later = await store.events(attempt), await store.events(further)
        diff = await store.blob((await result(store, further)).diff or "")
    assert sum(isinstance(event, Resumed) for event in events) == 2
    assert sum(isinstance(event, Opened) for event in events) == 3
    assert [event.call_id for event in later if isinstance(event, ToolStarted)] == [f"c{STEPS}"]
    marks = [f"+{word} {number}" for number in range(STEPS + 1) for word in ("begin", "end")]
    assert [line for line in diff.decode().splitlines() if line.startswith("+") and not line.startswith("+++")] == marks
    told = [event.item.text for event in events if isinstance(event, Said)]
    assert len(told) == 2 and all("interrupted" in text for text in told)


async def result(store: Store, attempt: str) -> Any:
    return folds.result(await store.events(attempt))
