"""The page of the JSON stream has an example of every line that the program can print, with the same keys."""

import json
from typing import Any

from journeyman.core.environment import Refusal
from journeyman.core.events import (
    CandidateTried,
    Checked,
    CheckStarted,
    CommandEnded,
    CommandStarted,
    Compacted,
    Escalated,
    FilesChanged,
    Finished,
    Opened,
    PlanStep,
    PlanUpdated,
    Replied,
    RequestRefused,
    Retried,
    Said,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Change, Check, CheckRun, Citation, Result, TestResult
from journeyman.core.items import AssistantMessage, Reasoning, UserMessage
from journeyman.core.model import Reply
from journeyman.core.stream import ThreadStream, lines_of
from tests.docs.pages import DOCS, blocks, codes, rows, section

PAGE = DOCS / "reference" / "json-stream.md"
CHECK = Check(command="make test", source="flag")
RUN = CheckRun(
    check=CHECK, on="base", tree="t", exit_code=0, seconds=1.0, chunk="c", tests=(TestResult(id="a", outcome="passed"),)
)
CITATION = Citation(text="【F:a†L1】", kind="file", target="a", start=1, end=1, supported=True)
RESULT = Result(
    verdict="verified",
    summary="Done.",
    diff="d",
    tree="t",
    changes=(Change(path="a", kind="update"),),
    base_checks=(RUN,),
    result_checks=(RUN.model_copy(update={"on": "result"}),),
    citations=(CITATION,),
)


def plan(status: str) -> ToolReturned:
    step = PlanStep.model_validate({"step": "Look", "status": status})
    return ToolReturned(call_id="p", name="update_plan", content="", detail=PlanUpdated(plan=(step,)))


REFUSAL = Refusal(host="a.example", port=443, method="CONNECT", reason="It is not on the list.", remedy="a.example")
EVENTS = [
    Opened(backend="bubblewrap", workspace="/w", environment="shop (a file), no network", build="b"),
    RequestRefused(refusal=REFUSAL),
    Said(item=UserMessage(text="Leave it."), why="steer", message=1),
    Replied(reply=Reply(items=(Reasoning(text="Hm."), AssistantMessage(text="Done."))), seconds=1.0),
    Escalated(stage=1, model="m", why="2 tests still fail.", result=RESULT),
    Compacted(items=(), summary="So far …", before=9, after=3),
    ToolStarted(call_id="c", name="shell", command=CommandStarted(command="ls")),
    ToolReturned(
        call_id="c",
        name="shell",
        content="",
        detail=CommandEnded(command="ls", exit_code=0, chunk="c", seconds=0.1, output=""),
    ),
    ToolReturned(call_id="f", name="apply_patch", content="", detail=FilesChanged(changes=RESULT.changes)),
    plan("pending"),
    plan("completed"),
    Retried(message="overloaded", wait=1.0),
    CheckStarted(check=CHECK, on="base"),
    Checked(run=RUN),
    CandidateTried(source="model", diff="", outcome="passed"),
    Finished(result=RESULT),
]

Shape = tuple[Any, ...]


def shape(value: Any) -> Any:
    """The keys of a value, all the way down; of a list those of its first member."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None


def kind(line: dict[str, Any]) -> tuple[str, str]:
    return line["type"], line.get("item", {}).get("type", "")


def test_every_line_has_an_example_with_the_same_keys() -> None:
    shown = [json.loads(block.text) for block in blocks(PAGE, "json")]
    examples = {kind(line): shape(line) for line in shown if "attempt" not in line.get("item", {})}
    failed = ThreadStream("t").end(None, None, "It failed.")
    printed = {kind(line): shape(line) for line in [*lines_of("t", list(EVENTS)), *failed]}
    completed = ("turn.completed", "")
    for line in (examples, printed):  # names of tests are plain texts, and there may be none
        line[completed]["result"]["comparison"] = sorted(line[completed]["result"]["comparison"])
    assert examples == printed


def test_every_field_of_the_result_is_explained() -> None:
    said = {code for row in rows(section(PAGE, "The result")) for code in codes(row[0])}
    printed = lines_of("t", list(EVENTS))[-1]["result"]
    assert said == set(printed)


def test_every_type_of_item_has_a_heading() -> None:
    items = {line["item"]["type"] for line in lines_of("t", list(EVENTS)) if "item" in line}
    said = {line.removeprefix("### ") for line in section(PAGE, "Items").splitlines() if line.startswith("### ")}
    assert said == items
