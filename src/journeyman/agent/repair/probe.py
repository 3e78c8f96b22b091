"""Talking to the validation runner: which checks it can stand in for, its jobs, and what it says back."""

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, cast

from journeyman.core.errors import SandboxError
from journeyman.core.evidence import Check
from journeyman.core.text import plain
from journeyman.sandbox.protocol import Sandbox

STARTUP = 60.0
"""Seconds that a job may take beyond its trials: pytest's imports on a busy machine."""

SCRIPTS = ("swap.py", "recorder.py", "inside.py")
"""The runner's parts, in the order in which they are sent as one."""

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PYTHON = re.compile(r"(.*/)?python[0-9.]*")


@dataclass(frozen=True, slots=True)
class Pytest:
    """How a check runs pytest: the interpreter, pytest's arguments and variables of the command line."""

    python: str
    args: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of `tests` (all when None) with `files` laid over. `stop` ends it at the first failure.

    `watch` is a path and the name of a function there whose calls are told.
    """

    files: Mapping[str, str]
    tests: tuple[str, ...] | None = None
    stop: bool = False
    trace: bool = False
    watch: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """One test of a trial; `frames` are workspace paths and lines of the traceback, outermost first."""

    id: str
    outcome: str
    seconds: float
    message: str
    frames: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the watched function: its arguments, what each line gave to variables, and how it ended, in words."""

    arguments: str
    values: tuple[tuple[int, str, tuple[str, ...]], ...]
    ended: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a trial gave. `lines` are the executed lines of workspace files by test, when traced.

    `calls` are the arguments of calls of the watched function, `last` its last call in the first test that failed.
    """

    number: int
    tests: tuple[Ran, ...]
    lines: Mapping[str, Mapping[str, Sequence[int]]]
    error: str
    seconds: float
    calls: tuple[str, ...] = ()
    last: Call | None = None


@dataclass(slots=True)
class _Stream:
    """Lines of the runner out of the bytes that a command wrote."""

    mark: str
    on_record: Callable[[Record], None]
    buffer: bytes = b""
    finished: bool = False
    numbers: set[int] = field(default_factory=set[int])

    def feed(self, data: bytes) -> None:
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            start = line.find(self.mark.encode())
            if start >= 0:
                self._read(line[start + len(self.mark) :])
        self.buffer = self.buffer[-1_000_000:]

    def _read(self, line: bytes) -> None:
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(value, dict):
            return
        said = cast(dict[str, Any], value)
        self.finished = self.finished or "done" in said
        record = read_record(said)
        if record is not None and record.number not in self.numbers:
            self.numbers.add(record.number)
            self.on_record(record)


@cache
def script() -> str:
    folder = files("journeyman.agent.repair")
    return "\n".join(
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("swap.py", "recorder.py", "inside.py")
    )


async def find_pytest(sandbox: Sandbox, check: Check) -> Pytest | None:
    """How the check runs pytest; None when it runs something else, or in a way that is not plain."""
    try:
        words = shlex.split(check.command)
    except ValueError:
        return None
    if any(mark in check.command for mark in "|&;<>$`\n(*"):
        return None
    env: dict[str, str] = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    if len(words) >= 3 and _PYTHON.fullmatch(words[0]) and words[1:3] == ["-m", "pytest"]:
        return Pytest(words[0], tuple(words[3:]), env)
    if words and words[0].rsplit("/", 1)[-1] in ("pytest", "py.test"):
        found = await sandbox.exec(["sh", "-c", f'head -n 1 "$(command -v {shlex.quote(words[0])})"'], timeout=10)
        line = found.output.decode("utf-8", "replace").strip()
        python = line[2:].split()[0] if line.startswith("#!") and len(line) > 2 else ""
        if _PYTHON.fullmatch(python):
            return Pytest(python, tuple(words[1:]), env)
    return None


async def run_trials(
    sandbox: Sandbox,
    pytest: Pytest,
    trials: Mapping[int, Trial],
    *,
    mark: str,
    cpu: float,
    wall: float,
    budget: float,
    on_record: Callable[[Record], None],
    first: bool = False,
    warm: bool = True,
) -> bool:
    """Run numbered trials one after the other in a sandbox; whether the runner came to its end.

    With `first` the first trial in which all tests pass is the last. With `warm` those that change no more than the
    bodies of functions come first, and the tests are loaded and collected once for all of them.

    `cpu` and `wall` are seconds for a test, `budget` for a trial. Records are hints from untrusted code.
    """
    job = {
        "mark": mark,
        "args": list(pytest.args),
        "cpu": cpu,
        "wall": wall,
        "budget": budget,
        "first": first,
        "warm": warm,
        "trials": [
            {
                "id": number,
                "files": dict(trial.files),
                "tests": list(trial.tests) if trial.tests is not None else None,
                "stop": trial.stop,
                "trace": trial.trace,
                "watch": trial.watch,
            }
            for number, trial in trials.items()
        ],
    }
    stream = _Stream(mark, on_record)
    try:
        await sandbox.exec(
            [pytest.python, "-c", script()],
            env=dict(pytest.env),
            stdin=json.dumps(job).encode(),
            timeout=STARTUP + budget * len(trials),
            keep=4096,
            on_output=stream.feed,
        )
    except (SandboxError, TimeoutError):
        return False
    return stream.finished


def read_record(value: Mapping[str, Any]) -> Record | None:
    """A record out of what the runner printed; None when it is none."""
    number, tests, lines = value.get("id"), value.get("tests"), value.get("lines")
    if not isinstance(number, int) or not isinstance(tests, list) or not isinstance(lines, dict):
        return None
    ran = [one for test in cast(list[object], tests) if (one := _read_test(test)) is not None]
    covered: dict[str, dict[str, list[int]]] = {}
    for test, by_path in cast(dict[str, object], lines).items():
        if isinstance(by_path, dict):
            paths = cast(dict[str, object], by_path)
            covered[test] = {path: _integers(found) for path, found in paths.items()}
    error, seconds = value.get("error"), value.get("seconds")
    return Record(
        number,
        tuple(ran),
        covered,
        plain(error) if isinstance(error, str) else "",
        float(seconds) if isinstance(seconds, int | float) else 0.0,
        tuple(_texts(value.get("calls"))),
        _read_call(value.get("last")),
    )


def _read_call(value: object) -> Call | None:
    said = cast(dict[str, object], value) if isinstance(value, dict) else {}
    arguments, values, ended = said.get("arguments"), said.get("values"), said.get("ended")
    if not isinstance(arguments, str) or not isinstance(values, list) or not isinstance(ended, str):
        return None
    read: list[tuple[int, str, tuple[str, ...]]] = []
    for one in cast(list[object], values):
        match cast(list[object], one) if isinstance(one, list) else []:
            case [int(line), str(name), held]:
                read.append((line, name, tuple(_texts(held))))
            case _:
                pass
    return Call(plain(arguments), tuple(read), plain(ended))


def _texts(value: object) -> list[str]:
    return [plain(one) for one in cast(list[object], value) if isinstance(one, str)] if isinstance(value, list) else []


def _read_test(value: object) -> Ran | None:
    parts = cast(list[object], value) if isinstance(value, list) else []
    match parts:
        case [str(id), str(outcome), int() | float() as seconds, str(message), places]:
            return Ran(id, outcome, float(seconds), plain(message)[:2000], tuple(_pairs(places)))
        case _:
            return None


def _pairs(frames: object) -> list[tuple[str, int]]:
    pairs: list[tuple[str, int]] = []
    for frame in cast(list[object], frames) if isinstance(frames, list) else []:
        match frame:
            case [str(path), int(line)]:
                pairs.append((path, line))
            case _:
                pass
    return pairs


def _integers(value: object) -> list[int]:
    return [item for item in cast(list[object], value) if isinstance(item, int)] if isinstance(value, list) else []
