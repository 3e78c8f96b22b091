"""From a task on a private repository to its merged pull request, by the program alone: the service with its worker in
a process of its own, the command line, git over HTTP; only the hosted model and the forge are played."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from journeyman.core.model import call, say
from journeyman.models.script_server import ScriptServer
from journeyman.store import open_store
from journeyman.store.forges import StoredForge
from journeyman.testing.forge_server import ForgeServer, Rights
from tests.conftest import Program
from tests.e2e.service import serving

SHOP = "example/shop"
TOKEN = "token-of-the-shop-bot"
SCRIPT = [
    call("shell", "c1", command="echo two > a.txt"),
    say("It is two. Closes #1."),
    call("shell", "c2", command="cat a.txt; echo three > a.txt"),
    say("It is three."),
]


async def told(address: str, task: str, wanted: str) -> dict[str, Any]:
    """Wait until the list shows a task's pull request in this state."""
    async with httpx.AsyncClient(base_url=f"{address}/api/v1") as client:
        while True:
            [line] = (await client.get("/tasks")).json()["tasks"]
            assert line["id"] == task
            if line["pull_request"]["state"] == wanted:
                return line["pull_request"]
            await asyncio.sleep(0.05)


async def set_up(program: Program, forge: ForgeServer) -> str:
    """Set the forge up, without which the repository cannot be had; its name."""
    remote = forge.remote(SHOP)
    blind = await program.run("tasks", "submit", "Make it two", "--repository", remote, "--watch")
    assert blind.code != 0 and "does not accept this machine's credentials" in blind.out + blind.err
    await program.run("tasks", "delete", "--yes", (await _newest(program)))

    wrong = await program.run("forges", "add", forge.address, "--kind", forge.kind, typed="nobodys-token\n")
    assert wrong.code == 2 and "does not accept the token" in wrong.err
    added = await program.run("forges", "add", forge.address, "--kind", forge.kind, typed=f"{TOKEN}\n")
    assert added.code == 0, added.err
    assert "as shop-bot" in added.err
    name = f"127.0.0.1-{forge.port}"
    listed = await program.run("forges", "list", "--json")
    assert [one["name"] for one in json.loads(listed.out)["forges"]] == [name]
    return name


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["github", "gitlab"])
async def test_a_task_becomes_a_pull_request_that_is_merged(program: Program, tmp_path: Path, kind: Any) -> None:
    with ForgeServer(kind, tmp_path / "forge") as forge:
        forge.world.tokens[TOKEN] = Rights()
        bare = forge.world.add_repository(SHOP, {"a.txt": "one\n"})
        remote = forge.remote(SHOP)
        async with ScriptServer(SCRIPT) as model:
            program.use(model.base_url, more="[server]\npull_request_seconds = 0.2\n")
            async with serving(program, "--no-auth") as service:
                name = await set_up(program, forge)
                done = await program.run("tasks", "submit", "Make it two", "--repository", remote, "--watch")
                assert done.code == 0, done.out + done.err
                task = await _newest(program)
                opened = await program.run("tasks", "pr", task, "--title", "Two", "--json")
                assert opened.code == 0, opened.err
                first = json.loads(opened.out)
                kept = forge.world.pulls[SHOP, 1]
                assert (first["number"], first["state"], kept.title, kept.base) == (1, "open", "Two", "main")
                assert kept.body.startswith("> It is two. Closes #\u200b1.") and task in kept.body
                assert forge.world.git(bare, "show", f"{first['branch']}:a.txt") == "two"

                further = await program.run("tasks", "follow-up", task, "Make it three", "--watch")
                assert further.code == 0, further.out + further.err
                again = await program.run("tasks", "pr", task)
                assert again.code == 0, again.err
                assert again.out == f"{first['url']}\n"
                assert forge.world.git(bare, "show", f"{first['branch']}:a.txt") == "three"
                assert [pull.number for pull in forge.world.pulls.values()] == [1]

                forge.world.check(SHOP, 1, "passed")
                forge.world.merge(SHOP, 1)
                seen = await told(service.address, task, "merged")
                assert (seen["checks"], seen["url"]) == ("passed", first["url"])
                status = await program.run("tasks", "status", task)
                assert f"is merged; its checks pass. {first['url']}" in status.err
                log = await program.run("log", task, "--json")
                assert TOKEN not in log.out

                forge.world.tokens.clear()
                checked = await program.run("forges", "check", name)
                assert (checked.code, "does not accept the token" in checked.err) == (1, True)
                assert (await program.run("forges", "remove", name)).code == 0
    async with open_store(program.home) as store:
        assert await store.forges.all() == []
    for path in program.home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


async def _newest(program: Program) -> str:
    listed = await program.run("tasks", "list", "--json")
    return json.loads(listed.out)["tasks"][0]["id"]


async def test_a_run_without_a_server_has_the_token_too(program: Program, tmp_path: Path) -> None:
    with ForgeServer("github", tmp_path / "forge") as forge:
        forge.world.tokens[TOKEN] = Rights()
        forge.world.add_repository(SHOP, {"a.txt": "one\n"})
        async with ScriptServer(SCRIPT) as model, open_store(program.home) as store:
            program.use(model.base_url)
            await store.environments.put("shop", forge.remote(SHOP), 'checks = ["grep -q two a.txt"]\n')
            blind = await program.run("run", "Make it two", "--env", "shop", cwd=tmp_path)
            assert blind.code != 0 and "does not accept this machine's credentials" in blind.err
            there = StoredForge("forge", "github", forge.address, forge.api)
            assert await store.forges.put(there, TOKEN)
            done = await program.run("run", "Make it two", "--env", "shop", "--json", cwd=tmp_path)
            assert done.code == 0, done.out + done.err
            assert done.lines[-1]["result"]["verdict"] == "verified"
