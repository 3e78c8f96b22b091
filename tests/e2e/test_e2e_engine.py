"""The same attempt, handed out by a real engine to workers of which one is killed."""

import asyncio
import signal

from journeyman.core.model import call, say
from journeyman.engine.server import server
from journeyman.models.script_server import ScriptServer
from tests.conftest import MakeRepository, Program


async def worker(program: Program, address: str) -> asyncio.subprocess.Process:
    """A worker that is ready."""
    process = await program.start("worker", "--engine", address)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 120)
    assert address in line.decode()
    return process


async def test_a_killed_worker_is_followed_by_another(program: Program, make_repository: MakeRepository) -> None:
    folder = make_repository({"a.txt": "one\n"})
    script = [
        call("shell", "c1", command="echo first >> a.txt; sleep 3; echo end >> a.txt"),
        call("shell", "c2", command="echo second >> a.txt"),
        say("Done."),
    ]
    async with ScriptServer(script) as model, server(program.home / "engine-of-the-test") as where:
        address = where.address
        program.use(model.base_url)
        workers = [await worker(program, address), await worker(program, address)]
        running = await program.start("run", "Do it", "-C", folder, "--engine", address, "--json")
        assert running.stdout is not None
        while line := await running.stdout.readline():
            if b"echo first" in line:
                break
        held = " ".join((await program.run("show", "-C", folder)).out.split())
        [holder] = [each for each in workers if f"process {each.pid} " in held]
        holder.send_signal(signal.SIGKILL)
        _, err = await asyncio.wait_for(running.communicate(), 100)
        assert running.returncode == 0, err.decode()
        for each in workers:
            if each is not holder:
                each.send_signal(signal.SIGTERM)
            await asyncio.wait_for(each.communicate(), 120)
    diff = (await program.run("diff", "-C", folder)).out
    added = [line for line in diff.splitlines() if line.startswith("+") and "/" not in line]
    assert added == ["+first", "+end", "+second"]
