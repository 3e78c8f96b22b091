"""The tutorial, really done: its commands in order, on the example, in the real sandbox; the model is a script."""

import asyncio
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import KEYS, PLAIN_PYTEST, Program, lay
from tests.docs.pages import DOCS, ROOT, blocks
from tests.e2e.service import serving

PATCH = """*** Begin Patch
*** Update File: hours/spans.py
@@
             first, last = merged.pop()
-            merged.append((first, end))
+            merged.append((first, max(end, last)))
*** End Patch"""

EXPECTED: list[tuple[str, list[str]]] = [
    ("journeyman doctor", ["✔ sandbox            bubblewrap works here", "✔ state"]),
    ("cp -r examples/opening-hours", []),
    ("cd ~/opening-hours", []),
    ("git init", []),
    ("python -m pytest", ["test_a_span_within_another_adds_nothing", "2 failed, 7 passed"]),
    (
        "journeyman run",
        [
            "• sandbox open (bubblewrap, no network)",
            "✘ base: python -m pytest -q – 2 failed, 7 passed",
            "✔ result: python -m pytest -q – 9 passed",
            "✔ Done and verified: every check passes on a clean copy with the patch",
            "2 of 9 tests failed before, all 9 tests pass now.",
        ],
    ),
    (
        "journeyman show",
        [
            "✔ Done and verified",
            "-            merged.append((first, end))",
            "+            merged.append((first, max(end, last)))",
            "python -m pytest -q  2 failed, 7 passed  9 passed",
            "  fixed: tests/test_spans.py::test_a_lunch_entry_does_not_close_the_shop",
            "    was: assert 240 == 540",
            "log    journeyman log ",
            "apply  journeyman apply ",
        ],
    ),
    ("git status", []),
    ("journeyman log", ["check on the base: python -m pytest -q – exit 1 · ", " · chunk "]),
    ("journeyman diff", ["Checking patch hours/spans.py..."]),
    ("journeyman apply", ["applied hours/spans.py"]),
    ("git status", [" M hours/spans.py"]),
    ("python -m pytest", ["9 passed"]),
    ("journeyman list", ["task            started", "verified  code  opening-hours  A lunch entry closes the shop"]),
]
"""The commands of the tutorial by their beginnings, and what must be seen, on the page and on the screen."""


SERVICE: list[tuple[str, list[str]]] = [
    ("cp -r examples/opening-hours", []),
    ("cd ~/opening-hours", []),
    ("git init", []),
    (
        "journeyman tasks submit",
        [
            "The server is on this machine and works from ",
            "• sandbox open (bubblewrap, no network)",
            "✘ base: python -m pytest -q – 2 failed, 7 passed",
            "✎ update hours/spans.py +1 −1",
            "✔ Done and verified: every check passes on a clean copy with the patch",
            "page   http://127.0.0.1:",
            "apply  journeyman tasks apply ",
        ],
    ),
    ("journeyman tasks list", ["verified +1 −1  code  opening-hours  A lunch entry closes the shop too early."]),
    ("journeyman tasks status", ["[READY] A lunch entry", "opening-hours • ", "+1/-1 • 1 file"]),
    ("journeyman tasks diff", ["Checking patch hours/spans.py..."]),
    ("journeyman tasks apply", ["applied hours/spans.py"]),
    ("python -m pytest", ["9 passed"]),
]


def steps(page: str = "tutorial.md") -> list[tuple[str, str]]:
    """Each command of the page's `console` blocks, with what the page shows of its output."""
    found: list[tuple[str, str]] = []
    for block in blocks(DOCS / page, "console"):
        for line in block.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], ""))
            else:
                command, shown = found[-1]
                found[-1] = command, f"{shown}{line}\n"
    return found


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """The environment of a reader who has set Journeyman up, with a script for a model."""
    home, programs = tmp_path / "reader", tmp_path / "checkout" / ".venv" / "bin"
    programs.mkdir(parents=True)
    (home / "state").mkdir(parents=True)
    shutil.copytree(ROOT / "examples", tmp_path / "checkout" / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    lay(tmp_path / "checkout" / "examples" / "opening-hours", PLAIN_PYTEST)
    program = programs / "journeyman"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m journeyman.cli.main "$@"\n')
    program.chmod(0o755)
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"calls": [{"name": "apply_patch", "arguments": {"patch": PATCH}}]}, "Done."]))
    (home / "state" / "config.toml").write_text(f'model = "scripted:{script}"\n')
    kept = {name: value for name, value in os.environ.items() if name not in KEYS and not name.startswith("JOURNEYMAN")}
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return kept | {"HOME": str(home), "JOURNEYMAN_HOME": str(home / "state"), "PATH": path, "COLUMNS": "120"}


async def test_the_tutorial_works(tmp_path: Path, surroundings: dict[str, str]) -> None:
    await follow(steps(), EXPECTED, tmp_path, surroundings)


async def test_the_tutorial_of_the_service_works(tmp_path: Path, surroundings: dict[str, str]) -> None:
    program = Program(Path(surroundings["JOURNEYMAN_HOME"]), surroundings)
    async with serving(program, "--no-auth"):
        await follow(steps("tutorial-service.md"), SERVICE, tmp_path, surroundings)


async def follow(
    told: list[tuple[str, str]], expected: list[tuple[str, list[str]]], folder: Path, surroundings: dict[str, str]
) -> None:
    """Do what the page tells, and compare what is seen with what it shows."""
    for (command, _), (begin, _) in zip(told, expected, strict=True):
        assert command.startswith(begin)
    script = "\n".join(f"{command} 2>&1 || exit 1; echo @@@@" for command, _ in told)
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script.replace("python -m pytest -q 2>&1 || exit 1", "python -m pytest -q 2>&1")),
        cwd=folder / "checkout",
        env=surroundings,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    parts = out.decode().split("@@@@\n")
    assert len(parts) == len(told) + 1, parts[-1]
    for (command, shown), (_, words), seen in zip(told, expected, parts[:-1], strict=True):
        for word in words:
            assert word in shown, f"the page no longer shows {word!r} for {command}"
            assert word in re.sub(r" +\n", "\n", seen), f"{command} no longer prints {word!r}:\n{seen}"
