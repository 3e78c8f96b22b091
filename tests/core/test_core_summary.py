"""A task in one line of a list reads like what happens."""

from journeyman.core.events import (
    CandidateTried,
    CheckStarted,
    CommandStarted,
    Event,
    Finished,
    Opened,
    Progressed,
    Replied,
    Resumed,
    Retried,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.evidence import Change, Check, Comparison, Result
from journeyman.core.items import UserMessage
from journeyman.core.model import Reply, call, say
from journeyman.core.summary import fold, outcome, summarise
from journeyman.core.task import Summary
from journeyman.core.usage import Usage

TOKENS = Usage(input_tokens=10, output_tokens=2, cost=0.5)


def replied(reply: Reply) -> Replied:
    return Replied(reply=reply.model_copy(update={"usage": TOKENS}), seconds=1.0)


def lines(*events: Event) -> list[str]:
    summary = Summary()
    told: list[str] = []
    for event in events:
        summary = fold(summary, event)
        told.append(summary.line)
    return told


def test_the_line_says_what_is_being_done() -> None:
    command = CommandStarted(command="pytest -q\n# and more")
    assert lines(
        Opened(backend="bubblewrap", workspace="/w"),
        replied(call("exec_command", "c1", cmd="pytest -q")),
        ToolStarted(call_id="c1", name="exec_command", summary="pytest -q", command=command),
        ToolReturned(call_id="c1", name="exec_command", content="ok"),
        ToolStarted(call_id="c2", name="read", summary="read src/x.py", reads_only=True),
        ToolStarted(call_id="c3", name="search", summary="search def f", reads_only=True),
        ToolStarted(call_id="c4", name="apply_patch", summary="edit files"),
        ToolStarted(call_id="c5", name="browser", summary="open the page"),
        Said(item=UserMessage(text="rather so"), why="steer"),
        Said(item=UserMessage(text="rules"), why="rules"),
        Retried(message="the server is busy", wait=1.0),
        Resumed(holder="h"),
        Progressed(text="Setting up"),
        CandidateTried(source="edit", diff="", outcome="better"),
        replied(say("done")),
        Stopped(reason="finished"),
        CheckStarted(check=Check(command="pytest -q", source="detected"), on="result"),
    ) == [
        "thinking",
        "thinking",
        "running pytest -q",
        "thinking",
        "reading src/x.py",
        "searching for def f",
        "editing files",
        "running open the page",
        "heard you",
        "heard you",
        "waiting for the model: the server is busy",
        "going on",
        "Setting up",
        "trying a change",
        "finishing",
        "finished",
        "checking the result: pytest -q",
    ]


def test_a_finished_attempt_is_summed_up() -> None:
    result = Result(
        verdict="verified",
        summary="Done.",
        changes=(Change(path="a.py", kind="update", added=3, removed=1), Change(path="b.py", kind="add", added=2)),
        comparison=Comparison(fixed=("t1", "t2", "t3"), still_failing=("t4",)),
        warnings=("Look here.",),
        usage=TOKENS,
    )
    events: list[Event] = [
        replied(call("exec_command", "c1", cmd="ls")),
        ToolStarted(call_id="c1", name="exec_command", command=CommandStarted(command="ls")),
        ToolStarted(call_id="c1", name="exec_command", command=CommandStarted(command="ls"), again=True),
        ToolReturned(call_id="c1", name="exec_command", content="ok"),
        Stopped(reason="steps"),
        Finished(result=result),
    ]
    assert summarise(events) == Summary(
        line="verified: 3 tests fixed",
        steps=1,
        commands=1,
        usage=TOKENS,
        files=2,
        added=5,
        removed=1,
        fixed=3,
        still_failing=1,
        warnings=1,
        stop="steps",
    )


def test_usage_is_counted_as_it_comes_and_a_stop_is_forgotten_when_the_work_goes_on() -> None:
    events: list[Event] = [replied(say("a")), Stopped(reason="interrupted"), replied(say("b"))]
    assert summarise(events[:2]).stop == "interrupted"
    assert summarise(events) == Summary(line="finishing", steps=2, usage=TOKENS + TOKENS)


def test_the_outcome_in_words() -> None:
    assert outcome("failing", 1, 2, 1) == "failing: 1 test fixed, 2 tests broken"
    assert outcome("unverified", 0, 0, 1) == "unverified: 1 file changed"
    assert outcome("answered", 0, 0, 0) == "answered"
