"""What every store must do for the service: turns, messages, lists, and news of what changes."""

import asyncio

import pytest

from journeyman.core.errors import UsageError
from journeyman.core.events import Finished, Progressed, Replied
from journeyman.core.evidence import Result
from journeyman.core.items import AssistantMessage
from journeyman.core.model import Reply
from journeyman.core.task import Attempt, Budget, Message, Summary, Task, Turn, TurnRequest
from journeyman.core.usage import Usage
from journeyman.store import Filter, Store, TaskEvent, Viewer, search, this_process
from journeyman.testing.store_parts import Backing, HandClock, a_task, an_attempt

LONG = 30.0
"""Seconds for what comes at once, on a machine however busy."""


def a_turn(prompt: str = "fix it") -> Turn:
    return Turn(task_id="0task", request=TurnRequest(prompt=prompt, repository="/repo"), author="ann", created=1.0)


def a_reply(text: str, tokens: int) -> Replied:
    usage = Usage(input_tokens=tokens, output_tokens=1, cost=0.5)
    return Replied(reply=Reply(items=(AssistantMessage(text=text),), usage=usage, stop="end"), seconds=1.0)


async def listed(store: Store, which: Filter | None = None) -> list[str]:
    return [line.task.id for line in (await store.lines.page(which)).lines]


class ServiceContract:
    async def test_a_task_with_a_key_is_created_once(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            first = a_task().model_copy(update={"owner": "ann"})
            assert await store.create(first, [an_attempt()], turn=a_turn(), key="k") == first
            again = a_task("0other").model_copy(update={"owner": "ann"})
            assert await other.create(again, [an_attempt(task_id="0other")], key="k") == first
            ben = a_task("0ben").model_copy(update={"owner": "ben"})
            assert await other.create(ben, [], key="k") == ben
            assert {task.id for task in await store.tasks()} == {"0task", "0ben"}
            assert [attempt.id for attempt in await store.attempts("0task")] == ["0task.1.1"]
            assert await store.turns.all("0task") == [a_turn()]

    async def test_tasks_with_one_key_at_once_are_one(self, backing: Backing) -> None:
        async with backing() as one, backing() as two:
            ids = [f"0t{number}" for number in range(8)]
            made = await asyncio.gather(
                *(
                    store.create(a_task(id_), [an_attempt(task_id=id_)], key="k")
                    for id_, store in zip(ids, (one, two) * 4, strict=True)
                )
            )
            assert len({task.id for task in made}) == 1
            assert len(await one.tasks()) == 1

    async def test_turns_follow_one_another(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()], turn=a_turn())
            await store.update_task("0task", status="done", chosen="0task.1.1")
            await store.turns.update("0task", 1, status="done", chosen="0task.1.1")
            clock.now += 1
            more = a_turn("and now the docs").model_copy(update={"created": 0.0, "continues": "0task.1.1"})
            second = await store.turns.add(more, attempts=2, key="k")
            assert second == more.model_copy(update={"number": 2, "created": clock.now})
            assert await store.turns.add(more, key="k") == second
            first = a_turn().model_copy(update={"status": "done", "chosen": "0task.1.1"})
            assert (
                await store.turns.all("0task")
                == [first, second]
                == [await store.turns.get("0task", number) for number in (1, 2)]
            )
            task = await store.task("0task")
            assert (task.turn, task.attempts, task.status, task.chosen) == (2, 2, "queued", None)
            assert [attempt.id for attempt in await store.attempts("0task", 2)] == ["0task.2.1", "0task.2.2"]
            await store.update_task("0task", status="running", budget=Budget(tokens=7))
            third = await store.turns.add(more)
            assert (third.number, (await store.task("0task")).status) == (3, "running")
            assert (await store.task("0task")).budget == Budget(tokens=7)
            with pytest.raises(UsageError, match="has no turn 9"):
                await store.turns.get("0task", 9)
            with pytest.raises(UsageError, match="no task '0nope'"):
                await store.turns.add(more.model_copy(update={"task_id": "0nope"}))

    async def test_messages_are_numbered_however_many_come_at_once(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as one, backing() as two:
            await one.create(a_task(), [an_attempt()])
            said = await asyncio.gather(
                *(
                    store.messages.add(Message(task_id="0task", kind="steer", text=f"{number}", author="ann"))
                    for number in range(5)
                    for store in (one, two)
                )
            )
            stored = await one.messages.after("0task")
            assert [message.number for message in stored] == list(range(1, 11))
            assert sorted(said, key=lambda message: message.number) == stored
            assert {message.at for message in stored} == {clock.now}
            last = Message(task_id="0task", kind="cancel")
            once = await two.messages.add(last, key="k")
            assert (
                once == await one.messages.add(last, key="k") == last.model_copy(update={"number": 11, "at": clock.now})
            )
            assert await one.messages.after("0task", 10) == [once]
            with pytest.raises(UsageError, match="no task '0nope'"):
                await one.messages.add(Message(task_id="0nope", kind="steer"))

    async def test_an_attempt_ends_after_all_that_was_said_and_hears_nothing_more(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            await store.create(a_task(attempts=2), [an_attempt(1), an_attempt(2)])
            result = Result(verdict="answered", summary="So.")
            word = Message(task_id="0task", kind="steer", text="And that.")
            async with store.claim("0task.1.1", this_process()) as log:
                await log.set_status("running")
                for message in (word, word.model_copy(update={"attempt": "0task.1.2"})):
                    await other.messages.add(message, to_open=True)
                assert not await log.finish(Finished(result=result), "done", heard=0)
                assert [event.kind for event in await other.events("0task.1.1")] == []
                assert await log.finish(Finished(result=result), "interrupted", heard=1)  # the other one is not for it
                [first, second] = await other.attempts("0task")
                assert (first.status, first.verdict, second.verdict) == ("interrupted", "answered", None)
            with pytest.raises(UsageError, match=r"Attempt 0task\.1\.1 is at its end; hand in a follow-up"):
                await other.messages.add(word.model_copy(update={"attempt": "0task.1.1"}), to_open=True)
            again = await other.messages.add(word, to_open=True, key="k")  # the second one hears it
            async with store.claim("0task.1.2", this_process()) as log:
                assert await log.finish(Finished(result=result), "done", heard=again.number)
            with pytest.raises(UsageError, match="Task 0task is at its end; hand in a follow-up"):
                await other.messages.add(word, to_open=True)
            assert await other.messages.add(word, to_open=True, key="k") == again
            await store.turns.add(a_turn())
            assert (await other.messages.add(word, to_open=True)).number == again.number + 1

    async def test_an_attempt_whose_end_is_cancelled_knows_what_it_wrote(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                writing = asyncio.create_task(log.append(Progressed(text="1")))
                await asyncio.sleep(0)
                writing.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await writing
                assert [event.kind for event in log.events] == ["progressed"]

    async def test_a_turn_that_has_come_to_its_end_is_not_given_up(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()], turn=a_turn())
            await store.jobs.conclude("0task", 1, "done", "0task.1.1")
            await store.jobs.give_up("0task", 1, "cancelled")
            turn = await store.turns.get("0task", 1)
            assert (turn.status, turn.chosen) == ("done", "0task.1.1")
            further = await store.turns.add(a_turn())
            await store.jobs.give_up("0task", further.number, "cancelled")
            assert (await store.turns.get("0task", 2)).status == (await store.task("0task")).status == "cancelled"

    async def test_secrets_stay_out_of_turns_and_messages(self, backing: Backing) -> None:
        async with backing() as store:
            await store.secrets.set("KEY", "hunter2hunter2")
            await store.create(a_task(), [], turn=a_turn("use hunter2hunter2"))
            await store.messages.add(Message(task_id="0task", kind="steer", text="it is hunter2hunter2"))
            (turn,), (message,) = await store.turns.all("0task"), await store.messages.after("0task")
            assert "hunter2" not in turn.request.prompt + message.text

    async def test_events_of_all_attempts_stand_in_one_row(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store, backing() as other:
            await store.create(
                a_task(attempts=2), [an_attempt(1), an_attempt(2)], {"0task.1.1": [Progressed(text="first")]}
            )
            async with (
                store.claim("0task.1.1", this_process()) as one,
                other.claim("0task.1.2", this_process()) as two,
            ):
                await asyncio.gather(
                    *(log.append(Progressed(text="a"), Progressed(text="b")) for log in (one, two) for _ in range(10))
                )
            found = await store.task_events("0task")
            assert [event.place for event in found] == list(range(1, 42))
            for attempt in ("0task.1.1", "0task.1.2"):
                mine = [event.event for event in found if event.attempt_id == attempt]
                assert mine == await store.events(attempt)
            assert await store.task_events("0task", after=39) == found[39:]
            assert await store.task_events("0task", after=3, limit=2) == found[3:5]
            assert (await store.task("0task")).seq == 41

    async def test_the_summary_goes_with_the_events(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            began = clock.now
            async with store.claim("0task.1.1", this_process()) as log:
                await log.append(a_reply("one", 10), Progressed(text="half way"))
                clock.now += 5
            async with store.claim("0task.1.1", this_process()) as log:
                await log.append(a_reply("two", 20))
            (attempt,) = await store.attempts("0task")
            usage = Usage(input_tokens=30, output_tokens=2, cost=1.0)
            assert (
                attempt
                == await store.attempt("0task.1.1")
                == Attempt(
                    id="0task.1.1",
                    task_id="0task",
                    epoch=2,
                    began=began,
                    ended=clock.now,
                    summary=Summary(line="finishing", steps=2, usage=usage),
                )
            )
            assert (await store.task("0task")).updated == clock.now
            (line,) = (await store.lines.page()).lines
            assert line.attempts == (attempt,)

    async def test_pages_go_on_where_the_last_one_ended(self, backing: Backing) -> None:
        async with backing() as store:
            for number in range(7):
                when = float(number // 2)  # two of a time
                await store.create(a_task(f"0t{number}", created=when), [an_attempt(task_id=f"0t{number}")])
            for sort in ("updated", "created"):
                seen: list[str] = []
                cursor = None
                while True:
                    page = await store.lines.page(sort=sort, cursor=cursor, limit=3)
                    seen += [line.task.id for line in page.lines]
                    cursor = page.next
                    if cursor is None:
                        break
                assert seen == [f"0t{number}" for number in reversed(range(7))]
            other = (await store.lines.page(limit=3)).next
            for wrong in ("", "?", "bm9uZQ", "WyJ1cGRhdGVkIl0", f"{other}x"):
                with pytest.raises(UsageError, match="is none of this list's"):
                    await store.lines.page(sort="created", cursor=wrong)
            with pytest.raises(UsageError, match="is none of this list's"):
                await store.lines.page(sort="created", cursor=other)

    async def test_the_list_is_filtered(self, backing: Backing) -> None:
        def of(number: int, **fields: object) -> Task:
            return a_task(f"0t{number}", created=float(number)).model_copy(update=fields)

        async with backing() as store:
            for task in (
                of(1, status="done", mode="ask", title="Größe im Kopf", owner="ann"),
                of(2, status="failed", repository="/other", prompt="100% of _it", owner="ann", group="g1"),
                of(3, status="done", environment="big", archived=True, owner="ben", group="g1"),
                of(4, parent="0t1", origin="schedule", schedule="s1", owner="ben", group="g2"),
            ):
                await store.create(task, [])
            assert await listed(store) == ["0t4", "0t2", "0t1"]
            assert await listed(store, Filter(archived=None)) == ["0t4", "0t3", "0t2", "0t1"]
            assert await listed(store, Filter(archived=True)) == ["0t3"]
            assert await listed(store, Filter(status=("done", "failed"))) == ["0t2", "0t1"]
            assert await listed(store, Filter(mode=("ask",))) == ["0t1"]
            assert await listed(store, Filter(repository="/other")) == ["0t2"]
            assert await listed(store, Filter(environment="big", archived=None)) == ["0t3"]
            assert await listed(store, Filter(parent="0t1")) == await listed(store, Filter(schedule="s1")) == ["0t4"]
            assert await listed(store, Filter(origin=("cli",))) == ["0t2", "0t1"]
            assert await listed(store, Filter(text="KOPF GRÖSSE")) == ["0t1"]
            assert await listed(store, Filter(text="100% _IT")) == ["0t2"]
            assert await listed(store, Filter(text="\0 \ud800", repository="\0")) == []
            assert await listed(store, Filter(text="fix nothing")) == []
            await store.update_task("0t4", title="Nothing to Do")
            assert await listed(store, Filter(text="fix nothing")) == ["0t4"]
            assert await listed(store, Filter(viewer=Viewer("ann"))) == ["0t2", "0t1"]
            assert await listed(store, Filter(viewer=Viewer("ann", ("g1", "g2")), archived=None)) == [
                "0t4",
                "0t3",
                "0t2",
                "0t1",
            ]
            assert await listed(store, Filter(viewer=Viewer("eve", ("g2",)))) == ["0t4"]
            assert await listed(store, Filter(viewer=Viewer(None))) == []
            assert await store.lines.counts(Filter(archived=None)) == {"done": 2, "failed": 1, "queued": 1}
            assert await store.lines.counts(Filter(viewer=Viewer("ann"))) == {"done": 1, "failed": 1}
            some = await store.lines.of(["0t1", "0t2", "0t9"], Filter(viewer=Viewer("eve", ("g1",)), archived=None))
            assert [line.task.id for line in some] == ["0t2"]

    async def test_a_search_finds_parts_of_words_as_they_are_now(
        self, backing: Backing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with backing() as store:
            for number, prompt in enumerate(("Mend the parser of orders", 'Say "ok" to parsers', "Größe: a%b_c"), 1):
                await store.create(a_task(f"0t{number}", created=number).model_copy(update={"prompt": prompt}), [])
            found = {
                "parser": ["0t2", "0t1"],
                "rser of": ["0t1"],
                "of ORDers parser": ["0t1"],
                'y "ok"': ["0t2"],
                "ok": ["0t2"],
                "GRÖSSE": ["0t3"],
                "a%b_c": ["0t3"],
                "a%c": [],
                "parserx": [],
                "p a r s e": ["0t2", "0t1"],
            }
            for most in (search.MOST, 0):  # by the index, and by looking at the newest where too many have it
                monkeypatch.setattr(search, "MOST", most)
                assert {words: await listed(store, Filter(text=words)) for words in found} == found
                assert await listed(store, Filter(text="parser", viewer=Viewer("ann", ("g",)), archived=None)) == []
            monkeypatch.undo()
            await store.update_task("0t1", title="Rare title", archived=True, group="g")
            assert await listed(store, Filter(text="are tit", viewer=Viewer("ann", ("g",)), archived=None)) == ["0t1"]
            assert await listed(store, Filter(text="are tit")) == []
            page = await store.lines.page(Filter(text="parser", archived=None), limit=1, sort="created")
            assert [line.task.id for line in page.lines] == ["0t2"]
            rest = await store.lines.page(Filter(text="parser", archived=None), sort="created", cursor=page.next)
            assert ([line.task.id for line in rest.lines], rest.next) == (["0t1"], None)
            await store.delete("0t1")
            assert await listed(store, Filter(text="parser", archived=None)) == ["0t2"]

    async def test_a_line_is_unread_until_its_last_event_was_seen(self, backing: Backing) -> None:
        async with backing() as store:
            for task_id in ("0one", "0two"):
                events = {f"{task_id}.1.1": [Progressed(text="a"), Progressed(text="b")]}
                await store.create(a_task(task_id), [an_attempt(task_id=task_id)], events)
            await store.lines.mark_seen("ann", "0one", 2)
            await store.lines.mark_seen("ann", "0one", 1)
            await store.lines.mark_seen("ann", "0two", 1)
            page = await store.lines.page(person="ann")
            assert {line.task.id: (line.seen, line.unread) for line in page.lines} == {
                "0one": (2, False),
                "0two": (1, True),
            }
            assert await listed(store, Filter(unread_by="ann")) == ["0two"]
            assert await listed(store, Filter(unread_by="ben")) == ["0two", "0one"]

    async def test_a_deleted_task_leaves_nothing(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            for task_id in ("0task", "0two"):
                await store.create(a_task(task_id), [an_attempt(task_id=task_id)])
            turn = await store.turns.add(a_turn())
            task = await store.task("0task")
            assert await store.jobs.admit(task, turn, "", {}) == ""
            await store.messages.add(Message(task_id="0task", kind="steer"))
            await store.lines.mark_seen("ann", "0task", 1)
            async with store.claim("0task.1.1", this_process()) as log:
                await log.append(Progressed(text="hello"))
                chunk = log.chunk()
                await chunk.close()
                with pytest.raises(UsageError, match="is being worked on; cancel it first"):
                    await other.delete("0task")
            await other.delete("0task")
            assert [task.id for task in await store.tasks()] == ["0two"]
            assert await store.task_events("0task") == await store.turns.all("0task") == await store.jobs.open() == []
            with pytest.raises(UsageError, match="no task '0task' any more"):  # who had it in hand comes too late
                await store.jobs.admit(task, turn, "", {})
            assert await store.jobs.open() == []
            with pytest.raises(UsageError, match="no task '0task'"):
                await store.delete("0task")
            await store.create(a_task(), [an_attempt()])
            assert await store.chunks("0task.1.1") == []

    async def test_who_follows_a_task_reads_every_event_once(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            await store.create(a_task(), [an_attempt()], {"0task.1.1": [Progressed(text="1"), Progressed(text="2")]})

            async def follow(reader: Store, after: int) -> list[TaskEvent]:
                found: list[TaskEvent] = []
                async with reader.tail.follow("0task", after) as following:
                    async for event in following:
                        found.append(event)
                        if event.place == 60:
                            return found
                raise AssertionError("a tail has no end")

            async with asyncio.timeout(LONG), asyncio.TaskGroup() as group:
                readers = [group.create_task(follow(reader, after)) for reader in (store, other) for after in (0, 1, 7)]
                async with store.claim("0task.1.1", this_process()) as log:
                    for number in range(3, 61):
                        await log.append(Progressed(text=f"{number}"))
            stored = await store.task_events("0task")
            for reader, after in zip(readers, (0, 1, 7) * 2, strict=True):
                assert reader.result() == stored[after:]

    async def test_who_watches_is_told_what_changes(self, backing: Backing) -> None:
        async def message(store: Store) -> None:
            await store.messages.add(Message(task_id="0two", kind="interrupt"))

        async def reason(store: Store) -> None:
            await store.update_task("0two", reason="waits")

        async def turn(store: Store) -> None:
            await store.turns.add(a_turn().model_copy(update={"task_id": "0two"}))

        async with backing() as store, backing() as other:
            for task_id in ("0one", "0two"):
                await store.create(a_task(task_id), [an_attempt(task_id=task_id)])
            for watcher, writer in ((store, store), (other, store)):
                async with watcher.tail.watch() as everything, watcher.tail.watch("0two") as two:
                    assert await two.wait(0) == frozenset()
                    for change in (message, reason, turn):
                        everything.take()
                        await change(writer)
                        assert await two.wait(LONG) == {"0two"}
                        assert "0two" in await everything.wait(LONG)
                    await writer.update_task("0one", reason="waits too")
                    async with asyncio.timeout(LONG):
                        while "0one" not in await everything.wait():
                            pass

    async def test_who_watches_all_but_an_attempt_is_not_woken_by_it(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with (
                store.claim("0task.1.1", "me") as log,
                store.tail.watch("0task") as all_of_it,
                store.tail.watch("0task", but="0task.1.1") as others,
            ):
                await log.append(Progressed(text="1"))
                assert await all_of_it.wait(LONG) == {"0task"}
                assert await others.wait(0) == frozenset()
                await store.update_task("0task", reason="waits")
                assert await others.wait(LONG) == {"0task"}

    async def test_a_follower_hears_of_other_changes_and_of_time(self, backing: Backing) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()], {"0task.1.1": [Progressed(text="1")]})
            async with store.tail.follow("0task") as following:
                assert [event.place for event in await following.next()] == [1]
                assert await following.next(0) == []
                waiting = asyncio.create_task(following.next(LONG))
                await asyncio.sleep(0)
                await store.update_task("0task", status="done")
                assert await waiting == []
