"""The worker of `serve` is a process of its own: it may die, and the service goes on."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from journeyman.core.model import call, say
from journeyman.models.script_server import ScriptServer
from tests.conftest import MakeRepository, Program
from tests.e2e.service import serving

pytestmark = [
    pytest.mark.timeout(300),  # a server is started, perhaps on a loaded machine
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the worker is in the service's process"),
]


def worker_of(pid: int) -> int:
    """The worker that a service has started."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"worker" in (folder / "cmdline").read_bytes().split(b"\0"):
                return int(folder.name)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    raise AssertionError(f"{pid} has no worker")


async def test_a_killed_worker_is_followed_by_another(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository({"a.txt": "one\n"})
    script = [
        call("shell", "c1", command="echo first >> a.txt"),
        call("shell", "c2", command="sleep 1; echo second >> a.txt"),
        say("Done."),
    ]
    async with ScriptServer(script) as model:
        program.use(model.base_url)
        async with serving(program, "--no-auth") as service:
            watching = await program.start("tasks", "submit", "Write", "--watch", "--json", cwd=folder)
            assert watching.stdout is not None
            while b"echo first" not in (line := await asyncio.wait_for(watching.stdout.readline(), 60)):
                assert line
            killed = worker_of(service.process.pid)
            os.kill(killed, signal.SIGKILL)
            out, err = await asyncio.wait_for(watching.communicate(), 120)
            assert watching.returncode == 0, err.decode()
            assert json.loads(out.splitlines()[-1])["type"] == "turn.completed"
            assert worker_of(service.process.pid) != killed
        assert "another one is started" in service.err
