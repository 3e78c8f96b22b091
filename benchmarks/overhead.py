"""What the harness itself costs: start, each step, the whole run, against a model server that answers at once.

The script is 23 model calls on a repository of 30 Python files: 20 reads, an edit, a test run, the end. Each command
prints the clock at both ends, so its own time is taken off the step (about 2 ms of the commands that print the clock
stay in every figure). Runs of Journeyman and of the floor (`floor.py`: http.client and a bubblewrap per command) are
interleaved; figures are medians. `start` is from process start to the first request, `step` from the end of a reply to
the start of the next request, `run` the whole process.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from journeyman.core.model import Reply, call, say
from journeyman.models.script_server import ScriptServer

READS = 20
CLOCK = re.compile(r"clock (\d{19})")
CODEX_RUN_MS = 2351
"""Codex CLI 0.169 with its sandbox on such a machine: 88 ms a step, 2.35 s a run."""

TEST = """import unittest

from shop.{part} import *


class {name}(unittest.TestCase):
    def test_it(self):
        self.assertEqual({call}, {result})
"""
CHECK = "python -m unittest -q tests.test_price tests.test_other"
PATCH = """*** Begin Patch
*** Update File: shop/part00.py
@@ def price(amount):
-    return amount * 0
+    return amount * 7
*** End Patch"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run; times in milliseconds."""

    start: float
    steps: list[float]
    run: float
    cpu: float


def lay_repository(folder: Path) -> None:
    """30 Python files, two of them tests, one of which fails."""
    (folder / "shop").mkdir(parents=True)
    (folder / "tests").mkdir()
    for number in range(28):
        body = "\n".join(f"def f{line}(x):\n    return x + {line}\n" for line in range(40))
        (folder / f"shop/part{number:02}.py").write_text(f"def price(amount):\n    return amount * {number}\n\n{body}")
    (folder / "tests/test_price.py").write_text(TEST.format(name="Price", part="part00", call="price(2)", result=14))
    (folder / "tests/test_other.py").write_text(TEST.format(name="Other", part="part01", call="f3(1)", result=4))
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "The shop"]):
        who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        subprocess.run(["git", *who, *arguments], cwd=folder, check=True)


def timed(command: str) -> str:
    return f'echo "clock $(date +%s%N)"; {command}; echo "clock $(date +%s%N)"'


def script(check: str) -> list[Reply]:
    reads = [call("shell", f"read{n}", command=timed(f"cat shop/part{n:02}.py")) for n in range(READS)]
    edit = call("apply_patch", "edit", patch=PATCH)
    return [*reads, edit, call("shell", "tests", command=timed(check)), say("Done: price multiplies by 7.")]


def gaps(server: ScriptServer) -> list[float]:
    """Milliseconds between the end of each reply and the next request, less the command's own time."""
    found: list[float] = []
    for before, after in zip(server.requests, server.requests[1:], strict=False):
        clocks = [int(ns) for ns in CLOCK.findall(after.body.decode())][-2:]
        own = (clocks[1] - clocks[0]) / 1e6 if len(clocks) == 2 and after is not server.requests[READS + 1] else 0.0
        found.append((after.arrived - before.ended) * 1e3 - own)
    return found


async def one_run(argv: list[str], folder: Path, environ: dict[str, str], check: str) -> Measured:
    async with ScriptServer(script(check)) as server:
        environ = environ | {"BENCH_URL": server.base_url}
        config = Path(environ["JOURNEYMAN_HOME"]) / "config.toml"
        config.write_text(
            f'model = "box"\n[models.box]\nwire = "responses"\nbase_url = "{server.base_url}"\nname = "scripted"\n'
        )
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        _, err = await process.communicate()
        run = (time.monotonic() - began) * 1e3
        if process.returncode:
            sys.exit(f"{argv[0]} failed: {err.decode()}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
        return Measured((server.requests[0].arrived - began) * 1e3, gaps(server), run, cpu)


def row(name: str, runs: list[Measured], tokens: str) -> str:
    steps = sorted(step for run in runs for step in run.steps)
    middle = statistics.median
    p95 = steps[int(len(steps) * 0.95)]
    return (
        f"{name:28} {middle(run.start for run in runs):8.0f} {middle(steps):8.1f} {p95:7.1f} "
        f"{middle(run.run for run in runs):8.0f} {middle(run.cpu for run in runs):7.2f}  {tokens}"
    )


async def instruction_tokens(home: Path, folder: Path) -> str:
    """Tokens of instructions and tools together, at four characters a token, as sent."""
    program = Path(sys.executable).with_name("journeyman")
    environ = {**os.environ, "JOURNEYMAN_HOME": str(home)}
    out = await asyncio.to_thread(
        subprocess.run, [program, "log", "--raw", "-C", folder], env=environ, capture_output=True, check=True
    )
    for line in out.stdout.splitlines():
        event = json.loads(line)
        if event["kind"] == "prepared":
            tools = json.dumps(event["tools"], separators=(",", ":"))
            return f"{(len(event['instructions']) + len(tools)) // 4}"
    return "?"


async def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench overhead", description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--check", default=CHECK, help="the tests of the script and of the harness")
    parser.add_argument("--no-checks", action="store_true", help="let the harness run no checks of its own")
    arguments = parser.parse_args()
    program = str(Path(sys.executable).with_name("journeyman"))
    floor = str(Path(__file__).with_name("floor.py"))
    with tempfile.TemporaryDirectory(prefix="overhead-") as temporary:
        folder, home = Path(temporary) / "shop", Path(temporary) / "home"
        folder.mkdir()
        home.mkdir()
        lay_repository(folder)
        environ = {**os.environ, "JOURNEYMAN_HOME": str(home)}
        checks = ["--check", "true"] if arguments.no_checks else ["--check", arguments.check]
        ours, floors = [], []
        for number in range(arguments.runs + 1):
            mine = await one_run([program, "run", "Fix price", *checks], folder, environ, arguments.check)
            low = await one_run([sys.executable, "-I", "-S", floor], folder, environ, arguments.check)
            if number:  # the first is for warming up
                ours.append(mine)
                floors.append(low)
        tokens = await instruction_tokens(home, folder)
    print(f"{'':28} {'start ms':>8} {'step ms':>8} {'p95':>7} {'run ms':>8} {'CPU s':>7}  instructions + tools, tokens")
    print(row("Journeyman, sandboxed", ours, tokens))
    print(row("floor: http.client + bwrap", floors, ""))
    run = statistics.median(one.run for one in ours)
    print(f"\nrun: {run / statistics.median(one.run for one in floors):.1f} of the floor; ", end="")
    print(f"{run / CODEX_RUN_MS:.2f} of Codex CLI's {CODEX_RUN_MS} ms as published, on another day")


if __name__ == "__main__":
    asyncio.run(main())
