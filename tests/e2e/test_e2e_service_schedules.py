"""Schedules as a person makes them on the command line."""

import json
from datetime import UTC, datetime

import pytest

from tests.conftest import MakeRepository, Program
from tests.e2e.service import serving

pytestmark = pytest.mark.timeout(300)


async def test_a_schedule_is_made_paused_resumed_and_taken_away(
    program: Program, make_repository: MakeRepository
) -> None:
    folder = make_repository({"a.txt": "a\n"})
    async with serving(program, "--no-auth", "--no-worker"):
        words = ("schedules", "add", "0 7 * * 1-5", "Update the dependencies.", "--name", "deps", "--timezone", "UTC")
        made = await program.run(*words, "--cost", "2", "--attempts", "3", cwd=folder)
        assert made.code == 0 and "07:00 is its first time" in made.err, made.err
        (view,) = json.loads((await program.run("schedules", "list", "--json")).out)["schedules"]
        schedule = view["schedule"]
        assert made.out.strip() == schedule["id"]
        assert (schedule["name"], schedule["cron"], schedule["budget"]["cost"]) == ("deps", "0 7 * * 1-5", 2.0)
        assert (schedule["request"]["repository"], schedule["request"]["attempts"]) == (str(folder), 3)
        assert schedule["request"]["machine"] == (program.home / "machine").read_text()
        assert datetime.fromtimestamp(view["next"][0], UTC).strftime("%H:%M") == "07:00"
        paused = await program.run("schedules", "pause", schedule["id"][:8])
        assert paused.code == 0 and "hands out nothing" in paused.err
        assert "paused" in (await program.run("schedules", "list")).out
        assert (await program.run("schedules", "resume", "deps")).code == 0
        (again,) = json.loads((await program.run("schedules", "list", "--json")).out)["schedules"]
        assert again["schedule"] == schedule
        assert (await program.run("schedules", "remove", "deps")).code == 0
        gone = await program.run("schedules", "pause", "deps")
        assert gone.code == 2 and "There is no schedule 'deps'" in gone.err
        wrong = await program.run("schedules", "add", "61 * * * *", "x", cwd=folder)
        assert wrong.code == 2 and "no cron expression" in wrong.err
