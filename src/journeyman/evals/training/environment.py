"""A set as a package for the `verifiers` library (0.4 and newer): each task with its files, its grader as the reward.

The package needs Journeyman no more. The grader's files lie apart and enter a task's box only when it is scored.
"""

import io
import json
import re
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from journeyman.core.errors import UsageError
from journeyman.evals.task import EvalTask, Grader

NAME = re.compile(r"[a-z][a-z0-9_]{0,60}\Z")


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


def write_package(folder: Path, name: str, tasks: Sequence[Packed]) -> None:
    """Write the package at `folder`, which must not be there yet."""
    if not NAME.match(name):
        raise UsageError(f"{name!r} is no name for a package: small letters, digits and underscores.")
    if folder.exists():
        raise UsageError(f"{folder} is there already; name another folder with -o.")
    module = folder / name
    (module / "tasks").mkdir(parents=True)
    lines: list[str] = []
    for number, packed in enumerate(tasks):
        stem, grader = f"{number:05}", packed.task.grader
        for part, data in (("start", packed.start), ("hidden", packed.hidden), ("gold", packed.gold)):
            (module / "tasks" / f"{stem}.{part}.tar.gz").write_bytes(data)
        row = {
            "id": packed.task.id,
            "prompt": packed.task.prompt,
            "files": stem,
            "command": command_of(grader),
            "seconds": grader.seconds,
            "deletes": packed.deletes,
            "gold": packed.task.has_gold,
            "gold_deletes": packed.gold_deletes,
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    (module / "tasks.jsonl").write_text("".join(lines), encoding="utf-8")
    template = files("journeyman.evals.training").joinpath("taskset.py.txt").read_text(encoding="utf-8")
    (module / "__init__.py").write_text(template, encoding="utf-8")
    (folder / "pyproject.toml").write_text(_PROJECT.format(name=name.replace("_", "-"), module=name), encoding="utf-8")
    (folder / "README.md").write_text(_README.format(name=name, count=len(tasks)), encoding="utf-8")


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
    vf-validate {name} --runtime.type subprocess
    vf-eval {name} --model NAME

`tasks/*.hidden.tar.gz` are the checks and `tasks/*.gold.tar.gz` accepted fixes: keep them from the agent's box.
"""
