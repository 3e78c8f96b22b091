"""A person stops an attempt: it ends with a result, whenever the word comes and whatever is broken by then."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.attempt.halt import settled
from journeyman.attempt.host import Host
from journeyman.attempt.inbox import Halted, Inbox, listening
from journeyman.attempt.run import run_attempt
from journeyman.core import folds
from journeyman.core.errors import UsageError
from journeyman.core.events import Event, Finished, Heard, Said, Stopped, ToolReturned, ToolStarted
from journeyman.core.evidence import READ_FROM_FILES, Result
from journeyman.core.model import call, say
from journeyman.core.task import Message
from journeyman.models.script import Entry
from journeyman.sandbox.bubblewrap import Bubblewrap
from tests.attempt.conftest import Bench, MakeBench
from tests.attempt.test_attempt_messages import of, seen, status_of, task_of, tell, until_there
from tests.conftest import MakeRepository

FILES = {"a.txt": "one\n"}
WRITES: list[Entry] = [call("shell", "c1", command="echo two > b.txt; sleep 1000")]
CUT = ("The work was stopped before its end, so the checks were not run on what there is.",)


@asynccontextmanager
async def inbox_of(bench: Bench, attempt: str) -> AsyncGenerator[Inbox]:
    """The inbox of an attempt that this test works on."""
    async with bench.host.store.claim(attempt, bench.host.holder) as log:
        start = folds.started(log.events)
        assert start is not None
        async with listening(bench.host.store, log, start, None) as inbox:
            yield inbox


async def test_a_stop_that_comes_at_the_boundary_of_a_step_is_not_only_heard(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """It is in the inbox, and whoever waits for it has not been woken yet."""
    one = bench([])
    attempt = await one.begin(make_repository(FILES))
    async with inbox_of(one, attempt) as inbox:
        with pytest.raises(Halted):
            async with inbox.heeding(steps=True):
                await tell(one, attempt, "interrupt")
                await inbox.look()
                await inbox.boundary()
        assert inbox.halt is not None
    assert of(await one.host.store.events(attempt), Heard) == []


async def test_who_keeps_a_cancellation_for_itself_is_stopped_all_the_same(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([])
    attempt = await one.begin(make_repository(FILES))
    task = asyncio.current_task()
    assert task is not None
    async with inbox_of(one, attempt) as inbox:
        with pytest.raises(Halted):
            async with inbox.heeding():
                await tell(one, attempt, "interrupt")
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        with pytest.raises(ValueError, match="of itself"):
            async with inbox_free(inbox).heeding():
                await tell(one, attempt, "interrupt")
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    raise ValueError("it ended of itself") from None
    assert task.cancelling() == 0


def inbox_free(inbox: Inbox) -> Inbox:
    """The same with nothing in it."""
    inbox.waiting = []
    return inbox


async def test_a_stop_and_its_message_are_written_in_one(bench: MakeBench, make_repository: MakeRepository) -> None:
    one = bench(WRITES)
    attempt = await one.begin(make_repository(FILES))
    stored: list[list[str]] = []
    running = asyncio.create_task(
        run_attempt(one.host, attempt, listener=lambda events: stored.append([event.kind for event in events]))
    )
    await seen(one.host.store, attempt, ToolStarted)
    await tell(one, attempt, "interrupt")
    await asyncio.wait_for(running, 120)
    assert stored[-3:] == [["tool_returned"], ["heard", "stopped"], ["finished"]]


async def left_behind(bench: Bench, folder: Path) -> str:
    """An attempt whose process has gone while a command had written a file."""
    attempt = await bench.begin(folder)
    running = asyncio.create_task(run_attempt(bench.host, attempt))
    await seen(bench.host.store, attempt, ToolStarted)
    await until_there(bench.host.folder(attempt) / "upper" / "b.txt")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await status_of(bench, attempt) == "interrupted"
    return attempt


def without_sandbox(host: Host) -> Host:
    """The machine has lost what starts its sandboxes."""
    return replace(host, backend=Bubblewrap(host.state / "sandbox", interpreter=(Path("/nowhere"), Path("/usr"))))


async def test_who_goes_on_with_a_stopped_attempt_needs_no_sandbox(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench(WRITES)
    attempt = await left_behind(one, make_repository(FILES))
    await tell(one, attempt, "interrupt")
    result = await run_attempt(without_sandbox(one.host), attempt)
    events = await one.host.store.events(attempt)
    assert ([change.path for change in result.changes], result.warnings) == (["b.txt"], CUT)
    assert [event.kind for event in events][-4:] == ["tool_returned", "heard", "stopped", "finished"]
    [returned] = of(events, ToolReturned)
    assert isinstance(returned, ToolReturned) and returned.checkpoint is not None, "a follow-up has the file too"
    assert await status_of(one, attempt) == "interrupted"
    assert await run_attempt(one.host, attempt) == result


async def test_where_the_sandbox_failed_as_it_was_stopped_the_result_says_so(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench(WRITES)
    attempt = await left_behind(one, make_repository(FILES))
    await tell(one, attempt, "cancel", "Enough.")
    result, events = await settle(one, attempt, "The disk is gone.")
    assert [change.path for change in result.changes] == ["b.txt"]
    assert result.warnings == (*CUT, f"{READ_FROM_FILES} The disk is gone.")
    [stop] = of(events, Stopped)
    assert isinstance(stop, Stopped)
    assert stop.message == f"Cancelled by a person: Enough. {READ_FROM_FILES} The disk is gone."


async def settle(bench: Bench, attempt: str, why: str) -> tuple[Result, list[Event]]:
    async with bench.host.store.claim(attempt, bench.host.holder) as log:
        start = folds.started(log.events)
        assert start is not None
        async with listening(bench.host.store, log, start, None) as inbox:
            await inbox.look()
            return await settled(bench.host, start, log, inbox, why), list(log.events)


async def test_where_there_can_be_no_patch_there_is_a_result_that_says_why(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench(WRITES)
    folder = make_repository(FILES)
    attempt = await left_behind(one, folder)
    folder.rename(folder.with_name("elsewhere"))
    await tell(one, attempt, "interrupt")
    result = await run_attempt(one.host, attempt)
    assert (result.verdict, result.changes) == ("unverified", ())
    [warning] = result.warnings
    assert warning.startswith("What was changed could not be made a patch. It is kept") and str(folder) in warning
    assert await status_of(one, attempt) == "interrupted"
    events = await one.host.store.events(attempt)
    assert [event.kind for event in events][-3:] == ["heard", "stopped", "finished"]


async def test_a_cancellation_in_the_midst_of_the_end_does_not_take_it_away(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """The engine gives an orderly end only so much time."""
    one = bench(WRITES)
    attempt = await one.begin(make_repository(FILES))
    running: asyncio.Task[Result]

    def listener(events: Sequence[Event]) -> None:
        if any(isinstance(event, Stopped) for event in events):
            running.cancel()

    running = asyncio.create_task(run_attempt(one.host, attempt, listener=listener))
    await until_there(one.host.folder(attempt) / "upper" / "b.txt")
    await tell(one, attempt, "interrupt")
    result = await asyncio.wait_for(running, 120)
    assert [change.path for change in result.changes] == ["b.txt"]
    assert [event.kind for event in await one.host.store.events(attempt)].count("finished") == 1
    assert await status_of(one, attempt) == "interrupted"


async def test_a_cancellation_that_comes_with_the_result_changes_nothing(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([say("Done.")])
    attempt = await one.begin(make_repository(FILES))
    running: asyncio.Task[Result]

    def listener(events: Sequence[Event]) -> None:
        if any(isinstance(event, Finished) for event in events):
            running.cancel()

    running = asyncio.create_task(run_attempt(one.host, attempt, listener=listener))
    assert (await asyncio.wait_for(running, 120)).summary == "Done."
    assert await status_of(one, attempt) == "done"


async def test_what_is_said_at_the_very_end_is_answered_or_refused(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    """A person speaks a few times around the end: each word is in the log, or they were told that it came late."""
    one = bench([say("Done.")] * 50)
    attempt = await one.begin(make_repository(FILES))
    word = Message(task_id=task_of(attempt), kind="steer", text="And that.")
    ends = 0

    async def speak() -> None:
        with suppress(UsageError):
            await one.host.store.messages.add(word, to_open=True)

    speaking: list[asyncio.Task[None]] = []

    def listener(events: Sequence[Event]) -> None:
        nonlocal ends
        if any(isinstance(event, Stopped) for event in events) and (ends := ends + 1) < 5:
            speaking.append(asyncio.create_task(speak()))

    await run_attempt(one.host, attempt, listener=listener)
    await asyncio.gather(*speaking)
    events = await one.host.store.events(attempt)
    told = [event.message for event in events if isinstance(event, Said)]
    assert told == [message.number for message in await one.host.store.messages.after(task_of(attempt))]
    with pytest.raises(UsageError, match="is at its end; hand in a follow-up"):
        await one.host.store.messages.add(word, to_open=True)
