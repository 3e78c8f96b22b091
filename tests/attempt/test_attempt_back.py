"""Fork and rewind: the conversation and all files of a step, in a new task or in a further turn."""

import pytest

from journeyman.attempt.prepare import first_events
from journeyman.core.errors import UsageError
from journeyman.core.events import Checked, Replied
from journeyman.core.ids import new_id
from journeyman.core.items import AssistantMessage, ToolCall, UserMessage
from journeyman.core.model import ModelRequest, Reply, call, say
from journeyman.core.task import Attempt, Task, Turn, TurnRequest
from journeyman.models.script import Entry
from tests.attempt.conftest import Bench, MakeBench
from tests.attempt.test_attempt_turns import answers, hand_in, plan, text_of, work
from tests.conftest import MakeRepository

FILES = {"a.txt": "one\n", ".gitignore": "build/\n*.db\n", "sub/deep.txt": "deep\n"}
SHELL_EFFECTS = "mkdir build; echo ignored > build/out; echo rows > data.db; sed -i s/one/ONE/ a.txt; rm sub/deep.txt"
RUIN = "rm -rf build sub; echo gone > data.db; echo ruined > a.txt; touch new.txt"
LOOK = "cat a.txt; cat build/out data.db; ls sub new.txt 2>&1; find . -name deep.txt"


def in_turn(*replies: Reply) -> list[Entry]:
    """A script that plays these one after the other, whichever conversation asks."""
    left = iter(replies)

    def play(request: ModelRequest) -> Reply:
        return next(left)

    return [play] * len(replies)


def sh(name: str, command: str) -> Reply:
    return call("shell", name, command=command)


async def forked(bench: Bench, task: str, step: int, prompt: str = "Do it") -> str:
    """A task that goes on from a step of the first attempt of `task`; the id of its attempt."""
    before = (await bench.host.store.turns.all(task))[0].request
    request = before.model_copy(update={"step": step, "prompt": prompt})
    fork = new_id()
    new = Task(id=fork, prompt=prompt, mode="code", repository=request.repository, model="", created=1.0, parent=task)
    turn = Turn(task_id=fork, request=request, continues=f"{task}.1.1")
    await bench.host.store.create(new, [Attempt(id=f"{fork}.1.1", task_id=fork)], turn=turn)
    return f"{fork}.1.1"


async def rewound(bench: Bench, task: str, step: int, prompt: str = "") -> str:
    """A further turn of `task` that goes back to a step of its first attempt; the id of its attempt."""
    before = (await bench.host.store.turns.all(task))[0].request
    changes = {"step": step, "rewind": not prompt, "prompt": prompt or before.prompt}
    request = before.model_copy(update=changes)
    turn = await bench.host.store.turns.add(Turn(task_id=task, request=request, continues=f"{task}.1.1"))
    return f"{task}.{turn.number}.1"


async def test_a_fork_has_the_files_and_the_conversation_of_its_step(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """Ignored files, what commands did and what they deleted are as they were; what came after is not there."""
    first = [sh("c1", SHELL_EFFECTS), sh("c2", RUIN), say("Ruined.")]
    one = bench(in_turn(*first, sh("c3", LOOK), say("Looked.")))
    folder = make_repository(FILES)
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=str(folder), environment="off"))
    await work(one.host, f"{task}.1.1")
    result = await work(one.host, await forked(one, task, 1))
    seen = answers(one.model.requests[4].items)
    assert "ONE\nignored\nrows\n" in seen and "'new.txt': No such file" in seen and "gone" not in seen
    assert result.summary == "Looked."
    assert "+ONE" in await text_of(one, result.diff) and "deep" in await text_of(one, result.diff)
    asked = one.model.requests[3]
    assert list(asked.items)[: len(one.model.requests[1].items)] == list(one.model.requests[1].items)
    assert [item.text for item in asked.items if isinstance(item, UserMessage)][-1] == "Do it"  # not said twice
    assert not any(isinstance(item, ToolCall) and item.call_id == "c2" for item in asked.items)
    assert (folder / "a.txt").read_text() == "one\n"


async def test_a_fork_at_the_beginning_asks_the_same_again(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench(in_turn(sh("c1", RUIN), say("Ruined."), say("Nothing to do.")))
    folder = make_repository(FILES)
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=str(folder), environment="off"))
    await work(one.host, f"{task}.1.1")
    result = await work(one.host, await forked(one, task, 0))
    assert (result.verdict, result.summary) == ("unchanged", "Nothing to do.")
    said = [item.text for item in one.model.requests[2].items if isinstance(item, UserMessage)]
    assert said.count("Do it") == 1


async def test_a_fork_may_be_asked_something_else(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench(in_turn(sh("c1", SHELL_EFFECTS), say("Done."), say("As you say.")))
    folder = make_repository(FILES)
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=str(folder), environment="off"))
    await work(one.host, f"{task}.1.1")
    await work(one.host, await forked(one, task, 1, "Do less"))
    assert one.model.requests[2].items[-1] == UserMessage(text="Do less")


async def test_a_rewind_puts_the_files_back_and_a_follow_up_goes_on_from_there(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """No request is made for the rewind itself; its result is the patch as it was at the step, checked anew."""
    look = [sh("c3", LOOK), say("Looked.")]
    one = bench(in_turn(sh("c1", SHELL_EFFECTS), sh("c2", RUIN), say("Ruined."), say("So it is."), *look))
    folder = make_repository(FILES)
    request = TurnRequest(prompt="Do it", repository=str(folder), environment="off", checks=("grep -q ONE a.txt",))
    task = await hand_in(one, request)
    ruined = await work(one.host, f"{task}.1.1")
    attempt = await rewound(one, task, 1)
    result = await work(one.host, attempt)
    events = await one.host.store.events(attempt)
    assert (ruined.verdict, result.verdict) == ("failing", "verified")
    assert result.summary == "The workspace is as it was after step 1 of attempt 1.1, and so is the conversation."
    assert [event.run.on for event in events if isinstance(event, Checked)] == ["base", "result"]
    assert not any(isinstance(event, Replied) for event in events) and len(one.model.requests) == 4
    patch = await text_of(one, result.diff)
    assert "+ONE" in patch and "ruined" not in patch

    further = Turn(task_id=task, request=request.model_copy(update={"prompt": "Go on"}), continues=attempt)
    turn = await one.host.store.turns.add(further)
    await work(one.host, f"{task}.{turn.number}.1")
    asked = one.model.requests[4].items
    assert asked[-1] == UserMessage(text="Go on")
    assert not any(isinstance(item, AssistantMessage) for item in asked)
    seen = answers(one.model.requests[5].items)
    assert "ONE\nignored\nrows\n" in seen and "ruined" not in seen


async def test_a_rewind_to_where_checks_fail_stays_there(bench: MakeBench, make_repository: MakeRepository) -> None:
    """A model that answers with failing checks is told of them; a person who goes back there has asked for it."""
    one = bench(in_turn(call("update_plan", "c0", plan=[]), sh("c1", SHELL_EFFECTS), say("Done.")))
    request = TurnRequest(
        prompt="Do it", repository=str(make_repository(FILES)), environment="off", checks=("grep -q ONE a.txt",)
    )
    task = await hand_in(one, request)
    done = await work(one.host, f"{task}.1.1")
    result = await work(one.host, await rewound(one, task, 1))
    assert (done.verdict, result.verdict, len(one.model.requests)) == ("verified", "unchanged", 3)


async def test_a_rewind_with_a_prompt_goes_on_at_once(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench(in_turn(sh("c1", SHELL_EFFECTS), sh("c2", RUIN), say("Ruined."), say("Better.")))
    folder = make_repository(FILES)
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=str(folder), environment="off"))
    await work(one.host, f"{task}.1.1")
    result = await work(one.host, await rewound(one, task, 1, "Leave the rest alone"))
    assert result.summary == "Better."
    assert one.model.requests[3].items[-1] == UserMessage(text="Leave the rest alone")
    assert "ruined" not in await text_of(one, result.diff)


async def test_a_step_that_is_not_there_is_told_of(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench(in_turn(sh("c1", SHELL_EFFECTS), say("Done.")))
    folder = make_repository(FILES)
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=str(folder), environment="off"))
    await work(one.host, f"{task}.1.1")
    request = TurnRequest(prompt="Do it", repository=str(folder), environment="off", step=3)
    turn = Turn(task_id=task, number=2, request=request, continues=f"{task}.1.1")
    with pytest.raises(UsageError, match="has 2 steps; there is no step 3"):
        await first_events(one.host, turn, plan)
