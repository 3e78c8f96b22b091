"""`journeyman env build`, `list` and `show`: environments looked at and made."""

import json
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journeyman.attempt.clones import Wanted, ground_of, is_address, start_from
from journeyman.attempt.environment.build import Site, failing
from journeyman.attempt.environment.cache import Build, Cache
from journeyman.attempt.environment.choose import choose
from journeyman.attempt.environment.open import age, cache_of, open_environment, sentence, site_of
from journeyman.attempt.host import Host
from journeyman.checks.detect import find_checks
from journeyman.cli.commands import open_host
from journeyman.cli.door import Door, open_door, open_stored
from journeyman.core.environment_file import PLACE, dump_environment, policy_words, tightened
from journeyman.core.errors import UsageError
from journeyman.core.text import one_line, plain
from journeyman.repo import rules
from journeyman.repo.repository import Repository
from journeyman.repo.tree import Tree
from journeyman.store.environments import Environments

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Where:
    """Which environment is meant: that of the repository at `directory`, of `ref`, or the one called `name`."""

    directory: Path
    name: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class At:
    """A repository with its environment, if it has one."""

    door: Door
    host: Host
    repository: Repository
    site: Site | None

    @property
    def cache(self) -> Cache:
        return cache_of(self.host)

    def found(self) -> Site:
        """Raises `UsageError` where there is no environment."""
        if self.site is None:
            raise UsageError(
                f"Nothing is known that {plain(str(self.repository.root))} needs installed: it has neither {PLACE} nor "
                "a lock file or manifest that is known, nor is an environment stored for it. Write that file, or check "
                "with `--env NAME`."
            )
        return self.site


@asynccontextmanager
async def at(where: Where) -> AsyncGenerator[At]:
    """Open everything that the environment of a repository is about."""
    door = open_door(where.directory, {})
    async with open_stored(door) as store, open_host(door, store) as host:
        wanted = where.name or door.settings.environment
        place = await placed(store.environments, wanted, where.directory)
        repository, base = await start_from(ground_of(host), Wanted(place, where.ref))
        async with repository.tree(base.tree) as tree:
            use = await choose(
                repository.workspace,
                tree,
                "auto" if wanted in ("off", "ready") else wanted,
                store.environments,
                cache_of(host),
                look=True,
                known_as=repository.name,
            )
            if use is None:
                yield At(door, host, repository, None)
                return
            limits = tightened(door.settings.limits, use.environment, only_lower=use.source != "stored")
            checks = await find_checks(
                await tree.paths(),
                tree.get,
                configured=use.environment.checks or door.settings.checks,
                rule_commands=await _rules(tree),
                seconds=limits.check_seconds,
            )
        fetching = _once(f"Fetching the image {use.environment.base.image}.")
        yield At(door, host, repository, await site_of(host, repository, base, use, limits, checks, fetching))


def _once(words: str) -> Callable[[str], None]:
    """Says `words` when it is told anything for the first time."""
    left = [words]

    def say(_: str) -> None:
        if left:
            print(plain(left.pop()), file=sys.stderr)

    return say


async def placed(stored: Environments, wanted: str, directory: Path) -> str:
    """The repository that is meant: the one whose address a stored environment names, if it names one."""
    found = await stored.get(wanted)
    remote = found.repository if found is not None else None
    return remote if remote is not None and is_address(remote) else str(directory)


async def _rules(tree: Tree) -> tuple[str, ...]:
    found = await rules.discover(tree.get, global_text=None)
    return tuple(command for rule in found for command in rules.commands(rule.text))


async def build(where: Where, fresh: bool, as_json: bool) -> int:
    """Build what is not ready, or older than it should be."""
    async with at(where) as here:
        site = here.found()
        if not site.use.environment.setup.script.strip():
            raise UsageError(
                f"The environment {site.use.environment.name} has no set-up script; nothing is to be built."
            )
        site = replace(site, use=site.use.model_copy(update={"build": True}))
        before = here.cache.find(site.known_as, key=site.keys.setup)
        stale = before is not None and before.stale(here.host.clock())
        say = _quiet if as_json else _say
        say(f"Environment {site.use.environment.name}: {site.use.summary}.")
        if site.use.asks:
            say(f"Not approved and left out: {', '.join(site.use.asks)}; `journeyman env trust` approves.")
        with progress(as_json) as tell:
            async with open_environment(site, tell, fresh=fresh or stale) as ready:
                made = ready.build
        assert made is not None  # there is a script, and it was to be built
        if as_json:
            print(json.dumps(line_of(made, here.host.clock())))
            return 0
        for note in ready.notes:
            say(note)
        if before is not None and made.id == before.id:
            say(f"It is ready since {age(here.host.clock() - made.created)}; `--fresh` builds it anew.")
        say(f"Ready: {size(made.size)} in {here.cache.folder(made)}")
        return 0


def _say(line: str) -> None:
    print(plain(line), file=sys.stderr, flush=True)


def _quiet(line: str) -> None:
    del line


@contextmanager
def progress(as_json: bool) -> Generator[Callable[[str], None] | None]:
    """Shows the latest line of long work, on a terminal only."""
    from rich.console import Console

    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        yield None
        return
    from rich.text import Text

    with console.status("") as status:
        yield lambda line: status.update(Text(one_line(line, max(console.width - 4, 20))))


def line_of(build: Build, now: float) -> dict[str, Any]:
    """A build for machines: everything but the checks' single tests."""
    line = build.model_dump(mode="json", exclude={"checks"})
    checks = [
        {"command": run.check.command, "exit_code": run.exit_code, "cut": run.cut, "failed": len(run.failing)}
        for run in build.checks
    ]
    return line | {"checks": checks, "stale": build.stale(now)}


def size(count: int) -> str:
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} B"


async def list_all(as_json: bool) -> int:
    door = open_door(Path(), {})
    async with open_stored(door) as store, open_host(door, store) as host:
        cache, now = cache_of(host), host.clock()
        builds, stored = cache.builds(), await store.environments.all()
        if as_json:
            for build in builds:
                print(json.dumps({"kind": "ready", **line_of(build, now), "used": cache.used(build)}))
            for one in stored:
                print(
                    json.dumps(
                        {"kind": "stored", "name": one.name, "repository": one.repository, "changed": one.changed}
                    )
                )
            return 0
        from rich.console import Console
        from rich.table import Table

        console = Console()
        if not builds and not stored:
            console.print("No environments yet. `journeyman env build` in a repository makes one.")
            return 0
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("environment", "repository", "is", "made", "used", "size"):
            table.add_column(heading, overflow="fold")
        for build in builds:
            state = "stale" if build.stale(now) else "ready"
            used = age(now - cache.used(build))
            table.add_row(
                build.name,
                plain(build.repository),
                state,
                f"{age(now - build.created)} ago",
                f"{used} ago",
                size(build.size),
            )
        for one in stored:
            table.add_row(one.name, plain(one.repository or ""), "stored", f"{age(now - one.changed)} ago", "", "")
        console.print(table)
        if builds:
            total = sum(build.size for build in builds)
            console.print(f"{size(total)} of {size(cache.budget)}, in {cache.root}", style="dim", highlight=False)
        return 0


async def show(where: Where, as_json: bool) -> int:
    """The environment in full, as its file would have it, and what is ready of it."""
    async with at(where) as here:
        site = here.found()
        ready = here.cache.find(site.known_as, key=site.keys.setup)
        failed = here.cache.failed(site.known_as)
        if as_json:
            now = here.host.clock()
            line: dict[str, Any] = site.use.model_dump(mode="json") | {
                "key": site.keys.setup,
                "checks": [check.command for check in site.checks],
                "ready": line_of(ready, now) if ready is not None else None,
                "failed": failed.model_dump(mode="json") if failed is not None else None,
            }
            print(json.dumps(line, ensure_ascii=False))
            return 0
        from rich.console import Console

        _show(Console(), here, site, ready)
        return 0


def _show(console: "Console", here: At, site: Site, ready: Build | None) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    use, now = site.use, here.host.clock()
    console.print(Text(sentence(site, ready)), style="bold")
    console.print()
    text = plain(dump_environment(use.environment))
    console.print(
        Syntax(text, "toml", word_wrap=True, background_color="default") if console.is_terminal else Text(text)
    )

    def line(head: str, words: str) -> None:
        console.print(Text.assemble((f"{head:<12}", "dim"), plain(words)), soft_wrap=True)

    base = (
        use.environment.base.image
        or ", ".join(one.note for one in site.toolchains if one.note)
        or "the system's programs"
    )
    line("base", base)
    line(
        "network",
        f"{policy_words(use.environment.setup.network)} in set-up, "
        f"{policy_words(use.environment.attempt.network)} in attempts",
    )
    if use.files:
        line("depends on", ", ".join(path for path, _ in use.files))
    line("checks", ", ".join(check.command for check in site.checks) or "none")
    if ready is not None:
        stale = ", older than it should be" if ready.stale(now) else ""
        line("ready", f"since {age(now - ready.created)}{stale}, {size(ready.size)}, set up in {ready.seconds:.0f} s")
        if said := failing(ready.checks):
            line("fails", f"already on the base: {said}")
        if ready.dropped:
            line("put back", f"tracked files that set-up changed: {', '.join(ready.dropped)}")
        for refusal in ready.refusals[:8]:
            line("refused", f"{refusal.method} {refusal.host}:{refusal.port}: {refusal.reason}")
    else:
        line("ready", "no; `journeyman env build` makes it")
    if (failed := here.cache.failed(site.known_as)) is not None:
        ended = f"{age(now - failed.at)} ago at `{failed.command}` ({failed.ended}). {failed.cause}"
        line("failed", f"{ended} `journeyman env show --output` prints what it said.")


async def show_output(where: Where) -> int:
    """All that the last set-up wrote."""
    async with at(where) as here:
        site = here.found()
        failed = here.cache.failed(site.known_as)
        ready = here.cache.find(site.known_as, key=site.keys.setup)
        blob = failed.output if failed is not None else ready.output if ready is not None else None
        if blob is None:
            raise UsageError("It was never set up; `journeyman env build` does it.")
        sys.stdout.buffer.write(await here.host.store.blob(blob))
        sys.stdout.buffer.flush()
        return 0
