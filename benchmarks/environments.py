"""What an environment costs: set up from nothing, and found ready, on a repository with 30 dependencies.

The packages come from an index on the loopback that is made here. "program" is `journeyman env build`, as a person
waits for it; "attempt" is from the choice of the environment to the first command in a sandbox over its layers, beside
the same without an environment. Seconds; medians where something is done several times.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from journeyman.attempt.environment.choose import choose
from journeyman.attempt.environment.open import cache_of, open_environment, over, site_of
from journeyman.attempt.host import Host
from journeyman.cli.commands import open_host
from journeyman.cli.door import open_door
from journeyman.core.environment import Refusal
from journeyman.core.task import Base, Limits
from journeyman.repo import git_layer
from journeyman.repo.repository import Repository, open_repository
from journeyman.sandbox.protocol import SandboxSpec
from journeyman.store import open_store
from journeyman.testing.index import serve_index, wheel


def wheels(count: int) -> dict[str, bytes]:
    """Packages of a few modules, each of which needs one that is also there."""
    code = b"\n".join(b"def f%d(x):\n    return x + %d" % (number, number) for number in range(200))
    return {
        f"dependency{number}-1.0-py3-none-any.whl": wheel(
            f"dependency{number}", files={f"dependency{number}/part{part}.py": code for part in range(10)}
        )
        for number in range(count)
    }


def program(folder: Path, env: Mapping[str, str], *more: str) -> float:
    began = time.perf_counter()
    words = [sys.executable, "-m", "journeyman.cli.main", "env", "build", "-C", str(folder), *more]
    subprocess.run(words, env=dict(env), check=True, capture_output=True)
    return time.perf_counter() - began


def repository(folder: Path, count: int) -> None:
    folder.mkdir()
    names = [f"dependency{number}==1.0\n" for number in range(count)]
    (folder / "requirements.txt").write_text("".join(names))
    (folder / "main.py").write_text("".join(f"import dependency{number}\n" for number in range(count)))
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "The beginning"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


async def timed(times: int, work: Callable[[], Awaitable[object]]) -> float:
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def nothing(refusal: Refusal) -> None:
    del refusal


class Attempts:
    """Openings of a sandbox as an attempt has it."""

    def __init__(self, host: Host, repository: Repository, base: Base, git: Path, readable: tuple[Path, ...]) -> None:
        self.host, self.repository, self.base = host, repository, base
        self.spec = SandboxSpec(
            workspace=repository.root,
            lower=(git, repository.root),
            readable=readable,
            env=git_layer.environment(repository.root),
        )

    async def without(self) -> None:
        async with self.host.backend.open(self.spec) as sandbox:
            await sandbox.exec(["true"], timeout=30)

    async def over_layers(self, times: int) -> float:
        """Opening alone, over layers that were found before."""
        async with self.repository.tree(self.base.tree) as tree:
            use = await choose(self.repository.root, tree, "ready", self.host.store.environments, cache_of(self.host))
        assert use is not None, "it was built before"
        site = await site_of(self.host, self.repository, self.base, use, Limits(), ())
        async with open_environment(site) as ready, over(site, self.spec, ready, nothing) as spec:
            bare = replace(spec, toolchains=())

            async def opened() -> None:
                async with self.host.backend.open(bare) as sandbox:
                    await sandbox.exec(["true"], timeout=30)

            return await timed(times, opened)

    async def ready(self) -> None:
        async with self.repository.tree(self.base.tree) as tree, AsyncExitStack() as stack:
            use = await choose(self.repository.root, tree, "ready", self.host.store.environments, cache_of(self.host))
            assert use is not None, "it was built before"
            site = await site_of(self.host, self.repository, self.base, use, Limits(), ())
            ready = await stack.enter_async_context(open_environment(site))
            assert ready.build is not None
            spec = await stack.enter_async_context(over(site, self.spec, ready, nothing))
            sandbox = await stack.enter_async_context(self.host.backend.open(replace(spec, toolchains=())))
            await sandbox.exec(["true"], timeout=30)


async def attempts(folder: Path, env: Mapping[str, str], times: int) -> tuple[float, float, float]:
    door = open_door(folder, {}, env)
    async with open_store(door.state) as store, open_host(door, store) as host:
        found = await open_repository(folder, door.state)
        base = await found.snapshot()
        git = door.state / "bench-git"
        git.mkdir()
        here = Attempts(host, found, base, git, await found.git_layer(git, base))
        await here.without()
        await here.ready()
        return await timed(times, here.without), await here.over_layers(times), await timed(times, here.ready)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench environments", description=__doc__)
    parser.add_argument("--dependencies", type=int, default=30)
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="environments-") as temporary:
        folder, home = Path(temporary) / "repository", Path(temporary) / "home"
        repository(folder, arguments.dependencies)
        with serve_index(wheels(arguments.dependencies)) as index:
            env = {
                **os.environ,
                "JOURNEYMAN_HOME": str(home),
                "PIP_INDEX_URL": index.url,
                "PIP_CONFIG_FILE": "/dev/null",
            }
            cold = program(folder, env)
            again = program(folder, env, "--fresh")
        hits = [program(folder, env) for _ in range(5)]
        without, layered, ready = asyncio.run(attempts(folder, env, arguments.times))
    hit = statistics.median(hits)
    print(f"{'program: set up from nothing':44} {cold:8.2f}")
    print(f"{'program: set up again, indexes known':44} {again:8.2f}")
    print(f"{'program: found ready':44} {hit:8.2f}   {again / hit:.0f} times faster")
    print(f"{'attempt: sandbox without an environment':44} {without:8.4f}")
    print(f"{'attempt: sandbox over its layers':44} {layered:8.4f}")
    print(f"{'attempt: chosen, found ready and opened':44} {ready:8.4f}   {again / ready:.0f} times faster than set-up")


if __name__ == "__main__":
    main()
