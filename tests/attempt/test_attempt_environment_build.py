"""Set-up in a real sandbox; its layers below real attempts."""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from journeyman.attempt.environment.build import Site
from journeyman.attempt.environment.cache import Build
from journeyman.attempt.environment.open import cache_of, open_environment, site_of
from journeyman.attempt.host import Host
from journeyman.attempt.run import run_attempt
from journeyman.core.environment import Environment, EnvironmentUse, Script
from journeyman.core.environment_file import PLACE
from journeyman.core.errors import EnvironmentFailed
from journeyman.core.events import AttemptStarted, CommandEnded, Event, Opened, Progressed, SetUpFailed, ToolReturned
from journeyman.core.evidence import Check
from journeyman.core.model import call, say
from journeyman.core.task import Limits
from journeyman.repo.repository import open_repository
from journeyman.sandbox.network import selftest
from tests.attempt.conftest import MakeBench
from tests.conftest import MakeRepository, git, lay

FILES = {"a.txt": "one\n", "src/b.txt": "two\n", "requirements.txt": "x==1\n", ".gitignore": "node_modules/\n*.gen\n"}

SETUP = """
mkdir -p ~/.venv/bin node_modules/.bin node_modules/lib
printf '#!/bin/sh\\necho from the venv\\n' > ~/.venv/bin/tool && chmod +x ~/.venv/bin/tool
cp ~/.venv/bin/tool node_modules/.bin/only-node
echo new > node_modules/lib/mine
echo made > made.gen
"""


@dataclass(slots=True)
class Room:
    """A repository, and environments for it."""

    host: Host
    folder: Path
    told: list[str] = field(default_factory=list[str])

    async def site(self, setup: str, maintenance: str = "", checks: Sequence[str] = ()) -> Site:
        environment = Environment(name="shop", setup=Script(script=setup), maintenance=Script(script=maintenance))
        repository = await open_repository(self.folder, self.host.state)
        base = await repository.snapshot()
        listing = await repository.paths(base.tree)
        files = tuple((name, listing[name.encode()][1]) for name in ("requirements.txt",) if name.encode() in listing)
        use = EnvironmentUse(environment=environment, source="stored", summary="a test", files=files)
        ran = tuple(Check(command=check, source="environment") for check in checks)
        return await site_of(self.host, repository, base, use, Limits(seconds=60), ran)

    async def open(
        self, setup: str, maintenance: str = "", checks: Sequence[str] = (), *, fresh: bool = False
    ) -> Build:
        site = await self.site(setup, maintenance, checks)
        async with open_environment(site, self.told.append, fresh=fresh) as ready:
            assert ready.build is not None
            return ready.build

    @property
    def root(self) -> Path:
        return self.host.state / "environments"

    @property
    def published(self) -> list[str]:
        return sorted(path.name for path in self.root.glob("builds/*/*"))

    def left_over(self) -> list[str]:
        return [path.name for path in self.root.glob("work/*")]


@pytest.fixture
def room(bench: MakeBench, make_repository: MakeRepository) -> Room:
    return Room(bench([]).host, make_repository(FILES))


def outputs(events: Sequence[Event]) -> list[str]:
    details = [event.detail for event in events if isinstance(event, ToolReturned)]
    return [detail.output for detail in details if isinstance(detail, CommandEnded)]


async def said_in_set_up(host: Host, events: Sequence[Event]) -> list[str]:
    """What the scripts wrote that made the layers of an attempt, as its log has it."""
    assert isinstance(events[0], AttemptStarted)
    ran = [one for event in events if isinstance(event, Opened) for one in event.setup]
    return [(await host.store.chunk(f"{events[0].task_id}.1.1", one.chunk)).decode().strip() for one in ran]


async def test_an_attempt_sees_what_set_up_left_and_cannot_change_it(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    text = f"checks = ['test -f made.gen']\n[setup]\nscript = '''{SETUP}echo set up'''\n[variables]\nCOLOUR = 'blue'\n"
    folder = make_repository({**FILES, PLACE: text})
    lay(folder, {"node_modules/lib/theirs": "from the person's own working tree"})
    look = "tool; only-node; cat node_modules/lib/*; echo $COLOUR; git status --short"
    spoil = "rm -rf ~/.venv node_modules made.gen; echo changed > a.txt; echo more > src/new.gen; ls ~/.venv"
    one = bench([call("shell", "c1", command=look), call("shell", "c2", command=spoil), say("Done.")])
    result, events = await one.run(folder, environment="ready")
    assert outputs(events)[0] == "from the venv\nfrom the venv\nnew\nblue\n"
    assert "No such file" in outputs(events)[1]
    opened = next(event for event in events if isinstance(event, Opened))
    assert opened.build is not None
    assert opened.environment.startswith("repository (.journeyman/environment.toml), set up ")
    assert opened.environment.endswith(" s ago, no network")
    assert await said_in_set_up(one.host, events) == ["set up"]
    [noted] = [event.text for event in events if isinstance(event, Progressed)]
    assert noted.startswith("The environment repository was set up in ")
    assert [change.path for change in result.changes] == ["a.txt"]
    assert result.verdict == "verified"  # the clean room has the layers too

    again = bench([call("shell", "c1", command=look), say("Done.")])
    _, events = await again.run(folder, environment="ready")
    assert await said_in_set_up(again.host, events) == ["set up"]
    assert outputs(events)[0] == "from the venv\nfrom the venv\nnew\nblue\n"
    assert [event for event in events if isinstance(event, Progressed)] == []


async def test_what_is_ready_is_found_and_what_it_depends_on_decides(room: Room) -> None:
    first = await room.open("echo 1 > ~/x")
    assert (await room.open("echo 1 > ~/x")).id == first.id
    lay(room.folder, {"a.txt": "changed\n"})
    assert (await room.open("echo 1 > ~/x")).id == first.id
    lay(room.folder, {"requirements.txt": "x==2\n"})
    second = await room.open("echo 1 > ~/x")
    assert (second.key == first.key, second.family == first.family) == (False, True)
    third = await room.open("echo 2 > ~/x")
    assert third.family != first.family
    assert len(room.published) == 3
    assert room.left_over() == []
    anew = await room.open("echo 2 > ~/x", fresh=True)
    assert (anew.key, anew.id != third.id) == (third.key, True)
    assert len(room.published) == 3  # the one that it replaces is gone


async def test_tracked_files_that_set_up_changed_are_as_before(room: Room) -> None:
    script = (
        "echo x >> a.txt; rm -r src; mkdir src; echo y > src/made.gen; rm .gitignore; mkdir -p .git/hooks; git tag x"
    )
    build = await room.open(script)
    assert build.dropped == (".gitignore", "a.txt", "src")
    assert any("a.txt, src" in line for line in room.told)
    layer = cache_of(room.host).folder(build) / "workspace"
    assert sorted(str(path.relative_to(layer)) for path in layer.rglob("*")) == ["src", "src/made.gen"]
    assert build.tops == ("src/made.gen",)


async def test_files_that_are_tracked_later_are_not_hidden(room: Room) -> None:
    script = "mkdir -p gen/deep; echo old > gen/deep/x; echo old > made; mkdir other; echo old > other/kept"
    await room.open(script)
    lay(room.folder, {"gen/deep/x": "mine\n", "made": "mine\n"})
    git(room.folder, "add", "-A")
    site = await room.site(script)
    async with open_environment(site) as ready:
        seen: dict[str, str] = {}
        for layer in reversed((*ready.lower, room.folder)):
            seen |= {
                str(path.relative_to(layer)): path.read_text()
                for path in layer.rglob("*")
                if path.name in ("x", "made", "kept")
            }
        assert len(ready.lower) == 2
        fit = ready.lower[0]
        assert sorted(str(path.relative_to(fit)) for path in fit.rglob("*") if path.is_file()) == ["gen/deep/x", "made"]
        assert (fit / "made").read_text() == "mine\n"


async def test_a_set_up_that_fails_says_why_and_leaves_nothing(room: Room) -> None:
    with pytest.raises(EnvironmentFailed) as error:
        await room.open("mkdir ~/half\nif false; then true; fi\ngcc-13 -c a.c && echo no\nls /missing\necho never")
    said = str(error.value)
    assert said.startswith("The set-up of the environment shop failed at `ls /missing` (exit code 2).\nIt last said:\n")
    assert "ls: cannot access '/missing': No such file or directory" in said
    assert "Likely cause: The program gcc-13 is not here" in said
    assert "never" not in said
    failure = cache_of(room.host).failed(str(room.folder))
    assert failure is not None
    assert (failure.command, failure.ended) == ("ls /missing", "exit code 2")
    assert b"gcc-13" in await room.host.store.blob(failure.output)
    assert (room.published, room.left_over()) == ([], [])
    await room.open("true")
    assert cache_of(room.host).failed(str(room.folder)) is None


async def test_the_output_of_a_set_up_that_failed_is_the_attempts_own(
    bench: MakeBench, make_repository: MakeRepository
) -> None:
    folder = make_repository({**FILES, PLACE: "[setup]\nscript = 'echo looking; ls /missing'\n"})
    one = bench([])
    attempt = await one.begin(folder, environment="auto")
    with pytest.raises(EnvironmentFailed, match="ls /missing"):
        await run_attempt(one.host, attempt)
    [failed] = [event for event in await one.host.store.events(attempt) if isinstance(event, SetUpFailed)]
    assert (failed.phase, failed.exit_code, failed.command) == ("setup", 2, "ls /missing")
    assert (await one.host.store.chunk(attempt, failed.chunk)).startswith(b"looking\nls: cannot access '/missing'")


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("echo 'No space left on device'; false", "The disk is full"),
        (
            "curl -sS http://example.com/ || python3 -c 'import socket; socket.getaddrinfo(\"a.example\", 80)'",
            "wants the network",
        ),
        ("no-such-program", "The program no-such-program is not here"),
        ("echo 'ERROR: Package x requires a different Python: 3.8'; exit 1", "wants another version of Python"),
        ("echo 'fatal error: ffi.h: No such file'; exit 1", "headers of a library are missing"),
    ],
)
async def test_likely_causes(room: Room, script: str, cause: str) -> None:
    with pytest.raises(EnvironmentFailed, match=cause):
        await room.open(script)


async def test_a_limit_that_ends_set_up_is_named(room: Room) -> None:
    site = await room.site("while true; do :; done")
    with pytest.raises(
        EnvironmentFailed, match=r"cut off: time.*\n(.*\n)*Likely cause: It ran longer than its time limit"
    ):
        async with open_environment(replace(site, limits=Limits(seconds=0.5))):
            pass


async def test_checks_run_once_when_it_is_made(room: Room) -> None:
    checks = ("test -f made.gen", "test -f missing")
    build = await room.open(SETUP, checks=checks)
    assert [(run.check.command, run.exit_code) for run in build.checks] == [(checks[0], 0), (checks[1], 1)]
    assert {run.tree for run in build.checks} == {build.tree}
    assert "On the base there fails already: `test -f missing`." in room.told


async def test_two_that_need_the_same_build_wait_for_one(room: Room) -> None:
    script = "echo once >> ~/count; date +%N > ~/when"
    builds = await asyncio.gather(*(room.open(script) for _ in range(3)))
    assert len({build.id for build in builds}) == 1
    assert (cache_of(room.host).folder(builds[0]) / "home" / "count").read_text() == "once\n"
    assert room.told.count("waiting for another task that is building the environment") == 2


async def test_a_killed_build_leaves_nothing_that_counts(room: Room) -> None:
    begun = asyncio.Event()
    site = await room.site("touch ~/half; echo begun; sleep 60")

    async def build() -> None:
        async with open_environment(site, lambda line: begun.set() if "begun" in line else None):
            pass

    building = asyncio.create_task(build())
    await begun.wait()
    assert [path.name for path in room.root.glob("work/*/out/home/*")] == ["half"]
    building.cancel()
    with pytest.raises(asyncio.CancelledError):
        await building
    assert (room.published, room.left_over()) == ([], [])
    dead = room.root / "work" / "dead"  # what a builder leaves that had no time to clean up
    (dead / "out" / "home").mkdir(parents=True)
    dead.with_suffix(".lock").touch()
    await room.open("true")
    assert room.left_over() == []


async def test_maintenance_runs_on_what_set_up_left_for_another_state(room: Room) -> None:
    setup, maintenance = "echo set-up >> ~/log; echo 1 > made.gen", "echo maintenance >> ~/log; echo 2 > made.gen"
    first = await room.open(setup, maintenance)
    assert (await room.open(setup, maintenance)).id == first.id
    lay(room.folder, {"requirements.txt": "x==2\n"})
    second = await room.open(setup, maintenance)
    assert second.parents == (first.id,)
    assert (await room.open(setup, maintenance)).id == second.id
    cache = cache_of(room.host)
    assert (cache.folder(second) / "home" / "log").read_text() == "set-up\nmaintenance\n"
    assert (cache.folder(second) / "workspace" / "made.gen").read_text() == "2\n"
    assert (cache.folder(first) / "workspace" / "made.gen").read_text() == "1\n"
    site = await room.site(setup, maintenance)
    async with open_environment(site) as ready:
        assert [path.parent.name for path in ready.home_lower] == [second.id, first.id]
        assert not cache.drop(second)  # it is open
        assert not cache.drop(first)  # and the other lies below it
    assert cache.drop(second)
    assert cache.drop(first)
    assert room.published == []


async def test_a_maintenance_that_fails_makes_set_up_run_anew(room: Room) -> None:
    first = await room.open("echo set-up >> ~/log", "false")
    lay(room.folder, {"requirements.txt": "x==2\n"})
    second = await room.open("echo set-up >> ~/log", "false")
    assert (second.parents, second.id != first.id) == ((), True)
    assert any(line.startswith("The maintenance of the environment shop failed at `false`") for line in room.told)


async def test_a_stale_one_is_used_while_it_is_built_anew(room: Room) -> None:
    asked: list[tuple[str, str]] = []
    first = await room.open("true")
    later = replace(room.host, clock=lambda: time.time() + 13 * 3600, refresh=lambda *what: asked.append(what))
    assert (await Room(later, room.folder).open("true")).id == first.id
    assert asked == [(str(room.folder), "shop")]


async def test_over_the_budget_those_not_used_for_longest_go_first(room: Room) -> None:
    big = "head -c 3000000 /dev/urandom > ~/big; : {}"
    host = replace(room.host, environment_disk_bytes=7_000_000)
    small = Room(host, room.folder)
    first, second = await small.open(big.format(1)), await small.open(big.format(2))
    lock = room.root / "locks" / f"{second.id}.use"
    os.utime(lock, (1, 1))
    third = await small.open(big.format(3))
    assert small.published == sorted([first.id, third.id])
    with cache_of(host).opened(first) as held:
        assert held is not None
        os.utime(room.root / "locks" / f"{first.id}.use", (1, 1))
        fourth = await small.open(big.format(4))
        assert small.published == sorted([first.id, fourth.id])  # the one in use stays


async def test_one_that_is_alone_over_the_budget_is_used_all_the_same(room: Room) -> None:
    small = Room(replace(room.host, environment_disk_bytes=1), room.folder)
    first = await small.open("echo 1 > ~/x")
    assert small.published == [first.id]
    second = await small.open("echo 2 > ~/x")
    assert small.published == [second.id]


DEEP = """python3 -c '
import os
for name in ("a.txt", os.path.expanduser("~")):
    os.chdir(os.environ["HERE"])
    if name == "a.txt":
        os.remove(name)
        os.mkdir(name)
    os.chdir(name)
    for _ in range(1500):
        os.mkdir("d")
        os.chdir("d")
    os.chmod(".", 0)
'"""


async def test_folders_without_end_end_the_build_and_nothing_else(room: Room) -> None:
    with pytest.raises(EnvironmentFailed, match="more than 400 deep"):
        await room.open(f"export HERE=$PWD; {DEEP}")
    assert (room.published, room.left_over()) == ([], [])


async def test_a_secret_that_set_up_leaves_in_a_file_is_found(room: Room) -> None:
    await room.host.store.secrets.set("TOKEN", "abc123-secret-value")
    for script, where in (
        ("printf 'token = abc123-'  > ~/.conf; echo secret-value >> ~/.conf", "~/.conf"),
        ("mkdir deep; ln -s abc123-secret-value deep/link", f"{room.folder}/deep/link"),
        ("printf abc123-secret-value | base64 > x.gen", f"{room.folder}/x.gen"),
        ("touch ~/abc123-secret-value", "~/[secret TOKEN]"),
        ("(head -c 1048570 /dev/zero; printf abc123-secret-value) > ~/big", "~/big"),
    ):
        with pytest.raises(EnvironmentFailed) as error:
            await room.open(script)
        assert f"Set-up left [secret TOKEN] in the file {where}, where every attempt" in str(error.value)
    assert (room.published, room.left_over()) == ([], [])


async def test_a_self_test_of_the_network_that_does_not_run_is_told(
    bench: MakeBench, make_repository: MakeRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_repository({**FILES, PLACE: "[setup]\nscript = 'echo made > made.gen'\n"})
    one = bench([say("Done."), say("Done.")])
    _, events = await one.run(folder, environment="ready")
    assert not any(event.text.startswith("Warning") for event in events if isinstance(event, Progressed))
    monkeypatch.setattr(selftest, "SECONDS", 0.0)
    _, events = await one.run(folder, environment="ready")
    [opened] = [event for event in events if isinstance(event, Opened)]
    assert opened.probes and not any(probe.tried for probe in opened.probes)
    [warning] = [event.text for event in events if isinstance(event, Progressed)]
    number = len(opened.probes)
    assert warning.startswith(f"Warning: {number} of {number} ways around the network policy could not be tried")
