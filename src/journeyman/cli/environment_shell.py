"""`journeyman env shell`: a shell, or one command, in an environment as an attempt would see it."""

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from journeyman.attempt.environment.open import open_environment, over
from journeyman.checks.run import PROBE
from journeyman.cli.environment import At, Where, at, progress
from journeyman.cli.live import refused_words
from journeyman.cli.terminal import joined
from journeyman.cli.through import Out, ReaderGone, one_stream, standard_error, standard_input
from journeyman.core.environment import Refusal
from journeyman.core.text import plain
from journeyman.repo import git_layer
from journeyman.sandbox.protocol import Sandbox, SandboxSpec

LONG = 30 * 86400.0
ENDLESS = 1 << 62
_EITHER = 'if command -v bash >/dev/null; then exec bash --norc "$@"; else exec sh "$@"; fi'
_SHELL = ("sh", "-c", _EITHER, "sh")
"""bash, or what an image has in its place."""


async def shell(where: Where, command: Sequence[str]) -> int:
    """Open the environment, building it first if need be; the exit code is the command's own."""
    async with at(where) as here, AsyncExitStack() as stack:
        site = here.found()
        with progress(False) as tell:
            ready = await stack.enter_async_context(open_environment(site, tell))
        for note in ready.notes:
            print(note, file=sys.stderr)
        spec = await stack.enter_async_context(over(site, await _spec(here, stack), ready, _refused))
        sandbox = await stack.enter_async_context(site.backend.open(spec))
        print(f"{plain(ready.sentence)}. Changes are thrown away at the end.", file=sys.stderr)
        if not command and os.isatty(0) and os.isatty(1):
            env = {"TERM": here.door.environ.get("TERM", "xterm"), "PS1": r"\w (journeyman) \$ "}
            result = await joined(sandbox, [*_SHELL, "-i"], env=env, seconds=LONG)
            return result.exit_code if result.exit_code is not None else 1
        return await _through(sandbox, command or _SHELL)


def _refused(refusal: Refusal) -> None:
    print(plain(" ".join(refused_words(refusal))), file=sys.stderr)


async def _spec(here: At, stack: AsyncExitStack) -> SandboxSpec:
    site = here.found()
    parent = here.host.state / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent)))
    folder.chmod(0o755)
    (folder / "git").mkdir()
    readable = await site.repository.git_layer(folder / "git", site.base)
    lower = (
        site.root if site.base.ref is None else await stack.enter_async_context(site.repository.held(site.base.tree))
    )
    return SandboxSpec(
        workspace=site.root,
        lower=(folder / "git", lower),
        toolchains=site.toolchains,
        readable=(*readable, PROBE),
        env=git_layer.environment(site.root),
        memory_bytes=site.limits.memory_bytes,
        processes=site.limits.processes,
        disk_bytes=site.limits.disk_bytes,
    )


async def _through(sandbox: Sandbox, command: Sequence[str]) -> int:
    out = Out(1)
    try:
        async with AsyncExitStack() as stack:
            stdin = await stack.enter_async_context(standard_input())
            errors = None if one_stream() else await stack.enter_async_context(standard_error())
            result = await sandbox.exec(
                command, stdin=stdin, errors=errors, timeout=LONG, output_limit=ENDLESS, keep=0, on_output=out.write
            )
    except ReaderGone:
        return 1
    return result.exit_code if result.exit_code is not None else 1
