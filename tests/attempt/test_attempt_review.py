"""Review mode: which change is looked at, what the model is shown, and what becomes of what it says."""

import json
from pathlib import Path

import pytest

from journeyman.core.errors import UsageError
from journeyman.core.events import AttemptStarted, Prepared
from journeyman.core.evidence import Citation
from journeyman.core.model import say
from journeyman.core.task import TurnRequest
from tests.attempt.conftest import MakeBench
from tests.attempt.test_attempt_turns import follow_up, hand_in, work, write
from tests.conftest import MakeRepository, git, lay

FILES = {"load.py": "def load(path):\n    return open(path).read()\n", "AGENTS.md": "Top.\n", "deep/x.txt": "x\n"}
SAID = {
    "findings": [
        {
            "title": "[P1] Close the file",
            "body": "It is never closed.",
            "priority": 1,
            "confidence_score": 0.9,
            "code_location": {"absolute_file_path": "load.py", "line_range": {"start": 2, "end": 2}},
        }
    ],
    "overall_correctness": "patch is incorrect",
    "overall_explanation": "A leak.",
    "overall_confidence_score": 0.8,
}


def commit(folder: Path, message: str, files: dict[str, str]) -> None:
    lay(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


async def shown(bench: MakeBench, request: TurnRequest) -> str:
    """The change that the model is shown."""
    one = bench([say("{}")])
    task = await hand_in(one, request)
    await work(one.host, f"{task}.1.1")
    [prepared] = [event for event in await one.host.store.events(f"{task}.1.1") if isinstance(event, Prepared)]
    [change] = [item.text for item in prepared.items if item.text.startswith("<change")]
    return change


def asked(folder: Path | str, **more: str) -> TurnRequest:
    given = {"prompt": "Review it", "mode": "review", "repository": str(folder), "environment": "off"}
    return TurnRequest.model_validate(given | more)


async def test_findings_are_read_placed_and_cited(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    lay(folder, {"load.py": "def load(path):\n    return open(path, encoding='utf-8').read()\n"})
    one = bench([say(json.dumps(SAID))])
    task = await hand_in(one, asked(folder))
    result = await work(one.host, f"{task}.1.1")
    assert result.review is not None and result.review.correct is False
    [finding] = result.review.findings
    assert (finding.title, finding.path, finding.start, finding.outside) == ("Close the file", "load.py", 2, False)
    assert result.verdict == "answered"
    assert "- [P1] Close the file 【F:load.py†L2】\n  It is never closed." in result.summary
    assert result.citations == (
        Citation(text="【F:load.py†L2】", kind="file", target="load.py", start=2, end=2, supported=True),
    )


async def test_changes_that_are_not_committed(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    lay(folder, {"load.py": "changed\n", "new.txt": "new\n"})
    change = await shown(bench, asked(folder))
    assert "+changed" in change and "+new" in change


async def test_a_branch_from_where_it_left_the_main_one(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, "One", {"one.txt": "first\n"})
    commit(folder, "Two", {"two.txt": "second\n"})
    git(folder, "checkout", "-q", "main")
    commit(folder, "Meanwhile", {"other.txt": "elsewhere\n"})
    change = await shown(bench, asked(folder, ref="topic"))
    assert "+first" in change and "+second" in change and "elsewhere" not in change


async def test_a_commit_of_the_main_branch_against_its_parent(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    folder = make_repository(FILES)
    commit(folder, "One", {"one.txt": "first\n"})
    commit(folder, "Two", {"two.txt": "second\n"})
    change = await shown(bench, asked(folder, ref="main"))
    assert "+second" in change and "first" not in change


async def test_the_first_commit_is_against_nothing(bench: MakeBench, make_repository: MakeRepository) -> None:
    change = await shown(bench, asked(make_repository(FILES), ref="main"))
    assert "+Top." in change and "+x" in change


async def test_what_a_person_names(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository(FILES)
    git(folder, "tag", "v1")
    commit(folder, "One", {"one.txt": "first\n"})
    commit(folder, "Two", {"two.txt": "second\n"})
    change = await shown(bench, asked(folder, against="v1"))
    assert "+first" in change and "+second" in change
    with pytest.raises(UsageError, match="no commit, branch or tag 'v2'"):
        await shown(bench, asked(folder, against="v2"))


async def test_a_repository_elsewhere_and_a_starting_diff(
    bench: MakeBench, make_repository: MakeRepository, tmp_path: Path
) -> None:
    folder = make_repository(FILES)
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, "One", {"one.txt": "first\n"})
    git(folder, "checkout", "-q", "main")
    bare = tmp_path / "shop.git"
    git(tmp_path, "clone", "-q", "--bare", str(folder), str(bare))
    change = await shown(bench, asked(f"file://{bare}", ref="topic"))
    assert "+first" in change
    patch = "--- a/deep/x.txt\n+++ b/deep/x.txt\n@@ -1 +1 @@\n-x\n+y\n"
    blob = await bench([]).host.store.put_blob(patch.encode())
    change = await shown(bench, asked(f"file://{bare}", ref="topic", starting_diff=blob))
    assert "+y" in change and "first" not in change


async def test_the_rules_of_the_folders_that_change_are_told(bench: MakeBench, make_repository: MakeRepository) -> None:
    folder = make_repository({**FILES, "deep/AGENTS.md": "Deep rules.\n"})
    lay(folder, {"deep/x.txt": "y\n"})
    one = bench([say("{}")])
    task = await hand_in(one, asked(folder))
    await work(one.host, f"{task}.1.1")
    [prepared] = [event for event in await one.host.store.events(f"{task}.1.1") if isinstance(event, Prepared)]
    assert any("Top." in item.text and "Deep rules." in item.text for item in prepared.items)


async def test_a_follow_up_may_review_the_work_of_the_turn_before(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    one = bench([write(1, "a.txt", "MADE"), say("Done."), say(json.dumps(SAID))])
    folder = make_repository(FILES)
    task = await hand_in(one, TurnRequest(prompt="Do it", repository=str(folder), environment="off"))
    await work(one.host, f"{task}.1.1")
    second = await follow_up(one, f"{task}.1.1", "Review it", "review")
    result = await work(one.host, second)
    start, _, *events = await one.host.store.events(second)
    assert isinstance(start, AttemptStarted)
    [prepared] = [event for event in events if isinstance(event, Prepared)]
    [change] = [item.text for item in prepared.items if item.text.startswith("<change")]
    assert "+MADE" in change
    assert result.review is not None and [one.outside for one in result.review.findings] == [True]
