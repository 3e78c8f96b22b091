"""Set-up: a script run in a sandbox with the network that its policy gives it; what it leaves becomes read-only layers.

Nothing counts before it is whole: the layers are put in order, searched for secrets, tried by the checks, and then
published by one rename.
"""

import asyncio
import os
import shlex
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from journeyman.attempt.environment import layers
from journeyman.attempt.environment.cache import Build, Cache, Failure
from journeyman.attempt.environment.diagnose import likely_cause
from journeyman.attempt.environment.gather import Gathered
from journeyman.attempt.environment.key import Keys
from journeyman.attempt.environment.probed import probed
from journeyman.attempt.environment.said import ScriptFailed
from journeyman.attempt.host import Host
from journeyman.checks.run import PROBE, run_check
from journeyman.core.environment import BypassProbe, EnvironmentUse, NetworkPolicy, Refusal, Script
from journeyman.core.errors import EnvironmentFailed, SandboxError, UsageError
from journeyman.core.events import SetUpFailed
from journeyman.core.evidence import Check, CheckRun
from journeyman.core.task import Base, Limits
from journeyman.core.text import decode, one_line, plain
from journeyman.repo import git_layer
from journeyman.repo.repository import Repository
from journeyman.sandbox.protocol import ExecResult, Gateway, Sandbox, SandboxBackend, SandboxSpec, Toolchain

FIRST = (".venv/bin", ".local/bin")
"""Folders of the home directory whose programs go before all others, where set-up made them."""
NODE = "node_modules/.bin"
"""The same in the workspace."""
TAIL = 3000
"""Characters of output that a failure shows; the blob has the whole."""

_PATH = 'PATH="$HOME/.venv/bin:$HOME/.local/bin:$PWD/node_modules/.bin:$PATH"'
_BASH = f"""\
__script=$1 __failed=$2; shift 2
{_PATH}
trap 'printf "%s" "$BASH_COMMAND" >"$__failed"' ERR
set -eE -o pipefail
eval "$__script"
"""
_SH = f"""\
__script=$1; shift 2
{_PATH}
set -e
eval "$__script"
"""
"""For images without bash; the command that failed cannot be told."""
_FACTS = 'printf "%s\\0%s\\0%s" "$HOME" "$PATH" "$(command -v bash)"'

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Site:
    """What an environment is wanted for: a state of a repository, with the limits and checks of the work there.

    `hear` is told every line that set-up writes, in place of the latest one now and then.
    """

    host: Host
    repository: Repository
    base: Base
    use: EnvironmentUse
    limits: Limits
    checks: tuple[Check, ...]
    toolchains: tuple[Toolchain, ...]
    keys: Keys
    cache: Cache
    backend: SandboxBackend
    hear: Tell | None = None

    @property
    def root(self) -> Path:
        """Where the files are seen."""
        return self.repository.workspace

    @property
    def known_as(self) -> str:
        """What its environments are kept under."""
        return self.repository.name


@dataclass(slots=True)
class Ran:
    """How a script came out."""

    result: ExecResult
    home: str
    path: str
    command: str
    output: Gathered
    refusals: list[Refusal] = field(default_factory=list[Refusal])


async def build(site: Site, tell: Tell | None = None) -> Build:
    """Run set-up and publish what it left. Raises `EnvironmentFailed` in words; then nothing is there."""
    return await _make(site, site.use.environment.setup, site.keys.setup, (), tell)


async def maintain(site: Site, parent: Build, tell: Tell | None = None) -> Build:
    """Run the maintenance script on top of `parent`, which the caller holds open, and publish its own layer."""
    script = site.use.environment.maintenance
    return await _make(site, script, site.keys.maintenance, (parent,), tell)


async def _make(site: Site, script: Script, key: str, parents: tuple[Build, ...], tell: Tell | None) -> Build:
    host, clock = site.host, site.host.clock
    began = clock()
    await host.store.secrets.refresh()
    async with site.cache.workplace() as work:
        out = work / "out"
        out.mkdir()
        spec = await _spec(site, work, parents)
        ran = await _run(site, script, replace(spec, upper=out / "workspace", home_upper=out / "home"), tell)
        blob = await ran.output.close(host.store)
        if ran.result.exit_code != 0:
            raise await _failed(site, script, ran, blob)
        tracked = frozenset(await site.repository.paths(site.base.tree))
        below = frozenset(unquote_to_bytes(top) for parent in parents for top in parent.tops)
        (work / "trash").mkdir()
        put = await asyncio.to_thread(layers.settle, out / "workspace", work / "trash", tracked, below)
        await _scan(site, out)
        if tell is not None and site.checks:
            tell("running the checks on what set-up left")
        made = Build(
            id=f"{key}-{int(clock() * 1000):014}",
            key=key,
            family=site.keys.family,
            name=site.use.environment.name,
            repository=site.known_as,
            tree=site.base.tree,
            created=clock(),
            cache_hours=site.use.environment.cache_hours,
            seconds=clock() - began,
            size=await asyncio.to_thread(_size, out),
            summary=site.use.summary,
            home=ran.home,
            path=ran.path,
            parents=tuple(one.id for one in parents),
            tops=tuple(quote_from_bytes(top) for top in sorted({*put.tops, *below})),
            dropped=tuple(plain(decode(path)) for path in put.dropped),
            bin=_first(out, parents),
            refusals=tuple(ran.refusals[-50:]),
            output=blob,
        )
        checked = replace(
            spec,
            lower=(spec.lower[0], out / "workspace", *spec.lower[1:]),
            home_lower=(out / "home", *spec.home_lower),
            env={**spec.env, **variables(site, made, spec)},
        )
        checks, probes = await _prove(site, checked)
        made = made.model_copy(update={"checks": checks, "probes": probes})
        site.cache.publish(made, out)
    await asyncio.to_thread(site.cache.trim, made.id)
    return made


async def _spec(site: Site, work: Path, parents: tuple[Build, ...]) -> SandboxSpec:
    """A sandbox over the files of the base alone, without what git ignores in the person's working tree."""
    files = work / "files"
    await site.repository.checkout(site.base.tree, files)
    (work / "git").mkdir()
    readable = await site.repository.git_layer(work / "git", site.base)
    below = [site.cache.folder(parent) for parent in parents]
    limits = site.limits
    return SandboxSpec(
        workspace=site.root,
        lower=(work / "git", *(folder / "workspace" for folder in below), files),
        home_lower=tuple(folder / "home" for folder in below),
        toolchains=site.toolchains if site.use.environment.base.image is None else (),
        readable=(*readable, PROBE),
        env={**git_layer.environment(site.root), **site.use.environment.variables},
        memory_bytes=limits.memory_bytes,
        processes=limits.processes,
        disk_bytes=limits.disk_bytes,
        image=site.use.environment.base.image,
    )


async def _run(site: Site, script: Script, spec: SandboxSpec, tell: Tell | None) -> Ran:
    environment, host = site.use.environment, site.host
    output = Gathered(host.store.secrets.mask, os.urandom(3).hex(), None if site.hear else tell, site.hear)
    refusals: list[Refusal] = []
    secrets = await secret_values(host, site.use, "setup")
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(way_out(host, site.use, script.network, refusals.append))
        pointed = await _indexes(site, script)
        opened = replace(spec, gateway=gateway, env={**pointed, **spec.env, **secrets, "PIP_NO_CACHE_DIR": "1"})
        sandbox = await stack.enter_async_context(site.backend.open(opened))
        facts = await sandbox.exec(["sh", "-c", _FACTS], timeout=30)
        home, path, bash = (*decode(facts.output).split("\0"), "", "", "")[:3]
        note = f"/tmp/.failed-{os.urandom(6).hex()}"
        wrapped = ["bash", "-c", _BASH] if bash else ["sh", "-c", _SH]
        words = [*wrapped, environment.name, script.script, note]
        result = await sandbox.exec(
            words, timeout=site.limits.seconds, output_limit=site.limits.output_bytes, on_output=output.write
        )
        command = ""
        if result.exit_code not in (0, None):
            said = await sandbox.exec(["sh", "-c", f"cat {shlex.quote(note)} 2>/dev/null || true"], timeout=30)
            command = host.store.secrets.mask.text(plain(decode(said.output)))
    return Ran(result, home, path, command, output, refusals)


async def _indexes(site: Site, script: Script) -> Mapping[str, str]:
    if not script.network.indexes or site.host.index_variables is None:
        return {}
    return await site.host.index_variables()


async def secret_values(host: Host, use: EnvironmentUse, kind: str) -> dict[str, str]:
    """The values of an environment's secrets of this kind. Raises `UsageError` for one that is not stored."""
    wanted = [name for name, secret in use.environment.secrets.items() if secret.kind == kind]
    if not wanted:
        return {}
    stored = await host.store.secrets.values(use.environment.name)
    for name in wanted:
        if name not in stored:
            raise UsageError(
                f"The environment {use.environment.name} needs the secret {name}, which is not stored. Store it with "
                f"`journeyman secret set {name} --env {use.environment.name}`."
            )
    return {name: stored[name] for name in wanted}


@asynccontextmanager
async def way_out(
    host: Host, use: EnvironmentUse, policy: NetworkPolicy, refused: Callable[[Refusal], None]
) -> AsyncGenerator[Gateway | None]:
    """The gateway of a phase; None where it has no network."""
    if policy.access == "off":
        yield None
        return
    if host.open_gateway is None:
        raise SandboxError("This process has no network proxy to give to a sandbox.")
    values = await secret_values(host, use, "brokered")
    brokered = {name: (value, use.environment.secrets[name].hosts) for name, value in values.items()}
    async with host.open_gateway(policy, brokered, refused) as gateway:
        yield gateway


async def _failed(site: Site, script: Script, ran: Ran, blob: str) -> ScriptFailed:
    phase = "maintenance" if script is site.use.environment.maintenance else "set-up"
    result, tail = ran.result, plain(ran.output.tail(TAIL)).strip()
    cause = likely_cause(
        tail, cut=result.cut, code=result.exit_code, access=script.network.access, refusals=ran.refusals
    )
    ended = f"exit code {result.exit_code}" if result.cut is None else f"cut off: {result.cut}"
    name = site.use.environment.name
    failure = Failure(
        name=name,
        at=site.host.clock(),
        command=ran.command,
        ended=ended,
        cause=cause,
        tail=tail,
        output=blob,
    )
    site.cache.fail(site.known_as, failure)
    where = f" at `{one_line(ran.command, 200)}`" if ran.command else ""
    said = "\n".join(f"    {line}" for line in tail.splitlines()[-25:])
    parts = [f"The {phase} of the environment {name} failed{where} ({ended})."]
    if said:
        parts.append(f"It last said:\n{said}")
    if cause:
        parts.append(f"Likely cause: {cause}")
    parts.append("Nothing of it is used. `journeyman env show --output` prints all that it said.")
    event = SetUpFailed(
        environment=name,
        phase="maintenance" if phase == "maintenance" else "setup",
        chunk="",
        seconds=result.seconds,
        exit_code=result.exit_code,
        cut=result.cut,
        command=one_line(ran.command, 200) if ran.command else "",
        cause=cause,
    )
    return ScriptFailed("\n".join(parts), event, blob)


async def _scan(site: Site, out: Path) -> None:
    """Refuse layers that hold a secret: an attempt, and whoever reads it later, would see it."""
    mask = site.host.store.secrets.mask
    if not mask:
        return
    for layer, where in (("home", "~"), ("workspace", str(site.root))):
        found = await asyncio.to_thread(layers.find_secret, out / layer, mask)
        if found is not None:
            path, name = found
            raise EnvironmentFailed(
                f"Set-up left {name} in the file {where}/{path}, where every attempt could read it; nothing of it is "
                "used. Have the script take that file away at its end, or give the secret by a variable alone."
            )


def _size(out: Path) -> int:
    return layers.size(out / "home") + layers.size(out / "workspace")


def _first(out: Path, parents: tuple[Build, ...]) -> tuple[str, ...]:
    """Folders with programs that go first on PATH: of the home directory with `~/`, else of the workspace."""
    mine = [f"~/{place}" for place in layers.names_in(out / "home", *FIRST)]
    mine += layers.names_in(out / "workspace", NODE)
    found = {*mine, *(place for parent in parents for place in parent.bin)}
    return tuple(place for place in (*(f"~/{place}" for place in FIRST), NODE) if place in found)


def variables(site: Site, build: Build | None, spec: SandboxSpec) -> dict[str, str]:
    """What commands see of an environment: its variables, and what set-up made first on PATH."""
    env = dict(site.use.environment.variables)
    if build is None:
        return env
    if site.use.environment.base.image is None:
        from journeyman.sandbox.plan import environment

        path = environment(replace(spec, env={}, gateway=None))["PATH"]
    else:
        path = build.path
    places = [
        f"{build.home}{place.removeprefix('~')}" if place.startswith("~") else f"{site.root}/{place}"
        for place in build.bin
    ]
    if "~/.venv/bin" in build.bin:
        env = {
            "VIRTUAL_ENV": f"{build.home}/.venv",
            "UV_PROJECT_ENVIRONMENT": f"{build.home}/.venv",
            "UV_NO_SYNC": "1",
            **env,
        }
    return {"PATH": ":".join([*places, path]), **env}


async def _prove(site: Site, spec: SandboxSpec) -> tuple[tuple[CheckRun, ...], tuple[BypassProbe, ...]]:
    """The checks, once, on the base with the new layers and as an attempt would run them; and that there is no way
    out of such a sandbox."""
    async with site.backend.open(spec) as sandbox:
        probes = await probed(sandbox, None)
        return tuple([await _check(site, sandbox, check) for check in site.checks]), probes


async def _check(site: Site, sandbox: Sandbox, check: Check) -> CheckRun:
    output = Gathered(site.host.store.secrets.mask, os.urandom(3).hex())
    run = await run_check(
        sandbox,
        check,
        on="base",
        tree=site.base.tree,
        chunk=output,
        test_seconds=site.limits.test_seconds,
        background=True,
    )
    run = run.model_copy(update={"chunk": await output.close(site.host.store)})
    mask = site.host.store.secrets.mask
    return CheckRun.model_validate(mask.value(run.model_dump(), keep=_WORDS)) if mask else run


_WORDS = frozenset({"base", "passed", "failed", "error", "skipped", *CheckRun.model_fields, *Check.model_fields})


def failing(runs: Sequence[CheckRun]) -> str:
    """What of the checks failed before anybody changed anything, in words; empty when nothing did."""
    words: list[str] = []
    for run in runs:
        if run.passed:
            continue
        tests = len(run.failing)
        some = f"{tests} test{'' if tests == 1 else 's'} of " if tests else ""
        words.append(f"{some}`{run.check.command}`")
    return ", ".join(words)
