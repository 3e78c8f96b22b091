"""A set as a package for the `verifiers` library (0.4 and newer): each task with its files, its grader as the reward.

The package needs Journeyman no more. What tasks are graded with (the hidden files, the command with the names of its
tests, the accepted fix) is sealed in it: who is trained may see the package, but not the key, which lies beside it. It
enters a task's box only when that is scored.
"""

import hashlib
import io
import json
import os
import re
import secrets
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from journeyman.core.errors import UsageError
from journeyman.evals.task import EvalTask, Grader

NAME = re.compile(r"[a-z][a-z0-9_]{0,60}\Z")
KEY = "graders.key"


@dataclass(frozen=True, slots=True)
class Packed:
    """A task with the archive of the files that it starts from, and of those that lie over them in the grader."""

    task: EvalTask
    start: bytes
    hidden: bytes
    deletes: tuple[str, ...]
    gold: bytes
    gold_deletes: tuple[str, ...]


def archive(folder: Path) -> bytes:
    """The files at `folder` as a tar archive that is the same each time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=6) as tar:
        for path in sorted(folder.rglob("*")):
            if ".git" not in path.relative_to(folder).parts:
                tar.add(path, str(path.relative_to(folder)), recursive=False, filter=_same)
    return out.getvalue()


def archive_of(texts: Mapping[str, str]) -> bytes:
    """Texts as a tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in texts.items():
            data = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o644
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def _same(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def command_of(grader: Grader) -> str:
    """The grader's command where only the exit code is read: pytest is given the names of the tests that count."""
    assert grader.command is not None  # who calls has looked
    named = (*grader.fail_to_pass, *grader.pass_to_pass)
    if not named or not re.search(r"\bpytest\b", grader.command) or not all("::" in name for name in named):
        return grader.command
    words = shlex.split(grader.command)
    kept = [word for word in words if not word.endswith(".py")]
    prefix = [word for word in kept if re.match(r"[A-Za-z_]\w*=", word)]
    rest = [word for word in kept if word not in prefix]
    sets = " ".join(f"{name}={shlex.quote(value)}" for name, _, value in (word.partition("=") for word in prefix))
    return f"{sets} {shlex.join([*rest, *named])}".strip()


def sealed(data: bytes, key: str, name: str) -> bytes:
    """`data` under a key of its own for each `name`: 16 bytes by which the right one is known, then data and key stream
    added up. SHAKE-256 makes both; the template opens it with nothing but the standard library."""
    proof = hashlib.shake_256(f"{key} {name} proof".encode() + data).digest(16)
    stream = hashlib.shake_256(f"{key} {name} stream".encode()).digest(len(data))
    mixed = int.from_bytes(data) ^ int.from_bytes(stream)
    return proof + mixed.to_bytes(len(data))


def write_package(folder: Path, name: str, tasks: Sequence[Packed], key: str | None = None) -> None:
    """Write the package at `folder`, which must not be there yet, and beside it the `key` to its graders, a new one."""
    if not NAME.match(name):
        raise UsageError(f"{name!r} is no name for a package: small letters, digits and underscores.")
    if folder.exists():
        raise UsageError(f"{folder} is there already; name another folder with -o.")
    module = folder / name
    (module / "tasks").mkdir(parents=True)
    key = key or secrets.token_hex(32)
    lines: list[str] = []
    for number, packed in enumerate(tasks):
        stem = f"{number:05}"
        (module / "tasks" / f"{stem}.start.tar.gz").write_bytes(packed.start)
        for part, data in (("hidden", packed.hidden), ("gold", packed.gold), ("grader", _grader(packed))):
            file = f"{stem}.{part}"
            (module / "tasks" / f"{file}.sealed").write_bytes(sealed(data, key, file))
        row = {"id": packed.task.id, "prompt": packed.task.prompt, "files": stem}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    (module / "tasks.jsonl").write_text("".join(lines), encoding="utf-8")
    template = files("journeyman.evals.training").joinpath("taskset.py.txt").read_text(encoding="utf-8")
    variable = f"{name.upper()}_KEY_FILE"
    (module / "__init__.py").write_text(template.replace("KEY_VARIABLE", variable), encoding="utf-8")
    (folder / "pyproject.toml").write_text(_PROJECT.format(name=name.replace("_", "-"), module=name), encoding="utf-8")
    readme = _README.format(name=name, count=len(tasks), variable=variable, key=KEY)
    (folder / "README.md").write_text(readme, encoding="utf-8")
    with os.fdopen(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(key + "\n")


def _grader(packed: Packed) -> bytes:
    """What is read of a task when it is scored."""
    grader = packed.task.grader
    row = {
        "command": command_of(grader),
        "seconds": grader.seconds,
        "deletes": packed.deletes,
        "gold": packed.task.has_gold,
        "gold_deletes": packed.gold_deletes,
    }
    return json.dumps(row, ensure_ascii=False).encode()


_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "Software engineering tasks with their checks as the reward"
requires-python = ">=3.11"
dependencies = ["verifiers>=0.4"]

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
"""
_README = """\
# {name}

{count} tasks for the `verifiers` library, each with the files that it starts from. The reward is 1 where the checks
pass that the agent never sees, else 0. The box needs sh, tar, find and what the tests of the tasks need.

    pip install .
    export {variable}=$PWD/{key}
    vf-validate {name} --runtime.type subprocess
    vf-eval {name} --model NAME

The checks and the accepted fixes are sealed (`tasks/*.sealed`); `{key}` opens them and is no part of the package.
Keep it where only the trainer reads it. A box of the type `subprocess` is no wall: what runs in it can read what you
can, the key too. Train with boxes of their own, as containers are.
"""
