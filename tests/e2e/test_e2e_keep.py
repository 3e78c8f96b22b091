"""A task as a file, and room on the disk."""

from pathlib import Path

from journeyman.core.model import call, say
from journeyman.models.script_server import ScriptServer
from tests.conftest import MakeRepository, Program

SCRIPT = [call("shell", "c1", command="echo two >> a.txt; echo said"), say("Done.")]


async def worked(program: Program, folder: Path) -> str:
    async with ScriptServer(SCRIPT) as model:
        program.use(model.base_url)
        ran = await program.run("run", "Write", "-C", folder, "--json")
    assert ran.code == 0, ran.err
    return ran.lines[0]["thread_id"]


async def test_a_task_goes_to_another_store_as_a_file(
    program: Program, make_repository: MakeRepository, tmp_path: Path
) -> None:
    folder = make_repository({"a.txt": "one\n"})
    task = await worked(program, folder)
    exported = await program.run("export", task, "-o", tmp_path / "task.zip")
    assert exported.code == 0 and f"Task {task} is in {tmp_path / 'task.zip'}" in exported.err
    again = await program.run("export", task, "-o", tmp_path / "task.zip")
    assert again.code == 2 and "is there already" in again.err
    other = Program(tmp_path / "other", program.env)
    imported = await other.run("import", tmp_path / "task.zip")
    assert imported.code == 0, imported.err
    for command in (("log", task, "--raw"), ("diff", task), ("show", task)):
        assert (await other.run(*command)).out == (await program.run(*command)).out
    twice = await other.run("import", tmp_path / "task.zip")
    assert twice.code == 2 and "is here already" in twice.err
    (tmp_path / "broken.zip").write_bytes((tmp_path / "task.zip").read_bytes()[:100])
    broken = await other.run("import", tmp_path / "broken.zip")
    assert broken.code == 2 and "damaged" in broken.err
    assert sorted(path.name for path in tmp_path.glob("*.zip*")) == ["broken.zip", "task.zip"]


async def test_workspaces_go_and_the_patch_stays(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository({"a.txt": "one\n"})
    task = await worked(program, folder)
    place = program.home / "attempts" / f"{task}.1.1"
    assert place.is_dir()
    later = await program.run("gc")
    assert later.code == 0 and later.out == "" and place.is_dir()
    dry = await program.run("gc", "--workspaces", "0", "--dry-run")
    assert dry.code == 0 and f"workspace {task}.1.1" in dry.out and "Would go" in dry.err and place.is_dir()
    done = await program.run("gc", "--workspaces", "0", "--json")
    assert done.code == 0, done.err
    assert [one["attempt_id"] for one in done.lines[0]["workspaces"]] == [f"{task}.1.1"]
    assert not place.exists()
    assert "+two" in (await program.run("diff", task)).out
    whole = await program.run("gc", "--tasks", "0")
    assert f"task {task}  Write" in whole.out
    assert (await program.run("list", "--json")).out == ""
