"""The main job as a person does it: the program, real git, the real sandbox; only the hosted model is played."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from journeyman.core.model import Reply, call, say
from journeyman.models.script_server import ScriptServer
from tests.conftest import PLAIN_PYTEST, MakeRepository, Program, git, lay

SHOP = PLAIN_PYTEST | {
    "AGENTS.md": "Run the tests with `python -m pytest -q`.\n",
    "shop.py": "def price(amount):\n    return amount * 0\n",
    "test_shop.py": "from shop import price\n\n\ndef test_price():\n    assert price(2) == 14\n",
    ".gitignore": "*.log\n__pycache__/\n",
}
PATCH = """*** Begin Patch
*** Update File: shop.py
@@ def price(amount):
-    return amount * 0
+    return amount * 7
*** End Patch"""
DONE = "### Summary\n* multiplies by 7 【F:shop.py†L2】\n\n**Testing**\n* ✅ `python -m pytest -q` 【cccccc†L1】"


def fix() -> list[Reply]:
    return [
        call("read", "c1", path="shop.py"),
        call("apply_patch", "c2", patch=PATCH),
        call("shell", "c3", command="python -m pytest -q; echo built > out.log; echo note > notes.txt; rm notes.txt"),
        say(DONE),
    ]


@pytest.mark.parametrize("wire", ["responses", "chat"])
async def test_a_failing_test_is_fixed_and_the_patch_applies(
    program: Program, make_repository: MakeRepository, wire: str
) -> None:
    folder = make_repository(SHOP)
    async with ScriptServer(fix()) as server:
        program.use(server.base_url, wire)
        ran = await program.run("run", "Fix the failing test", "-C", folder)
    assert ran.code == 0, ran.err
    assert "Done and verified" in ran.out
    assert "1 failed" in ran.out and "1 passed" in ran.out
    assert "fixed: test_shop.py::test_price" in ran.out
    assert "There is no command output cccccc" in ran.out
    assert git(folder, "status", "--porcelain") == ""
    diff = await program.run("diff", "-C", folder)
    assert diff.out.startswith("diff --git a/shop.py b/shop.py") and "out.log" not in diff.out
    applied = await program.run("apply", "-C", folder)
    assert applied.code == 0, applied.err
    assert git(folder, "status", "--porcelain") == " M shop.py\n"
    assert (folder / "shop.py").read_text() == "def price(amount):\n    return amount * 7\n"


async def test_json_is_the_stream_of_codex_and_nothing_else(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(SHOP)
    async with ScriptServer(fix()) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Fix it", "-C", folder, "--json")
    assert ran.code == 0, ran.err
    types = [line["type"] for line in ran.lines]
    assert types[:2] == ["thread.started", "turn.started"] and types[-1] == "turn.completed"
    begun = [line["item"]["id"] for line in ran.lines if line["type"] == "item.started"]
    done = [line["item"]["id"] for line in ran.lines if line["type"] == "item.completed"]
    assert set(begun) <= set(done) and len(done) == len(set(done))
    kinds = {line["item"]["type"] for line in ran.lines if "item" in line}
    assert kinds == {"command_execution", "file_change", "agent_message", "check"}
    assert ran.lines[-1]["result"]["verdict"] == "verified"
    assert ran.lines[-1]["usage"]["input_tokens"] > 0
    listed = await program.run("list", "--json")
    assert [task["id"] for task in listed.lines] == [ran.lines[0]["thread_id"]]


async def test_uncommitted_and_untracked_files_are_part_of_the_start_and_base_leaves_them_out(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(SHOP)
    lay(folder, {"shop.py": "def price(amount):\n    return amount * 3\n", "new.txt": "new\n", "secret.log": "x"})
    script = [call("shell", "c1", command="cat shop.py; ls; git status --porcelain"), say("Looked.")]
    outputs: list[str] = []
    for arguments in ((), ("--base", "HEAD")):
        async with ScriptServer(script) as server:
            program.use(server.base_url)
            ran = await program.run("run", "Look", "-C", folder, "--json", *arguments)
        outputs += [
            line["item"]["aggregated_output"]
            for line in ran.lines
            if line["type"] == "item.completed" and line["item"]["type"] == "command_execution"
        ]
    assert "amount * 3" in outputs[0] and "new.txt" in outputs[0] and " M shop.py" in outputs[0]
    assert "amount * 0" in outputs[1] and "new.txt" not in outputs[1] and " M shop.py" not in outputs[1]


async def test_what_is_left_out_of_the_work_is_said(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(SHOP)
    lay(folder, {"nested/a.txt": "a\n"})
    git(folder, "init", "-q", "nested")
    git(folder / "nested", "add", "-A")
    git(folder / "nested", "commit", "-qm", "One")
    async with ScriptServer([say("Looked.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Look", "-C", folder)
        as_json = await program.run("run", "Look", "-C", folder, "--json")
    words = "Repositories inside the repository are left out: nested."
    assert words in ran.err and words in (await program.run("log", "-C", folder)).out
    assert words in as_json.err and as_json.lines[-1]["type"] == "turn.completed"


async def test_a_task_outlives_its_repository(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(SHOP)
    async with ScriptServer([call("apply_patch", "c1", patch=PATCH), say("Done.")]) as server:
        program.use(server.base_url)
        task = (await program.run("run", "Fix it", "-C", folder, "--json")).lines[0]["thread_id"]
    folder.rename(folder.with_name("elsewhere"))
    ran = await program.run("apply", task)
    assert ran.code == 2 and f"The task's repository {folder} is not there any more." in ran.err
    assert "+    return amount * 7" in (await program.run("diff", task)).out


async def test_ask_answers_and_cannot_write(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(SHOP)
    script = [
        call("shell", "c1", command="echo changed > shop.py; echo also > new.txt; cat shop.py"),
        say("It multiplies by 0 【F:shop.py†L2】."),
    ]
    async with ScriptServer(script) as server:
        program.use(server.base_url)
        ran = await program.run("ask", "What does price do?", "-C", folder)
    assert ran.code == 0, ran.err
    assert "Answered" in ran.out and "multiplies by 0" in ran.out
    log = await program.run("log", "-C", folder)
    assert "Read-only file system" in log.out
    assert (folder / "shop.py").read_text() == SHOP["shop.py"]


async def test_apply_merges_with_what_changed_meanwhile_and_refuses_a_conflict_whole(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(SHOP)
    async with ScriptServer(fix()) as server:
        program.use(server.base_url)
        await program.run("run", "Fix it", "-C", folder)
    (folder / "shop.py").write_text("def price(amount):\n    return amount * 5\n")
    refused = await program.run("apply", "-C", folder)
    assert refused.code == 1
    assert "conflict in shop.py" in refused.err and "nothing was applied" in refused.err
    assert (folder / "shop.py").read_text() == "def price(amount):\n    return amount * 5\n"
    top = '"""Prices."""\n\n\nCURRENCY = "EUR"\n\n\n'
    (folder / "shop.py").write_text(top + SHOP["shop.py"])
    merged = await program.run("apply", "-C", folder)
    assert merged.code == 0, merged.err
    assert (folder / "shop.py").read_text() == top + "def price(amount):\n    return amount * 7\n"


async def test_the_best_of_several_attempts_is_chosen_by_the_checks(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository(SHOP)
    plan = call("update_plan", "c0", plan=[{"step": "fix", "status": "in_progress"}])
    async with ScriptServer([plan, call("apply_patch", "c1", patch=PATCH), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Fix it", "-C", folder, "--attempts", "2", "--json")
    assert ran.code == 0, ran.err
    for number in (1, 2):
        mine = [line for line in ran.lines if "item" in line and line["item"]["attempt"] == number]
        plans = [(line["type"], line["item"]["id"]) for line in mine if line["item"]["type"] == "todo_list"]
        assert plans == [("item.started", plans[0][1]), ("item.completed", plans[0][1])]
        assert plans[0][1].startswith(f"{number}:")
    assert {line["item"]["attempt"] for line in ran.lines if "item" in line} == {1, 2}
    shown = await program.run("show", "-C", folder, "--json")
    assert [one["verdict"] for one in shown.lines[0]["attempts"]] == ["verified", "verified"]
    page = await program.run("show", "-C", folder, "--attempt", "2")
    task = ran.lines[0]["thread_id"]
    assert "attempt 2 of 2" in page.out and f"journeyman show {task} --attempt 1   (verified)" in page.out


async def test_the_clean_room_holds_the_very_files_that_the_work_left(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository({"a.txt": "a\n", "folder/b.txt": "b\n", "other/c.txt": "c\n"})
    (folder / "link").symlink_to("a.txt")
    (folder / "way").symlink_to("folder")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Links")
    work = (
        r"printf x > $'caf\xe9'; ln -s a.txt $'l\xe9'; printf '\0\377' > binary; mkdir -p new/er; "
        "ln -s ../../a.txt new/er/l; rm link; echo file > link; "
        "rm way; mkdir way; echo w > way/w.txt; rm -r other; ln -s folder other"
    )
    check = (
        r"test x = $(cat $'caf\xe9') -a a = $(cat $'l\xe9') -a 2 = $(wc -c < binary) -a a = $(cat new/er/l) "
        "-a ! -L link -a file = $(cat link) -a a = $(cat a.txt) "
        "-a ! -e folder/w.txt -a -f way/w.txt -a b = $(cat other/b.txt)"
    )
    async with ScriptServer([call("shell", "c1", command=work), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run(
            "run", "Change kinds", "-C", folder, "--check", f"test ! -e binary || {check}", "--apply"
        )
    assert ran.code == 0, ran.err + ran.out
    assert "Done and verified" in ran.out
    await asyncio.to_thread(subprocess.run, ["bash", "-c", check], cwd=folder, check=True)


async def test_a_file_that_is_too_large_is_left_out_and_the_rest_is_kept(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository({"a.txt": "a\n"})
    work = (
        r"truncate -s 257M big; echo b > a.txt; printf '\0\1\2' > small; "
        "mkdir build; echo '*' > build/.gitignore; truncate -s 257M build/large"
    )
    async with ScriptServer([call("shell", "c1", command=work), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Write", "-C", folder)
    assert ran.code == 0, ran.err
    assert "Left out of the patch: 'big' is larger than 268435456 bytes." in ran.out
    assert ran.out.count("Left out") == 1 and "build" not in ran.out
    assert "+b" in ran.out and "a binary file" in ran.out and "GIT binary patch" not in ran.out
    assert "GIT binary patch" in (await program.run("diff", "-C", folder)).out


async def test_a_failing_result_exits_with_1(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(SHOP)
    wrong = PATCH.replace("amount * 7", "amount * 8")
    async with ScriptServer([call("apply_patch", "c1", patch=wrong), say("Done.")]) as server:
        program.use(server.base_url)
        ran = await program.run("run", "Fix it", "-C", folder, "--apply")
    assert ran.code == 1
    assert "Not solved" in ran.out and "not applied" in ran.err
    assert git(folder, "status", "--porcelain") == ""


async def test_files_in_a_subfolder_come_with_the_rules_of_their_folder(
    program: Program, make_repository: MakeRepository, tmp_path: Path
) -> None:
    folder = make_repository(SHOP | {"web/AGENTS.md": "Indent with tabs here.\n", "web/page.py": "x = 1\n"})
    async with ScriptServer([call("read", "c1", path="web/page.py"), say("Read.")]) as server:
        program.use(server.base_url)
        await program.run("run", "Read the page", "-C", folder)
        bodies = [request.body.decode() for request in server.requests]
    assert "Run the tests with" in bodies[0] and "Indent with tabs" not in bodies[0]
    assert "Indent with tabs" in bodies[1]
