"""What an attempt did, as the API tells it: over attempts that were really worked."""

import json
import shutil
import sqlite3
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeyman.core.events import Event, Progressed, Replied, ToolReturned, ToolStarted
from journeyman.core.model import call
from journeyman.core.task import Attempt, Task
from journeyman.store import open_store, this_process
from journeyman.testing.postgres import PostgresServer
from tests.server.worked import API, PROMPT, Worked, asked, served


async def got(client: httpx.AsyncClient, worked: Worked, where: str, /, **query: Any) -> Any:
    answer = await client.get(f"{API}/tasks/{worked.task}{where}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_task_opens_with_its_turns_and_what_can_be_done(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        page = await got(client, worked, "")
        assert page["prompt"] == PROMPT
        task = page["task"]
        assert (task["status"], task["verdict"], task["needs"], task["unread"]) == ("done", "verified", "review", True)
        assert (task["summary"]["files"], task["summary"]["fixed"], task["attempts"]) == (3, 1, 2)
        [turn] = page["turns"]
        assert [(one["name"], one["verdict"], one["chosen"]) for one in turn["attempts"]] == [
            ("1.1", "verified", True),
            ("1.2", "failing", False),
        ]
        assert turn["why"] == ("Attempt 1 of 2: every check passes on its result, which holds for no other attempt.")
        assert page["acts"] == ["follow_up", "choose", "publish", "archive", "delete"]
        used = await got(client, worked, "/usage")
        assert used["total"] == task["usage"]
        assert [one["name"] for one in used["attempts"]] == ["1.1", "1.2"]


@pytest.mark.parametrize("name", ["chosen", "1", "1.1", "whole"])
async def test_an_attempt_has_several_names(worked: Worked, tmp_path: Path, name: str) -> None:
    name = f"{worked.task}.1.1" if name == "whole" else name
    async with served(worked, tmp_path) as (client, _):
        view = await got(client, worked, f"/attempts/{name}")
        assert view["attempt"]["name"] == "1.1"
        assert [step["step"] for step in view["plan"]] == ["look", "mend"]
        assert (view["opened"]["backend"], view["stop"], view["mode"]) == ("bubblewrap", "finished", "code")
        assert view["answer"] == view["result"]["summary"]
        for unknown in ("3", "2.1", "nothing", f"{worked.task}x.1.1"):
            answer = await client.get(f"{API}/tasks/{worked.task}/attempts/{unknown}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_the_work_log_has_steps_with_their_calls(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        page = await got(client, worked, "/attempts/1/work")
        steps = [entry for entry in page["entries"] if entry["kind"] == "step"]
        assert [[call["name"] for call in step["calls"]] for step in steps] == [
            ["update_plan"],
            ["exec_command"],
            ["apply_patch"],
            ["exec_command"],
            [],
        ]
        assert [step["number"] for step in steps] == [1, 2, 3, 4, 5]
        assert [call["status"] for step in steps for call in step["calls"]] == [*["completed"] * 3, "failed"]
        assert [change["path"] for change in steps[2]["calls"][0]["detail"]["changes"]] == [
            "shop/total.py",
            "shop/old.py",
            "shop/new é.py",
        ]
        assert steps[2]["calls"][0]["files"] is True
        checks = [
            (entry["run"]["on"], entry["run"]["exit_code"]) for entry in page["entries"] if entry["kind"] == "check"
        ]
        assert checks == [("base", 1), ("result", 0)]
        assert page["steps"] == 5


async def test_the_work_log_in_small_pages_is_the_same_from_both_ends(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        whole = (await got(client, worked, "/attempts/1/work"))["entries"]
        forward, after = [], 0
        while after is not None:
            page = await got(client, worked, "/attempts/1/work", after=after, limit=2)
            assert len(page["entries"]) <= 2
            forward += page["entries"]
            after = page["after"]
        backward, before = [], None
        while True:
            place = {} if before is None else {"before": before}
            page = await got(client, worked, "/attempts/1/work", limit=2, **place)
            backward = [*page["entries"], *backward]
            if (before := page["before"]) is None:
                break
        assert forward == whole
        assert backward == whole


@pytest.mark.parametrize("offset", [0, 1, 2])
async def test_a_page_of_a_long_work_log_reads_no_more_than_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int
) -> None:
    """Wherever the stretches that are read begin: in steps of three events each one may begin within a step."""
    async with open_store(tmp_path / "home") as store:
        task = Task(id="0long", prompt="p", mode="code", repository="/r", model="m", created=1.0)
        await store.create(task, [Attempt(id="0long.1.1", task_id="0long")])
        async with store.claim("0long.1.1", this_process()) as log:
            await log.append(*[Progressed(text="Setting up")] * offset)
            for number in range(500):
                name = f"c{number}"
                await log.append(
                    Replied(reply=call("shell", name, command="true"), seconds=1.0),
                    ToolStarted(call_id=name, name="shell"),
                    ToolReturned(call_id=name, name="shell", content="ok"),
                )
        read = 0
        pages = type(store.pages)

        def counted(name: str) -> None:
            whole = getattr(pages, name)

            async def reading(self: Any, *given: Any) -> list[Event]:
                nonlocal read
                events = await whole(self, *given)
                read += len(events)
                return events

            monkeypatch.setattr(pages, name, reading)

        counted("before")
        counted("after")
        async with asked(store, tmp_path / "home") as client:
            for place in ({}, {"before": 700}, {"after": 700}, {"after": 0}):
                read = 0
                answer = await client.get(f"{API}/tasks/0long/attempts/1/work", params={"limit": 30, **place})
                entries = answer.json()["entries"]
                assert len(entries) == 30
                steps = [entry for entry in entries if entry["kind"] == "step"]
                assert [step["calls"][0]["content"] for step in steps] == ["ok"] * len(steps)
                assert [step["number"] for step in steps] == [
                    int(step["calls"][0]["call_id"][1:]) + 1 for step in steps
                ]
                assert read <= 500


async def test_the_terminal_is_read_by_lines_and_replayed_in_its_time(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        page = await got(client, worked, "/attempts/1/commands")
        shown = [(one["origin"], one["exit_code"], one["size"] > 0) for one in page["commands"]]
        assert sorted(shown) == [("agent", 0, True), ("agent", 1, True), ("check", 0, True), ("check", 1, True)]
        text = await got(client, worked, f"/attempts/1/chunks/{worked.chunk}", start=2, end=9)
        assert (text["lines"], text["start"], text["end"], text["total"]) == (["two", "red"], 2, 3, 3)
        answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/chunks/{worked.chunk}/raw")
        assert answer.content == b"one\ntwo\n\x1b[31mred\x1b[0m\n"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment")
        answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/chunks/{worked.chunk}/cast")
        header, *frames = map(json.loads, answer.text.splitlines())
        assert header["version"] == 2
        output = [(at, said) for at, kind, said in frames if kind == "o"][1:]
        assert "".join(said for _, said in output) == "one\r\ntwo\r\n\x1b[31mred\x1b[0m\r\n"
        assert output[-1][0] - output[0][0] >= 0.05  # it slept a tenth of a second in between
        whole = await client.get(f"{API}/tasks/{worked.task}/attempts/1/terminal")
        marks = [frame[2] for frame in map(json.loads, whole.text.splitlines()[1:]) if frame[1] == "m"]
        assert len(marks) == 4
        assert (await client.get(f"{API}/tasks/{worked.task}/attempts/1/chunks/ffffff")).status_code == 404


async def test_changes_against_the_base_and_another_attempt(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        diff = await got(client, worked, "/attempts/1/diff")
        assert [(file["path"], file["kind"], file["added"], file["removed"]) for file in diff["files"]] == [
            ("shop/new é.py", "add", 1, 0),
            ("shop/old.py", "delete", 0, 1),
            ("shop/total.py", "update", 1, 1),
        ]
        [hunk] = diff["files"][2]["hunks"]
        assert [(line["kind"], line["old"], line["new"]) for line in hunk["lines"]] == [
            (" ", 1, 1),
            ("-", 2, None),
            ("+", None, 2),
            (" ", 3, 3),
            (" ", 4, 4),
            (" ", 5, 5),
        ]
        patch = await client.get(f"{API}/tasks/{worked.task}/attempts/1/patch")
        assert patch.text == diff["unified"]
        tight = await got(client, worked, "/attempts/1/diff", context=0, path="shop/total.py")
        assert [len(hunk["lines"]) for hunk in tight["files"][0]["hunks"]] == [2]
        assert [file["path"] for file in tight["files"]] == ["shop/total.py"]
        other = await got(client, worked, "/attempts/1/diff", against="2")
        assert other["against"] == "1.2"
        assert [file["path"] for file in other["files"]] == ["shop/new é.py", "shop/old.py", "shop/total.py"]
        assert (await got(client, worked, "/attempts/2/diff", against="turn-1"))["against"] == "1.1"
        for wrong in ("9", "turn-9", "nothing"):
            answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/diff", params={"against": wrong})
            assert answer.status_code == 404


async def test_a_patch_is_here_though_the_repository_is_not(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        (tmp_path / "home" / "git").rename(tmp_path / "home" / "elsewhere")
        moved = worked.repository.with_name("moved")
        worked.repository.rename(moved)
        try:
            assert len((await got(client, worked, "/attempts/1/diff"))["files"]) == 3
            answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/diff", params={"against": "2"})
            assert answer.status_code == 409
            assert "on another machine" in answer.json()["error"]["message"]
            files = await got(client, worked, "/attempts/1/files", folder="shop")
            assert files["complete"] is False
            assert [entry["path"] for entry in files["entries"]] == ["shop/new é.py", "shop/old.py", "shop/total.py"]
            text = await got(client, worked, "/attempts/1/files/text", path="shop/total.py")
            assert text["lines"][1] == "    result = 0"
        finally:
            moved.rename(worked.repository)


async def test_the_files_of_the_workspace_at_any_step(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        work = (await got(client, worked, "/attempts/1/work"))["entries"]
        patched = next(
            call["seq"] + 1
            for entry in work
            if entry["kind"] == "step"
            for call in entry["calls"]
            if call["name"] == "apply_patch"
        )
        before = await got(client, worked, "/attempts/1/files", folder="shop", seq=patched - 1)
        assert [(entry["path"], entry["changed"]) for entry in before["entries"]] == [
            ("shop/__init__.py", None),
            ("shop/old.py", None),
            ("shop/total.py", None),
        ]
        after = await got(client, worked, "/attempts/1/files", folder="shop")
        assert [(entry["path"], entry["changed"]) for entry in after["entries"]] == [
            ("shop/__init__.py", None),
            ("shop/new é.py", "add"),
            ("shop/old.py", "delete"),
            ("shop/total.py", "update"),
        ]
        deep = await got(client, worked, "/attempts/1/files", deep=True, seq=1)
        assert [entry["path"] for entry in deep["entries"] if entry["kind"] == "file"] == [
            "check.sh",
            "shop/__init__.py",
            "shop/old.py",
            "shop/total.py",
        ]
        old = await got(client, worked, "/attempts/1/files/text", path="shop/total.py", seq=1, start=2, end=2)
        new = await got(client, worked, "/attempts/1/files/text", path="shop/total.py", start=2, end=2)
        assert (old["lines"], new["lines"]) == (["    result = None"], ["    result = 0"])
        assert (old["changed"], new["changed"]) == (None, "update")
        raw = await client.get(f"{API}/tasks/{worked.task}/attempts/1/files/raw", params={"path": "shop/new é.py"})
        assert (raw.content, raw.headers["content-type"]) == (b"fresh = True\n", "application/octet-stream")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "shop//total.py", "shop/./total.py", "a\0b", "a\nb"])
async def test_no_path_leads_out_of_the_workspace(worked: Worked, tmp_path: Path, path: str) -> None:
    async with served(worked, tmp_path) as (client, _):
        for route in ("text", "raw"):
            answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/files/{route}", params={"path": path})
            assert answer.status_code == (400 if "\0" in path else 422)
        for gone in ("shop/old.py", "shop", ".git/config", "nowhere"):
            answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/files/raw", params={"path": gone})
            assert answer.status_code == 404


async def test_checks_evidence_and_citations(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        [check] = (await got(client, worked, "/attempts/1/checks"))["checks"]
        assert (check["base"]["exit_code"], check["result"]["exit_code"]) == (1, 0)
        assert check["sentence"] == "The check failed (exit code 1) before, and passes now."
        assert not check["result"]["stale"]
        evidence = await got(client, worked, "/attempts/1/evidence")
        assert (evidence["verdict"], len(evidence["checks"])) == ("verified", 1)
        cited = (await got(client, worked, "/attempts/1/citations"))["citations"]
        assert cited == evidence["citations"]
        assert [(one["citation"]["target"], one["citation"]["supported"]) for one in cited] == [
            ("shop/total.py", True),
            ("shop/missing.py", False),
            (worked.chunk, False),
        ]
        assert cited[2]["citation"]["reason"] == "Files were changed after this command ran."
        assert cited[0]["lines"][1] == "    result = 0"
        assert (cited[2]["lines"], cited[2]["exit_code"]) == (["one", "two", "red", ""], 0)


async def test_attempts_side_by_side(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, store):
        matrix = await got(client, worked, "/matrix")
        assert [(one["attempt"]["name"], one["rank"]) for one in matrix["columns"]] == [("1.1", 1), ("1.2", 2)]
        assert matrix["rows"] == [
            {
                "check": "sh check.sh",
                "test": None,
                "base": "failed",
                "attempts": {"1.1": "passed", "1.2": "failed"},
            }
        ]
        changed = await client.post(f"{API}/tasks/{worked.task}/choose", json={"attempt": "1.2"})
        assert changed.json()["task"]["chosen"] == f"{worked.task}.1.2"
        matrix = await got(client, worked, "/matrix")
        assert matrix["why"] == "Attempt 2 was chosen by a person; by the checks it would be attempt 1."
        assert (await store.turns.get(worked.task, 1)).chosen == f"{worked.task}.1.2"


async def test_where_the_time_went(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        timeline = await got(client, worked, "/attempts/1/timeline")
        kinds = [span["kind"] for span in timeline["spans"]]
        assert (kinds.count("model"), kinds.count("tool"), kinds.count("check"), kinds[0]) == (5, 4, 2, "open")
        assert all(span["end"] >= span["start"] for span in timeline["spans"])
        assert timeline["totals"]["tool"] >= 0.1
        part = await got(client, worked, "/attempts/1/timeline", limit=5)
        rest = await got(client, worked, "/attempts/1/timeline", after=part["after"], limit=10_000)
        assert [span["step"] for span in rest["spans"] if span["kind"] == "model"][-1] == 5


async def test_events_page_by_page_and_attempt_by_attempt(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, store):
        events, cursor = [], 0
        while cursor is not None:
            page = await got(client, worked, "/log", after=cursor, limit=7)
            events += page["events"]
            cursor = page["cursor"]
        assert [one["place"] for one in events] == list(range(1, len(events) + 1))
        mine = (await got(client, worked, "/attempts/2/events", limit=1000))["events"]
        assert mine == [one for one in events if one["attempt"].endswith(".2")]
        assert len(events) == (await store.task(worked.task)).seq


async def test_commands_are_found_by_their_output(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        everything = (await got(client, worked, "/attempts/1/commands"))["commands"]
        for words, found in (("RED", ["printf"]), ("nowhere.txt", ["cat nowhere.txt"]), ("not in any", [])):
            told = (await got(client, worked, "/attempts/1/commands", search=words))["commands"]
            assert [view["command"][: len(begins)] for view, begins in zip(told, found, strict=True)] == found
            assert all(view in everything for view in told)


async def test_the_changes_of_an_attempt_at_work_are_those_of_its_last_checkpoint(
    worked: Worked, tmp_path: Path
) -> None:
    async with served(worked, tmp_path) as (client, _):
        whole = await got(client, worked, "/attempts/1/diff")
        assert not whole["so_far"]
        unfinished(tmp_path / "home", f"{worked.task}.1.1")
        assert await got(client, worked, "/attempts/1/diff") == {**whole, "so_far": True}
        only = await got(client, worked, "/attempts/1/diff", context=0, path="shop/total.py", against="2")
        assert [file["path"] for file in only["files"]] == ["shop/total.py"]
        answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/patch")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
        (tmp_path / "home" / "git").rename(tmp_path / "home" / "elsewhere")
        worked.repository.rename(worked.repository.with_name("elsewhere"))
        try:
            answer = await client.get(f"{API}/tasks/{worked.task}/attempts/1/diff")
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
        finally:
            worked.repository.with_name("elsewhere").rename(worked.repository)


def unfinished(home: Path, attempt_id: str) -> None:
    """As if an attempt had not come to its end yet."""
    with closing(sqlite3.connect(home / "journeyman.sqlite")) as database, database:
        database.execute("DELETE FROM event WHERE attempt_id = ? AND kind = 'finished'", (attempt_id,))
        database.execute("UPDATE attempt SET verdict = NULL, status = 'running' WHERE id = ?", (attempt_id,))


async def test_what_is_not_there_yet_is_told_apart_from_what_is_not(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, store):
        task = Task(id="0new", prompt="p", mode="code", repository="/r", model="m", created=1.0)
        await store.create(task, [Attempt(id="0new.1.1", task_id="0new")])
        for path in ("result", "evidence", "diff", "patch", "citations", "files"):
            answer = await client.get(f"{API}/tasks/0new/attempts/1/{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready"), path
        for path in ("", "/work", "/timeline", "/commands", "/checks", "/terminal"):
            assert (await client.get(f"{API}/tasks/0new/attempts/1{path}")).status_code == 200, path


async def test_it_is_the_same_on_postgresql(worked: Worked, tmp_path: Path, postgres: PostgresServer) -> None:
    attempt = f"/tasks/{worked.task}/attempts/1.1"
    paths = [f"{attempt}{path}" for path in ("", "/work?limit=3", "/commands", "/checks", "/timeline", "/citations")]
    paths += [
        f"{attempt}/files?deep=true",
        f"{attempt}/diff?context=1",
        f"/tasks/{worked.task}/log",
        f"{attempt}/events",
    ]
    paths += [f"/tasks/{worked.task}/matrix", f"/tasks/{worked.task}/usage", f"{attempt}/chunks/{worked.chunk}"]
    file = BytesIO()
    async with served(worked, tmp_path) as (client, store):
        wanted = [(await client.get(f"{API}{path}")).json() for path in paths]
        await store.transfer.write(worked.task, file)
    home = tmp_path / "home"
    async with open_store(home, url=postgres.emptied()) as store:
        await store.transfer.read(file)
        async with asked(store, home) as client:
            for path, answer in zip(paths, wanted, strict=True):
                assert (await client.get(f"{API}{path}")).json() == answer, path
            for path in ("/tasks?search=raises", "/tasks?unread=true", f"/tasks/{worked.task[:9]}"):
                assert worked.task in (await client.get(f"{API}{path}")).text, path
            assert (await client.get(f"{API}/tasks/counts")).json()["done"] == 1


async def test_what_another_machine_came_to_is_made_from_its_patch(worked: Worked, tmp_path: Path) -> None:
    async with served(worked, tmp_path) as (client, _):
        wanted = await got(client, worked, "/attempts/1/diff", against="2")
        ours = tmp_path / "home" / "git"
        for store in ours.iterdir():  # our git store as it is where nobody has worked on the task
            shutil.rmtree(store / "objects")
        assert await got(client, worked, "/attempts/1/diff", against="2") == wanted
        assert (await got(client, worked, "/attempts/1/files", folder="shop"))["complete"]
