"""Results pushed as branches: a real attempt, a real git, a repository elsewhere in a folder."""

import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.clones import Ground
from journeyman.attempt.host import Host, ModelPlan, Tell
from journeyman.attempt.run import run_attempt
from journeyman.core.events import Published
from journeyman.core.model import call
from journeyman.models.protocol import Model
from journeyman.models.scripted import Scripted
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.server.auth.gate import SignIn
from journeyman.server.parts import Parts
from journeyman.server.service import create_service
from journeyman.store import open_store, this_process
from journeyman.store.store import Store
from tests.conftest import git, lay
from tests.server.worked import API, PROFILE, Worked, served

GIT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}
FIX = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch"
OTHER = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+three\n*** End Patch"
ELSEWHERE = "https://git.example.com/shop.git"
"""An address that git is told to find in a folder."""


@dataclass(frozen=True, slots=True)
class Desk:
    """A service and what it works on: `bare` is the repository elsewhere, `folder` a clone of it on this machine."""

    home: Path
    store: Store
    bare: Path
    folder: Path

    @property
    def address(self) -> str:
        return f"file://{self.bare}"

    @property
    def git(self) -> Mapping[str, str]:
        """What git sees of the environment."""
        there = {"GIT_CONFIG_KEY_0": f"url.{self.address}.insteadOf", "GIT_CONFIG_VALUE_0": ELSEWHERE}
        return {**GIT, "GIT_CONFIG_COUNT": "1", **there}

    async def worked(self, place: str, *patches: str) -> str:
        """The id of a task on the repository at `place`, done by an attempt for each patch."""
        scripts = iter(patches or (FIX,))

        @asynccontextmanager
        async def open_model(name: str, tell: Tell | None) -> AsyncGenerator[Model]:
            yield Scripted((call("apply_patch", "c1", patch=next(scripts)), "It is done."), PROFILE)

        host = Host(
            state=self.home,
            home=self.home,
            path="/usr/bin:/bin",
            store=self.store,
            backend=Bubblewrap(self.home / "sandbox"),
            open_model=open_model,
            holder=this_process(),
            own_prefix=Path(sys.prefix),
            clock=time.time,
            git_environment=self.git,
        )
        order = Order("Make it two, please!", "code", place, ModelPlan("scripted", PROFILE), attempts=len(patches) or 1)
        new = await draft(order, Ground(self.home, None, self.git))
        await self.store.create(new.task, new.attempts, new.firsts, turn=new.turn)
        for attempt in new.attempts:
            await run_attempt(host, attempt.id)
        await self.store.update_task(new.task.id, status="done", chosen=new.attempts[0].id)
        return new.task.id

    @asynccontextmanager
    async def client(self, **fields: Any) -> AsyncGenerator[httpx.AsyncClient]:
        parts = Parts(
            store=self.store,
            engine=None,  # type: ignore[arg-type]
            state=self.home,
            clock=time.time,
            model="scripted",
            git=self.git,
            **fields,
        )
        app = create_service(parts, SignIn(open=True))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client

    def said(self, *words: str) -> str:
        return git(self.bare, *words).strip()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    bare, folder, home = tmp_path / "remote.git", tmp_path / "shop", tmp_path / "home"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(tmp_path, "clone", "-q", str(bare), str(folder))
    lay(folder, {"a.txt": "one\n", "b.txt": "kept\n"})
    git(folder, "checkout", "-qB", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "-qm", "First")
    git(folder, "push", "-q", "origin", "main")
    async with open_store(home) as store:
        yield Desk(home, store, bare, folder)


async def test_a_result_is_pushed_as_a_branch_and_the_log_says_so(desk: Desk) -> None:
    task = await desk.worked(desk.address)
    url = f"{API}/tasks/{task}/publish"
    async with desk.client() as client:
        before = (await client.get(f"{API}/tasks/{task}")).json()["task"]
        offered = (await client.get(url)).json()
        branch = f"journeyman/make-it-two-please-{task[-4:]}"
        assert (offered["remote"], offered["reason"], offered["branch"]) == (desk.address, "", branch)
        done = await client.post(url, json={})
        assert done.status_code == 200, done.text
        [pushed] = done.json()["published"]
        assert (pushed["attempt"], pushed["branch"], pushed["remote"]) == ("1.1", branch, desk.address)
        assert desk.said("rev-parse", branch) == pushed["commit"]
        assert desk.said("show", f"{branch}:a.txt") == "two"
        assert desk.said("log", "--format=%an %s", f"main..{branch}") == "Journeyman Make it two, please!"
        assert f"Journeyman-Task: {task}" in desk.said("log", "-1", "--format=%B", branch)

        after = (await client.get(f"{API}/tasks/{task}")).json()["task"]
        assert after["summary"]["branch"] == branch
        assert after["ended"] == before["ended"]  # what is done with the result is no work on it
        [event] = await desk.store.pages.of_kinds(f"{task}.1.1", ("published",))
        assert isinstance(event, Published)
        assert (event.branch, event.commit) == (branch, pushed["commit"])
        work = (await client.get(f"{API}/tasks/{task}/attempts/1/work")).json()["entries"]
        assert branch in work[-1]["text"]

        again = await client.post(url, json={})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
        named = await client.post(url, json={"branch": "mine", "message": "In my words"})
        assert [one["branch"] for one in named.json()["published"]] == [branch, "mine"]
        assert desk.said("log", "-1", "--format=%s", "mine") == "In my words"


async def test_what_somebody_else_has_on_a_branch_is_never_overwritten(desk: Desk) -> None:
    task = await desk.worked(desk.address)
    main = desk.said("rev-parse", "main")
    async with desk.client() as client:
        for branch in ("main", "a..b"):
            answer = await client.post(f"{API}/tasks/{task}/publish", json={"branch": branch})
            assert answer.status_code in (400, 409), answer.text
        assert desk.said("rev-parse", "main") == main
        assert (await client.get(f"{API}/tasks/{task}/publish")).json()["published"] == []


async def test_a_folder_is_pushed_nowhere_where_its_origin_is_one(desk: Desk) -> None:
    task = await desk.worked(str(desk.folder))
    async with desk.client() as client:
        offered = (await client.get(f"{API}/tasks/{task}/publish")).json()
        assert offered["remote"] is None
        assert "origin" in offered["reason"]
        answer = await client.post(f"{API}/tasks/{task}/publish", json={})
        assert (answer.status_code, answer.json()["error"]["message"]) == (409, offered["reason"])
        git(desk.folder, "remote", "set-url", "origin", "https://jo:secret@git.example.com/shop.git")
        offered = (await client.get(f"{API}/tasks/{task}/publish")).json()
        assert (offered["remote"], offered["reason"]) == ("https://git.example.com/shop.git", "")


async def test_a_service_can_be_set_up_not_to_push(desk: Desk) -> None:
    task = await desk.worked(desk.address)
    async with desk.client(push=False) as client:
        offered = (await client.get(f"{API}/tasks/{task}/publish")).json()
        assert offered["remote"] is None
        assert "set up not to push" in offered["reason"]


async def test_a_later_result_is_added_to_the_branch(desk: Desk) -> None:
    task = await desk.worked(desk.address, FIX, OTHER)
    url = f"{API}/tasks/{task}/publish"
    async with desk.client() as client:
        await client.post(url, json={"branch": "work"})
        done = await client.post(url, json={"attempt": "2"})
        pushed = [(one["attempt"], one["branch"]) for one in done.json()["published"]]
        assert pushed == [("1.1", "work"), ("1.2", "work")]
        assert desk.said("log", "--format=%s", "main..work").splitlines() == ["Make it two, please!"] * 2
        assert desk.said("show", "work:a.txt") == "three"

        git(desk.folder, "fetch", "-q", "origin", "work")
        git(desk.folder, "checkout", "-q", "work")
        git(desk.folder, "commit", "-q", "--allow-empty", "-m", "By a person")
        git(desk.folder, "push", "-q", "origin", "work")
        refused = await client.post(url, json={"attempt": "1"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
        assert desk.said("log", "-1", "--format=%s", "work") == "By a person"


async def test_what_was_not_committed_stays_where_it_is(desk: Desk) -> None:
    git(desk.folder, "remote", "set-url", "origin", ELSEWHERE)
    (desk.folder / "b.txt").write_text("not for others\n")
    (desk.folder / "private.txt").write_text("not for others\n")
    task = await desk.worked(str(desk.folder))
    async with desk.client() as client:
        pushed = await client.post(f"{API}/tasks/{task}/publish", json={"branch": "clean"})
        assert pushed.status_code == 200, pushed.text
        assert desk.said("diff", "--name-only", "main", "clean") == "a.txt"


async def test_what_changed_nothing_has_nothing_to_push(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        offered = (await client.get(f"{API}/tasks/{worked.task}/publish", params={"attempt": "2"})).json()
        assert offered["remote"] is None
        assert "origin" in offered["reason"]
