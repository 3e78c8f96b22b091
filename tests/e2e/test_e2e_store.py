"""A task in PostgreSQL and a bucket: what one machine did, another one shows."""

from pathlib import Path

from journeyman.models.script_server import ScriptServer
from journeyman.testing.postgres import PostgresServer
from journeyman.testing.s3 import S3Server
from tests.conftest import MakeRepository, Program, git
from tests.e2e.test_e2e_run import SHOP, fix


async def test_a_task_is_worked_on_one_machine_and_applied_on_another(
    tmp_path: Path, make_repository: MakeRepository, postgres: PostgresServer, s3: S3Server
) -> None:
    folder = make_repository(SHOP)
    shared = {"JOURNEYMAN_STORE": postgres.emptied(), "JOURNEYMAN_BLOBS": f"{s3.bucket()}/tasks", **s3.environ}
    one, other = (Program(tmp_path / name, dict(shared)) for name in ("one", "other"))
    async with ScriptServer(fix()) as server:
        one.use(server.base_url)
        ran = await one.run("run", "Fix the failing test", "-C", folder, "--json")
    assert ran.code == 0, ran.err
    task = ran.lines[0]["thread_id"]
    assert not (one.home / "journeyman.sqlite").exists()
    assert not (one.home / "blobs").exists()
    listed = await other.run("list", "--json")
    assert [line["id"] for line in listed.lines] == [task], listed.err
    assert "1 passed" in (await other.run("log", task, "--raw")).out
    applied = await other.run("apply", task, "-C", folder)
    assert applied.code == 0, applied.err
    assert git(folder, "status", "--porcelain") == " M shop.py\n"


async def test_what_is_wrong_with_the_store_is_said(program: Program, tmp_path: Path) -> None:
    program.env["JOURNEYMAN_STORE"] = "mysql://me:hush@there/x"
    wrong = await program.run("list")
    assert (wrong.code, wrong.out) == (2, "")
    assert "The setting `store` must be an address of the form postgresql://" in wrong.err
    assert "hush" not in wrong.err
    program.env |= {"JOURNEYMAN_STORE": f"postgresql://me@/none?host={tmp_path}", "JOURNEYMAN_BLOBS": "ftp://x/y"}
    assert "The setting `blobs` must be the address of a bucket" in (await program.run("list")).err
