"""State is a fold: these read like transcripts."""

from journeyman.core import folds
from journeyman.core.events import (
    CommandEnded,
    CommandStarted,
    Event,
    PlanStep,
    PlanUpdated,
    Prepared,
    Replied,
    Resumed,
    Said,
    Stopped,
    ToolReturned,
    ToolStarted,
)
from journeyman.core.items import AssistantMessage, DeveloperMessage, ToolCall, ToolResult, UserMessage
from journeyman.core.model import Reply, call, say
from journeyman.core.usage import Usage

FIRST = Prepared(instructions="be good", tools=(), items=(UserMessage(text="fix it"),))


def replied(reply: Reply) -> Replied:
    return Replied(reply=reply, seconds=1.0)


def returned(call_id: str, content: str = "ok", **more: object) -> ToolReturned:
    return ToolReturned.model_validate({"call_id": call_id, "name": "shell", "content": content, **more})


def test_a_conversation_grows_only_at_its_end() -> None:
    events: list[Event] = [
        FIRST,
        replied(call("shell", "c1", command="ls")),
        ToolStarted(call_id="c1", name="shell"),
        returned("c1", "a.py"),
        Said(item=DeveloperMessage(text="go on"), why="steer"),
        replied(say("done")),
        Stopped(reason="finished"),
    ]
    assert folds.conversation(events) == [
        UserMessage(text="fix it"),
        ToolCall(call_id="c1", name="shell", arguments='{"command": "ls"}'),
        ToolResult(call_id="c1", content="a.py"),
        DeveloperMessage(text="go on"),
        AssistantMessage(text="done"),
    ]
    for count in range(len(events)):
        shorter = folds.conversation(events[:count])
        assert folds.conversation(events)[: len(shorter)] == shorter


def test_calls_without_an_outcome_are_pending_and_those_that_began_were_interrupted() -> None:
    two = Reply(items=(*call("shell", "c1", command="a").items, *call("shell", "c2", command="b").items))
    events: list[Event] = [FIRST, replied(two), ToolStarted(call_id="c1", name="shell")]
    assert [one.call_id for one in folds.pending(events)] == ["c1", "c2"]
    assert [one.call_id for one in folds.interrupted(events)] == ["c1"]
    events += [returned("c1"), ToolStarted(call_id="c2", name="shell"), returned("c2")]
    assert folds.pending(events) == []
    assert folds.interrupted(events) == []


def test_usage_adds_up_and_an_unknown_price_makes_the_sum_unknown() -> None:
    priced = Reply(items=(), usage=Usage(input_tokens=10, cached_input_tokens=4, output_tokens=2, cost=0.5))
    assert folds.usage([replied(priced), replied(priced)]) == Usage(
        input_tokens=20, cached_input_tokens=8, output_tokens=4, cost=1.0
    )
    unpriced = Reply(items=(), usage=Usage(input_tokens=1, cost=None))
    assert folds.usage([replied(priced), replied(unpriced)]).cost is None


def test_the_plan_is_the_last_one_given() -> None:
    first = PlanUpdated(plan=(PlanStep(step="look", status="in_progress"),))
    second = PlanUpdated(plan=(PlanStep(step="look", status="completed"),))
    assert folds.plan([returned("c1", detail=first), returned("c2", detail=second)]) == second.plan
    assert folds.plan([FIRST]) == ()


def test_the_last_checkpoint_stands_until_a_call_could_not_be_kept() -> None:
    events: list[Event] = [returned("c1", checkpoint="m1"), returned("c2")]
    assert folds.checkpoint(events) == ("m1", True)
    assert folds.checkpoint([*events, returned("c3", checkpointed=False)]) == ("m1", False)
    assert folds.checkpoint([]) == (None, True)


def test_a_stop_counts_until_work_goes_on() -> None:
    stop = Stopped(reason="steps", message="Stopped after 5 steps, the limit.")
    assert folds.stopped([FIRST, stop]) == stop
    assert folds.stopped([FIRST, stop, replied(say("more"))]) is None


def test_the_last_text_is_of_the_last_reply_that_said_something() -> None:
    ended = CommandEnded(command="ls", exit_code=0, chunk="abc123", seconds=0.1, output="")
    events: list[Event] = [
        replied(say("I looked.")),
        replied(call("shell", "c1", command="ls")),
        ToolStarted(call_id="c1", name="shell", command=CommandStarted(command="ls")),
        returned("c1", detail=ended),
    ]
    assert folds.last_text(events) == "I looked."
    assert folds.steps(events) == 2


def test_the_time_away_does_not_count() -> None:
    events: list[Event] = [
        FIRST.model_copy(update={"at": 100.0}),
        replied(say("a")).model_copy(update={"at": 110.0}),
        Resumed(holder="other", at=5000.0),
        replied(say("b")).model_copy(update={"at": 5005.0}),
    ]
    assert folds.seconds(events, 5010.0) == 20.0
    assert folds.seconds([], 5.0) == 0.0


def test_an_answer_without_a_call_is_the_end_unless_it_was_cut() -> None:
    assert folds.answered([FIRST, replied(say("done"))])
    assert not folds.answered([FIRST, replied(say("do").model_copy(update={"stop": "length"}))])
    assert not folds.answered([FIRST, replied(say("done")), Said(item=DeveloperMessage(text="more"), why="steer")])
    assert not folds.answered([FIRST])
