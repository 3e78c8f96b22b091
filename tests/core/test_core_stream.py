"""The public stream has the vocabulary of `codex exec --json`."""

from journeyman.core.events import (
    CheckStarted,
    CommandEnded,
    CommandStarted,
    Event,
    FilesChanged,
    Finished,
    PlanStep,
    PlanUpdated,
    Prepared,
    Replied,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Change, Check, Result
from journeyman.core.items import UserMessage
from journeyman.core.model import call, say
from journeyman.core.stream import lines_of
from journeyman.core.usage import Usage

ENDED = CommandEnded(command="pytest -q", exit_code=1, chunk="9c41d2", seconds=0.5, output="1 failed\n")


def transcript() -> list[Event]:
    plan = PlanUpdated(plan=(PlanStep(step="look", status="completed"),))
    changed = FilesChanged(changes=(Change(path="a.py", kind="update", added=1, removed=1),))
    return [
        Prepared(instructions="", tools=(), items=(UserMessage(text="fix"),)),
        Replied(reply=call("shell", "c1", command="pytest -q"), seconds=1),
        ToolStarted(call_id="c1", name="shell", command=CommandStarted(command="pytest -q")),
        ToolReturned(call_id="c1", name="shell", content="…", is_error=True, detail=ENDED),
        ToolReturned(call_id="c2", name="update_plan", content="", detail=plan),
        ToolReturned(call_id="c3", name="apply_patch", content="", detail=changed),
        Replied(reply=say("Done."), seconds=1),
        Stopped(reason="finished"),
        Finished(result=Result(verdict="unverified", summary="Done.", usage=Usage(input_tokens=5, output_tokens=2))),
    ]


def test_the_stream_of_a_whole_attempt() -> None:
    lines = lines_of("t1", transcript())
    usage = {
        "input_tokens": 5,
        "cached_input_tokens": 0,
        "cache_write_input_tokens": 0,
        "output_tokens": 2,
        "reasoning_output_tokens": 0,
    }
    command = {"id": "item_0", "type": "command_execution", "command": "pytest -q"}
    todo = {"id": "item_1", "type": "todo_list", "items": [{"text": "look", "completed": True}]}
    ran = {"aggregated_output": "1 failed\n", "exit_code": 1, "status": "failed", "chunk": "9c41d2"}
    begun = {"aggregated_output": "", "exit_code": None, "status": "in_progress"}
    file_change = {"changes": [{"path": "a.py", "kind": "update"}], "status": "completed"}
    last = lines.pop()
    assert lines == [
        {"type": "thread.started", "thread_id": "t1"},
        {"type": "turn.started"},
        {"type": "item.started", "item": command | begun},
        {"type": "item.completed", "item": command | ran},
        {"type": "item.started", "item": todo},
        {"type": "item.completed", "item": {"id": "item_2", "type": "file_change", **file_change}},
        {"type": "item.completed", "item": {"id": "item_3", "type": "agent_message", "text": "Done."}},
        {"type": "item.completed", "item": todo},
    ]
    assert (last["type"], last["usage"], last["result"]["verdict"]) == ("turn.completed", usage, "unverified")


def test_an_attempt_that_did_not_finish_ends_with_turn_failed() -> None:
    check = Check(command="make test", source="flag")
    lines = lines_of("t1", [*transcript()[:3], CheckStarted(check=check, on="base")])
    assert lines[-1] == {"type": "turn.failed", "error": {"message": "the attempt did not finish"}}
    items = [(line["type"], line["item"]["id"], line["item"]["status"]) for line in lines if "item" in line]
    assert items == [
        ("item.started", "item_0", "in_progress"),
        ("item.started", "item_1", "in_progress"),
        ("item.completed", "item_0", "failed"),
        ("item.completed", "item_1", "failed"),
    ]


def test_a_command_that_was_announced_and_failed_before_it_ran_is_completed() -> None:
    events = [
        *transcript()[:3],
        ToolReturned(call_id="c1", name="shell", content="Interrupted", is_error=True),
    ]
    items = [line["item"] for line in lines_of("t1", events) if "item" in line]
    assert [(item["id"], item["status"]) for item in items] == [("item_0", "in_progress"), ("item_0", "failed")]
