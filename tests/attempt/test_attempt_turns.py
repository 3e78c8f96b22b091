"""Turns of a task of the service: begun from a request, gone on with by a follow-up, on this machine or another."""

import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from journeyman.agent.prompts import FOLLOW_UP, NOT_RUN, STOPPED_BEFORE
from journeyman.attempt.host import Host, ModelPlan
from journeyman.attempt.run import run_attempt
from journeyman.core.errors import HandedOver, UsageError
from journeyman.core.events import AttemptStarted, Continued, Opened, Prepared, Resumed, Said, ToolReturned, ToolStarted
from journeyman.core.evidence import Result
from journeyman.core.ids import new_id
from journeyman.core.images import Image
from journeyman.core.items import DeveloperMessage, Item, ToolResult, UserMessage
from journeyman.core.model import ModelRequest, Reply, call, say
from journeyman.core.task import Attempt, Message, Mode, Task, Turn, TurnRequest
from journeyman.engine.attempts import Attempts
from journeyman.engine.crew import Crew
from journeyman.models.script import Entry
from journeyman.sandbox import checkpoint
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.store import this_process
from tests.attempt.conftest import PROFILE, Bench, MakeBench
from tests.conftest import MakeRepository, git
from tests.engine.engine_parts import an_offer

FILES = {"a.txt": "one\n", "b.txt": "bee\n"}


async def plan(name: str | None) -> ModelPlan:
    return ModelPlan(name or "scripted", PROFILE)


def elsewhere(host: Host, place: Path) -> Host:
    """Another machine with the same store."""
    return replace(host, state=place, backend=Bubblewrap(place / "sandbox"), holder=this_process() + "x")


async def hand_in(bench: Bench, request: TurnRequest) -> str:
    """A task as the service stores it, with nothing looked at yet."""
    task_id = new_id()
    task = Task(
        id=task_id,
        prompt=request.prompt,
        mode=request.mode,
        repository=request.repository,
        model=request.model or "",
        created=bench.host.clock(),
        attempts=request.attempts,
    )
    attempts = [Attempt(id=f"{task_id}.1.{n}", task_id=task_id, number=n) for n in range(1, request.attempts + 1)]
    await bench.host.store.create(task, attempts, turn=Turn(task_id=task_id, request=request, created=task.created))
    return task_id


async def follow_up(
    bench: Bench, before: str, prompt: str, mode: Mode = "code", strategy: Literal["loop", "repair"] | None = None
) -> str:
    """The attempt of a further turn that goes on from the attempt `before`."""
    task_id = before.partition(".")[0]
    first = (await bench.host.store.turns.all(task_id))[0].request
    request = first.model_copy(
        update={"prompt": prompt, "mode": mode, "starting_diff": None, "strategy": strategy, "images": ()}
    )
    turn = await bench.host.store.turns.add(Turn(task_id=task_id, request=request, continues=before))
    return f"{task_id}.{turn.number}.1"


async def work(host: Host, attempt: str) -> Result:
    """As a worker of the engine does."""
    crew = Crew(host, plan, an_offer())
    return await run_attempt(host, attempt, prepare=Attempts(crew).begin)


async def text_of(bench: Bench, blob: str | None) -> str:
    return (await bench.host.store.blob(blob)).decode() if blob else ""


def write(number: int, path: str, text: str) -> Reply:
    return call("shell", f"c{number}", command=f"echo {text} > {path}; cat *.txt")


def answers(items: Sequence[Item]) -> str:
    return "\n".join(item.content for item in items if isinstance(item, ToolResult))


@pytest.fixture
def remote(tmp_path: Path, make_repository: MakeRepository) -> str:
    """The address of a bare repository that holds `FILES`."""
    bare = tmp_path / "shop.git"
    subprocess.run(["git", "clone", "-q", "--bare", make_repository(FILES), bare], check=True)
    return f"file://{bare}"


async def test_a_follow_up_goes_on_with_the_files_and_the_conversation(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([write(1, "a.txt", "ONE"), say("Done."), write(2, "b.txt", "BEE"), say("That too.")])
    folder = make_repository(FILES)
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=str(folder), environment="off"))
    first = await work(one.host, f"{task}.1.1")
    second = await follow_up(one, f"{task}.1.1", "And the other")
    result = await work(one.host, second)
    diff, of_turn = await text_of(one, result.diff), await text_of(one, result.turn_diff)
    assert ("+ONE" in diff, "+BEE" in diff, "+ONE" in of_turn, "+BEE" in of_turn) == (True, True, False, True)
    assert (first.turn_diff, result.summary) == (None, "That too.")
    before, after = one.model.requests[1], one.model.requests[2]
    assert list(after.items)[: len(before.items)] == list(before.items)
    assert (after.tools, after.instructions) == (before.tools, before.instructions)
    assert list(after.items)[-2:] == [DeveloperMessage(text=FOLLOW_UP), UserMessage(text="And the other")]
    assert "ONE\nBEE" in answers(one.model.requests[3].items)
    start, before_turn, *_ = await one.host.store.events(second)
    assert isinstance(start, AttemptStarted) and isinstance(before_turn, Continued)
    assert (start.turn, start.continues, start.prompt) == (2, f"{task}.1.1", "And the other")
    assert (folder / "a.txt").read_text() == "one\n"


async def test_a_small_model_is_shown_the_code_as_it_is_now_and_what_was_asked_before(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    small = PROFILE.model_copy(update={"small": True, "tool_style": "json"})

    async def small_plan(name: str | None) -> ModelPlan:
        return ModelPlan(name or "scripted", small)

    one = bench([say("So.\n\nsums.py\n```python\ndef total(xs):\n    return sum(xs)\n```")])
    one.profile = small
    folder = make_repository({"sums.py": "def total(xs):\n    return sum(xs) + 1\n"})
    check = "python3 -c 'from sums import total; assert total([1]) == 1'"
    request = TurnRequest(prompt="Mend `total`.", repository=str(folder), environment="off", checks=(check,))
    task = await hand_in(one, request)
    crew = Crew(one.host, small_plan, an_offer())
    await run_attempt(one.host, f"{task}.1.1", prepare=Attempts(crew).begin)
    second = await follow_up(one, f"{task}.1.1", "Take texts too.")
    await run_attempt(one.host, second, prepare=Attempts(crew).begin)
    shown = "\n".join(item.text for item in one.model.requests[1].items if isinstance(item, UserMessage))
    assert "    return sum(xs)\n```" in shown and "Mend `total`." in shown and "Take texts too." in shown
    assert "The checks fail" in str(one.model.requests[0].items) and "The checks fail" not in shown


async def test_a_repository_elsewhere_is_seen_at_the_same_place_on_every_machine(
    bench: MakeBench, remote: str, tmp_path: Path
) -> None:
    """The branch moves on between the turns, which go on from where the first one began."""
    look = call("shell", "c0", command="pwd; git log --format=%s; git status --short; git branch --show-current")
    one = bench([look, write(1, "a.txt", "ONE"), say("Done."), look, write(2, "b.txt", "BEE"), say("That too.")])
    other = elsewhere(one.host, tmp_path / "other")
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=remote, environment="off"))
    first = await work(one.host, f"{task}.1.1")
    push_another_commit(remote, tmp_path / "pusher")
    second = await follow_up(one, f"{task}.1.1", "And the other")
    result = await work(other, second)
    told = answers(one.model.requests[1].items)
    assert "/workspace/shop\nThe beginning\nmain\n" in told
    again = answers(one.model.requests[4].items)
    assert "/workspace/shop\nThe beginning\n M a.txt\nmain\n" in again
    diff, of_turn = await text_of(one, result.diff), await text_of(one, result.turn_diff)
    assert ("+ONE" in diff, "+BEE" in diff, "+ONE" in of_turn, "+BEE" in of_turn) == (True, True, False, True)
    assert {change.path for change in first.changes} == {"a.txt"}
    opened = [event for event in await one.host.store.events(second) if isinstance(event, Opened)]
    assert [event.workspace for event in opened] == ["/workspace/shop"]


def push_another_commit(remote: str, folder: Path) -> None:
    subprocess.run(["git", "clone", "-q", remote, folder], check=True)
    (folder / "late.txt").write_text("late\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Later")
    git(folder, "push", "-q", "origin", "HEAD:main")


async def test_another_machine_goes_on_in_the_midst_and_the_first_one_once_more(
    bench: MakeBench, remote: str, tmp_path: Path
) -> None:
    """Each finds the files as the other one left them, whatever lies about in its own folder."""
    leave = asyncio.Event()
    steps = [write(number, f"{number}.txt", f"n{number}") for number in range(5)]

    def leaving(reply: Reply) -> Entry:
        def answer(request: ModelRequest) -> Reply:
            leave.set()
            return reply

        return answer

    one = bench([steps[0], leaving(steps[1]), leaving(steps[2]), steps[3], steps[4], say("Done.")])
    other = elsewhere(one.host, tmp_path / "other")
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=remote, environment="off"))
    attempt = f"{task}.1.1"
    for host in (one.host, other):
        with pytest.raises(HandedOver):
            await work(replace(host, leave=leave), attempt)
        leave.clear()
        (host.folder(attempt) / "upper" / "stray.txt").write_text("nobody's\n")  # what runs on after a power cut
    result = await work(one.host, attempt)
    assert {change.path for change in result.changes} == {f"{number}.txt" for number in range(5)}
    events = await one.host.store.events(attempt)
    assert [event.call_id for event in events if isinstance(event, ToolStarted)] == [f"c{n}" for n in range(5)]
    assert sum(isinstance(event, Resumed) for event in events) == 2
    [last] = [event for event in events if isinstance(event, ToolReturned) and event.call_id == "c4"]
    assert "n0\nn1\nn2\nn3\nn4" in last.content


async def test_what_was_too_large_to_be_kept_is_missed_aloud(
    bench: MakeBench, remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = asyncio.Event()

    def large(request: ModelRequest) -> Reply:
        leave.set()
        return call("shell", "c2", command="head -c 5000 /dev/zero > large.bin")

    one = bench([write(1, "a.txt", "ONE"), large, call("shell", "c3", command="ls; cat a.txt"), say("Done.")])
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=remote, environment="off"))
    monkeypatch.setattr(checkpoint, "BYTES", 4000)
    with pytest.raises(HandedOver):
        await work(replace(one.host, leave=leave), f"{task}.1.1")
    await work(elsewhere(one.host, tmp_path / "other"), f"{task}.1.1")
    events = await one.host.store.events(f"{task}.1.1")
    [said] = [event.item.text for event in events if isinstance(event, Said)]
    assert "changes that were too large to be kept are gone" in said
    [seen] = [event.content for event in events if isinstance(event, ToolReturned) and event.call_id == "c3"]
    assert "large.bin" not in seen and "ONE" in seen


async def test_a_follow_up_takes_what_is_too_large_from_its_own_machine(
    bench: MakeBench, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = call("shell", "c1", command="head -c 5000 /dev/zero > large.bin; rm b.txt")
    one = bench([large, say("Done."), call("shell", "c2", command="ls"), say("Seen.")])
    task = await hand_in(one, TurnRequest(prompt="x", repository=str(make_repository(FILES)), environment="off"))
    monkeypatch.setattr(checkpoint, "BYTES", 4000)
    await work(one.host, f"{task}.1.1")
    result = await work(one.host, await follow_up(one, f"{task}.1.1", "Look"))
    assert "a.txt\nlarge.bin" in answers(one.model.requests[3].items)
    assert {change.path for change in result.changes} == {"b.txt", "large.bin"}


async def test_a_starting_diff_is_laid_over_the_commit_and_not_part_of_the_result(
    bench: MakeBench, remote: str, tmp_path: Path
) -> None:
    patch = "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1,2 @@\n one\n+mine\n"
    one = bench([write(1, "b.txt", "BEE"), say("Done."), write(2, "c.txt", "SEA"), say("Done.")])
    blob = await one.host.store.put_blob(patch.encode())
    request = TurnRequest(prompt="Do it", repository=remote, environment="off", starting_diff=blob)
    task = await hand_in(one, request)
    result = await work(one.host, f"{task}.1.1")
    assert "one\nmine\nBEE" in answers(one.model.requests[1].items)
    assert [change.path for change in result.changes] == ["b.txt"]
    later = await work(elsewhere(one.host, tmp_path / "other"), await follow_up(one, f"{task}.1.1", "More"))
    assert {change.path for change in later.changes} == {"b.txt", "c.txt"}
    assert "one\nmine\nBEE\nSEA" in answers(one.model.requests[3].items)


async def test_a_starting_diff_that_does_not_fit_is_said(bench: MakeBench, remote: str) -> None:
    one = bench([say("Done.")])
    blob = await one.host.store.put_blob(b"--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-two\n+three\n")
    request = TurnRequest(prompt="Do it", repository=remote, environment="off", starting_diff=blob)
    task = await hand_in(one, request)
    with pytest.raises(UsageError, match="does not fit"):
        await work(one.host, f"{task}.1.1")


async def test_attempts_side_by_side_begin_alike(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench([say("Done.")])
    folder = make_repository(FILES)
    request = TurnRequest(prompt="x", repository=str(folder), environment="off", attempts=3, seed=7)
    task = await hand_in(one, request)
    await work(one.host, f"{task}.1.1")
    (folder / "a.txt").write_text("changed meanwhile\n")
    await asyncio.gather(*(work(one.host, f"{task}.1.{number}") for number in (2, 3)))
    starts = [(await one.host.store.events(f"{task}.1.{number}"))[0] for number in (1, 2, 3)]
    assert [start.seed for start in starts if isinstance(start, AttemptStarted)] == [7, 8, 9]
    assert len({start.base.tree for start in starts if isinstance(start, AttemptStarted)}) == 1


async def test_what_was_said_too_late_is_told_in_the_next_turn_and_old_wishes_are_not_heeded(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([say("Done."), say("Yes.")])
    task = await hand_in(one, TurnRequest(prompt="x", repository=str(make_repository(FILES)), environment="off"))
    await work(one.host, f"{task}.1.1")
    await one.host.store.messages.add(Message(task_id=task, kind="steer", text="And mind the tests."))
    await one.host.store.messages.add(Message(task_id=task, kind="cancel"))
    second = await follow_up(one, f"{task}.1.1", "Go on")
    assert (await work(one.host, second)).summary == "Yes."
    texts = [item.text for item in one.model.requests[1].items if isinstance(item, UserMessage)]
    assert texts[-2:] == ["And mind the tests.", "Go on"]
    assert not any(isinstance(event, Said) for event in await one.host.store.events(second))


async def test_a_turn_after_a_stop_is_told_of_it(bench: MakeBench, make_repository: MakeRepository) -> None:
    """Every call has an answer, though the second one was never begun."""
    calls = Reply(items=(*call("shell", "c1", command="sleep 1000").items, *write(2, "a.txt", "x").items), stop="calls")
    one = bench([calls, say("Yes.")])
    task = await hand_in(one, TurnRequest(prompt="x", repository=str(make_repository(FILES)), environment="off"))
    running = asyncio.create_task(work(one.host, f"{task}.1.1"))
    async with one.host.store.tail.follow(task) as follow:
        async for event in follow:
            if isinstance(event.event, ToolStarted):
                break
    await one.host.store.messages.add(Message(task_id=task, kind="interrupt"))
    await asyncio.wait_for(running, 120)
    await work(one.host, await follow_up(one, f"{task}.1.1", "Rather so"))
    items = one.model.requests[1].items
    assert [item.call_id for item in items if isinstance(item, ToolResult)] == ["c1", "c2"]
    assert NOT_RUN in answers(items)
    assert DeveloperMessage(text=STOPPED_BEFORE) in items


async def test_a_question_becomes_work(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench([say("So."), write(1, "a.txt", "ONE"), say("Done.")])
    folder, checks = make_repository(FILES), ("grep -q ONE a.txt",)
    request = TurnRequest(prompt="How?", mode="ask", repository=str(folder), environment="off", checks=checks)
    task = await hand_in(one, request)
    assert (await work(one.host, f"{task}.1.1")).verdict == "answered"
    second = await follow_up(one, f"{task}.1.1", "Do it", "code")
    result = await work(one.host, second)
    [prepared] = [event for event in await one.host.store.events(second) if isinstance(event, Prepared)]
    assert [change.path for change in result.changes] == ["a.txt"]
    assert prepared.items[0].text.endswith("The checks are: `grep -q ONE a.txt`.")
    assert result.verdict == "verified"


async def test_the_repair_strategy_goes_on_from_what_the_turns_before_have_changed(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    files = {"counting.py": "def evens(xs):\n    return 0\n"}
    half = r"def evens(xs):\n    return [x for x in xs if x %% 2 == 1]\n"
    one = bench([call("shell", "c1", command=f"printf '{half}' > counting.py"), say("Done."), *[say("Nothing.")] * 50])
    task = await hand_in(one, TurnRequest(prompt="x", repository=str(make_repository(files)), environment="off"))
    await work(one.host, f"{task}.1.1")
    result = await work(one.host, await follow_up(one, f"{task}.1.1", "Mend evens in counting.py", strategy="repair"))
    told = "\n".join(
        item.text for request in one.model.requests[2:] for item in request.items if isinstance(item, UserMessage)
    )
    assert "if x % 2 == 1" in told and "+    return [x for x in xs" in await text_of(one, result.diff)


async def test_images_are_shown_in_their_turn_and_in_those_after(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    png = b"\x89PNG\r\n\x1a\nand so on"
    one = bench([say("Seen."), say("Still.")])
    blob = await one.host.store.put_blob(png)
    folder = str(make_repository(FILES))
    task = await hand_in(one, TurnRequest(prompt="Like this", repository=folder, environment="off", images=(blob,)))
    await work(one.host, f"{task}.1.1")
    await work(one.host, await follow_up(one, f"{task}.1.1", "And now?"))
    for request in one.model.requests:
        assert request.images == {blob: Image("image/png", png)}
        [shown] = [item for item in request.items if isinstance(item, UserMessage) and item.images]
        assert (shown.text, shown.images) == ("Like this", (blob,))


async def test_what_is_no_image_is_said(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench([say("Seen.")])
    blob = await one.host.store.put_blob(b"<svg>")
    folder = str(make_repository(FILES))
    task = await hand_in(one, TurnRequest(prompt="x", repository=folder, environment="off", images=(blob,)))
    with pytest.raises(UsageError, match="is no image"):
        await work(one.host, f"{task}.1.1")
