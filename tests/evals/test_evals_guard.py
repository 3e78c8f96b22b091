"""What the wall between grader and agent refuses, sandbox by sandbox."""

from dataclasses import replace
from pathlib import Path

import pytest

from journeyman.core.errors import JourneymanError
from journeyman.evals.guard import Contaminated, Guarded, Secret, look
from journeyman.evals.task import EvalTask, Grader
from journeyman.sandbox.bubblewrap import Bubblewrap
from journeyman.sandbox.protocol import SandboxSpec, Toolchain

HIDDEN = "assert answer() == 42  # the grader's\n"
TASK = EvalTask(
    id="t",
    prompt="Do it",
    files={"a.py": "same\n"},
    grader=Grader(command="true", files={"h.py": HIDDEN, "b.py": "same\n"}),
)


def spec(folder: Path) -> SandboxSpec:
    (folder / "work").mkdir(exist_ok=True)
    return SandboxSpec(workspace=folder / "work", lower=(folder / "work",))


def test_folders_that_hold_the_grader_are_not_shown(tmp_path: Path) -> None:
    kept = tmp_path / "state" / "tasks.jsonl"
    kept.parent.mkdir()
    kept.write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "state")
    plain = spec(tmp_path)
    look(plain, Secret(TASK, [kept]))
    for shown in (kept, kept.parent, tmp_path / "link", tmp_path):
        for seen in (
            replace(plain, readable=(shown,)),
            replace(plain, lower=(tmp_path / "work", shown)),
            replace(plain, home_lower=(shown,)),
            replace(plain, toolchains=(Toolchain(shown),)),
        ):
            with pytest.raises(Contaminated, match=r"tasks\.jsonl would be seen"):
                look(seen, Secret(TASK, [kept]))


def test_files_with_the_text_of_the_grader_are_found_under_any_name(tmp_path: Path) -> None:
    wanted = spec(tmp_path)
    (tmp_path / "work" / "b.py").write_text("same\n")  # the grader has it too, and it was handed out
    look(wanted, Secret(TASK, []))
    deep = tmp_path / "work" / "some" / "where"
    deep.mkdir(parents=True)
    (deep / "other.txt").write_text(HIDDEN)
    with pytest.raises(Contaminated, match=r"h\.py would be seen by the agent, in some/where/other\.txt"):
        look(wanted, Secret(TASK, []))


async def test_the_grader_is_not_written_into_an_open_sandbox(tmp_path: Path) -> None:
    backend = Guarded(Bubblewrap(tmp_path / "state"), Secret(TASK, []))
    async with backend.open(spec(tmp_path)) as sandbox:
        await sandbox.write("a.py", b"mine\n")
        with pytest.raises(JourneymanError, match=r"h\.py would be seen by the agent, in hidden\.py"):
            await sandbox.write("hidden.py", HIDDEN.encode())
        done = await sandbox.exec("cat a.py; ls", timeout=30)
    assert done.output == b"mine\na.py\n"
