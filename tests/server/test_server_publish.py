"""Results pushed as branches: a real attempt, a real git, a repository elsewhere in a folder."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from journeyman.core.events import Published
from journeyman.store import open_store
from tests.conftest import git, lay
from tests.server.desk import ELSEWHERE, FIX, OTHER, Desk
from tests.server.worked import API, Worked, served


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
