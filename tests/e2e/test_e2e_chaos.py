"""Whoever is killed while tasks run, nobody can tell afterwards. `scripts/bench chaos` does it for minutes."""

import asyncio
import random
from pathlib import Path

from journeyman.models.script_server import ScriptServer
from journeyman.testing import chaos
from tests.conftest import Program

STEPS = 8


async def test_nobody_can_tell_that_processes_were_killed(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    chaos.lay(folder)
    environ = program.environ
    said: list[str] = []
    async with (
        ScriptServer(chaos.script(STEPS, 0.6)) as model,
        chaos.service(program.home, model.base_url, 2, environ) as running,
        chaos.opened(program.home, None) as store,
    ):
        ids = [await chaos.hand_in(running, folder, number) for number in range(4)]
        again = await chaos.hand_in(running, folder, 0)
        assert again == ids[0]
        killer = chaos.Killer(running, random.Random(1), lambda: chaos.lock_sqlite(program.home, 0.5), said.append)
        async with store.tail.watch() as news:
            for act in chaos.ACTS:
                seen = sum([(await store.task(task_id)).seq for task_id in ids])
                while sum([(await store.task(task_id)).seq for task_id in ids]) < seen + 6:  # it is at work
                    if all([(await store.task(task_id)).status in chaos.ENDED for task_id in ids]):
                        break
                    await asyncio.wait_for(news.wait(), 100)
                await killer.do(act)
        assert await chaos.all_ended(store, ids, 200.0) == []
        found = [await chaos.look_at(store, task_id, STEPS) for task_id in ids]
    assert [one.faults for one in found] == [()] * 4
    assert len({one.tree for one in found}) == 1, "all of them do the same"
    assert sum(one.takeovers for one in found) > 0, said
