"""A review over the API: the change that it looked at, and what it found."""

import json
from pathlib import Path

from journeyman.attempt.begin import Order, draft
from journeyman.attempt.clones import Ground
from journeyman.attempt.host import ModelPlan
from journeyman.attempt.run import run_attempt
from journeyman.core.model import say
from journeyman.store import open_store
from tests.conftest import MakeRepository, git, lay
from tests.server.worked import API, PROFILE, asked, host_of

BEFORE = "".join(f"line {number}\n" for number in range(1, 21))
FOUND = {
    "findings": [
        {
            "title": "[P1] Ten is gone",
            "body": "Others count on it.",
            "code_location": {"absolute_file_path": "lines.txt", "line_range": {"start": 10, "end": 11}},
        }
    ],
    "overall_correctness": "patch is incorrect",
}


async def test_the_change_that_was_reviewed_is_there_with_what_was_found(
    tmp_path: Path, make_repository: MakeRepository
) -> None:
    folder = make_repository({"lines.txt": BEFORE})
    git(folder, "checkout", "-q", "-b", "topic")
    lay(folder, {"lines.txt": BEFORE.replace("line 10\n", "changed\n")})
    git(folder, "commit", "-q", "-am", "Change")
    async with open_store(tmp_path / "home") as store:
        order = Order("Review it", "review", folder, ModelPlan("scripted", PROFILE), ref="topic", against="main")
        new = await draft(order, Ground(tmp_path / "home", None, {}))
        await store.create(new.task, new.attempts, new.firsts, turn=new.turn)
        path = f"{API}/tasks/{new.task.id}/attempts/1"
        async with asked(store, tmp_path / "home") as client:
            early = await client.get(f"{path}/diff", params={"against": "reviewed"})
            assert early.status_code == 200, early.text
            await run_attempt(host_of(tmp_path / "home", store, [say(json.dumps(FOUND))]), new.attempts[0].id)
            late = (await client.get(f"{path}/diff", params={"against": "reviewed"})).json()
            assert early.json() == late
            [file] = late["files"]
            assert (file["path"], late["against"], late["so_far"]) == ("lines.txt", "reviewed", False)
            assert [line["text"] for line in file["hunks"][0]["lines"] if line["kind"] == "+"] == ["changed"]
            whole = await client.get(f"{path}/diff", params={"against": "reviewed", "context": 100})
            assert len(whole.json()["files"][0]["hunks"][0]["lines"]) == 21
            patch = await client.get(f"{path}/patch", params={"against": "reviewed"})
            assert "+changed" in patch.text
            [finding] = (await client.get(path)).json()["result"]["review"]["findings"]
            assert (finding["title"], finding["start"], finding["end"]) == ("Ten is gone", 10, 11)
