"""What every store must do for forges: their tokens, and the pull requests to look after."""

import io

import pytest

from journeyman.core.errors import StoreError
from journeyman.core.events import Progressed, PullRequestChanged
from journeyman.core.pull_request import PullRequestView
from journeyman.store import Store, this_process
from journeyman.store.forges import StoredForge
from journeyman.store.pulls import Pull
from journeyman.testing.store_parts import Backing, HandClock, a_task, an_attempt

TOKEN = "ghp_0123456789abcdefghij"
HUB = StoredForge(
    name="github.com", kind="github", address="https://github.com", api="https://api.github.com", account="shop-bot"
)


def a_pull(**changed: object) -> PullRequestView:
    pull = PullRequestView(
        forge="github.com",
        kind="github",
        repository="example/shop",
        number=7,
        url="https://github.com/example/shop/pull/7",
        title="Fix it",
        branch="journeyman/fix-it",
        base="main",
        state="open",
        at=1_700_000_000.0,
    )
    return pull.model_copy(update=changed)


async def told(store: Store, attempt: str, pull: PullRequestView) -> None:
    async with store.claim(attempt, this_process()) as log:
        await log.append(PullRequestChanged(pull_request=pull, person="ann"))


class ForgesContract:
    async def test_forges_are_kept_with_their_tokens(self, backing: Backing) -> None:
        lab = StoredForge(name="lab", kind="gitlab", address="https://lab", api="https://lab/api/v4", checked=5.0)
        async with backing() as store:
            assert await store.forges.put(lab, "glpat-of-the-lab")
            assert await store.forges.put(HUB, "an older token", new=True)
            assert not await store.forges.put(HUB, "somebody else's", new=True)
            assert await store.forges.put(HUB, TOKEN)
            asked = StoredForge("github.com", "github", HUB.address, HUB.api, "bot", 9.0, "It is out of date.")
            await store.forges.told(asked)
        async with backing() as store:
            assert await store.forges.all() == [asked, lab]
            assert await store.forges.token("github.com") == TOKEN
            assert await store.forges.token("nowhere") is None
            await store.forges.told(StoredForge("lab", "gitlab", "https://lab", "https://elsewhere", "eve", 9.0))
            assert await store.forges.get("lab") == lab  # it has moved since
            assert await store.forges.remove("lab")
            assert not await store.forges.remove("lab")
            assert [forge.name for forge in await store.forges.all()] == ["github.com"]

    async def test_nothing_that_is_stored_holds_a_forges_token(self, backing: Backing) -> None:
        async with backing() as store:
            await store.forges.put(HUB, TOKEN)
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                await log.append(Progressed(text=f"Authorization: {TOKEN}"))
            [event] = await store.events("0task.1.1")
            assert isinstance(event, Progressed)
            assert event.text == "Authorization: [secret of the forge github.com]"

    async def test_a_token_opens_for_its_own_forge_alone(self, backing: Backing) -> None:
        async with backing() as store:
            await store.forges.put(HUB, TOKEN)

            def move(connection: object) -> None:
                from sqlalchemy import Connection, update

                from journeyman.store.schema import forge

                assert isinstance(connection, Connection)
                connection.execute(update(forge).values(api="https://evil.example"))

            await store.forges._database.write(move)  # type: ignore[reportPrivateUsage]
            with pytest.raises(StoreError, match=r"token of the forge .* cannot be read"):
                await store.forges.token("github.com")

    async def test_what_became_of_a_pull_request_is_in_the_lists(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            second = an_attempt().model_copy(update={"id": "0task.2.1", "turn": 2})
            await store.create(a_task(), [an_attempt(), second])
            await told(store, "0task.1.1", a_pull(number=6))
            clock.now += 1
            await told(store, "0task.2.1", a_pull(at=clock.now))
            [line] = (await store.lines.page()).lines
            assert line.pull_request == a_pull(at=clock.now)
            assert (await store.attempt("0task.1.1")).summary.pull_request == a_pull(number=6)
            assert await store.pulls.of("0task") == Pull("0task", "0task.2.1", a_pull(at=clock.now))
            assert [line.task.id for line in await store.lines.changed(clock.now)] == ["0task"]

    async def test_only_failing_checks_have_a_task_looked_at_anew(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            await store.create(a_task(), [an_attempt()])
            async with store.claim("0task.1.1", this_process()) as log:
                await log.append(Progressed(text="Working"), Progressed(text="Done"))
            await store.lines.mark_seen("ann", "0task", 2)
            await store.lines.mark_seen("bo", "0task", 1)

            async def unread(person: str) -> bool:
                return (await store.lines.page(person=person)).lines[0].unread

            await told(store, "0task.1.1", a_pull(at=clock.now))
            await told(store, "0task.1.1", a_pull(at=clock.now, checks="running"))
            assert [await unread(person) for person in ("ann", "bo", "cy")] == [False, True, True]
            await told(store, "0task.1.1", a_pull(at=clock.now, checks="failed"))
            assert await unread("ann")

    async def test_of_several_that_look_after_a_pull_request_one_asks(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store, backing() as other:
            for name in ("0a", "0b", "0c"):
                await store.create(a_task(name), [an_attempt(task_id=name)])
            await told(store, "0a.1.1", a_pull(at=clock.now))
            await told(store, "0b.1.1", a_pull(at=clock.now, state="merged"))
            await told(store, "0c.1.1", a_pull(at=clock.now - 500, state="draft"))
            clock.now += 59
            assert [pull.task_id for pull in await store.pulls.take(60, 400)] == []
            clock.now += 1
            assert [pull.task_id for pull in await store.pulls.take(60, 1000)] == ["0c", "0a"]
            assert await other.pulls.take(60, 1000) == []
            clock.now += 60
            assert [pull.task_id for pull in await other.pulls.take(60, 400)] == ["0a"]
            await told(store, "0a.1.1", a_pull(at=clock.now, state="closed"))
            clock.now += 60
            assert await store.pulls.take(60, 400) == []

    async def test_what_an_imported_log_names_is_not_asked_for(self, backing: Backing, clock: HandClock) -> None:
        file = io.BytesIO()
        async with backing() as store:
            await store.create(a_task().model_copy(update={"status": "done"}), [an_attempt()])
            await told(store, "0task.1.1", a_pull(at=clock.now))
            await store.transfer.write("0task", file)
            await store.delete("0task")
            assert await store.pulls.of("0task") is None
            await store.transfer.read(file)
            [line] = (await store.lines.page()).lines
            assert line.pull_request == a_pull(at=clock.now)
            clock.now += 60
            assert await store.pulls.take(60, 1000) == []
            assert await store.pulls.of("0task") is None
