"""What every store must do with people, what proves who they are, and what they may use; whatever database it has."""

import asyncio
from datetime import UTC, datetime

import pytest

from journeyman.core.errors import UsageError
from journeyman.core.people import Group, Invitation, Person, Quota, Schedule
from journeyman.core.settings import ModelSettings
from journeyman.core.task import Attempt, Budget, Status, Summary, TurnRequest
from journeyman.core.usage import Usage
from journeyman.store import Store
from journeyman.store.people import Taken
from journeyman.testing.store_parts import Backing, HandClock, a_task


def a_person(name: str = "bo", **fields: object) -> Person:
    return Person.model_validate({"id": name, "name": name, "email": f"{name}@example.org", **fields})


async def used(
    store: Store, task_id: str, tokens: int, began: float, *, status: Status = "done", **fields: object
) -> None:
    """A task whose one attempt used so many tokens, at a tenth of a cent each."""
    summary = Summary(usage=Usage(input_tokens=tokens, cost=tokens / 1000))
    attempt = Attempt(id=f"{task_id}.1.1", task_id=task_id, began=began, ended=began + 60, summary=summary)
    task = a_task(task_id).model_copy(update={"status": status, **fields})
    await store.create(task, [attempt.model_copy(update={"status": status})])


class PeopleContract:
    @pytest.fixture
    def clock(self) -> HandClock:
        return HandClock()

    @pytest.fixture
    def backing(self, clock: HandClock) -> Backing:
        raise NotImplementedError("the subclass says what it tests")

    async def test_people_and_groups_read_back(self, backing: Backing) -> None:
        async with backing() as store:
            group = await store.people.add_group("shop")
            bo = a_person(email="Bo@Example.org ", groups=(group.id,), subject="issuer 1")
            added = await store.people.add(bo, "notation")
            cy = await store.people.add(a_person("cy"))
        async with backing() as store:
            assert added.email == "bo@example.org"
            assert await store.people.get("bo") == await store.people.by_email("BO@example.org") == added
            assert await store.people.by_subject("issuer 1") == added
            assert (
                await store.people.get("x"),
                await store.people.by_email("x"),
                await store.people.by_subject("x"),
            ) == (
                None,
                None,
                None,
            )
            assert await store.people.all() == [added, cy]
            assert await store.people.password("bo@example.org") == (added, "notation")
            assert await store.people.password("cy@example.org") == (cy, None)
            assert await store.people.names(["bo", "x"]) == {"bo": "bo"}
            assert await store.people.groups() == [(Group(id=group.id, name="shop"), ("bo",))]

    async def test_addresses_and_names_are_had_once(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            added = await asyncio.gather(
                store.people.add(a_person("a", email="x@example.org")),
                other.people.add(a_person("b", email="X@example.org")),
                return_exceptions=True,
            )
            assert sorted(type(each).__name__ for each in added) == ["Person", "Taken"]
            await store.people.add(a_person("c"))
            with pytest.raises(Taken, match=r"has the address x@example\.org"):
                await store.people.change("c", email="X@example.org", name="changed")
            assert (await store.people.get("c")) == a_person("c")
            await store.people.add_group("shop")
            with pytest.raises(Taken):
                await store.people.add_group("shop")
            group = await store.people.add_group("yard")
            with pytest.raises(Taken):
                await store.people.rename_group(group.id, "shop")
            with pytest.raises(UsageError, match="no group with the id 'nope'"):
                await store.people.change("c", groups=("nope",))
            assert await store.people.change("nobody", name="x") is None
            assert not await store.people.rename_group("nope", "x")

    async def test_somebody_always_administers(self, backing: Backing) -> None:
        async with backing() as store, backing() as other:
            assert not await store.people.has_administrator()
            await store.people.add(a_person("a", role="admin"))
            assert not await store.people.has_administrator()  # who cannot sign in
            await store.people.set_password("a", "notation")
            await store.people.add(a_person("b", role="admin", subject="issuer 1"))
            assert await store.people.has_administrator()
            outcomes = await asyncio.gather(
                store.people.change("a", role="member"),
                other.people.change("b", disabled=True),
                return_exceptions=True,
            )
            assert sum(isinstance(each, Person) for each in outcomes) == 1
            assert await store.people.has_administrator()

    async def test_a_group_goes_and_leaves_things_to_their_owners(self, backing: Backing) -> None:
        async with backing() as store:
            group = await store.people.add_group("shop")
            await store.people.add(a_person(groups=(group.id,)))
            await store.create(a_task().model_copy(update={"owner": "bo", "group": group.id}), [])
            await store.environments.put("e", "R", "", belongs=("bo", group.id))
            await store.quotas.put(Quota(of=f"group:{group.id}", running=1))
            assert await store.people.remove_group(group.id)
            assert not await store.people.remove_group(group.id)
            assert (await store.task("0task")).group is None
            assert [(each.owner, each.group) for each in await store.environments.all()] == [("bo", None)]
            assert (await store.quotas.all(), (await store.people.get("bo"))) == ([], a_person())

    async def test_tokens_and_sessions_prove_who_somebody_is(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            bo = await store.people.add(a_person())
            token, secret = await store.access.add_token("bo", "ci", ("read", "write"), clock.now + 100)
            _, cookie = await store.access.begin("bo", 50)
        async with backing() as store:
            for proof in (await store.access.by_token(secret), await store.access.by_session(cookie)):
                assert proof is not None and proof.person == bo
            assert await store.access.by_token(cookie) is None
            assert await store.access.by_session(secret) is None
            assert await store.access.tokens("bo") == [token.model_copy(update={"used": clock.now})]
            _, later = await store.access.begin("bo", 1000, instead=cookie)
            assert await store.access.by_session(cookie) is None
            clock.now += 100
            assert await store.access.by_token(secret) is None
            session = await store.access.by_session(later)
            assert session is not None and session.session is not None
            await store.access.prolong(session.session, clock.now + 5000)
            clock.now += 4000
            assert await store.access.by_session(later) is not None
            await store.access.end(later)
            assert await store.access.by_session(later) is None
            assert not await store.access.remove_token(token.id, "cy")
            assert await store.access.remove_token(token.id, "bo")

    async def test_who_is_disabled_has_nothing_left(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store, backing() as other:
            await store.people.add(a_person(), "notation")
            _, secret = await store.access.add_token("bo", "ci", ("read",), None)
            _, cookie = await store.access.begin("bo", 50)
            reset = Invitation(id="", person="bo", expires=clock.now + 50)
            _, link = await store.access.invite(reset)
            await store.people.change("bo", disabled=True)
            found = [await other.access.by_token(secret), await other.access.by_session(cookie)]
            assert found == [None, None]
            assert await other.access.accept(link, a_person(), "new") is None
            await store.people.change("bo", disabled=False)
            assert await other.access.by_session(cookie) is None

    async def test_who_is_deleted_is_forgotten_but_for_what_they_did(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            boss = await store.people.add(a_person("ann", role="admin"), "$argon2id$x")
            with pytest.raises(UsageError, match="last administrator"):
                await store.people.remove(boss.id)
            group = await store.people.add_group("shop")
            bo = await store.people.add(a_person("bo", groups=(group.id,)), "$argon2id$x")
            _, secret = await store.access.add_token(bo.id, "t", ("read",), None)
            _, cookie = await store.access.begin(bo.id, 60.0)
            await store.access.invite(Invitation(id="", person=bo.id, expires=clock() + 60))
            await store.quotas.put(Quota(of=f"person:{bo.id}", running=1))
            request = TurnRequest(prompt="Do it", repository="/r")
            await store.schedules.put(
                Schedule(id="s1", name="n", cron="0 7 * * *", request=request, owner=bo.id, created=clock())
            )
            await store.audit.note("person.created", bo.id, person=boss.id, detail=f"{bo.email}, member")
            await store.audit.note("sign-in.refused", bo.email, address="10.0.0.7")
            await store.audit.note("token.created", "t1", person=bo.id, detail="t: read")
            assert await store.people.remove(bo.id) and not await store.people.remove(bo.id)
            assert [one.name for one in await store.people.all()] == ["ann"]
            assert (await store.people.groups())[0][1] == ()
            assert await store.access.by_token(secret) is None and await store.access.by_session(cookie) is None
            assert await store.access.invitations() == [] and await store.quotas.all() == []
            assert await store.schedules.all() == []
            told = [(one.act, one.person, one.target, one.detail) for one in await store.audit.entries()]
        assert told == [
            ("token.created", bo.id, "t1", "t: read"),
            ("sign-in.refused", None, "(deleted)", ""),
            ("person.created", boss.id, bo.id, ""),
        ]

    async def test_an_invitation_works_once(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store, backing() as other:
            group = await store.people.add_group("shop")
            wanted = Invitation(id="", role="viewer", groups=(group.id, "gone"), expires=clock.now + 50)
            made, secret = await store.access.invite(wanted)
            assert await other.access.invitations() == [made]
            assert await other.access.invitation(secret) == made
            outcomes = await asyncio.gather(
                store.access.accept(secret, a_person("bo"), "notation"),
                other.access.accept(secret, a_person("cy"), "notation"),
            )
            [joined] = [each for each in outcomes if each is not None]
            assert (joined.role, joined.groups, joined.created) == ("viewer", (group.id,), clock.now)
            assert await store.people.all() == [joined]
            # Whose address is taken may try again with another one.
            made, secret = await store.access.invite(wanted)
            with pytest.raises(Taken):
                await store.access.accept(secret, a_person("x", email=joined.email), "notation")
            assert await store.access.accept(secret, a_person("x"), "notation") is not None
            made, secret = await store.access.invite(wanted)
            assert await store.access.withdraw(made.id)
            assert await store.access.invitation(secret) is None
            made, secret = await store.access.invite(wanted)
            clock.now += 50
            assert await store.access.accept(secret, a_person("y"), "notation") is None
            assert await store.access.invitations() == []

    async def test_a_new_password_ends_the_rest(self, backing: Backing, clock: HandClock) -> None:
        async with backing() as store:
            bo = await store.people.add(a_person(), "old")
            kept, _ = await store.access.begin("bo", 50)
            _, other = await store.access.begin("bo", 50)
            _, token = await store.access.add_token("bo", "ci", ("read",), None)
            await store.people.set_password("bo", "new", keep=kept.digest)
            assert await store.access.by_session(other) is None
            assert await store.access.end_all("bo") == 1
            await store.people.rehash("bo", "old", "stronger")
            assert await store.people.password(bo.email) == (bo, "new")
            await store.people.rehash("bo", "new", "stronger")
            _, link = await store.access.invite(Invitation(id="", person="bo", expires=clock.now + 50))
            assert await store.access.accept(link, a_person("ignored"), "newest") == bo
            assert await store.people.password(bo.email) == (bo, "newest")
            assert await store.access.by_token(token) is None

    async def test_quotas_count_what_was_used(self, backing: Backing, clock: HandClock) -> None:
        clock.now = datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp()
        async with backing() as store:
            await store.people.add(a_person())
            group = await store.people.add_group("shop")
            await store.quotas.put(Quota(of="everybody", running=9))
            await store.quotas.put(Quota(of="person:bo", day=Budget(tokens=100), month=Budget(cost=1.0), running=1))
            await store.quotas.put(Quota(of=f"group:{group.id}", queued=1))
            await used(store, "0a", 40, clock.now - 60, owner="bo")
            await used(store, "0b", 500, clock.now - 86400, owner="bo", group=group.id)
            await used(store, "0c", 9000, clock.now - 31 * 86400, owner="bo")
            mine, theirs = await store.quotas.standings("bo", group.id)
            assert (mine.day.tokens, mine.month.tokens, round(mine.month.cost, 6)) == (40, 540, 0.54)
            assert (theirs.whose, theirs.day.tokens) == ("The group shop has", 0)
            admission = await store.quotas.admit("bo", group.id, Budget(tokens=90, cost=5.0))
            assert (admission.refused, admission.waits, admission.budget.tokens) == (None, None, 60)
            assert round(admission.budget.cost or 0, 6) == 0.46
            await used(store, "0d", 1, clock.now, status="running", owner="bo")
            assert "1 task at work, and the bound is 1" in (await store.quotas.waits("bo", None) or "")
            await used(store, "0e", 1, clock.now, status="queued", owner="cy", group=group.id)
            assert "1 task waiting, and the bound is 1" in (
                (await store.quotas.admit("cy", group.id, Budget())).refused or ""
            )
            await used(store, "0f", 60, clock.now, owner="bo")
            refused = (await store.quotas.admit("bo", None, Budget())).refused or ""
            assert refused.startswith("You have used 101 of 100 tokens today. There are more at 2026-04-01 00:00 UTC")
            clock.now += 86400
            assert (await store.quotas.admit("bo", None, Budget())).budget == Budget(tokens=100, cost=1.0)
            assert await store.quotas.admit("somebody", None, Budget()) == await store.quotas.admit(
                None, None, Budget()
            )
            assert await store.quotas.remove("everybody") and not await store.quotas.remove("everybody")

    async def test_usage_is_summed_by_day_person_model_and_outcome(self, backing: Backing) -> None:
        day = datetime(2026, 3, 31, tzinfo=UTC).timestamp()
        async with backing() as store:
            await used(store, "0a", 40, day, owner="bo")
            await used(store, "0b", 50, day + 86399.4, owner="bo")
            await used(store, "0c", 60, day + 86400, owner="cy", group="g", model="big")
            sums = await store.usage.between(day, day + 2 * 86400)
            assert [(each.day * 86400 - day, each.person, each.model, each.tokens, each.attempts) for each in sums] == [
                (0, "bo", "scripted", 90, 2),
                (86400, "cy", "big", 60, 1),
            ]
            assert (sums[0].outcome, sums[0].seconds, round(sums[0].cost, 6), sums[0].tasks) == ("done", 120.0, 0.09, 2)
            of = await store.usage.between(day, day + 2 * 86400, owner="x", groups=["g"])
            assert [each.person for each in of] == ["cy"]
            assert await store.usage.between(day + 1e6, day + 2e6) == []
            totals = await store.usage.totals()
            assert totals.tasks == {"done": 3}
            assert {model: sums[:2] for model, sums in totals.models.items()} == {"scripted": (2, 90), "big": (1, 60)}

    async def test_the_audit_log_schedules_and_models_read_back(self, backing: Backing, clock: HandClock) -> None:
        request = TurnRequest(prompt="p", repository="R")
        schedule = Schedule(id="s", name="nightly", cron="0 7 * * *", request=request, owner="bo", group="g")
        model = ModelSettings(wire="chat", base_url="http://127.0.0.1:1/v1", name="big")
        async with backing() as store:
            for number in range(5):
                await store.audit.note(f"act.{number}", "target", person="bo" if number else None, detail="d\0e" * 5000)
            await store.schedules.put(schedule)
            await store.schedules.put(schedule.model_copy(update={"enabled": False}))
            await store.models.put("big", model)
        async with backing() as store:
            entries = await store.audit.entries(limit=2)
            assert [(each.act, each.person, each.at) for each in entries] == [
                ("act.4", "bo", clock.now),
                ("act.3", "bo", clock.now),
            ]
            assert [each.act for each in await store.audit.entries(before=entries[-1].id, person="bo")] == [
                "act.2",
                "act.1",
            ]
            assert [each.act for each in await store.audit.entries(act="act.0")] == ["act.0"]
            assert await store.schedules.all() == [schedule.model_copy(update={"enabled": False})]
            assert await store.schedules.get("x") is None
            assert await store.schedules.remove("s") and not await store.schedules.remove("s")
            assert await store.models.all() == {"big": model}
            assert await store.models.remove("big") and not await store.models.remove("big")
