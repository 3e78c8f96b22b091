"""Forges and pull requests: a real attempt, a real git over HTTP, and a played forge on loopback."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeyman.core.events import PullRequestChanged
from journeyman.core.people import Person
from journeyman.forge.connect import connect
from journeyman.forge.places import place
from journeyman.forge.pull_requests import Proposal
from journeyman.server.auth.gate import SignIn
from journeyman.server.parts import Parts
from journeyman.server.service import create_service
from journeyman.server.watching import Watcher
from journeyman.store import open_store, this_process
from journeyman.testing.forge_server import ForgeServer, Rights
from tests.conftest import git
from tests.server.desk import FIX, OTHER, Desk
from tests.server.worked import API

SHOP = "example/shop"
TOKEN = "token-of-the-shop-bot"


class Now:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1_900_000_000.0

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True, slots=True)
class Market:
    """A desk whose repository is on a forge that is set up."""

    desk: Desk
    forge: ForgeServer
    client: httpx.AsyncClient
    name: str

    @property
    def remote(self) -> str:
        return self.forge.remote(SHOP)

    async def worked(self, *patches: str) -> str:
        return await self.desk.worked(self.remote, *patches)

    async def open(self, task: str, **body: Any) -> httpx.Response:
        return await self.client.post(f"{API}/tasks/{task}/pull-request", json=body)

    async def publishing(self, task: str) -> dict[str, Any]:
        return (await self.client.get(f"{API}/tasks/{task}/publish")).json()

    async def line(self, task: str) -> dict[str, Any]:
        [line] = [one for one in (await self.client.get(f"{API}/tasks")).json()["tasks"] if one["id"] == task]
        return line


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[ForgeServer]:
    with ForgeServer(request.param, tmp_path / "forge") as forge:
        forge.world.tokens[TOKEN] = Rights()
        forge.world.add_repository(SHOP, {"a.txt": "one\n", "b.txt": "kept\n"})
        yield forge


@pytest.fixture
async def market(forge: ForgeServer, tmp_path: Path) -> AsyncGenerator[Market]:
    home = tmp_path / "home"
    async with open_store(home) as store:
        desk = Desk(home, store, forge.world.bare(SHOP), tmp_path / "folder")
        async with desk.client() as client:
            made = await add(client, forge)
            assert made.status_code == 201, made.text
            yield Market(desk, forge, client, made.json()["name"])


async def add(client: httpx.AsyncClient, forge: ForgeServer, token: str = TOKEN, **fields: Any) -> httpx.Response:
    body = {"kind": forge.kind, "address": forge.address, "token": token, **fields}
    return await client.post(f"{API}/forges", json=body)


def message(answer: httpx.Response) -> str:
    return answer.json()["error"]["message"]


# ---------------------------------------------------------------- forges


async def test_a_forge_is_set_up_checked_and_forgotten(market: Market) -> None:
    client, forge, name = market.client, market.forge, market.name
    [line] = (await client.get(f"{API}/forges")).json()["forges"]
    assert line == {
        "name": f"127.0.0.1-{forge.port}",
        "kind": forge.kind,
        "address": forge.address,
        "api": forge.api,
        "account": "shop-bot",
        "checked": line["checked"],
        "error": "",
    }
    assert (await add(client, forge)).status_code == 409
    forge.world.tokens["token-of-another"] = Rights(login="other-bot")
    changed = await client.put(f"{API}/forges/{name}/token", json={"token": "token-of-another"})
    assert (changed.status_code, changed.json()["account"]) == (200, "other-bot")
    assert await market.desk.store.forges.token(name) == "token-of-another"
    del forge.world.tokens["token-of-another"]
    checked = (await client.post(f"{API}/forges/{name}/check")).json()
    assert "does not accept the token" in checked["error"] and checked["account"] == "other-bot"
    assert (await client.get(f"{API}/forges")).json()["forges"] == [checked]
    refused = await client.put(f"{API}/forges/{name}/token", json={"token": "nobodys-token"})
    assert refused.status_code == 422
    assert await market.desk.store.forges.token(name) == "token-of-another"
    assert (await client.delete(f"{API}/forges/{name}")).status_code == 204
    for answer in (
        await client.delete(f"{API}/forges/{name}"),
        await client.post(f"{API}/forges/{name}/check"),
        await client.put(f"{API}/forges/{name}/token", json={"token": TOKEN}),
    ):
        assert answer.status_code == 404
    noted = [(entry.act, entry.target) for entry in await market.desk.store.audit.entries(limit=50)]
    acts = ["forge.removed", "forge.checked", "forge.token", "forge.added"]
    assert noted == [(act, name) for act in acts]
    text = "".join(path.read_text(errors="replace") for path in market.desk.home.glob("journeyman.sqlite*"))
    assert TOKEN not in text and "token-of-another" not in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"token": "nobodys-token"}, "does not accept the token"),
        ({"address": "http://127.0.0.1:9"}, "cannot be reached"),
        ({"address": "http://example.com"}, "must be reached by https"),
        ({"address": "https://user@example.com"}, "not right in: address"),
        ({"api": "http://example.com/api"}, "must be reached by https"),
        ({"token": "short"}, "not right in: token"),
        ({"kind": "svn"}, "not right in: kind"),
    ],
)
async def test_what_cannot_be_a_forge_is_not_set_up(forge: ForgeServer, tmp_path: Path, fields: Any, said: str) -> None:
    home = tmp_path / "home"
    async with open_store(home) as store, Desk(home, store, tmp_path, tmp_path).client() as client:
        answer = await add(client, forge, **{"token": TOKEN, **fields})
        assert answer.status_code == 422, answer.text
        assert said in message(answer)
        assert fields.get("token", TOKEN) not in answer.text
        assert (await client.get(f"{API}/forges")).json()["forges"] == []


async def test_forges_are_for_administrators_to_set_up_and_for_all_to_see(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        member = await store.people.add(Person(id="0bo", name="Bo", email="bo@example.org", role="member"))
        _, secret = await store.access.add_token(member.id, "mine", ("read", "write"), None)
        parts = Parts(store=store, engine=None, state=tmp_path, clock=lambda: 1.0, model="m")  # type: ignore[arg-type]
        transport = httpx.ASGITransport(create_service(parts, SignIn()), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            assert (await client.get(f"{API}/forges")).status_code == 401
            client.headers["Authorization"] = f"Bearer {secret}"
            assert (await client.get(f"{API}/forges")).json() == {"forges": []}
            body = {"kind": "github", "address": "https://github.com", "token": TOKEN}
            for answer in (
                await client.post(f"{API}/forges", json=body),
                await client.post(f"{API}/forges/x/check"),
                await client.put(f"{API}/forges/x/token", json={"token": TOKEN}),
                await client.delete(f"{API}/forges/x"),
            ):
                assert answer.status_code == 403


# ---------------------------------------------------------------- pull requests


async def test_a_result_becomes_a_pull_request_and_a_later_one_goes_into_it(market: Market) -> None:
    forge, task = market.forge, await market.worked(FIX, OTHER)
    offered = await market.publishing(task)
    branch = f"journeyman/make-it-two-please-{task[-4:]}"
    assert offered["forge"] == {"name": market.name, "kind": forge.kind, "repository": SHOP, "base": "main"}
    assert (offered["forge_reason"], offered["pull_request"], offered["branch"]) == ("", None, branch)
    assert offered["title"] == "Make it two, please!"
    assert offered["body"].startswith("> It is done.\n") and f"task `{task}`" in offered["body"]

    opened = await market.open(task)
    assert opened.status_code == 200, opened.text
    told = opened.json()["pull_request"]
    kept = forge.world.pulls[SHOP, 1]
    assert (kept.title, kept.body, kept.base, kept.branch) == (offered["title"], offered["body"], "main", branch)
    assert forge.world.git(forge.world.bare(SHOP), "show", f"{branch}:a.txt") == "two"
    page = "pull" if forge.kind == "github" else "-/merge_requests"
    assert (told["state"], told["checks"], told["number"]) == ("open", "none", 1)
    assert told["url"] == f"{forge.address}/{SHOP}/{page}/1"
    line = await market.line(task)
    assert (line["pull_request"], line["summary"]["pull_request"]) == (told, told)
    assert (await market.client.get(f"{API}/tasks/{task}")).json()["task"]["pull_request"] == told
    work = (await market.client.get(f"{API}/tasks/{task}/attempts/1/work")).json()["entries"]
    word = "pull request" if forge.kind == "github" else "merge request"
    assert work[-1]["text"] == f"The {word} 1 of {SHOP} is open."

    forge.world.check(SHOP, 1, "passed")
    assert (await market.client.post(f"{API}/tasks/{task}/pull-request/refresh")).json()["pull_request"]["checks"] == (
        "passed"
    )
    later = await market.open(task, attempt="2", title="Make it three")
    assert later.status_code == 200, later.text
    told = later.json()["pull_request"]
    assert (told["number"], told["title"], told["checks"]) == (1, "Make it three", "none")
    assert forge.world.git(forge.world.bare(SHOP), "show", f"{branch}:a.txt") == "three"
    assert (kept.title, kept.body) == ("Make it three", offered["body"])
    assert [one["attempt"] for one in later.json()["published"]] == ["1.1", "1.2"]
    acts = [entry.act for entry in await market.desk.store.audit.entries(limit=50)]
    assert acts.count("pull.opened") == 2


async def test_what_is_asked_for_is_what_is_opened(market: Market) -> None:
    forge, task = market.forge, await market.worked()
    forge.world.commit(SHOP, {}, "A release", "release")
    wanted = {"branch": "two", "base": "release", "title": "Two!", "body": "In *my* words.", "draft": True}
    told = (await market.open(task, **wanted)).json()["pull_request"]
    kept = forge.world.pulls[SHOP, 1]
    assert (told["branch"], told["base"], told["title"], told["state"]) == ("two", "release", "Two!", "draft")
    assert (kept.body, kept.draft) == ("In *my* words.", True)
    again = await market.open(task)  # the same result: nothing is pushed, nothing is changed
    assert again.status_code == 200, again.text
    assert [one["branch"] for one in again.json()["published"]] == ["two"]
    other = await market.open(task, base="main")
    assert (other.status_code, "is open already, into release" in message(other)) == (409, True)


async def test_what_was_pushed_before_only_gets_its_pull_request(market: Market) -> None:
    task = await market.worked()
    pushed = (await market.client.post(f"{API}/tasks/{task}/publish", json={})).json()["published"]
    opened = (await market.open(task)).json()
    assert opened["published"] == pushed
    assert opened["pull_request"]["branch"] == pushed[0]["branch"]


async def test_one_that_somebody_opened_by_hand_is_taken_over(market: Market) -> None:
    forge, task = market.forge, await market.worked()
    pushed = await market.client.post(f"{API}/tasks/{task}/publish", json={"branch": "work"})
    assert pushed.status_code == 200, pushed.text
    async with connect(place(forge.kind, forge.address), TOKEN) as api:
        await api.open(SHOP, Proposal("work", "main", "By hand", "Mine"))
    forge.faults.stale = 1  # the list does not show it yet
    told = (await market.open(task)).json()["pull_request"]
    assert (told["number"], told["title"], forge.world.pulls[SHOP, 1].body) == (1, "By hand", "Mine")
    again = (await market.open(task)).json()["pull_request"]
    assert {**again, "at": 0.0} == {**told, "at": 0.0}
    assert len(forge.world.pulls) == 1


async def test_after_a_pull_request_is_over_the_next_one_has_a_branch_of_its_own(market: Market) -> None:
    forge, task = market.forge, await market.worked(FIX, OTHER)
    first = (await market.open(task)).json()["pull_request"]["branch"]
    forge.world.merge(SHOP, 1)
    forge.world.git(forge.world.bare(SHOP), "update-ref", "-d", f"refs/heads/{first}")
    merged = (await market.client.post(f"{API}/tasks/{task}/pull-request/refresh")).json()
    assert (merged["pull_request"]["state"], merged["branch"]) == ("merged", f"{first}-2")
    again = await market.open(task, attempt="2")
    assert again.status_code == 200, again.text
    told = again.json()["pull_request"]
    assert (told["number"], told["branch"], told["state"]) == (2, f"{first}-2", "open")


# ---------------------------------------------------------------- what goes wrong


async def test_where_no_pull_request_can_be_opened_it_is_said_why(market: Market, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    forge, task = market.forge, await market.worked()
    forge.world.tokens[TOKEN] = Rights(pulls=False)
    refused = await market.open(task)
    assert refused.status_code == 409
    branch = f"journeyman/make-it-two-please-{task[-4:]}"
    assert f"The branch {branch} was pushed, and nothing further was done." in message(refused)
    assert ("pull_requests=write" in message(refused)) or ("scopes api" in message(refused))
    forge.world.tokens[TOKEN] = Rights(repositories=())
    unseen = await market.open(task, branch="never")
    assert "shows no repository example/shop" in message(unseen)
    del forge.world.tokens[TOKEN]
    revoked = await market.open(task, branch="never")
    assert (revoked.status_code, "does not accept the token" in message(revoked)) == (409, True)
    forge.faults.down = True
    down = await market.open(task, branch="never")
    assert (down.status_code, "502" in message(down)) == (409, True)
    assert forge.world.head(SHOP, "never") is None and not forge.world.pulls
    for answer in (refused, unseen, revoked, down):
        assert TOKEN not in answer.text
    none = await market.client.post(f"{API}/tasks/{task}/pull-request/refresh")
    assert (none.status_code, "No pull request was opened" in message(none)) == (409, True)
    await market.client.delete(f"{API}/forges/{market.name}")
    offered = await market.publishing(task)
    assert offered["forge"] is None and offered["forge_reason"].startswith(f"No forge is set up for {market.remote}.")
    assert (await market.open(task)).status_code == 409

    git(tmp_path, "init", "-q", str(folder))
    (folder / "a.txt").write_text("one\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "First")
    local = await market.publishing(await market.desk.worked(str(folder)))
    assert local["forge"] is None and local["forge_reason"] == local["reason"] != ""


async def test_a_branch_that_a_person_moved_is_left_as_it_is(market: Market) -> None:
    forge, task = market.forge, await market.worked(FIX, OTHER)
    branch = (await market.open(task)).json()["pull_request"]["branch"]
    theirs = forge.world.commit(SHOP, {"c.txt": "mine\n"}, "By a person", branch)
    refused = await market.open(task, attempt="2")
    assert (refused.status_code, "nothing was pushed" in message(refused)) == (409, True)
    assert forge.world.head(SHOP, branch) == theirs


async def test_a_protected_branch_and_the_base_itself_are_not_pushed_to(market: Market) -> None:
    forge, task = market.forge, await market.worked()
    main = forge.world.head(SHOP, "main")
    itself = await market.open(task, branch="main")
    assert (itself.status_code, "cannot be taken into itself" in message(itself)) == (409, True)
    forge.world.protect(SHOP, "guarded")
    guarded = await market.open(task, branch="guarded")
    assert (guarded.status_code, "protects the branch" in message(guarded)) == (409, True)
    assert forge.world.head(SHOP, "main") == main and not forge.world.pulls


async def test_neither_git_nor_the_api_takes_the_token_elsewhere(market: Market, tmp_path: Path) -> None:
    task = await market.worked()
    with ForgeServer("github", tmp_path / "evil") as evil:
        market.forge.faults.redirect = evil.address
        for answer in (
            await market.open(task),
            await market.client.post(f"{API}/tasks/{task}/publish", json={}),
            await market.client.get(f"{API}/branches", params={"repository": market.remote}),
        ):
            assert answer.status_code == 409, answer.text
        assert evil.requests == []


async def test_the_folder_of_a_clone_uses_its_origin_and_the_forges_default_branch(
    market: Market, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    git(tmp_path, "clone", "-q", str(market.forge.world.bare(SHOP)), str(folder))
    git(folder, "remote", "set-url", "origin", market.remote)
    git(folder, "checkout", "-q", "-b", "mine")
    task = await market.desk.worked(str(folder))
    offered = await market.publishing(task)
    assert (offered["forge"]["base"], offered["forge"]["repository"]) == ("main", SHOP)
    market.forge.faults.down = True
    offered = await market.publishing(task)
    assert offered["forge"] is None and "502" in offered["forge_reason"]
    market.forge.faults.down = False
    assert (await market.open(task)).json()["pull_request"]["base"] == "main"


# ---------------------------------------------------------------- afterwards


@asynccontextmanager
async def watched(market: Market, now: Now | None = None) -> AsyncGenerator[tuple[Watcher, Now]]:
    """A watcher over the same store, with a clock that is moved by hand."""
    now = now or Now()
    async with open_store(market.desk.home, clock=now) as store:
        yield Watcher(store, now, 60.0), now


async def test_what_becomes_of_a_pull_request_is_seen_in_the_list(market: Market) -> None:
    forge, task = market.forge, await market.worked()
    await market.open(task)
    now = Now()
    async with watched(market, now) as (watcher, _), watched(market, now) as (other, _):
        now.at = market_time = (await market.line(task))["pull_request"]["at"] + 61
        forge.world.check(SHOP, 1, "running")
        before = len(forge.requests)
        await watcher.look()
        asked = len(forge.requests) - before
        await other.look()
        assert len(forge.requests) - before == asked > 0  # of two watchers one asks
        assert (await market.line(task))["pull_request"]["checks"] == "running"
        seen = await market.desk.store.events(f"{task}.1.1")
        now.at = market_time + 59
        forge.world.check(SHOP, 1, "passed")
        await watcher.look()
        assert (await market.line(task))["pull_request"]["checks"] == "running"
        now.at = market_time + 60
        forge.world.merge(SHOP, 1)
        await watcher.look()
        told = (await market.line(task))["pull_request"]
        assert (told["state"], told["checks"], told["at"]) == ("merged", "passed", now.at)
        now.at += 3600
        before = len(forge.requests)
        await watcher.look()
        assert len(forge.requests) == before
    events = (await market.desk.store.events(f"{task}.1.1"))[len(seen) :]
    assert [event.kind for event in events] == ["pull_request"]


async def test_what_the_forge_says_again_is_not_written_again(market: Market) -> None:
    task = await market.worked()
    await market.open(task)
    before = await market.desk.store.events(f"{task}.1.1")
    async with watched(market) as (watcher, now):
        now.at = (await market.line(task))["pull_request"]["at"] + 61
        await watcher.look()
    assert await market.desk.store.events(f"{task}.1.1") == before
    assert isinstance(before[-1], PullRequestChanged) and before[-1].person is None


async def test_a_forge_that_refuses_is_told_of_and_one_that_is_busy_is_left_alone(market: Market) -> None:
    forge, task = market.forge, await market.worked()
    await market.open(task)
    async with watched(market) as (watcher, now):
        now.at = (await market.line(task))["pull_request"]["at"] + 61
        forge.faults.limited, forge.faults.wait = 1, 500
        await watcher.look()
        before = len(forge.requests)
        now.at += 400
        await watcher.look()
        assert len(forge.requests) == before
        [line] = (await market.client.get(f"{API}/forges")).json()["forges"]
        assert line["error"] == ""
        now.at += 101
        rights = forge.world.tokens.pop(TOKEN)
        await watcher.look()
        [line] = (await market.client.get(f"{API}/forges")).json()["forges"]
        assert "does not accept the token" in line["error"]
        forge.world.tokens[TOKEN] = rights
        forge.world.close(SHOP, 1)
        now.at += 60
        await watcher.look()
        [line] = (await market.client.get(f"{API}/forges")).json()["forges"]
        assert line["error"] == ""
        assert (await market.line(task))["pull_request"]["state"] == "closed"


async def test_an_attempt_that_is_being_worked_on_is_looked_at_later(market: Market) -> None:
    forge, task = market.forge, await market.worked()
    await market.open(task)
    forge.world.merge(SHOP, 1)
    async with watched(market) as (watcher, now):
        now.at = (await market.line(task))["pull_request"]["at"] + 61
        async with watcher.store.claim(f"{task}.1.1", this_process()):
            await watcher.look()
        assert (await market.line(task))["pull_request"]["state"] == "open"
        now.at += 60
        await watcher.look()
        assert (await market.line(task))["pull_request"]["state"] == "merged"
