"""What a person says to a task of a terminal: steer, stop, follow-up, review."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from journeyman.core.events import Heard, Said, ToolStarted
from journeyman.core.model import Reply, call, say
from journeyman.core.task import Turn
from journeyman.models.script_server import ScriptServer
from journeyman.store import Store, open_store
from tests.conftest import MakeRepository, Program, lay

FILES = {"a.txt": "one\n"}


def body(request: Mapping[str, Any]) -> str:
    return json.dumps(request["input"])


def working(request: Mapping[str, Any]) -> Reply:
    """Goes on until it is told something, or begins another turn."""
    if "Rather so." in body(request):
        return say("As you say.")
    if "And now b" in body(request):
        wrote = "b.txt" in body(request).partition("And now b")[2]
        return say("That too.") if wrote else call("shell", "last", command="echo b > b.txt")
    number = len(request["input"])
    return call("shell", f"c{number}", command=f"echo {number} >> a.txt; sleep 0.1")


def going(request: Mapping[str, Any]) -> Reply:
    """Two files, one after the other."""
    answered = sum(item.get("type") == "function_call_output" for item in request["input"])
    if answered == 2:
        return say("Both.")
    return call("shell", f"c{answered}", command=f"echo made > {'ab'[answered]}.txt; echo junk > {'ab'[answered]}.log")


async def test_a_task_is_forked_and_rewound_at_a_step(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository({"x.txt": "x\n", ".gitignore": "*.log\n"})
    async with ScriptServer([going] * 99) as server:
        program.use(server.base_url)
        assert (await program.run("run", "Do it", "-C", folder)).code == 0
        first = json.loads((await program.run("show", "-C", folder, "--json")).out)["task"]["id"]
        logged = (await program.run("log", "-C", folder)).out
        assert "step 1: model replied" in logged and "step 3: model replied" in logged
        back = await program.run("rewind", first, "--at", "1", "-C", folder)
        assert back.code == 0, back.err
        diff = (await program.run("diff", first, "-C", folder)).out
        assert "b/a.txt" in diff and "b/b.txt" not in diff
        forked = await program.run("fork", first, "--at", "1", "-C", folder, "--json")
        assert forked.code == 0, forked.err
        thread = json.loads(forked.out.splitlines()[0])["thread_id"]
        diff = (await program.run("diff", thread, "-C", folder)).out
        assert "b/a.txt" in diff and "b/b.txt" in diff and thread != first
        missing = await program.run("rewind", first, "--at", "9", "-C", folder)
    assert (missing.code, "there is no step 9" in missing.err) == (2, True)


async def at_work(store: Store) -> str:
    """The id of the newest task, once its first command runs."""
    async with store.tail.watch() as news:
        while not (tasks := await store.tasks(1)):
            await news.wait()
    async with store.tail.follow(tasks[0].id) as follow:
        async for one in follow:
            if isinstance(one.event, ToolStarted):
                break
    return tasks[0].id


async def test_a_terminals_task_is_steered_from_another_one(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    async with ScriptServer([working] * 900) as server, open_store(program.home) as store:
        program.use(server.base_url, more="[limits]\nsteps = 900\n")
        process = await program.start("run", "Do it", "-C", folder)
        task = await at_work(store)
        told = await program.run("steer", "Rather so.", task[:9])
        assert (told.code, "The agent is told" in told.err) == (0, True)
        out, err = await process.communicate()
        assert b"As you say." in out, err.decode()
        events = await store.events((await store.attempts(task))[0].id)
        assert [event.message for event in events if isinstance(event, Said)] == [1]
        assert [(turn.number, turn.status) for turn in await store.turns.all(task)] == [(1, "done")]
        late = await program.run("steer", "Too late.", "-C", folder)
    assert (late.code, "Nobody is at work" in late.err) == (2, True)


async def test_a_terminals_task_is_stopped_and_goes_on_with_a_further_prompt(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(FILES)
    async with ScriptServer([working] * 900) as server, open_store(program.home) as store:
        program.use(server.base_url, more="[limits]\nsteps = 900\n")
        process = await program.start("run", "Do it", "-C", folder, "--json")
        task = await at_work(store)
        early = await program.run("follow-up", "And now b", "-C", folder)
        assert (early.code, "is being worked on" in early.err) == (2, True)
        assert (await program.run("stop", "-C", folder)).code == 0
        out, _ = await process.communicate()
        last = json.loads(out.splitlines()[-1])
        assert (process.returncode, last["type"]) == (1, "turn.failed")
        assert (await store.task(task)).status == "interrupted"
        first = (await store.attempts(task))[0].id
        assert [event.what for event in await store.events(first) if isinstance(event, Heard)] == ["interrupt"]
        went_on = await program.run("follow-up", "And now b", "-C", folder)
        assert (went_on.code, "That too." in went_on.out) == (0, True), went_on.err
        diff = (await program.run("diff", "-C", folder)).out
        turns: list[Turn] = await store.turns.all(task)
    assert "+++ b/a.txt" in diff and "+++ b/b.txt" in diff
    assert [(turn.number, turn.status, turn.request.prompt) for turn in turns] == [
        (1, "interrupted", "Do it"),
        (2, "done", "And now b"),
    ]
    assert (Path(folder) / "a.txt").read_text() == "one\n"


async def test_a_change_is_reviewed(program: Program, make_repository: MakeRepository) -> None:
    place = {"absolute_file_path": "a.txt", "line_range": {"start": 1, "end": 1}}
    finding = {"title": "[P1] Mind the case", "body": "It matters.", "priority": 1, "code_location": place}
    said = {"findings": [finding], "overall_correctness": "patch is incorrect", "overall_explanation": "Hm."}
    folder = make_repository(FILES)
    lay(folder, {"a.txt": "ONE\n"})
    async with ScriptServer([say(json.dumps(said))] * 2) as server:
        program.use(server.base_url)
        done = await program.run("review", "-C", folder, "--json")
        shown = await program.run("review", "-C", folder)
    assert done.code == 0, done.err
    [found] = done.lines[-1]["result"]["review"]["findings"]
    assert (found["title"], found["path"], found["outside"]) == ("Mind the case", "a.txt", False)
    assert "[P1] Mind the case" in shown.out
    asked = server.requests[-1].body.decode()
    assert "-one" in asked and "+ONE" in asked
