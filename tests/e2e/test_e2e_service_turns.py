"""What people say to the service's tasks, with everything real but the hosted model: said once over a kill of the
service, stopped at once, gone on with."""

import json
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from journeyman.core import folds
from journeyman.core.events import CommandEnded, Continued, Event, Heard, Said, ToolReturned, ToolStarted
from journeyman.core.model import Reply, call, say
from journeyman.core.usage import Usage
from journeyman.models.script_server import ScriptServer
from journeyman.store import Store, open_store
from tests.conftest import MakeRepository, Program
from tests.e2e.service import serving, start

FILES = {"a.txt": "one\n"}


def working(request: Mapping[str, Any]) -> Reply:
    """Writes on until it is told something, or is in a further turn."""
    told = json.dumps(request["input"])
    if "And now b" in told:
        wrote = "> b.txt" in told.partition("And now b")[2]
        return say("That too.") if wrote else call("shell", "last", command="cat a.txt; echo b > b.txt")
    if "Rather so." in told and "stay" not in told:
        return say("As you say.")
    number = len(request["input"])
    return call("shell", f"c{number}", command=f"echo {number} >> a.txt; sleep 0.2")


async def when(store: Store, task: str, kind: type[Event]) -> None:
    """Wait for an event of this kind."""
    async with store.tail.follow(task) as follow:
        async for one in follow:
            if isinstance(one.event, kind):
                return


async def ended(store: Store, task: str, turn: int) -> str:
    """Wait for the end of a turn; its status."""
    async with store.tail.watch(task) as news:
        while (status := (await store.turns.get(task, turn)).status) in ("queued", "running"):
            await news.wait(1.0)
    return status


async def submitted(program: Program, folder: Path, store: Store, prompt: str) -> str:
    done = await program.run("tasks", "submit", prompt, cwd=folder)
    assert done.code == 0, done.err
    return (await store.tasks(1))[0].id


@pytest.mark.timeout(400)
async def test_what_is_said_is_told_once_over_a_kill_of_the_service(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(FILES)
    async with ScriptServer([working] * 3000) as model, open_store(program.home) as store:
        program.use(model.base_url, more="[limits]\nsteps = 3000\n")
        service = await start(program, "--no-auth")
        task = await submitted(program, folder, store, "stay busy")
        await when(store, task, ToolStarted)
        told = await program.run("tasks", "steer", task, "Rather so.")
        assert told.code == 0, told.err
        await when(store, task, Said)
        service.process.send_signal(signal.SIGKILL)
        await service.process.communicate()
        attempt = f"{task}.1.1"
        before = await store.events(attempt)
        async with serving(program, "--no-auth"):
            async with store.tail.follow(task, after=len(before)) as follow:
                seen: list[Event] = []
                while sum(isinstance(event, ToolStarted) for event in seen) < 3:
                    seen += [one.event for one in await follow.next()]
            stopped = await program.run("tasks", "interrupt", task)
            assert stopped.code == 0, stopped.err
            assert await ended(store, task, 1) == "interrupted"
            events = await store.events(attempt)
            assert events[: len(before)] == before
            assert [event.message for event in events if isinstance(event, Said) and event.why == "steer"] == [1]
            assert [event.what for event in events if isinstance(event, Heard)] == ["interrupt"]
            first = await store.turns.get(task, 1)
            assert first.chosen == attempt
            went_on = await program.run("tasks", "follow-up", task, "And now b")
            assert went_on.code == 0, went_on.err
            assert await ended(store, task, 2) == "done"
        later = await store.events(f"{task}.2.1")
        result = folds.result(later)
        assert result is not None and {change.path for change in result.changes} == {"a.txt", "b.txt"}
        [continued] = [event for event in later if isinstance(event, Continued)]
        assert continued.attempt == attempt
        last = [one.body for one in model.requests if one.method == "POST"][-1]
        assert last.count(b"Rather so.") == 1


async def test_a_budget_that_is_spent_waits_for_approval(program: Program, make_repository: MakeRepository) -> None:
    """With two attempts, which share it."""
    usage = Usage(input_tokens=400, output_tokens=100)
    script = [
        call("shell", f"c{number}", command=f"echo {number} >> a.txt").model_copy(update={"usage": usage})
        for number in range(4)
    ]
    folder = make_repository(FILES)
    async with ScriptServer([*script, say("Done.")]) as model, open_store(program.home) as store:
        program.use(model.base_url)
        async with serving(program, "--no-auth"):
            done = await program.run("tasks", "submit", "Write", "--tokens", "2600", "--attempts", "2", cwd=folder)
            assert done.code == 0, done.err
            task = (await store.tasks(1))[0].id
            assert await ended(store, task, 1) == "interrupted"
            stopped = await store.task(task)
            assert "budget of 2,600 tokens is used up" in stopped.reason
            used = sum(one.summary.usage.total_tokens for one in await store.attempts(task))
            assert 1000 < used <= 2600
            approved = await program.run("tasks", "approve", task, "--tokens", "100000")
            assert approved.code == 0, approved.err
            assert await ended(store, task, 1) == "done"
        for attempt in await store.attempts(task):
            events = await store.events(attempt.id)
            assert [event.call_id for event in events if isinstance(event, ToolStarted)] == ["c0", "c1", "c2", "c3"]


def by_step(request: Mapping[str, Any]) -> Reply:
    """Writes a file that git sees and one that it ignores, then both anew, and says that it is done; what is asked from
    there on, it looks."""
    said = json.dumps(request["input"])
    calls = said.count('"type": "function_call_output"')
    if "Look around" in said:
        looked = "cat a.txt" in said.partition("Look around")[2]
        return say("Looked.") if looked else call("shell", "look", command="cat a.txt x.log")
    wrote = ["echo first > a.txt; echo junk > x.log", "echo second > a.txt; rm x.log"]
    return call("shell", f"c{calls}", command=wrote[calls]) if calls < 2 else say("Done.")


def looked(events: Sequence[Event]) -> list[str]:
    """What the commands saw, a line each."""
    found = [
        one.detail.output for one in events if isinstance(one, ToolReturned) and isinstance(one.detail, CommandEnded)
    ]
    return found[-1].split() if found else []


@pytest.mark.timeout(400)
async def test_a_server_task_is_forked_and_rewound_to_a_step_with_its_ignored_files(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(FILES | {".gitignore": "*.log\n"})
    async with ScriptServer([by_step] * 40) as model, open_store(program.home) as store:
        program.use(model.base_url)
        async with serving(program, "--no-auth"):
            task = await submitted(program, folder, store, "Write")
            assert await ended(store, task, 1) == "done"
            forked = await program.run("tasks", "fork", task, "Look around", "--at", "1", "--watch", "--json")
            assert forked.code in (0, 1), forked.err
            fork = (await store.tasks(1))[0]
            assert fork.parent == task and fork.id != task
            assert looked(await store.events(f"{fork.id}.1.1")) == ["first", "junk"]
            back = await program.run("tasks", "rewind", task, "--at", "1")
            assert back.code == 0 and f"/tasks/{task}" in back.out, back.err
            assert await ended(store, task, 2) == "done"
            diff = await program.run("tasks", "diff", task)
            assert "+first" in diff.out and "second" not in diff.out, diff.out
            went_on = await program.run("tasks", "rewind", task, "Look around", "--at", "1", "--attempt", "1.1")
            assert went_on.code == 0 and await ended(store, task, 3) == "done", went_on.err
            assert looked(await store.events(f"{task}.3.1")) == ["first", "junk"]
            missing = await program.run("tasks", "rewind", task)
            assert missing.code == 2 and "Say which step to go back to: --at N" in missing.err
            far = await program.run("tasks", "fork", task, "--at", "99", "--attempt", "1.1")
            assert far.code == 2 and "there is no step 99" in far.err
