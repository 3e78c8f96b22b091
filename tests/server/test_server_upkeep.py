"""Room that is made on demand."""

from pathlib import Path

from journeyman.core.settings import KeepSettings
from journeyman.core.task import Attempt, Task
from tests.server.people import World, code, service

DAY = 86400.0


async def old_task(world: World, name: str) -> None:
    then = world.clock.now - 40 * DAY
    task = Task(id=name, prompt="p", mode="code", repository="/r", model="m", created=then)
    await world.store.create(task, [Attempt(id=f"{name}.1.1", task_id=name)])
    await world.store.set_attempt(f"{name}.1.1", "done")
    world.clock.now, now = then, world.clock.now
    await world.store.update_task(name, status="done")
    world.clock.now = now


async def test_room_is_made_by_what_is_asked_for_and_only_told_in_a_dry_run(tmp_path: Path) -> None:
    async with service(tmp_path, keep=KeepSettings(tasks_days=50)) as world:
        admin = await world.administrator()
        bo = await world.member(admin, "bo")
        await old_task(world, "01old")
        for method, path in (("GET", "/retention"), ("POST", "/retention/run")):
            answer = await bo.request(method, f"/api/v1{path}", json={} if method == "POST" else None)
            assert code(answer) == (403, "forbidden")
        kept = (await admin.get("/api/v1/retention")).json()
        assert kept["keep"] == {"tasks_days": 50, "outputs_days": None, "workspaces_days": 7, "disk_bytes": None}
        assert (await admin.post("/api/v1/retention/run", json={})).json()["tasks"] == []
        wanted = {"keep": {"tasks_days": 30}}
        told = (await admin.post("/api/v1/retention/run", json=wanted)).json()
        assert [(one["id"], one["what"]) for one in told["tasks"]] == [("01old", "task")]
        assert told["dry_run"] is True and (await admin.get("/api/v1/tasks/01old")).status_code == 200
        done = (await admin.post("/api/v1/retention/run", json={**wanted, "dry_run": False})).json()
        assert (done["task_count"], done["dry_run"]) == (1, False)
        assert code(await admin.get("/api/v1/tasks/01old")) == (404, "not_found")
        assert (await world.acts())[-1] == "retention.run"
