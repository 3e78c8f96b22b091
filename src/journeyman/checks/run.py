"""Running a check in a sandbox, and reading what it said about each test."""

import asyncio
import json
import re
import shlex
import signal
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from journeyman.checks.compare import files_of
from journeyman.checks.reports import (
    ENDLESS,
    merged,
    read_cargo,
    read_go,
    read_junit,
    read_stream,
)
from journeyman.core.errors import SandboxError
from journeyman.core.evidence import Check, CheckRun, TestResult
from journeyman.core.text import decode
from journeyman.sandbox.protocol import ExecResult, Sandbox

PROBE = Path(__file__).parent / "probe"
"""The directory that a sandbox must be able to read (`SandboxSpec.readable`) for results of each test."""

TEST_SECONDS = 60.0
BEHIND = 5
"""How far a check in the background stands behind other work, which is to have three times its share. No further: it is
waited for in the end, and at 19 a busy machine would leave it a sixtieth."""
KILLED = 128 + signal.SIGRTMAX - 8
"""How a test process ends that could not be interrupted at its limit (see the probe's `Alarm`)."""

KEEP = 4 * 1024 * 1024
REPORT = 16 * 1024 * 1024
_ONLY = 100_000  # bytes of ids that fit into an environment variable
_JUNIT = "-o junit_family=xunit1"

_REFUSED = re.compile(
    rb"No module named '?journeyman_probe|unrecognized arguments: --junitxml|is not allowed in NODE_OPTIONS"
    rb"|--test-reporter(?:-destination)?'? |(?:node|vitest|jest)_reporter\.[cm]js|(?:mocha_hooks|js_runners)\.cjs"
)


class Chunk(Protocol):
    """Where the raw output goes."""

    @property
    def id(self) -> str: ...

    def write(self, data: bytes, /) -> Awaitable[None] | None: ...


@dataclass(frozen=True, slots=True)
class _Plan:
    """A command as it is run, its variables, and where its reports will be."""

    script: str
    env: Mapping[str, str]
    stem: str
    test_seconds: float


async def run_check(
    sandbox: Sandbox,
    check: Check,
    *,
    on: Literal["base", "result", "candidate"],
    tree: str,
    chunk: Chunk,
    only: tuple[str, ...] = (),
    test_seconds: float | None = None,
    probe: Path = PROBE,
    background: bool = False,
) -> CheckRun:
    """Run `check` in `sandbox` on the tree `tree`; its whole raw output goes into `chunk`.

    `only` narrows it to those tests where the runner can (pytest, unittest, node by file); the results are those of
    these tests in any case. `test_seconds` is the limit of each test, 60 by default; a test that reaches it has
    failed, with a message that begins with "endless". It is up to twice that when the test had little of the
    processor, and less after the first endless test of a file. In the `background` it stands behind other work. `probe`
    is `PROBE` as the sandbox sees it.
    """
    plan = _plan(check, chunk.id, only, test_seconds, probe)
    script = f"exec nice -n {BEHIND} sh -c {shlex.quote(plan.script)}" if background else plan.script
    done = await sandbox.exec(script, env=plan.env, timeout=check.timeout, keep=KEEP, on_output=chunk.write)
    seconds = done.seconds
    tests = await _tests(sandbox, check, plan, done)
    if done.exit_code == KILLED and any(test.message.startswith(ENDLESS) for test in tests):
        done = replace(done, exit_code=None, cut="time")
    if done.exit_code not in (0, None) and not tests and _REFUSED.search(done.output):
        # It is our observation that failed: once more, without.
        left = max(check.timeout - seconds, 1.0)
        done = await sandbox.exec(check.command, timeout=left, keep=KEEP, on_output=chunk.write)
        seconds += done.seconds
    if only:
        wanted = {name for id in only for name in (id, *files_of(id))}
        tests = tuple(test for test in tests if test.id in wanted)
    return CheckRun(
        check=check,
        on=on,
        tree=tree,
        exit_code=done.exit_code,
        seconds=round(seconds, 3),
        chunk=chunk.id,
        cut=done.cut,
        tests=tests,
    )


def _plan(check: Check, name: str, only: tuple[str, ...], test_seconds: float | None, probe: Path) -> _Plan:
    limit = TEST_SECONDS if test_seconds is None else test_seconds
    stem = "/tmp/check-" + re.sub(r"[^A-Za-z0-9]", "-", name)
    if check.runner in ("go", "cargo"):
        exports = {"GOFLAGS": "-v"} if check.runner == "go" and check.command.startswith("go test") else {}
        return _Plan(_script(exports, check.command), {"CARGO_NET_OFFLINE": "true"}, stem, limit)
    addopts = f"--junitxml={stem}.xml {_JUNIT}"
    orders = {
        "out": f"{stem}.jsonl",
        "seconds": limit,
        "explicit": limit < TEST_SECONDS,
        "only": only if sum(map(len, only)) < _ONLY else (),
        "addopts": addopts,
    }
    exports = {"PYTHONPATH": str(probe), "PYTEST_ADDOPTS": addopts}
    command = check.command
    if check.runner == "node":
        exports = {"NODE_OPTIONS": _node_options(probe, stem)} if "--test-reporter" not in command else {}
        if command.strip() == "node --test" and only:
            command = shlex.join(["node", "--test", *dict.fromkeys(id.split("::")[0] for id in only)])
    else:
        command = _observed(command, probe)
    env = {"JM_PROBE": json.dumps(orders)} if exports else {}
    return _Plan(_script(exports, command), env, stem, limit)


def _script(exports: Mapping[str, str], command: str) -> str:
    """Run `command` with each of `exports` put before what the variable holds already, in one stream of output."""
    joints = {"PYTHONPATH": ":"}
    lines = [
        f'export {name}={shlex.quote(value)}"${{{name}:+{joints.get(name, " ")}${name}}}"'
        for name, value in exports.items()
    ]
    return "\n".join(["exec 2>&1", *lines, f'exec "$(command -v bash || command -v sh)" -c {shlex.quote(command)}'])


def _observed(command: str, probe: Path) -> str:
    """`command` with our runner in place of unittest's, and our directory in a PYTHONPATH that it sets itself."""
    command = re.sub(r"(\s-m\s+)unittest(?![\w.-])", r"\1journeyman_probe.unittest_runner", command)
    if re.fullmatch(r"[\w./+@-]+", str(probe)):
        command = re.sub(r"(?<![\w$])PYTHONPATH=(?=\S)", lambda _: f"PYTHONPATH={probe}:", command)
    return command


def _node_options(probe: Path, stem: str) -> str:
    reporter, runners = (json.dumps(str(probe / name)) for name in ("node_reporter.mjs", "js_runners.cjs"))
    return (
        f"--require {runners} --test-reporter=spec --test-reporter-destination=stdout "
        f"--test-reporter={reporter} --test-reporter-destination={stem}.jsonl"
    )


async def _tests(sandbox: Sandbox, check: Check, plan: _Plan, done: ExecResult) -> tuple[TestResult, ...]:
    """The results of each test, from the best source that there is."""
    if check.runner == "cargo":
        return read_cargo(done.output)
    if check.runner == "go":
        return read_go(done.output)
    if done.cut == "gone" or not plan.env:
        return ()
    report = await asyncio.to_thread(read_stream, await _report(sandbox, f"{plan.stem}.jsonl"))
    if report:
        unfinished = ""
        if report.running:
            unfinished = await _unfinished(sandbox, plan, done)
        return report.results(unfinished)
    if tests := await asyncio.to_thread(read_junit, await _report(sandbox, f"{plan.stem}.xml")):
        return tests
    return _recognised(done.output) if check.runner == "make" else ()


async def _unfinished(sandbox: Sandbox, plan: _Plan, done: ExecResult) -> str:
    """Why a test that had begun has no result."""
    if done.cut == "time":
        return f"{ENDLESS} when the check was cut after {done.seconds:g} s"
    dump = decode(await _report(sandbox, plan.stem + ".jsonl.*.dump"))
    if dump.strip():
        return f"{ENDLESS} after {2 * plan.test_seconds:.1f} s, and could not be interrupted\n{dump}"
    how = f"by the limit on {done.cut}" if done.cut else f"with exit code {done.exit_code}"
    return f"the process ended {how} while this test ran"


async def _report(sandbox: Sandbox, pattern: str) -> bytes:
    """The files of the sandbox that match, together; they are removed. Nothing when the sandbox has gone."""
    script = f"for f in {pattern}; do [ -f $f ] && head -c {REPORT} $f; rm -f $f; done"
    try:
        done = await sandbox.exec(script, timeout=20.0, keep=REPORT, output_limit=REPORT)
    except SandboxError:
        return b""
    return done.output if not done.dropped else b""


def _recognised(output: bytes) -> tuple[TestResult, ...]:
    """What a build tool printed of a runner that we know."""
    return merged(read_cargo(output)) if b"\ntest result: " in output else read_go(output)
