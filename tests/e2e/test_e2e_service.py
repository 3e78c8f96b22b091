"""The service as people use it: serve, submit, watch, apply; only the hosted model is played."""

import asyncio
import json
import os
import re
import signal
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from journeyman.client import AsyncClient
from journeyman.client.errors import NotSignedIn
from journeyman.core.model import Reply, call, say
from journeyman.models.script_server import ScriptServer
from tests.conftest import PLAIN_PYTEST, MakeRepository, Program, git, lay
from tests.docs.pages import ROOT
from tests.e2e.service import Service, git_address, serving, start

pytestmark = pytest.mark.timeout(300)  # a server is started for each, perhaps on a loaded machine

SHOP = PLAIN_PYTEST | {
    "AGENTS.md": "Run the tests with `python -m pytest -q`.\n",
    "shop.py": "def price(amount):\n    return amount * 0\n",
    "test_shop.py": "from shop import price\n\n\ndef test_price():\n    assert price(2) == 14\n",
}
FIXED = "def price(amount):\n    return amount * 7\n"
PATCH = """*** Begin Patch
*** Update File: shop.py
@@ def price(amount):
-    return amount * 0
+    return amount * 7
*** End Patch"""


def fix() -> list[Reply]:
    return [call("apply_patch", "c1", patch=PATCH), say("It multiplies by 7 now 【F:shop.py†L2】.")]


async def test_a_task_is_handed_out_watched_and_applied(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(SHOP)
    async with ScriptServer(fix()) as model:
        program.use(model.base_url)
        async with serving(program, "--no-auth") as service:
            ran = await program.run("tasks", "submit", "Fix the failing test", "--watch", cwd=folder)
            assert ran.code == 0, ran.err
            assert f"The server is on this machine and works from {folder}" in ran.err
            assert "Done and verified" in ran.out and "fixed: test_shop.py::test_price" in ran.out
            listed = json.loads((await program.run("tasks", "list", "--json")).out)
            (task,) = listed["tasks"]
            assert f"page   {service.address}/tasks/{task['id']}" in ran.out
            assert {**task, "updated_at": ""} == {
                "id": task["id"],
                "url": f"{service.address}/tasks/{task['id']}",
                "title": "Fix the failing test",
                "status": "ready",
                "updated_at": "",
                "environment_id": None,
                "environment_label": folder.name,
                "summary": {"files_changed": 1, "lines_added": 1, "lines_removed": 1},
                "is_review": False,
                "attempt_total": 1,
            }
            assert listed["cursor"] is None
            status = await program.run("tasks", "status", task["id"])
            assert status.code == 0
            assert re.fullmatch(r"\[READY\] Fix the failing test\nrepository • \d+s ago\n\+1/-1 • 1 file\n", status.out)
            diff = await program.run("tasks", "diff")
            assert diff.out.startswith("diff --git a/shop.py b/shop.py")
            assert git(folder, "status", "--porcelain") == ""
            applied = await program.run("tasks", "apply", task["id"][:10], cwd=folder)
            assert applied.code == 0 and "applied shop.py" in applied.err
            assert (folder / "shop.py").read_text() == FIXED
            marked = await program.run("tasks", "status", "--json")
            assert marked.code == 0 and marked.lines[0]["status"] == "applied"
            assert {**marked.lines[0], "updated_at": "", "status": "ready"} == {**task, "updated_at": ""}
            again = await program.run("tasks", "watch", "--json")
    assert again.code == 0
    kinds = [line["item"]["type"] for line in again.lines if line["type"] == "item.completed"]
    assert again.lines[0] == {"type": "thread.started", "thread_id": task["id"]}
    assert {"check", "file_change", "agent_message"} <= set(kinds)
    assert again.lines[-1]["type"] == "turn.completed" and again.lines[-1]["result"]["verdict"] == "verified"


async def test_a_server_elsewhere_starts_from_an_address_and_the_local_changes(
    program: Program, make_repository: MakeRepository, tmp_path: Path
) -> None:
    origin = make_repository({"shop.py": SHOP["shop.py"]})
    with git_address(origin) as address:
        folder = tmp_path / "clone"
        git(tmp_path, "clone", "-q", address, str(folder))
        lay(folder, {"shop.py": "def price(amount):\n    return amount * 3\n", "notes.txt": "mine\n"})
        look = [call("shell", "c1", command="cat shop.py notes.txt"), say("Looked.")]
        async with ScriptServer(look) as model:
            program.use(model.base_url)
            elsewhere = Program(tmp_path / "elsewhere", program.env)
            elsewhere.use(model.base_url)
            async with serving(elsewhere, "--no-auth") as service:
                added = await program.run("remote", "add", service.address, "--name", "box")
                assert added.code == 0 and f"Added box: {service.address}" in added.err
                ran = await program.run("tasks", "submit", "Look", "--watch", "--json", cwd=folder)
    assert ran.code == 0, ran.err
    assert re.search(r"Starting from \w{10} of origin, with 1 changed file and 1 new file as a starting diff", ran.err)
    (seen,) = [
        line["item"]["aggregated_output"]
        for line in ran.lines
        if line["type"] == "item.completed" and line["item"]["type"] == "command_execution"
    ]
    assert "amount * 3" in seen and "mine" in seen


async def test_who_may_read_the_servers_folder_is_let_in_and_others_are_not(program: Program, tmp_path: Path) -> None:
    async with ScriptServer([say("Done.")]) as model:
        program.use(model.base_url)
        async with serving(program) as service:
            found = re.search(rf"{re.escape(service.address)}/\S+", service.said.partition("first administrator")[2])
            assert found is not None, service.said
            assert (await program.run("tasks", "list")).code == 0
            assert stat.S_IMODE((program.home / "serve.json").stat().st_mode) == 0o600
            other = Program(tmp_path / "other")
            refused = await other.run("tasks", "list", "--server", service.address)
            assert refused.code == 1 and f"journeyman login {service.address}" in refused.err
            async with AsyncClient(service.address, "wrong") as client:
                with pytest.raises(NotSignedIn):
                    await client.tasks()
            joined = await other.run("join", found[0], typed="Ann\nann@example.org\nten letters or more\n")
            assert joined.code == 0 and f"You are signed in at {service.address} (admin)" in joined.err, joined.err
            assert (await other.run("tasks", "list")).code == 0
            (kept,) = (await other.run("remote", "list", "--json")).lines
            assert kept == {"name": "127.0.0.1", "address": service.address, "signed_in": True, "default": True}
            assert (await other.run("logout")).code == 0
            assert (await other.run("tasks", "list")).code == 1
            again = await other.run("join", found[0], typed="Bob\nbob@example.org\nten letters or more\n")
            assert again.code == 2 and "does not hold" in again.err
        assert not (program.home / "serve.json").exists()
        async with serving(program) as service:
            assert "first administrator" not in service.said


async def test_without_sign_in_it_listens_on_loopback_only(program: Program) -> None:
    refused = await program.run("serve", "--no-auth", "--host", "0.0.0.0")
    assert refused.code == 2 and "for loopback only" in refused.err


@contextmanager
def process_ends(pids: set[int]) -> Generator[list[int]]:
    """Handles that can be read once their process has ended."""
    handles: list[int] = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    try:
        yield handles
    finally:
        for handle in handles:
            os.close(handle)


async def seen(stream: asyncio.StreamReader | None, words: bytes) -> None:
    """Read lines until one has these words."""
    assert stream is not None
    while words not in (line := await asyncio.wait_for(stream.readline(), 60)):
        assert line, f"it ended without {words!r}"


async def gone(handles: list[int]) -> None:
    """Return when all of the processes have ended."""
    loop = asyncio.get_running_loop()
    for handle in handles:
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), 60)
        finally:
            loop.remove_reader(handle)


def children(pid: int) -> set[int]:
    """A process and all that came of it."""
    found = {pid}
    parents = {
        int(folder.name): int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and (folder / "stat").exists()
    }
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening(pids: set[int]) -> set[str]:
    """The addresses, in hex as the kernel has them, that these processes listen on."""
    sockets: set[str] = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            try:
                sockets.add(str(handle.readlink()))
            except FileNotFoundError:
                continue
    found: set[str] = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] in ("0A", "07") and f"socket:[{words[9]}]" in sockets:
                found.add(words[1].partition(":")[0])
    return found


async def test_nothing_listens_beyond_loopback_and_its_end_leaves_no_process(program: Program) -> None:
    async with ScriptServer([say("Done.")]) as model:
        program.use(model.base_url)
        service = await start(program, "--no-auth")
        assert service.address.startswith("http://127.0.0.1:")
        pids = children(service.process.pid)
        assert listening(pids) == {"0100007F"}
        with process_ends(pids) as handles:
            assert len(handles) > 1
            assert await service.end(signal.SIGINT) == 0
            assert "Ended." in service.err
            await gone(handles)


async def test_a_second_interrupt_ends_it_at_once(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository(SHOP)
    async with ScriptServer([call("shell", "c1", command="sleep 300"), say("Done.")]) as model:
        program.use(model.base_url)
        service = await start(program, "--no-auth")
        watching = await program.start("tasks", "submit", "Wait", "--watch", "--json", cwd=folder)
        await seen(watching.stdout, b"sleep 300")
        with process_ends(children(service.process.pid)) as handles:
            service.process.send_signal(signal.SIGINT)
            await seen(service.process.stderr, b"Ending")
            assert await service.end(signal.SIGINT) == 130
            await gone(handles)
        watching.send_signal(signal.SIGINT)
        _, err = await watching.communicate()
        assert watching.returncode == 130 and b"The task goes on" in err


async def test_a_restart_under_load_loses_nothing(program: Program, make_repository: MakeRepository) -> None:
    """Tasks are at work when the server is told to end; its successor brings each to the end it would have had."""
    folder = make_repository({"a.txt": "one\n"})
    script = [
        call("shell", "c1", command="echo first >> a.txt"),
        call("shell", "c2", command="sleep 1; echo second >> a.txt"),
        call("shell", "c3", command="echo third >> a.txt"),
        say("Done."),
    ]
    async with ScriptServer(script) as model:
        program.use(model.base_url)
        first = await start(program, "--no-auth")
        tasks = await _hand_out(first, folder, 6)
        watching = await program.start("tasks", "watch", tasks[0], "--json")
        await seen(watching.stdout, b"echo first")
        assert await first.end() == 0, first.err
        port = first.address.rpartition(":")[2]
        second = await start(program, "--no-auth", "--port", port)
        out, err = await asyncio.wait_for(watching.communicate(), 100)
        assert watching.returncode == 0, err.decode()
        assert json.loads(out.splitlines()[-1])["type"] == "turn.completed"
        async with AsyncClient(second.address) as client:
            for task in tasks:
                async for _ in client.events(task):
                    if (await client.task(task)).task.status == "done":
                        break
                patch = (await client.patch(task)).decode()
                added = [line for line in patch.splitlines() if line.startswith("+") and "/" not in line]
                assert added == ["+first", "+second", "+third"]
        await second.end()


async def _hand_out(service: Service, folder: Path, count: int) -> list[str]:
    from journeyman.client import TaskCreate

    async with AsyncClient(service.address) as client:
        order = TaskCreate(prompt="Write", repository=str(folder))
        return [(await client.submit(order, key=f"k{number}")).task.id for number in range(count)]


TOTAL = {
    "instance_id": "total",
    "problem_statement": "The test in test_total.py fails. Fix total.py with the smallest change.",
    "files": {
        **PLAIN_PYTEST,
        "AGENTS.md": "Run the tests with `python -m pytest -q`.\n",
        "total.py": "def total(prices):\n    return sum(prices[1:])\n",
        "test_total.py": "from total import total\n\n\ndef test_total():\n    assert total([2, 3]) == 5\n",
    },
}
PATCH_OF_TOTAL = """*** Begin Patch
*** Update File: total.py
@@ def total(prices):
-    return sum(prices[1:])
+    return sum(prices)
*** End Patch"""


async def test_the_example_hands_out_a_task_of_a_file_and_prints_its_patch(program: Program, tmp_path: Path) -> None:
    """What the README does with a task of QuixBugs and the embedded model, with a task of ours and a script."""
    file = tmp_path / "tasks.jsonl"
    file.write_text(json.dumps(TOTAL) + "\n")
    async with ScriptServer([call("apply_patch", "c1", patch=PATCH_OF_TOTAL), say("Done.")]) as model:
        program.use(model.base_url)
        async with serving(program, "--no-auth") as service:
            example = await asyncio.create_subprocess_exec(
                *(sys.executable, ROOT / "examples" / "submit_task.py", file, "total", "--server", service.address),
                env=program.environ | {"TMPDIR": str(tmp_path)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await asyncio.wait_for(example.communicate(), 100)
    assert example.returncode == 0, err.decode()
    assert "+    return sum(prices)\n" in out.decode()
    assert "verified" in err.decode().splitlines()[-1]
